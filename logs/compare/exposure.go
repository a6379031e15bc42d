package compare

import (
	"math"
	"slices"
	"time"

	"github.com/judged-dev/judged/logs/mine"
)

// exposure is how much each side could have logged, where requests cannot be
// counted: in a unit of no meaning, only the ratio counts.
type exposure struct{ baseline, canary float64 }

// expose measures the exposures. If the canary's share of the traffic is not
// given, most templates are taken to be as frequent on both sides: the median of
// the ratios of their counts is the ratio of the exposures (the size factors of
// Anders, Huber 2010). With few templates in common it is the time for which
// instances wrote.
func (c *Comparison) expose() {
	if s := c.sides.Share; s > 0 && s < 1 {
		c.exposure = exposure{1 - s, s}
		return
	}
	var ratios []float64
	for i := range c.rows {
		if r := &c.rows[i]; min(r.baseline.lines, r.canary.lines) >= steadyLines {
			ratios = append(ratios, math.Log(float64(r.canary.lines)/float64(r.baseline.lines)))
		}
	}
	if len(ratios) >= steadyTemplates {
		c.exposure = exposure{1, math.Exp(median(ratios))}
		return
	}
	c.exposure = exposure{newGrid(c.sides.Baseline).cells, newGrid(c.sides.Canary).cells}
}

const (
	// steadyLines a side make a count that varies by less than a third.
	steadyLines = 10
	// steadyTemplates in common: the median stands even if a third of them changed.
	steadyTemplates = 5
)

// median returns the middle of values, which it sorts; 0 of none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// grid is the cells in which the instances of a side could have written: those
// between their first line and their last, but for long silences.
type grid struct {
	cells, blocks float64
	// active is the cells of each instance, 0 for those that are not of this side;
	// instances is how many are.
	active    []float64
	instances float64
}

const (
	// block is how many cells one block has: bursts may last longer than a cell.
	block = 8
	// silence is how long an instance may say nothing and still be there.
	silence = time.Hour
)

func newGrid(m *mine.Miner) *grid {
	g := &grid{active: make([]float64, len(m.Instances()))}
	longest := max(1, int64(silence/m.Cell))
	last := make([]int64, len(g.active)) // cell and block in which each wrote last
	for _, c := range m.Cells {
		at, i := int64(c.At), c.Instance
		if gap := at - last[i]; g.active[i] == 0 || gap > longest {
			g.active[i]++ // it comes, or comes back; a clock that jumps is as good as that
			g.blocks++
		} else {
			g.active[i] += float64(gap)
			g.blocks += float64(at/block - last[i]/block)
		}
		last[i] = at
	}
	for _, n := range g.active {
		if n > 0 {
			g.cells += n
			g.instances++
		}
	}
	return g
}
