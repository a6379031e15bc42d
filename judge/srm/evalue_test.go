package srm

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestReference checks the mixture and the null against the values in the unit
// tests of ssrm, Optimizely's sample-ratio test (see docs/statistics.md): the
// cumulative log marginal likelihoods of batches under a Dirichlet(1,1,1) and
// under the expected shares. They include the number of orders of each batch,
// which cancels in the e-value.
func TestReference(t *testing.T) {
	shares, prior := []float64{0.4, 0.4, 0.2}, []float64{1, 1, 1}
	counts := make([]float64, 3)
	orders := 0.0
	for i, batch := range [][]float64{{20, 17, 9}, {18, 21, 8}, {4, 6, 4}, {18, 19, 11}} {
		all := 0.0
		for arm, n := range batch {
			counts[arm] += n
			all += n
			orders -= lgamma(n + 1)
		}
		orders += lgamma(all + 1)
		mixture := []float64{-7.028201432, -11.947847738, -15.471401950, -19.964845211}[i]
		null := []float64{-4.077640647, -8.265946861, -11.610743520, -15.781031229}[i]
		// The references have nine digits after the point.
		if got := logMixture(counts, prior) + orders; math.Abs(got-mixture) > 1e-9 {
			t.Errorf("batch %d: log marginal of the mixture %.9f, want %.9f", i, got, mixture)
		}
		if got := logMultinomial(counts, shares) + orders; math.Abs(got-null) > 1e-9 {
			t.Errorf("batch %d: log likelihood of the shares %.9f, want %.9f", i, got, null)
		}
	}
}

// Beta(10,10) at 70 and 60 of 100: docs/statistics.md.
func TestLogEValue(t *testing.T) {
	for _, c := range []struct{ first, second, k, want float64 }{
		{70, 30, 20, 5.94890896},
		{60, 40, 20, 0.78234331},
		{0, 0, 0, 0},
	} {
		// The references have eight digits after the point.
		if got := LogEValue([]float64{c.first, c.second}, []float64{1, 1}, c.k); math.Abs(got-c.want) > 1e-8 {
			t.Errorf("%v against %v: %.8f, want %.8f", c.first, c.second, got, c.want)
		}
	}
	for name, got := range map[string]float64{
		"one arm":            LogEValue([]float64{1}, []float64{1}, 0),
		"unequal lengths":    LogEValue([]float64{1, 2, 3}, []float64{1, 1}, 0),
		"a negative count":   LogEValue([]float64{-1, 1}, []float64{1, 1}, 0),
		"a count of NaN":     LogEValue([]float64{math.NaN(), 1}, []float64{1, 1}, 0),
		"a weight of 0":      LogEValue([]float64{1, 1}, []float64{1, 0}, 0),
		"an infinite weight": LogEValue([]float64{1, 1}, []float64{1, math.Inf(1)}, 0),
		"a negative k":       LogEValue([]float64{1, 1}, []float64{1, 1}, -1),
		"a vanishing share":  LogEValue([]float64{1, 1}, []float64{1, 1e-300}, 0),
		"more than 2^53":     LogEValue([]float64{1, 1e17}, []float64{1, 1}, 0),
		"no arms":            LogEValue(nil, nil, 0),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s: %v, want NaN", name, got)
		}
	}
	// 1e-9 of the logarithm of gamma at 900, about 5200.
	if a, b := LogEValue([]float64{900, 100}, []float64{9e300, 1e300}, 0), LogEValue([]float64{900, 100}, []float64{9, 1}, 0); math.Abs(a-b) > 1e-9 {
		t.Errorf("the unit of weights changes the e-value from %v to %v", b, a)
	}
}

// The e-value of a sequence is a martingale: its mean over the next request is
// itself.
func TestMartingale(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		weights := []float64{0.1 + r.Float64(), 0.1 + r.Float64(), 0.1 + r.Float64()}
		counts := []float64{float64(r.IntN(50)), float64(r.IntN(50)), float64(r.IntN(50))}
		k := 1 + 1000*r.Float64()
		shares, err := normalize(weights)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for arm, p := range shares {
			counts[arm]++
			mean += p * math.Exp(LogEValue(counts, weights, k))
			counts[arm]--
		}
		now := math.Exp(LogEValue(counts, weights, k))
		// Rounding of lgamma at k + 150: 1e-16 of some 8000.
		if math.Abs(mean-now) > 1e-10*now {
			t.Errorf("counts %v, weights %v, k %v: e-value %v, its expectation %v", counts, weights, k, now, mean)
		}
	}
}

// A right split is rejected at alpha in at most alpha of the runs, whoever looks
// after every interval.
func TestAnytimeSize(t *testing.T) {
	const runs, looks, alpha = 2000, 200, 0.05
	r := rand.New(rand.NewPCG(2, 2))
	for _, share := range []float64{0.5, 0.1, 0.01} {
		rejected := 0
		for range runs {
			test, err := NewTest([]float64{1 - share, share}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range looks {
				canary := distuv.Binomial{N: 50, P: share, Src: r}.Rand()
				if err := test.Add(50-canary, canary); err != nil {
					t.Fatal(err)
				}
			}
			if test.PValue() <= alpha {
				rejected++
			}
		}
		rate := float64(rejected) / runs
		se := math.Sqrt(alpha * (1 - alpha) / runs)
		t.Logf("share %g: %.2f %% of right splits rejected at %g after %d looks (standard error %.2f)", share, 100*rate, alpha, looks, 100*se)
		if rate > alpha+3*se {
			t.Errorf("share %g: %.2f %% rejected", share, 100*rate)
		}
	}
}

func TestStreaming(t *testing.T) {
	test, err := NewTest([]float64{90, 10}, Options{Dispersion: 3})
	if err != nil {
		t.Fatal(err)
	}
	least := 1.0
	for i := range 50 {
		if err := test.Add(95+float64(i%3), 5); err != nil {
			t.Fatal(err)
		}
		least = min(least, math.Exp(-test.LogEValue()))
		if test.PValue() != least {
			t.Fatalf("interval %d: p %v, want the least 1/E so far, %v", i, test.PValue(), least)
		}
	}
	for _, bad := range [][]float64{{1}, {1, 2, 3}, {-1, 2}, {math.NaN(), 2}, {1, math.Inf(1)}} {
		before := test.LogEValue()
		if err := test.Add(bad...); err == nil || test.LogEValue() != before {
			t.Errorf("counts %v: error %v, e-value from %v to %v", bad, err, before, test.LogEValue())
		}
	}
	observed := test.Observed()
	if got, want := observed[1], 5.0*50/(96*50-1+5*50); math.Abs(got-want) > 1e-12 {
		t.Errorf("observed share %v, want %v", got, want)
	}
	if p := test.Expected(); math.Abs(p[1]-0.1) > 1e-15 {
		t.Errorf("expected share %v", p)
	}
}

func FuzzTest(f *testing.F) {
	f.Add(90.0, 10.0, 1.0, 100.0, 1.0, 912.0, 88.0, 9.0)
	f.Add(1e308, 1e300, 5e-324, 0.0, 0.0, 9e15, 0.0, 0.5)
	f.Fuzz(func(t *testing.T, w1, w2, w3, k, phi, n1, n2, n3 float64) {
		test, err := NewTest([]float64{w1, w2, w3}, Options{Concentration: k, Dispersion: phi})
		if err != nil {
			return
		}
		for range 3 {
			if test.Add(n1, n2, n3) != nil {
				return
			}
			// A dispersion near 0 may blow counts up beyond any float64.
			if p := test.PValue(); phi >= 1 && !(p >= 0 && p <= 1) {
				t.Fatalf("p-value %v", p)
			}
		}
	})
}
