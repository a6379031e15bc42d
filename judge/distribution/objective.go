package distribution

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// objective compares the share of the observations above an edge by its log
// odds.
//
// Margins, and what healthy instances differ by, are about the observations: 5 %
// is every one of them 5 % larger, which may be 20 % more of them above an edge.
// So the odds are judged as the size that a slower baseline's observations would
// have at the edge:
//
//	edge * (odds / baseline's odds)^slope
//
// with the slope of ln(size) over ln(odds) in the baseline's distribution at
// the edge. The ratio of two of these is a ratio of sizes, like that of two
// quantiles; the test is that of the log odds.
type objective struct {
	edge float64
	// baselineShare and canaryShare lie above the edge in the whole window.
	baselineShare, canaryShare float64
	// odds are those of the baseline in the whole window.
	odds, slope float64
}

// objective returns that of j.Edge, or of the edge with about so large a share of
// the baseline above it; nil with a warning if there is none.
func (j Judge) objective(f *judge.Finding, w *window, share float64) *objective {
	var o objective
	unit := f.Signal.Unit
	b, c := count(w.baselineSum), count(w.canarySum)
	best := math.Inf(1)
	bAbove, cAbove := b, c
	for i, e := range w.grid.bounds {
		if i > 0 {
			bAbove, cAbove = max(bAbove-w.baselineSum[i-1], 0), max(cAbove-w.canarySum[i-1], 0)
		}
		if !(e > 0 && e <= math.MaxFloat64) || j.Edge == 0 && bAbove+cAbove == 0 {
			continue
		}
		distance := math.Abs(bAbove/b - share)
		if j.Edge != 0 {
			distance = math.Abs(e - j.Edge)
		}
		if distance < best {
			best, o.edge = distance, e
		}
	}
	if o.edge == 0 {
		verdict.Warn(f, "no share above an edge is judged: the histograms have no positive edge in common with observations above")
		return nil
	}
	edge := judge.FormatValue(o.edge, unit)
	if j.Edge != 0 && !sameEdge(o.edge, j.Edge) {
		verdict.Warn(f, "the histograms have no common edge at %s: the share above %s is judged instead", judge.FormatValue(j.Edge, unit), edge)
	}
	bAbove, cAbove = o.above(w.grid, w.baselineSum), o.above(w.grid, w.canarySum)
	o.baselineShare, o.canaryShare = bAbove/b, cAbove/c
	if bAbove+cAbove == 0 || bAbove+cAbove >= b+c {
		verdict.Warn(f, "the share above %s is not judged: %s of all observations lie there", edge, judge.FormatPercent((bAbove+cAbove)/(b+c)))
		return nil
	}
	o.odds = odds(bAbove, b)
	if o.slope = o.measureSlope(w, b); o.slope == 0 {
		verdict.Warn(f, "the share above %s is not judged: the baseline has no observations near it", edge)
		return nil
	}
	return &o
}

// measureSlope returns the slope over a stretch below the edge, of a tenth or as
// much as it takes to find observations there; 0 if there are none.
func (o *objective) measureSlope(w *window, total float64) float64 {
	const tenth, most = 1.1, 1 << 16
	for factor := tenth; factor < most; factor *= factor {
		above := max(w.grid.above(w.baselineSum, o.edge/factor), o.baselineShare*total)
		if ratio := odds(min(above, total), total) / o.odds; ratio > 1+1e-6 {
			return math.Log(factor) / math.Log(ratio)
		}
	}
	return 0
}

// above returns the observations above the edge, which is one of g's.
func (o *objective) above(g grid, counts []float64) float64 {
	sum := 0.0
	for i := len(counts) - 1; i >= 0 && (g.bounds[i] >= o.edge || sameEdge(g.bounds[i], o.edge)); i-- {
		sum += counts[i]
	}
	return sum
}

// value returns the size at the edge for counts by g.
func (o *objective) value(g grid, counts []float64, total, _ float64) float64 {
	return o.edge * math.Pow(odds(min(o.above(g, counts), total), total)/o.odds, o.slope)
}

// odds of so many out of a total, with half of one added to either side so that
// none has a logarithm (Haldane, Ann. Hum. Genet. 20 (1956) 309).
func odds(above, total float64) float64 { return (above + 0.5) / (total - above + 0.5) }

// shares says what the odds are about.
func (o *objective) shares() string {
	return fmt.Sprintf("%s of the observations against %s", judge.FormatPercent(o.canaryShare), judge.FormatPercent(o.baselineShare))
}
