package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
)

// release is what the rules of deployment windows see.
type release struct {
	now   time.Time
	facts *Facts
}

var releaseClass = newClass("Release",
	of("now", cel.TimestampType, func(r *release) any { return r.now }),
	text("application", func(r *release) string { return r.facts.Application }),
	text("config", func(r *release) string { return r.facts.Config }),
)

// releases is the dialect of deployment windows. Its cost bounds one rule at one
// moment; a search asks for many moments.
var releases = dialect{root: releaseClass, dates: true, cost: 50_000}

// Windows say when a release may go on. The zero value, and nil, are always
// open. It is safe for concurrent use.
type Windows struct {
	deny, allow []*rule
	// step is how far apart the moments are at which the window may open; 0 if
	// it does not depend on the time.
	step time.Duration
	// zone is that of the first rule that names one; for display.
	zone *time.Location
	// cost is the most steps of a search: searchCost.
	cost uint64
}

// Opening is the answer for one moment.
type Opening struct {
	// Open is whether a release may go on.
	Open bool
	// Reason says what closes the window; empty if it is open.
	Reason string
	// Next is the first whole minute after the moment at which the window is
	// open, in the time zone of the rules; zero if it is open, or if there is
	// none before Until.
	Next time.Time
	// Until is how far the search for Next went.
	Until time.Time
}

// String says it in a sentence: "not now: ...; next at 2026-11-23T08:00:00+01:00".
func (o Opening) String() string {
	switch {
	case o.Open:
		return "now"
	case o.Next.IsZero() && o.Until.IsZero():
		return "not now: " + o.Reason
	case o.Next.IsZero():
		return "not now: " + o.Reason + "; not before " + o.Until.Format(time.RFC3339) + ", and no further was looked"
	default:
		return "not now: " + o.Reason + "; next at " + o.Next.Format(time.RFC3339)
	}
}

// CompileWindows compiles the rules of deployment windows. A window is open if
// no deny is true, and some allow is or there is none. calendars are those that
// rules may name. The error joins one *CompileError for each rule that is wrong.
func CompileWindows(allow, deny []string, calendars map[string]Calendar) (*Windows, error) {
	calendars = maps.Clone(calendars)
	w := &Windows{cost: searchCost}
	var err, also error
	w.deny, err = compileWindow("windows.deny", deny, calendars)
	w.allow, also = compileWindow("windows.allow", allow, calendars)
	if err := errors.Join(err, also); err != nil {
		return nil, err
	}
	for _, r := range append(append([]*rule(nil), w.deny...), w.allow...) {
		w.step = finer(w.step, step(r.checked))
		if w.zone == nil {
			w.zone = firstZone(r.checked)
		}
	}
	if w.zone == nil {
		w.zone = time.UTC
	}
	return w, nil
}

// compileWindow compiles a list of rules, which have no names but their place.
func compileWindow(list string, texts []string, calendars map[string]Calendar) ([]*rule, error) {
	if len(texts) > MaxRules {
		return nil, fmt.Errorf("%s has %d rules, more than %d: join some with ||", list, len(texts), MaxRules)
	}
	var rules []*rule
	var problems []error
	for i, text := range texts {
		r, err := releases.compile(fmt.Sprintf("%s[%d]", list, i), text, calendars)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		rules = append(rules, r)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return rules, nil
}

// At says whether the window is open now and, if not, why and when it opens.
// The answer's Next holds until then: who waits need not ask again before. The
// search for it takes up to a second at worst. The error is an *EvalError; the
// window is closed then.
func (w *Windows) At(ctx context.Context, now time.Time, facts Facts) (Opening, error) {
	if w == nil {
		return Opening{Open: true}, nil
	}
	state, err := w.at(ctx, now, &facts)
	if err != nil {
		return Opening{Reason: err.Error()}, err
	}
	if state.open {
		return Opening{Open: true}, nil
	}
	o := Opening{Reason: w.reason(state)}
	o.Next, o.Until, err = w.next(ctx, now, now.AddDate(0, 0, searchDays), &facts)
	return o, err
}

// state is what the rules say at one moment.
type state struct {
	open bool
	// denied is the rule that closes the window; nil if no allow is true.
	denied *rule
	// steps is what it cost to find out.
	steps uint64
}

func (w *Windows) at(ctx context.Context, now time.Time, facts *Facts) (state, error) {
	var s state
	v := &variables{releaseClass, &release{now: now, facts: facts}}
	for _, r := range w.deny {
		isTrue, steps, err := r.eval(ctx, v)
		s.steps += steps
		if err != nil {
			return s, err
		}
		if isTrue {
			s.denied = r
			return s, nil
		}
	}
	for _, r := range w.allow {
		isTrue, steps, err := r.eval(ctx, v)
		s.steps += steps
		if err != nil {
			return s, err
		}
		if isTrue {
			s.open = true
			return s, nil
		}
	}
	s.open = len(w.allow) == 0
	return s, nil
}

// reason says what closes the window.
func (w *Windows) reason(s state) string {
	switch {
	case s.denied != nil:
		return s.denied.name + " is true: " + quote(s.denied.text)
	case len(w.allow) == 1:
		return w.allow[0].name + " is not true: " + quote(w.allow[0].text)
	default:
		return fmt.Sprintf("none of %d rules in windows.allow is true", len(w.allow))
	}
}

const (
	// searchDays is how far the search for the next opening goes: every
	// weekday, and every day of the year, comes once.
	searchDays = 366
	// searchCost is the most steps of a search: enough for every quarter of an
	// hour of the year at 570 steps, or every minute at 38.
	searchCost = 20_000_000
)

// next returns the first moment between now and end at which the window is open,
// and how far it looked. A moment at which a rule cannot be evaluated is not
// open.
func (w *Windows) next(ctx context.Context, now, end time.Time, facts *Facts) (next, until time.Time, err error) {
	if w.step == 0 {
		return time.Time{}, end.In(w.zone), nil
	}
	cost := uint64(0)
	t := now.Truncate(w.step).Add(w.step)
	for ; t.Before(end); t = t.Add(w.step) {
		s, err := w.at(ctx, t, facts)
		if ctx.Err() != nil {
			return time.Time{}, time.Time{}, fmt.Errorf("the search for the next opening ended at %s: %w", t.In(w.zone).Format(time.RFC3339), context.Cause(ctx))
		}
		if err == nil && s.open {
			return t.In(w.zone), t.In(w.zone), nil
		}
		if cost += s.steps; cost > w.cost {
			break
		}
	}
	return time.Time{}, t.In(w.zone), nil
}

// A time zone's offset from UTC, and every moment at which it changes, is a
// multiple of a quarter of an hour, in all zones since 2012 (Newfoundland's
// clocks used to change at a minute past midnight). So what a rule reads of the
// hour, the day or the month changes at whole quarters, and trying these finds
// the very moment. A rule that reads minutes, or compares the moment itself, is
// tried every minute.
const (
	quarter = 15 * time.Minute
	minute  = time.Minute
)

func finer(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// step returns how far apart the moments are at which a rule may change: 0 if it
// does not read `now`.
func step(tree *ast.AST) time.Duration {
	reads, quarterly := 0, 0
	visit(tree, ast.IdentKind, func(e ast.Expr) {
		if e.AsIdent() == "now" {
			reads++
		}
	})
	visit(tree, ast.CallKind, func(e ast.Expr) {
		if isQuarterly(e.AsCall()) {
			quarterly++
		}
	})
	switch reads {
	case 0:
		return 0
	case quarterly:
		return quarter
	default:
		return minute
	}
}

// isQuarterly reports whether a call reads a part of `now` that changes only at
// whole quarters of an hour.
func isQuarterly(call ast.CallExpr) bool {
	if !call.IsMemberFunction() || call.Target().Kind() != ast.IdentKind || call.Target().AsIdent() != "now" {
		return false
	}
	name := call.FunctionName()
	coarse := name == nameOn || name == nameBetween
	for _, a := range accessors {
		coarse = coarse || a.name == name && a.quarterly
	}
	if !coarse {
		return false
	}
	args := call.Args()
	if len(args) == 0 {
		return true // UTC
	}
	zoneName, ok := literalText(args[len(args)-1])
	if !ok {
		return false
	}
	location, err := zone(zoneName)
	if err != nil {
		return false
	}
	if strings.Contains(zoneName, ":") {
		_, offset := time.Unix(0, 0).In(location).Zone()
		return offset%int(quarter/time.Second) == 0
	}
	return true
}

// firstZone returns the first time zone that a rule names, nil if none.
func firstZone(tree *ast.AST) *time.Location {
	var first *time.Location
	visit(tree, ast.CallKind, func(e ast.Expr) {
		call := e.AsCall()
		name, args := call.FunctionName(), call.Args()
		if first != nil || len(args) == 0 || name == overloads.TypeConvertTimestamp || !isAccessor(name) && name != nameOn && name != nameBetween {
			return
		}
		if s, ok := literalText(args[len(args)-1]); ok {
			if location, err := zone(s); err == nil {
				first = location
			}
		}
	})
	return first
}
