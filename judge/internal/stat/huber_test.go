package stat

import "testing"

func huber(x []float64) (mu float64, pseudo []float64) {
	pseudo = make([]float64, len(x))
	mu = Huber(x, pseudo, make([]float64, len(x)), 0)
	return mu, pseudo
}

// R: MASS::huber(c(1:9, 100), k = 1.345)$mu is 5.5539.
func TestHuberAgainstR(t *testing.T) {
	mu, pseudo := huber([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100})
	checkNear(t, "mu", mu, 5.5539, 1e-5)
	checkNear(t, "mean of pseudo-values", Describe(pseudo).Mean, mu, 1e-12)
}

func TestHuberWithoutSpread(t *testing.T) {
	// More than half of the numbers are equal: the MAD is 0.
	mu, pseudo := huber([]float64{1, 1, 1, 1, 1, 1, 1, 2, 50})
	if mu <= 1 || mu > 5 {
		t.Errorf("location %v, want a little more than 1", mu)
	}
	checkNear(t, "mean of pseudo-values", Describe(pseudo).Mean, mu, 1e-9)

	mu, pseudo = huber([]float64{7, 7, 7})
	checkNear(t, "location of a constant", mu, 7, 0)
	checkNear(t, "pseudo-value of a constant", pseudo[1], 7, 0)
}

// A location moves with its data and mirrors with them.
func TestHuberEquivariance(t *testing.T) {
	x := []float64{0.3, -1.2, 4, 0.1, 0.25, -0.7, 0.9, 12}
	mu, _ := huber(x)
	moved, mirrored := make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		moved[i], mirrored[i] = 8*v+16, -v
	}
	got, _ := huber(moved)
	checkNear(t, "moved location", got, 8*mu+16, 1e-12)
	got, _ = huber(mirrored)
	checkNear(t, "mirrored location", got, -mu, 1e-12)
}
