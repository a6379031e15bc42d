package kayenta

import (
	"encoding/json"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Scope says where and when to look for one side of a comparison.
type Scope struct {
	// Scope and Location select the side in a way that depends on the store:
	// a group of servers and its region, for example.
	Scope    string
	Location string
	// Start and End are the zero time if the request has none.
	Start, End time.Time
	// Step is the resolution in seconds, 0 if the request has none.
	Step int64
	// ExtendedScopeParams are variables of templates.
	ExtendedScopeParams map[string]string
}

// maxStep is a year in seconds.
const maxStep = 366 * 24 * 3600

func (p *parser) scope() (*Scope, error) {
	s := new(Scope)
	hasLocation := false
	err := p.fields(func(name string) (err error) {
		switch name {
		case "scope":
			s.Scope, _, err = p.stringValue()
		case "location":
			s.Location, hasLocation, err = p.stringValue()
		case "region": // Spinnaker's word until 1.6
			region, present, err := p.stringValue()
			if present && !hasLocation {
				s.Location = region
			}
			return err
		case "start":
			s.Start, err = p.instant()
		case "end":
			s.End, err = p.instant()
		case "step":
			var step *int64
			if step, err = p.integer(0, maxStep); step != nil {
				s.Step = *step
			}
		case "extendedScopeParams":
			s.ExtendedScopeParams, err = p.tags()
		default:
			err = p.skip()
		}
		return err
	})
	return s, err
}

// MarshalJSON implements json.Marshaler.
func (s *Scope) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Scope               string            `json:"scope,omitzero"`
		Location            string            `json:"location,omitzero"`
		Start               string            `json:"start,omitzero"`
		End                 string            `json:"end,omitzero"`
		Step                int64             `json:"step,omitzero"`
		ExtendedScopeParams map[string]string `json:"extendedScopeParams,omitzero"`
	}{s.Scope, s.Location, isoOrNone(s.Start), isoOrNone(s.End), s.Step, s.ExtendedScopeParams})
}

// Grid returns the moments at which Kayenta asks a store of the given type
// (see QueryConfig) for values of the scope. From Prometheus, that is every
// step from Start to End, both included. Datadog chooses the resolution
// itself: the grid asks for one second, so that the answer's Step says what it
// chose. The error is an *Error of the kind Invalid.
func (s *Scope) Grid(store string) (metrics.Grid, error) {
	switch {
	case s.Start.IsZero():
		return metrics.Grid{}, invalid("Start time is required.")
	case s.End.IsZero():
		return metrics.Grid{}, invalid("End time is required.")
	case s.End.Before(s.Start):
		return metrics.Grid{}, invalid("The scope's end, %s, is before its start, %s.", instant(s.End), instant(s.Start))
	}
	window := metrics.Window{Start: s.Start, End: s.End}
	if store == datadogStore {
		return metrics.NewGrid(window, time.Second), nil
	}
	if s.Step <= 0 {
		return metrics.Grid{}, invalid("The scope's step is required, in whole seconds.")
	}
	step := time.Duration(s.Step) * time.Second
	window.Start = window.Start.Add(-step) // a grid's first moment is the end of its first interval
	return metrics.NewGrid(window, step), nil
}
