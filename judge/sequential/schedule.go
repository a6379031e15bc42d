package sequential

import "sync"

// Schedule knows the levels of looks at fixed moments for any number of errors,
// each computed once: what many windows with the same looks share. It is safe
// for concurrent use.
type Schedule struct {
	fractions []float64
	spending  Spending

	mu     sync.RWMutex
	levels map[float64][]float64
}

// NewSchedule returns the schedule of looks when these fractions of the planned
// information are there, in ascending order; spending nil is Power(2).
func NewSchedule(fractions []float64, spending Spending) (*Schedule, error) {
	s := &Schedule{fractions: fractions, spending: spending, levels: map[float64][]float64{}}
	// Any error shows whether the fractions are sound.
	if _, err := s.compute(0.05); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Schedule) compute(alpha float64) ([]float64, error) {
	bounds, err := (Design{Alpha: alpha, Spending: s.spending}).Bounds(s.fractions)
	if err != nil {
		return nil, err
	}
	levels := make([]float64, len(bounds))
	for i, b := range bounds {
		levels[i] = b.Level
	}
	return levels, nil
}

// Level returns the two-sided level at which an error of alpha over all looks
// may be tested at look i, counted from 0; 0 for an alpha that is no
// probability, and for a look that is not planned.
func (s *Schedule) Level(i int, alpha float64) float64 {
	s.mu.RLock()
	levels, ok := s.levels[alpha]
	s.mu.RUnlock()
	if !ok {
		var err error
		if levels, err = s.compute(alpha); err != nil {
			return 0
		}
		s.mu.Lock()
		if len(s.levels) < mostStates {
			s.levels[alpha] = levels
		}
		s.mu.Unlock()
	}
	if i < 0 || i >= len(levels) {
		return 0
	}
	return levels[i]
}
