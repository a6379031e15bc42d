package plan

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// What was drawn is estimated. Of 2000 intervals a standard deviation is known
// to 1.6 % for independent ones, and to 1.6 % sqrt((1+rho^2)/(1-rho^2)) = 2.3 %
// for rho 0.6, rho to 0.018, 4000 events to 1.6 %; the tolerances are four of
// these. The dispersion is a chi-squared over its degrees of freedom: 3.2 %, and
// the inflation by residuals adds up to 3 %.
func TestEstimate(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 0))
	for _, want := range []Signal{
		{Name: "m", Kind: judge.Gauge, Noise: 0.1, Margin: 0.05},
		{Name: "m", Kind: judge.Gauge, Noise: 0.1, Rho: 0.6, Margin: 0.05},
		{Name: "m", Kind: judge.Count, Events: 2, Weight: 1, Dispersion: 1},
		{Name: "m", Kind: judge.Ratio, Events: 4, Weight: 0.25, Dispersion: 2},
	} {
		got, notes, err := Estimate(draw(want, 2000, 0, random))
		if err != nil || len(notes) > 0 {
			t.Fatal(err, notes)
		}
		near := func(what string, got, want, tolerance float64) {
			if !(math.Abs(got-want) <= tolerance) {
				t.Errorf("%v rho %v: %s %v, want %v +- %v", want, got, what, got, want, tolerance)
			}
		}
		if want.Kind == judge.Gauge {
			near("noise", got.Noise, want.Noise, 4*0.023*want.Noise)
			near("rho", got.Rho, want.Rho, 4*0.018)
			near("margin", got.Margin, want.Margin, 0)
			continue
		}
		near("events", got.Events, want.Events, 4*0.016*math.Sqrt(want.dispersion())*want.Events)
		near("weight", got.Weight, want.Weight, 1e-12)
		near("dispersion", got.Dispersion, want.Dispersion, (4*0.032+0.03)*want.Dispersion)
	}
}

func TestEstimateOfOneSide(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 0))
	s := judge.Sample{Signal: judge.Signal{Name: "m", Margin: judge.Margin{Relative: 0.05, Absolute: 20}}}
	for range 500 {
		s.Baseline.Values = append(s.Baseline.Values, 100*math.Exp(0.1*random.NormFloat64()))
		s.Canary.Values = append(s.Canary.Values, math.NaN())
	}
	got, notes, err := Estimate(s)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "no data") {
		t.Fatal(err, notes)
	}
	// Two such sides; 500 intervals know a standard deviation to 3.2 %.
	if want := 0.1 * math.Sqrt2; math.Abs(got.Noise-want) > 4*0.032*want {
		t.Errorf("noise %v, want %v", got.Noise, want)
	}
	// 20 of a median of 100, which 500 intervals know to 0.6 %.
	if math.Abs(got.Margin-0.2) > 0.2*4*0.006 {
		t.Errorf("margin %v, want 0.2: a change must be beyond both parts", got.Margin)
	}
}

func TestEstimateRefuses(t *testing.T) {
	nan := math.NaN()
	side := func(v ...float64) judge.Side { return judge.Side{Values: v} }
	for name, s := range map[string]judge.Sample{
		"nothing":    {},
		"no data":    {Pair: judge.Pair{Baseline: side(nan, nan), Canary: side(nan, nan)}},
		"few":        {Pair: judge.Pair{Baseline: side(1, 2), Canary: side(1, 2)}},
		"no events":  {Signal: judge.Signal{Kind: judge.Count}, Pair: judge.Pair{Baseline: side(0, 0, 0, 0, 0, 0), Canary: side(0, 0, 0, 0, 0, 0)}},
		"no total":   {Signal: judge.Signal{Kind: judge.Ratio}, Pair: judge.Pair{Baseline: side(0, 0, 1), Canary: side(0, 1, 0)}},
		"zero level": {Pair: judge.Pair{Baseline: side(make([]float64, 30)...), Canary: side(1, 0, 2, 0, 3, 0, 1, 0, 1, 0, 1, 2, 3, 0, 0, 0, 1, 1, 1, 0, 0, 2, 2, 2, 1, 0, 1, 0, 1, 0)}},
	} {
		if got, _, err := Estimate(s); err == nil {
			t.Errorf("%s: estimated as %+v", name, got)
		}
	}
}

func TestTypical(t *testing.T) {
	got := Typical([]Signal{{Name: "a", Noise: 3, Rho: 0.1}, {Name: "a", Noise: 1, Rho: 0.3}, {Name: "a", Noise: 2, Rho: 0.2}})
	if got.Noise != 2 || got.Rho != 0.2 || got.Name != "a" {
		t.Errorf("%+v", got)
	}
}
