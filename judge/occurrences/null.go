package occurrences

import (
	"math"
	"slices"
	"sort"

	"github.com/judged-dev/judged/judge"
)

// null is the distribution of an item's p value if the sides do not differ, given
// its totals. That of a few events takes a few values only, most of them far from
// small: three events can hardly tell anything, and a family that counts them as if
// they could loses its power (Tarone 1990, Gilbert 2005).
type null struct {
	// p are the values that the p value can take if the item has the whole error,
	// ascending, and chance the probabilities that it is at most that.
	p, chance []float64
	// alone and among are the p value by the canary's events, from the least possible
	// on: that of the test, and that of the family, which is 1 if the difference is
	// too small to matter.
	least        int
	alone, among []float64
}

// most values of an item's p value that are counted one by one; with more it is
// nearly uniform.
const mostValues = 256

// tie is by which part two p values may differ and still be the same: the two
// tails of a symmetric distribution are summed in different orders.
const tie = 1e-9

// totals are what a null distribution depends on.
type totals struct {
	shares         bool
	marked, n0, n1 float64 // events of both sides, exposures of each
	parts          parts
}

// totals returns what is given when an item is tested; false if its p value can be
// taken as uniform.
func (it Item) totals() (totals, bool) {
	b, c := it.Baseline, it.Canary
	t := totals{shares: it.Shares, marked: b.Events + c.Events, n0: b.Exposure, n1: c.Exposure, parts: it.parts()}
	if t.marked != math.Floor(t.marked) || c.Events != math.Floor(c.Events) { // divided by a dispersion
		return totals{}, false
	}
	least, most := t.support()
	return t, most-least < mostValues
}

// support returns how few and how many of the events can be the canary's.
func (t totals) support() (least, most float64) {
	if t.shares {
		return max(0, t.marked-t.n0), min(t.n1, t.marked)
	}
	return 0, t.marked
}

// item returns the item of which so many events are the canary's.
func (t totals) item(k float64) Item {
	return Item{
		Baseline: judge.Tally{Events: t.marked - k, Exposure: t.n0},
		Canary:   judge.Tally{Events: k, Exposure: t.n1},
		Shares:   t.shares,
	}
}

// log returns the logarithm of the probability that so many are the canary's.
func (t totals) log(k float64) float64 {
	if t.shares {
		return choose(t.n1, k) + choose(t.n0, t.marked-k) - choose(t.n0+t.n1, t.marked)
	}
	share := t.n1 / (t.n0 + t.n1)
	return choose(t.marked, k) + k*math.Log(share) + (t.marked-k)*math.Log1p(-share)
}

// null returns the distribution of the p value given the totals.
func (t totals) null(o Options) *null {
	least, most := t.support()
	n := int(most-least) + 1
	mass, more, fewer := make([]float64, n), make([]float64, n), make([]float64, n)
	sum := 0.0
	for i := range mass {
		mass[i] = math.Exp(t.log(least + float64(i)))
		sum += mass[i]
		fewer[i] = sum
	}
	sum = 0
	for i, m := range slices.Backward(mass) {
		sum += m
		more[i] = sum
	}
	d := &null{least: int(least), alone: make([]float64, n), among: make([]float64, n)}
	whole := make([]float64, n)
	var order []int // of what matters
	for i := range mass {
		d.alone[i], d.among[i] = t.parts.p(more[i], fewer[i]), 1
		if t.item(least+float64(i)).kind(o) != "" {
			d.among[i] = d.alone[i]
			whole[i] = t.parts.whole().p(more[i], fewer[i])
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return whole[order[a]] < whole[order[b]] })
	sum = 0
	for _, i := range order {
		sum += mass[i]
		if k := len(d.p); k > 0 && whole[i] <= d.p[k-1]*(1+tie) {
			d.chance[k-1] = sum
			continue
		}
		d.p, d.chance = append(d.p, whole[i]), append(d.chance, sum)
	}
	return d
}

// atMost returns a probability that the p value among the family, if it is below 1,
// is at most p: the largest one, that of an item with the whole error.
func (n *null) atMost(p float64) float64 {
	p *= 1 + tie
	i := sort.Search(len(n.p), func(i int) bool { return n.p[i] > p })
	if i == 0 {
		return 0
	}
	return min(1, n.chance[i-1])
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c
}

// family is items that are tested together, those of equal totals as one.
type family struct {
	options Options
	// members in the order in which they came: sums round the same every time.
	members []*member
	at      map[totals]*member
	// uniform is how many there are of which the p value is uniform.
	uniform int
}

type member struct {
	null  *null
	count int
}

func newFamily(o Options) *family {
	return &family{options: o, at: map[totals]*member{}}
}

// p returns the p value of an item, alone and among the family, and counts it.
func (f *family) p(it Item) (alone, among float64) {
	if !it.valid() {
		return math.NaN(), math.NaN()
	}
	t, ok := it.totals()
	if !ok {
		f.uniform++
		alone, among = it.parts().p(it.tails()), 1
		if it.kind(f.options) != "" {
			among = alone
		}
		return alone, among
	}
	m, ok := f.at[t]
	if !ok {
		m = &member{null: t.null(f.options)}
		f.at[t] = m
		f.members = append(f.members, m)
	}
	m.count++
	k := int(it.Canary.Events) - m.null.least
	return m.null.alone[k], m.null.among[k]
}

// adjust returns the false discovery rates at which each is found, by the
// step-down procedure for discrete tests of Döhler, Durand and Roquain (2018,
// Electron. J. Statist. 12:1867-1900, DBH-SD). Its critical values are the largest
// t with sum F_i(t)/(1-F_i(t)) <= rate * rank, F_i being the distribution functions
// of the p values if the sides do not differ.
func (f *family) adjust(p []float64) []float64 {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	q := slices.Clone(p)
	most, last, expected := 0.0, math.NaN(), 0.0
	for rank, i := range order {
		if most < 1 && !(p[i] <= last*(1+tie)) {
			last, expected = p[i], f.expected(p[i])
		}
		most = max(most, min(1, expected/float64(rank+1)))
		q[i] = most
	}
	return q
}

// expected returns the sum over the family of the odds that a p value is at most p
// by chance.
func (f *family) expected(p float64) float64 {
	if p >= 1 {
		return math.Inf(1)
	}
	odds := func(chance float64) float64 {
		if chance >= 1 {
			return math.Inf(1)
		}
		return chance / (1 - chance)
	}
	sum := float64(f.uniform) * odds(p)
	for _, m := range f.members {
		if chance := m.null.atMost(p); chance > 0 {
			sum += float64(m.count) * odds(chance)
		}
	}
	return sum
}
