package adjust

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func checkNear(t *testing.T, name string, got, want []float64, within float64) {
	t.Helper()
	for i, w := range want {
		if math.IsNaN(got[i]) != math.IsNaN(w) || math.Abs(got[i]-w) > within {
			t.Errorf("%s: number %d is %.9g, want %.9g", name, i+1, got[i], w)
		}
	}
}

// Benjamini, Hochberg (1995), section 3.2: thrombolysis trials.
var trials = []float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1}

// R: p.adjust(p, method), in the digits it prints.
func TestAgainstR(t *testing.T) {
	checkNear(t, "BH", BH(trials), []float64{0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571}, 0.6e-7)
	checkNear(t, "holm", Holm(trials), []float64{0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278}, 1e-12)
	checkNear(t, "hommel", Hommel(trials), []float64{0.0015, 0.0056, 0.0247, 0.095, 0.1608}, 1e-12)
	checkNear(t, "BY", BY(trials), []float64{0.00497734, 0.00995469, 0.0315232}, 0.6e-7)
	checkNear(t, "bonferroni", Bonferroni(trials), []float64{0.0015, 0.006, 0.0285, 0.1425}, 1e-12)
	// By hand: (n-i+1) p, falling minima from the largest on.
	checkNear(t, "hochberg", Hochberg([]float64{0.01, 0.04, 0.03, 0.5}), []float64{0.04, 0.08, 0.08, 0.5}, 1e-15)
	checkNear(t, "NaN is left out", Holm([]float64{0.01, math.NaN(), 0.02}), []float64{0.02, math.NaN(), 0.02}, 1e-15)
}

// A closed procedure rejects what all intersections with it reject (Marcus,
// Peritz, Gabriel 1976): with Simes' test it is Hommel's, with Bonferroni's it
// is Holm's, weighted or not.
func TestClosedTests(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(6)
		p, w := make([]float64, n), make([]float64, n)
		for i := range p {
			p[i] = math.Pow(r.Float64(), 3)
			if r.IntN(4) == 0 {
				p[i] = 0.01 // ties
			}
			w[i] = float64(1 + r.IntN(4))
		}
		simes, holm, weighted := make([]float64, n), make([]float64, n), make([]float64, n)
		for set := 1; set < 1<<n; set++ {
			var chosen []float64
			total := 0.0
			for i := range p {
				if set>>i&1 == 1 {
					chosen = append(chosen, p[i])
					total += w[i]
				}
			}
			slices.Sort(chosen)
			bySimes, byWeight := 1.0, 1.0
			for k, v := range chosen {
				bySimes = min(bySimes, float64(len(chosen))*v/float64(k+1))
			}
			byHolm := min(1, float64(len(chosen))*chosen[0])
			for i := range p {
				if set>>i&1 == 1 {
					byWeight = min(byWeight, p[i]/w[i]*total)
				}
			}
			for i := range p {
				if set>>i&1 == 1 {
					simes[i], holm[i], weighted[i] = max(simes[i], bySimes), max(holm[i], byHolm), max(weighted[i], byWeight)
				}
			}
		}
		// 1e-12: the same products in another order.
		checkNear(t, "Hommel", Hommel(p), simes, 1e-12)
		checkNear(t, "Holm", Holm(p), holm, 1e-12)
		checkNear(t, "weighted Holm", WeightedHolm(p, w), weighted, 1e-12)
		checkNear(t, "equal weights", WeightedHolm(p, slices.Repeat([]float64{0.1}, n)), holm, 1e-12)
	}
}

func TestWeightsAtTheEdge(t *testing.T) {
	nan := math.NaN()
	checkNear(t, "no weight", WeightedHolm([]float64{0, 0.02, nan, 0.01}, []float64{0, 1, 1, nan}), []float64{1, 0.02, nan, nan}, 1e-15)
	// A tiny weight is not lost beside a huge one.
	checkNear(t, "unlike weights", WeightedHolm([]float64{0.001, 0.03}, []float64{1e20, 1}), []float64{0.001, 0.03}, 1e-15)
	checkNear(t, "unequal lengths", WeightedHolm([]float64{1}, nil), []float64{nan}, 0)
}

// docs/statistics.md.
func TestEValues(t *testing.T) {
	e := []float64{120, 60, 25, 8, 3, 1, 0.5, 0.2, 0.1, 0.05}
	rejected := func(q float64) (n int) {
		for _, v := range EBH(e) {
			if v <= q {
				n++
			}
		}
		return n
	}
	if rejected(0.05) != 0 || rejected(0.1) != 2 {
		t.Errorf("e-BH rejects %d at 0.05 and %d at 0.1, want 0 and 2", rejected(0.05), rejected(0.1))
	}
	checkNear(t, "mean", []float64{EMean(e), EMean([]float64{math.NaN(), 2}), EMean(nil)}, []float64{21.785, 2, math.NaN()}, 1e-13)
	checkNear(t, "untested", EBH([]float64{0, math.NaN(), -1, 40}), []float64{1, math.NaN(), math.NaN(), 0.05}, 1e-15)
}

// An independent computation (docs/statistics.md).
func TestCalibrate(t *testing.T) {
	checkNear(t, "calibrated", []float64{Calibrate(0.01), Calibrate(0.001), Calibrate(0.05), Calibrate(1), Calibrate(2), Calibrate(math.NaN())},
		[]float64{4.45099226008582, 20.791133540988064, 1.783322181482338, 0.5, math.NaN(), math.NaN()}, 1e-11)
	if !math.IsInf(Calibrate(0), 1) {
		t.Error("an impossible outcome is not worth everything")
	}
	// The formula and the series meet: 1e-9 of cancellation, 1e-11 left out.
	seam := math.Exp(-1e-3)
	checkNear(t, "at the seam", []float64{Calibrate(seam + 1e-12)}, []float64{Calibrate(seam - 1e-12)}, 2e-9)
	// An e-value's mean is at most 1: the integral over p, in x = -ln p.
	sum := 0.0
	const step = 0.01
	for x := step / 2; x < 700; x += step {
		sum += Calibrate(math.Exp(-x)) * math.Exp(-x) * step
	}
	// The integrand falls as 1/x^2: 1/700 is left out.
	checkNear(t, "mean", []float64{sum + 1.0/700}, []float64{1}, 1e-4)
}

// What each procedure promises, in a world of positively dependent tests in
// which 5 of 20 hypotheses are false.
func TestPromises(t *testing.T) {
	const runs, n, alpha = 4000, 20, 0.05
	r := rand.New(rand.NewPCG(3, 4))
	anyFalse, share := map[string]float64{}, map[string]float64{}
	for range runs {
		common := 0.5 * r.NormFloat64()
		p, e := make([]float64, n), make([]float64, n)
		for i := range p {
			z := common + math.Sqrt(0.75)*r.NormFloat64()
			if i < 5 {
				z += 3
			}
			p[i] = math.Erfc(z/math.Sqrt2) / 2
			e[i] = math.Exp(3*z - 4.5)
		}
		for name, q := range map[string][]float64{"Holm": Holm(p), "Hochberg": Hochberg(p), "Hommel": Hommel(p), "BH": BH(p), "BY": BY(p), "EBH": EBH(e)} {
			wrong, all := 0.0, 0.0
			for i, v := range q {
				if v <= alpha {
					all++
					if i >= 5 {
						wrong++
					}
				}
			}
			anyFalse[name] += min(wrong, 1) / runs
			share[name] += wrong / max(all, 1) / runs
		}
	}
	// A share lies within [0, 1], so its standard error is at most that of a
	// yes or no of the same mean.
	se := math.Sqrt(alpha * (1 - alpha) / runs)
	for _, name := range []string{"Holm", "Hochberg", "Hommel"} {
		t.Logf("%-8s any false alarm %.2f %% (standard error %.2f)", name, 100*anyFalse[name], 100*se)
		if anyFalse[name] > alpha+3*se {
			t.Errorf("%s: a false alarm in %.2f %%", name, 100*anyFalse[name])
		}
	}
	for _, name := range []string{"BH", "BY", "EBH"} {
		t.Logf("%-8s false share %.2f %% (standard error at most %.2f)", name, 100*share[name], 100*se)
		if share[name] > alpha+3*se {
			t.Errorf("%s: false share %.2f %%", name, 100*share[name])
		}
	}
}

func FuzzAdjust(f *testing.F) {
	f.Add(uint64(1), 5)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		r := rand.New(rand.NewPCG(seed, 0))
		p := make([]float64, n&31)
		for i := range p {
			p[i] = r.Float64() * math.Pow(10, -float64(r.IntN(320)))
			if r.IntN(8) == 0 {
				p[i] = math.NaN()
			}
		}
		b, h, hb, hm := Bonferroni(p), Holm(p), Hochberg(p), Hommel(p)
		bh, by := BH(p), BY(p)
		for i, v := range p {
			if math.IsNaN(v) {
				if !math.IsNaN(b[i]) || !math.IsNaN(hm[i]) || !math.IsNaN(by[i]) {
					t.Fatalf("%v: what was not tested got a p value", p)
				}
				continue
			}
			// Each is uniformly as good as the one before; 1e-12 for rounding.
			chain := []float64{v, bh[i], hm[i], hb[i], h[i], b[i], 1}
			for k := 1; k < len(chain); k++ {
				if !(chain[k-1] <= chain[k]*(1+1e-12)) {
					t.Fatalf("%v: %v of number %d are not in order", p, chain, i)
				}
			}
			if !(bh[i] <= by[i]*(1+1e-12)) {
				t.Fatalf("%v: BY %v is below BH %v", p, by[i], bh[i])
			}
		}
	})
}

func BenchmarkHommel(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	p := make([]float64, 200)
	for i := range p {
		p[i] = r.Float64()
	}
	b.ReportAllocs()
	for b.Loop() {
		Hommel(p)
	}
}

func BenchmarkBH(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	p := make([]float64, 200)
	for i := range p {
		p[i] = r.Float64()
	}
	b.ReportAllocs()
	for b.Loop() {
		BH(p)
	}
}
