package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Calendar is a set of days: public holidays, a freeze. The zero value has none.
type Calendar struct {
	// ranges are in order and apart.
	ranges []dates
}

// date is a day of the Gregorian calendar: 20261224.
type date int

// dates are all days from first to last, both included.
type dates struct{ first, last date }

// MaxCalendar is how many entries one calendar may have.
const MaxCalendar = 4096

// ParseCalendar reads days ("2026-12-24") and ranges of days, both ends
// included ("2026-12-20/2027-01-04"), in any order. Its errors name the entry.
func ParseCalendar(entries []string) (Calendar, error) {
	if len(entries) > MaxCalendar {
		return Calendar{}, fmt.Errorf("the calendar has %d entries, more than %d: join days that follow each other into ranges", len(entries), MaxCalendar)
	}
	var ranges []dates
	var problems []error
	for _, entry := range entries {
		r, err := parseDates(entry)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		ranges = append(ranges, r)
	}
	if len(problems) > maxProblems {
		problems = append(problems[:maxProblems], fmt.Errorf("and %d more problems", len(problems)-maxProblems))
	}
	if len(problems) > 0 {
		return Calendar{}, errors.Join(problems...)
	}
	slices.SortFunc(ranges, func(a, b dates) int { return cmp.Compare(a.first, b.first) })
	var c Calendar
	for _, r := range ranges {
		if n := len(c.ranges); n > 0 && r.first <= c.ranges[n-1].last {
			c.ranges[n-1].last = max(c.ranges[n-1].last, r.last)
			continue
		}
		c.ranges = append(c.ranges, r)
	}
	return c, nil
}

func parseDates(entry string) (dates, error) {
	from, to, isRange := strings.Cut(entry, "/")
	first, err := parseDate(from)
	if err != nil {
		return dates{}, err
	}
	if !isRange {
		return dates{first, first}, nil
	}
	last, err := parseDate(to)
	if err != nil {
		return dates{}, err
	}
	if last < first {
		return dates{}, fmt.Errorf("%s: the range ends before it begins", entry)
	}
	return dates{first, last}, nil
}

func parseDate(s string) (date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date: write it like 2026-12-24", printable(s))
	}
	return dateOf(t), nil
}

// dateOf returns the day that t shows on its own clock.
func dateOf(t time.Time) date {
	year, month, day := t.Date()
	return date(year*10000 + int(month)*100 + day)
}

func (c Calendar) has(d date) bool {
	i, found := slices.BinarySearchFunc(c.ranges, d, func(r dates, d date) int { return cmp.Compare(r.first, d) })
	return found || i > 0 && d <= c.ranges[i-1].last
}

// known returns an error if there is no calendar of that name.
func known(calendars map[string]Calendar, name string) error {
	if _, ok := calendars[name]; ok {
		return nil
	}
	if len(calendars) == 0 {
		return fmt.Errorf("there is no calendar %q: the server's settings have none", printable(name))
	}
	return fmt.Errorf("there is no calendar %q: there are %s", printable(name), printable(strings.Join(slices.Sorted(maps.Keys(calendars)), ", ")))
}

const (
	nameOn      = "on"
	nameBetween = "between"
)

const overloadOn = "timestamp_on_calendar"

// dateFunctions declare now.on(calendar, zone) and now.between(first, last, zone).
func dateFunctions() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Function(nameOn, cel.MemberOverload(overloadOn,
			[]*cel.Type{cel.TimestampType, cel.StringType, cel.StringType}, cel.BoolType)),
		cel.Function(nameBetween, cel.MemberOverload("timestamp_between_dates",
			[]*cel.Type{cel.TimestampType, cel.StringType, cel.StringType, cel.StringType}, cel.BoolType,
			cel.FunctionBinding(between))),
	}
}

func between(args ...ref.Val) ref.Val {
	t, err := in(args[0], args[3])
	if err != nil {
		return types.WrapErr(err)
	}
	var ends [2]date
	for i, arg := range args[1:3] {
		text, _ := arg.(types.String)
		if ends[i], err = parseDate(string(text)); err != nil {
			return types.WrapErr(err)
		}
	}
	day := dateOf(t)
	return types.Bool(ends[0] <= day && day <= ends[1])
}

// calendarFunction binds now.on to the calendars of one rule.
func calendarFunction(calendars map[string]Calendar) cel.ProgramOption {
	//nolint:staticcheck // the way to bind it that is not deprecated builds an environment for each set of calendars: 3 ms
	return cel.Functions(&functions.Overload{Operator: overloadOn, Function: func(args ...ref.Val) ref.Val {
		t, err := in(args[0], args[2])
		if err != nil {
			return types.WrapErr(err)
		}
		name, _ := args[1].(types.String)
		if err := known(calendars, string(name)); err != nil {
			return types.WrapErr(err)
		}
		return types.Bool(calendars[string(name)].has(dateOf(t)))
	}})
}
