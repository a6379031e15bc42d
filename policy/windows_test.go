package policy

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"pgregory.net/rapid"
)

func mustWindows(t testing.TB, allow, deny []string, calendars map[string]Calendar) *Windows {
	t.Helper()
	w, err := CompileWindows(allow, deny, calendars)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestWindows(t *testing.T) {
	calendar, err := ParseCalendar([]string{"2026-12-25/2026-12-26", "2026-12-24", "2027-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	calendars := map[string]Calendar{"holidays": calendar}
	office := "now.getDayOfWeek('Europe/Berlin') in [1, 2, 3, 4, 5] && now.getHours('Europe/Berlin') >= 8 && now.getHours('Europe/Berlin') < 16"
	friday := "now.getDayOfWeek('Europe/Berlin') == 5 && now.getHours('Europe/Berlin') >= 15"
	for _, c := range []struct {
		name        string
		allow, deny []string
		now         string
		want        string // Opening.String, "..." for the rest
	}{
		{"no rules", nil, nil, "2026-11-20T12:00:00Z", "now"},
		{"denied", nil, []string{friday}, "2026-11-20T15:30:10+01:00", "not now: windows.deny[0] is true: " + friday + "; next at 2026-11-21T00:00:00+01:00"},
		{"not denied", nil, []string{friday}, "2026-11-20T14:59:59+01:00", "now"},
		{"allowed", []string{office}, []string{friday}, "2026-11-20T14:59:59+01:00", "now"},
		{"deny overrides", []string{office}, []string{friday}, "2026-11-20T15:00:00+01:00", "not now: windows.deny[0] ...; next at 2026-11-23T08:00:00+01:00"},
		{"not allowed", []string{office}, nil, "2026-11-20T16:00:00+01:00", "not now: windows.allow[0] is not true: ...; next at 2026-11-23T08:00:00+01:00"},
		{"none allowed", []string{office, "application == 'other'"}, nil, "2026-11-21T16:00:00+01:00", "not now: none of 2 rules in windows.allow is true; next at 2026-11-23T08:00:00+01:00"},
		{"one allowed", []string{office, "application == 'shop'"}, nil, "2026-11-21T16:00:00+01:00", "now"},
		{"never", nil, []string{"now.getFullYear('Asia/Tokyo') > 2000"}, "2026-11-20T12:00:00Z", "not now: ...; not before 2027-11-21T21:00:00+09:00, and no further was looked"},
		{"whatever the time", nil, []string{"application == 'shop'"}, "2026-11-20T12:00:00Z", "not now: ...; not before 2027-11-21T12:00:00Z, ..."},
		{"holidays", []string{office}, []string{"now.on('holidays', 'Europe/Berlin')"}, "2026-12-23T17:00:00+01:00", "not now: ...; next at 2026-12-28T08:00:00+01:00"},
		{"a freeze", nil, []string{"now.between('2026-12-20', '2027-01-04', 'America/New_York')"}, "2026-12-20T05:00:00Z", "not now: ...; next at 2027-01-05T00:00:00-05:00"},
		{"before a freeze", nil, []string{"now.between('2026-12-20', '2027-01-04', 'America/New_York')"}, "2026-12-20T04:59:59Z", "now"},
		{"a minute of the hour", []string{"now.getMinutes() == 37"}, nil, "2026-11-20T12:37:59Z", "now"},
		{"the next minute of the hour", []string{"now.getMinutes() == 37"}, nil, "2026-11-20T12:38:00Z", "not now: ...; next at 2026-11-20T13:37:00Z"},
		{"one minute of the month", []string{"now.getDate() == 20 && now.getHours() == 12 && now.getMinutes() == 29"}, nil, "2026-11-20T12:30:00Z", "not now: ...; next at 2026-12-20T12:29:00Z"},
		{"after a moment", nil, []string{"now < timestamp('2026-11-24T09:07:30Z')"}, "2026-11-20T12:00:00Z", "not now: ...; next at 2026-11-24T09:08:00Z"},
		{"an hour after a moment", nil, []string{"now - timestamp('2026-11-20T11:11:11Z') < duration('1h')"}, "2026-11-20T12:00:00Z", "not now: ...; next at 2026-11-20T12:12:00Z"},
		{"a crooked offset", []string{"now.getHours('+05:07') == 0"}, nil, "2026-11-20T12:00:00Z", "not now: ...; next at 2026-11-21T00:00:00+05:07"},
		{"a zone of quarters", []string{"now.getHours('Asia/Kathmandu') == 9"}, nil, "2026-11-20T12:00:00Z", "not now: ...; next at 2026-11-21T09:00:00+05:45"},
		{"a zone that depends", []string{"now.getHours(application == 'shop' ? 'Asia/Tokyo' : 'UTC') == 9"}, nil, "2026-11-20T12:00:00Z", "not now: ...; next at 2026-11-21T00:00:00Z"},
		// Clocks in Berlin go forward at 02:00 on 2027-03-28: there is no 02:30.
		{"the hour that is left out", []string{"now.getHours('Europe/Berlin') == 2"}, nil, "2027-03-27T03:00:00+01:00", "not now: ...; next at 2027-03-29T02:00:00+02:00"},
		{"the night that is short", []string{"now.getHours('Europe/Berlin') >= 3"}, nil, "2027-03-28T01:59:00+01:00", "not now: ...; next at 2027-03-28T03:00:00+02:00"},
		// They go back at 03:00 on 2026-10-25: 02:30 comes twice.
		{"the hour that comes twice", []string{"now.getHours('Europe/Berlin') == 2"}, nil, "2026-10-25T01:30:00+02:00", "not now: ...; next at 2026-10-25T02:00:00+02:00"},
		{"in its second time", []string{"now.getHours('Europe/Berlin') == 2"}, nil, "2026-10-25T02:30:00+01:00", "now"},
		{"after the night that is long", []string{"now.getHours('Europe/Berlin') >= 3"}, nil, "2026-10-25T02:59:00+02:00", "not now: ...; next at 2026-10-25T03:00:00+01:00"},
		// Lord Howe Island moves its clocks by half an hour.
		{"half an hour of summer", []string{"now.getHours('Australia/Lord_Howe') == 2 && now.getDayOfWeek('Australia/Lord_Howe') == 0"}, nil, "2026-10-03T12:00:00Z", "not now: ...; next at 2026-10-04T02:30:00+11:00"},
		{"midnight that is left out", []string{"now.getDate('Africa/Cairo') == 30"}, nil, "2027-04-29T12:00:00Z", "not now: ...; next at 2027-04-30T01:00:00+03:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := mustWindows(t, c.allow, c.deny, calendars)
			got, err := w.At(t.Context(), at(t, c.now), Facts{Application: "shop", Config: "checkout"})
			if err != nil {
				t.Fatal(err)
			}
			text := got.String()
			for part := range strings.SplitSeq(c.want, "...") {
				_, rest, found := strings.Cut(text, part)
				if !found {
					t.Fatalf("got %q, want %q", got.String(), c.want)
				}
				text = rest
			}
			if got.Open && got != (Opening{Open: true}) {
				t.Errorf("it is open, and says %+v", got)
			}
		})
	}
}

func TestWindowsZero(t *testing.T) {
	for _, w := range []*Windows{nil, {}} {
		if got, err := w.At(t.Context(), time.Unix(0, 0), Facts{}); err != nil || !got.Open {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A rule that cannot be evaluated leaves the window closed.
func TestWindowsError(t *testing.T) {
	w := mustWindows(t, []string{"60 / now.getMinutes() > 0"}, nil, nil)
	got, err := w.At(t.Context(), at(t, "2026-11-20T12:00:00Z"), Facts{})
	if _, ok := errors.AsType[*EvalError](err); !ok || got.Open || got.Reason == "" {
		t.Errorf("got %+v, %v; want it closed and an *EvalError", got, err)
	}
	// In the search it is a moment like any other at which it is closed.
	w = mustWindows(t, []string{"60 / (now.getMinutes() - 5) > 0"}, nil, nil)
	got, err = w.At(t.Context(), at(t, "2026-11-20T12:04:00Z"), Facts{})
	if want := at(t, "2026-11-20T12:06:00Z"); err != nil || !got.Next.Equal(want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

// A rule whose search would take for ever is searched for as far as it goes, and
// the answer says so.
func TestWindowsSearchIsBounded(t *testing.T) {
	long := "[" + strings.Repeat("'x', ", 500) + "'x'].exists(x, x == application || now.getSeconds() == 61)"
	w := mustWindows(t, []string{long}, nil, nil)
	w.cost /= 10 // the whole search takes 10 s under the race detector
	now := at(t, "2026-11-20T12:00:00Z")
	got, err := w.At(t.Context(), now, Facts{Application: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Next.IsZero() || !got.Until.After(now) || !got.Until.Before(now.AddDate(0, 0, searchDays)) {
		t.Errorf("got %v", got)
	}
	says(t, got.String(), "no further was looked")
}

func TestWindowsCanceled(t *testing.T) {
	w := mustWindows(t, nil, []string{"now.getHours() >= 0"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := w.At(ctx, time.Unix(0, 0), Facts{}); !errors.Is(err, context.Canceled) || got.Open {
		t.Errorf("got %+v, %v", got, err)
	}
	late := &lateContext{Context: t.Context(), done: make(chan struct{})}
	got, err := w.At(late, time.Unix(0, 0), Facts{})
	if !errors.Is(err, context.Canceled) || got.Open || !got.Next.IsZero() {
		t.Errorf("in the search: got %+v, %v", got, err)
	}
}

// The search must find what trying every minute finds, whatever the rules.
func TestWindowsSearchIsExact(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns", "UTC", "+05:07", "-03:30"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		part := rapid.SampledFrom([]string{
			"now.getHours('ZONE') == N24", "now.getHours('ZONE') < N24", "now.getDayOfWeek('ZONE') == N7", "now.getMinutes('ZONE') == N60",
			"now.getDate('ZONE') > N28", "now.between('2026-10-20', '2026-10-2D', 'ZONE')", "now.on('days', 'ZONE')",
			"now > timestamp('2026-10-24T22:17:01Z')", "now.getHours() != N24",
		})
		rules := func(name string, n int) []string {
			var out []string
			for range rapid.IntRange(0, n).Draw(t, name) {
				text := part.Draw(t, "left") + rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "with") + part.Draw(t, "right")
				for holder, below := range map[string]int{"N24": 24, "N7": 7, "N60": 60, "N28": 28} {
					text = strings.ReplaceAll(text, holder, string(types.Int(rapid.IntRange(0, below-1).Draw(t, holder)).ConvertToType(types.StringType).(types.String)))
				}
				text = strings.ReplaceAll(strings.ReplaceAll(text, "ZONE", zone), "2D", "25")
				out = append(out, text)
			}
			return out
		}
		days, err := ParseCalendar([]string{"2026-10-24", "2026-10-26/2026-10-27"})
		if err != nil {
			t.Fatal(err)
		}
		w, err := CompileWindows(rules("allow", 2), rules("deny", 2), map[string]Calendar{"days": days})
		if err != nil {
			t.Fatal(err)
		}
		// Around the ends of summer time in Europe, and its begin on Lord Howe.
		start := time.Date(2026, 10, rapid.SampledFrom([]int{3, 24}).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		now := start.Add(time.Duration(rapid.IntRange(0, 3*24*3600).Draw(t, "second")) * time.Second)
		end := now.Add(24 * time.Hour)
		next, _, err := w.next(context.Background(), now, end, &Facts{})
		if err != nil {
			t.Fatal(err)
		}
		var want time.Time
		for m := now.Truncate(time.Minute).Add(time.Minute); m.Before(end) && want.IsZero() && w.step != 0; m = m.Add(time.Minute) {
			s, err := w.at(context.Background(), m, &Facts{})
			if err != nil {
				t.Fatal(err)
			}
			if s.open {
				want = m
			}
		}
		// Before the first change nothing opens: At asks only when it is closed.
		if s, err := w.at(context.Background(), now, &Facts{}); err == nil && !s.open && !next.Equal(want) {
			t.Fatalf("now %v: the search says %v, it opens at %v", now, next, want)
		}
	})
}

// What the search relies on: offsets, and their changes, at whole quarters of an
// hour. The zones are those with odd offsets and rules.
func TestZonesChangeAtQuarters(t *testing.T) {
	const seconds = int(quarter / time.Second)
	all := 0
	for _, name := range []string{
		"Africa/Cairo", "Africa/Casablanca", "Africa/Monrovia", "America/Caracas", "America/Godthab", "America/Havana", "America/New_York",
		"America/Santiago", "America/St_Johns", "Antarctica/Troll", "Asia/Gaza", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang", "Asia/Tehran",
		"Australia/Eucla", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Marquesas",
	} {
		location, err := zone(name)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		for now := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC).In(location); now.Year() < 2037; changes++ {
			if _, offset := now.Zone(); offset%seconds != 0 {
				t.Errorf("%s: the offset at %v is %d s", name, now, offset)
			}
			_, end := now.ZoneBounds()
			if end.IsZero() {
				break
			}
			if end.Year() < 2037 && end.Unix()%int64(seconds) != 0 { // files end there
				t.Errorf("%s changes at %v", name, end.UTC())
			}
			now = end
		}
		all += changes
	}
	if all < 300 { // eight of them move their clocks twice a year
		t.Errorf("only %d changes were looked at", all)
	}
}

func TestStep(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"application == 'shop'":                                                 0,
		"now.getHours('Europe/Berlin') == 1":                                    quarter,
		"now.getHours() == 1":                                                   quarter,
		"now.getHours('+05:45') == 1":                                           quarter,
		"now.getHours('+05:07') == 1":                                           minute,
		"now.getHours(config) == 1":                                             minute,
		"now.getMinutes('Europe/Berlin') == 1":                                  minute,
		"now.getSeconds() == 1":                                                 minute,
		"now > timestamp('2026-11-20T12:00:00Z')":                               minute,
		"(now + duration('7m')).getHours() == 1":                                minute,
		"now.getHours() == 1 && now.getMinutes() == 1":                          minute,
		"now.getHours() == 1 && now.between('2026-01-01', '2026-01-02', 'UTC')": quarter,
	} {
		if got := step(mustCompile(t, &releases, text).checked); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// The functions of timestamps must say what CEL's own say.
func TestAccessorsAreCELs(t *testing.T) {
	plain, err := cel.NewEnv(cel.Variable("now", cel.TimestampType))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, a := range accessors {
		for _, name := range []string{"Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC", "+05:30", "-03:30"} {
			tree, issues := plain.Compile("now." + a.name + "('" + name + "')")
			if issues.Err() != nil {
				t.Fatal(issues.Err())
			}
			program, err := plain.Program(tree)
			if err != nil {
				t.Fatal(err)
			}
			for range 50 {
				now := time.Unix(random.Int64N(4e9), random.Int64N(1e9)).UTC()
				want, _, err := program.Eval(map[string]any{"now": now})
				if err != nil {
					t.Fatal(err)
				}
				location, err := zone(name)
				if err != nil {
					t.Fatal(err)
				}
				if got := types.Int(a.read(now.In(location))); got != want {
					t.Errorf("%v.%s(%q) = %d, CEL says %v", now, a.name, name, got, want)
				}
			}
		}
	}
}

func TestCalendar(t *testing.T) {
	c, err := ParseCalendar([]string{"2026-12-31/2027-01-01", "2026-12-24", "2026-12-24/2026-12-26", "2026-12-25", "2024-02-29"})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]bool{
		"2026-12-23": false, "2026-12-24": true, "2026-12-25": true, "2026-12-26": true, "2026-12-27": false,
		"2026-12-30": false, "2026-12-31": true, "2027-01-01": true, "2027-01-02": false,
		"2024-02-28": false, "2024-02-29": true, "2024-03-01": false, "1999-01-01": false, "2100-01-01": false,
	}
	for day, want := range in {
		d, err := parseDate(day)
		if err != nil {
			t.Fatal(err)
		}
		if c.has(d) != want {
			t.Errorf("%s: %v", day, !want)
		}
	}
	if (Calendar{}).has(20261224) {
		t.Error("the empty calendar has a day")
	}
	for _, c := range []struct {
		entries []string
		says    string
	}{
		{[]string{"2026-02-29"}, `"2026-02-29" is no date`},
		{[]string{"2026-12-24", "24.12."}, `"24.12." is no date: write it like 2026-12-24`},
		{[]string{"2026-12-24/"}, `"" is no date`},
		{[]string{"2026-12-24/2026-12-23"}, "the range ends before it begins"},
		{[]string{"a", "b", "c", "d", "e", "f", "g"}, "and 2 more problems"},
		{make([]string, MaxCalendar+1), "more than 4096"},
	} {
		_, err := ParseCalendar(c.entries)
		if err == nil {
			t.Errorf("%.100q was read", c.entries)
			continue
		}
		says(t, err.Error(), c.says)
	}
}

func TestCompileWindowsErrors(t *testing.T) {
	_, err := CompileWindows([]string{"true", "noww"}, []string{"now.getHour() == 1", "1"}, nil)
	if err == nil {
		t.Fatal("three mistakes were compiled")
	}
	says(t, err.Error(), "windows.deny[0]:1:12 ", "windows.deny[1]:1:1 ", "windows.allow[1]:1:1 ", `did you mean "now"?`)
	_, err = CompileWindows(make([]string, MaxRules+1), nil, nil)
	if err == nil {
		t.Fatal("too many rules were compiled")
	}
	says(t, err.Error(), "windows.allow has 257 rules, more than 256")
}
