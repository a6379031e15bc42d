package distribution

import (
	"math"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// Name of the judge in configs and results.
const Name = "distribution"

// Judge compares the distributions of two arms. The zero value is ready to use.
type Judge struct {
	// Edge is a service level objective in the signal's unit: the share of the
	// observations above it is judged. It should be a bucket edge; if it is none,
	// the nearest one is taken. 0 takes the edge nearest to the baseline's p90.
	Edge float64
}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge.
func (j Judge) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	f.Effect.Measure = judge.RatioOfLevels
	switch {
	case s.Signal.Kind != judge.Distribution:
		verdict.Refuse(&f, "cannot judge a %v by its distribution: the signal's kind must be a distribution, with a histogram an interval", s.Signal.Kind)
		return f
	case !(j.Edge >= 0 && j.Edge <= math.MaxFloat64):
		verdict.Refuse(&f, "cannot judge the share of observations above %g: the edge must be positive", j.Edge)
		return f
	}
	window, err := collect(s.Pair)
	if err != nil {
		verdict.Refuse(&f, "cannot judge: %v", err)
		return f
	}
	// From here on the sample's values are how much was observed: what judges of
	// single numbers know about gaps holds for them as well.
	observed := s
	observed.Pair, observed.History, observed.Pods = window.observations(), nil, nil
	if !verdict.Screen(&f, observed) {
		return f
	}
	if window.usable == 0 {
		verdict.NoData(&f, "no interval has observations on both sides")
		return f
	}
	f.Baseline.Count, f.Canary.Count = window.usable, window.usable
	if window.rates() {
		verdict.Warn(&f, "some intervals hold less than one observation: are the counts rates per second? the judge needs the observations of each interval, increase() and not rate()")
	}
	if err := window.pool(); err != nil {
		verdict.Refuse(&f, "cannot judge: %v", err)
		return f
	}
	c := comparison{sample: s, observed: observed, usable: window.usable, alpha: verdict.Alpha(s)}
	statistics := c.points(&f, j.statistics(&f, &window), &window)
	if len(statistics) == 0 {
		f.Reason = "cannot tell: " + strings.Join(f.Warnings, "; ")
		return f
	}
	if past := window.history(&f, s, observed); past != nil {
		for i, pair := range past.derive(statistics) {
			if len(pair.Baseline.Values) > 0 {
				statistics[i].history = &pair
			}
		}
	}
	c.judge(&f, statistics)
	return f
}
