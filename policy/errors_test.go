package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What people get wrong, and that the place and the way out are shown.
func TestMistakes(t *testing.T) {
	holidays, err := ParseCalendar([]string{"2026-12-25"})
	if err != nil {
		t.Fatal(err)
	}
	calendars := map[string]Calendar{"holidays": holidays, "freeze": {}}
	for _, c := range []struct {
		dialect  *dialect
		text     string
		at, says string
	}{
		{&decisions, "findings.exists(f, f.critical && f.hihg)", "1:35", `there is no field "hihg": did you mean "high"?`},
		{&decisions, "fidnings.size() > 0", "1:1", `there is no "fidnings": did you mean "findings"?`},
		{&decisions, "zzz", "1:1", `there is no "zzz"`},
		{&decisions, "score > 'much'", "1:7", "found no matching overload for '>' applied to '(double, string)'"},
		{&decisions, "score == 50", "1:7", "write the whole number with a point, as in 50.0"},
		{&decisions, "findings.exists(f,\n  f.high &&\n  f.pvalue < 0.1)", "3:4", `did you mean "pValue"?`},
		{&decisions, "score >", "1:8", "Syntax error"},
		{&decisions, "findings", "1:1", "the expression is a list(Finding): it must be true or false"},
		{&decisions, "score", "1:1", "the expression is a double"},
		{&decisions, "", "", "there is no expression"},
		{&decisions, " \n\t", "", "there is no expression"},
		{&decisions, "true || '\xff' == ''", "", "not valid UTF-8"},
		{&decisions, "verdict == 'FAILED'", "1:12", `verdict is never "FAILED": it is one of PASS, FAIL, INCONCLUSIVE, ERROR`},
		{&decisions, "'fail' == verdict", "1:1", "verdict is never"},
		{&decisions, "verdict != 'Pass'", "1:12", "verdict is never"},
		{&decisions, "findings.exists(f, f.classification in ['high', 'no data'])", "1:49", `classification is never "no data"`},
		{&decisions, "findings.exists(f, f.direction == 'up')", "1:35", "it is one of either, increase, decrease"},
		{&decisions, "findings.exists(f, f.effect.measure == 'percent')", "1:40", "measure is never"},
		{&decisions, "dyn(1) == 1", "1:4", `there is no "dyn"`},
		{&decisions, "Finding{name: 'x'} == findings[0]", "1:8", "a rule reads objects and cannot make one"},
		{&decisions, "application.matches(config)", "1:21", "a pattern must be written out"},
		{&decisions, "matches(application, config)", "1:22", "a pattern must be written out"},
		{&decisions, "application.matches('(')", "1:21", "the pattern cannot be read: missing closing"},
		{&decisions, "application.matches('(a{1,30}){1,30}')", "1:21", "repeat less"},
		{&decisions, "application.matches('a{1001}')", "1:21", "invalid repeat count"},
		{&decisions, "window.start < timestamp('2026-12-24')", "1:26", `"2026-12-24" is no moment: write it like 2026-12-24T18:00:00+01:00`},
		{&decisions, "window.end - window.start < duration('1 h')", "1:38", `"1 h" is no length of time`},
		{&decisions, "window.start.getHours('Europe/Berln') == 1", "1:23", `there is no time zone "Europe/Berln"`},
		{&decisions, "window.start.getHours('') == 1", "1:23", "there is no time zone"},
		{&decisions, "window.start.getHours('Local') == 1", "1:23", "there is no time zone"},
		{&decisions, "window.start.getHours('../../etc/passwd') == 1", "1:23", "there is no time zone"},
		{&decisions, "window.start.getHours('+5:30') == 1", "1:23", "there is no time zone"},
		{&decisions, "now.getHours('UTC') == 1", "1:1", `there is no "now"`},
		{&decisions, "findings.map(f, [f.name]).size() > 0", "1:17", "a list or a map cannot be part of another"},
		{&decisions, "[findings].size() == 1", "1:2", "a list or a map cannot be part of another"},
		{&decisions, "{'a': findings}['a'].size() > 0", "1:7", "a list or a map cannot be part of another"},
		{&decisions, "reasons == reasons", "1:9", "lists and maps cannot be compared: ask size()"},
		{&decisions, "baseline != canary", "1:10", "lists and maps cannot be compared"},
		{&decisions, "size(reasons + reasons) > 1", "1:14", "lists cannot be added"},
		{&authorizations, "claims.a + claims.b == 'ab'", "1:10", "what is added here? say string(...)"},
		{&authorizations, "(caller.name == '' ? claims.a : 'x') == 'x'", "1:33", "both results must have one type"},
		{&authorizations, "action == 'analysis.start'", "1:11", `action is never "analysis.start": it is one of judge, analyses.start`},
		{&authorizations, "caller.method in ['oidc', 'saml']", "1:27", `method is never "saml"`},
		{&constraints, "config.metrics.all(m, m.kind == 'guage')", "1:33", "it is one of gauge, count, ratio, histogram"},
		{&constraints, "config.assignment == 'random'", "1:22", "it is one of instances, randomized"},
		{&constraints, "config.metric.size() > 0", "1:7", `did you mean "metrics"?`},
		{&routes, "event.type == 'verdicts'", "1:15", "it is one of analysis.started, look, verdict"},
		{&routes, "event.verdict == 'BAD'", "1:18", "verdict is never"},
		{&releases, "now.on('holiday', 'Europe/Berlin')", "1:8", `there is no calendar "holiday": there are freeze, holidays`},
		{&releases, "now.on('holidays', 'Berlin')", "1:20", "there is no time zone"},
		{&releases, "now.on('holidays')", "1:7", "found no matching overload for 'on'"},
		{&releases, "now.between('24.12.2026', '2026-12-31', 'UTC')", "1:13", `"24.12.2026" is no date: write it like 2026-12-24`},
		{&releases, "now.between('2026-12-24', '2026-13-31', 'UTC')", "1:27", "is no date"},
		{&releases, "now.between('2026-12-24', '2026-12-01', 'UTC')", "1:13", "2026-12-24 is after 2026-12-01: no day is between them"},
		{&releases, "now.between('2026-12-24', '2026-12-31', 'Nowhere')", "1:41", "there is no time zone"},
	} {
		_, err := c.dialect.compile("rule", c.text, calendars)
		if err == nil {
			t.Errorf("%s: compiled", c.text)
			continue
		}
		found := false
		for _, p := range problems(t, err) {
			at := ""
			if p.Line > 0 {
				at = fmt.Sprintf("%d:%d", p.Line, p.Column)
			}
			found = found || at == c.at && strings.Contains(p.Message, c.says)
		}
		if !found {
			t.Errorf("%s: want %q at %q, got\n%v", c.text, c.says, c.at, err)
		}
	}
}

// A word's place in a list of names that macros bind is not the variable.
func TestWordsOfBoundNames(t *testing.T) {
	for _, e := range []string{
		"['x'].exists(verdict, verdict == 'x')",
		"reasons.exists(action, action == 'x')",
		"findings.exists(f, f.name == 'FAILED')",
	} {
		mustCompile(t, &decisions, e)
	}
}

func TestCompileErrorText(t *testing.T) {
	_, err := CompileDecision("findings.exists(f, f.critical &&\n\tf.hihg) && verdict == 'Fail'", "", "")
	if err == nil {
		t.Fatal("compiled")
	}
	want := "decision.fail:2:3 there is no field \"hihg\": did you mean \"high\"?\n" +
		"  |  f.hihg) && verdict == 'Fail'\n" +
		"  | ..^"
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCompileErrorIsShort(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("verdict == 'x' || ", 200) + "false",
		"'" + strings.Repeat("ä", 2000) + "' == 1",
		strings.Repeat("\x01\x02", 1000),
		strings.Repeat("(", 4096),
		strings.Repeat("x", 4097),
		"x" + strings.Repeat(".y", 2000),
		strings.Repeat("zz.zz ", 600),
	} {
		_, err := CompileDecision(text, "", "")
		if err == nil {
			t.Errorf("%.40q compiled", text)
			continue
		}
		// Each problem is a message and two excerpts, none longer than its bound.
		if most := maxProblems*4*(maxQuote+2*maxExcerpt+100) + 100; len(err.Error()) > most || !utf8.ValidString(err.Error()) {
			t.Errorf("%.40q: the error has %d bytes: %.300q", text, len(err.Error()), err)
		}
		for line := range strings.Lines(err.Error()) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' }) {
				t.Errorf("%.40q: the error has control characters: %q", text, line)
			}
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("abcdefghij", 30)
	for _, c := range []struct {
		line   string
		column int
		want   string // the character at the caret
	}{
		{"abc", 1, "a"},
		{"abc", 3, "c"},
		{"äöü", 2, "ö"},
		{long, 1, "a"},
		{long, 150, "j"},
		{long, 299, "i"},
	} {
		shown, before := excerpt(c.line, c.column)
		runes := []rune(shown)
		if len(runes) > maxExcerpt || before >= len(runes) || string(runes[before]) != c.want {
			t.Errorf("excerpt(%.20q…, %d) = %q, caret at %d; want it below %q", c.line, c.column, shown, before, c.want)
		}
	}
	if shown, before := excerpt("abc", 9); before != len(shown) {
		t.Errorf("a column beyond the line: caret at %d of %q", before, shown)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"kitten", "sitting", 3}, // the textbook's example
		{"hihg", "high", 2},
		{"PValue", "pValue", 0},
		{"", "abc", 3},
		{strings.Repeat("a", 33), strings.Repeat("a", 33), 32},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestEvalErrorText(t *testing.T) {
	e := &EvalError{Rule: "authorization.sre.allow", Expression: "'sre' in claims.groups", Err: errors.New("no such key: groups")}
	want := "authorization.sre.allow could not be evaluated: there is no groups: ask has(...groups) before you read it; it says: 'sre' in claims.groups"
	if e.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", e, want)
	}
	// A value that a rule read does not flood the log.
	r := Request{Claims: map[string]any{"sub": strings.Repeat("x\n", 100_000)}}
	_, _, err := mustCompile(t, &authorizations, "int(claims.sub) == 1").eval(t.Context(), &variables{authorizations.root, &r})
	if err == nil || len(err.Error()) > 3*4*maxQuote || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestOpeningString(t *testing.T) {
	next := time.Date(2026, 11, 23, 8, 0, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		o    Opening
		want string
	}{
		{Opening{Open: true}, "now"},
		{Opening{Reason: "it is late", Next: next, Until: next}, "not now: it is late; next at 2026-11-23T08:00:00+01:00"},
		{Opening{Reason: "it is late", Until: next}, "not now: it is late; not before 2026-11-23T08:00:00+01:00, and no further was looked"},
		{Opening{Reason: "it is broken"}, "not now: it is broken"},
	} {
		if got := c.o.String(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}
