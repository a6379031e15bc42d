package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A polynomial is its own extrapolation.
func TestPolynomialResiduals(t *testing.T) {
	for degree := range mostDegree + 1 {
		x := make([]float64, 80)
		for i := range x {
			u := float64(i)/40 - 1
			for d := range degree + 1 {
				x[i] += float64(d+1) * math.Pow(u, float64(d))
			}
		}
		x[70] += 5
		residuals, err := PolynomialResiduals(x, degree, 30)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range residuals[:71] {
			want := 0.0
			if i == 70 {
				want = 5
			}
			switch {
			case i < 30 && !math.IsNaN(r):
				t.Fatalf("degree %d: point %d has a residual before there is a window", degree, i)
			case i >= 30 && math.Abs(r-want) > 1e-9: // rounding of 30 terms of up to 10^2
				t.Fatalf("degree %d: residual %g of point %d, want %g", degree, r, i, want)
			}
		}
	}
	// By hand: a line through 1, 2, 4 continues at 16/3.
	residuals, err := PolynomialResiduals([]float64{1, 2, 4, 6}, 1, 3)
	if err != nil || math.Abs(residuals[3]-(6-16.0/3)) > 1e-12 {
		t.Errorf("residuals %v, %v", residuals, err)
	}
	for _, bad := range [][2]int{{-1, 5}, {6, 20}, {2, 2}, {1, 0}, {1, 1 << 30}} {
		if _, err := PolynomialResiduals(nil, bad[0], bad[1]); err == nil {
			t.Errorf("degree %d through %d points is no error", bad[0], bad[1])
		}
	}
}

func TestStandardize(t *testing.T) {
	nan := math.NaN()
	got := Standardize([]float64{nan, 1, 2, 3, 4, 5, 103})
	// Median 3.5, deviations .5 .5 1.5 1.5 2.5 99.5, their median 1.5.
	for i, want := range []float64{nan, -2.5, -1.5, -0.5, 0.5, 1.5, 99.5} {
		want /= 1.4826 * 1.5
		if math.IsNaN(want) != math.IsNaN(got[i]) || math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("score %d: %v, want %v", i, got[i], want)
		}
	}
}

// A point that breaks a rhythm stands out, wherever it is and however long the
// series; its level alone would not.
func TestSpectralResidual(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	found := 0
	const runs = 100
	for range runs {
		n := 150 + r.IntN(400)
		x := make([]float64, n)
		for i := range x {
			x[i] = 10 + 3*math.Sin(2*math.Pi*float64(i)/24) + 0.1*r.NormFloat64()
		}
		at := 100 + r.IntN(n-100)
		x[at] = 10 + 3*math.Sin(2*math.Pi*float64(at)/24+math.Pi) + 2
		best, scores := 40, SpectralResidual(x)
		for i := 40; i < n; i++ {
			if scores[i] > scores[best] {
				best = i
			}
		}
		if best >= at-1 && best <= at+1 {
			found++
		}
	}
	t.Logf("%d of %d broken points have the highest score", found, runs)
	if found < 80 {
		t.Errorf("%d of %d broken points have the highest score", found, runs)
	}
	short := SpectralResidual(make([]float64, leastPoints-1))
	for _, s := range short {
		if !math.IsNaN(s) {
			t.Errorf("%d points have a score of %v", len(short), s)
		}
	}
	for i, s := range SpectralResidual(make([]float64, 50)) {
		if i >= saliencyAverage && s != 0 {
			t.Errorf("zeros have a score of %v", s)
		}
	}
}

func TestSmooth(t *testing.T) {
	for n, want := range map[int]int{1: 1, 7: 8, 11: 12, 31: 32, 61: 64, 10007: 10125} {
		if got := smooth(n); got != want {
			t.Errorf("the least smooth number from %d on: %d, want %d", n, got, want)
		}
	}
}

func FuzzScores(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 200, 255, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25}, uint8(3), 1e300)
	f.Fuzz(func(t *testing.T, data []byte, season uint8, unit float64) {
		x := make([]float64, len(data))
		for i, b := range data {
			x[i] = float64(b) * unit
			if b == 255 {
				x[i] = math.NaN()
			}
		}
		if got := SpectralResidual(x); len(got) != len(x) {
			t.Fatalf("%d scores of %d points", len(got), len(x))
		}
		if _, err := PolynomialResiduals(x, int(season%6), int(season)); err != nil && int(season) > int(season%6) {
			t.Fatal(err)
		}
		last := 0
		for _, c := range ChangePoints(x, ChangeOptions{Window: int(season)}) {
			if c.Index <= last || c.Index >= len(x) {
				t.Fatalf("change at %d after %d of %d", c.Index, last, len(x))
			}
			last = c.Index
		}
		found := DetectSeason(x)
		if found != 0 && (found < shortestSeason || found > len(x)/seasonsToDetect) {
			t.Fatalf("a season of %d in %d points", found, len(x))
		}
		cut := len(x) - len(x)/4
		if p, err := NewProfile(x[:cut], int(season)); err == nil {
			p.Scores(x[cut:])
		}
		if l, err := Locate(x[:cut], x[cut:], int(season)); err == nil && !l.exact && !(l.StdErr > 0) {
			t.Fatalf("standard error %v", l.StdErr)
		}
	})
}
