package rank

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Estimate is a location with its confidence interval, in the unit of the data.
type Estimate struct {
	Value     float64
	Low, High float64
}

// Shift returns the Hodges-Lehmann estimate of how far the values of x lie
// above those of y, the median of all differences x[i]-y[j], and its interval at
// level 1-alpha: the shifts that MannWhitney does not reject.
//
// The ends are differences too (Bauer 1972), by the exact distribution of U up
// to 50 values a side, else by the normal with continuity correction; with
// ties the interval covers at least what it promises. Where no difference has
// the level, as with 3 and 3 values at alpha 0.05, the interval is (-Inf, Inf).
//
// It costs O((m+n) log(m+n)): no difference is stored. NaN for an empty sample,
// a NaN or an alpha outside (0, 1).
func Shift(x, y []float64, alpha float64) Estimate {
	if len(x) == 0 || len(y) == 0 || !(alpha > 0 && alpha < 1) || hasNaN(x) || hasNaN(y) {
		return undefinedEstimate()
	}
	d := differences{slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))}
	m, n := len(x), len(y)
	var order int
	if m <= exactSize && n <= exactSize {
		order = exactOrder(MannWhitneyU(m, n), alpha)
	} else {
		mn := float64(m) * float64(n)
		order = normalOrder(mn/2, math.Sqrt(mn*float64(m+n+1)/12), alpha)
	}
	return estimate(d, m*n, order)
}

// Center returns the Hodges-Lehmann estimate of the center of values that are
// symmetric about it, the median of the means (x[i]+x[j])/2 of all pairs i <= j,
// and its interval at level 1-alpha: the centers that SignedRank does not
// reject. All that is said of Shift holds for it.
func Center(x []float64, alpha float64) Estimate {
	if len(x) == 0 || !(alpha > 0 && alpha < 1) || hasNaN(x) {
		return undefinedEstimate()
	}
	n := len(x)
	sorted := slices.Sorted(slices.Values(x))
	var order int
	if n <= exactSize {
		order = exactOrder(SignedRankV(n), alpha)
	} else {
		k := float64(n)
		order = normalOrder(k*(k+1)/4, math.Sqrt(k*(k+1)*(2*k+1)/24), alpha)
	}
	return estimate(newWalsh(sorted), n*(n+1)/2, order)
}

func undefinedEstimate() Estimate {
	nan := math.NaN()
	return Estimate{nan, nan, nan}
}

// exactOrder returns which of the ordered differences is the interval's lower
// end, counted from 1; 0 if none has the level.
func exactOrder(d Distribution, alpha float64) int {
	if d.CDF(0) > alpha/2*(1+1e-12) {
		return 0
	}
	return max(int(d.Quantile(alpha/2)), 1)
}

// normalOrder is exactOrder by the normal approximation.
func normalOrder(mean, sd, alpha float64) int {
	return max(int(math.Floor(mean-stat.NormalUpper(alpha/2)*sd+0.5)), 0)
}

// estimate returns the median of all pairs and the ones that are order from
// either end.
func estimate(p pairs, all, order int) Estimate {
	e := Estimate{Low: math.Inf(-1), High: math.Inf(1)}
	e.Value = kth(p, (all+1)/2)
	if all%2 == 0 {
		e.Value = middle(e.Value, following(p, e.Value, all/2+1))
	}
	if order > 0 {
		e.Low, e.High = kth(p, order), kth(p, all+1-order)
	}
	return e
}

// middle returns the mean of a <= b without overflow.
func middle(a, b float64) float64 {
	if a == b {
		return a // infinities
	}
	if sum := a + b; !math.IsInf(sum, 0) {
		return sum / 2
	}
	return a/2 + b/2
}

// pairs is a set of numbers, one a pair of values, too many to list.
type pairs interface {
	// count returns how many are at most v.
	count(v float64) int
	// next returns the least one above v, +Inf for none.
	next(v float64) float64
	// list appends those above after, or all if it is NaN, up to high to to.
	list(after, high float64, to []float64) []float64
	// few is how many of them to list rather than count on.
	few() int
	// ends returns the least and the largest.
	ends() (least, most float64)
}

// kth returns the k-th smallest of p, counted from 1, by bisection on the bit
// patterns of floats, which are ordered as they are: at most 64 counts, and the
// result is one of the numbers to the last bit. Once few are left between the
// ends they are listed.
func kth(p pairs, k int) float64 {
	least, most := p.ends()
	// The wanted one lies in [low, high]; below of all are at most after, the
	// last value before low.
	low, high := order(least), order(most)
	below, upTo, after := 0, p.count(most), math.NaN()
	for low < high {
		if room := p.few(); upTo-below <= room {
			list := p.list(after, fromOrder(high), make([]float64, 0, room))
			slices.Sort(list)
			return list[k-below-1] + 0 // no -0
		}
		mid := low + (high-low)/2
		v := fromOrder(mid)
		if c := p.count(v); c >= k {
			high, upTo = mid, c
		} else {
			low, below, after = mid+1, c, v
		}
	}
	return fromOrder(low) + 0
}

// following returns the k-th smallest if v is the one before.
func following(p pairs, v float64, k int) float64 {
	if p.count(v) >= k {
		return v
	}
	return p.next(v)
}

// order maps floats to integers of the same order.
func order(v float64) uint64 {
	b := math.Float64bits(v)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

func fromOrder(o uint64) float64 {
	if o>>63 == 1 {
		return math.Float64frombits(o &^ (1 << 63))
	}
	return math.Float64frombits(^o)
}

// differences are x[i]-y[j], rounded. Rounding keeps order, so in sorted
// samples they rise with i and fall with j, and a staircase parts those at
// most v from the rest.
type differences struct{ x, y []float64 }

func (d differences) ends() (least, most float64) {
	return difference(d.x[0], d.y[len(d.y)-1]), difference(d.x[len(d.x)-1], d.y[0])
}

// difference of equal infinities is 0.
func difference(a, b float64) float64 {
	if a == b {
		return 0
	}
	return a - b
}

func (d differences) count(v float64) int {
	total, j := 0, 0
	for _, x := range d.x {
		for j < len(d.y) && difference(x, d.y[j]) > v {
			j++
		}
		total += len(d.y) - j
	}
	return total
}

func (d differences) few() int { return len(d.x) + len(d.y) }

func (d differences) list(after, high float64, to []float64) []float64 {
	j := 0
	for _, x := range d.x {
		for j < len(d.y) && difference(x, d.y[j]) > high {
			j++
		}
		for _, y := range d.y[j:] {
			v := difference(x, y)
			if v <= after {
				break
			}
			to = append(to, v)
		}
	}
	return to
}

func (d differences) next(v float64) float64 {
	least, j := math.Inf(1), 0
	for _, x := range d.x {
		for j < len(d.y) && difference(x, d.y[j]) > v {
			j++
		}
		if j > 0 {
			least = min(least, difference(x, d.y[j-1]))
		}
	}
	return least
}

// walsh are the means of all pairs of values of x, each with itself too.
type walsh struct {
	x []float64
	// halved: sums would overflow.
	halved bool
}

func newWalsh(x []float64) walsh {
	most := max(math.Abs(x[0]), math.Abs(x[len(x)-1]))
	return walsh{x, most > math.MaxFloat64/2}
}

func (w walsh) mean(a, b float64) float64 {
	if a == -b {
		return 0 // infinities
	}
	if w.halved {
		return a/2 + b/2
	}
	return (a + b) / 2
}

func (w walsh) ends() (least, most float64) {
	first, last := w.x[0], w.x[len(w.x)-1]
	return w.mean(first, first), w.mean(last, last)
}

func (w walsh) count(v float64) int {
	total, j := 0, len(w.x)-1
	for i, a := range w.x {
		for j >= i && w.mean(a, w.x[j]) > v {
			j--
		}
		if j < i {
			break
		}
		total += j - i + 1
	}
	return total
}

func (w walsh) few() int { return len(w.x) }

func (w walsh) list(after, high float64, to []float64) []float64 {
	j := len(w.x) - 1
	for i, a := range w.x {
		for j >= i && w.mean(a, w.x[j]) > high {
			j--
		}
		for k := j; k >= i; k-- {
			v := w.mean(a, w.x[k])
			if v <= after {
				break
			}
			to = append(to, v)
		}
	}
	return to
}

func (w walsh) next(v float64) float64 {
	least, j := math.Inf(1), len(w.x)-1
	for i, a := range w.x {
		for j >= i && w.mean(a, w.x[j]) > v {
			j--
		}
		if k := max(j+1, i); k < len(w.x) {
			least = min(least, w.mean(a, w.x[k]))
		}
	}
	return least
}
