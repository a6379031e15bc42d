package kayenta

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	promql "github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/metrics"
)

// ask builds the query of a metric whose query is the given JSON object.
func ask(t testing.TB, query string, s *Scope, o QueryOptions) (string, error) {
	t.Helper()
	m := &Metric{Name: "m", Query: new(QueryConfig)}
	if err := json.Unmarshal([]byte(query), m.Query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	c := &Config{Templates: map[string]string{"named": "app='${scope}'"}}
	return c.Query(m, s, o)
}

func TestQuery(t *testing.T) {
	scope := &Scope{Scope: "shop-v002", Location: "us-east1", ExtendedScopeParams: map[string]string{"ns": "prod", "project": "p-1"}}
	for query, want := range map[string]string{
		`{"type":"prometheus","customInlineTemplate":"PromQL:sum(rate(http{app=\"${scope}\",ns=~\"${ns}\"}[1m])) / 2"}`:          `sum(rate(http{app="shop-v002",ns=~"prod"}[1m])) / 2`,
		`{"type":"prometheus","metricName":"m","customInlineTemplate":"app='${scope}'"}`:                                         `avg(m{app='shop-v002'})`,
		`{"type":"prometheus","metricName":"m","customFilterTemplate":"named","labelBindings":["b=\"c\""]}`:                      `avg(m{app='shop-v002',b="c"})`,
		`{"type":"prometheus","metricName":"m","customInlineTemplate":"a=\"1\",,b=\"2\",,","groupByFields":["x","y"]}`:           `avg(m{a="1",,b="2"}) by (x,y)`,
		`{"type":"prometheus","metricName":"m","customInlineTemplate":","}`:                                                      `avg(m)`,
		`{"type":"prometheus","metricName":"m","resourceType":"gce_instance","labelBindings":["b=\"c\""]}`:                       `avg(m{b="c",instance=~"shop-v002-.{4}",zone=~".+/projects/p-1/zones/us-east1-.{1}"})`,
		`{"type":"prometheus","metricName":"m","resourceType":"aws_ec2_instance"}`:                                               `avg(m{asg_groupName="shop-v002",zone=~"us-east1.{1}"})`,
		`{"type":"datadog","metricName":"system.cpu.user"}`:                                                                      `system.cpu.user{shop-v002}`,
		`{"type":"datadog","metricName":"x","customInlineTemplate":"avg:cpu{host:${scope},region:${location}}.rollup(avg, 60)"}`: `avg:cpu{host:shop-v002,region:us-east1}.rollup(avg, 60)`,
	} {
		if got, err := ask(t, query, scope, QueryOptions{}); err != nil || got != want {
			t.Errorf("%s\ngot  %s (%v)\nwant %s", query, got, err, want)
		}
	}
	const gce = `{"type":"prometheus","metricName":"m"}`
	for want, c := range map[string]struct {
		scope *Scope
		label string
	}{
		`avg(m{node=~"s-.{4}",zone=~".+/zones/l-.{1}"})`: {&Scope{Scope: "s", Location: "l", ExtendedScopeParams: map[string]string{"resourceType": "gce_instance"}}, "node"},
		`avg(m{zone=~"l.{1}"})`:                          {&Scope{Location: "l", ExtendedScopeParams: map[string]string{"resourceType": "aws_ec2_instance"}}, ""},
	} {
		if got, err := ask(t, gce, c.scope, QueryOptions{ScopeLabel: c.label}); err != nil || got != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	for query, want := range map[string]string{
		`{"type":"prometheus","customFilter":"","customInlineTemplate":"a"}`:   "customFilter is deprecated",
		`{"type":"prometheus","customInlineTemplate":"a='b'"}`:                 "Metric Name is required",
		`{"type":"prometheus","metricName":"m"}`:                               "Either a resource type or a custom filter is required.",
		`{"type":"prometheus","metricName":"m","resourceType":"k8s"}`:          "no explicit support for resourceType 'k8s'",
		`{"type":"prometheus","metricName":"m","resourceType":"gce_instance"}`: "A location is required",
		`{"type":"prometheus","metricName":"m","customFilterTemplate":"none"}`: "Custom filter template 'none' was not found.",
		`{"type":"prometheus","customInlineTemplate":"PromQL:${none}"}`:        "Problem evaluating custom filter template: PromQL:${none}: variable 'none' has no value",
		`{"type":"datadog"}`:                  "needs a metricName",
		`{"type":"datadog","metricName":"m"}`: "needs a scope",
	} {
		got, err := ask(t, query, &Scope{}, QueryOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Invalid) {
			t.Errorf("%s: %s (%v), want an error with %q", query, got, err, want)
		}
	}
	for _, store := range []string{"atlas", "graphite", "influxdb", "newrelic", "signalfx", "stackdriver", "wavefront"} {
		_, err := ask(t, fmt.Sprintf(`{"type":%q,"metricName":"m"}`, store), &Scope{Scope: "s"}, QueryOptions{})
		if err == nil || !hasKind(err, Unsupported) || !strings.Contains(err.Error(), "read from "+store+", which this server cannot do yet") {
			t.Errorf("%s: %v", store, err)
		}
	}
	if _, err := new(Config).Query(&Metric{Name: "m"}, &Scope{}, QueryOptions{}); err == nil || !hasKind(err, Invalid) {
		t.Errorf("no query: %v", err)
	}
}

// TestInjection: a scope fills in values and does nothing else.
func TestInjection(t *testing.T) {
	const (
		double = `{"type":"prometheus","customInlineTemplate":"PromQL:sum(http{app=\"${v}\"})"}`
		single = `{"type":"prometheus","metricName":"http","customInlineTemplate":"app='${v}',b=\"${w:-}\""}`
		raw    = "{\"type\":\"prometheus\",\"metricName\":\"http\",\"customInlineTemplate\":\"app=~`${v}`\"}"
		bare   = `{"type":"prometheus","customInlineTemplate":"PromQL:sum by (${v}) (rate(http[${w:-5m}]))"}`
		whole  = `{"type":"prometheus","metricName":"http","customInlineTemplate":"${v}"}`
		note   = `{"type":"prometheus","customInlineTemplate":"PromQL:sum(http{app=\"${v}\"}) # it's \"\nor up{b=\"${v}\"}"}`
		filter = `{"type":"datadog","customInlineTemplate":"avg:http{${v}} by {host}.rollup(avg, ${w:-60})"}`
	)
	for _, c := range []struct {
		query, v, w string
		ok          bool
	}{
		{double, "shop-v1", "", true},
		{double, "shop|cart.*", "", true},
		{double, "it's {fine} `here` # too", "", true},
		{double, `a\\.b`, "", true},
		{double, "${scope}", "", true},
		{double, "é☃", "", true},
		{double, `x"} or up{a="`, "", false},
		{double, `x\`, "", false},
		{double, `x\"`, "", true}, // an escaped quote stays in the literal
		{double, "x\ny", "", false},
		{double, "x\x00", "", false},
		{double, "x\u0085y", "", false},
		{single, "x", "y", true},
		{single, `x'`, ",c='", false},
		{single, `x\`, `,c="d`, false},
		{single, "${w}", `'`, false}, // a value inside a value
		{raw, `a\.b\`, "", true},
		{raw, "a`b", "", false},
		{bare, "pod", "", true},
		{bare, "pod,zone", "10m", true},
		{bare, "pod) (up) or sum by (pod", "", false},
		{bare, "pod", "5m:1m", true},
		{bare, "pod", "5m] offset 1w", false},
		{bare, "pod zone", "", false},
		{bare, "pod", "-5m", false},
		{whole, "PromQL:up", "", false},
		{whole, `a="b"`, "", false},
		{note, "x", "", true},
		{note, `x"`, "", false},
		{filter, "env:prod,service:shop", "", true},
		{filter, "env:prod AND (service:shop OR service:cart)", "", true},
		{filter, "*", "", true},
		{filter, "x} / sum:secret{*", "", false},
		{filter, `x"`, "", false},
		{filter, "x", "300", true},
		{filter, "x", "60).top(5", false},
	} {
		params := map[string]string{"v": c.v}
		if c.w != "" {
			params["w"] = c.w
		}
		got, err := ask(t, c.query, &Scope{Scope: "s", Location: "l", ExtendedScopeParams: params}, QueryOptions{})
		if (err == nil) != c.ok || err != nil && !hasKind(err, Invalid) {
			t.Errorf("%s with %q and %q: %s (%v)", c.query, c.v, c.w, got, err)
		}
		if err == nil && !strings.Contains(got, c.v) && c.v != "${scope}" {
			t.Errorf("%s with %q became %s", c.query, c.v, got)
		}
	}
	_, err := ask(t, double, &Scope{ExtendedScopeParams: map[string]string{"a": "a-b", "v": `x"`, "z": `'"`}}, QueryOptions{})
	if err == nil || !strings.Contains(err.Error(), `The scope's extendedScopeParams.v, "x\"", would change the query of metric 'm'`) {
		t.Errorf("the error does not name the value: %v", err)
	}
}

// FuzzInjection holds the rule against Prometheus' own parser: whatever the
// values, the query has the syntax tree that it has with words.
func FuzzInjection(f *testing.F) {
	const query = `{"type":"prometheus","customInlineTemplate":"PromQL:sum by (${b}) (rate(http{app=\"${a}\",x='${b:-y}',z=~` + "`${a}`" + `}[5m])) / count(up{a=\"${b}\"})"}`
	f.Add("shop-v1", "pod")
	f.Add(`x\\`, "a,b")
	f.Add(`"} or up{a="`, "pod) (up) or sum by (pod")
	f.Add("${b}", "$")
	shape := func(query string) string {
		expr, err := promql.NewParser(promql.Options{}).ParseExpr(query)
		if err != nil {
			return "error"
		}
		var tree strings.Builder
		promql.Inspect(expr, func(node promql.Node, _ []promql.Node) error {
			fmt.Fprintf(&tree, "%T ", node)
			if selector, ok := node.(*promql.VectorSelector); ok {
				for _, m := range selector.LabelMatchers {
					fmt.Fprint(&tree, m.Name, m.Type)
				}
			}
			return nil
		})
		return tree.String()
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		at := func(a, b string) (string, error) {
			return ask(t, query, &Scope{ExtendedScopeParams: map[string]string{"a": a, "b": b}}, QueryOptions{})
		}
		plain, err := at("x", "x")
		if err != nil {
			t.Fatal(err)
		}
		got, err := at(a, b)
		if err != nil {
			return
		}
		if have := shape(got); have != "error" && have != shape(plain) {
			t.Fatalf("%s is %s, not %s", got, have, shape(plain))
		}
	})
}

func TestScopes(t *testing.T) {
	read := func(text string) (*Scope, error) { return decode([]byte(text), (*parser).scope) }
	for text, want := range map[string]string{
		`{}`: `{}`,
		`{"scope":"s","region":"r","start":"2024-01-01T01:00:00+01:00","end":"2024-01-01T00:10:00.5Z","step":"60","extendedScopeParams":{"a":1,"b":null},"x":[]}`: `{"scope":"s","location":"r","start":"2024-01-01T00:00:00Z","end":"2024-01-01T00:10:00.500Z","step":60,"extendedScopeParams":{"a":"1"}}`,
		`{"region":"r","location":"l"}`:                       `{"location":"l"}`,
		`{"location":"l","region":"r","start":"","end":null}`: `{"location":"l"}`,
	} {
		s, err := read(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := plainJSON(t, s); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`{"start":"yesterday"}`:          `start is the string "yesterday", want a time like 2024-01-31T15:04:05Z`,
		`{"end":1704067200}`:             "end is a number, want a time",
		`{"end":"0001-01-01T00:00:00Z"}`: "want a time from 1970 to 2200",
		`{"step":-1}`:                    "step is -1, want an integer from 0",
		`{"step":1e9}`:                   "step is 1e+09",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

func TestGrid(t *testing.T) {
	for name, c := range map[string]struct {
		scope       Scope
		store       string
		first, last time.Duration
		n           int
		err         string
	}{
		"both ends":      {Scope{Start: midnight, End: midnight.Add(3 * time.Minute), Step: 60}, prometheusStore, 0, 3 * time.Minute, 4, ""},
		"part of a step": {Scope{Start: midnight, End: midnight.Add(119 * time.Second), Step: 60}, prometheusStore, 0, time.Minute, 2, ""},
		"one moment":     {Scope{Start: midnight, End: midnight, Step: 60}, prometheusStore, 0, 0, 1, ""},
		"Datadog":        {Scope{Start: midnight, End: midnight.Add(time.Minute)}, datadogStore, time.Second, time.Minute, 60, ""},
		"no start":       {Scope{End: midnight, Step: 60}, prometheusStore, 0, 0, 0, "Start time is required."},
		"no end":         {Scope{Start: midnight, Step: 60}, prometheusStore, 0, 0, 0, "End time is required."},
		"no step":        {Scope{Start: midnight, End: midnight}, prometheusStore, 0, 0, 0, "step is required"},
		"backwards":      {Scope{Start: midnight, End: midnight.Add(-time.Second), Step: 60}, prometheusStore, 0, 0, 0, "is before its start"},
	} {
		grid, err := c.scope.Grid(c.store)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !hasKind(err, Invalid) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		want := metrics.Grid{Start: midnight.Add(c.first - grid.Step), Step: grid.Step, N: c.n}
		if err != nil || grid != want || !grid.Time(grid.N-1).Equal(midnight.Add(c.last)) {
			t.Errorf("%s: %+v (%v)", name, grid, err)
		}
	}
}
