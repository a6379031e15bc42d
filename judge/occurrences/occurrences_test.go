package occurrences

import (
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		name     string
		baseline judge.Tally
		canary   judge.Tally
		want     judge.ChangeKind
	}{
		{"new", judge.Tally{Exposure: 100}, judge.Tally{Events: 3, Exposure: 100}, judge.New},
		{"new, but too seldom", judge.Tally{Exposure: 100}, judge.Tally{Events: 2, Exposure: 100}, ""},
		{"twice as often", judge.Tally{Events: 10, Exposure: 100}, judge.Tally{Events: 20, Exposure: 100}, judge.Up},
		{"not twice as often", judge.Tally{Events: 11, Exposure: 100}, judge.Tally{Events: 20, Exposure: 100}, ""},
		{"lost", judge.Tally{Events: 30, Exposure: 900}, judge.Tally{Exposure: 100}, judge.Lost},
		{"lost, but two were to be expected", judge.Tally{Events: 20, Exposure: 900}, judge.Tally{Exposure: 100}, ""},
		{"half as often", judge.Tally{Events: 40, Exposure: 100}, judge.Tally{Events: 20, Exposure: 100}, judge.Down},
		{"neither has it", judge.Tally{Exposure: 100}, judge.Tally{Exposure: 100}, ""},
		{"no canary", judge.Tally{Events: 40, Exposure: 100}, judge.Tally{}, ""},
	} {
		for _, shares := range []bool{true, false} {
			if got := Test([]Item{{Baseline: c.baseline, Canary: c.canary, Shares: shares}}, Options{})[0]; got.Kind != c.want {
				t.Errorf("%s, shares %v: %q, want %q", c.name, shares, got.Kind, c.want)
			} else if got.Kind == "" && !(got.Q == 1 || math.IsNaN(got.Q)) {
				t.Errorf("%s, shares %v: found at %g though it is too small to matter", c.name, shares, got.Q)
			}
		}
	}
}

func TestEffect(t *testing.T) {
	r := Test([]Item{{Baseline: judge.Tally{Events: 30, Exposure: 3}, Canary: judge.Tally{Events: 40, Exposure: 1}}}, Options{})[0]
	// R: binom.test(40, 70)$conf.int gives 0.4474871 to 0.6891321; the odds times 3.
	if e := r.Effect; e.Estimate != 4 || math.Abs(e.Low-3*0.4474871/(1-0.4474871)) > 1e-5 || math.Abs(e.High-3*0.6891321/(1-0.6891321)) > 1e-5 {
		t.Errorf("effect %+v", e)
	}
}

// TestDispersion: events of which ten come at a time weigh as one.
func TestDispersion(t *testing.T) {
	one := Test([]Item{{Baseline: judge.Tally{Events: 4, Exposure: 1}, Canary: judge.Tally{Events: 12, Exposure: 1}}}, Options{})[0]
	ten := Test([]Item{{Baseline: judge.Tally{Events: 40, Exposure: 1}, Canary: judge.Tally{Events: 120, Exposure: 1}, Dispersion: 10}}, Options{})[0]
	if math.Abs(one.PValue-ten.PValue) > 1e-12 || one.Kind != ten.Kind {
		t.Errorf("%+v for events one by one, %+v for events by ten", one, ten)
	}
}

// TestParts: what has a fifth of the error needs a fifth of the p value, and leaves
// the others as they are.
func TestParts(t *testing.T) {
	item := Item{Shares: true, Baseline: judge.Tally{Events: 2, Exposure: 50}, Canary: judge.Tally{Events: 12, Exposure: 50}}
	mild := item
	mild.Up, mild.Down = .1, .1
	half, fifth := Test([]Item{item}, Options{})[0], Test([]Item{mild}, Options{})[0]
	if math.Abs(fifth.PValue-5*half.PValue) > 1e-12 {
		t.Errorf("p = %g at a half each, %g at a tenth each", half.PValue, fifth.PValue)
	}
	among := func(other Item) float64 { return Test([]Item{item, other, other, other}, Options{})[0].Q }
	other := Item{Baseline: judge.Tally{Events: 1000, Exposure: 1}, Canary: judge.Tally{Events: 1000, Exposure: 1}}
	otherMild := other
	otherMild.Up, otherMild.Down = .1, .1
	if equal, less := among(other), among(otherMild); less != equal {
		t.Errorf("among three others q is %g, %g if they have less of the error", equal, less)
	}
	// More than the whole is the whole.
	greedy := item
	greedy.Up, greedy.Down = 5, 5
	if got := Test([]Item{greedy}, Options{})[0].PValue; got != half.PValue {
		t.Errorf("p = %g with ten times the error, want %g", got, half.PValue)
	}
}

// TestManyEvents: the incomplete beta function fails at 1e8 events.
func TestManyEvents(t *testing.T) {
	for _, n := range []float64{1e6, 1e8, 1e12} {
		same := Test([]Item{{Baseline: judge.Tally{Events: n, Exposure: 1}, Canary: judge.Tally{Events: n, Exposure: 1}}}, Options{})[0]
		twice := Test([]Item{{Baseline: judge.Tally{Events: n, Exposure: 1}, Canary: judge.Tally{Events: 2 * n, Exposure: 1}}}, Options{})[0]
		if same.PValue < .99 || same.Q != 1 || twice.Q > 1e-12 || !(twice.Effect.Low > 1.9 && twice.Effect.High < 2.1) {
			t.Errorf("%g events on both sides: %+v, twice as many: %+v", n, same, twice)
		}
	}
}

// TestHostile: nothing that a caller may hand in makes a panic or a p value that is
// none.
func TestHostile(t *testing.T) {
	values := []float64{0, 1, 3, 2.5, 1e-300, 1e9, 1e300, -1, math.NaN(), math.Inf(1)}
	var items []Item
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				for _, d := range values {
					for _, shares := range []bool{true, false} {
						items = append(items, Item{Baseline: judge.Tally{Events: a, Exposure: b}, Canary: judge.Tally{Events: c, Exposure: d}, Shares: shares})
					}
				}
			}
		}
	}
	for _, o := range []Options{{}, {Looks: true, Last: true}, {Ratio: math.NaN(), Events: -1, Level: 7}} {
		for i, r := range Test(items, o) {
			if bad := func(v float64) bool { return v < 0 || v > 1 }; bad(r.PValue) || bad(r.Q) {
				t.Fatalf("%+v: %+v", items[i], r)
			}
			if math.IsNaN(r.Q) && r.Kind != "" {
				t.Fatalf("%+v: %+v has a kind without a test", items[i], r)
			}
		}
	}
}
