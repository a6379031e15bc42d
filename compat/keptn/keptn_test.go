package keptn_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/compat/internal/carry/carrytest"
	"github.com/judged-dev/judged/compat/keptn"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// imported converts a file and returns it with its config as people see it,
// which the loader of configs must take back.
func imported(t *testing.T, text string) (keptn.Imported, string) {
	t.Helper()
	got, err := keptn.Import(carrytest.Documents("k.yaml", text), "")
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(got.Lost, "\n"))
	}
	if got.Config.GetName() == "" {
		got.Config.Name = "unnamed" // SLO files have no name; the caller gives one
	}
	return got, carrytest.Loaded(t, got.Config)
}

const slo = `
spec_version: "1.0"
filter: {handler: ItemsController}
comparison: {compare_with: several_results, number_of_comparison_results: 3, aggregate_function: avg}
objectives:
  - sli: latency_p95
    displayName: Latency (p95)
    key_sli: true
    weight: 2
    pass:
      - criteria: ["<=+10%", "<600"]
    warning:
      - criteria: ["<=800"]
  - sli: throughput
    pass: [{criteria: [">=-20%"]}]
  - sli: error_rate
    pass: [{criteria: ["<=1", ">=0"]}]
  - sli: memory
total_score: {pass: "90%", warning: "70%"}
---
spec_version: "1.0"
indicators:
  latency_p95: 'histogram_quantile(0.95, sum by (le) (rate(latency_bucket{job="$SERVICE-$PROJECT-$STAGE-$DEPLOYMENT",handler=~"$handler$"}[$DURATION_SECONDS])))'
  throughput: avg:requests{service:$SERVICE,version:$LABEL.build-id,deployment:$DEPLOYMENT}
  error_rate: 'label_replace(errors{job="$SERVICE",d="$DEPLOYMENT"}, "x", "$1${2}", "job", "(.*)(.*)")'
  memory: 'memory{job="$SERVICE",d="$DEPLOYMENT"}'
`

func TestImportSLO(t *testing.T) {
	got, text := imported(t, slo)
	want := `name: unnamed
scopes:
  baseline:
    deployment: primary
    duration_seconds: 60s
    handler: ItemsController
    label_build_id: FILL_IN
    project: FILL_IN
    service: FILL_IN
    stage: FILL_IN
  canary:
    deployment: canary
    duration_seconds: 60s
    handler: ItemsController
    label_build_id: FILL_IN
    project: FILL_IN
    service: FILL_IN
    stage: FILL_IN
metrics:
  - name: latency_p95
    source: prometheus
    query: histogram_quantile(0.95, sum by (le) (rate(latency_bucket{job="${service}-${project}-${stage}-${deployment}",handler=~"${handler}$"}[${duration_seconds}])))
    direction: INCREASE
    critical: true
    weight: 2
    margin:
      relative: 0.1
  - name: throughput
    source: datadog
    query: avg:requests{service:${service},version:${label_build_id},deployment:${deployment}}
    direction: DECREASE
    weight: 1
    margin:
      relative: 0.2
  - name: error_rate
    source: prometheus
    query: label_replace(errors{job="${service}",d="${deployment}"}, "x", "$1$${2}", "job", "(.*)(.*)")
    direction: EITHER
    weight: 1
  - name: memory
    source: prometheus
    query: memory{job="${service}",d="${deployment}"}
    weight: 1
decision:
  fail: findings.exists(f, f.name == "latency_p95" && has(f.canary.level) && ((f.canary.level >= 600.0) && (f.canary.level > 800.0)))
  inconclusive: findings.exists(f, f.name == "latency_p95" && has(f.canary.level) && (f.canary.level >= 600.0)) || findings.exists(f, f.name == "error_rate" && has(f.canary.level) && (f.canary.level > 1.0 || f.canary.level < 0.0))
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	holds(t, got.Lost,
		"k.yaml:4 comparison: earlier evaluations",
		`k.yaml:7 objective "latency_p95".displayName: "Latency (p95)" is not carried over`,
		"the total score of weights is not computed",
	)
	holds(t, got.Check, `"memory" was only shown`, "fixed limits are rules", "duration_seconds was the length", "fill in `scopes`")
}

// holds fails unless there are exactly these lines.
func holds(t *testing.T, lines []string, want ...string) {
	t.Helper()
	if len(lines) != len(want) {
		t.Errorf("%d lines, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
	}
	for i := range min(len(want), len(lines)) {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
}

func TestImportDefinition(t *testing.T) {
	const files = `
kind: AnalysisDefinition
metadata: {name: ed-my-proj-dev-svc1}
spec:
  objectives:
    - analysisValueTemplateRef: {name: response-time}
      target:
        failure: {greaterThan: {fixedValue: 500m}}
        warning: {inRange: {lowBound: "0.3", highBound: "0.5"}}
      weight: 3
      keyObjective: true
    - analysisValueTemplateRef: {name: hits}
      target: {failure: {notInRange: {lowBound: 1, highBound: 2Mi}}}
      weight: 1
    - {analysisValueTemplateRef: {name: dyna}, target: {failure: {lessThan: {fixedValue: 1}}}}
    - {analysisValueTemplateRef: {name: gone}, target: {failure: {lessThan: {fixedValue: x}}}}
  totalScore: {passPercentage: 90, warningPercentage: 60}
---
{kind: AnalysisValueTemplate, metadata: {name: response-time}, spec: {provider: {name: thanos-eu}, query: 'rt{w="{{.workload}}",v="{{ .version }}"}'}}
---
{kind: AnalysisValueTemplate, metadata: {name: hits}, spec: {provider: {name: prom}, query: 'hits{w="{{.workload}}"}'}}
---
{kind: AnalysisValueTemplate, metadata: {name: dyna}, spec: {provider: {name: dt}, query: 'builtin:x'}}
---
{kind: KeptnMetricsProvider, metadata: {name: dt}, spec: {type: dynatrace}}
---
{kind: KeptnMetricsProvider, metadata: {name: thanos-eu}, spec: {type: thanos}}
---
{kind: Analysis, metadata: {name: a}, spec: {timeframe: {recent: 10m}, args: {workload: shop}, analysisDefinition: {name: ed}}}
`
	got, text := imported(t, files)
	want := `name: ed-my-proj-dev-svc1
scopes:
  baseline:
    version: FILL_IN_baseline
    workload: shop
  canary:
    version: FILL_IN_canary
    workload: shop
schedule:
  duration: 600s
metrics:
  - name: response-time
    source: thanos-eu
    query: rt{w="${workload}",v="${version}"}
    direction: INCREASE
    critical: true
    weight: 3
  - name: hits
    source: prom
    query: hits{w="${workload}"}
    direction: EITHER
    weight: 1
decision:
  fail: findings.exists(f, f.name == "response-time" && has(f.canary.level) && (f.canary.level > 0.5))
  inconclusive: findings.exists(f, f.name == "response-time" && has(f.canary.level) && (f.canary.level >= 0.3 && f.canary.level <= 0.5)) || findings.exists(f, f.name == "hits" && has(f.canary.level) && (f.canary.level < 1.0 || f.canary.level > 2.097152e+06))
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	holds(t, got.Lost,
		`objective "gone".target.failure.lessThan.fixedValue: "x" is no number`,
		`AnalysisValueTemplate "dyna": judged does not ask a provider of the type "dynatrace"`,
		`objective "gone": there is no query of "gone"`,
		"the total score of weights is not computed",
		"which variable tells the canary from the baseline is not said",
	)
}

// An objective alone decides as Keptn's score would.
func TestImportedRules(t *testing.T) {
	others := func(n int) string {
		return strings.Repeat("  - {sli: o%, pass: [{criteria: ['<9']}]}\n", n)
	}
	for _, c := range []struct {
		name, objective string
		others          int
		level           float64
		want            judge.Verdict
	}{
		{"met", "pass: [{criteria: ['<600']}]", 0, 599, judge.Pass},
		{"violated, alone", "pass: [{criteria: ['<600']}]", 0, 600, judge.Fail},
		{"violated, one of five: 80 %", "pass: [{criteria: ['<600']}]", 4, 600, judge.Inconclusive},
		{"violated, one of three: 67 %", "pass: [{criteria: ['<600']}]", 2, 600, judge.Fail},
		{"violated, one of twenty: 95 %", "pass: [{criteria: ['<600']}]", 19, 600, judge.Pass},
		{"key, one of twenty", "key_sli: true\n    pass: [{criteria: ['<600']}]", 19, 600, judge.Fail},
		{"warned, one of two: 75 %", "pass: [{criteria: ['<600']}]\n    warning: [{criteria: ['<800']}]", 1, 700, judge.Inconclusive},
		{"beyond the warning", "pass: [{criteria: ['<600']}]\n    warning: [{criteria: ['<800']}]", 1, 800, judge.Fail},
		{"one of two sets", "pass: [{criteria: ['<600', '>500']}, {criteria: ['=0']}]", 0, 0, judge.Pass},
		{"none of two sets", "pass: [{criteria: ['<600', '>500']}, {criteria: ['=0']}]", 0, 1, judge.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "objectives:\n  - sli: m\n    " + c.objective + "\n"
			indicators := "---\nindicators:\n  m: 'm{d=\"$DEPLOYMENT\"}'\n"
			for i, o := range strings.SplitAfter(others(c.others), "\n") {
				if o != "" {
					name := "o" + string(rune('a'+i))
					text += strings.Replace(o, "o%", name, 1)
					indicators += "  " + name + ": 'x{d=\"$DEPLOYMENT\"}'\n"
				}
			}
			got, _ := imported(t, text+"total_score: {pass: 90%, warning: 75%}\n"+indicators)
			d, err := policy.CompileDecision(got.Config.GetDecision().GetFail(), "", got.Config.GetDecision().GetInconclusive())
			if err != nil {
				t.Fatal(err)
			}
			f := judge.NewFinding("paired", judge.Sample{Signal: judge.Signal{Name: "m", Kind: judge.Gauge}})
			f.Classification, f.Canary.Level = judge.Similar, c.level
			// An objective without data violates no limit: it is no pass anyway.
			empty := judge.NewFinding("paired", judge.Sample{Signal: judge.Signal{Name: "oa", Kind: judge.Gauge}})
			j, err := d.Apply(t.Context(), judge.Judgment{Verdict: judge.Pass, Findings: []judge.Finding{f, empty}}, policy.Facts{})
			if err != nil || j.Verdict != c.want {
				t.Errorf("%v, %v; want %v (%s)", j.Verdict, err, c.want, got.Config.GetDecision())
			}
		})
	}
}

func TestImportCriteria(t *testing.T) {
	for _, c := range []struct {
		pass, warning string
		margin        string
		direction     judgedv1.Direction
		lost          string
	}{
		{"['<=+10%']", "", "relative:0.1", judgedv1.Direction_INCREASE, ""},
		{"['<= 10 %']", "", "relative:0.1", judgedv1.Direction_INCREASE, ""},
		{"['>-5%']", "", "relative:0.05", judgedv1.Direction_DECREASE, ""},
		{"['<+0%']", "", "relative:0", judgedv1.Direction_INCREASE, ""},
		{"['<=+10%', '>=-10%']", "", "relative:0.1", judgedv1.Direction_EITHER, ""},
		{"['<=+20%', '>=-5%']", "", "relative:0.05", judgedv1.Direction_EITHER, "the smaller is taken"},
		{"['<=+25']", "", "absolute:25", judgedv1.Direction_INCREASE, ""},
		{"['<=+25', '<=+3%']", "", "absolute:25", judgedv1.Direction_INCREASE, "the first is taken"},
		{"['<=-8%']", "", "", judgedv1.Direction_DIRECTION_UNSPECIFIED, "asks for an improvement"},
		{"['<=+2000%']", "", "", judgedv1.Direction_INCREASE, "at most 1000%"},
		{"['<=+10%']", "['<=+30%']", "relative:0.1", judgedv1.Direction_INCREASE, "a change that Keptn warns of"},
		{"['<=+10%']", "['<800']", "relative:0.1", judgedv1.Direction_INCREASE, "without one to pass is left out"},
		{"['<=+10%']}, {criteria: ['<600']", "", "relative:0.1", judgedv1.Direction_INCREASE, "alternatives to a relative criterion"},
		{"[fast]", "", "", judgedv1.Direction_DIRECTION_UNSPECIFIED, `"fast" is no criterion`},
	} {
		text := "objectives:\n  - sli: m\n    pass: [{criteria: " + c.pass + "}]\n"
		if c.warning != "" {
			text += "    warning: [{criteria: " + c.warning + "}]\n"
		}
		got, _ := imported(t, text+"---\nindicators: {m: 'm{d=\"$DEPLOYMENT\"}'}")
		m := got.Config.GetMetrics()[0]
		if margin := strings.TrimSuffix(m.GetMargin().String(), "<nil>"); margin != c.margin || m.GetDirection() != c.direction {
			t.Errorf("%s: margin %q, %v; want %q, %v", c.pass, margin, m.GetDirection(), c.margin, c.direction)
		}
		if lost := strings.Join(got.Lost, "\n"); !strings.Contains(lost, c.lost) || c.lost == "" && strings.Count(lost, "\n") > 0 {
			t.Errorf("%s: lost %q, want %q", c.pass, lost, c.lost)
		}
	}
}

func TestImportQueries(t *testing.T) {
	for _, c := range []struct{ query, lost string }{
		{"metricSelector=builtin:service&entitySelector=x", "judged does not ask Dynatrace"},
		{`a{b="$$SERVICE"}`, "right behind a $"},
		{`a{b="$LABEL.x-y",c="$label_x_y"}`, "would be one variable"},
		{strings.Repeat("x", 20000), "more than 16384 characters"},
	} {
		got, err := keptn.Import(carrytest.Documents("k.yaml", "objectives: [{sli: m}]\n---\nindicators: {m: '"+c.query+"'}"), "")
		if err == nil || len(got.Lost) != 1 || !strings.Contains(got.Lost[0], c.lost) {
			t.Errorf("%.40s: %v, lost %.200q; want %q", c.query, err, got.Lost, c.lost)
		}
	}
	got, _ := imported(t, "objectives: [{sli: m}]\n---\nindicators: {m: 'up'}")
	if len(got.Lost) != 1 || !strings.Contains(got.Lost[0], "the query has no variable") {
		t.Errorf("lost %q", got.Lost)
	}
}

func TestImportNothing(t *testing.T) {
	objectives, _, _ := strings.Cut(slo, "---")
	for _, text := range []string{"", "{}", "[]", objectives, "kind: Deployment", "objectives: &a [*a]", "kind: AnalysisDefinition"} {
		if got, err := keptn.Import(carrytest.Documents("k.yaml", text), ""); err == nil {
			t.Errorf("no error for %q: %v", text, got.Config)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(slo))
	f.Add([]byte("kind: AnalysisDefinition\nspec: {objectives: [{analysisValueTemplateRef: {name: a}, target: {failure: {inRange: {lowBound: 1m, highBound: 2k}}, warning: {equalTo: {fixedValue: 0}}}}]}\n---\nkind: AnalysisValueTemplate\nmetadata: {name: a}\nspec: {query: 'x{a=\"{{.b}}\"}'}\n---\nkind: Analysis\nspec: {timeframe: {recent: 1h}, args: {b: c}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.ContainsAny(text, "\u0085\u2028\u2029") {
			t.Skip() // the loader refuses these line breaks in any file
		}
		got, err := keptn.Import(carrytest.Documents("k.yaml", string(text)), "prod")
		if err != nil {
			return
		}
		got.Config.Name = "fuzz" // names are the caller's to make right
		out, err := config.Format(got.Config)
		if err != nil {
			t.Skip() // not UTF-8
		}
		if _, err := config.Parse(out, "fuzz"); err != nil && !strings.Contains(err.Error(), "printable") {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
