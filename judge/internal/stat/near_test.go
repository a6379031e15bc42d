package stat

import (
	"math"
	"testing"
)

// checkNear tests got against want to a relative error.
func checkNear(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > within*max(math.Abs(want), 1e-300) {
		t.Errorf("%s = %.12g, want %.12g", name, got, want)
	}
}
