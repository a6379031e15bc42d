package mannwhitney

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestNoFusedMultiplyAdd looks for instructions that round a product and a sum
// only once, as compilers for other processors than amd64 may use unless each
// product is converted to float64 (Go specification, "Floating-point
// operators"). They would change last bits, and with them labels.
func TestNoFusedMultiplyAdd(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for another processor")
	}
	build := exec.Command("go", "build", "-gcflags=-S", ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64")
	assembly, err := build.CombinedOutput()
	if err != nil {
		t.Skipf("cannot compile for arm64: %v\n%s", err, assembly)
	}
	fused := regexp.MustCompile(`(?m)^.*mannwhitney/(\w+\.go:\d+)\)\s+(FN?M(?:ADD|SUB)\w*)`)
	for _, match := range fused.FindAllSubmatch(assembly, -1) {
		t.Errorf("%s: %s", match[1], match[2])
	}
	if !regexp.MustCompile(`brent\.go:\d+\)\s+FMULD`).Match(assembly) {
		t.Error("found no multiplication, so the test finds nothing")
	}
}
