package rates

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
)

// Kind is what events are counted against.
type Kind struct {
	// Judge is the name of the judge.
	Judge string
	// Share: the totals contain the events, so that events / total is a share.
	Share bool
}

// Arm is the events of one side.
type Arm struct {
	// events and exposure of each interval.
	events, exposure []float64
	// Events and Exposure are their sums.
	Events, Exposure float64
}

// Rate returns the events per unit of exposure.
func (a Arm) Rate() float64 { return a.Events / a.Exposure }

func (a *Arm) add(events, exposure float64) {
	a.events = append(a.events, events)
	a.exposure = append(a.exposure, exposure)
	a.Events += events
	a.Exposure += exposure
}

// describe fills the side's summary, overwriting scratch.
func (a Arm) describe(to *judge.Summary, scratch []float64) {
	rates := scratch[:0]
	for t, events := range a.events {
		rates = append(rates, events/a.exposure[t])
	}
	m := stat.Describe(rates)
	to.Count = len(rates)
	to.Level, to.Events, to.Total = a.Rate(), a.Events, a.Exposure
	to.Mean, to.Min, to.Max, to.Std = m.Mean, m.Min, m.Max, m.Std
}

// Data are the events of both arms in the intervals in which both could have
// had some.
type Data struct {
	Baseline, Canary Arm
	// weight is the canary's exposure / the baseline's of each interval;
	// least and most are its extremes.
	weight      []float64
	least, most float64
}

// Collect returns the intervals of p that have data and exposure on both
// sides. Without totals the exposure of every interval is 1. The error says
// for the user which number cannot be what it should be.
func (k Kind) Collect(p judge.Pair) (Data, error) {
	n := len(p.Baseline.Values)
	buffer := make([]float64, 5*n)
	part := func(i int) []float64 { return buffer[i*n : i*n : (i+1)*n] }
	d := Data{
		Baseline: Arm{events: part(0), exposure: part(1)},
		Canary:   Arm{events: part(2), exposure: part(3)},
		weight:   part(4),
		least:    math.Inf(1),
	}
	for i := range n {
		if !p.Baseline.Has(i) || !p.Canary.Has(i) {
			continue
		}
		b, bExposure, err := k.interval("baseline", p.Baseline, i)
		if err != nil {
			return Data{}, err
		}
		c, cExposure, err := k.interval("canary", p.Canary, i)
		if err != nil {
			return Data{}, err
		}
		if bExposure == 0 || cExposure == 0 {
			continue
		}
		d.Baseline.add(b, bExposure)
		d.Canary.add(c, cExposure)
		w := cExposure / bExposure
		d.weight = append(d.weight, w)
		d.least, d.most = min(d.least, w), max(d.most, w)
	}
	if k.Share {
		switch b, c := d.Baseline, d.Canary; {
		case b.Events > b.Exposure:
			return Data{}, fmt.Errorf("the baseline has %g events out of a total of %g", b.Events, b.Exposure)
		case c.Events > c.Exposure:
			return Data{}, fmt.Errorf("the canary has %g events out of a total of %g", c.Events, c.Exposure)
		}
	}
	return d, nil
}

const (
	// mostEvents is where float64 stops counting one by one.
	mostEvents = 1 << 53
	// leastTotal and mostTotal keep quotients of totals finite.
	leastTotal, mostTotal = 0x1p-400, 0x1p400
	// extrapolation is by how much PromQL's increase() may overstate a count:
	// it extends what it saw in two scrapes of an interval to the whole
	// interval. It does so for events and total apart, so that events may
	// exceed their total by that factor.
	extrapolation = 2
)

// interval returns the events and the exposure of one interval of a side.
func (k Kind) interval(arm string, side judge.Side, i int) (events, exposure float64, err error) {
	events, exposure = side.Values[i], 1
	if side.Totals != nil {
		exposure = side.Totals[i]
	}
	fail := func(format string, args ...any) (float64, float64, error) {
		return 0, 0, fmt.Errorf("%s, interval %d: %s", arm, i, fmt.Sprintf(format, args...))
	}
	switch {
	case events < 0:
		return fail("%g events; a count cannot be negative (is the query a counter without increase()?)", events)
	case events > mostEvents:
		return fail("%g events are more than can be counted", events)
	case exposure < 0:
		return fail("a total of %g; a total cannot be negative", exposure)
	case exposure == 0 && events > 0:
		return fail("%g events out of a total of 0", events)
	case exposure > 0 && (exposure < leastTotal || exposure > mostTotal):
		return fail("a total of %g is out of range", exposure)
	case k.Share && events > exposure && (events > extrapolation*exposure || whole(events) && whole(exposure)):
		return fail("%g events out of a total of %g", events, exposure)
	}
	return events, exposure, nil
}

func whole(v float64) bool { return v == math.Trunc(v) }

// Len returns the number of intervals.
func (d Data) Len() int { return len(d.weight) }

// Events returns the events of both arms together.
func (d Data) Events() float64 { return d.Baseline.Events + d.Canary.Events }
