package suite

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	_ "time/tzdata" // the tests' zones, wherever they run
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// What docs/policy.md teaches is so: every block is a suite whose cases are as
// they say.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllSubmatch(page, -1)
	if len(blocks) < 6 {
		t.Fatalf("the page has %d examples, want one of each kind of rules", len(blocks))
	}
	for _, b := range blocks {
		s, err := Parse(b[1], "docs/policy.md")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, r := range s.Run(t.Context()) {
			if !r.OK {
				t.Errorf("%s, %s: %s", r.Policy, r.Case, r.Message)
			}
		}
	}
}

// A wrong want must be told, and in which words.
func TestFailures(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"decision: {fail: 'true', cases: [{given: {findings: [{classification: similar}]}, want: PASS}]}", "want PASS, got FAIL: by the rule decision.fail (true); without it PASS: the canary is not worse"},
		{"decision: {fail: 'canary.x == \"\"', cases: [{given: {verdict: PASS}, want: PASS}]}", "want PASS, got ERROR: decision.fail could not be evaluated: there is no x"},
		{"windows: {deny: ['now.getHours() == 9'], cases: [{given: {now: 2026-11-20T09:30:00Z}, want: open}]}", "want open, got not now: windows.deny[0] is true: now.getHours() == 9; next at 2026-11-20T10:00:00Z"},
		{"windows: {deny: ['now.getHours() == 9'], cases: [{given: {now: 2026-11-20T10:30:00Z}, want: closed}]}", "want closed, got now"},
		{"windows: {deny: ['now.getHours() == 9'], cases: [{given: {now: 2026-11-20T09:30:00Z}, want: closed, next: 2026-11-20T11:00:00Z}]}", "want next at 2026-11-20T11:00:00Z, got not now"},
		{"windows: {deny: ['now.getHours() == 9'], cases: [{given: {now: 2026-11-20T09:30:00Z}, want: closed, next: never}]}", "want it never to open, got not now"},
		{"windows: {deny: ['1 / now.getMinutes() == 9'], cases: [{given: {now: 2026-11-20T09:00:00Z}, want: closed}]}", "windows.deny[0] could not be evaluated: division by zero"},
		{"authorization: {rules: [{name: a, allow: claims.x}], cases: [{given: {action: judge}, want: allowed}]}", "want allowed, got denied: no rule allows it\nauthorization.a.allow could not be evaluated: there is no x"},
		{"authorization: {rules: [{name: a, allow: 'true'}, {name: b, allow: 'true'}], cases: [{given: {action: judge}, want: allowed, rule: b}]}", "want allowed by b, got allowed by a"},
		{"authorization: {cases: [{given: {action: judge}, want: denied}]}", "want denied, got allowed: there are no rules"},
		{"constraints: {rules: [{name: a, require: 'false', message: do it}], cases: [{want: []}]}", "want none, got a\na: do it"},
		{"constraints: {rules: [{name: a, require: 'true'}], cases: [{want: [a]}]}", "want a, got none"},
		{"routes: {rules: {a: '', b: 'event.score > 50'}, cases: [{given: {type: look, score: 10}, want: [b, a]}]}", "want a, b, got a"},
		{"routes: {rules: {a: 'event.at.getHours() == 1'}, cases: [{given: {type: look}, want: [a]}]}", "want a, got none\nroutes.a could not be evaluated: there is no at here"},
	} {
		s, err := Parse([]byte(c.text), "f.yaml")
		if err != nil {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		results := s.Run(t.Context())
		if len(results) != 1 || results[0].OK || !strings.HasPrefix(results[0].Message, c.want) || results[0].Case != "case 1" {
			t.Errorf("%s\ngot  %+v\nwant %s", c.text, results, c.want)
		}
	}
}

// Every key of a case must reach the rules.
func TestGiven(t *testing.T) {
	text := `
decision:
  fail: >-
    verdict == 'INCONCLUSIVE' && score == 12.5 && reasons[0] == 'r' && alpha == 0.1 && look.number == 2 && look.of == 3 &&
    window.start.getHours() == 1 && window.end.getHours() == 2 && config == 'c' && application == 'a' && baseline.v == '1' && canary.v == '2' &&
    findings.exists(f, f.name == 'errors' && f.kind == 'ratio' && f.unit == '1' && f.direction == 'increase' && f.critical && f.weight == 2.0 &&
      f.judge == 'ratio' && f.low && f.verdict == 'PASS' && f.pValue == 0.1 && f.adjustedPValue == 0.2 && f.effectiveN == 9.0 &&
      f.effect.measure == 'rate-ratio' && f.effect.estimate == 1.5 && f.effect.low == 1.0 && f.effect.high == 2.0 && f.effect.level == 0.9 &&
      f.baseline.count == 1 && f.baseline.missing == 2 && f.baseline.level == 3.0 && f.baseline.mean == 4.0 && f.baseline.min == 5.0 &&
      f.baseline.max == 6.0 && f.baseline.std == 7.0 && f.baseline.events == 8.0 && f.baseline.total == 9.0 && f.canary.level == 10.0 &&
      f.needed == 11 && f.reason == 'why' && f.warnings[0] == 'w' && f.source == 's' &&
      f.changes.exists_one(c, c.kind == 'new' && c.id == 'i' && c.name == 'n' && c.level == 'error' && c.logger == 'l' && c.severity == 'critical' &&
        c.baseline.events == 1.0 && c.baseline.exposure == 2.0 && c.canary.events == 3.0 && !has(c.canary.exposure))) &&
    findings.exists(f, f.name == 'cpu' && f.unclear && f.verdict == 'INCONCLUSIVE' && !has(f.pValue) && !has(f.effect.low) && !has(f.canary.level))
  cases:
    - given:
        score: 12.5
        reasons: [r]
        alpha: 0.1
        look: {number: 2, of: 3}
        window: {start: 2026-11-20T01:00:00Z, end: 2026-11-20T02:00:00Z}
        config: c
        application: a
        baseline: {v: "1"}
        canary: {v: "2"}
        findings:
          - name: cpu
            critical: true
          - name: errors
            kind: ratio
            unit: "1"
            direction: increase
            critical: true
            weight: 2
            judge: ratio
            classification: low
            pValue: 0.1
            adjustedPValue: 0.2
            effectiveN: 9
            effect: {measure: rate-ratio, estimate: 1.5, low: 1, high: 2, level: 0.9}
            baseline: {count: 1, missing: 2, level: 3, mean: 4, min: 5, max: 6, std: 7, events: 8, total: 9}
            canary: {level: 10}
            needed: 11
            reason: why
            warnings: [w]
            source: s
            changes:
              - {kind: new, id: i, name: n, level: error, logger: l, severity: critical, baseline: {events: 1, exposure: 2}, canary: {events: 3}}
              - {kind: slot-shift}
      want: FAIL
windows:
  allow: ["application == 'a' && config == 'c' && now.getMinutes() == 5"]
  cases: [{given: {now: 2026-11-20T01:05:00Z, application: a, config: c}, want: open}]
authorization:
  rules:
    - name: all
      allow: >-
        caller.name == 'n' && caller.tenant == 't' && caller.method == 'mtls' && action == 'judge' && application == 'a' && config == 'c' &&
        tenant == 'u' && claims.n == 1.0 && claims.list[0] == 'x' && claims.deep.er == true
  cases:
    - given: {caller: {name: n, tenant: t, method: mtls}, claims: {n: 1, list: [x], deep: {er: true}}, action: judge, application: a, config: c, tenant: u}
      want: allowed
constraints:
  rules:
    - name: all
      require: >-
        config.name == 'n' && config.application == 'a' && config.description == 'd' && config.alpha == 0.01 && config.assignment == 'randomized' &&
        config.schedule.warmup == duration('1m') && config.schedule.duration == duration('2m') && config.schedule.interval == duration('3s') &&
        config.schedule.history == duration('4h') && config.schedule.lookEvery == duration('5m') &&
        config.traffic.source == 's' && config.traffic.query == 'q' && config.traffic.share == 0.5 && config.traffic.critical &&
        config.metrics.exists(m, m.name == 'm' && m.source == 's' && m.query == 'q' && m.total == 't' && m.kind == 'count' && m.unit == 'u' &&
          m.direction == 'decrease' && m.critical && m.weight == 3.0 && m.judge == 'counts' && m.pods == 'pod' && m.marginRelative == 0.1 &&
          m.marginAbsolute == 0.2 && m.toleranceRelative == 0.3 && m.toleranceAbsolute == 0.4) &&
        config.logs.exists(l, l.name == 'l' && l.source == 'ls' && l.query == 'lq' && l.critical && l.weight == 2.0 && l.tolerance == 0.5 && l.ratio == 4.0 &&
          l.share == 0.25 && l.silence == 'fail' && l.levelsOnly) && config.logs.exists(l, !has(l.tolerance) && l.silence == 'inconclusive') &&
        size(config.sources) == 2 && 'ls' in config.sources && caller.tenant == 't'
  cases:
    - given:
        caller: {tenant: t}
        config:
          name: n
          application: a
          description: d
          alpha: 0.01
          assignment: randomized
          schedule: {warmup: 1m, duration: 2m, interval: 3s, history: 4h, lookEvery: 5m}
          traffic: {source: s, query: q, share: 0.5, critical: true}
          metrics:
            - {name: m, source: s, query: q, total: t, kind: count, unit: u, direction: decrease, critical: true, weight: 3, judge: counts, pods: pod,
               marginRelative: 0.1, marginAbsolute: 0.2, toleranceRelative: 0.3, toleranceAbsolute: 0.4}
          logs:
            - {name: l, source: ls, query: lq, critical: true, weight: 2, tolerance: 0.5, ratio: 4, share: 0.25, silence: fail, levelsOnly: true}
            - {name: other, source: s}
      want: []
routes:
  rules:
    all: >-
      event.type == 'look' && event.verdict == 'PASS' && event.previousVerdict == 'ERROR' && event.score == 9.0 && event.config == 'c' &&
      event.application == 'a' && event.tenant == 't' && event.source == 's' && event.baseline.v == '1' && event.canary.v == '2' && event.at.getHours() == 7
  cases:
    - given: {type: look, verdict: PASS, previousVerdict: ERROR, score: 9, config: c, application: a, tenant: t, source: s, baseline: {v: "1"}, canary: {v: "2"}, at: 2026-11-20T07:00:00Z}
      want: [all]
`
	s, err := Parse([]byte(text), "given.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results := s.Run(t.Context())
	if len(results) != 5 {
		t.Errorf("%d results, want 5", len(results))
	}
	for _, r := range results {
		if !r.OK {
			t.Errorf("%s: %s", r.Policy, r.Message)
		}
	}
}

// A finding's verdict follows from what is bad of it.
func TestUsualVerdict(t *testing.T) {
	for given, want := range map[string]string{
		"classification: similar":                     "PASS",
		"classification: high":                        "FAIL",
		"classification: low":                         "FAIL",
		"classification: high, direction: increase":   "FAIL",
		"classification: high, direction: decrease":   "PASS",
		"classification: low, direction: increase":    "PASS",
		"classification: low, direction: decrease":    "FAIL",
		"classification: unclear":                     "INCONCLUSIVE",
		"classification: noData":                      "INCONCLUSIVE",
		"classification: failed":                      "ERROR",
		"classification: high, verdict: INCONCLUSIVE": "INCONCLUSIVE",
		"name: x": "INCONCLUSIVE",
	} {
		s, err := Parse([]byte("decision: {cases: [{given: {findings: [{"+given+"}]}, want: "+want+"}]}"), "f.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if r := s.Run(t.Context())[0]; !r.OK {
			t.Errorf("{%s}: %s", given, r.Message)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "f.yaml: there is no case: nothing would be tested"},
		{"decision: {fail: 'true'}", "there is no case"},
		{"rules: {}", `f.yaml:1 there is no key "rules" here: there are decision, windows, authorization, constraints, routes`},
		{"decision:\n  fial: x\n", `f.yaml:2 there is no key "fial" here: there are fail, inconclusive, pass, cases`},
		{"decision:\n  cases:\n  - given: {findings: [{naem: x}]}", `f.yaml:3 there is no key "naem" here: there are name, kind, unit`},
		{"decision:\n  cases:\n  - given: {score: much}", `f.yaml:3 a number is wanted here, not "much"`},
		{"decision:\n  cases: x", "f.yaml:2 a list is wanted here"},
		{"decision: []", "f.yaml:1 a mapping is wanted here"},
		{"decision: {cases: [{given: {look: {number: first}}}]}", `a whole number is wanted here, not "first"`},
		{"decision: {cases: [{given: {findings: [{critical: perhaps}]}}]}", `true or false is wanted here, not "perhaps"`},
		{"constraints: {cases: [{given: {config: {schedule: {warmup: soon}}}}]}", "a length of time like 90s or 30m is wanted here"},
		{"windows: {cases: [{given: {now: soon}}]}", "a moment like 2026-12-24T18:00:00+01:00 is wanted, not \"soon\""},
		{"decision: {cases: [{given: {}, want: Fail}]}", `f.yaml:1 "Fail" is none of PASS, FAIL, INCONCLUSIVE, ERROR`},
		{"decision: {cases: [{given: {findings: [{kind: gage}]}, want: FAIL}]}", `"gage" is none of gauge, count, ratio, histogram`},
		{"decision: {cases: [{given: {findings: [{direction: up}]}, want: FAIL}]}", `"up" is none of either`},
		{"decision: {cases: [{given: {findings: [{classification: NO_DATA}]}, want: FAIL}]}", `"NO_DATA" is none of unclear`},
		{"decision: {cases: [{given: {findings: [{effect: {measure: percent}}]}, want: FAIL}]}", `"percent" is none of ratio`},
		{"constraints: {cases: [{given: {config: {assignment: coin}}}]}", `"coin" is none of instances, randomized`},
		{"constraints: {cases: [{given: {config: {logs: [{silence: golden}]}}}]}", `"golden" is none of inconclusive, fail`},
		{"decision: {cases: [{given: {findings: [{changes: [{kind: more}]}]}, want: FAIL}]}", `"more" is none of new, up, lost`},
		{"decision: {cases: [{given: {findings: [{changes: [{level: warning}]}]}, want: FAIL}]}", `"warning" is none of debug, info, warn`},
		{"decision: {cases: [{given: {findings: [{changes: [{severity: fatal}]}]}, want: FAIL}]}", `"fatal" is none of ignored, info, warn`},
		{"decision: {cases: [{given: {}}]}", "decision.cases[0] has no want"},
		{"decision: {fail: 'findings.exists(f, f.hihg)', cases: [{want: FAIL}]}", "f.yaml: decision.fail:1:21 there is no field \"hihg\": did you mean \"high\"?\n  | findings.exists(f, f.hihg)\n  | ....................^"},
		{"windows: {cases: [{given: {now: 2026-11-20T09:00:00Z}, want: shut}]}", `windows.cases[0].want is "shut": say open or closed`},
		{"windows: {cases: [{given: {}, want: open}]}", "windows.cases[0].given has no now"},
		{"windows: {cases: [{given: {now: 2026-11-20T09:00:00Z}, want: open, next: never}]}", "only a closed window has one"},
		{"windows: {cases: [{given: {now: 2026-11-20T09:00:00Z}, want: closed, next: soon}]}", `windows.cases[0].next is "soon"`},
		{"windows: {calendars: {days: [monday]}}", `windows.calendars.days: "monday" is no date`},
		{"windows: {deny: [\"now.on('days', 'UTC')\"]}", `there is no calendar "days": the server's settings have none`},
		{"authorization: {cases: [{given: {action: judge}, want: 'yes'}]}", `authorization.cases[0].want is "yes": say allowed or denied`},
		{"authorization: {cases: [{given: {action: jugde}, want: denied}]}", `authorization.cases[0].given.action is "jugde": it is one of judge, analyses.start`},
		{"authorization: {cases: [{given: {action: judge}, want: denied, rule: x}]}", `authorization.cases[0].rule: there is no rule "x"`},
		{"authorization: {cases: [{given: {claims: {a: .nan}, action: judge}, want: denied}]}", "claims must be what JSON can say"},
		{"authorization: {rules: [{name: a}]}", "authorization.a must have either allow or deny"},
		{"constraints: {cases: [{given: {}}]}", "constraints.cases[0] has no want: list names of rules, [] for none"},
		{"constraints: {cases: [{want: [x]}]}", `constraints.cases[0].want: there is no rule "x"`},
		{"constraints: {rules: [{name: a, require: ''}]}", "constraints.a: there is no expression"},
		{"routes: {rules: {a: 'true'}, cases: [{given: {type: verdict}, want: [b]}]}", `routes.cases[0].want: there is no rule "b"`},
		{"routes: {cases: [{given: {type: verdicts}, want: []}]}", `routes.cases[0].given.type is "verdicts"`},
		{"routes: {rules: {a: x}}", "routes.a:1:1 there is no \"x\""},
		{"decision: &a {fail: x}\nwindows: *a", "f.yaml:2 aliases are not supported"},
		{"decision:\n  <<: {fail: x}", "f.yaml:2 merge keys are not supported"},
		{"decision: {}\ndecision: {}", "already defined at line 1"},
		{"decision: {}\n---\ndecision: {}", "there is more than one document"},
		{"a: [", "f.yaml:1 did not find"},
		{strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested more than 32 levels deep"},
		{"#" + strings.Repeat("x", MaxFile), "has more than 1048576 bytes"},
		{"routes: {rules: {" + strings.Repeat("a: b, ", 3) + "c: d}}", "f.yaml:1 mapping key \"a\" already defined at line 1"},
	} {
		_, err := Parse([]byte(c.text), "f.yaml")
		if err == nil {
			t.Errorf("%.100s\nwas read, want %s", c.text, c.says)
			continue
		}
		if _, ok := errors.AsType[*ParseError](err); !ok || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.100s\ngot  %v\nwant %s", c.text, err, c.says)
		}
	}
}

func TestParseErrorIsShort(t *testing.T) {
	var text strings.Builder
	text.WriteString("routes:\n  rules:\n")
	for i := range 100 {
		text.WriteString("    r" + strings.Repeat("x", i+1) + ": nothing\n")
	}
	_, err := Parse([]byte(text.String()), "f.yaml")
	if err == nil || strings.Count(err.Error(), "\n") > maxProblems || !strings.Contains(err.Error(), "more lines") {
		t.Errorf("got %v", err)
	}
}

func TestRunCanceled(t *testing.T) {
	s, err := Parse([]byte("decision: {fail: 'true', cases: [{given: {verdict: PASS}, want: FAIL}]}"), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.Run(ctx)[0]; r.OK {
		t.Errorf("a case passed after the end: %+v", r)
	}
}

func FuzzParse(f *testing.F) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range yamlBlock.FindAllSubmatch(page, -1) {
		f.Add(b[1])
	}
	for _, s := range []string{"---", "?", "decision:\n  <<: *x", "a: &a [*a]", "\xff", "windows: {cases: [{given: {now: 2026-11-20}}]}", "authorization: {cases: [{given: {claims: {1: 2}}}]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, "f.yaml")
		if err != nil {
			e, ok := errors.AsType[*ParseError](err)
			if !ok || len(e.Problems) == 0 || err.Error() == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		ctx, cancel := context.WithCancel(t.Context()) // searches of a year take long: only the way to them is of interest
		cancel()
		if len(s.Run(ctx)) == 0 {
			t.Fatalf("%q has no case", text)
		}
	})
}
