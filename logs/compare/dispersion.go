package compare

import (
	"math"
)

const (
	// priorCells is how many cells what is typical of all rows counts for, and
	// priorInstances how many instances.
	priorCells     = 4
	priorInstances = 4
	// leastSpread is the least by which instances are taken to differ, as a squared
	// coefficient of variation, where hardly any can be compared: by a tenth.
	leastSpread = 0.01
	// studentPrice is what it costs that a variance is known by so many degrees of
	// freedom: Student's quantile is that of the normal distribution times about
	// 1+(z^2+1)/(4 freedom) (Fisher, Cornish 1960), z being 3.5 where one of a hundred
	// messages is found.
	studentPrice = (3.5*3.5 + 1) / 2
	// spreadLines of an instance show how much instances differ.
	spreadLines = 5
)

// spread is how much the lines of one side of a row vary, as Pearson's statistics
// about what the side as a whole writes: from cell to cell, from block to block,
// and from instance to instance.
type spread struct {
	cells, blocks, instances pearson
	// mean is the lines of an instance.
	mean float64
}

// pearson is a statistic and its degrees of freedom.
type pearson struct{ chi, freedom float64 }

func (p pearson) plus(o pearson) pearson { return pearson{p.chi + o.chi, p.freedom + o.freedom} }

// shrunk returns the dispersion, the typical one counting for so many observations.
func (p pearson) shrunk(typical, prior float64) float64 {
	return (p.chi + prior*typical) / (p.freedom + prior)
}

func (p pearson) phi() float64 {
	if p.freedom == 0 {
		return 1
	}
	return max(1, p.chi/p.freedom)
}

// disperse gives each row that counts lines its dispersion: by how much the variance
// of the difference of both sides' counts is larger than if lines were
// independent.
//
// Lines come in bursts, which cells and blocks of cells show. And instances differ
// for as long as they live, so that the cells of one are no independent witnesses:
// if their rates have a coefficient of variation v, the variance of an instance's
// lines is (phi + mean v^2) times their mean. That is found from the totals of the
// instances of either side, and shrunk to what is typical of all rows, since a side
// has few instances.
func (c *Comparison) disperse() {
	b, d := newGrid(c.sides.Baseline), newGrid(c.sides.Canary)
	type sides struct{ b, d spread }
	all := [2][]row{c.rows, c.parts}
	var spreads [2][]sides
	var cells, blocks pearson
	for k, rows := range all {
		spreads[k] = make([]sides, len(rows))
		for i := range rows {
			if r := &rows[i]; !r.requests {
				s := sides{b.spread(&r.baseline), d.spread(&r.canary)}
				spreads[k][i] = s
				if k == 0 {
					cells, blocks = cells.plus(s.b.cells).plus(s.d.cells), blocks.plus(s.b.blocks).plus(s.d.blocks)
				}
			}
		}
	}
	bursts := func(s sides) float64 {
		return max(1, s.b.cells.plus(s.d.cells).shrunk(cells.phi(), priorCells), s.b.blocks.plus(s.d.blocks).shrunk(blocks.phi(), priorCells))
	}
	// differ returns the squared coefficient of variation of the instances of a row and
	// what it is worth.
	differ := func(s sides) (square, freedom float64) {
		excess, weight := 0.0, 0.0
		for _, one := range []spread{s.b, s.d} {
			if one.instances.freedom > 0 && one.mean > 0 {
				excess += one.instances.chi - one.instances.freedom*bursts(s)
				weight += one.instances.freedom * one.mean
				freedom += one.instances.freedom
			}
		}
		if weight == 0 {
			return 0, 0
		}
		return max(0, excess/weight), freedom
	}
	var squares []float64
	for i := range c.rows {
		if s := spreads[0][i]; !c.rows[i].requests && max(s.b.mean, s.d.mean) >= spreadLines {
			if square, freedom := differ(s); freedom > 0 {
				squares = append(squares, square)
			}
		}
	}
	typical := max(leastSpread, median(squares))
	for k, rows := range all {
		for i := range rows {
			r, s := &rows[i], spreads[k][i]
			if r.requests {
				continue
			}
			square, freedom := differ(s)
			square = (freedom*square + priorInstances*typical) / (freedom + priorInstances)
			// Instances that are busy are so in all rows, from which no row can learn more
			// than from so many instances.
			square *= 1 + studentPrice/max(freedom, priorInstances)
			r.item.Dispersion = bursts(s) + square*c.perInstance(r, b, d)
		}
	}
}

// perInstance returns how many lines of a row an instance would have if the sides did
// not differ, the side that counts less in their difference weighing less.
func (c *Comparison) perInstance(r *row, b, d *grid) float64 {
	e := c.exposure
	all := e.baseline + e.canary
	rate := float64(r.baseline.lines+r.canary.lines) / all
	return (rate*e.baseline/max(1, b.instances)*e.canary + rate*e.canary/max(1, d.instances)*e.baseline) / all
}

// spread returns how one side's lines of a row vary; nothing for few lines, which
// show no dispersion.
func (g *grid) spread(s *side) spread {
	lines := float64(s.lines)
	if g.cells < 2 || lines < 2 {
		return spread{}
	}
	cells, blocks := 0.0, 0.0 // sums of squares
	type total struct {
		at           int32
		block, lines float64
	}
	totals := map[uint16]*total{}
	for _, c := range s.cells {
		n := float64(c.Lines)
		cells += n * n
		t := totals[c.Instance]
		if t == nil {
			t = &total{}
			totals[c.Instance] = t
		}
		if at := c.At / block; at != t.at {
			blocks += t.block * t.block
			t.at, t.block = at, 0
		}
		t.block += n
		t.lines += n
	}
	instances := 0.0
	for i, t := range totals {
		blocks += t.block * t.block
		// Over the instances that have none as well, the expected lines sum to all.
		if expected := lines * g.active[i] / g.cells; expected > 0 {
			instances += t.lines * t.lines / expected
		}
	}
	// The sum of (x - mean)^2 / mean over so many cells, most of which may be empty:
	// few lines in many cells tell no more of how they come than so many lines can.
	pearsons := func(chi, n float64) pearson {
		if n < 2 {
			return pearson{}
		}
		freedom := min(n, lines) - 1
		return pearson{max(0, chi) * freedom / (n - 1), freedom}
	}
	return spread{
		cells: pearsons(cells*g.cells/lines-lines, g.cells), blocks: pearsons(blocks*g.blocks/lines-lines, g.blocks),
		instances: pearsons(instances-lines, g.instances), mean: lines / g.instances,
	}
}

// typical returns how many lines count as one, in most rows.
func (c *Comparison) typical() float64 {
	var all []float64
	for i := range c.rows {
		if r := &c.rows[i]; !r.requests && !math.IsNaN(r.item.Dispersion) {
			all = append(all, r.item.Dispersion)
		}
	}
	return max(1, median(all))
}
