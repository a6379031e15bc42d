package kayenta_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/compat/internal/carry/carrytest"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// importedConfig converts a document and returns it with its config as people see
// it, which the loader of configs must take back.
func importedConfig(t *testing.T, text string) (kayenta.Imported, string) {
	t.Helper()
	got, err := kayenta.Import("k.json", []byte(text), "")
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(got.Lost, "\n"))
	}
	return got, carrytest.Loaded(t, got.Config)
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

const shopConfig = `{
  "name": "shop", "description": "The shop.", "configVersion": 1, "applications": ["shop"],
  "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
  "metrics": [
    {"name": "latency p99", "groups": ["latency"], "scopeName": "default",
     "query": {"type": "prometheus", "customInlineTemplate": "PromQL:histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket{app='${scope}',zone='${location:-eu}'}[1m])))"},
     "analysisConfigurations": {"canary": {"direction": "increase", "critical": true, "effectSize": {"allowedIncrease": 1.05}}}},
    {"name": "latency p50", "groups": ["latency"], "scopeName": "default",
     "query": {"type": "prometheus", "metricName": "http_seconds_p50", "labelBindings": ["code=\"200\""], "customFilterTemplate": "byApp"},
     "analysisConfigurations": {"canary": {"direction": "either", "effectSize": {"allowedIncrease": 1.1, "allowedDecrease": 0.9}}}},
    {"name": "cpu", "groups": ["system"], "scopeName": "default",
     "query": {"type": "datadog", "metricName": "avg:system.cpu.user"},
     "analysisConfigurations": {"canary": {"direction": "decrease", "mustHaveData": true}}}
  ],
  "templates": {"byApp": "app=\"$\\{scope}\",ns=\"${namespace}\""},
  "classifier": {"groupWeights": {"latency": 60, "system": 40}}
}`

func TestImport(t *testing.T) {
	got, text := importedConfig(t, shopConfig)
	want := `name: shop
description: |-
  The shop.
  Kayenta's groups: latency 60 (latency p99, latency p50); system 40 (cpu)
application: shop
scopes:
  baseline:
    location: eu
    namespace: FILL_IN
    scope: FILL_IN_baseline
  canary:
    location: eu
    namespace: FILL_IN
    scope: FILL_IN_canary
metrics:
  - name: latency p99
    source: prometheus
    query: histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket{app='${scope}',zone='${location}'}[1m])))
    direction: INCREASE
    critical: true
    weight: 30
    margin:
      relative: 0.05
  - name: latency p50
    source: prometheus
    query: avg(http_seconds_p50{app="${scope}",ns="${namespace}",code="200"})
    direction: EITHER
    weight: 30
    margin:
      relative: 0.1
  - name: cpu
    source: datadog
    query: avg:system.cpu.user{${scope}}
    direction: DECREASE
    weight: 40
decision:
  inconclusive: findings.exists(f, f.name == "cpu" && f.noData)
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	holds(t, got.Lost)
	holds(t, got.Check, "fill in `scopes`")
}

func TestImportRequest(t *testing.T) {
	for _, c := range []struct{ name, request, schedule string }{
		{
			"canary", `{"scopes": {"default": {
  "controlScope": {"scope": "v1", "location": "us", "start": "2026-01-02T03:00:00Z", "end": "2026-01-02T04:00:00Z", "step": 30, "extendedScopeParams": {"namespace": "prod"}},
  "experimentScope": {"scope": "v2", "location": "us", "start": "2026-01-02T03:00:00Z", "end": "2026-01-02T04:00:00Z", "step": 30, "extendedScopeParams": {"namespace": "prod"}}}}}`,
			"schedule:\n  start: \"2026-01-02T03:00:00Z\"\n  duration: 3600s\n  interval: 30s\n",
		},
		{
			"standalone", `{"scopes": [{"controlScope": "v1", "controlLocation": "us", "experimentScope": "v2", "experimentLocation": "us", "step": "30", "extendedScopeParams": {"namespace": "prod"}}],
  "lifetimeDurationMins": 60, "beginAfterMins": 5, "analysisIntervalMins": 10, "lookbackMins": 20}`,
			"schedule:\n  warmup: 300s\n  duration: 3600s\n  interval: 30s\n  look_every: 600s\n  sliding: 1200s\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, text := importedConfig(t, `{"canaryConfig": `+shopConfig+`, "executionRequest": `+c.request+`}`)
			scopes := "scopes:\n  baseline:\n    location: us\n    namespace: prod\n    scope: v1\n  canary:\n    location: us\n    namespace: prod\n    scope: v2\n"
			if !strings.Contains(text, scopes+c.schedule) {
				t.Errorf("want\n%s%s\ngot\n%s", scopes, c.schedule, text)
			}
			holds(t, got.Lost)
			holds(t, got.Check)
		})
	}
}

func TestImportLosses(t *testing.T) {
	metric := func(name, query, canary string) string {
		return fmt.Sprintf(`{"name": %q, "groups": ["g"], "scopeName": "default", "query": %s, "analysisConfigurations": {"canary": %s}}`, name, query, canary)
	}
	const good = `{"type": "prometheus", "metricName": "m", "customInlineTemplate": "a='${scope}'"}`
	got, text := importedConfig(t, `{"canaryConfig": {"name": "all", "applications": ["a", "b"], "judge": {"name": "dredd-v1.0"}, "metrics": [`+strings.Join([]string{
		metric("muted", good, `{"muted": true}`),
		metric("store", `{"type": "atlas", "q": "x"}`, `{}`),
		metric("old", `{"type": "prometheus", "metricName": "m", "customFilter": "x"}`, `{}`),
		metric("noFilter", `{"type": "prometheus", "metricName": "m"}`, `{}`),
		metric("dollar", `{"type": "prometheus", "metricName": "m", "customInlineTemplate": "a=~'x$$$${scope}'"}`, `{}`),
		metric("by", `{"type": "prometheus", "metricName": "m", "groupByFields": ["pod"], "customInlineTemplate": "a='${scope}',b='$${x}'"}`, `{"nanStrategy": "replace", "outliers": {"strategy": "remove"}}`),
		metric("cles", good, `{"direction": "increase", "effectSize": {"measure": "cles", "allowedIncrease": 0.6}}`),
		metric("bothWays", good, `{"critical": true, "effectSize": {"allowedIncrease": 1.1, "allowedDecrease": 0.8, "criticalIncrease": 2}}`),
		metric("oneWay", good, `{"effectSize": {"allowedIncrease": 1.1}}`),
		metric("strange", good, `{"direction": "increase", "effectSize": {"allowedIncrease": 0.5}}`),
		metric("wrong", good, `{"critical": "yes"}`),
		`{"name": "noGroup", "groups": [], "scopeName": "db", "query": ` + good + `}`,
	}, ",")+`], "classifier": {"groupWeights": {"gone": 10}}},
"executionRequest": {"metadata": [{"name": "a", "value": "b"}], "thresholds": {"pass": 90, "marginal": 50}, "scopes": {"default": {
  "controlScope": {"scope": "v'1", "start": "2026-01-02T03:00:00Z", "end": "2026-01-02T04:00:00Z", "step": 60},
  "experimentScope": {"scope": "v2", "start": "2026-01-03T03:00:00Z", "end": "2026-01-03T04:00:00Z", "step": 60}}}}}`)
	holds(t, got.Lost,
		`applications: a config has one`,
		`judge: "dredd-v1.0" is not known here`,
		`executionRequest: metadata and siteLocal`,
		`executionRequest.scopes.default: both sides are compared at the same time`,
		`classifier.groupWeights: no metric is in the group "gone"`,
		`metrics[0] "muted": is muted`,
		`metrics[1] "store".query: judged does not ask atlas`,
		`metrics[2] "old".query: CanaryMetricSetQueryConfig.customFilter is deprecated`,
		`metrics[3] "noFilter".query: Either a resource type or a custom filter is required`,
		`metric "by".query.groupByFields: one series a side`,
		`metrics[5] "by".analysisConfigurations.canary.nanStrategy: no value is not 0`,
		`metrics[5] "by".analysisConfigurations.canary.outliers: outliers are not removed`,
		`metrics[6] "cles".analysisConfigurations.canary.effectSize: the measure cles`,
		`metrics[7] "bothWays".analysisConfigurations.canary.effectSize: a margin is the same both ways: the smaller of 0.1 and 0.2`,
		`metrics[7] "bothWays".analysisConfigurations.canary.effectSize: a second threshold`,
		`metrics[8] "oneWay".analysisConfigurations.canary.effectSize: a margin is the same both ways: 0.1 is taken for both`,
		`metrics[9] "strange".analysisConfigurations.canary.effectSize: a relative margin is between`,
		`metrics[10] "wrong": analysisConfigurations.canary.critical is the string "yes"`,
		`metrics[11] "noGroup".groups: a weight of 0 cannot be said`,
		`scopes: the value of "scope" cannot be one of a scope`,
		`scoreThresholds: the score does not decide`,
	)
	for _, part := range []string{
		"query: avg(m{a='${scope}',b='$${x}'})", `a=~'x$$$${scope}'`, "query: avg(m{a='${db_scope}'})",
		"    db_scope: FILL_IN_canary\n    scope: v2\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the config lacks %q:\n%s", part, text)
		}
	}
}

// Queries filled in with a scope's values are those that Kayenta would ask.
func TestImportTemplates(t *testing.T) {
	f, err := os.Open("../../../shared/data/kayenta/vectors-templates.jsonl")
	if err != nil {
		t.Skipf("the vectors are not here: %v", err)
	}
	defer f.Close()
	asked := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var v struct {
			ID    string
			Input struct {
				Query     json.RawMessage
				Templates map[string]string
				Scope     json.RawMessage
			}
			Expected struct{ Expanded *string }
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if v.Expected.Expanded == nil {
			continue // Kayenta refuses it, or there is no template
		}
		templates, err := json.Marshal(v.Input.Templates)
		if err != nil {
			t.Fatal(err)
		}
		scope := string(v.Input.Scope)
		document := fmt.Sprintf(`{"canaryConfig": {"name": "v", "metrics": [{"name": "m", "groups": ["g"], "scopeName": "default", "query": %s}], "templates": %s},
"executionRequest": {"scopes": {"default": {"controlScope": %s, "experimentScope": %s}}}}`, v.Input.Query, templates, scope, scope)
		got, err := kayenta.Import(v.ID, []byte(document), "")
		if err != nil {
			t.Errorf("%s: %v: %q", v.ID, err, got.Lost)
			continue
		}
		var values struct {
			Scope, Location     string
			Project             string
			ResourceType        string
			ExtendedScopeParams map[string]string
		}
		if err := json.Unmarshal(v.Input.Scope, &values); err != nil {
			t.Fatal(err)
		}
		variables := got.Config.GetScopes().GetCanary().GetVariables()
		if values.Project+values.ResourceType != "" || strings.Contains(fmt.Sprint(values.ExtendedScopeParams), "${") {
			// Members of Kayenta's scopes that requests do not have, and values
			// that are templates themselves, which a scope of ours cannot hold.
			variables = maps.Clone(values.ExtendedScopeParams)
			if variables == nil {
				variables = map[string]string{}
			}
			variables["project"], variables["resourceType"], variables["location"] = values.Project, values.ResourceType, values.Location
		}
		query, err := metrics.ExpandTemplate(got.Config.GetMetrics()[0].GetQuery(), variables, func(_, _, value string) (string, error) {
			return strings.ReplaceAll(value, "${location}", values.Location), nil
		})
		want, whole := strings.CutPrefix(*v.Expected.Expanded, "PromQL:")
		if !whole {
			want = "avg(m{" + want + "})"
		}
		if err != nil || query != want {
			t.Errorf("%s: %q, %v; Kayenta asks %q", v.ID, query, err, want)
		}
		asked++
	}
	if err := lines.Err(); err != nil || asked < 20 {
		t.Errorf("%d templates were compared, %v", asked, err)
	}
}

// What Kayenta's config says is there again after the way through ours.
func TestRoundTrip(t *testing.T) {
	got, _ := importedConfig(t, shopConfig)
	back := kayenta.Export(got.Config)
	holds(t, back.Lost, "decision.inconclusive: Kayenta has no equivalent")
	text, err := json.Marshal(back.Config)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
"name": "shop", "description": "The shop.", "configVersion": "1", "applications": ["shop"],
"judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}}, "templates": {},
"metrics": [
  {"name": "latency p99", "groups": ["latency"], "scopeName": "default",
   "query": {"type": "prometheus", "serviceType": "prometheus", "customInlineTemplate": "PromQL:histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket{app='${scope}',zone='${location}'}[1m])))"},
   "analysisConfigurations": {"canary": {"direction": "increase", "critical": true, "effectSize": {"allowedIncrease": 1.05}}}},
  {"name": "latency p50", "groups": ["latency"], "scopeName": "default",
   "query": {"type": "prometheus", "serviceType": "prometheus", "customInlineTemplate": "PromQL:avg(http_seconds_p50{app=\"${scope}\",ns=\"${namespace}\",code=\"200\"})"},
   "analysisConfigurations": {"canary": {"direction": "either", "effectSize": {"allowedIncrease": 1.1, "allowedDecrease": 0.9}}}},
  {"name": "cpu", "groups": ["system"], "scopeName": "default",
   "query": {"type": "datadog", "serviceType": "datadog", "customInlineTemplate": "avg:system.cpu.user{${scope}}"},
   "analysisConfigurations": {"canary": {"direction": "decrease"}}}],
"classifier": {"groupWeights": {"latency": 60, "system": 40}}}`
	if diff := cmp.Diff(generic(t, []byte(want)), generic(t, text)); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	// And from there on nothing changes any more.
	again, err := kayenta.Import("again", text, "")
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(kayenta.Export(again.Config).Config)
	if err != nil || !bytes.Equal(text, twice) {
		t.Errorf("%v, %s\nafter\n%s", err, twice, text)
	}
	if _, err := kayenta.DecodeConfig(text); err != nil {
		t.Error(err)
	}
	if err := back.Config.Validate(); err != nil {
		t.Error(err)
	}
}

func generic(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return v
}

func TestExport(t *testing.T) {
	c, err := config.Parse([]byte(`
name: my.shop
scopes: {baseline: {version: a}, canary: {version: b}}
schedule: {duration: 1h}
metrics:
  - {name: p99, source: prod-eu, query: 'p99{v="${version}"}', unit: s, margin: {relative: 200%, absolute: 2ms}, tolerance: 300%, pods: pod, weight: 2}
  - {name: errors, source: my-datadog, query: 'sum:e{v:${version}}', total: 'sum:t{v:${version}}', critical: true}
  - {name: sizes, source: prometheus, kind: histogram, query: 'sizes_bucket{v="${version}"}'}
  - {name: queue, source: prometheus, query: 'q{v="${version}"}', direction: decrease, judge: paired, margin: 10%}
decision: {alpha: 0.1, fail: score < 5.0}
windows: {deny: ["now.getHours() > 15"]}
traffic: {source: prometheus, query: 'r{v="${version}"}', share: 10%}
assignment: randomized
`), "ours.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := kayenta.Export(c)
	holds(t, got.Lost,
		`name: Kayenta's names`,
		`metrics[0] "p99".margin.absolute`, `metrics[0] "p99".tolerance`, `metrics[0] "p99".pods`, `metrics[0] "p99".unit`,
		`metrics[1] "errors".total: Kayenta compares quotients`,
		`metrics[2] "sizes": a histogram`,
		`metrics[3] "queue".judge`,
		`decision.alpha`, `decision.fail`, `windows`, `traffic`, `assignment`,
	)
	holds(t, got.Check,
		`the config names no application: "my.shop" is taken`,
		`metric "p99": the source "prod-eu" is taken to be a prometheus`,
		`metric "errors": the source "my-datadog" is taken to be a datadog`,
		`scopes and schedule are given with each execution`,
		`give version as extendedScopeParams`,
	)
	text, err := json.Marshal(got.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"name":"my-shop"`, `"customInlineTemplate":"(sum:e{v:${version}}) / (sum:t{v:${version}})"`,
		`"effectSize":{"allowedDecrease":0.0,"allowedIncrease":3.0}`, `"effectSize":{"allowedDecrease":0.9}`,
		`"groupWeights":{"weight 1":50.0,"weight 2":50.0}`, `"groups":["weight 2"]`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the config lacks %s:\n%s", part, text)
		}
	}
}

// A line of groups that was edited, or does not fit any more, is not believed.
func TestExportGroups(t *testing.T) {
	for _, c := range []struct{ description, weights string }{
		{"Kayenta's groups: a 60 (x); b 40 (y)", `{"a":60.0,"b":40.0}`},
		{"Text.\nKayenta's groups: a 100 (x, y)", `{"weight 40":40.0,"weight 60":60.0}`},
		{"Kayenta's groups: a 60 (x); b 40 (z)", `{"weight 40":40.0,"weight 60":60.0}`},
		{"Kayenta's groups: what?", `{"weight 40":40.0,"weight 60":60.0}`},
		{"", `{"weight 40":40.0,"weight 60":60.0}`},
	} {
		got := kayenta.Export(&judgedv1.CanaryConfig{Name: "c", Description: c.description, Metrics: []*judgedv1.Metric{
			{Name: "x", Source: "prometheus", Query: "x", Weight: 60}, {Name: "y", Source: "prometheus", Query: "y", Weight: 40},
		}})
		text, err := json.Marshal(got.Config)
		if err != nil || !strings.Contains(string(text), `"groupWeights":`+c.weights) {
			t.Errorf("%q: %v, %s", c.description, err, text)
		}
	}
}

func TestImportNothing(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"metrics": 5}`, `{"canaryConfig": {}}`, `{"canaryConfig": null, "executionRequest": {"scopes": []}}`, `{"canaryConfig": {"name": 1}, "executionRequest": {"scopes": [1]}}`} {
		if got, err := kayenta.Import("k.json", []byte(text), ""); err == nil {
			t.Errorf("no error for %s: %v", text, got.Config)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(shopConfig))
	f.Add([]byte(`{"canaryConfig": ` + shopConfig + `, "executionRequest": {"scopes": [{"controlScope": "a", "experimentScope": "b", "step": 5}], "lifetimeDurationMins": 7, "analysisIntervalMins": 2, "lookbackMins": 1, "thresholds": {}}}`))
	f.Add([]byte(`{"metrics": [{"name": "a", "groups": ["b"], "query": {"type": "prometheus", "metricName": "x", "resourceType": "gce_instance"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.ContainsAny(text, "\u0085\u2028\u2029") {
			t.Skip() // the loader refuses these line breaks in any file
		}
		got, err := kayenta.Import("fuzz", text, "prod")
		if err != nil {
			return
		}
		got.Config.Name = "fuzz" // names are the caller's to make right
		out, err := config.Format(got.Config)
		if err != nil {
			t.Skip() // not UTF-8
		}
		if _, err := config.Parse(out, "fuzz"); err != nil && !strings.Contains(err.Error(), "printable") && !strings.Contains(err.Error(), "line break") {
			t.Fatalf("%v\n%s", err, out)
		}
		back, err := json.Marshal(kayenta.Export(got.Config).Config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kayenta.DecodeConfig(back); err != nil {
			t.Fatalf("%v\n%s", err, back)
		}
	})
}
