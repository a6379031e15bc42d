package judgetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/sequential"
)

// Experiment measures a judge in a world by simulation. Its samples depend on
// nothing but the world's name and their number, so that two experiments in
// one world see the same noise whatever the judge and the change.
type Experiment struct {
	Judge judge.Judge
	World World
	// Alpha is the two-sided error over all looks; 0 counts as
	// judge.DefaultAlpha.
	Alpha float64
	// Prepare, if not nil, completes each sample before it is judged: direction,
	// margins, assignment.
	Prepare func(*judge.Sample)
	// Looks are the numbers of intervals at which the growing window is judged,
	// ascending; the first FAIL ends a sample. Without looks the whole window is
	// judged once.
	Looks []int
	// Spending shares Alpha among Looks. Nil is what package analysis does:
	// sequential.Power(2) with a history of 60 intervals or more, else
	// sequential.OBrienFleming.
	Spending sequential.Spending
	// Samples to draw; 0 counts as 1000.
	Samples int
}

// Found is how often a change was found.
type Found struct {
	// Change is the ratio canary / baseline.
	Change float64
	Rate
	// Median is the number of intervals after which half of the finds were
	// there; 0 if nothing was found.
	Median int
}

// String renders "+20%: 96.8% ± 0.4 (31 intervals)".
func (f Found) String() string {
	text := fmt.Sprintf("%+.4g%%: %v", 100*(f.Change-1), f.Rate)
	if f.Median > 0 {
		text += fmt.Sprintf(" (%d intervals)", f.Median)
	}
	return text
}

// calibrating is the history from which package analysis spends by
// sequential.Power(2).
const calibrating = 60

// Power returns how often each change is found (FAIL), on the same draws: a
// power curve. A change of 1 gives the false alarms. The error is about Looks
// that cannot be planned.
func (e Experiment) Power(changes ...float64) ([]Found, error) {
	curve := make([]Found, 0, len(changes))
	for _, change := range changes {
		found, err := e.found(change, judge.Fail, func(judge.Sample, judge.Finding) bool { return true })
		if err != nil {
			return nil, err
		}
		curve = append(curve, found)
	}
	return curve, nil
}

// found counts the samples with this verdict. see gets every finding, and
// returns whether to go on.
func (e Experiment) found(change float64, v judge.Verdict, see func(judge.Sample, judge.Finding) bool) (Found, error) {
	out := Found{Change: change}
	if e.Samples == 0 {
		e.Samples = 1000
	}
	looks, levels, err := e.plan()
	if err != nil {
		return out, err
	}
	var ends []int
	for i := range e.Samples {
		out.Samples++
		whole := e.draw(i, change)
		for look, n := range looks {
			s := whole
			if n < e.World.Intervals {
				s = first(whole, n)
			}
			if levels != nil {
				s.Look = func(alpha float64) float64 { return levels.Level(look, alpha) }
			}
			f := e.Judge.Judge(s)
			if !see(s, f) {
				return out, nil
			}
			if f.Verdict == v {
				out.Hits++
				ends = append(ends, n)
				break
			}
		}
	}
	if len(ends) > 0 {
		slices.Sort(ends)
		out.Median = ends[len(ends)/2]
	}
	return out, nil
}

// draw returns sample number i.
func (e Experiment) draw(i int, change float64) judge.Sample {
	s := e.World.Draw(e.World.source(i), change)
	s.Alpha = e.Alpha
	if e.Prepare != nil {
		e.Prepare(&s)
	}
	return s
}

// plan returns the looks and the levels of their tests, nil for a single look.
func (e Experiment) plan() ([]int, *sequential.Schedule, error) {
	if len(e.Looks) == 0 {
		return []int{e.World.Intervals}, nil, nil
	}
	fractions := make([]float64, len(e.Looks))
	for i, n := range e.Looks {
		if n > e.World.Intervals {
			return nil, nil, fmt.Errorf("a look at %d intervals in a world of %d", n, e.World.Intervals)
		}
		fractions[i] = float64(n) / float64(e.World.Intervals)
	}
	spending := e.Spending
	switch {
	case spending != nil:
	case e.World.History >= calibrating:
		spending = sequential.Power(2)
	default:
		spending = sequential.OBrienFleming
	}
	levels, err := sequential.NewSchedule(fractions, spending)
	return e.Looks, levels, err
}

// LooksEvery returns looks at from, from+step, ... up to n intervals; nil where
// step is not positive.
func LooksEvery(from, step, n int) []int {
	var looks []int
	for k := from; k <= n && step > 0; k += step {
		looks = append(looks, k)
	}
	return looks
}

// first returns the first n intervals of s.
func first(s judge.Sample, n int) judge.Sample {
	s.Pair = cut(s.Pair, 0, n)
	if s.Pods != nil {
		pods := *s.Pods
		pods.Baseline, pods.Canary = cutSides(pods.Baseline, 0, n), cutSides(pods.Canary, 0, n)
		s.Pods = &pods
	}
	return s
}

// source returns the random numbers of sample i.
func (w World) source(i int) *rand.Rand {
	seed := uint64(14695981039346656037) // FNV-1a of the name: other worlds, other numbers
	for _, b := range []byte(w.Name) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, uint64(i)))
}

// Rate is a share that a simulation measured.
type Rate struct {
	Hits, Samples int
}

// Share returns Hits / Samples, NaN without samples.
func (r Rate) Share() float64 { return float64(r.Hits) / float64(r.Samples) }

// StdErr returns the standard error of Share, sqrt(p (1-p) / n), with half a hit
// and half a miss added so that none of a thousand is not certain to be never.
func (r Rate) StdErr() float64 {
	p := (float64(r.Hits) + 0.5) / (float64(r.Samples) + 1)
	return math.Sqrt(p * (1 - p) / float64(r.Samples))
}

// String renders "4.2% ± 0.5": share and standard error.
func (r Rate) String() string {
	return fmt.Sprintf("%.1f%% ± %.1f", 100*r.Share(), 100*r.StdErr())
}
