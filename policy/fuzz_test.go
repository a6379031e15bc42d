package policy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge"
)

// Whatever people write, it compiles or says why, and what compiles ends.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"findings.exists(f, f.critical && f.high)", "findings.exists(f, f.changes.exists(c, c.kind == 'new' && c.canary.events > 3.0))", "config.sources.all(s, s in config.logs.map(l, l.source))", "score < 50 && look.number == look.of", "canary['version'].matches('^v1[.]')",
		"now.getDayOfWeek('Europe/Berlin') == 5 && now.getHours('+05:30') >= 15", "now.on('days', 'UTC') || now.between('2026-12-20', '2027-01-04', 'UTC')",
		"'sre' in claims.groups && action.startsWith('analyses.')", "config.metrics.map(m, m.weight).filter(w, w > 1.0).size() > 0",
		"event.type == 'verdict' ? event.verdict != event.previousVerdict : false", "has(claims.a.b) && int(claims['x']) % 7 == 0",
		"findings.map(f, f.name + f.name).exists_one(n, n == '')", "b'\\xff' == b'' || r'\\d' == \"\"\"x\"\"\"", "{'a': 1}.a == 1", "(((", "\x00", "äöü", "1 == 1 // comment", "findings.exists(.,0",
	} {
		f.Add(s)
	}
	days := map[string]Calendar{"days": {}}
	moment := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	j := judge.Decide([]judge.Finding{finding("latency", nil), finding("logs", func(f *judge.Finding) { f.Changes = make([]judge.Change, 3) })}, 0)
	owners := map[*dialect]any{
		&decisions:      &judged{judgment: &j, facts: &Facts{Application: "shop"}, findings: findingsOf(j.Findings)},
		&releases:       &release{now: moment, facts: &Facts{Application: "shop"}},
		&authorizations: &Request{Claims: map[string]any{"groups": []any{"sre"}, "a": map[string]any{"b": 1.0}}, Action: "judge"},
		&constraints:    configuredBy(&Config{Metrics: []Metric{{}}, Logs: []Log{{}}}, &Caller{}),
		&routes:         &Event{Type: "verdict", At: moment},
	}
	f.Fuzz(func(t *testing.T, text string) {
		for d, owner := range owners {
			r, err := d.compile("rule", text, days)
			if err != nil {
				e, ok := errors.AsType[*CompileError](err)
				if !ok || len(e.Problems) == 0 || !utf8.ValidString(err.Error()) && utf8.ValidString(text) {
					t.Fatalf("%q: %v", text, err)
				}
				for _, p := range e.Problems {
					if lines := strings.Split(text, "\n"); p.Line < 0 || p.Line > len(lines) || p.Line > 0 && p.Column < 1 || p.Message == "" {
						t.Fatalf("%q: a problem at %d:%d: %q", text, p.Line, p.Column, p.Message)
					}
				}
				continue
			}
			_, steps, err := r.eval(context.Background(), &variables{d.root, owner})
			if steps > d.cost+maxNodes {
				t.Fatalf("%q took %d steps", text, steps)
			}
			if err != nil && strings.Contains(err.Error(), "internal error") {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func FuzzParseCalendar(f *testing.F) {
	f.Add("2026-12-24")
	f.Add("2026-12-20/2027-01-04")
	f.Add("2026-02-29\n0000-01-01/9999-12-31")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCalendar(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		last := date(-1)
		for _, r := range c.ranges {
			if r.first <= last || r.last < r.first {
				t.Fatalf("%q: ranges are not in order and apart: %v", text, c.ranges)
			}
			if last = r.last; !c.has(r.first) || !c.has(r.last) {
				t.Fatalf("%q: the calendar has not its own days", text)
			}
		}
	})
}
