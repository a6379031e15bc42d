package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDetectSeason(t *testing.T) {
	const runs = 100
	for _, c := range []struct {
		name        string
		n, season   int
		size, rho   float64
		trend, gaps float64
		least       int // of 100 found: measured, less three standard errors; at most so many if there is none
	}{
		{"a clear day", 7 * 96, 96, 2, 0.5, 0, 0, 95},
		{"as large as the noise", 7 * 96, 96, 1, 0.5, 0, 0, 55},
		{"with a trend", 7 * 96, 96, 2, 0.5, 0.01, 0, 95},
		{"with a fifth missing", 7 * 96, 96, 2, 0.5, 0, 0.2, 80},
		{"short and many", 600, 12, 1.5, 0, 0, 0, 90},
		{"noise", 600, 0, 0, 0, 0, 0, 0},
		{"noise that remembers", 600, 0, 0, 0.9, 0, 0, 10},
		{"a trend", 600, 0, 0, 0, 0.02, 0, 0},
	} {
		r := rand.New(rand.NewPCG(4, 4))
		found, some := 0, 0
		for range runs {
			x := make([]float64, c.n)
			last := 0.0
			for i := range x {
				last = c.rho*last + math.Sqrt(1-c.rho*c.rho)*r.NormFloat64()
				x[i] = last + c.trend*float64(i)
				if c.season > 0 {
					x[i] += math.Sqrt2 * c.size * math.Sin(2*math.Pi*float64(i)/float64(c.season))
				}
				if r.Float64() < c.gaps {
					x[i] = math.NaN()
				}
			}
			got := DetectSeason(x)
			if got != 0 {
				some++
			}
			// A peak as wide as a sine's is found to within some percent.
			if c.season > 0 && math.Abs(float64(got-c.season)) <= max(float64(c.season)*0.05, 1) {
				found++
			}
		}
		t.Logf("%-25s season found in %d, any in %d of %d", c.name, found, some, runs)
		if c.season > 0 && found < c.least || c.season == 0 && some > c.least {
			t.Errorf("%s: the season is found in %d, any in %d of %d", c.name, found, some, runs)
		}
	}
	for _, x := range [][]float64{nil, make([]float64, 10), make([]float64, 1000)} {
		if got := DetectSeason(x); got != 0 {
			t.Errorf("%d zeros have a season of %d", len(x), got)
		}
	}
}

func TestProfile(t *testing.T) {
	nan := math.NaN()
	// Three seasons of 4 after an incomplete one, each a level higher.
	history := []float64{99, 99, 1, 2, 9, 2, 3, 4, 11, 4, 5, 6, nan, 6}
	p, err := NewProfile(history, 4)
	if err != nil || p.Seasons != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	// Around their medians 2, 4 and 6 the seasons are -1 0 7 0, -1 0 7 0 and -1
	// 0 . 0, around a level of 4.
	for i, want := range []float64{3, 4, 11, 4, 3} {
		if got, _ := p.At(i); got != want {
			t.Errorf("interval %d: level %v, want %v", i, got, want)
		}
	}
	scores := p.Scores([]float64{3, nan, 12})
	if scores[0] != 0 || !math.IsNaN(scores[1]) || !(scores[2] > 0) {
		t.Errorf("scores %v", scores)
	}
	for _, season := range []int{-1, 0, 1, 8} {
		if _, err := NewProfile(history, season); err == nil {
			t.Errorf("a season of %d of 14 intervals is no error", season)
		}
	}
}

func TestMedianWithout(t *testing.T) {
	sorted := []float64{1, 2, 2, 5, 9}
	for v, want := range map[float64]float64{1: 3.5, 2: 3.5, 5: 2, 9: 2} {
		if got := medianWithout(sorted, v); got != want {
			t.Errorf("median without %v: %v, want %v", v, got, want)
		}
	}
	if got := medianWithout([]float64{3}, 3); !math.IsNaN(got) {
		t.Errorf("median of nothing: %v", got)
	}
}
