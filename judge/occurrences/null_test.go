package occurrences

import (
	"math"
	"math/big"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// rational returns the exact probability that so many of the events are the
// canary's.
func rational(t totals, k int64) *big.Rat {
	c := func(n, k int64) *big.Int { return new(big.Int).Binomial(n, k) }
	marked, n0, n1 := int64(t.marked), int64(t.n0), int64(t.n1)
	if t.shares {
		return new(big.Rat).SetFrac(new(big.Int).Mul(c(n1, k), c(n0, marked-k)), c(n0+n1, marked))
	}
	power := func(a, n int64) *big.Int { return new(big.Int).Exp(big.NewInt(a), big.NewInt(n), nil) }
	ways := new(big.Int).Mul(c(marked, k), new(big.Int).Mul(power(n1, k), power(n0, marked-k)))
	return new(big.Rat).SetFrac(ways, power(n0+n1, marked))
}

var someTotals = []totals{
	{shares: true, marked: 3, n0: 5, n1: 5},
	{shares: true, marked: 12, n0: 160, n1: 40},
	{shares: true, marked: 190, n0: 160, n1: 40}, // most have it
	{shares: true, marked: 40, n0: 3, n1: 90},    // hardly any baseline
	{shares: true, marked: 0, n0: 9, n1: 9},
	{shares: true, marked: 18, n0: 9, n1: 9}, // all have it
	{marked: 0, n0: 1, n1: 1},
	{marked: 7, n0: 1, n1: 1},
	{marked: 30, n0: 9, n1: 1},
	{marked: 90, n0: 1, n1: 2},
}

// TestNull checks the distribution of p values against exact arithmetic: each tail,
// and that p is at most t with a probability of at most t.
func TestNull(t *testing.T) {
	// Logarithms of factorials of some hundreds have twelve digits.
	const within = 1e-10
	o := Options{}.withDefaults()
	for _, total := range someTotals {
		for _, s := range []parts{{.5, .5}, {.9, .1}, {.1, .1}, {.9, .02}, {1, 0}} {
			total.parts = s
			n := total.null(o)
			least, most := total.support()
			more, fewer := big.NewRat(1, 1), new(big.Rat)
			chances := make([]float64, 0, len(n.alone))
			for k := int64(least); k <= int64(most); k++ {
				fewer.Add(fewer, rational(total, k))
				m, _ := more.Float64()
				more.Sub(more, rational(total, k))
				f, _ := fewer.Float64()
				want := s.p(m, f)
				if got := n.alone[k-int64(least)]; math.Abs(got-want) > within*want {
					t.Errorf("%+v: p of %d is %g, exactly %g", total, k, got, want)
				}
				// The same tails from the tests that items of many events take.
				if one := total.item(float64(k)); total.marked > 0 {
					if got := s.p(one.tails()); math.Abs(got-want) > 1e-9*want { // an incomplete beta function has nine digits and more
						t.Errorf("%+v: p of %d is %g by the test, exactly %g", total, k, got, want)
					}
				}
				chance, _ := rational(total, k).Float64()
				chances = append(chances, chance)
			}
			if one, _ := fewer.Float64(); one != 1 {
				t.Errorf("%+v: the probabilities sum to %g", total, one)
			}
			for _, values := range [][]float64{n.alone, n.among} {
				for _, p := range values {
					if p > .999 {
						continue // all that is nearly 1 is the same value
					}
					sum := 0.0
					for k, v := range values {
						if v <= p*(1+tie) {
							sum += chances[k]
						}
					}
					if sum > p*(1+within) {
						t.Errorf("%+v: p is at most %g with the probability %g", total, p, sum)
					}
					if &values[0] != &n.among[0] {
						continue
					}
					said := n.atMost(p)
					if exactly := s.up+s.down == 1; said < sum-within || said > p*(1+within) || exactly && said > sum+within {
						t.Errorf("%+v: p is said to be at most %g with the probability %g, it is %g", total, p, said, sum)
					}
				}
			}
		}
	}
}

// TestAgainstR compares p values with those of R 4.2.2. Of shares:
//
//	fisher.test(matrix(c(12, 28, 0, 160), 2), alternative = "greater")$p.value
//
// of rates:
//
//	binom.test(7, 9, .2, "greater")$p.value
func TestAgainstR(t *testing.T) {
	share := func(x, n1, y, n0 float64) Item {
		return Item{Shares: true, Canary: judge.Tally{Events: x, Exposure: n1}, Baseline: judge.Tally{Events: y, Exposure: n0}}
	}
	rate := func(x, y, part float64) Item {
		return Item{Canary: judge.Tally{Events: x, Exposure: part}, Baseline: judge.Tally{Events: y, Exposure: 1 - part}}
	}
	for _, c := range []struct {
		name string
		item Item
		tail float64 // the smaller
	}{
		{"12 of 40, 0 of 160", share(12, 40, 0, 160), 9.14723917047e-10},
		{"1 of 30, 39 of 104", share(1, 30, 39, 104), 8.61860595861e-05},
		{"3 of 10, 4 of 40", share(3, 10, 4, 40), 0.132620108846},
		{"7 of 9 at a share of .2", rate(7, 2, .2), 0.000313856},
		{"0 of 25 at a share of .5", rate(0, 25, .5), 2.98023223877e-08},
		{"300 of 1000 at a share of .1", rate(300, 700, .1), 6.82334910784e-69},
		{"150 of 1000 at a share of .1", rate(150, 850, .1), 4.48944285945e-07},
	} {
		// R prints 12 digits, gonum's incomplete beta function has 9 and more.
		if got := Test([]Item{c.item}, Options{})[0].PValue; math.Abs(got-2*c.tail) > 1e-9*2*c.tail {
			t.Errorf("%s: p = %.12g, R says %.12g", c.name, got, 2*c.tail)
		}
	}
}

// stepDown is DBH-SD as Döhler, Durand and Roquain (2018) define it, with no thought
// of speed: critical values among all values that a p value can take.
func stepDown(nulls []*null, p []float64, alpha float64) []bool {
	odds := func(t float64) float64 {
		sum := 0.0
		for _, n := range nulls {
			chance := 0.0
			for i, v := range n.p {
				if v <= t*(1+tie) {
					chance = n.chance[i]
				}
			}
			if chance >= 1 {
				return math.Inf(1)
			}
			sum += chance / (1 - chance)
		}
		return sum
	}
	critical := make([]float64, len(p))
	for k := range critical {
		try := func(t float64) {
			if t < 1 && t > critical[k] && odds(t) <= alpha*float64(k+1) {
				critical[k] = t
			}
		}
		for i, n := range nulls {
			for _, t := range n.p {
				try(t)
			}
			try(p[i]) // less than the whole error makes other values
		}
	}
	rejected := make([]bool, len(p))
	for k := range p {
		at := -1
		for i, v := range p {
			if !rejected[i] && (at < 0 || v < p[at]) {
				at = i
			}
		}
		if !(p[at] <= critical[k]*(1+tie)) {
			break
		}
		rejected[at] = true
	}
	return rejected
}

func TestAdjustAgainstDefinition(t *testing.T) {
	o := Options{}.withDefaults()
	some := 0
	for seed := range uint64(200) {
		items := healthy(seed, 12)
		for i := range items[:4] { // so that something is rejected
			items[i].Canary.Events = math.Floor(min(3*items[i].Canary.Events+4, items[i].Canary.Exposure))
			items[i].Dispersion = 0
		}
		f := newFamily(o)
		var p []float64
		var nulls []*null
		for i, it := range items {
			it = it.whole()
			if i%3 == 0 {
				it.Up, it.Down = .2, .1
			}
			it.Canary.Events, it.Baseline.Events = math.Floor(it.Canary.Events), math.Floor(it.Baseline.Events)
			total, ok := it.totals()
			if !ok {
				continue // its p value is uniform: it has no list of values
			}
			_, among := f.p(it)
			p, nulls = append(p, among), append(nulls, total.null(o))
		}
		q := f.adjust(p)
		for _, alpha := range []float64{.001, .01, .05, .2, .5} {
			want := stepDown(nulls, p, alpha)
			for i := range q {
				// A p value of 1 is never rejected: it says that nothing matters.
				if got := q[i] <= alpha; got != want[i] && p[i] < 1 {
					t.Errorf("seed %d: p %v of %v adjusted to %g, rejected by definition at %g: %v", seed, p[i], p, q[i], alpha, want[i])
				}
				if want[i] && alpha <= .05 {
					some++
				}
			}
		}
	}
	if some < 100 {
		t.Errorf("the definition rejected %d only: that checks little", some)
	}
}
