package sequential

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// every returns the fractions from/of, ..., to/of.
func every(from, to, of int) []float64 {
	var t []float64
	for i := from; i <= to; i++ {
		t = append(t, float64(i)/float64(of))
	}
	return t
}

func mustBounds(t testing.TB, d Design, fractions []float64) []Bound {
	t.Helper()
	b, err := d.Bounds(fractions)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Published tables, in the four decimals they are given in: Lan-DeMets bounds
// at five equal steps (Jennison, Turnbull 2000, table 7; R: ldbounds::ldBounds
// with alpha/2 a side), and of looks every minute.
func TestBounds(t *testing.T) {
	const within = 0.6e-4
	for _, c := range []struct {
		name string
		d    Design
		want []float64
	}{
		{"O'Brien-Fleming type", Design{Alpha: 0.05, Spending: OBrienFleming}, []float64{4.8769, 3.3570, 2.6803, 2.2898, 2.0310}},
		{"power 2", Design{Alpha: 0.05}, []float64{3.0902, 2.7141, 2.4728, 2.2799, 2.1140}},
		{"power 3", Design{Alpha: 0.05, Spending: Power(3)}, []float64{3.5401, 2.9743, 2.6045, 2.3064, 2.0455}},
		{"Pocock type", Design{Alpha: 0.05, Spending: Pocock}, []float64{2.4380, 2.4268, 2.4102, 2.3966, 2.3860}},
		{"O'Brien-Fleming type, 1 %", Design{Alpha: 0.01, Spending: OBrienFleming}, []float64{6.1680, 4.2867, 3.4436, 2.9470, 2.6153}},
	} {
		for i, b := range mustBounds(t, c.d, every(1, 5, 5)) {
			checkNear(t, fmt.Sprintf("%s, look %d", c.name, i+1), b.Z, c.want[i], within)
		}
	}
	for _, c := range []struct {
		name     string
		spending Spending
		first    int
		want     map[int]float64
		within   float64
	}{
		{"O'Brien-Fleming type", OBrienFleming, 10, map[int]float64{10: 6.7763, 15: 5.5127, 20: 4.763, 30: 3.8798, 40: 3.3561, 50: 2.9997, 60: 2.7371}, within},
		{"power 2", Power(2), 5, map[int]float64{5: 3.978, 10: 3.864, 15: 3.682, 20: 3.541, 30: 3.324, 45: 3.086, 60: 2.901}, 0.6e-3},
	} {
		bounds := mustBounds(t, Design{Alpha: 0.01, Spending: c.spending}, every(c.first, 60, 60))
		for minute, want := range c.want {
			checkNear(t, fmt.Sprintf("%s, minute %d", c.name, minute), bounds[minute-c.first].Z, want, c.within)
		}
	}
}

func TestClassicalBounds(t *testing.T) {
	obf, bounds, err := WangTsiatis(ShapeOBrienFleming, 0.05, every(1, 5, 5), TwoSided)
	if err != nil {
		t.Fatal(err)
	}
	checkNear(t, "O'Brien-Fleming's constant", obf, 2.040, 0.6e-3)
	for i, want := range []float64{4.562, 3.226, 2.634, 2.281, 2.040} {
		checkNear(t, "O'Brien-Fleming's bound", bounds[i].Z, want, 0.6e-3)
	}
	checkNear(t, "alpha spent", bounds[4].Spent, 0.05, 1e-8)

	pocock, bounds, err := WangTsiatis(ShapePocock, 0.05, every(1, 5, 5), TwoSided)
	if err != nil {
		t.Fatal(err)
	}
	checkNear(t, "Pocock's constant", pocock, 2.413, 0.6e-3)
	for i := range bounds {
		bounds[i].Z = 1.96
	}
	naive, err := Cross(bounds, 0, TwoSided)
	if err != nil {
		t.Fatal(err)
	}
	checkNear(t, "five looks at 1.96", naive.Power, 0.1417, 0.6e-4)

	// A single look has the normal quantile.
	one, _, err := WangTsiatis(ShapePocock, 0.025, []float64{3}, OneSided)
	checkNear(t, "one look", one, 1.959963984540054, 1e-8)
	if err != nil {
		t.Error(err)
	}
	for _, alpha := range []float64{0, 0.6, math.NaN()} {
		if _, _, err := WangTsiatis(0, alpha, []float64{1}, TwoSided); err == nil {
			t.Errorf("alpha %v: no error", alpha)
		}
	}
	if _, _, err := WangTsiatis(0, 0.05, []float64{1, 1}, TwoSided); err == nil {
		t.Error("repeated look: no error")
	}
}

// Jennison, Turnbull (2000), tables 2.2 and 2.4: maximum information of
// two-sided tests of five looks at alpha 0.05 and power 0.9, relative to one
// look: 1.207 (Pocock) and 1.026 (O'Brien-Fleming).
func TestDrift(t *testing.T) {
	fixed := math.Pow(1.959963984540054+1.2815515655446004, 2)
	for _, c := range []struct{ shape, want float64 }{{ShapePocock, 1.207}, {ShapeOBrienFleming, 1.026}} {
		_, bounds, err := WangTsiatis(c.shape, 0.05, every(1, 5, 5), TwoSided)
		if err != nil {
			t.Fatal(err)
		}
		drift, err := Drift(bounds, TwoSided, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		checkNear(t, "inflation of the information", drift*drift/fixed, c.want, 0.6e-3)
		up, _ := Cross(bounds, drift, TwoSided)
		down, _ := Cross(bounds, -drift, TwoSided)
		checkNear(t, "power", up.Power, 0.9, 1e-8)
		checkNear(t, "power of the opposite effect", down.Power, up.Power, 1e-12)
		checkNear(t, "its duration", down.Fraction, up.Fraction, 1e-12)
		checkNear(t, "its first look", down.Lower[0], up.Upper[0], 1e-12)
	}
	one := []Bound{{Fraction: 1, Z: 1.959963984540054}}
	drift, err := Drift(one, OneSided, 0.9)
	checkNear(t, "drift of one look", drift*drift, fixed, 1e-7)
	if err != nil {
		t.Error(err)
	}
	for _, power := range []float64{0.01, 1, math.NaN()} {
		if _, err := Drift(one, OneSided, power); err == nil {
			t.Errorf("power %v: no error", power)
		}
	}
	if _, err := Drift([]Bound{{Fraction: 1, Z: math.Inf(1)}}, TwoSided, 0.5); err == nil {
		t.Error("an unreachable bound: no error")
	}
}

// Bounds come from the symmetric half of the paths, Cross from all of them.
func TestCrossSpendsWhatBoundsPromise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, sides := range []Sides{TwoSided, OneSided} {
		for _, spending := range []Spending{OBrienFleming, Pocock, Power(1), Power(2), Power(3)} {
			for _, alpha := range []float64{0.2, 0.05, 0.05 / 1000} {
				var fractions []float64
				for at := 0.0; at < 1; {
					at += math.Pow(r.Float64(), 3) / 3
					fractions = append(fractions, min(at, 1))
				}
				bounds := mustBounds(t, Design{Alpha: alpha, Spending: spending, Sides: sides}, fractions)
				c, err := Cross(bounds, 0, sides)
				if err != nil {
					t.Fatal(err)
				}
				spent := 0.0
				for i, b := range bounds {
					spent += c.Upper[i] + c.Lower[i]
					// 1e-5 of alpha moves a bound in its sixth digit.
					checkNear(t, fmt.Sprintf("spent by look %d of %d", i, len(bounds)), spent, b.Spent, 1e-5*alpha)
				}
				checkNear(t, "spent in the end", bounds[len(bounds)-1].Spent, alpha, 1e-12*alpha)
			}
		}
	}
}

// Against a grid of three times as many points, for looks that are far apart,
// many or irregular.
func TestGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	irregular := []float64{}
	for at := 0.01; at < 1; at += 0.05 * r.ExpFloat64() {
		irregular = append(irregular, at)
	}
	for name, fractions := range map[string][]float64{
		"2 looks": every(1, 2, 2), "60 looks": every(1, 60, 60), "1000 looks": every(1, 1000, 1000),
		"irregular": irregular, "early and late": {1e-6, 1e-5, 1e-3, 0.5, 0.500001, 0.50002, 1},
	} {
		d := Design{Alpha: 0.05 / 1000}
		bounds := mustBounds(t, d, fractions)
		p, spent := newPaths(0, true), 0.0
		for i, at := range fractions {
			allowed, _ := d.withDefaults().allowed(at)
			if allowed-spent < negligible || p.gap(at) < leastGap {
				spent = allowed
				continue
			}
			p.refine(at, 3)
			z := p.solve(at, allowed-spent, TwoSided) / math.Sqrt(at)
			p.stop(at, z, TwoSided)
			spent = allowed
			checkNear(t, fmt.Sprintf("%s: bound at %v", name, at), bounds[i].Z, z, 1e-6)
		}
	}
}

func TestOneSided(t *testing.T) {
	// Each side of a two-sided design spends half; that both are crossed is
	// nearly impossible, so one-sided bounds at alpha/2 differ in the fifth digit.
	two := mustBounds(t, Design{Alpha: 0.05, Spending: OBrienFleming}, every(1, 5, 5))
	one := mustBounds(t, Design{Alpha: 0.025, Spending: OBrienFleming, Sides: OneSided}, every(1, 5, 5))
	for i := range two {
		checkNear(t, "one-sided bound", one[i].Z, two[i].Z, 1e-4)
		checkNear(t, "one-sided level", one[i].Level, two[i].Level/2, 1e-5)
	}
}

func TestIrregularLooks(t *testing.T) {
	d := Design{Alpha: 0.05}
	looks, err := d.Start()
	if err != nil {
		t.Fatal(err)
	}
	next := func(fraction float64) Bound {
		t.Helper()
		b, err := looks.Next(fraction)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	next(0.3)
	for _, bad := range []float64{0.3, 0.1, -1, math.NaN(), math.Inf(1)} {
		if _, err := looks.Next(bad); err == nil {
			t.Errorf("fraction %v after 0.3: no error", bad)
		}
	}
	// Too close to matter: little may be spent, and the next look is as if it
	// had not been.
	if b := next(0.3 + 1e-9); !(b.Z > 5) {
		t.Errorf("a look that comes at once has the bound %v", b.Z)
	}
	without := mustBounds(t, d, []float64{0.3, 0.8})
	checkNear(t, "bound after a close look", next(0.8).Z, without[1].Z, 1e-6)
	// More information than planned: the rest is spent, then nothing is left.
	late := next(1.2)
	checkNear(t, "spent", late.Spent, 0.05, 1e-15)
	if b := next(1.3); !math.IsInf(b.Z, 1) || b.Level != 0 || b.Spent != late.Spent {
		t.Errorf("a look after all is spent: %+v", b)
	}
	// A first look has the quantile of what may be spent.
	checkNear(t, "first bound", mustBounds(t, d, []float64{1})[0].Z, 1.959963984540054, 1e-9)
	// A week of minutes, and no more.
	looks.count = MaxLooks
	if _, err := looks.Next(2); err == nil {
		t.Error("one look too many: no error")
	}
}

func TestDesignErrors(t *testing.T) {
	for _, d := range []Design{
		{},
		{Alpha: 1},
		{Alpha: math.NaN()},
		{Alpha: 0.05, Spending: Power(-1)},
		{Alpha: 0.05, Spending: func(alpha, _ float64) float64 { return 2 * alpha }},
		{Alpha: 0.05, Spending: func(alpha, _ float64) float64 { return -alpha }},
	} {
		if b, err := d.Bounds([]float64{0.5, 1}); err == nil {
			t.Errorf("%+v: %v and no error", d, b)
		}
	}
	for _, b := range []Bound{{Fraction: 0, Z: 1}, {Fraction: 1, Z: math.NaN()}, {Fraction: 1, Z: -1}} {
		if _, err := Cross([]Bound{b}, 0, TwoSided); err == nil {
			t.Errorf("%+v: no error", b)
		}
	}
	if _, err := Cross(nil, math.Inf(1), TwoSided); err == nil {
		t.Error("infinite drift: no error")
	}
}

// Extreme effects and bounds end where they must.
func TestCrossExtremes(t *testing.T) {
	bounds := mustBounds(t, Design{Alpha: 0.01}, every(1, 60, 60))
	c, err := Cross(bounds, 500, TwoSided)
	if err != nil {
		t.Fatal(err)
	}
	checkNear(t, "power of a disaster", c.Power, 1, 1e-12)
	checkNear(t, "its duration", c.Fraction, 1.0/60, 1e-9)
	for i := range bounds {
		bounds[i].Z = math.Inf(1)
	}
	c, _ = Cross(bounds, 3, TwoSided)
	checkNear(t, "power without bounds", c.Power, 0, 0)
	checkNear(t, "duration without bounds", c.Fraction, 1, 1e-12)
	zero := []Bound{{Fraction: 0.5, Z: 0}, {Fraction: 1, Z: 0}}
	c, _ = Cross(zero, 0, TwoSided)
	checkNear(t, "power of rejecting at once", c.Power, 1, 1e-12)
	checkNear(t, "second look of it", c.Upper[1], 0, 1e-12)
}

// Brownian paths at the looks, with and without an effect.
func TestSimulation(t *testing.T) {
	const runs = 20000
	fractions := every(5, 60, 60)
	bounds := mustBounds(t, Design{Alpha: 0.05}, fractions)
	r := rand.New(rand.NewPCG(11, 12))
	for _, drift := range []float64{0, 3} {
		want, err := Cross(bounds, drift, TwoSided)
		if err != nil {
			t.Fatal(err)
		}
		rejected, duration, squares := 0.0, 0.0, 0.0
		for range runs {
			at, b := 0.0, 0.0
			for _, look := range bounds {
				step := look.Fraction - at
				at = look.Fraction
				b += drift*step + math.Sqrt(step)*r.NormFloat64()
				if math.Abs(b) >= look.Z*math.Sqrt(at) {
					rejected++
					break
				}
			}
			duration += at
			squares += at * at
		}
		share, mean := rejected/runs, duration/runs
		se := math.Sqrt(want.Power * (1 - want.Power) / runs)
		seMean := math.Sqrt((squares/runs - mean*mean) / runs)
		t.Logf("drift %v: %.4f reject (%.4f computed, standard error %.4f), end at %.4f (%.4f, %.4f)",
			drift, share, want.Power, se, mean, want.Fraction, seMean)
		checkNear(t, "share of rejections", share, want.Power, 4*se)
		checkNear(t, "mean duration", mean, want.Fraction, 4*seMean)
	}
}

func FuzzBounds(f *testing.F) {
	f.Add(0.05, 2.0, uint64(1), 0.01, uint8(0))
	f.Add(1e-9, 1.0, uint64(2), 0.5, uint8(1))
	f.Add(0.3, 0.1, uint64(3), 1e-7, uint8(2))
	f.Fuzz(func(t *testing.T, alpha, rho float64, seed uint64, step float64, kind uint8) {
		d := Design{Alpha: alpha, Spending: Power(rho), Sides: Sides(kind & 1)}
		switch kind >> 1 & 3 {
		case 1:
			d.Spending = OBrienFleming
		case 2:
			d.Spending = Pocock
		}
		r := rand.New(rand.NewPCG(seed, 0))
		var fractions []float64
		for at := 0.0; len(fractions) < 20; {
			at += step * math.Exp(4*r.NormFloat64())
			fractions = append(fractions, at)
		}
		bounds, err := d.Bounds(fractions)
		if err != nil {
			return
		}
		last := 0.0
		for _, b := range bounds {
			if math.IsNaN(b.Z) || !(b.Level >= 0 && b.Level <= alpha*(1+1e-6)) || !(b.Spent >= last && b.Spent <= alpha) {
				t.Fatalf("%+v at %v gives %+v", d, fractions, b)
			}
			last = b.Spent
		}
		c, err := Cross(bounds, 0, d.Sides)
		// 1e-5 of alpha for the grid and for looks that Cross passes over.
		if err != nil || !(c.Power <= alpha*(1+1e-5)+1e-12) {
			t.Fatalf("%+v at %v spends %v: %v", d, fractions, c.Power, err)
		}
	})
}

func BenchmarkBounds(b *testing.B) {
	for _, n := range []int{5, 60, 1000} {
		fractions := every(1, n, n)
		b.Run(fmt.Sprintf("looks=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustBounds(b, Design{Alpha: 0.01}, fractions)
			}
		})
	}
}

func BenchmarkCross(b *testing.B) {
	bounds := mustBounds(b, Design{Alpha: 0.01}, every(1, 60, 60))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Cross(bounds, 3, TwoSided); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDrift(b *testing.B) {
	bounds := mustBounds(b, Design{Alpha: 0.01}, every(1, 60, 60))
	for b.Loop() {
		if _, err := Drift(bounds, TwoSided, 0.8); err != nil {
			b.Fatal(err)
		}
	}
}
