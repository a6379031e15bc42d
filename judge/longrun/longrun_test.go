package longrun

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func checkNear(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || got != want && math.Abs(got-want) > within*math.Abs(want) {
		t.Errorf("%s = %.12g, want %.12g", name, got, want)
	}
}

var estimators = map[string]func([]float64) Estimate{
	"AR1":               AR1,
	"EWC":               EWC,
	"NeweyWest":         func(x []float64) Estimate { return NeweyWest(x, 4) },
	"NeweyWestAuto":     NeweyWestAuto,
	"QuadraticSpectral": QuadraticSpectral,
}

// The Nile's yearly flow. R, with m = lm(Nile ~ 1): sqrt(NeweyWest(m, lag = 4,
// prewhite = FALSE)), sqrt(NeweyWest(m)), sqrt(kernHAC(m)) of package sandwich;
// the others from an independent computation (docs/statistics.md).
func TestNile(t *testing.T) {
	x := readNile(t)
	const digits = 1e-9 // relative; the numbers have ten digits
	a := AR1(x)
	checkNear(t, "mean", a.Mean, 919.35, digits)
	checkNear(t, "standard error, AR1", a.StdErr, 30.39906295013491, digits)
	checkNear(t, "effective n, AR1", a.EffectiveN, 31.680093705357468, digits)
	checkNear(t, "df, AR1", a.DF, 30.680093705357468, digits)
	e := EWC(x)
	checkNear(t, "df, EWC", e.DF, 9, 0)
	checkNear(t, "long-run variance, EWC", e.Variance, 139939.67545563678, digits)
	checkNear(t, "standard error, lag 4", NeweyWest(x, 4).StdErr, 27.23848492, digits)
	checkNear(t, "standard error, automatic", NeweyWestAuto(x).StdErr, 29.73379581, digits)
	checkNear(t, "standard error, quadratic spectral", QuadraticSpectral(x).StdErr, 27.02165138, digits)
	// No lags: the variance of independent points, with divisor n.
	checkNear(t, "effective n without lags", NeweyWest(x, 0).EffectiveN, 100*100.0/99, digits)

	low, high := a.Interval(0.05)
	checkNear(t, "middle of the interval", (low+high)/2, a.Mean, digits)
	checkNear(t, "p at its end", a.TwoSided(high), 0.05, 1e-8)
	checkNear(t, "p at the mean", a.TwoSided(a.Mean), 1, 0)
}

// readNile reads the data that lie beside the repository, which may not be
// redistributed in it.
func readNile(t *testing.T) []float64 {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "statistics", "nile.csv"))
	if err != nil {
		t.Skipf("the Nile series is not beside the repository: %v", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var x []float64
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, v)
	}
	return x
}

// Small cases by hand.
func TestByHand(t *testing.T) {
	x := []float64{1, 2, 4, 3} // deviations -1.5 -0.5 1.5 0.5
	// Products at lags 0, 1, 2: 5, 0.75, -2.5. Weights 1, 2/3, 1/3.
	checkNear(t, "two lags", NeweyWest(x, 2).Variance, (5+2*(2.0/3*0.75-2.5/3))/4, 1e-12)
	// nu = 0.4*4^(2/3) = 1.008: one cosine, cos(pi/8), cos(3pi/8), -cos(3pi/8), -cos(pi/8).
	projection := -2*math.Cos(math.Pi/8) - 2*math.Cos(3*math.Pi/8)
	checkNear(t, "one cosine", EWC(x).Variance, 2*projection*projection/4, 1e-12)
	// The weight at bandwidth 1 and lag 1 (Andrews 1991, 2.7).
	y := 6 * math.Pi / 5
	checkNear(t, "quadratic spectral", quadraticSpectral(1, 1)[1],
		25/(12*math.Pi*math.Pi)*(math.Sin(y)/y-math.Cos(y)), 1e-12)
}

// Each is a scale: it does not move with the series, and grows with it.
func TestEquivariance(t *testing.T) {
	x := autoregression(rand.New(rand.NewPCG(1, 2)), 60, 0.5)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = 8*v + 1024
	}
	for name, estimate := range estimators {
		a, b := estimate(x), estimate(y)
		// 1e-9: what a mean of 1024 costs deviations of 1.
		checkNear(t, name+": mean", b.Mean, 8*a.Mean+1024, 1e-9)
		checkNear(t, name+": standard error", b.StdErr, 8*a.StdErr, 1e-9)
		checkNear(t, name+": effective n", b.EffectiveN, a.EffectiveN, 1e-9)
	}
}

func TestBadSeries(t *testing.T) {
	for name, estimate := range estimators {
		for _, x := range [][]float64{nil, {1}, {1, math.NaN(), 3, 4, 5}, {1, math.Inf(1), 2, 3, 4}} {
			if e := estimate(x); !math.IsNaN(e.StdErr) {
				t.Errorf("%s of %v: %+v", name, x, e)
			}
		}
		constant := estimate([]float64{7, 7, 7, 7, 7, 7})
		if constant.StdErr != 0 || constant.Mean != 7 || math.IsNaN(constant.EffectiveN) {
			t.Errorf("%s of a constant: %+v", name, constant)
		}
		for n := 2; n < 8; n++ {
			if e := estimate([]float64{1, -1, 1, -1, 1, -1, 1, -1}[:n]); e.StdErr < 0 {
				t.Errorf("%s of %d alternating points: %+v", name, n, e)
			}
		}
	}
	checkNear(t, "no such lag", NeweyWest([]float64{1, 2}, -1).StdErr, math.NaN(), 0)
	checkNear(t, "too many lags", NeweyWest([]float64{1, 2, 4}, 99).StdErr, NeweyWest([]float64{1, 2, 4}, 2).StdErr, 0)
}

// autoregression returns n points of unit innovations, from the stationary
// distribution on.
func autoregression(r *rand.Rand, n int, rho float64) []float64 {
	x := make([]float64, n)
	v := r.NormFloat64() / math.Sqrt(1-rho*rho)
	for i := range x {
		x[i] = v
		v = rho*v + r.NormFloat64()
	}
	return x
}

// False alarms of 1 % tests of 60 points. The bounds are docs/statistics.md's:
// AR1 1-2 % (4 % at rho 0.9), EWC 1.1-1.5 % to rho 0.6, Newey-West 4-6 % at
// rho 0.3 to 12 % at 0.6, plus three standard errors.
func TestFalseAlarms(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation")
	}
	const runs, n, alpha = 3000, 60, 0.01
	for _, rho := range []float64{0, 0.3, 0.6} {
		r := rand.New(rand.NewPCG(5, uint64(100*rho)))
		alarms := map[string]int{}
		for range runs {
			x := autoregression(r, n, rho)
			for name, estimate := range estimators {
				if estimate(x).TwoSided(0) <= alpha {
					alarms[name]++
				}
			}
		}
		for name, most := range map[string]float64{"AR1": 0.02, "EWC": 0.015, "NeweyWest": 0.12, "NeweyWestAuto": 0.12, "QuadraticSpectral": 0.08} {
			share := float64(alarms[name]) / runs
			se := math.Sqrt(most * (1 - most) / runs)
			t.Logf("rho %.1f: %-18s %5.2f %% (standard error %.2f)", rho, name, 100*share, 100*math.Sqrt(share*(1-share)/runs))
			if share > most+3*se {
				t.Errorf("rho %.1f: %s raises %.2f %% false alarms, want at most %.2f %%", rho, name, 100*share, 100*most)
			}
		}
	}
}

func FuzzEstimators(f *testing.F) {
	f.Add(uint64(1), 10)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		r := rand.New(rand.NewPCG(seed, 0))
		x := make([]float64, n&127)
		for i := range x {
			x[i] = float64(r.IntN(3))
			switch r.IntN(8) {
			case 0:
				x[i] = math.Float64frombits(r.Uint64())
			case 1:
				x[i] = r.NormFloat64()
			}
		}
		for name, estimate := range estimators {
			if e := estimate(x); e.StdErr < 0 || e.Variance < 0 || e.N != len(x) {
				t.Fatalf("%s of %v: %+v", name, x, e)
			}
		}
	})
}

func BenchmarkEstimators(b *testing.B) {
	for _, n := range []int{60, 1440} {
		x := autoregression(rand.New(rand.NewPCG(3, 4)), n, 0.5)
		for _, name := range []string{"AR1", "EWC", "NeweyWestAuto", "QuadraticSpectral"} {
			b.Run(fmt.Sprintf("%s/points=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					estimators[name](x)
				}
			})
		}
	}
}
