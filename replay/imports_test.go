package replay

import (
	"os/exec"
	"strings"
	"testing"
)

// Prometheus' storage and its configuration bring the SDKs of every cloud
// with them; this package must not. What it cannot help is k8s.io/client-go,
// which the engine's query logger imports (prometheus/util/logging).
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	packages := strings.Fields(string(out))
	t.Logf("%d packages", len(packages))
	for _, p := range packages {
		for _, banned := range []string{
			"github.com/prometheus/prometheus/config", "github.com/prometheus/prometheus/storage/remote", "github.com/prometheus/prometheus/discovery",
			"github.com/aws/", "github.com/Azure/", "cloud.google.com/", "google.golang.org/grpc",
		} {
			if strings.HasPrefix(p, banned) {
				t.Errorf("imports %s", p)
			}
		}
		if p == "github.com/prometheus/prometheus/tsdb" {
			t.Errorf("imports %s", p)
		}
	}
}
