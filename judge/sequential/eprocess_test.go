package sequential

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func checkNear(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > within {
		t.Errorf("%s = %.10g, want %.10g", name, got, want)
	}
}

// Reference values of the unit tests of confseq (github.com/gostevehoward/confseq,
// which took them from its authors' R code) and of numbers computed with that
// library, in the digits they are given in: 7 significant ones, or 8 decimals.
const (
	sevenDigits   = 1e-6
	eightDecimals = 1e-8
)

func TestMixtures(t *testing.T) {
	for _, c := range []struct {
		name        string
		mixture     Mixture
		logE, bound float64
	}{
		{"normal", NormalMixture(100, 0.05, TwoSided), -0.6510052, 30.35209},
		{"half normal", NormalMixture(100, 0.05, OneSided), -0.06502391, 27.66071},
		{"gamma-exponential", GammaExponential(100, 0.05, 2), -0.2490165, 33.02017},
		{"gamma-Poisson", GammaPoisson(100, 0.05, 2), -0.06991219, 30.1949},
		{"beta-binomial", BetaBinomial(100, 0.05, 0.2, 0.8, TwoSided), -0.6941012, 31.4308},
		{"beta-binomial one-sided", BetaBinomial(100, 0.05, 0.2, 0.8, OneSided), -0.07134019, 28.41238},
	} {
		checkNear(t, c.name+": log E(10, 100)", c.mixture.LogE(10, 100), c.logE, sevenDigits)
		checkNear(t, c.name+": bound(100)", c.mixture.Bound(100, 0.05), c.bound, 31.5*sevenDigits)
		checkNear(t, c.name+": E at its bound", c.mixture.LogE(c.mixture.Bound(100, 0.01), 100), math.Log(100), 1e-8)
	}
	checkNear(t, "rho", bestRho(100, 0.05, TwoSided), 12.60056098, eightDecimals)
	checkNear(t, "rho", bestRho(60, 0.01, TwoSided), 5.20212811, eightDecimals)
	for _, c := range []struct{ v, two, one float64 }{
		{10, 12.50276147, 11.87095141},
		{60, 27.66572679, 25.97574776},
		{180, 48.65580150, 45.76197938},
		{1000, 120.62136308, 114.12345635},
	} {
		checkNear(t, "normal bound", NormalMixture(60, 0.01, TwoSided).Bound(c.v, 0.01), c.two, eightDecimals)
		checkNear(t, "half normal bound", NormalMixture(60, 0.01, OneSided).Bound(c.v, 0.01), c.one, 3*eightDecimals)
	}
	for _, c := range []struct{ v, exponential, poisson, one, two float64 }{
		{10, 13.44722858, 12.65521064, 12.37652065, 13.38075857},
		{100, 30.23812962, 28.95326703, 28.68218482, 31.82069879},
	} {
		checkNear(t, "gamma-exponential bound", GammaExponential(100, 0.05, 1).Bound(c.v, 0.05), c.exponential, 3*eightDecimals)
		checkNear(t, "gamma-Poisson bound", GammaPoisson(100, 0.05, 1).Bound(c.v, 0.05), c.poisson, 3*eightDecimals)
		checkNear(t, "beta-binomial bound", BetaBinomial(100, 0.05, 0.1, 0.9, OneSided).Bound(c.v, 0.05), c.one, 3*eightDecimals)
		checkNear(t, "beta-binomial bound", BetaBinomial(100, 0.05, 0.1, 0.9, TwoSided).Bound(c.v, 0.05), c.two, 3*eightDecimals)
	}
}

func TestStitching(t *testing.T) {
	checkNear(t, "poly, c 3", PolyStitching(100, 0.05, 10, 3), 64.48755, 0.6e-5)
	checkNear(t, "poly, c -1", PolyStitching(100, 0.05, 10, -1), 28.99389, 0.6e-5)
	for _, c := range []struct{ v, gauss, gamma float64 }{
		{10, 12.66786426, 25.17512872},
		{100, 42.06241077, 53.68442799},
		{1000, 136.87062796, 148.28371953},
	} {
		checkNear(t, "poly, c 0", PolyStitching(c.v, 0.01, 1, 0), c.gauss, eightDecimals)
		checkNear(t, "poly, c 1", PolyStitching(c.v, 0.01, 1, 1), c.gamma, eightDecimals)
	}
	for _, c := range []struct{ p, t, want float64 }{
		{0.5, 100, 19.06700402},
		{0.5, 1000, 68.62802892},
		{0.5, 10000, 226.44461387},
		{0.9, 100, 10.29090242},
		{0.9, 1000, 43.72119361},
		{0.9, 10000, 158.99250441},
		{0.99, 100, 2.09351218},
		{0.99, 1000, 12.06750330},
		{0.99, 10000, 50.47223408},
	} {
		checkNear(t, "double stitching", DoubleStitching(c.p, c.t, 0.05, 100), c.want, eightDecimals)
	}
	// Given in 7 digits, as the two polynomials.
	checkNear(t, "double stitching", DoubleStitching(0.1, 1000, 0.05, 100), 59.96521, 0.6e-5)
}

func TestEmpiricalLIL(t *testing.T) {
	// The authors' R code stops its optimization early; their own C++ is only
	// held to 1e-5 of this number.
	checkNear(t, "LIL", EmpiricalLIL(1000, 0.05, 100), 0.08204769, 2e-7)
	for _, c := range []struct{ t, wide, late float64 }{
		{100, 0.26672140, 0.25898572},
		{1000, 0.08580607, 0.08700882},
		{10000, 0.02747239, 0.02820058},
		{100000, 0.00877169, 0.00905615},
	} {
		checkNear(t, "LIL from 1", EmpiricalLIL(c.t, 0.05, 1), c.wide, eightDecimals)
		checkNear(t, "LIL from 100", EmpiricalLIL(c.t, 0.01, 100), c.late, eightDecimals)
	}
	if !math.IsInf(EmpiricalLIL(99, 0.01, 100), 1) {
		t.Error("a bound before its time")
	}
}

func TestBernoulliInterval(t *testing.T) {
	for _, c := range []struct{ successes, trials, alpha, tightest, low, high, within float64 }{
		{700, 1000, 0.05, 100, 0.651629, 0.745949, 1e-6},
		{15, 50, 0.05, 50, 0.129556, 0.511896, 1e-6},
		{3, 1000, 0.01, 1000, 0.00003733, 0.01348179, eightDecimals},
		{10, 1000, 0.01, 1000, 0.00222697, 0.02530614, eightDecimals},
		{50, 1000, 0.01, 1000, 0.02882450, 0.07818360, eightDecimals},
		{30, 60, 0.01, 1000, 0.22197215, 0.77802785, eightDecimals},
	} {
		low, high := BernoulliInterval(c.successes, c.trials, c.alpha, c.tightest)
		checkNear(t, "low", low, c.low, c.within)
		checkNear(t, "high", high, c.high, c.within)
		// The other outcome has the mirrored interval.
		otherLow, otherHigh := BernoulliInterval(c.trials-c.successes, c.trials, c.alpha, c.tightest)
		checkNear(t, "mirrored low", otherLow, 1-high, 1e-9)
		checkNear(t, "mirrored high", otherHigh, 1-low, 1e-9)
	}
	low, high := BernoulliInterval(0, 100, 0.05, 100)
	if low != 0 || !(high > 0.03 && high < 0.2) {
		t.Errorf("0 of 100: [%v, %v]", low, high)
	}
	if low, high = BernoulliInterval(0, 0, 0.05, 100); low != 0 || high != 1 {
		t.Errorf("nothing: [%v, %v]", low, high)
	}
	low, _ = BernoulliInterval(3, 2, 0.05, 100)
	checkNear(t, "more successes than trials", low, math.NaN(), 0)
}

func TestQuantileP(t *testing.T) {
	a, b := make([]float64, 1000), make([]float64, 1000)
	for i := range a {
		a[i] = float64(i + 1)
	}
	for _, c := range []struct{ p, shift, want, within float64 }{
		{0.5, 70, 0.814704, 1e-6},
		{0.5, 85, 0.0838055, 1e-7},
		{0.5, 100, 0.0054947, 1e-7},
		{0.9, 55, 0.0340463, 1e-7},
	} {
		for i := range b {
			b[i] = a[i] + c.shift
		}
		checkNear(t, "p", QuantileP(c.p, a, b, 100), c.want, c.within)
		checkNear(t, "p of the exchanged arms", QuantileP(c.p, b, a, 100), c.want, c.within)
	}
	checkNear(t, "p of equal samples", QuantileP(0.5, a, a, 100), 1, 0)
	checkNear(t, "p of nothing", QuantileP(0.5, nil, a, 100), math.NaN(), 0)
}

// The least over all quantiles that could be the common one, counted one by
// one; samples with many ties.
func TestQuantilePAgainstAllPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		a, b := draws(r, 1+r.IntN(40), 12), draws(r, 1+r.IntN(40), 12)
		p := 0.05 + 0.9*r.Float64()
		m := BetaBinomial(50*p*(1-p), 0.05, p, 1-p, TwoSided)
		first, second := newQuantileArm(p, a, m), newQuantileArm(p, b, m)
		want := math.Inf(1)
		for _, x := range append(slices.Clone(a), b...) {
			want = min(want, first.logE(x)+second.logE(x))
		}
		// 1e-9: the same sums in another order of the arms.
		checkNear(t, "p", QuantileP(p, a, b, 50), P(want), 1e-9)
	}
}

func draws(r *rand.Rand, n, values int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(r.IntN(values))
	}
	slices.Sort(x)
	return x
}

// docs/statistics.md, from an independent computation in Python.
func TestStudentMixture(t *testing.T) {
	var m StudentMixture
	for _, c := range []struct{ t2, nu, n, want float64 }{
		{4, 29, 30, 0.15458958577704252},
		{9, 29, 30, 2.1879411819110075},
		{9, 59, 60, 2.1287437129204547},
		{16, 59, 60, 5.010008361416043},
		{25, 179, 180, 9.097408596537878},
	} {
		checkNear(t, "log E", m.LogE(math.Sqrt(c.t2), c.nu, c.n), c.want, 1e-12)
	}
	for _, nu := range []float64{8, 59, 1e6, math.Inf(1)} {
		checkNear(t, "log E at its bound", m.LogE(m.Bound(0.01, nu, 60), nu, 60), math.Log(100), 1e-9)
	}
	// Two observations cannot reach 1/0.01 whatever they are.
	if b := m.Bound(0.01, 1, 2); !math.IsInf(b, 1) {
		t.Errorf("bound of 1 degree of freedom is %v", b)
	}
	checkNear(t, "log E at infinity", m.LogE(math.Inf(1), 9, 10), m.LogE(1e150, 9, 10), 1e-9)
	// Many degrees of freedom are a known variance: the normal mixture.
	checkNear(t, "log E, known variance", m.LogE(3, 1e12, 60), normalMixture{1}.LogE(3*math.Sqrt(60), 60), 1e-6)
	checkNear(t, "log E without observations", m.LogE(1, 1, 0), math.NaN(), 0)
}

func TestCloseRelatives(t *testing.T) {
	checkNear(t, "mSPRT", LogMSPRT(0.3, 100, 2, 0.1), 0.97912027, eightDecimals)
	checkNear(t, "mSPRT", LogMSPRT(0.1, 1000, 2, 0.01), 1.187453598719306, 1e-12)
	for _, c := range []struct{ t, alpha, want float64 }{
		{10, 0.05, 1.095493973752227},
		{10, 0.01, 1.2502761469215857},
		{60, 0.05, 0.3918437957328752},
		{60, 0.01, 0.4610954465332177},
		{180, 0.05, 0.23080990144214217},
		{180, 0.01, 0.2703100083309772},
	} {
		checkNear(t, "asymptotic radius", AsymptoticRadius(c.t, 1, c.alpha, 60), c.want, 1e-12)
	}
	for _, c := range []struct{ n, alpha, want float64 }{
		{100, 0.05, 0.26917582233731213},
		{100, 0.01, 0.2859338637951743},
		{1000, 0.05, 0.08656912837667055},
		{1000, 0.01, 0.09178490671828009},
		{10000, 0.05, 0.027710745077605986},
		{10000, 0.01, 0.029341283272801062},
		{100000, 0.05, 0.008846345222203546},
		{100000, 0.01, 0.009357370085888054},
	} {
		checkNear(t, "CDF band", CDFRadius(c.n, c.alpha), c.want, 1e-13)
		// The p value inverts two bands of alpha/2.
		checkNear(t, "p at the band", SameDistributionP(2*CDFRadius(c.n, c.alpha/2), c.n), c.alpha, 1e-12)
	}
	checkNear(t, "p of equal functions", SameDistributionP(0, 100), 1, 0)
}

func TestLogDirichlet(t *testing.T) {
	half := []float64{0.5, 0.5}
	for _, c := range []struct{ c, n, a, b, want float64 }{
		{24, 36, 0.5, 0.5, 0.013716110271138504},
		{24, 36, 10, 10, 0.7966881948253519},
		{60, 100, 10, 10, 0.7823433146074272},
		{70, 100, 10, 10, 5.948908956198224},
	} {
		// 1e-11: 1e-14 of logs of gamma functions that are some hundreds.
		checkNear(t, "log E", LogDirichlet([]float64{c.c, c.n - c.c}, half, []float64{c.a, c.b}), c.want, 1e-11)
	}
	checkNear(t, "log E", LogDirichlet([]float64{30, 170}, []float64{0.1, 0.9}, []float64{1, 9}), 0.5737087588504117, 1e-11)

	// Marginal log likelihoods of the tests of ssrm (github.com/optimizely/ssrm).
	var counts [3]float64
	for _, c := range []struct {
		batch  [3]float64
		m1, m0 float64
	}{
		{[3]float64{20, 17, 9}, -7.028201432, -4.077640647},
		{[3]float64{18, 21, 8}, -11.947847738, -8.265946861},
		{[3]float64{4, 6, 4}, -15.471401950, -11.610743520},
		{[3]float64{18, 19, 11}, -19.964845211, -15.781031229},
	} {
		for i, n := range c.batch {
			counts[i] += n
		}
		got := LogDirichlet(counts[:], []float64{0.4, 0.4, 0.2}, []float64{1, 1, 1})
		checkNear(t, "log E of ssrm", got, c.m1-c.m0, 2e-9) // two numbers of 9 decimals
	}
	// Shares are normalized.
	checkNear(t, "log E of shares 8:8:4", LogDirichlet(counts[:], []float64{8, 8, 4}, []float64{1, 1, 1}),
		LogDirichlet(counts[:], []float64{0.4, 0.4, 0.2}, []float64{1, 1, 1}), 1e-11)
	checkNear(t, "log E of unequal lengths", LogDirichlet(counts[:2], half, []float64{1, 1, 1}), math.NaN(), 0)
}

func TestRateRatio(t *testing.T) {
	for _, c := range []struct{ canary, baseline, weight, want float64 }{
		{24, 12, 1, 1.1633509950853764},
		{40, 20, 1, 2.2505005340974336},
		{60, 40, 1, 0.9264609953139542},
		{12, 60, 0.1, 1.0901190230333502},
		{20, 60, 0.1, 7.063493206572659},
		{5, 0, 1, 1.965733022628512},
		{0, 10, 1, -1.8994382408407045},
	} {
		var r RateRatio
		r.Add(c.baseline, c.canary, c.weight)
		checkNear(t, "log E", r.LogE(1), c.want, 1e-12)
		// In parts.
		r = RateRatio{}
		for range 4 {
			r.Add(c.baseline/4, c.canary/4, c.weight)
		}
		checkNear(t, "log E in parts", r.LogE(1), c.want, 1e-12)
		// A null of 2 at half the exposure is a null of 1.
		r = RateRatio{Null: 2}
		r.Add(c.baseline, c.canary, c.weight/2)
		checkNear(t, "log E against 2", r.LogE(1), c.want, 1e-12)
		// Events in twos are half as many.
		r = RateRatio{}
		r.Add(2*c.baseline, 2*c.canary, c.weight)
		checkNear(t, "tempered log E", r.LogE(2), c.want, 1e-12)
	}
	var r RateRatio
	checkNear(t, "log E of nothing", r.LogE(1), 0, 0)
	checkNear(t, "log E without dispersion", r.LogE(0.5), math.NaN(), 0)
	r.Add(math.NaN(), 1, 1)
	r.Add(1, 1, 1)
	checkNear(t, "log E of bad data", r.LogE(1), math.NaN(), 0)
}

func TestLogMean(t *testing.T) {
	checkNear(t, "mean", LogMean([]float64{math.Log(1), math.Log(3), math.Inf(-1)}), math.Log(4.0/3), 1e-15)
	checkNear(t, "mean of huge ones", LogMean([]float64{2000, 2000}), 2000, 0)
	checkNear(t, "mean of none", LogMean(nil), math.NaN(), 0)
	checkNear(t, "mean with a NaN", LogMean([]float64{1, math.NaN()}), math.NaN(), 0)
	if !math.IsInf(LogMean([]float64{math.Inf(-1)}), -1) {
		t.Error("the mean of zeros is not zero")
	}
	checkNear(t, "p", P(math.Log(20)), 0.05, 1e-15)
	checkNear(t, "p of little", P(-3), 1, 0)
}

// A false alarm at any of n times is what an e-process promises against.
func TestEProcessesHoldTheirLevel(t *testing.T) {
	const runs, n, alpha = 2000, 200, 0.05
	r := rand.New(rand.NewPCG(7, 8))
	normal := NormalMixture(100, alpha, TwoSided)
	bernoulli := BetaBinomial(100*0.3*0.7, alpha, 0.3, 0.7, OneSided)
	// Counts of mean 2, whose variance is 2.
	poisson := GammaPoisson(200, alpha, 1)
	reached := map[string]int{}
	for range runs {
		var sum, trials, events, squares float64
		var rate RateRatio
		seen := map[string]bool{}
		for i := 1; i <= n; i++ {
			x := r.NormFloat64()
			sum += x
			squares += x * x
			if r.Float64() < 0.3 {
				trials++
			}
			c, b := poissonDraw(r, 2), poissonDraw(r, 2)
			events += c
			rate.Add(b, c, 1)
			k := float64(i)
			seen["normal"] = seen["normal"] || normal.LogE(sum, k) >= -math.Log(alpha)
			seen["Bernoulli"] = seen["Bernoulli"] || bernoulli.LogE(trials-0.3*k, 0.21*k) >= -math.Log(alpha)
			seen["Poisson"] = seen["Poisson"] || poisson.LogE(events-2*k, 2*k) >= -math.Log(alpha)
			seen["rate ratio"] = seen["rate ratio"] || rate.LogE(1) >= -math.Log(alpha)
			if i > 2 {
				mean := sum / k
				student := mean / math.Sqrt((squares/k-mean*mean)/(k-1))
				seen["Student"] = seen["Student"] || StudentMixture{}.LogE(student, k-1, k) >= -math.Log(alpha)
			}
		}
		for name, yes := range seen {
			if yes {
				reached[name]++
			}
		}
	}
	se := math.Sqrt(alpha * (1 - alpha) / runs)
	for _, name := range []string{"normal", "Bernoulli", "Poisson", "rate ratio", "Student"} {
		share := float64(reached[name]) / runs
		t.Logf("%-10s %.2f %% alarms (promised at most %.0f %%, standard error %.2f)", name, 100*share, 100*alpha, 100*se)
		if share > alpha+3*se || share == 0 {
			t.Errorf("%s: %.2f %% false alarms", name, 100*share)
		}
	}
}

// poissonDraw counts exponential gaps.
func poissonDraw(r *rand.Rand, mean float64) float64 {
	n, sum := 0.0, r.ExpFloat64()
	for sum < mean {
		n++
		sum += r.ExpFloat64()
	}
	return n
}

func TestUndefined(t *testing.T) {
	nan := math.NaN()
	for name, got := range map[string]float64{
		"normal":            NormalMixture(0, 0.05, TwoSided).LogE(1, 1),
		"half normal":       NormalMixture(10, 0.7, OneSided).Bound(1, 0.05),
		"gamma-exponential": GammaExponential(10, 0.05, 0).Bound(1, 0.05),
		"gamma-Poisson":     GammaPoisson(10, nan, 1).Bound(1, 0.05),
		"beta-binomial":     BetaBinomial(10, 0.05, 0, 1, TwoSided).Bound(1, 0.05),
		"no level":          GammaPoisson(10, 0.05, 1).Bound(1, 2),
		"poly stitching":    PolyStitching(1, 0.05, 0, 0),
		"double stitching":  DoubleStitching(1, 10, 0.05, 10),
		"LIL":               EmpiricalLIL(10, 0, 1),
		"band":              CDFRadius(0, 0.05),
		"distribution":      SameDistributionP(nan, 10),
		"asymptotic":        AsymptoticRadius(10, -1, 0.05, 10),
		"mSPRT":             LogMSPRT(1, 10, 0, 1),
		"quantile":          QuantileP(0, []float64{1}, []float64{1}, 10),
		"Student":           StudentMixture{Phi: -1}.LogE(1, 1, 1),
		"Student's bound":   StudentMixture{}.Bound(2, 1, 1),
	} {
		checkNear(t, name, got, nan, 0)
	}
}

func BenchmarkMixture(b *testing.B) {
	for _, c := range []struct {
		name string
		m    Mixture
	}{
		{"normal", NormalMixture(100, 0.05, TwoSided)},
		{"gamma-exponential", GammaExponential(100, 0.05, 1)},
		{"gamma-Poisson", GammaPoisson(100, 0.05, 1)},
		{"beta-binomial", BetaBinomial(100, 0.05, 0.2, 0.8, TwoSided)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.m.LogE(20, 100)
			}
		})
		b.Run(c.name+"/bound", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.m.Bound(100, 0.01)
			}
		})
	}
}

func BenchmarkRateRatio(b *testing.B) {
	b.ReportAllocs()
	var r RateRatio
	for b.Loop() {
		r.Add(3, 4, 1)
		r.LogE(1)
	}
}
