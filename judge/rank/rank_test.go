package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func checkNear(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || got != want && math.Abs(got-want) > within {
		t.Errorf("%s = %.12g, want %.12g", name, got, want)
	}
}

// Digits that the oracles print.
const (
	sevenDigits  = 0.6e-7
	twelveDigits = 1e-12
)

// R: pwilcox(q, m, n), psignrank(q, n) and their quantiles.
func TestDistributions(t *testing.T) {
	for _, c := range []struct {
		u    float64
		m, n int
		want float64
	}{
		{3, 4, 4, 0.1},
		{20, 8, 9, 0.0693953105718},
		{35, 10, 5, 0.89676989677},
		{100, 20, 15, 0.0496885598207},
		{300, 30, 25, 0.10487655035},
	} {
		checkNear(t, "pwilcox", MannWhitneyU(c.m, c.n).CDF(c.u), c.want, twelveDigits)
		checkNear(t, "pwilcox", MannWhitneyU(c.n, c.m).CDF(c.u), c.want, twelveDigits)
		// U is symmetric.
		checkNear(t, "survival", MannWhitneyU(c.m, c.n).Survival(float64(c.m*c.n)-c.u), c.want, twelveDigits)
	}
	for n, want := range map[int][3]float64{
		5: {1, 2, 3}, 8: {8, 10, 14}, 10: {17, 20, 24}, 15: {52, 57, 65}, 20: {106, 115, 128}, 30: {277, 294, 318},
	} {
		for i, p := range []float64{0.005, 0.01, 0.025} {
			checkNear(t, "qwilcox", MannWhitneyU(n, n).Quantile(p), want[i], 0)
		}
	}
	for _, c := range []struct {
		v    float64
		n    int
		want float64
	}{{10, 8, 0.15625}, {40, 9, 0.986328125}, {50, 15, 0.299743652344}, {200, 30, 0.257924221456}} {
		checkNear(t, "psignrank", SignedRankV(c.n).CDF(c.v), c.want, twelveDigits)
	}
	for n, want := range map[int][3]float64{
		10: {4, 6, 9}, 15: {16, 20, 26}, 20: {38, 44, 53}, 30: {110, 121, 138}, 60: {568, 601, 649},
	} {
		for i, p := range []float64{0.005, 0.01, 0.025} {
			checkNear(t, "qsignrank", SignedRankV(n).Quantile(p), want[i], 0)
		}
	}
	checkNear(t, "of nothing", MannWhitneyU(0, 7).CDF(0), 1, 0)
	checkNear(t, "below", MannWhitneyU(3, 4).CDF(-1), 0, 0)
	checkNear(t, "above", MannWhitneyU(3, 4).Survival(13), 0, 0)
	for _, d := range []Distribution{{}, MannWhitneyU(-1, 3), MannWhitneyU(5000, 5000), SignedRankV(-1), SignedRankV(1 << 20)} {
		checkNear(t, "undefined", d.CDF(1), math.NaN(), 0)
		checkNear(t, "undefined", d.Survival(1), math.NaN(), 0)
		checkNear(t, "undefined", d.Quantile(0.5), math.NaN(), 0)
	}
	checkNear(t, "quantile of no probability", MannWhitneyU(3, 4).Quantile(2), math.NaN(), 0)
	checkNear(t, "quantile of 1", MannWhitneyU(3, 4).Quantile(1), 12, 0)
}

var (
	// Hollander, Wolfe (1999), table 4.1: permeability of placental membranes.
	permeabilityX = []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	permeabilityY = []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	// Hollander, Wolfe (1999), table 3.1: depression scores, before minus after.
	depression = []float64{
		1.83 - 0.878, 0.50 - 0.647, 1.62 - 0.598, 2.48 - 2.05, 1.68 - 1.06, 1.88 - 1.29, 1.55 - 1.06, 3.06 - 3.14, 1.30 - 1.29,
	}
	tiedX = []float64{1, 2, 2, 3, 3, 3, 4, 5}
	tiedY = []float64{2, 3, 4, 4, 5, 5, 6, 6, 7}
)

func TestMannWhitney(t *testing.T) {
	// R: wilcox.test(x, y, alternative = "greater"), and two-sided.
	r := MannWhitney(permeabilityX, permeabilityY)
	checkNear(t, "W", r.Statistic, 35, 0)
	checkNear(t, "greater", r.Greater, 0.1272061, sevenDigits)
	checkNear(t, "two-sided", r.TwoSided, 0.2544123, sevenDigits)
	// R: wilcox.test(x, y, exact = FALSE).
	checkNear(t, "two-sided, normal", normalU(35, 10, 5, 0, 0.5).TwoSided, 0.2446236, sevenDigits)

	// R: exactRankTests::wilcox.exact; coin::wilcox_test(distribution = "exact").
	r = MannWhitney(tiedX, tiedY)
	checkNear(t, "U with ties", r.Statistic, 13.5, 0)
	checkNear(t, "less with ties", r.Less, 0.01600164541341012, twelveDigits)
	checkNear(t, "greater with ties", r.Greater, 0.9899218428630193, twelveDigits)
	checkNear(t, "two-sided with ties", r.TwoSided, 0.02863019333607569, twelveDigits)
	_, ties := twiceMidranks(slices.Concat(tiedX, tiedY))
	checkNear(t, "normal with ties", normalU(13.5, 8, 9, ties, 0.5).TwoSided, 0.03175896, sevenDigits)
	checkNear(t, "normal with ties, uncorrected", normalU(13.5, 8, 9, ties, 0).TwoSided, 0.02807501, sevenDigits)
	swapped := MannWhitney(tiedY, tiedX)
	checkNear(t, "swapped U", swapped.Statistic, 72-13.5, 0)
	checkNear(t, "swapped greater", swapped.Greater, r.Less, twelveDigits)
	checkNear(t, "swapped two-sided", swapped.TwoSided, r.TwoSided, twelveDigits)

	canary := []float64{0, 1, 0, 2, 0, 3, 1, 0, 2, 0, 1, 1}
	baseline := []float64{0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0}
	r = MannWhitney(canary, baseline)
	checkNear(t, "U of counts", r.Statistic, 97.5, 0)
	checkNear(t, "two-sided of counts", r.TwoSided, 0.1323193, sevenDigits)
	_, ties = twiceMidranks(slices.Concat(canary, baseline))
	checkNear(t, "normal of counts", normalU(97.5, 12, 12, ties, 0.5).TwoSided, 0.1033421, sevenDigits)

	checkNear(t, "constant", MannWhitney([]float64{1, 1}, []float64{1, 1}).TwoSided, 1, 0)
	checkNear(t, "many constant", MannWhitney(make([]float64, 60), make([]float64, 60)).TwoSided, 1, 0)
	checkNear(t, "empty", MannWhitney(nil, tiedX).TwoSided, math.NaN(), 0)
	checkNear(t, "NaN", MannWhitney([]float64{math.NaN()}, tiedX).TwoSided, math.NaN(), 0)
}

func TestSignedRank(t *testing.T) {
	// R: wilcox.test(x, y, paired = TRUE, alternative = "greater").
	r := SignedRank(depression)
	checkNear(t, "V", r.Statistic, 40, 0)
	checkNear(t, "greater", r.Greater, 0.01953125, 0)
	checkNear(t, "two-sided", r.TwoSided, 0.0390625, 0)
	x := []float64{1, -1, 2, 2, -3, 4, 4, 5, 0, 6}
	r = SignedRank(x)
	checkNear(t, "V with ties", r.Statistic, 38.5, 0)
	checkNear(t, "two-sided with ties", r.TwoSided, 0.06640625, 0)
	v, ranks, ties := signedRanks(x)
	checkNear(t, "normal with ties", normalV(v, len(ranks), ties, 0.5).TwoSided, 0.06560207, sevenDigits)
	checkNear(t, "zeros", SignedRank([]float64{0, 0}).TwoSided, 1, 0)
	checkNear(t, "nothing", SignedRank(nil).TwoSided, 1, 0)
	checkNear(t, "NaN", SignedRank([]float64{math.NaN()}).TwoSided, math.NaN(), 0)
}

// Every split, one by one.
func TestExactAgainstEnumeration(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		m, n := 1+r.IntN(5), 1+r.IntN(5)
		all := make([]float64, m+n)
		for i := range all {
			all[i] = float64(r.IntN(7))
		}
		got := MannWhitney(all[:m], all[m:])
		var splits, less, greater, beyond float64
		for set := range 1 << (m + n) {
			var x, y []float64
			for i, v := range all {
				if set>>i&1 == 1 {
					x = append(x, v)
				} else {
					y = append(y, v)
				}
			}
			if len(x) != m {
				continue
			}
			splits++
			u := countU(x, y)
			if u <= got.Statistic {
				less++
			}
			if u >= got.Statistic {
				greater++
			}
			if math.Abs(u-float64(m*n)/2) >= math.Abs(got.Statistic-float64(m*n)/2) {
				beyond++
			}
		}
		checkNear(t, "U", got.Statistic, countU(all[:m], all[m:]), 0)
		checkNear(t, "less", got.Less, less/splits, twelveDigits)
		checkNear(t, "greater", got.Greater, greater/splits, twelveDigits)
		checkNear(t, "two-sided", got.TwoSided, beyond/splits, twelveDigits)

		// Signs of the same values about 3.
		d := make([]float64, len(all))
		for i, v := range all {
			d[i] = v - 3
		}
		sign := SignedRank(d)
		less, beyond = 0, 0
		_, ranks, _ := signedRanks(d)
		mean := float64(len(ranks)*(len(ranks)+1)) / 4
		for set := range 1 << len(ranks) {
			v := 0.0
			for i, rank := range ranks {
				v += float64(set>>i&1*rank) / 2
			}
			if v <= sign.Statistic {
				less++
			}
			if math.Abs(v-mean) >= math.Abs(sign.Statistic-mean) {
				beyond++
			}
		}
		checkNear(t, "less", sign.Less, math.Ldexp(less, -len(ranks)), twelveDigits)
		checkNear(t, "two-sided", sign.TwoSided, math.Ldexp(beyond, -len(ranks)), twelveDigits)
	}
}

func countU(x, y []float64) float64 {
	u := 0.0
	for _, a := range x {
		for _, b := range y {
			switch {
			case a > b:
				u++
			case a == b:
				u += 0.5
			}
		}
	}
	return u
}

// The exact distribution meets the normal where one gives way to the other. A
// difference of 1e-3 in p is that of the approximation at these sizes
// (Hollander, Wolfe 1999, comment 4.15).
func TestExactMeetsNormal(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, values := range []int{5, 1 << 30} {
		x, y := make([]float64, 50), make([]float64, 50)
		for i := range x {
			x[i], y[i] = float64(r.IntN(values)), float64(r.IntN(values))
		}
		_, ties := twiceMidranks(slices.Concat(x, y))
		got := MannWhitney(x, y)
		checkNear(t, "two-sided", got.TwoSided, normalU(got.Statistic, 50, 50, ties, 0.5).TwoSided, 1e-3)
	}
}

func TestShift(t *testing.T) {
	// R: wilcox.test(x, y, conf.int = TRUE, conf.level = ...).
	e := Shift(permeabilityX, permeabilityY, 0.05)
	checkNear(t, "shift", e.Value, 0.305, 1e-15)
	checkNear(t, "low", e.Low, -0.15, 1e-15)
	checkNear(t, "high", e.High, 0.76, 1e-15)
	e = Shift(permeabilityX, permeabilityY, 0.02)
	checkNear(t, "low, 98 %", e.Low, -0.17, 1e-15)
	checkNear(t, "high, 98 %", e.High, 0.90, 1e-15)
	// 20 arrangements of 3 and 3 have no 95 %, nor 90.1 %; 2/20 is the least.
	for alpha, finite := range map[float64]bool{0.05: false, 0.0999: false, 0.1: true} {
		e = Shift([]float64{1, 2, 3}, []float64{7, 8, 9}, alpha)
		if math.IsInf(e.Low, -1) == finite || math.IsInf(e.High, 1) == finite {
			t.Errorf("3 and 3 at alpha %v: %+v", alpha, e)
		}
		checkNear(t, "shift of 3 and 3", e.Value, -6, 0)
	}
	checkNear(t, "empty", Shift(nil, tiedX, 0.05).Value, math.NaN(), 0)
	checkNear(t, "no level", Shift(tiedX, tiedX, 0).Value, math.NaN(), 0)
}

func TestCenter(t *testing.T) {
	// R: wilcox.test(x, y, paired = TRUE, conf.int = TRUE).
	e := Center(depression, 0.05)
	checkNear(t, "pseudomedian", e.Value, 0.46, 1e-15)
	checkNear(t, "low", e.Low, 0.010, 1e-15)
	checkNear(t, "high", e.High, 0.786, 1e-15)
	e = Center([]float64{1, 2, 3, 4}, 0.05)
	if !math.IsInf(e.Low, -1) || !math.IsInf(e.High, 1) || e.Value != 2.5 {
		t.Errorf("center of four: %+v", e)
	}
	checkNear(t, "NaN", Center([]float64{math.NaN()}, 0.05).Value, math.NaN(), 0)
}

// kth against sorting all pairs.
func TestKthAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	shapes := map[string]func() float64{
		"normal":   r.NormFloat64,
		"ties":     func() float64 { return float64(r.IntN(4)) - 1.5 },
		"huge":     func() float64 { return math.MaxFloat64 * (2*r.Float64() - 1) },
		"tiny":     func() float64 { return 5e-324 * float64(r.IntN(9)-4) },
		"infinite": func() float64 { return []float64{math.Inf(-1), -1, 0, 2, math.Inf(1)}[r.IntN(5)] },
	}
	for name, draw := range shapes {
		for range 60 {
			x, y := make([]float64, 1+r.IntN(12)), make([]float64, 1+r.IntN(12))
			for i := range x {
				x[i] = draw()
			}
			for i := range y {
				y[i] = draw()
			}
			slices.Sort(x)
			slices.Sort(y)
			d, w := differences{x, y}, newWalsh(x)
			var all, means []float64
			for i, a := range x {
				for _, b := range y {
					all = append(all, difference(a, b))
				}
				for _, b := range x[i:] {
					means = append(means, w.mean(a, b))
				}
			}
			compareAll(t, name+": differences", d, all)
			compareAll(t, name+": Walsh averages", w, means)
		}
	}
}

func compareAll(t *testing.T, name string, p pairs, all []float64) {
	t.Helper()
	slices.Sort(all)
	for k, want := range all {
		if got := kth(p, k+1); got != want {
			t.Fatalf("%s: number %d is %v, want %v", name, k+1, got, want)
		}
		if k+1 < len(all) {
			if got := following(p, want, k+2); got != all[k+1] {
				t.Fatalf("%s: after %v comes %v, want %v", name, want, got, all[k+1])
			}
		}
	}
}

// An interval holds the shifts that the test does not reject.
func TestShiftInvertsMannWhitney(t *testing.T) {
	const alpha = 0.1
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		x, y := make([]float64, 5+r.IntN(20)), make([]float64, 5+r.IntN(20))
		for i := range x {
			x[i] = r.NormFloat64()
		}
		for i := range y {
			y[i] = r.NormFloat64() - 1
		}
		e := Shift(x, y, alpha)
		moved := func(by float64) float64 {
			z := slices.Clone(x)
			for i := range z {
				z[i] -= by
			}
			return MannWhitney(z, y).TwoSided
		}
		// 1e-9: beside the end, where a pair is equal.
		for _, inside := range []float64{e.Low + 1e-9, e.High - 1e-9, e.Value} {
			if p := moved(inside); p <= alpha {
				t.Errorf("shift %v within [%v, %v] has p %v", inside, e.Low, e.High, p)
			}
		}
		for _, outside := range []float64{e.Low - 1e-9, e.High + 1e-9} {
			if p := moved(outside); p > alpha {
				t.Errorf("shift %v outside of [%v, %v] has p %v", outside, e.Low, e.High, p)
			}
		}
	}
}

func TestCoverage(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation")
	}
	const runs, alpha = 2000, 0.05
	r := rand.New(rand.NewPCG(13, 14))
	shift, center := 0, 0
	x, y := make([]float64, 60), make([]float64, 60)
	for range runs {
		for i := range x {
			x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		}
		if e := Shift(x, y, alpha); e.Low <= 0 && e.High >= 0 {
			shift++
		}
		if e := Center(x, alpha); e.Low <= 0 && e.High >= 0 {
			center++
		}
	}
	se := math.Sqrt(alpha * (1 - alpha) / runs)
	t.Logf("60 values: shift %.2f %%, center %.2f %% covered (standard error %.2f)", 100*float64(shift)/runs, 100*float64(center)/runs, 100*se)
	checkNear(t, "coverage of the shift", float64(shift)/runs, 1-alpha, 4*se)
	checkNear(t, "coverage of the center", float64(center)/runs, 1-alpha, 4*se)
}

func TestBrunnerMunzel(t *testing.T) {
	// Pain scores of Brunner, Munzel (2000), section 5. R:
	// lawstat::brunner.munzel.test(y, n) is 3.1374674823, df 17.683, p
	// 0.00578620867, P(X<Y) + P(X=Y)/2 0.788961.
	y := []float64{1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1}
	n := []float64{3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4}
	r, df := BrunnerMunzel(n, y)
	checkNear(t, "statistic", r.Statistic, 3.1374674823029505, 1e-12)
	checkNear(t, "df", df, 17.683, 0.6e-3)
	checkNear(t, "p", r.TwoSided, 0.005786208666151538, 1e-12)
	checkNear(t, "Cliff's delta", CliffsDelta(n, y), 0.577922077922078, 1e-12)
	checkNear(t, "superiority", MannWhitney(n, y).Statistic/float64(len(n)*len(y)), 0.788961038961039, 1e-12)
	other, _ := BrunnerMunzel(y, n)
	checkNear(t, "swapped statistic", other.Statistic, -r.Statistic, 1e-12)
	checkNear(t, "swapped less", other.Less, r.Greater, 1e-12)

	// Permuted: 3 and 3 values apart are 2 of the 20 arrangements.
	apart, df := BrunnerMunzel([]float64{4, 5, 6}, []float64{1, 2, 3})
	checkNear(t, "3 and 3 apart", apart.TwoSided, 0.1, 1e-15)
	checkNear(t, "3 and 3 apart, greater", apart.Greater, 0.05, 1e-15)
	checkNear(t, "df of permutations", df, math.NaN(), 0)
	far, _ := BrunnerMunzel([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []float64{11, 12, 13})
	checkNear(t, "10 and 3 apart", far.TwoSided, 2.0/286, 1e-12)
	checkNear(t, "10 and 3 apart, less", far.Less, 1.0/286, 1e-12)
	same, _ := BrunnerMunzel([]float64{1, 1, 1}, []float64{1, 1})
	checkNear(t, "constant", same.TwoSided, 1, 0)
	one, _ := BrunnerMunzel([]float64{1}, []float64{1, 2})
	checkNear(t, "one value", one.TwoSided, math.NaN(), 0)
}

// Unequal spreads raise MannWhitney's false alarms, not Brunner-Munzel's.
func TestBrunnerMunzelLevel(t *testing.T) {
	const runs, alpha = 2000, 0.05
	r := rand.New(rand.NewPCG(21, 22))
	alarms := map[int]int{}
	for range runs {
		for _, small := range []int{5, 12} {
			x, y := make([]float64, small), make([]float64, 2*small)
			if small == 5 {
				y = y[:6] // tiny: all permutations
			}
			for i := range x {
				x[i] = 3 * r.NormFloat64()
			}
			for i := range y {
				y[i] = r.NormFloat64()
			}
			if got, _ := BrunnerMunzel(x, y); got.TwoSided <= alpha {
				alarms[small]++
			}
		}
	}
	se := math.Sqrt(alpha * (1 - alpha) / runs)
	for small, count := range alarms {
		share := float64(count) / runs
		t.Logf("%d values: %.2f %% alarms (standard error %.2f)", small, 100*share, 100*se)
		// The t approximation is good to about 1.5 points at a dozen values, the
		// permutation is asymptotic under unequal spreads too (Neubert, Brunner 2007).
		if share > alpha+0.02+3*se {
			t.Errorf("%d values: %.2f %% false alarms", small, 100*share)
		}
	}
}

func TestEffects(t *testing.T) {
	x, y := []float64{1, 2, 0, 4}, []float64{3, 1, 2, 0}
	unroll := func(h []float64) (v []float64) {
		for k, c := range h {
			for range int(c) {
				v = append(v, float64(k))
			}
		}
		return v
	}
	checkNear(t, "binned U", BinnedU(x, y), MannWhitney(unroll(x), unroll(y)).Statistic, 0)
	checkNear(t, "binned U of unlike bins", BinnedU(x, y[:2]), math.NaN(), 0)
	checkNear(t, "Cliff's delta", CliffsDelta(unroll(x), unroll(y)), 2*BinnedU(x, y)/42-1, 1e-15)
	checkNear(t, "Cliff's delta of nothing", CliffsDelta(nil, y), math.NaN(), 0)
	for _, c := range []struct{ p, want float64 }{
		{0.6, 389.2989391224729}, {0.65, 173.02175072109895}, {0.7, 97.32473478061823}, {0.8, 43.25543768027474},
	} {
		checkNear(t, "Noether's size", NoetherSize(c.p, 0.5, 0.01, 0.8), c.want, 1e-9)
		checkNear(t, "Noether's size", NoetherSize(1-c.p, 0.5, 0.01, 0.8), c.want, 1e-9)
	}
	checkNear(t, "no effect", NoetherSize(0.5, 0.5, 0.01, 0.8), math.Inf(1), 0)
	checkNear(t, "no power", NoetherSize(0.6, 0.5, 0.01, 1), math.NaN(), 0)
}

func FuzzShift(f *testing.F) {
	f.Add(uint64(1), 4, 5, 0.05)
	f.Add(uint64(2), 60, 3, 0.5)
	f.Fuzz(func(t *testing.T, seed uint64, m, n int, alpha float64) {
		r := rand.New(rand.NewPCG(seed, 0))
		draw := func(n int) []float64 {
			x := make([]float64, n&63)
			for i := range x {
				x[i] = math.Float64frombits(r.Uint64())
				if r.IntN(3) == 0 {
					x[i] = float64(r.IntN(3))
				}
			}
			return x
		}
		x, y := draw(m), draw(n)
		for _, e := range []Estimate{Shift(x, y, alpha), Center(x, alpha)} {
			if !math.IsNaN(e.Value) && !(e.Low <= e.Value && e.Value <= e.High) {
				t.Fatalf("%v, %v: %+v", x, y, e)
			}
		}
		bm, _ := BrunnerMunzel(x, y)
		for _, r := range []Result{MannWhitney(x, y), SignedRank(x), bm} {
			for _, p := range []float64{r.Less, r.Greater, r.TwoSided} {
				if !math.IsNaN(p) && !(p >= 0 && p <= 1+1e-12) {
					t.Fatalf("%v, %v: %+v", x, y, r)
				}
			}
		}
	})
}
