package analysis

import (
	"fmt"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/sequential"
)

// Looks judges a window again and again while it grows to a planned number of
// intervals, at an error that all looks share. Without them a healthy release
// that is judged every minute for an hour FAILs several times as often as
// promised.
type Looks struct {
	calibrated, blind *sequential.Monitor
}

// calibrating is the shortest history that lets the first looks spend more: a
// shorter one, or none, knows the noise too badly for the far tail that an
// early FAIL must reach (docs/statistics.md).
const calibrating = 60

// NewLooks plans looks at a window of horizon intervals in the end.
func NewLooks(horizon int) (*Looks, error) {
	calibrated, err := sequential.NewMonitor(horizon, sequential.Power(2))
	if err != nil {
		return nil, err
	}
	blind, err := sequential.NewMonitor(horizon, sequential.OBrienFleming)
	if err != nil {
		return nil, err
	}
	return &Looks{calibrated, blind}, nil
}

// Judge takes the look at the first n intervals, which inputs hold.
func (l *Looks) Judge(inputs []Input, n int, alpha float64) (judge.Judgment, error) {
	calibrated, err := l.calibrated.Look(n)
	if err != nil {
		return judge.Judgment{}, err
	}
	blind, err := l.blind.Look(n)
	if err != nil {
		return judge.Judgment{}, err
	}
	return judgeAt(inputs, calibrated, blind, alpha), nil
}

func judgeAt(inputs []Input, calibrated, blind func(alpha float64) float64, alpha float64) judge.Judgment {
	for i := range inputs {
		s := &inputs[i].Sample
		if inputs[i].Logs != nil {
			continue // they have e-values, which may be looked at any time
		}
		s.Look = blind
		if s.History != nil && s.History.Canary.Len() >= calibrating {
			s.Look = calibrated
		}
	}
	return Judge(inputs, alpha)
}

// judgeApart judges one of several windows that slide over each other. How much
// two of them share is not what the levels of growing windows assume, so that
// each look gets an equal part of the error (Bonferroni), which holds however
// they overlap.
func judgeApart(inputs []Input, at Look, alpha float64) judge.Judgment {
	part := func(alpha float64) float64 { return alpha / float64(at.Of) }
	for i := range inputs {
		inputs[i].Sample.Look = part
	}
	return Judge(inputs, alpha)
}

// RegularLooks judges windows of a planned length every so many intervals. It
// keeps nothing of a window, so that whoever judges can ask from anywhere: the
// earlier looks count as taken. It is safe for concurrent use.
type RegularLooks struct {
	horizon, every    int
	calibrated, blind *sequential.Schedule
}

// regular are the looks that were planned lately: computing their levels takes
// milliseconds, and most analyses of a server look alike.
var regular = recent[[2]int, *RegularLooks]{most: 64}

// NewRegularLooks plans a look every so many intervals and one at the horizon.
func NewRegularLooks(horizon, every int) (*RegularLooks, error) {
	if horizon < 1 || every < 1 {
		return nil, fmt.Errorf("looks every %d of %d intervals: both must be at least 1", every, horizon)
	}
	return regular.get([2]int{horizon, every}, func() (*RegularLooks, error) { return newRegularLooks(horizon, every) })
}

func newRegularLooks(horizon, every int) (*RegularLooks, error) {
	var fractions []float64
	for n := every; n < horizon; n += every {
		fractions = append(fractions, float64(n)/float64(horizon))
	}
	fractions = append(fractions, 1)
	calibrated, err := sequential.NewSchedule(fractions, sequential.Power(2))
	if err != nil {
		return nil, err
	}
	blind, err := sequential.NewSchedule(fractions, sequential.OBrienFleming)
	if err != nil {
		return nil, err
	}
	return &RegularLooks{horizon, every, calibrated, blind}, nil
}

// Judge judges the first n intervals, which inputs hold, as the latest planned
// look: n need not be the very moment of one, since a source may be late. Before
// the first look nothing is spent, so nothing can be decided.
func (r *RegularLooks) Judge(inputs []Input, n int, alpha float64) (judge.Judgment, error) {
	if n < 0 {
		return judge.Judgment{}, fmt.Errorf("a look at %d intervals", n)
	}
	look := n/r.every - 1
	if n >= r.horizon {
		look = (r.horizon - 1) / r.every
	}
	at := func(s *sequential.Schedule) func(float64) float64 {
		return func(alpha float64) float64 { return s.Level(look, alpha) }
	}
	return judgeAt(inputs, at(r.calibrated), at(r.blind), alpha), nil
}
