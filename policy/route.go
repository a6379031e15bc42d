package policy

import (
	"context"
	"time"
)

// EventTypes are what notifications are sent about.
var EventTypes = []string{"analysis.started", "look", "verdict", "analysis.canceled", "config.changed"}

// Event is something that happened, as the rules that route notifications see
// it. What an event does not have is empty.
type Event struct {
	// Type is one of EventTypes.
	Type string
	// Verdict and PreviousVerdict are PASS, FAIL, INCONCLUSIVE or ERROR, of this
	// look and of the one before.
	Verdict, PreviousVerdict string
	// Score is 0 to 100.
	Score                       float64
	Config, Application, Tenant string
	// Source is who caused the event: the caller, or the server.
	Source string
	// Baseline and Canary are the scopes' variables.
	Baseline, Canary map[string]string
	// At is when it happened.
	At time.Time
}

var (
	eventClass = newClass("Event",
		word("type", EventTypes, func(e *Event) string { return e.Type }),
		word("verdict", append([]string{""}, verdictWords...), func(e *Event) string { return e.Verdict }),
		word("previousVerdict", append([]string{""}, verdictWords...), func(e *Event) string { return e.PreviousVerdict }),
		number("score", func(e *Event) float64 { return e.Score }),
		text("config", func(e *Event) string { return e.Config }),
		text("application", func(e *Event) string { return e.Application }),
		text("tenant", func(e *Event) string { return e.Tenant }),
		text("source", func(e *Event) string { return e.Source }),
		scope("baseline", func(e *Event) map[string]string { return e.Baseline }),
		scope("canary", func(e *Event) map[string]string { return e.Canary }),
		moment("at", func(e *Event) time.Time { return e.At }),
	)
	routes = dialect{
		root:  newClass("Notification", part("event", eventClass, func(e *Event) *Event { return e })),
		parts: []*class{eventClass},
		cost:  50_000,
	}
)

// Route says which events go to a channel. The zero value, and nil, take all.
// It is safe for concurrent use.
type Route struct{ rule *rule }

// CompileRoute compiles the rule of the channel of that name; an empty
// expression takes all events. The error is a *CompileError.
func CompileRoute(name, expression string) (*Route, error) {
	if expression == "" {
		return &Route{}, nil
	}
	r, err := routes.compile("routes."+name, expression, nil)
	if err != nil {
		return nil, err
	}
	return &Route{rule: r}, nil
}

// Match reports whether an event goes to the channel. The error is an
// *EvalError; a channel that is there to alarm should then get the event rather
// than lose it.
func (r *Route) Match(ctx context.Context, e Event) (bool, error) {
	if r == nil || r.rule == nil {
		return true, nil
	}
	matches, _, err := r.rule.eval(ctx, &variables{routes.root, &e})
	return matches, err
}
