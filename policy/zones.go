package policy

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// accessors are CEL's functions that read a part of a timestamp in a time zone.
// CEL's own load the zone's file at each call.
var accessors = []struct {
	name, overload string
	// quarterly: the part changes only at whole quarters of an hour, in every
	// zone.
	quarterly bool
	read      func(time.Time) int
}{
	{overloads.TimeGetFullYear, overloads.TimestampToYearWithTz, true, time.Time.Year},
	{overloads.TimeGetMonth, overloads.TimestampToMonthWithTz, true, func(t time.Time) int { return int(t.Month()) - 1 }},
	{overloads.TimeGetDayOfYear, overloads.TimestampToDayOfYearWithTz, true, func(t time.Time) int { return t.YearDay() - 1 }},
	{overloads.TimeGetDayOfMonth, overloads.TimestampToDayOfMonthZeroBasedWithTz, true, func(t time.Time) int { return t.Day() - 1 }},
	{overloads.TimeGetDate, overloads.TimestampToDayOfMonthOneBasedWithTz, true, time.Time.Day},
	{overloads.TimeGetDayOfWeek, overloads.TimestampToDayOfWeekWithTz, true, func(t time.Time) int { return int(t.Weekday()) }},
	{overloads.TimeGetHours, overloads.TimestampToHoursWithTz, true, time.Time.Hour},
	{overloads.TimeGetMinutes, overloads.TimestampToMinutesWithTz, false, time.Time.Minute},
	{overloads.TimeGetSeconds, overloads.TimestampToSecondsWithTz, false, time.Time.Second},
	{overloads.TimeGetMilliseconds, overloads.TimestampToMillisecondsWithTz, false, func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) }},
}

func isAccessor(name string) bool {
	for _, a := range accessors {
		if a.name == name {
			return true
		}
	}
	return false
}

func zoneFunctions() []cel.EnvOption {
	var options []cel.EnvOption
	for _, a := range accessors {
		read := a.read
		options = append(options, cel.Function(a.name, cel.MemberOverload(a.overload,
			[]*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(moment, name ref.Val) ref.Val {
				t, err := in(moment, name)
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Int(read(t))
			}))))
	}
	return options
}

// in returns the moment in the zone of that name.
func in(moment, name ref.Val) (time.Time, error) {
	t, ok := moment.(types.Timestamp)
	n, also := name.(types.String)
	if !ok || !also {
		return time.Time{}, fmt.Errorf("a %s in the time zone %s: a timestamp and a text are needed", moment.Type().TypeName(), name.Type().TypeName())
	}
	location, err := zone(string(n))
	if err != nil {
		return time.Time{}, err
	}
	return t.In(location), nil
}

// zones are those that were asked for, *time.Location by name. Only names that
// exist are kept, so there are a few hundred at most, and the offsets of a day.
var zones sync.Map

// zone returns the time zone of a name of the IANA database ("Europe/Berlin",
// "UTC") or of an offset ("+05:30").
func zone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		if location, ok := known.(*time.Location); ok {
			return location, nil
		}
	}
	location, err := loadZone(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q: write one of the IANA database, like Europe/Berlin, or an offset like +05:30", printable(name))
	}
	zones.Store(name, location)
	return location, nil
}

func loadZone(name string) (*time.Location, error) {
	if offset, err := time.Parse("-07:00", name); err == nil {
		_, seconds := offset.Zone()
		return time.FixedZone(name, seconds), nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q depends on the machine", name)
	}
	return time.LoadLocation(name)
}
