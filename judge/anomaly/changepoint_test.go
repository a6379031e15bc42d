package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The series of Otava's own tests (docs/statistics.md).
func TestChangePointsReference(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		o    ChangeOptions
		want []int
	}{
		{[]float64{.3, 2.4, 1.5, -.9, -.5, 99.7, 98.3, 99.1, 149, 149.7, 149.5, 149.1, 148.8, 150}, ChangeOptions{}, []int{5, 8}},
		{[]float64{1.02, .95, .99, 1, 1.12, 1, 1.01, .98, 1.01, .96, .5, .51, .48, .48, .55, .5, .49, .51, .5, .49}, ChangeOptions{Window: 10, PValue: 1e-4}, []int{10}},
	} {
		if got := indices(ChangePoints(c.x, c.o)); !slices.Equal(got, c.want) {
			t.Errorf("%v: changes at %v, want %v", c.x, got, c.want)
		}
		// The unit, be it ever so large or small, and gaps do not matter.
		for _, unit := range []float64{1e-300, -1e-3, 1e300} {
			scaled := make([]float64, len(c.x))
			for i, v := range c.x {
				scaled[i] = v * unit
			}
			if got := indices(ChangePoints(scaled, c.o)); !slices.Equal(got, c.want) {
				t.Errorf("in a unit of %g: changes at %v, want %v", unit, got, c.want)
			}
		}
		gappy := append([]float64{math.NaN(), math.Inf(1)}, c.x...)
		for i, at := range indices(ChangePoints(gappy, c.o)) {
			if at != c.want[i]+2 {
				t.Errorf("after two gaps: change at %d, want %d", at, c.want[i]+2)
			}
		}
	}
}

func indices(changes []Change) []int {
	var at []int
	for _, c := range changes {
		at = append(at, c.Index)
	}
	return at
}

// The prefix sums give the same energy distance as its definition.
func TestEnergy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 20)
	for i := range x {
		x[i] = r.NormFloat64()
		if i >= 12 {
			x[i] += 2
		}
	}
	e := energy{points: x}
	e.load(x)
	cut, got := e.best(3, 18)
	want, at := 0.0, 0
	sum := func(a, b []float64) (s float64) {
		for _, v := range a {
			for _, w := range b {
				s += math.Abs(v - w)
			}
		}
		return s
	}
	for tau := 5; tau <= 16; tau++ {
		for kappa := tau + 2; kappa <= 18; kappa++ {
			a, b := x[3:tau], x[tau:kappa]
			m, n := float64(len(a)), float64(len(b))
			q := m * n / (m + n) * (2/(m*n)*sum(a, b) - sum(a, a)/(m*(m-1)) - sum(b, b)/(n*(n-1)))
			if q > want {
				want, at = q, tau
			}
		}
	}
	// Rounding of some hundred terms.
	if cut != at || math.Abs(got-want) > 1e-10 {
		t.Errorf("cut %d with Q %v, want %d with %v", cut, got, at, want)
	}
}

func TestChangePointsOfSteps(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	found, near, wrong := 0, 0, 0
	const runs = 200
	for range runs {
		x := make([]float64, 200)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		wrong += len(ChangePoints(x, ChangeOptions{}))
		for i := 120; i < 200; i++ {
			x[i] += 2
		}
		for _, c := range ChangePoints(x, ChangeOptions{}) {
			if c.Index > 110 && c.Index < 130 {
				found++
				if math.Abs(float64(c.Index-120)) <= 2 {
					near++
				}
				break
			}
		}
	}
	t.Logf("a step of two standard deviations is found in %d of %d series, %d to within 2 points; %.2f changes a series where there is none",
		found, runs, near, float64(wrong)/runs)
	// Three standard errors below 95 and 65 %.
	if found < runs*90/100 || near < runs*55/100 || wrong > runs/2 {
		t.Error("too few changes where they are, or too many where none is")
	}
	if got := ChangePoints([]float64{1, 1, 1, 1, 1, 1, 1, 1}, ChangeOptions{}); len(got) != 0 {
		t.Errorf("a constant changes at %v", got)
	}
	step := ChangePoints([]float64{1, 1, 1, 1, 3, 3, 3, 3}, ChangeOptions{})
	if len(step) != 1 || step[0].Index != 4 || step[0].Before != 1 || step[0].After != 3 {
		t.Errorf("a step from 1 to 3: %+v", step)
	}
}
