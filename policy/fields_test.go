package policy

import (
	"math"
	"testing"
	"time"

	"github.com/google/cel-go/common/ast"

	"github.com/judged-dev/judged/judge"
)

func visitAll(tree *ast.AST, see func(*field), c *checker) {
	for _, kind := range []ast.ExprKind{ast.IdentKind, ast.SelectKind} {
		visit(tree, kind, func(e ast.Expr) {
			if f := c.field(e); f != nil {
				see(f)
			}
		})
	}
}

// holds evaluates every expression, which must be true, and checks that they
// read every field there is.
func holds(t *testing.T, d *dialect, owner any, expressions []string) {
	t.Helper()
	for _, e := range expressions {
		got, _, err := mustCompile(t, d, e).eval(t.Context(), &variables{d.root, owner})
		if err != nil || !got {
			t.Errorf("%s: got %v, %v", e, got, err)
		}
	}
	everyField(t, d, expressions)
}

func TestDecisionFields(t *testing.T) {
	f := finding("latency", func(f *judge.Finding) {
		f.Signal.Critical, f.Signal.Weight = true, 3
		f.Classification, f.Verdict = judge.High, judge.Fail
		f.PValue, f.AdjustedPValue, f.EffectiveN = .001, .002, 41.5
		f.Effect = judge.Effect{Measure: judge.RatioOfLevels, Estimate: 1.25, Low: 1.125, High: 1.5, Level: .95}
		f.Baseline = judge.Summary{Count: 60, Missing: 2, Level: 100, Mean: 101, Min: 90, Max: 120, Std: 4, Events: 12, Total: 1200}
		f.Canary = judge.Summary{Count: 59, Missing: 3, Level: 125}
		f.Needed, f.Reason, f.Warnings = 90, "it is slower", []string{"gaps"}
		f.Evidence.Source = "prod"
		f.Changes = []judge.Change{
			{
				Kind: judge.New, ID: "00f1", Name: "connection refused", Level: "error", Logger: "db", Severity: judge.Serious,
				Canary: judge.Tally{Events: 12, Exposure: 40}, Baseline: judge.Tally{Events: 0, Exposure: 160},
			},
			{Kind: judge.Lost, Severity: judge.Warn, Baseline: judge.Tally{Events: 7}},
		}
	})
	quiet := finding("cpu", func(f *judge.Finding) { f.Classification = judge.NoData })
	start := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	j := judge.Judgment{Verdict: judge.Fail, Score: 12.5, Reasons: []string{"latency: worse"}, Alpha: .05, Findings: []judge.Finding{f, quiet}}
	facts := Facts{
		Application: "shop", Config: "checkout", Baseline: map[string]string{"version": "v1"}, Canary: map[string]string{"version": "v2"},
		Window: Window{start, start.Add(time.Hour)}, Look: Look{3, 60},
	}
	holds(t, &decisions, &judged{judgment: &j, facts: &facts, findings: findingsOf(j.Findings)}, []string{
		"size(findings) == 2",
		"findings.exists(f, f.critical && f.high)", // the example of the design
		"verdict == 'FAIL'",
		"score == 12.5 && score < 50",
		"reasons[0].contains('worse')",
		"alpha == 0.05",
		"look.number == 3 && look.of == 60",
		"window.end - window.start == duration('1h') && window.start.getHours('Europe/Berlin') == 15",
		"config == 'checkout' && application == 'shop'",
		"'version' in baseline && !('zone' in baseline) && baseline.version == 'v1' && canary['version'] == 'v2' && !has(canary.zone)",
		"findings[0].name == 'latency' && findings[1].name.startsWith('c')",
		"findings[0].kind == 'gauge' && findings[0].unit == 'ms' && findings[0].direction == 'increase'",
		"findings[0].weight == 3.0 && findings[1].weight == 1.0",
		"findings[0].judge == 'paired' && findings[0].source == 'prod'",
		"findings[0].classification == 'high' && findings[1].classification == 'noData'",
		"findings[0].high && !findings[0].low && !findings[0].similar && !findings[0].unclear && !findings[0].noData && !findings[0].failed",
		"findings[1].noData && !findings[1].high",
		"findings[0].verdict == 'FAIL' && findings[1].verdict in ['PASS', 'FAIL']",
		"findings[0].pValue < 0.01 && findings[0].adjustedPValue == 0.002 && findings[0].effectiveN > 41",
		"!has(findings[1].pValue) && findings.filter(f, has(f.pValue)).all(f, f.pValue < 0.01)",
		"findings[0].effect.measure == 'ratio' && findings[0].effect.estimate == 1.25 && findings[0].effect.level == 0.95",
		"findings[0].effect.low > 1.0 && findings[0].effect.high < 2.0 && !has(findings[1].effect.low)",
		"findings[0].baseline.count == 60 && findings[0].baseline.missing == 2 && findings[0].baseline.level == 100.0 && findings[0].baseline.std == 4.0",
		"findings[0].baseline.mean == 101.0 && findings[0].baseline.min == 90.0 && findings[0].baseline.max == 120.0",
		"findings[0].baseline.events == 12.0 && findings[0].baseline.total == 1200.0",
		"findings[0].canary.level / findings[0].baseline.level == 1.25 && !has(findings[0].canary.mean) == false",
		"findings[0].needed == 90 && !has(findings[1].needed)",
		"findings[0].reason.matches('^it is .*r$') && findings[0].warnings.exists(w, w == 'gaps') && size(findings[1].warnings) == 0",
		"findings.map(f, f.weight)[1] == 1.0 && 3.0 in findings.map(f, f.weight) && !(2.0 in findings.map(f, f.weight))",
		"findings.exists_one(f, f.critical)",
		"findings.exists(f, f.changes.exists(c, c.kind == 'new' && c.severity in ['error', 'critical']))",
		"size(findings[0].changes) == 2 && size(findings[1].changes) == 0",
		"findings[0].changes[0].id == '00f1' && findings[0].changes[0].name.contains('refused') && findings[0].changes[0].logger == 'db'",
		"findings[0].changes[0].level == 'error' && findings[0].changes[1].level == '' && findings[0].changes[1].severity == 'warn'",
		"findings[0].changes[0].canary.events / findings[0].changes[0].canary.exposure > 0.2 && findings[0].changes[0].baseline.events == 0.0",
		"findings[0].changes.filter(c, !has(c.baseline.exposure)).map(c, c.kind)[0] == 'lost'",
	})
}

func TestWindowFields(t *testing.T) {
	now := time.Date(2026, 12, 24, 17, 30, 15, 250e6, time.UTC)
	holds(t, &releases, &release{now: now, facts: &Facts{Application: "shop", Config: "checkout"}}, []string{
		"application == 'shop' && config == 'checkout'",
		"now > timestamp('2026-12-24T00:00:00Z') && now.getHours() == 17 && now.getHours('Europe/Berlin') == 18",
		"now.getDate('Europe/Berlin') == 24 && now.getDayOfMonth('Europe/Berlin') == 23 && now.getDayOfWeek('Europe/Berlin') == 4",
		"now.getMonth('+05:30') == 11 && now.getMinutes('+05:30') == 0 && now.getFullYear('UTC') == 2026",
		"now.getSeconds('Asia/Tokyo') == 15 && now.getMilliseconds('Asia/Tokyo') == 250 && now.getDayOfYear('Asia/Tokyo') == 358",
		"now.between('2026-12-20', '2026-12-24', 'Europe/Berlin') && !now.between('2026-12-20', '2026-12-24', 'Asia/Tokyo')",
	})
}

func TestAuthorizationFields(t *testing.T) {
	r := Request{
		Caller: Caller{Name: "ann", Tenant: "acme", Method: "oidc"},
		Claims: map[string]any{"groups": []any{"sre", "dev"}, "email_verified": true, "level": 3.0, "org": map[string]any{"unit": "web"}, "https://example.com/role": "admin"},
		Action: "analyses.start", Application: "shop", Config: "checkout", Tenant: "acme",
	}
	holds(t, &authorizations, &r, []string{
		"caller.name == 'ann' && caller.tenant == tenant && caller.method == 'oidc'",
		"'sre' in claims.groups && claims.groups.exists(g, g.startsWith('de')) && size(claims.groups) == 2",
		"claims.email_verified && claims.level >= 3 && claims.org.unit == 'web' && !has(claims.sub)",
		"claims['https://example.com/role'] == 'admin'",
		"action == 'analyses.start' && action.startsWith('analyses.') && action in ['analyses.start', 'judge']",
		"application == 'shop' && config == 'checkout'",
		"string(claims.level) == '3'",
		"claims.email_verified", // its type is known only here
	})
}

func TestConstraintFields(t *testing.T) {
	c := Config{
		Name: "checkout", Application: "shop", Description: "the checkout",
		Metrics: []Metric{{
			Signal: judge.Signal{
				Name: "errors", Kind: judge.Ratio, Unit: "1", Direction: judge.Increase, Critical: true, Weight: 2,
				Margin: judge.Margin{Relative: .05, Absolute: .001}, Tolerance: judge.Margin{Relative: .25, Absolute: .002},
			},
			Source: "prod", Query: "sum(errors)", Total: "sum(requests)", Judge: "ratio", Pods: "pod",
		}},
		Logs: []Log{{
			Signal: judge.Signal{Name: "logs", Critical: true, Weight: 3}, Source: "loki", Query: "{app}", Tolerance: .25, Ratio: 2, Share: .1,
			SilenceFails: true, LevelsOnly: true,
		}},
		Schedule:   Schedule{Warmup: 5 * time.Minute, Duration: time.Hour, Interval: time.Minute, History: 24 * time.Hour, LookEvery: 2 * time.Minute},
		Alpha:      .05,
		Assignment: judge.Randomized,
		Traffic:    &Traffic{Source: "prod", Query: "sum(requests)", Share: .1, Critical: true},
	}
	holds(t, &constraints, configuredBy(&c, &Caller{Name: "ann", Tenant: "acme", Method: "token"}), []string{
		"config.name == 'checkout' && config.application == 'shop' && config.description.size() > 3",
		"config.metrics.exists(m, m.critical && m.name == 'errors')",
		"config.metrics.all(m, m.source in ['prod', 'stage'] && !m.query.contains('rm') && m.total != '')",
		"config.metrics[0].kind == 'ratio' && config.metrics[0].unit == '1' && config.metrics[0].direction == 'increase'",
		"config.metrics[0].weight == 2.0 && config.metrics[0].judge == 'ratio' && config.metrics[0].pods == 'pod'",
		"config.metrics[0].marginRelative <= 0.1 && config.metrics[0].marginAbsolute == 0.001",
		"config.metrics[0].toleranceRelative == 0.25 && config.metrics[0].toleranceAbsolute == 0.002",
		"config.logs.all(l, l.source == 'loki' && l.name == 'logs' && l.query != '' && l.critical && l.weight == 3.0 && l.levelsOnly)",
		"config.logs[0].tolerance <= 0.25 && config.logs[0].ratio == 2.0 && config.logs[0].share == 0.1 && config.logs[0].silence == 'fail'",
		"config.sources.all(s, s in ['loki', 'prod']) && size(config.sources) == 2",
		"config.schedule.warmup >= duration('5m') && config.schedule.duration.getMinutes() == 60 && config.schedule.interval == duration('60s')",
		"config.schedule.history > config.schedule.duration && config.schedule.lookEvery == duration('2m')",
		"config.alpha <= 0.1 && config.assignment == 'randomized'",
		"has(config.traffic) && config.traffic.share == 0.1 && config.traffic.critical && config.traffic.source == 'prod' && config.traffic.query != ''",
		"caller.name == 'ann' && caller.tenant == 'acme' && caller.method == 'token'",
	})
	c.Traffic, c.Assignment, c.Logs[0].Share, c.Logs[0].SilenceFails = nil, judge.Instances, math.NaN(), false
	for _, e := range []string{"!has(config.traffic)", "config.assignment == 'instances'", "!has(config.logs[0].share) && config.logs[0].silence == 'inconclusive'"} {
		if got, _, err := mustCompile(t, &constraints, e).eval(t.Context(), &variables{constraints.root, configuredBy(&c, &Caller{})}); err != nil || !got {
			t.Errorf("%s: got %v, %v", e, got, err)
		}
	}
}

func TestRouteFields(t *testing.T) {
	holds(t, &routes, &Event{
		Type: "verdict", Verdict: "FAIL", PreviousVerdict: "INCONCLUSIVE", Score: 40, Config: "checkout", Application: "shop", Tenant: "acme",
		Source: "server", Baseline: map[string]string{"version": "v1"}, Canary: map[string]string{"version": "v2"}, At: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC),
	}, []string{
		"event.type == 'verdict' && event.verdict != event.previousVerdict && event.previousVerdict != ''",
		"event.score < 50.0 && event.config == 'checkout' && event.application == 'shop' && event.tenant == 'acme' && event.source == 'server'",
		"event.baseline.version != event.canary.version && event.at.getHours('Europe/Berlin') == 4",
	})
}
