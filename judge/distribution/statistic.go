package distribution

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

const (
	// tail is how many observations a point needs beyond a quantile, or on either
	// side of an edge, where the arms hold about as many, and tailUnlike where
	// they do not: then what a small sample's quantile is off by does not cancel.
	tail, tailUnlike = 2, 5
	// unlike is the ratio of the arms' observations from which on they are.
	unlike = 1.25
	// mostUnlike bounds the points of unlike arms for the same reason: what is
	// off by a constant is the more significant the more points there are.
	mostUnlike = 30
	// crowded is the share of the observations from which on a bucket hides
	// where the quantile within it lies: hardly anything would leave it.
	crowded = 0.9
	// shareOf is the share of the baseline's observations that lie above the
	// edge that is chosen where the user names none.
	shareOf = 0.1
)

// quantiles are those that are compared.
var quantiles = []struct {
	q    float64
	name string
}{{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}}

// statistic is one number of a distribution that is judged as a gauge.
type statistic struct {
	// name as users read it: "p99", "share above 250 ms".
	name string
	// need is how many observations make a point.
	need float64
	// value returns the gauge's value, in the signal's unit, for counts by a grid,
	// as a sample of the given size would have it on average.
	value func(g grid, counts []float64, total, size float64) float64
	// objective is set for a share.
	objective *objective

	// history is the gauge before the change, nil if there is none.
	history *judge.Pair
	// points is the gauge, each of them width intervals wide on average.
	points judge.Pair
	width  float64
	// finding is the last one on the gauge.
	finding judge.Finding
}

// statistics returns what can be judged in w; f is warned of the rest.
func (j Judge) statistics(f *judge.Finding, w *window) []*statistic {
	var all []*statistic
	sum := w.sum()
	total := count(sum)
	share := shareOf
	unit := f.Signal.Unit
	for _, q := range quantiles {
		i := bucketOf(sum, q.q*total)
		_, bOpen := w.grid.quantileOf(w.baselineSum, q.q)
		_, cOpen := w.grid.quantileOf(w.canarySum, q.q)
		lo, hi := judge.FormatValue(w.grid.bounds[i], unit), judge.FormatValue(w.grid.bounds[i+1], unit)
		switch {
		case bOpen && cOpen:
			verdict.Warn(f, "%s is not judged: it lies in the bucket from %s to %s, which has no end; add bucket edges", q.name, lo, hi)
			share = 0 // the last edge is the best witness of what lies beyond it
			continue
		case sum[i] >= crowded*total:
			verdict.Warn(f, "%s is not judged: the bucket from %s to %s holds %s of all observations, so that a change within it would not show; add bucket edges",
				q.name, lo, hi, judge.FormatPercent(sum[i]/total))
			continue
		}
		all = append(all, &statistic{
			name: q.name, need: w.need(q.q),
			value: func(g grid, counts []float64, total, size float64) float64 {
				return g.quantileOfSize(counts, total, q.q, size)
			},
		})
	}
	if o := j.objective(f, w, share); o != nil {
		above := o.above(w.grid, sum) / total
		all = append(all, &statistic{
			name: "share above " + judge.FormatValue(o.edge, unit), need: w.need(above),
			value: o.value, objective: o,
		})
	}
	return all
}

// need returns how many observations of an arm make a point of a statistic with
// a share of them on one side.
func (w *window) need(share float64) float64 {
	fewer, more := count(w.baselineSum), count(w.canarySum)
	fewer, more = min(fewer, more), max(fewer, more)
	if more <= unlike*fewer {
		return math.Round(tail / min(share, 1-share))
	}
	return max(math.Round(tailUnlike/min(share, 1-share)), math.Floor(fewer/mostUnlike))
}

func (g grid) quantileOf(counts []float64, q float64) (v float64, open bool) {
	return g.quantile(counts, q*count(counts))
}

func count(counts []float64) float64 { return judge.Histogram{Counts: counts}.Total() }

// bucketOf returns the bucket in which rank observations are reached.
func bucketOf(counts []float64, rank float64) int {
	last := 0
	for i, c := range counts {
		if c <= 0 {
			continue
		}
		if last = i; rank <= c {
			break
		}
		rank -= c
	}
	return last
}
