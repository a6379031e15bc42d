package distribution

import (
	"math"

	"github.com/judged-dev/judged/judge"
)

// Quantile returns the value that a share q of the observations does not
// exceed, 0 <= q <= 1; NaN without observations or for another q.
//
// The quantile lies in a bucket whose edges bound it. Within the bucket it is
// interpolated: linearly for arbitrary bounds, in the logarithm for exponential
// ones (Prometheus does the same). In a bucket without an end it is the end
// there is: the true value is farther out, or NaN if there is neither.
func Quantile(h judge.Histogram, q float64) float64 {
	total := h.Total()
	if !(q >= 0 && q <= 1 && total > 0) {
		return math.NaN()
	}
	v, _ := newGrid(h.Bounds).quantile(h.Counts, q*total)
	return v
}

// grid is buckets and how to interpolate within them.
type grid struct {
	bounds []float64
	// logs are the logarithms of the bounds if the positive ones are powers of
	// one base, else nil.
	logs []float64
}

func newGrid(bounds []float64) grid {
	if !exponential(bounds) {
		return grid{bounds: bounds}
	}
	return newExponentialGrid(bounds)
}

func newExponentialGrid(bounds []float64) grid {
	g := grid{bounds, make([]float64, len(bounds))}
	for i, b := range bounds {
		g.logs[i] = math.Log(b) // NaN below 0, where nobody asks for it
	}
	return g
}

// exponential reports whether the widths of the logarithms of all positive buckets
// are whole multiples of the smallest: a run of buckets without observations
// may be written as one.
func exponential(bounds []float64) bool {
	// Two widths may be alike by chance, as those of 1, 2, 4.
	const least = 3
	// Of decimal bounds such as 0.0128: they are exact to 1e-16, and hardly
	// anybody writes less than seven digits.
	const within = 1e-6
	width, n := math.Inf(1), 0
	for i := range bounds {
		if w, ok := logWidth(bounds, i); ok {
			width = min(width, w)
			n++
		}
	}
	if n < least {
		return false
	}
	for i := range bounds {
		if w, ok := logWidth(bounds, i); ok && math.Abs(w/width-math.Round(w/width)) > within*w/width {
			return false
		}
	}
	return true
}

// logWidth returns the width of the bucket that begins with edge i in the
// logarithm; ok if it has one.
func logWidth(bounds []float64, i int) (width float64, ok bool) {
	if i+1 == len(bounds) || !(bounds[i] > 0 && bounds[i+1] <= math.MaxFloat64) {
		return 0, false
	}
	return math.Log(bounds[i+1] / bounds[i]), true
}

// quantile returns the value with rank observations below, and whether it lies
// in a bucket without an end.
func (g grid) quantile(counts []float64, rank float64) (v float64, open bool) {
	w := walk{counts: counts, bucket: -1}
	part := w.to(rank)
	if w.bucket < 0 {
		return math.NaN(), true
	}
	return g.within(w.bucket, part), g.open(w.bucket)
}

// walk finds ranks in ascending order.
type walk struct {
	counts []float64
	// next is the bucket that comes next, below the observations before it.
	next  int
	below float64
	// bucket holds the last rank, -1 before.
	bucket int
}

// to walks to the bucket in which rank observations are reached, and returns
// which part of it is below.
func (w *walk) to(rank float64) float64 {
	if w.bucket >= 0 && rank <= w.below {
		c := w.counts[w.bucket]
		return max(1-(w.below-rank)/c, 0)
	}
	for ; w.next < len(w.counts); w.next++ {
		c := w.counts[w.next]
		if c <= 0 {
			continue
		}
		w.bucket = w.next
		w.below += c
		if rank <= w.below {
			w.next++
			return max(1-(w.below-rank)/c, 0)
		}
	}
	return 1 // rounding left more than there is
}

func (g grid) open(i int) bool {
	return math.IsInf(g.bounds[i], -1) || math.IsInf(g.bounds[i+1], 1)
}

// within returns the value that a part of bucket i does not exceed.
func (g grid) within(i int, part float64) float64 {
	lo, hi := g.bounds[i], g.bounds[i+1]
	switch below, above := math.IsInf(lo, -1), math.IsInf(hi, 1); {
	case below && above:
		return math.NaN()
	case below:
		return hi
	case above:
		return lo
	case g.geometric(i):
		return min(max(math.Exp(g.logs[i]*(1-part)+g.logs[i+1]*part), lo), hi)
	default:
		return min(max(lo*(1-part)+hi*part, lo), hi)
	}
}

// logWithin returns the logarithm of within.
func (g grid) logWithin(i int, part float64) float64 {
	if g.geometric(i) && g.bounds[i+1] <= math.MaxFloat64 {
		return g.logs[i]*(1-part) + g.logs[i+1]*part
	}
	return math.Log(g.within(i, part))
}

func (g grid) geometric(i int) bool { return g.logs != nil && g.bounds[i] > 0 }

// part is the inverse of within: which part of bucket i is below v.
func (g grid) part(i int, v float64) float64 {
	lo, hi := g.bounds[i], g.bounds[i+1]
	switch {
	case v <= lo:
		return 0
	case v >= hi:
		return 1
	case math.IsInf(lo, -1):
		return 0
	case math.IsInf(hi, 1):
		return 1
	case g.geometric(i):
		return (math.Log(v) - g.logs[i]) / (g.logs[i+1] - g.logs[i])
	default:
		return (v/2 - lo/2) / (hi/2 - lo/2)
	}
}

// above returns the interpolated number of observations above v.
func (g grid) above(counts []float64, v float64) float64 {
	sum := 0.0
	for i := len(counts) - 1; i >= 0 && g.bounds[i+1] > v; i-- {
		sum += counts[i] * (1 - g.part(i, v))
	}
	return sum
}
