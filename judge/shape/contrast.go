package shape

import (
	"cmp"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// blockLength is the length of the stretches that window and history are
	// compared in: a top decile depends on how many points it is the top of.
	blockLength = 30
	// minBlocks of history are needed to know how shape varies.
	minBlocks = 2
	// decile is the share of points that make the tail.
	decile = 0.1
	// floorShare of the mean size is added to every level before its logarithm,
	// so that a quiet tenth of zeros is no infinite ratio.
	floorShare = 0.02
)

// series are the intervals with data on both sides.
type series struct{ baseline, canary []float64 }

func (s series) len() int { return len(s.baseline) }

func (s series) slice(from, to int) series {
	return series{s.baseline[from:to], s.canary[from:to]}
}

// collect returns the pairs of p, as rates where there are totals, and whether
// all are at least 0: below, a ratio of tails means nothing. It copies only if it
// must.
func collect(p judge.Pair) (s series, ok bool) {
	if complete(p.Baseline) && complete(p.Canary) {
		return series{p.Baseline.Values, p.Canary.Values}, true
	}
	n := len(p.Baseline.Values)
	buffer := make([]float64, 2*n)
	s = series{buffer[:0:n], buffer[n:n]}
	for i := range n {
		if !p.Baseline.Has(i) || !p.Canary.Has(i) {
			continue
		}
		b, c := p.Baseline.Values[i], p.Canary.Values[i]
		if p.Baseline.Totals != nil {
			if !(p.Baseline.Totals[i] > 0 && p.Canary.Totals[i] > 0) {
				continue
			}
			b, c = b/p.Baseline.Totals[i], c/p.Canary.Totals[i]
		}
		if b < 0 || c < 0 {
			return series{}, false
		}
		s.baseline, s.canary = append(s.baseline, b), append(s.canary, c)
	}
	return s, true
}

// complete reports whether s is plain values, all there and at least 0.
func complete(s judge.Side) bool {
	if s.Totals != nil || s.Histograms != nil {
		return false
	}
	for _, v := range s.Values {
		if !(v >= 0 && v <= math.MaxFloat64) {
			return false
		}
	}
	return true
}

// measure is the shape of one stretch, canary against baseline, as logarithms
// of ratios.
type measure struct {
	// tail is that of the top (or bottom) decile.
	tail float64
	// mean and median are those of the level in two ways.
	mean, median float64
	// spread is that of the coefficient of variation.
	spread float64
}

// beyondLevel returns what the tail moved more than the level, whichever of
// mean and median explains more of it.
func (m measure) beyondLevel() float64 {
	byMean, byMedian := m.tail-m.mean, m.tail-m.median
	if (byMean > 0) != (byMedian > 0) {
		return 0
	}
	if math.Abs(byMean) < math.Abs(byMedian) {
		return byMean
	}
	return byMedian
}

// ruler measures stretches of one signal.
type ruler struct {
	// bottom: the bad tail is the low one.
	bottom bool
	// floor is added before logarithms.
	floor float64
}

func newRuler(s judge.Signal, all ...series) ruler {
	sum, n := 0.0, 0
	for _, one := range all {
		for i := range one.baseline {
			sum += one.baseline[i]/2 + one.canary[i]/2
		}
		n += one.len()
	}
	return ruler{bottom: s.Direction == judge.Decrease, floor: floorShare * sum / float64(n)}
}

func (r ruler) log(c, b float64) float64 { return math.Log((c + r.floor) / (b + r.floor)) }

// spread returns the logarithm of the ratio of the coefficients of variation.
func (r ruler) spread(cMean, cStd, bMean, bStd float64) float64 {
	const least = 0.02 // no series is calmer than two per cent as far as spread goes
	return math.Log((cStd/(cMean+r.floor) + least) / (bStd/(bMean+r.floor) + least))
}

// measure overwrites scratch, which must be as long as s or longer.
func (r ruler) measure(s series, scratch []float64) measure {
	bTail, bMean, bMedian, bStd := r.describe(s.baseline, scratch)
	cTail, cMean, cMedian, cStd := r.describe(s.canary, scratch)
	return measure{
		tail: r.log(cTail, bTail), mean: r.log(cMean, bMean), median: r.log(cMedian, bMedian),
		spread: r.spread(cMean, cStd, bMean, bStd),
	}
}

// describe returns the mean of the tail, mean, median and standard deviation.
func (r ruler) describe(x, scratch []float64) (tail, mean, median, std float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		std += (v - mean) * (v - mean)
	}
	std = math.Sqrt(std / float64(max(len(x)-1, 1)))
	scratch = scratch[:copy(scratch, x)]
	median = stat.SplitMedian(scratch)
	k := tailSize(len(x))
	if r.bottom {
		stat.Select(scratch, k-1)
		scratch = scratch[:k]
	} else {
		stat.Select(scratch, len(x)-k)
		scratch = scratch[len(x)-k:]
	}
	for _, v := range scratch {
		tail += v
	}
	return tail / float64(k), mean, median, std
}

func tailSize(n int) int { return int(math.Ceil(decile * float64(n))) }

// blocks measures the stretches of s, the last ones if it is no multiple of
// their length.
func (r ruler) blocks(s series, length int) []measure {
	var scratch [blockLength]float64
	k := s.len() / length
	out := make([]measure, k)
	from := s.len() - k*length
	for i := range out {
		out[i] = r.measure(s.slice(from+i*length, from+(i+1)*length), scratch[:])
	}
	return out
}

// pieces is how many parts the jackknife leaves out one by one.
func pieces(n int) int {
	if n < 20 {
		return 5
	}
	return 10
}

// tailError returns the jackknife's standard error of the logarithm of the
// ratio of tails, leaving out one stretch after the other, so that
// autocorrelation counts (Kuensch 1989).
func (r ruler) tailError(s series) float64 {
	k := pieces(s.len())
	b, c := newTop(s.baseline, k, r.bottom), newTop(s.canary, k, r.bottom)
	return jackknife(k, func(i int) float64 { return r.log(c.without(i), b.without(i)) })
}

// spreadError is the same for the spread.
func (r ruler) spreadError(s series) float64 {
	k := pieces(s.len())
	b, c := newSums(s.baseline, k), newSums(s.canary, k)
	return jackknife(k, func(i int) float64 {
		bMean, bStd := b.without(i)
		cMean, cStd := c.without(i)
		return r.spread(cMean, cStd, bMean, bStd)
	})
}

func jackknife(k int, without func(i int) float64) float64 {
	var mean, squares float64
	values := make([]float64, k)
	for i := range values {
		values[i] = without(i)
		mean += values[i] / float64(k)
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares * float64(k-1) / float64(k))
}

// top knows the tail of a series without any one of its pieces: of the points
// in order of size only so many are kept as a piece can remove.
type top struct {
	n, pieces int
	extreme   []placed
}

type placed struct {
	value float64
	piece int
}

func newTop(x []float64, k int, bottom bool) top {
	t := top{n: len(x), pieces: k}
	keep := min(tailSize(len(x))+len(x)/k+1, len(x))
	scratch := slices.Clone(x)
	var limit float64
	if bottom {
		limit = stat.Select(scratch, keep-1)
	} else {
		limit = stat.Select(scratch, len(x)-keep)
	}
	t.extreme = make([]placed, 0, keep)
	ties := keep
	for _, v := range scratch {
		if v != limit && (v < limit) == bottom {
			ties--
		}
	}
	for i, v := range x {
		switch {
		case v == limit && ties > 0:
			ties--
		case v != limit && (v < limit) == bottom:
		default:
			continue
		}
		t.extreme = append(t.extreme, placed{v, pieceOf(i, len(x), k)})
	}
	slices.SortFunc(t.extreme, func(a, b placed) int {
		if bottom {
			return cmp.Compare(a.value, b.value)
		}
		return cmp.Compare(b.value, a.value)
	})
	return t
}

// pieceOf returns the piece of point i: piece p holds the points from p n/k on.
func pieceOf(i, n, k int) int {
	p := i * k / n
	for p+1 < k && (p+1)*n/k <= i {
		p++
	}
	for p*n/k > i {
		p--
	}
	return p
}

func (t top) without(piece int) float64 {
	left := t.n - ((piece+1)*t.n/t.pieces - piece*t.n/t.pieces)
	k := tailSize(left)
	sum, taken := 0.0, 0
	for _, p := range t.extreme {
		if p.piece == piece {
			continue
		}
		sum += p.value
		if taken++; taken == k {
			break
		}
	}
	return sum / float64(max(taken, 1))
}

// sums knows mean and standard deviation of a series without any one of its
// pieces. Points are centred first, so that no digits cancel.
type sums struct {
	center         float64
	n              []float64
	first, squares []float64
}

func newSums(x []float64, k int) sums {
	s := sums{n: make([]float64, k), first: make([]float64, k), squares: make([]float64, k)}
	for _, v := range x {
		s.center += v / float64(len(x))
	}
	for i, v := range x {
		p := pieceOf(i, len(x), k)
		d := v - s.center
		s.n[p]++
		s.first[p] += d
		s.squares[p] += d * d
	}
	return s
}

func (s sums) without(piece int) (mean, std float64) {
	var n, first, squares float64
	for p := range s.n {
		if p != piece {
			n += s.n[p]
			first += s.first[p]
			squares += s.squares[p]
		}
	}
	return s.center + first/n, math.Sqrt(max(squares-first*first/n, 0) / max(n-1, 1))
}
