package rates

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*math.Abs(b) }

// collect makes data from events and exposures per interval.
func collect(t *testing.T, b, bTotal, c, cTotal []float64) Data {
	t.Helper()
	d, err := Kind{Judge: "test"}.Collect(judge.Pair{
		Baseline: judge.Side{Values: b, Totals: bTotal},
		Canary:   judge.Side{Values: c, Totals: cTotal},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// R: poisson.test(c(11, 21), c(800, 3011)): ratio 1.971488, interval .8584264
// to 4.2772659 (docs/statistics.md).
func TestIntervalAgainstR(t *testing.T) {
	d := collect(t, []float64{21}, []float64{3011}, []float64{11}, []float64{800})
	if got := d.Ratio(); !near(got, 1.971488, 1e-6) {
		t.Errorf("ratio %v, want 1.971488", got)
	}
	low, high := d.Interval(1, 0.05)
	if !near(low, 0.8584264, 1e-6) || !near(high, 4.2772659, 1e-6) {
		t.Errorf("interval %v to %v, want 0.8584264 to 4.2772659", low, high)
	}
}

// R: binom.test(24, 36, alternative = "greater")$p.value is .03262267.
func TestTailsAgainstR(t *testing.T) {
	above, below := collect(t, []float64{5, 7}, nil, []float64{14, 10}, nil).Tails(1, 1)
	if !near(above, 0.03262267, 1e-6) {
		t.Errorf("tail %v, want 0.03262267", above)
	}
	if !near(below, 1-stat.BinomialTail(25, 11, 0.5), 1e-9) {
		t.Errorf("other tail %v", below)
	}
}

func TestNoEventsOnOneSide(t *testing.T) {
	d := collect(t, []float64{0, 0}, nil, []float64{4, 3}, nil)
	if got := d.Ratio(); !math.IsInf(got, 1) {
		t.Errorf("ratio %v, want +Inf", got)
	}
	low, high := d.Interval(1, 0.05)
	// 7 of 7: the share is above 0.025^(1/7).
	if p := math.Pow(0.025, 1.0/7); !near(low, p/(1-p), 1e-9) || !math.IsInf(high, 1) {
		t.Errorf("interval %v to %v", low, high)
	}
	d = collect(t, []float64{4, 3}, nil, []float64{0, 0}, nil)
	if got := d.Ratio(); got != 0 {
		t.Errorf("ratio %v, want 0", got)
	}
	if low, _ := d.Interval(1, 0.05); low != 0 {
		t.Errorf("low end %v, want 0", low)
	}
}

// unequal returns data whose weights differ wildly from interval to interval.
func unequal(t *testing.T, r *rand.Rand, intervals int) Data {
	b, c := make([]float64, intervals), make([]float64, intervals)
	bTotal, cTotal := make([]float64, intervals), make([]float64, intervals)
	for i := range b {
		bTotal[i], cTotal[i] = math.Exp(2*r.NormFloat64()), math.Exp(2*r.NormFloat64())
		b[i], c[i] = float64(r.IntN(3)), float64(r.IntN(3))
	}
	return collect(t, b, bTotal, c, cTotal)
}

func TestRatioAtInvertsShare(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		d := unequal(t, r, 1+r.IntN(30))
		if d.Events() == 0 {
			continue
		}
		for _, p := range []float64{1e-9, 1e-3, 0.2, 0.5, 0.9, 1 - 1e-6} {
			ratio := d.ratioAt(p)
			if got, _ := d.share(math.Log(ratio)); !near(got, p, 1e-8) {
				t.Fatalf("share at the ratio for %v is %v", p, got)
			}
		}
	}
	// Two kinds of interval so unlike that Newton's steps alone would leap.
	d := collect(t, []float64{5, 5}, []float64{1, 1}, []float64{5, 5}, []float64{1e-6, 1e6})
	if got, _ := d.share(math.Log(d.ratioAt(0.4))); !near(got, 0.4, 1e-8) {
		t.Errorf("share %v, want 0.4", got)
	}
}

// The exact distribution of the canary's events under unequal weights, a sum of
// unlike Bernoulli variables, has lighter tails than the binomial of the mean
// probability beyond its mean (Hoeffding 1956).
func TestTailsAgainstPoissonBinomial(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		d := unequal(t, r, 1+r.IntN(20))
		ratio := math.Exp(r.NormFloat64())
		exact := []float64{1} // probabilities of 0, 1, ... canary events
		mean := 0.0
		for i, w := range d.weight {
			p := w * ratio / (1 + w*ratio)
			for range int(d.Baseline.events[i] + d.Canary.events[i]) {
				mean += p
				next := make([]float64, len(exact)+1)
				for k, q := range exact {
					next[k] += q * (1 - p)
					next[k+1] += q * p
				}
				exact = next
			}
		}
		got := int(d.Canary.Events)
		if d.Events() == 0 || float64(got) < mean+1 {
			continue
		}
		want := 0.0
		for _, q := range exact[got:] {
			want += q
		}
		if above, _ := d.Tails(ratio, 1); above < want*(1-1e-9) {
			t.Fatalf("tail %v is lighter than the exact one, %v", above, want)
		}
	}
}

// With equal weights the interval is the set of ratios that the tails do not
// reject, at any dispersion and for counts that are not whole.
func TestIntervalInvertsTails(t *testing.T) {
	d := collect(t, []float64{3.37, 0, 6.1}, nil, []float64{9.2, 4, 1.33}, nil)
	for _, phi := range []float64{1, 2.7} {
		for _, alpha := range []float64{0.05, 1e-4} {
			low, high := d.Interval(phi, alpha)
			if above, _ := d.Tails(low, phi); !near(above, alpha/2, 1e-6) {
				t.Errorf("tail at the low end is %v, want %v", above, alpha/2)
			}
			if _, below := d.Tails(high, phi); !near(below, alpha/2, 1e-6) {
				t.Errorf("tail at the high end is %v, want %v", below, alpha/2)
			}
		}
	}
}

func TestDispersion(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	const intervals = 20000
	for _, fano := range []float64{1, 3, 10} {
		b, c := make([]float64, intervals), make([]float64, intervals)
		for i := range b {
			load := math.Exp(r.NormFloat64()) // shared, so it must not count
			for _, arm := range [][]float64{b, c} {
				mean := 5 * load
				if fano > 1 {
					mean = distuv.Gamma{Alpha: mean / (fano - 1), Beta: 1 / (fano - 1), Src: r}.Rand()
				}
				if mean > 0 {
					arm[i] = distuv.Poisson{Lambda: mean, Src: r}.Rand()
				}
			}
		}
		phi, df := collect(t, b, nil, c, nil).Dispersion()
		if !near(phi, fano, 0.1) {
			t.Errorf("dispersion %v, want %v", phi, fano)
		}
		if df < 1000 || df > intervals {
			t.Errorf("%v degrees of freedom of %d intervals", df, intervals)
		}
	}
}

func TestDispersionOfFewEvents(t *testing.T) {
	for _, c := range []struct {
		name         string
		baseline     []float64
		canary       []float64
		phi, atMost  float64
		freeInfinite bool
	}{
		{"none", []float64{0, 0, 0}, []float64{0, 0, 0}, 1, 1, true},
		{"one", []float64{0, 0, 0}, []float64{0, 1, 0}, 1, 1, true},
		{"one burst", []float64{0, 0, 0}, []float64{0, 50, 0}, 50, 50, true},
		{"one shared burst", []float64{0, 20, 0}, []float64{0, 30, 0}, 50, 50, true},
		{"one at a time", []float64{1, 0, 0, 1, 0, 0}, []float64{0, 1, 0, 0, 1, 0}, 0, 2, false},
	} {
		phi, df := collect(t, c.baseline, nil, c.canary, nil).Dispersion()
		if !(phi >= c.phi && phi <= c.atMost) || math.IsInf(df, 1) != c.freeInfinite {
			t.Errorf("%s: dispersion %v with %v degrees of freedom", c.name, phi, df)
		}
	}
}

// increase() over a window of which two thirds were seen multiplies counts by
// 1.5; their dispersion must come out as 1.5, so that they weigh what was seen.
func TestDispersionOfExtrapolatedCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const intervals = 50000
	b, c := make([]float64, intervals), make([]float64, intervals)
	for i := range b {
		b[i] = 1.5 * distuv.Poisson{Lambda: 0.5, Src: r}.Rand()
		c[i] = 1.5 * distuv.Poisson{Lambda: 0.5, Src: r}.Rand()
	}
	if phi, _ := collect(t, b, nil, c, nil).Dispersion(); !near(phi, 1.5, 0.05) {
		t.Errorf("dispersion %v, want 1.5", phi)
	}
}
