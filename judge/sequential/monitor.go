package sequential

import (
	"fmt"
	"sync"
)

// Monitor plans the looks at a window that grows to a horizon, for all signals
// of a release at once: signals share the moments of the looks, but each has an
// error of its own to spend. It is safe for concurrent use.
//
// A judge tests at the level that Look returns; then it is wrong with at most
// probability alpha over all looks together (Lan, DeMets 1983).
type Monitor struct {
	horizon  int
	spending Spending

	mu        sync.Mutex
	fractions []float64
	last      int
	states    map[float64]*spent
}

// spent is how one error was spent so far.
type spent struct {
	looks *Looks
	level float64
	count int
}

// mostStates bounds how many errors a Monitor keeps a state for; others are
// computed anew at each look.
const mostStates = 1024

// NewMonitor returns a monitor of windows that grow to horizon intervals.
// spending nil is Power(2).
func NewMonitor(horizon int, spending Spending) (*Monitor, error) {
	if horizon < 1 {
		return nil, fmt.Errorf("a horizon of %d intervals: it must be at least 1", horizon)
	}
	return &Monitor{horizon: horizon, spending: spending, states: map[float64]*spent{}}, nil
}

// Look takes a look at the first n intervals, and returns the two-sided level at
// which an error of alpha over all looks may be tested now. n must not be
// smaller than at the look before; looking twice at the same n is one look. A
// look beyond the horizon, or after more than MaxLooks, spends nothing: its
// levels are 0.
func (m *Monitor) Look(n int) (level func(alpha float64) float64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < m.last || n < 1 {
		return nil, fmt.Errorf("a look at %d intervals after one at %d: windows only grow", n, m.last)
	}
	if n > m.last && m.last < m.horizon && len(m.fractions) < MaxLooks {
		m.fractions = append(m.fractions, min(1, float64(n)/float64(m.horizon)))
	} else if n > m.last {
		m.last = n
		return func(float64) float64 { return 0 }, nil
	}
	m.last = n
	count := len(m.fractions)
	return func(alpha float64) float64 { return m.level(alpha, count) }, nil
}

// level returns the level of look number count for one error.
func (m *Monitor) level(alpha float64, count int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.states[alpha]
	if s == nil || s.count > count {
		looks, err := (Design{Alpha: alpha, Spending: m.spending}).Start()
		if err != nil {
			return 0 // an alpha that is no probability spends nothing
		}
		s = &spent{looks: looks}
		if len(m.states) < mostStates {
			m.states[alpha] = s
		}
	}
	for ; s.count < count; s.count++ {
		b, err := s.looks.Next(m.fractions[s.count])
		if err != nil {
			s.level = 0
			continue
		}
		s.level = b.Level
	}
	return s.level
}
