package plan

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/judged-dev/judged/judge"
)

const (
	// drawn windows show how the judge treats a number of intervals: enough for
	// the power to be off by less than 0.01.
	drawn = 36
	// longestDrawn is where the estimate is as sharp as matters.
	longestDrawn = 720
	// mostKept bounds what a planner remembers of them.
	mostKept = 4096
)

// dispersed is what the judge makes of the irregularity of events.
type dispersed struct {
	// judged is the distribution of the factor by which the judge divides
	// counts: it estimates the dispersion and allows for the error in that.
	judged []node
	// noisier is by how much what the judge takes from the history adds to the
	// variance of the ratio, as a factor.
	noisier float64
}

// key of what is remembered. Lengths and changes are rounded to where the
// estimate hardly differs.
type key struct {
	n, log int
	alpha  float64
}

// dispersed lets the judge see windows without a change that it could not
// foresee and reads the factor back from the width of its interval.
func (p *Planner) dispersed(n int, log, alpha float64) dispersed {
	// Steps of 7 % of the length, and of a doubling of the canary's rate.
	k := key{int(math.Round(math.Log(float64(n)) / 0.07)), int(math.Round(log / math.Ln2)), alpha}
	if d, ok := p.seen[k]; ok {
		return d
	}
	length := min(max(int(math.Round(math.Exp(float64(k.n)*0.07))), leastIntervals), longestDrawn)
	d := p.drawDispersed(length, float64(k.log)*math.Ln2, alpha)
	// Where the plan is longer than what was drawn, the noise of the history
	// weighs more in proportion.
	if n > length {
		d.noisier = 1 + (d.noisier-1)*float64(n)/float64(length)
	}
	if p.seen == nil || len(p.seen) >= mostKept {
		p.seen = map[key]dispersed{}
	}
	p.seen[k] = d
	return d
}

func (p *Planner) drawDispersed(n int, log, alpha float64) dispersed {
	random := rand.New(rand.NewPCG(patternSeed, uint64(n)))
	s := judge.Sample{Signal: judge.Signal{Name: "plan", Kind: p.Kind}, Alpha: alpha}
	if p.Randomized {
		s.Assignment = judge.Randomized
	}
	var factors []float64
	var square, variance float64
	for range drawn {
		s.Pair = p.drawEvents(n, math.Exp(log), random)
		if p.History >= leastHistory {
			history := p.drawEvents(min(p.History, longestDrawn), 1, random)
			s.History = &history
		}
		f := p.terms.judge.Judge(s)
		b, c := f.Baseline.Events, f.Canary.Events
		if !(b > 0 && c > 0) {
			continue
		}
		odds := c / b
		// What the estimate is below the plain ratio was taken from the history.
		offset := math.Log(odds / p.weight() / f.Effect.Estimate)
		if math.IsNaN(offset) || math.IsInf(offset, 0) {
			continue
		}
		factors = append(factors, p.factorOf(b, c, odds*f.Effect.Low/f.Effect.Estimate, 1-f.Effect.Level))
		square += offset * offset
		variance += p.dispersion() * (1/b + 1/c)
	}
	if len(factors) == 0 {
		return dispersed{judged: []node{{p.dispersion(), 1}}, noisier: 1}
	}
	m := float64(len(factors))
	// The offset has the mean 0, so its square is its variance.
	d := dispersed{noisier: 1 + square/variance}
	slices.Sort(factors)
	for k := range dispersionParts {
		from, to := k*len(factors)/dispersionParts, (k+1)*len(factors)/dispersionParts
		if from == to {
			continue
		}
		sum := 0.0
		for _, v := range factors[from:to] {
			sum += v
		}
		d.judged = append(d.judged, node{sum / float64(to-from), float64(to-from) / m})
	}
	return d
}

// factorOf returns the factor by which the events of both sides must be divided
// for the exact lower bound of the canary's odds to be low.
func (p *Planner) factorOf(b, c, low, alpha float64) float64 {
	share := low / (1 + low)
	// The more evidence, the closer the bound: the tail falls with the factor.
	least, most := 0.5, max(b+c, 2)
	for range 40 {
		middle := math.Sqrt(least * most)
		if binomialTail(c/middle, b/middle, share) < alpha/2 {
			least = middle
		} else {
			most = middle
		}
	}
	return math.Sqrt(least * most)
}

// drawEvents draws n intervals of both sides, the canary's rate times factor.
func (p *Planner) drawEvents(n int, factor float64, random *rand.Rand) judge.Pair {
	side := func(mean, exposure float64) judge.Side {
		s := judge.Side{Values: make([]float64, n), Totals: make([]float64, n)}
		d := p.dispersion()
		for i := range n {
			s.Values[i] = d * float64(poisson(random, mean/d))
			s.Totals[i] = exposure
		}
		return s
	}
	// A total that holds any number of events.
	total := 1.0
	if p.Kind == judge.Ratio {
		total = 1e3 * (p.Events + p.dispersion() + 10) * max(1, p.weight()*factor) / min(1, p.weight())
	}
	return judge.Pair{Baseline: side(p.Events, total), Canary: side(p.Events*p.weight()*factor, total*p.weight())}
}
