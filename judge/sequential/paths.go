package sequential

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// paths is the sub-density of a Brownian motion with drift on those paths that
// no look has stopped, carried from look to look by numerical integration
// (Armitage, McPherson, Rowe 1969; Jennison, Turnbull 2000, chapter 19).
//
// The density after a look is a convolution with a normal, so it is smooth at
// the scale of the root of the time between looks. Gauss-Legendre panels of
// that scale converge exponentially, where Simpson's rule needs several times
// the points for the same digits.
type paths struct {
	drift float64
	// mirrored: symmetric about 0, and only the half above 0 is kept.
	mirrored bool

	grid  grid
	spare grid // where the next one is built

	// now is the time of the last look, low and high its bounds. Until the time
	// of the next look is known, and with it how fine the grid must be, the
	// grid is still that of the look before.
	now, low, high float64
}

// grid holds the sub-density at one time.
type grid struct {
	at float64
	// panels of width 2 half side by side from low on; none at time 0, when all
	// mass is in one point.
	low, half float64
	panels    int
	// x are the points, ascending, mass the density at each times its weight.
	x, mass []float64
}

const (
	// farOut is how many standard deviations of the paths are kept: the tail
	// beyond is 1e-17.
	farOut = 8.5
	// panelOrder and panelWidth: points of a panel and its width in units of
	// the scale of the integrand. TestGrid compares with a finer one.
	panelOrder = 16
	panelWidth = 10
	// kernelReach is how many standard deviations around its peak an integrand
	// is followed; beyond is less than 1e-9 of it.
	kernelReach = 6.5
)

var panel = sync.OnceValue(func() (p struct{ x, weight [panelOrder]float64 }) {
	quad.Legendre{}.FixedLocations(p.x[:], p.weight[:], -1, 1)
	slices.Reverse(p.x[:]) // gonum's descend; the weights are symmetric
	return p
})

// newPaths returns the paths at time 0, all at 0.
func newPaths(drift float64, mirrored bool) paths {
	mass := 1.0
	if mirrored {
		mass = 0.5 // 0 is its own mirror image
	}
	return paths{drift: drift, mirrored: mirrored, grid: grid{x: []float64{0}, mass: []float64{mass}}}
}

// gap returns the time from the last look to time t, as part of t.
func (p *paths) gap(t float64) float64 { return (t - p.now) / t }

// advance prepares the grid at the last look for a look at time t.
func (p *paths) advance(t float64) { p.refine(t, 1) }

// refine is advance with so many times the panels, for tests.
func (p *paths) refine(t float64, times int) {
	if p.grid.at == p.now {
		// At the start, or after a look that took no part: that grid, made for
		// a shorter step, is fine enough.
		return
	}
	before, after := p.now-p.grid.at, t-p.now
	// The density varies at the scale of the step before, the kernel that it
	// will be multiplied with at that of the step after.
	scale := math.Sqrt(min(before, after))
	panels := 0
	if p.high > p.low { // else everything has been stopped
		panels = times * int(math.Ceil((p.high-p.low)/(panelWidth*scale)))
	}
	p.spare.place(p.now, p.low, p.high, panels)
	p.convolve(before)
	p.grid, p.spare = p.spare, p.grid
}

// place lays so many panels between low and high; mass becomes the weights.
func (g *grid) place(at, low, high float64, panels int) {
	n := panels * panelOrder
	if cap(g.x) < n {
		both := make([]float64, 3*n) // the next look may need a little more
		g.x, g.mass = both[:n:n+n/2], both[n+n/2:]
	}
	g.at, g.low, g.panels = at, low, panels
	g.half = (high - low) / float64(2*panels)
	g.x, g.mass = g.x[:n], g.mass[:n]
	rule := panel()
	for k := range panels {
		middle := g.middle(k)
		for i := range panelOrder {
			g.x[k*panelOrder+i] = middle + g.half*rule.x[i]
			g.mass[k*panelOrder+i] = g.half * rule.weight[i]
		}
	}
}

// middle returns the middle of panel k.
func (g *grid) middle(k int) float64 { return g.low + g.half*float64(2*k+1) }

// convolve fills the spare grid with the density that a step of the given time
// makes of the grid.
//
// Between two panels whose middles are d apart the kernel at offsets u and v
// is exp(-(d+u)^2/2) exp(d v - v^2/2) exp(u v), in standard deviations. The
// last factor is the same for every pair of panels, so that a pair costs 32
// exponentials instead of 256.
func (p *paths) convolve(step float64) {
	from, to := &p.grid, &p.spare
	sd := math.Sqrt(step)
	norm := 1 / (sd * math.Sqrt(2*math.Pi))
	if from.panels == 0 {
		for i, y := range to.x {
			sum := 0.0
			for j, x := range from.x {
				sum += from.mass[j] * kernel((y-x-p.drift*step)/sd)
				if p.mirrored {
					sum += from.mass[j] * kernel((y+x)/sd)
				}
			}
			to.mass[i] *= norm * sum
		}
		return
	}

	rule := panel()
	var cross [panelOrder][panelOrder]float64
	uv := to.half * from.half / step
	for i := range panelOrder / 2 {
		for j := range panelOrder / 2 {
			e := math.Exp(uv * rule.x[i] * rule.x[j])
			cross[i][j], cross[panelOrder-1-i][panelOrder-1-j] = e, e
			cross[i][panelOrder-1-j], cross[panelOrder-1-i][j] = 1/e, 1/e
		}
	}
	reach := kernelReach + farOut*math.Sqrt(step/p.now) + (to.half+from.half)/sd
	var sum, right [panelOrder]float64
	for k := range to.panels {
		clear(sum[:])
		y := to.middle(k) - p.drift*step
		for l := range from.panels {
			mass := from.mass[l*panelOrder : (l+1)*panelOrder]
			if d := (y - from.middle(l)) / sd; math.Abs(d) <= reach {
				for j := range right {
					v := from.half / sd * rule.x[j]
					right[j] = mass[j] * math.Exp((d-v/2)*v)
				}
				addPair(&sum, &right, &cross, &rule.x, d, to.half/sd)
			}
			if d := (y + from.middle(l)) / sd; p.mirrored && d <= reach {
				for j := range right {
					v := from.half / sd * rule.x[j]
					right[j] = mass[panelOrder-1-j] * math.Exp((d-v/2)*v)
				}
				addPair(&sum, &right, &cross, &rule.x, d, to.half/sd)
			}
		}
		for i, v := range sum {
			to.mass[k*panelOrder+i] *= norm * v
		}
	}
}

// addPair adds to sum what the panel with the masses right contributes to the
// points u = half offsets of one that lies d further on.
func addPair(sum, right *[panelOrder]float64, cross *[panelOrder][panelOrder]float64, offsets *[panelOrder]float64, d, half float64) {
	for i := range sum {
		row, dot := &cross[i], 0.0
		for j, r := range right {
			dot += r * row[j]
		}
		sum[i] += dot * kernel(d+half*offsets[i])
	}
}

// kernel is the standard normal density without its constant.
func kernel(u float64) float64 { return math.Exp(-u * u / 2) }

// stop ends the paths that have reached the bound z at the look that advance
// prepared, at time t; one-sided ones that are -z or lower go on.
func (p *paths) stop(t, z float64, sides Sides) {
	root := math.Sqrt(t)
	middle := p.drift * t
	p.now = t
	p.low, p.high = middle-farOut*root, min(middle+farOut*root, z*root)
	if sides == TwoSided {
		p.low = max(p.low, -z*root)
	}
	if p.mirrored {
		p.low = 0
	}
}

// above returns the probability that a path which no look has stopped is at b
// or above at time t, and minus its derivative by b.
func (p *paths) above(t, b float64) (probability, density float64) {
	step := t - p.grid.at
	sd := math.Sqrt(step)
	reach := (kernelReach + farOut*math.Sqrt(step/t)) * sd
	b -= p.drift * step
	for i := len(p.grid.x) - 1; i >= 0 && p.grid.x[i] >= b-reach; i-- {
		u := (b - p.grid.x[i]) / sd
		probability += p.grid.mass[i] * stat.NormalTail(u)
		density += p.grid.mass[i] * kernel(u)
	}
	if p.mirrored {
		for i := 0; i < len(p.grid.x) && p.grid.x[i] <= reach-b; i++ {
			u := (b + p.grid.x[i]) / sd
			probability += p.grid.mass[i] * stat.NormalTail(u)
			density += p.grid.mass[i] * kernel(u)
		}
	}
	return probability, density / (sd * math.Sqrt(2*math.Pi))
}

// below returns the probability that a path which no look has stopped is at b
// or below at time t.
func (p *paths) below(t, b float64) float64 {
	if p.mirrored {
		above, _ := p.above(t, -b)
		return above
	}
	step := t - p.grid.at
	sd := math.Sqrt(step)
	b -= p.drift * step
	sum := 0.0
	for i, x := range p.grid.x {
		sum += p.grid.mass[i] * stat.NormalTail((x-b)/sd)
	}
	return sum
}

// solve returns the bound b at time t that spends the given probability.
//
// The density of the paths is log-concave, as convolution and truncation keep
// it, so the log of the probability beyond b is concave: Newton's steps
// overshoot at most once and then come down to the root. One that leaves the
// bracket is replaced by halving.
func (p *paths) solve(t, spend float64, sides Sides) float64 {
	if sides == TwoSided {
		spend /= 2
	}
	target := math.Log(spend)
	// Without the earlier looks, which only ever stop paths, the bound would be
	// higher.
	most := stat.NormalUpper(spend) * math.Sqrt(t)
	low, high := -(farOut+1)*math.Sqrt(t), most+1e-6*math.Sqrt(t)
	if p.mirrored {
		low = 0
	}
	b := most
	if p.now > 0 {
		b = min(most, p.high)
	}
	for range 60 {
		probability, density := p.above(t, b)
		if probability > spend {
			low = b
		} else {
			high = b
		}
		next := b + (math.Log(probability)-target)*probability/density
		if !(next >= low && next <= high) {
			next = low + (high-low)/2
		}
		done := math.Abs(next-b) < 1e-6*math.Sqrt(t)
		b = next
		if done {
			break
		}
	}
	return b
}
