package argo_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/compat/argo"
	"github.com/judged-dev/judged/compat/internal/carry/carrytest"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
)

// imported converts a file and returns it with its config as people see it,
// which the loader of configs must take back.
func imported(t *testing.T, text string) (argo.Imported, string) {
	t.Helper()
	got, err := argo.ImportTemplates(carrytest.Documents("at.yaml", text), "")
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(got.Lost, "\n"))
	}
	return got, carrytest.Loaded(t, got.Config)
}

// template is an AnalysisTemplate with these args and metrics.
func template(args, metrics string) string {
	indent := func(s string) string { return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") }
	return "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: checks}\nspec:\n  args:\n" + indent(args) + "\n  metrics:\n" + indent(metrics) + "\n"
}

func TestImportTemplate(t *testing.T) {
	got, text := imported(t, template(`
- name: service
- name: stable-hash
- name: canary-hash
- {name: limit, value: "0.95"}`, `
- name: success-rate
  interval: 5m
  count: 6
  initialDelay: 2m
  successCondition: result[0] >= {{args.limit}}
  provider:
    prometheus:
      address: http://user:secret@prometheus.example.com:9090/x
      query: |
        sum(irate(requests_total{service="{{args.service}}",hash="{{ args.canary-hash }}",code!~"5.."}[5m])) /
        sum(irate(requests_total{service="{{args.service}}",hash="{{args.canary-hash}}"}[5m]))`))
	want := `name: checks
scopes:
  baseline:
    hash: FILL_IN_baseline
    service: FILL_IN
  canary:
    hash: FILL_IN_canary
    service: FILL_IN
schedule:
  warmup: 120s
  duration: 1800s
  interval: 300s
metrics:
  - name: success-rate
    source: prometheus
    query: |-
      sum(irate(requests_total{service="${service}",hash="${hash}",code!~"5.."}[5m])) /
      sum(irate(requests_total{service="${service}",hash="${hash}"}[5m]))
    direction: DECREASE
decision:
  fail: findings.exists(f, f.name == "success-rate" && has(f.canary.min) && f.canary.min < 0.95)
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	if len(got.Lost) > 0 {
		t.Errorf("lost: %q", got.Lost)
	}
	checks := strings.Join(got.Check, "\n")
	if !strings.Contains(checks, `the source of "success-rate" should be the one at http://prometheus.example.com:9090`) || strings.Contains(checks, "secret") {
		t.Errorf("checks: %s", checks)
	}
}

// Both sides' queries become one, however the template wrote them.
func TestImportSides(t *testing.T) {
	const args = "- name: stable-hash\n- name: canary-hash"
	for _, c := range []struct{ name, metrics, query, margin, direction string }{
		{
			"quotient", `
- name: latency
  successCondition: result[0] <= 1.1
  provider: {prometheus: {query: 'avg(latency{hash="{{args.canary-hash}}"}) / avg(latency{hash="{{args.stable-hash}}"})'}}`,
			`avg(latency{hash="${hash}"})`, "relative:0.1", "INCREASE",
		},
		{
			"difference", `
- name: errors
  failureCondition: result[0] > 0.02
  provider: {prometheus: {query: 'errors{hash="{{args.canary-hash}}"} - errors{hash="{{args.stable-hash}}"}'}}`,
			`errors{hash="${hash}"}`, "absolute:0.02", "INCREASE",
		},
		{
			"lower quotient", `
- name: rate
  successCondition: result[0] > 0.8
  provider: {prometheus: {query: 'r{hash="{{args.canary-hash}}"} / r{hash="{{args.stable-hash}}"}'}}`,
			`r{hash="${hash}"}`, "relative:0.2", "DECREASE",
		},
		{
			"two metrics", `
- name: stable-latency
  provider: {prometheus: {query: 'latency{hash="{{args.stable-hash}}"}'}}
- name: canary-latency
  provider: {prometheus: {query: 'latency{hash="{{args.canary-hash}}"}'}}`,
			`latency{hash="${hash}"}`, "<nil>", "DIRECTION_UNSPECIFIED",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := imported(t, template(args, c.metrics))
			if len(got.Config.GetMetrics()) != 1 || len(got.Lost) > 0 {
				t.Fatalf("%d metrics, lost %q", len(got.Config.GetMetrics()), got.Lost)
			}
			m := got.Config.GetMetrics()[0]
			if m.GetQuery() != c.query || strings.ReplaceAll(m.GetMargin().String(), "  ", " ") != c.margin || m.GetDirection().String() != c.direction {
				t.Errorf("got %q, margin %v, %v", m.GetQuery(), m.GetMargin(), m.GetDirection())
			}
		})
	}
}

// What looks like a comparison and is none is not taken for one.
func TestImportNoSides(t *testing.T) {
	for _, c := range []struct{ name, query, lost string }{
		{"other halves", `a{h="{{args.canary-hash}}"} / b{h="{{args.stable-hash}}"}`, "asks both sides at once"},
		{"another operator", `a{h="{{args.canary-hash}}"} / a{h="{{args.stable-hash}}"} * 2`, "asks both sides at once"},
		{"looser operator", `a and b{h="{{args.canary-hash}}"} / a and b{h="{{args.stable-hash}}"}`, "asks both sides at once"},
		{"nested", `max(a{h="{{args.canary-hash}}"} / a{h="{{args.stable-hash}}"})`, "asks both sides at once"},
		{"in a string", `a{h="{{args.canary-hash}}",p="/",h!="{{args.stable-hash}}"}`, "asks both sides at once"},
		{"undeclared", `a{h="{{args.other}}"}`, `the argument "other" is not declared`},
		{"secret", `a{h="{{args.token}}"}`, "is not declared or a secret"},
		{"other braces", `a{h="{{inputs.x}}"}`, "no argument of the template"},
		{"behind a dollar", `a{h=~"x${{args.canary-hash}}"}`, "right behind a $"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := "- name: stable-hash\n- name: canary-hash\n- name: token\n  valueFrom: {secretKeyRef: {name: s, key: k}}"
			got, err := argo.ImportTemplates(carrytest.Documents("at.yaml", template(args, "- name: m\n  provider: {prometheus: {query: '"+c.query+"'}}")), "")
			if err == nil || len(got.Lost) != 1 || !strings.Contains(got.Lost[0], c.lost) || !strings.HasPrefix(got.Lost[0], `at.yaml:`) {
				t.Errorf("error %v, lost %q; want an error and %q", err, got.Lost, c.lost)
			}
		})
	}
}

// Arguments that do not say their side are left to a person, who is told.
func TestImportUnknownSides(t *testing.T) {
	metric := `- {name: m, provider: {prometheus: {query: 'm{service="{{args.service-name}}"}'}}}`
	got, _ := imported(t, template("- name: service-name", metric))
	if b, c := got.Config.GetScopes().GetBaseline().GetVariables()["service_name"], got.Config.GetScopes().GetCanary().GetVariables()["service_name"]; b == c || b != "FILL_IN_baseline" {
		t.Errorf("scopes %q and %q", b, c)
	}
	if len(got.Lost) != 1 || !strings.Contains(got.Lost[0], "is not said: fill in `scopes`") {
		t.Errorf("lost: %q", got.Lost)
	}
	got, _ = imported(t, template(`- {name: service-name, value: shop}`, metric))
	if len(got.Lost) != 1 || !strings.Contains(got.Lost[0], "all have a value") {
		t.Errorf("lost: %q", got.Lost)
	}
	got, _ = imported(t, template(`[]`, `- {name: m, provider: {prometheus: {query: 'up'}}}`))
	if len(got.Lost) != 1 || !strings.Contains(got.Lost[0], "no query has an argument") {
		t.Errorf("lost: %q", got.Lost)
	}
	// Two that would have one name.
	got, _ = imported(t, template("- {name: a-b, value: x}\n- {name: a_b, value: y}", `- {name: m, provider: {prometheus: {query: 'm{a="{{args.a-b}}",b="{{args.a_b}}"}'}}}`))
	if q := got.Config.GetMetrics()[0].GetQuery(); q != `m{a="${a_b}",b="${a_b_}"}` {
		t.Errorf("query %s", q)
	}
}

func TestImportLosses(t *testing.T) {
	got, text := imported(t, `
apiVersion: v1
kind: List
items:
  - {kind: Service, metadata: {name: shop}}
  - kind: ClusterAnalysisTemplate
    metadata: {name: many}
    spec:
      dryRun: [{metricName: a}]
      measurementRetention: [{metricName: a, limit: 5}]
      templates: [{templateName: other}]
      args: [{name: canary-hash}, {name: every, value: 1m}]
      metrics:
        - name: a
          interval: '{{args.every}}'
          count: 10
          failureLimit: 3
          consecutiveErrorLimit: 2
          consecutiveSuccessLimit: 1
          successCondition: result[0] < 5 && result[0] >= 0
          failureCondition: len(result) > 0 && result[0] > 50
          provider:
            prometheus:
              address: '{{args.where}}'
              query: a{h="{{args.canary-hash}}"}
              authentication: {oauth2: {clientSecret: hunter2}}
              rangeQuery: {start: x, end: y, step: 1m}
        - name: a
          interval: 90s
          count: 4
          successCondition: isNaN(result[0]) || result[0] < 7
          provider:
            datadog:
              apiVersion: v2
              interval: 5m
              aggregator: last
              formula: 100 * errors / hits
              queries: {errors: 'sum:e{h:{{args.canary-hash}}}', hits: 'sum:h{h:{{args.canary-hash}}}'}
        - name: b
          successCondition: result.verdict == 'PASS'
          provider: {prometheus: {query: 'b{h="{{args.canary-hash}}"}'}}
        - {name: c, provider: {web: {url: 'https://token@example.com'}}}
        - {name: d, count: many, interval: often, provider: {datadog: {formula: 'moving_rollup(a, 60)', queries: {a: x}}}}
`)
	want := []string{
		`at.yaml:5 kind: "Service" is not converted`,
		`spec.dryRun: judged has no metric that is only shown`,
		`spec.templates: other templates are not looked up`,
		`metric "a".failureLimit: failed measurements are not counted`,
		`metric "a".consecutiveErrorLimit: measurements are not counted`,
		`metric "a".consecutiveSuccessLimit: has no equivalent`,
		`provider.prometheus.authentication: how a source is reached is said in the server's settings`,
		`provider.prometheus.rangeQuery: judged asks for one value`,
		`provider.datadog.aggregator: judged compares all values`,
		`metric "c".provider.web: judged does not ask this provider`,
		`metric "d".count: "many" is no number`,
		`metric "d".interval: "often" is no duration`,
		`the formula is more than arithmetic`,
		`metric "a".successCondition: without data this passed`,
		`metric "b".successCondition: "result.verdict == 'PASS'" is more than limits`,
		`the metrics differ in interval, count or initialDelay`,
	}
	if len(got.Lost) != len(want) {
		t.Errorf("%d losses, want %d:\n%s", len(got.Lost), len(want), strings.Join(got.Lost, "\n"))
	}
	for i := range min(len(want), len(got.Lost)) {
		if !strings.Contains(got.Lost[i], want[i]) {
			t.Errorf("loss %d is %q, want %q", i, got.Lost[i], want[i])
		}
	}
	for _, secret := range []string{"hunter2", "token@"} {
		if strings.Contains(text+strings.Join(slices.Concat(got.Lost, got.Check), "\n"), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	for _, part := range []string{
		"interval: 60s", "duration: 600s", "name: a 2", "query: 100 * (sum:e{h:${hash}}) / (sum:h{h:${hash}})", "source: datadog",
		`findings.exists(f, f.name == "a" && has(f.canary.level) && f.canary.level > 50.0)`,
		`findings.exists(f, f.name == "a" && has(f.canary.max) && has(f.canary.min) && (f.canary.max >= 5.0 || f.canary.min < 0.0))`,
		`findings.exists(f, f.name == "a 2" && has(f.canary.max) && f.canary.max >= 7.0)`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the config lacks %q:\n%s", part, text)
		}
	}
}

// The rules decide as the template's conditions did.
func TestImportedRules(t *testing.T) {
	for _, c := range []struct {
		name, conditions string
		results          []float64 // measurements of the canary
		want             judge.Verdict
	}{
		{"success", "successCondition: result[0] < 5", []float64{1, 4}, judge.Pass},
		{"one not", "successCondition: result[0] < 5", []float64{1, 5}, judge.Fail},
		{"some may fail", "failureLimit: 1\n  successCondition: result[0] < 5", []float64{1, 5, 1}, judge.Pass},
		{"too low", "successCondition: result[0] >= 0.95", []float64{0.99, 0.94}, judge.Fail},
		{"number first", "successCondition: 0.95 <= asFloat(result[0])", []float64{0.94}, judge.Fail},
		{"default", "successCondition: default(result, 0) < 5", []float64{6}, judge.Fail},
		{"all", "successCondition: 'all(result, # < 5)'", []float64{6}, judge.Fail},
		{"range, inside", "successCondition: result >= 1 && result <= 5", []float64{1, 5}, judge.Pass},
		{"range, outside", "successCondition: result >= 1 && result <= 5", []float64{0.5}, judge.Fail},
		{"failure", "failureCondition: result[0] > 5", []float64{6}, judge.Fail},
		{"no failure", "failureCondition: result[0] > 5", []float64{5}, judge.Pass},
		{"either", "failureCondition: result[0] > 5 || result[0] < 1", []float64{0}, judge.Fail},
		{"neither", "successCondition: result[0] < 3\n  failureCondition: result[0] > 5", []float64{4}, judge.Inconclusive},
		{"equal", "successCondition: result[0] == 0", []float64{0}, judge.Pass},
		{"not equal", "successCondition: result[0] == 0", []float64{1}, judge.Fail},
		{"no data", "successCondition: result[0] < 5", nil, judge.Inconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := imported(t, template("- name: canary-hash", "- name: 'a \"b\"'\n  "+c.conditions+"\n  provider: {prometheus: {query: 'm{h=\"{{args.canary-hash}}\"}'}}"))
			d, err := policy.CompileDecision(got.Config.GetDecision().GetFail(), "", got.Config.GetDecision().GetInconclusive())
			if err != nil {
				t.Fatal(err)
			}
			f := judge.NewFinding("paired", judge.Sample{Signal: judge.Signal{Name: `a "b"`, Kind: judge.Gauge}})
			j := judge.Judgment{Verdict: judge.Inconclusive}
			if len(c.results) > 0 {
				f.Classification, j.Verdict = judge.Similar, judge.Pass
				sorted := slices.Sorted(slices.Values(c.results))
				f.Canary.Min, f.Canary.Max, f.Canary.Level = sorted[0], sorted[len(sorted)-1], sorted[len(sorted)/2]
				if len(sorted) == 3 {
					f.Canary.Level = sorted[1]
				}
			}
			j.Findings = []judge.Finding{f}
			decided, err := d.Apply(t.Context(), j, policy.Facts{})
			if err != nil || decided.Verdict != c.want {
				t.Errorf("%v, %v; want %v (%s)", decided.Verdict, err, c.want, decided.Summary)
			}
		})
	}
}

func TestImportNothing(t *testing.T) {
	for _, text := range []string{"", "kind: Rollout", template("[]", "- {name: m, provider: {job: {}}}"), "kind: AnalysisTemplate\nspec: &a {metrics: *a}", "[]"} {
		if _, err := argo.ImportTemplates(carrytest.Documents("at.yaml", text), ""); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}

func FuzzImportTemplates(f *testing.F) {
	f.Add([]byte(template("- name: stable-hash\n- {name: canary-hash, value: x}", `- {name: a, interval: 1m, count: 3, successCondition: 'result[0] < 1.1', provider: {prometheus: {query: 'a{h="{{args.canary-hash}}"} / a{h="{{args.stable-hash}}"}'}}}`)))
	f.Add([]byte(template("- name: service", `- {name: b, failureCondition: 'result > 1 || result < 0', provider: {datadog: {formula: a/b, queries: {a: 'x{s:{{args.service}}}', b: y}}}}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.ContainsAny(text, "\u0085\u2028\u2029") {
			t.Skip() // the loader refuses these line breaks in any file
		}
		got, err := argo.ImportTemplates(carrytest.Documents("at.yaml", string(text)), "prod")
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
