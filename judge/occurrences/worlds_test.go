package occurrences

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/adjust"
	"github.com/judged-dev/judged/judge/judgetest"
)

// alpha is the false discovery rate that the tests ask for.
const alpha = 0.05

// world draws families of things: most are rare, some in nearly every unit; a
// third are shares, a third rates, a third dispersed rates.
type world struct {
	random *rand.Rand
	// n0 and n1 are the units, and the exposures, of both sides.
	n0, n1 float64
}

func newWorld(seed uint64) *world {
	random := rand.New(rand.NewPCG(seed, 7))
	n0 := 20 + math.Floor(400*random.Float64())
	return &world{random: random, n0: n0, n1: math.Ceil(n0 * []float64{1, .5, .1}[random.IntN(3)])}
}

func (w *world) binomial(n, p float64) float64 {
	return distuv.Binomial{N: n, P: min(p, 1), Src: w.random}.Rand()
}

func (w *world) poisson(mean float64) float64 {
	if !(mean > 0) {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: w.random}.Rand()
}

// item draws the i-th thing, which is ratio times as frequent on the canary.
func (w *world) item(i int, ratio float64) Item {
	// From one in 1000 to nearly always.
	frequency := math.Exp(math.Log(1e-3) * (1 - w.random.Float64()))
	if i%10 == 0 {
		frequency = 1 - frequency
	}
	b, c := judge.Tally{Exposure: w.n0}, judge.Tally{Exposure: w.n1}
	switch i % 3 {
	case 0:
		b.Events, c.Events = w.binomial(w.n0, frequency), w.binomial(w.n1, ratio*frequency)
		return Item{Shares: true, Baseline: b, Canary: c}
	case 1:
		b.Events, c.Events = w.poisson(w.n0*frequency), w.poisson(w.n1*frequency*ratio)
		return Item{Baseline: b, Canary: c}
	default:
		// Negative binomial with a variance of phi times the mean.
		const phi = 4
		draw := func(mean float64) float64 {
			return w.poisson(distuv.Gamma{Alpha: mean / (phi - 1), Beta: 1 / float64(phi-1), Src: w.random}.Rand())
		}
		b.Events, c.Events = draw(w.n0*frequency), draw(w.n1*frequency*ratio)
		return Item{Baseline: b, Canary: c, Dispersion: phi}
	}
}

// healthy returns n things that are as frequent on both sides.
func healthy(seed uint64, n int) []Item {
	w := newWorld(seed)
	items := make([]Item, n)
	for i := range items {
		items[i] = w.item(i, 1)
		if i%4 == 0 {
			items[i].Up, items[i].Down = .9, .1
		}
	}
	return items
}

func found(results []Result) (n int) {
	for _, r := range results {
		if r.Q <= alpha && r.Kind != "" {
			n++
		}
	}
	return n
}

// atMost fails if a share of trials is above a bound by more than three standard
// errors.
func atMost(t *testing.T, what string, sum float64, trials int, bound float64) {
	t.Helper()
	share := sum / float64(trials)
	t.Logf("%s: %.4f of %d", what, share, trials)
	if se := math.Sqrt(bound * (1 - bound) / float64(trials)); share > bound+3*se {
		t.Errorf("%s: %.4f of %d trials, more than %g by more than 3 standard errors of %.4f", what, share, trials, bound, se)
	}
}

// TestFalseAlarms: if the sides do not differ, anything is found in alpha of the
// families at most.
func TestFalseAlarms(t *testing.T) {
	for _, size := range []int{5, 50, 500} {
		trials, _ := judgetest.Trials(15_000 / size)
		alarms := 0
		for seed := range trials {
			if found(Test(healthy(uint64(seed), size), Options{})) > 0 {
				alarms++
			}
		}
		atMost(t, fmt.Sprintf("any finding among %d", size), float64(alarms), trials, alpha)
	}
}

// TestTogether: so it is where things come together, five to a unit.
func TestTogether(t *testing.T) {
	trials, _ := judgetest.Trials(400)
	alarms := 0
	for seed := range trials {
		var items []Item
		for _, it := range healthy(uint64(seed), 10) {
			for range 5 {
				items = append(items, it)
			}
		}
		if found(Test(items, Options{})) > 0 {
			alarms++
		}
	}
	atMost(t, "any finding among 10 groups of 5", float64(alarms), trials, alpha)
}

// TestFalseDiscoveryRate: a third of the things are three times as frequent, or a
// third as frequent; of what is found, alpha at most are others. Neither do things
// that differ a little, for sure, make room for false ones: a family may drift.
func TestFalseDiscoveryRate(t *testing.T) {
	for _, size := range []int{5, 50, 500} {
		for _, drift := range []bool{false, true} {
			trials, _ := judgetest.Trials(10_000 / size)
			rate, power := 0.0, 0.0
			for seed := range trials {
				w := newWorld(uint64(seed))
				items := make([]Item, size, 2*size)
				for i := range items {
					switch {
					case i%3 == 1 && i%2 == 0:
						items[i] = w.item(i, 3)
					case i%3 == 1:
						items[i] = w.item(i, 1./3)
					default:
						items[i] = w.item(i, 1)
					}
				}
				if drift {
					for range size {
						// 1.3 times as often, in thousands of events.
						items = append(items, Item{
							Baseline: judge.Tally{Events: w.poisson(5000), Exposure: w.n0},
							Canary:   judge.Tally{Events: w.poisson(6500 * w.n1 / w.n0), Exposure: w.n1},
						})
					}
				}
				right, wrong := 0, 0
				for i, r := range Test(items, Options{}) {
					switch {
					case r.Q > alpha || r.Kind == "":
					case i < size && i%3 == 1:
						right++
					default:
						wrong++
					}
				}
				rate += float64(wrong) / float64(max(1, wrong+right))
				power += float64(right) / float64(max(1, size/3))
			}
			t.Logf("size %d, drift %v: %.3f of what differs is found", size, drift, power/float64(trials))
			atMost(t, fmt.Sprintf("false part of what is found among %d, drift %v", size, drift), rate, trials, alpha)
		}
	}
}

// TestLooks: thirty looks, and the first finding ends it.
func TestLooks(t *testing.T) {
	const looks, size = 30, 20
	trials, _ := judgetest.Trials(200)
	for _, share := range []float64{.5, .1} {
		alarms := 0
		for seed := range trials {
			random := rand.New(rand.NewPCG(uint64(seed), 9))
			w := world{random: random}
			items := make([]Item, size)
			frequency := make([]float64, size)
			for i := range items {
				items[i].Shares = i%2 == 0
				frequency[i] = math.Exp(math.Log(1e-3) * random.Float64())
			}
			for look := 1; look <= looks; look++ {
				n := 100.0
				n1 := w.binomial(n, share)
				for i := range items {
					b, c := &items[i].Baseline, &items[i].Canary
					b.Exposure, c.Exposure = b.Exposure+n-n1, c.Exposure+n1
					if items[i].Shares {
						b.Events, c.Events = b.Events+w.binomial(n-n1, frequency[i]), c.Events+w.binomial(n1, frequency[i])
					} else {
						b.Events, c.Events = b.Events+w.poisson((n-n1)*frequency[i]), c.Events+w.poisson(n1*frequency[i])
					}
				}
				if found(Test(items, Options{Looks: true, Last: look == looks})) > 0 {
					alarms++
					break
				}
			}
		}
		atMost(t, fmt.Sprintf("any finding at any of 30 looks, canary's share %g", share), float64(alarms), trials, alpha)
	}
}

// TestPower compares with the procedure of Benjamini and Hochberg on the same p
// values: rare things around must not hide what is new.
func TestPower(t *testing.T) {
	trials, _ := judgetest.Trials(200)
	for _, size := range []int{5, 50, 500} {
		ours, plain := 0, 0
		for seed := range trials {
			items := healthy(uint64(seed), size)
			w := newWorld(uint64(seed))
			items[0] = Item{Shares: true, Baseline: judge.Tally{Exposure: w.n0}, Canary: judge.Tally{Events: w.binomial(w.n1, .25), Exposure: w.n1}}
			results := Test(items, Options{})
			p := make([]float64, size)
			for i, r := range results {
				p[i] = r.PValue
			}
			if results[0].Q <= alpha && results[0].Kind != "" {
				ours++
			}
			if adjust.BH(p)[0] <= alpha {
				plain++
			}
		}
		t.Logf("among %d: found %.3f, by Benjamini and Hochberg %.3f", size, float64(ours)/float64(trials), float64(plain)/float64(trials))
		if ours < plain || size >= 50 && ours == plain {
			t.Errorf("among %d: found %d of %d, Benjamini and Hochberg find %d", size, ours, trials, plain)
		}
	}
}

// TestOrder: the order of the items does not matter, but for how sums round.
func TestOrder(t *testing.T) {
	for seed := range uint64(20) {
		items := healthy(seed, 60)
		items[7].Canary.Events += 20
		for _, o := range []Options{{}, {Looks: true, Last: true}} {
			want := Test(items, o)
			order := rand.New(rand.NewPCG(seed, 1)).Perm(len(items))
			shuffled := make([]Item, len(items))
			for i, k := range order {
				shuffled[i] = items[k]
			}
			for i, r := range Test(shuffled, o) {
				w := want[order[i]]
				if r.Kind != w.Kind || r.PValue != w.PValue || math.Abs(r.Q-w.Q) > 1e-12*w.Q {
					t.Fatalf("seed %d: %+v in one order, %+v in another", seed, w, r)
				}
			}
		}
	}
}

// TestSymmetry: exchanged sides give the same evidence for the opposite.
func TestSymmetry(t *testing.T) {
	opposite := map[judge.ChangeKind]judge.ChangeKind{judge.New: judge.Lost, judge.Lost: judge.New, judge.Up: judge.Down, judge.Down: judge.Up, "": ""}
	for seed := range uint64(50) {
		items := healthy(seed, 30)
		for i := range items {
			items[i].Up, items[i].Down = 0, 0
			// What matters is not symmetric where the events are not enough on one side only.
			if i%3 == 0 {
				items[i].Canary.Events = items[i].Canary.Exposure
			}
		}
		exchanged := slices.Clone(items)
		for i, it := range items {
			exchanged[i].Baseline, exchanged[i].Canary = it.Canary, it.Baseline
		}
		a, b := Test(items, Options{Events: 1e-9}), Test(exchanged, Options{Events: 1e-9})
		for i := range a {
			if opposite[a[i].Kind] != b[i].Kind || math.Abs(a[i].PValue-b[i].PValue) > 1e-9*a[i].PValue || math.Abs(a[i].Q-b[i].Q) > 1e-8*a[i].Q {
				t.Errorf("seed %d: %+v gives %+v, exchanged %+v", seed, items[i], a[i], b[i])
			}
		}
	}
}
