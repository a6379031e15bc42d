package config_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
)

const good = `
name: checkout
scopes:
  baseline: {version: v1.8.2}
  canary: {version: v1.9.0}
schedule: {warmup: 5m, duration: 60m, interval: 1m, start: 2026-11-21T10:00:00Z, history: 1h}
metrics:
  - name: latency-p99
    source: prom
    query: latency{version="${version}"}
    direction: increase
    critical: true
    unit: s
    margin: {relative: 5%, absolute: 2ms}
  - name: errors
    source: prom
    query: errors{version="${version}"}
    total: requests{version="${version}"}
    tolerance: {relative: 50%, absolute: 0.2%}
  - name: restarts
    source: prom
    kind: count
    query: restarts
    margin: 0%
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "canary.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	c, err := config.Load(write(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if c.Scopes.Canary["version"] != "v1.9.0" {
		t.Errorf("canary scope = %v", c.Scopes.Canary)
	}
	wantSchedule := analysis.Schedule{
		Start: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Warmup: 5 * time.Minute,
		Duration: time.Hour, Interval: time.Minute, History: time.Hour,
	}
	if c.Schedule != wantSchedule {
		t.Errorf("schedule = %+v, want %+v", c.Schedule, wantSchedule)
	}
	latency, errors, restarts := c.Metrics[0], c.Metrics[1], c.Metrics[2]
	if latency.Kind != judge.Gauge || latency.Direction != judge.Increase || !latency.Critical {
		t.Errorf("latency = %+v", latency.Signal)
	}
	if want := (judge.Margin{Relative: 0.05, Absolute: 0.002}); latency.Margin != want {
		t.Errorf("latency margin = %+v, want %+v", latency.Margin, want)
	}
	if errors.Kind != judge.Ratio || errors.Direction != judge.Increase || errors.HasMargin {
		t.Errorf("errors: a metric with a total should be a ratio whose increase is bad, without a margin: %+v", errors)
	}
	if want := (judge.Margin{Relative: 0.5, Absolute: 0.002}); errors.Tolerance != want {
		t.Errorf("errors tolerance = %+v, want %+v", errors.Tolerance, want)
	}
	if restarts.Kind != judge.Count || !restarts.HasMargin || restarts.Margin != (judge.Margin{}) {
		t.Errorf("restarts: a margin of 0%% is a margin: %+v", restarts)
	}
}

func TestLoadSignals(t *testing.T) {
	c, err := config.Load(write(t, `
name: checkout
scopes: {baseline: {version: v1}, canary: {version: v2}}
assignment: randomized
traffic: {source: prom, query: "requests{version=\"${version}\"}", share: 12.5%, critical: true}
metrics:
  - {name: latency, source: prom, kind: histogram, query: buckets, unit: ms, slo: 0.3s, critical: true}
  - {name: sizes, source: prom, kind: HISTOGRAM, query: buckets, unit: By, slo: 65536}
  - {name: cpu, source: prom, query: cpu, pods: instance}
  - {name: split, source: prom, kind: count, query: cpu, judge: srm}
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Assignment != judge.Randomized {
		t.Errorf("assignment %v", c.Assignment)
	}
	if want := (analysis.Traffic{Source: "prom", Query: `requests{version="${version}"}`, Share: 0.125, Critical: true}); c.Traffic == nil || *c.Traffic != want {
		t.Errorf("traffic %+v, want %+v", c.Traffic, want)
	}
	latency, sizes, cpu, split := c.Metrics[0], c.Metrics[1], c.Metrics[2], c.Metrics[3]
	if latency.Kind != judge.Distribution || latency.SLO != 300 || latency.Direction != judge.Either {
		t.Errorf("latency: %+v", latency)
	}
	if sizes.Kind != judge.Distribution || sizes.SLO != 65536 {
		t.Errorf("sizes: %+v", sizes)
	}
	if cpu.Pods != "instance" || split.Direction != judge.Either {
		t.Errorf("cpu: %+v, split: %+v", cpu, split)
	}
}

func TestJSONReadsLikeYAML(t *testing.T) {
	_, err := config.Parse([]byte(`{"name":"c","metrics":[{"name":"m","source":"s","query":"q","direction":"INCREASE","margin":{"relative":0.05}}]}`), "c.json")
	if err != nil {
		t.Fatal(err)
	}
}

// TestMistakes holds every mistake to the same standard: the place, and
// words that say what to do.
func TestLoadLogs(t *testing.T) {
	path := write(t, `
name: shop
scopes: {baseline: {track: stable}, canary: {track: canary}}
logs:
  - source: logs/shop
    query: "{track='${track}'}"
    tolerance: 10%
    share: 5%
    silence: fail
    ratio: 3
    redact: ['order-\d+']
    pins:
      - {template: 00112233445566ff, as: ignored, until: 2026-12-01T00:00:00Z, note: known}
      - {template: 10112233445566ff, as: critical}
`)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	l := c.Logs[0]
	if l.Tolerance != 0.1 || l.Share != 0.05 || !l.SilenceFails || l.Ratio != 3 || len(l.Redact) != 1 {
		t.Errorf("%+v", l)
	}
	if p := l.Severity.Pins; len(p) != 2 || p[0].As != judge.Ignored || p[1].As != judge.Grave || p[0].Until.IsZero() {
		t.Errorf("pins %+v", p)
	}
}

func TestMistakes(t *testing.T) {
	metric := "name: c\nmetrics:\n  - name: m\n    source: s\n    query: q\n"
	cases := []struct {
		name, text string
		want       []string // all must occur
	}{
		{"unknown field", metric + "    querry: x\n", []string{"c.yaml:6:5", "querry", "expected one of", "| ....^"}},
		{"wrong type", "name: c\nmetrics: 5\n", []string{"c.yaml:2:10", "expected sequence"}},
		{"scalar for a message", "name: c\nschedule: daily\n", []string{"c.yaml:2:11", "Schedule"}},
		{"bad duration", metric + "schedule: {duration: 5 parsecs}\n", []string{"c.yaml:6:22", "invalid duration"}},
		{"negative duration", metric + "schedule: {duration: -5m}\n", []string{"c.yaml:6:22", "must be more than 0"}},
		{"interval over duration", metric + "schedule: {duration: 1m, interval: 5m}\n", []string{"c.yaml:6", "intervals"}},
		{"bad margin", metric + "    margin: five\n", []string{"c.yaml:6:13", `"five"`, "5%"}},
		{"negative margin", metric + "    margin: -5%\n", []string{"c.yaml:6:13", "negative"}},
		{"forgotten percent", metric + "    margin: 5\n", []string{"c.yaml:6:13", "500%"}},
		{"infinite margin", metric + "    margin: Inf\n", []string{"c.yaml:6:13", "Inf"}},
		{"margin without unit", metric + "    margin: {absolute: 2ms}\n", []string{"c.yaml:6", "unit: s"}},
		{"margin field", metric + "    margin: {relativ: 5%}\n", []string{"c.yaml:6", "relativ"}},
		{"duplicate name", metric + "  - {name: m, source: s, query: q}\n", []string{"c.yaml:3:3", "same name"}},
		{"unknown enum value", metric + "    direction: up\n", []string{"c.yaml:6:16", `"up"`, "either, increase, decrease"}},
		{"ratio without total", metric + "    kind: ratio\n", []string{"c.yaml:3:5", "total"}},
		{"no metrics", "name: c\n", []string{"metrics", "at least one metric"}},
		{"pin without severity", "name: c\nlogs:\n  - source: s\n    query: q\n    pins:\n      - {template: 00112233445566ff}\n", []string{"c.yaml:6", "ignored, info, warn"}},
		{"pin of no template", "name: c\nlogs:\n  - source: s\n    query: q\n    pins: [{template: order failed, as: info}]\n", []string{"c.yaml:5", "16 hexadecimal"}},
		{"log without source", "name: c\nlogs:\n  - query: q\n", []string{"c.yaml:3:5", "source"}},
		{"no name", "metrics: [{name: m, source: s, query: q}]\n", []string{"name"}},
		{"no query", "name: c\nmetrics:\n  - {name: m, source: s}\n", []string{"c.yaml:3:5", "query"}},
		{"scope with a quote", metric + "scopes: {baseline: {v: 'a\"b'}, canary: {v: b}}\n", []string{"c.yaml:6", "without quotes"}},
		{"scope with braces", metric + "scopes: {baseline: {v: 'a}b'}, canary: {v: b}}\n", []string{"c.yaml:6", "braces"}},
		{"scope variable name", metric + "scopes: {baseline: {a-b: x}, canary: {v: b}}\n", []string{"c.yaml:6", "letter or underscore"}},
		{"half a scope", metric + "scopes: {canary: {v: b}}\n", []string{"c.yaml:6", "baseline"}},
		{"no YAML", "name: c\n\tmetrics: x\n", []string{"c.yaml:2"}},
		{"Windows line ends", "name: c\r\nmetrics:\r\n  - {name: m, source: s, query: q, qery: r}\r\n", []string{"c.yaml:3:36", "qery"}},
		{"old line ends", "name: c\rmetrics: 5\r", []string{"c.yaml:2:10"}},
		{"Unicode line ends", "name: c\u2028metrics: 5\n", []string{"c.yaml:1", "line break"}},
		{"duplicate key", "name: c\nname: d\n", []string{"c.yaml:2:1", "given twice", "line 1"}},
		{"alias", "name: &a c\ndescription: *a\n", []string{"c.yaml:2:14", "aliases"}},
		{"empty", "", []string{"c.yaml", "at least one metric"}},
		{"unknown kind", metric + "    kind: histo\n", []string{"c.yaml:6:11", `"histo"`, "gauge, count, ratio, histogram"}},
		{"histogram with total", metric + "    kind: histogram\n    total: q\n", []string{"c.yaml:3:5", "a histogram has no `total`"}},
		{"histogram by pods", metric + "    kind: histogram\n    pods: pod\n", []string{"c.yaml:3:5", "sum by (le)"}},
		{"slo of a gauge", metric + "    slo: 0.3\n", []string{"c.yaml:3:5", "`slo` is for `kind: histogram`"}},
		{"slo without unit", metric + "    kind: histogram\n    slo: 300ms\n", []string{"c.yaml:7:10", "unit: s", "| .........^"}},
		{"slo that is none", metric + "    kind: histogram\n    slo: fast\n", []string{"c.yaml:7:10", `"fast" is no threshold`}},
		{"slo of zero", metric + "    kind: histogram\n    slo: 0\n", []string{"c.yaml:7:10", "above 0"}},
		{"slo with fields", metric + "    kind: histogram\n    slo: {edge: 1}\n", []string{"c.yaml:7:10"}},
		{"pods that are no label", metric + "    pods: a pod\n", []string{"c.yaml:6:11", "a label of the query's series"}},
		{"unknown assignment", metric + "assignment: sticky\n", []string{"c.yaml:6:13", `"sticky"`, "instances, randomized"}},
		{"traffic without share", metric + "traffic: {source: s, query: q}\n", []string{"c.yaml:6", "share"}},
		{"a share over everything", metric + "traffic: {source: s, query: q, share: 10}\n", []string{"c.yaml:6:39", "write 10%"}},
		{"a share of nothing", metric + "traffic: {source: s, query: q, share: 0%}\n", []string{"c.yaml:6:39", "more than 0%"}},
		{"a share of words", metric + "traffic: {source: s, query: q, share: half}\n", []string{"c.yaml:6:39", `"half" is no share`, "10%"}},
		{"traffic without query", metric + "traffic: {source: s, share: 10%}\n", []string{"c.yaml:6", "requests of one side"}},
		{"alpha", metric + "decision: {alpha: 2}\n", []string{"c.yaml:6:19", "probability"}},
		{"weight", metric + "    weight: -1\n", []string{"c.yaml:6:13", "weight"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse([]byte(c.text), "c.yaml")
			if err == nil {
				t.Fatalf("accepted:\n%s", c.text)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q:\n%v", want, err)
				}
			}
			for _, jargon := range []string{"judged.v1", "UNSPECIFIED", "validation error:"} {
				if strings.Contains(err.Error(), jargon) {
					t.Errorf("the message has the jargon %q:\n%v", jargon, err)
				}
			}
		})
	}
}

func TestHugeFileIsRefused(t *testing.T) {
	_, err := config.Load(write(t, "name: c\n#"+strings.Repeat("x", 5<<20)))
	if err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Fatalf("err = %v", err)
	}
}

func TestLoadSettings(t *testing.T) {
	path := write(t, `
sources:
  prod:
    provider: prometheus
    url: https://prometheus.example.com
    bearer: {file: token}
    headers: {X-Scope-OrgID: {value: tenant-1}}
    tls: {ca_file: ca.pem}
    timeout: 10s
  old: {provider: recording, url: shop.om.gz}
`)
	settings, err := config.LoadSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	old, prod := settings[0], settings[1]
	dir := filepath.Dir(path)
	if old.URL != filepath.Join(dir, "shop.om.gz") {
		t.Errorf("a recording's path is relative to the file: %s", old.URL)
	}
	if prod.Bearer.File != filepath.Join(dir, "token") || prod.TLS.CAFile != filepath.Join(dir, "ca.pem") {
		t.Errorf("paths are relative to the file: %+v", prod)
	}
	if prod.Timeout != 10*time.Second || prod.Headers["X-Scope-OrgID"].Value != "tenant-1" {
		t.Errorf("prod = %+v", prod)
	}
}

func TestSamples(t *testing.T) {
	request, err := config.ParseSamples(strings.NewReader(`{"signals":[{"name":"p99","direction":"increase","margin":"5%","baseline":{"values":[1,null,2]},"canary":{"values":[3,4,null]}}]}`), "in")
	if err != nil {
		t.Fatal(err)
	}
	values := request.GetSignals()[0].GetBaseline().GetValues()
	if len(values) != 3 || values[1] == values[1] {
		t.Errorf("null should be a missing value: %v", values)
	}
	request, err = config.ParseSamples(strings.NewReader(`{"signals":[{"name":"p99","unit":"s","slo":"300ms","share":"10%","baseline":{"histograms":[{"bounds":["-Infinity",1,"Infinity"],"counts":[1,2]},null]},"canary":{"histograms":[{},{"bounds":[0,1],"counts":[3]}]}}]}`), "in")
	if err != nil {
		t.Fatal(err)
	}
	s := request.GetSignals()[0]
	h := s.GetBaseline().GetHistograms()
	if len(h) != 2 || !math.IsInf(h[0].GetBounds()[0], -1) || h[0].GetCounts()[1] != 2 || len(h[1].GetCounts()) != 0 || s.GetSlo().GetValue() != 0.3 || s.GetShare().GetValue() != 0.1 {
		t.Errorf("histograms: %v", s)
	}
	request, err = config.ParseSamples(strings.NewReader("time,a.baseline,a.canary,e.baseline,e.canary,e.baseline_total,e.canary_total\n1,1,2,0,1,10,11\n2,,2,0,1,10,11\n"), "in.csv")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(request.GetSignals()); n != 2 {
		t.Fatalf("%d signals, want 2", n)
	}
	if e := request.GetSignals()[1]; e.GetName() != "e" || e.GetCanary().GetTotals()[1] != 11 {
		t.Errorf("e = %v", e)
	}
}

func TestSamplesMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "is empty"},
		{"column", "a.baseline,a.test\n", `"a.test"`},
		{"one side", "a.baseline\n1\n", "both"},
		{"twice", "a.baseline,a.baseline,a.canary\n", "twice"},
		{"number", "a.baseline,a.canary\n1,x\n", "in:2:3 column a.canary"},
		{"ragged", "a.baseline,a.canary\n1\n", "wrong number of fields"},
		{"json", `{"signals":[{"name":"a","baseline":{"values":["x"]},"canary":{"values":[1]}}]}`, "invalid float"},
		{"no signals", `{"signals":[]}`, "at least one signal"},
		{"no baseline", `{"signals":[{"name":"a","canary":{"values":[1]}}]}`, "samples of both sides"},
		{"pods of one side", `{"signals":[{"name":"a","canary":{},"baseline":{},"canaryPods":[{"samples":{"values":[1]}}]}]}`, "pods are compared with pods"},
		{"null for a pod", `{"signals":[{"name":"a","baselinePods":[null],"canaryPods":[{"samples":{"values":[1]}}]}]}`, "in:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.ParseSamples(strings.NewReader(c.text), "in")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("a: &a [*a]")
	f.Add("{")
	f.Add("metrics: [{margin: {absolute: 1h}}]")
	f.Add("traffic: {share: 10%}\nmetrics: [{kind: histogram, slo: 1h, unit: ms}, {slo: [], pods: x}]")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = config.Parse([]byte(text), "f.yaml") // must not panic or hang
	})
}

func FuzzParseSamples(f *testing.F) {
	f.Add("a.baseline,a.canary\n1,2\n")
	f.Add(`{"signals":[{"name":"a","baseline":{"values":[null]},"canary":{"values":[1]}}]}`)
	f.Add(`{"signals":[{"name":"a","slo":"1s","share":{},"baseline":{"histograms":[null,{}]},"canary":{"histograms":null},"canaryPods":[{"samples":{"values":[null]}}]}]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = config.ParseSamples(strings.NewReader(text), "f")
	})
}
