package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// BinaryVariable is the environment variable that names a judged that has been
// built already.
const BinaryVariable = "JUDGED_BINARY"

const module = "module github.com/judged-dev/judged"

// Root returns the folder of judged's own module, above the working directory.
var Root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if first, _, _ := strings.Cut(string(text), "\n"); first == module {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod with %q in %s or above: run the tests inside judged's repository", module, dir)
		}
	}
})

// binary is judged, built once for all tests of a process.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "judged-conformance-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "judged")
	return path, build("./cmd/judged", path)
})

// Binary returns the path of judged.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// built is the folder of binary's program, "" if there is none.
var built string

// Main runs the tests of a package and removes what was built for them. Its
// result is for os.Exit.
func Main(m *testing.M) int {
	defer func() {
		if built != "" {
			_ = os.RemoveAll(built) // what is left lies in the folder of temporary files
		}
	}()
	return m.Run()
}

// Build builds a program of judged's repository, named as go build does relative
// to the root, without cgo, and returns its path.
func Build(tb testing.TB, dir, pkg string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), filepath.Base(dir))
	if err := buildIn(dir, pkg, path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func build(pkg, path string) error { return buildIn(".", pkg, path) }

// buildIn builds a package of the module in dir, relative to the root.
func buildIn(dir, pkg, path string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	c := exec.Command("go", "build", "-trimpath", "-o", path, pkg) //nolint:gosec,noctx // a build of our own, as long as it takes
	c.Dir = filepath.Join(root, dir)
	c.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s in %s: %w\n%s", pkg, c.Dir, err, out)
	}
	return nil
}
