package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/metrics"
)

// seconds returns the time so many seconds after 1970.
func seconds(s float64) time.Time { return time.UnixMilli(int64(s * 1000)).UTC() }

// render writes a result in a form that is easy to compare.
func render(r metrics.Result) []string {
	var lines []string
	for _, s := range r.Series {
		var b strings.Builder
		fmt.Fprintf(&b, "%s", s.Labels)
		for _, p := range s.Points {
			fmt.Fprintf(&b, " %v@%v", p.Value, float64(p.Time.UnixMilli())/1000)
		}
		lines = append(lines, b.String())
	}
	return lines
}

const small = `# TYPE requests counter
requests_total{version="v1"} 10 100
requests_total{version="v1"} 20 110
requests_total{version="v1"} 40 120
requests_total{version="v2"} 0 100
requests_total{version="v2"} 5 110
requests_total{version="v2"} 5 120
# TYPE load gauge
load 1 100
load 2 110
load NaN 120
# EOF
`

func TestQuery(t *testing.T) {
	r := open(t, small, Options{})
	grid := metrics.Grid{Start: seconds(100), Step: 10 * time.Second, N: 2} // values at 110 and 120
	tests := []struct {
		expr string
		want []string
	}{
		{`requests_total{version="v1"}`, []string{`{__name__="requests_total", version="v1"} 20@110 40@120`}},
		{`sum(requests_total)`, []string{`{} 25@110 45@120`}},
		{`increase(requests_total{version="v2"}[21s])`, []string{`{version="v2"} 5@110 5@120`}},
		{`requests_total offset 10s`, []string{`{__name__="requests_total", version="v1"} 10@110 20@120`, `{__name__="requests_total", version="v2"} 0@110 5@120`}},
		{`requests_total offset -10s`, []string{`{__name__="requests_total", version="v1"} 40@110 40@120`, `{__name__="requests_total", version="v2"} 5@110 5@120`}},
		{`sum(requests_total @ end())`, []string{`{} 45@110 45@120`}},
		{`load > bool 1`, []string{`{} 1@110 0@120`}},
		{`load`, []string{`{__name__="load"} 2@110 NaN@120`}},
		{`2 * 3`, []string{`{} 6@110 6@120`}},
		{`time()`, []string{`{} 110@110 120@120`}},
		{`absent(nothing)`, []string{`{} 1@110 1@120`}},
		{`nothing`, nil},
		{`{version="",__name__=~".+"}`, []string{`{__name__="load"} 2@110 NaN@120`}},
		{`{__name__=~".*_total",version!~"v1|v3"}`, []string{`{__name__="requests_total", version="v2"} 5@110 5@120`}},
		{`max_over_time(sum(requests_total)[20s:10s])`, []string{`{} 25@110 45@120`}},
	}
	for _, test := range tests {
		t.Run(test.expr, func(t *testing.T) {
			result, err := r.Query(t.Context(), metrics.Query{Expr: test.expr, Grid: grid})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, render(result)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	r := open(t, small, Options{Limits: Limits{QuerySamples: 1000}})
	grid := metrics.Grid{Start: seconds(100), Step: 10 * time.Second, N: 2}
	tests := map[string]struct {
		expr   string
		grid   metrics.Grid
		reason metrics.Reason
		want   string
	}{
		"syntax":           {"sum(rate(x[1m])", grid, metrics.BadQuery, "1:16: parse error: unclosed left parenthesis"},
		"second line":      {"sum(\n  frobnicate(x)\n)", grid, metrics.BadQuery, `2:3: parse error: unknown function with name "frobnicate"`},
		"type":             {"rate(x)", grid, metrics.BadQuery, "1:6: parse error: expected type range vector"},
		"empty":            {"", grid, metrics.BadQuery, "parse error: no expression found in input"},
		"empty selector":   {"{}", grid, metrics.BadQuery, "must contain at least one non-empty matcher"},
		"range vector":     {"load[1m]", grid, metrics.BadQuery, `must be Scalar or instant Vector`},
		"string":           {`"a"`, grid, metrics.BadQuery, `must be Scalar or instant Vector`},
		"many to many":     {"requests_total * on() requests_total", grid, metrics.BadQuery, "many-to-many matching not allowed"},
		"regexp":           {`load{a=~"("}`, grid, metrics.BadQuery, "missing closing"},
		"replace regexp":   {`label_replace(load, "a", "b", "c", "(")`, grid, metrics.BadQuery, "invalid regular expression"},
		"same labels":      {`label_replace(requests_total, "version", "", "", "")`, grid, metrics.BadQuery, "same labelset"},
		"experimental":     {"info(load)", grid, metrics.BadQuery, "not enabled"},
		"too many steps":   {"load", metrics.Grid{Start: seconds(100), Step: time.Millisecond, N: 1e5}, metrics.TooLarge, "the query and its subqueries have more than 1000 steps"},
		"too many samples": {`vector(1) or label_replace(vector(1), "a", "b", "", "") or label_replace(vector(1), "a", "c", "", "")`, metrics.Grid{Start: seconds(100), Step: time.Second, N: 500}, metrics.TooLarge, "too many samples"},
		"a huge subquery":  {"sum_over_time(load[10y:1ms])", grid, metrics.TooLarge, "subqueries have more than 1000 steps"},
		"a default step":   {"sum_over_time(load[1d:])", grid, metrics.TooLarge, "subqueries have more than 1000 steps"},
		"many subqueries":  {"sum_over_time(load[600s:1s]) + sum_over_time(load[600s:1s])", grid, metrics.TooLarge, "subqueries have more than 1000 steps"},
		"nested":           {"sum_over_time(max_over_time(load[500s:1s])[500s:1s])", grid, metrics.TooLarge, "subqueries have more than 1000 steps"},
		"a long text":      {"load" + strings.Repeat(" ", maxExpr), grid, metrics.TooLarge, "16388 bytes"},
		"step":             {"load", metrics.Grid{Start: seconds(100), Step: 1500 * time.Microsecond, N: 1}, metrics.BadQuery, "whole milliseconds"},
		"no step":          {"load", metrics.Grid{Start: seconds(100), N: 1}, metrics.BadQuery, "whole milliseconds"},
		"negative":         {"load", metrics.Grid{Start: seconds(100), Step: time.Second, N: -1}, metrics.BadQuery, "whole milliseconds"},
		"no start":         {"load", metrics.Grid{Step: time.Second, N: 1}, metrics.BadQuery, "not between the years"},
		"endless":          {"load", metrics.Grid{Start: seconds(100), Step: time.Hour, N: math.MaxInt}, metrics.BadQuery, "not between the years"},
		"long steps":       {"load", metrics.Grid{Start: seconds(100), Step: math.MaxInt64 / 1000000 * 1000000, N: 1}, metrics.BadQuery, "not between the years"},
		"wrong, no steps":  {"sum(", metrics.Grid{Start: seconds(100), Step: time.Second}, metrics.BadQuery, "parse error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := r.Query(t.Context(), metrics.Query{Expr: test.expr, Grid: test.grid})
			var e *metrics.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v is not a *metrics.Error", err)
			}
			if e.Reason != test.reason || !strings.Contains(e.Error(), test.want) {
				t.Errorf("error %q (%s), want %q in it (%s)", e, e.Reason, test.want, test.reason)
			}
			if e.Op != "query" || e.Source != "test" || e.Query != test.expr {
				t.Errorf("op %q, source %q, query %q", e.Op, e.Source, e.Query)
			}
		})
	}
}

func TestQueryEmptyGrid(t *testing.T) {
	r := open(t, small, Options{})
	result, err := r.Query(t.Context(), metrics.Query{Expr: "load", Grid: metrics.Grid{Start: seconds(100), Step: time.Second}})
	if err != nil || len(result.Series) != 0 {
		t.Errorf("got %v, %v, want nothing", result, err)
	}
}

// Points carry the grid's own times, even those that fall between
// milliseconds.
func TestQueryTimes(t *testing.T) {
	r := open(t, small, Options{})
	grid := metrics.Grid{Start: seconds(100).Add(300 * time.Microsecond).In(time.FixedZone("x", 3600)), Step: 5 * time.Second, N: 3}
	result, err := r.Query(t.Context(), metrics.Query{Expr: "load", Grid: grid})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(result.Series[0].Points); n != 3 {
		t.Fatalf("%d points, want 3", n)
	}
	for i, p := range result.Series[0].Points {
		if !p.Time.Equal(grid.Time(i)) {
			t.Errorf("point %d at %s, want %s", i, p.Time, grid.Time(i))
		}
	}
}

func TestQueryCanceled(t *testing.T) {
	r := open(t, small, Options{})
	query := metrics.Query{Expr: "load", Grid: metrics.Grid{Start: seconds(100), Step: time.Second, N: 2}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Query(ctx, query)
	if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Canceled {
		t.Errorf("error %v, want canceled", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	_, err = r.Query(ctx, query)
	if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Unavailable {
		t.Errorf("error %v, want unavailable", err)
	}
}

func TestQueryTimeout(t *testing.T) {
	r := open(t, rolloutText(), Options{Timeout: 20 * time.Millisecond, Limits: Limits{QuerySamples: 1 << 30}})
	began := time.Now()
	_, err := r.Query(t.Context(), metrics.Query{
		Expr: `quantile_over_time(0.5, sum(rate({__name__=~".+"}[5m]))[1d:1s])`,
		Grid: metrics.NewGrid(r.Window(), time.Second),
	})
	if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Unavailable || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("error %v, want a timeout", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to notice", took)
	}
}

func TestQueryWarnings(t *testing.T) {
	r := open(t, small, Options{})
	grid := metrics.Grid{Start: seconds(90), Step: 10 * time.Second, N: 3} // 100, 110, 120
	tests := map[string]struct {
		expr string
		grid metrics.Grid
		want []string
	}{
		"covered":                      {"sum(rate(requests_total[1m]))", grid, nil},
		"no selector":                  {"vector(1)", metrics.Grid{Start: seconds(1e6), Step: time.Second, N: 1}, nil},
		"two intervals more are usual": {"requests_total", metrics.Grid{Start: seconds(100), Step: 10 * time.Second, N: 4}, nil},
		"before": {"load", metrics.Grid{Start: seconds(0), Step: 10 * time.Second, N: 2}, []string{
			"the recording test covers 1970-01-01T00:01:40Z to 1970-01-01T00:02:00Z; the query looks at 1970-01-01T00:00:10Z to 1970-01-01T00:00:20Z, of which nothing is recorded",
		}},
		"long after": {"sum(load) + sum(load)", metrics.Grid{Start: seconds(1000), Step: 10 * time.Second, N: 2}, []string{
			"the recording test covers 1970-01-01T00:01:40Z to 1970-01-01T00:02:00Z; the query looks at 1970-01-01T00:16:50Z to 1970-01-01T00:17:00Z, of which nothing is recorded",
		}},
		"partly before": {"load", metrics.Grid{Start: seconds(50), Step: 10 * time.Second, N: 6}, []string{
			"the recording test covers 1970-01-01T00:01:40Z to 1970-01-01T00:02:00Z, but the query looks at 1970-01-01T00:01:00Z to 1970-01-01T00:01:50Z: the rest has no data",
		}},
		"offset": {"load - load offset 1h", grid, []string{
			"the recording test covers 1970-01-01T00:01:40Z to 1970-01-01T00:02:00Z; the query looks at 1969-12-31T23:01:40Z to 1969-12-31T23:02:00Z, of which nothing is recorded",
		}},
		"remark":  {"rate(load[20s])", grid, []string{`PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "load" (1:6)`}},
		"warning": {"quantile(7, load)", grid, []string{"PromQL warning: quantile value should be between 0 and 1, got 7 (1:10)"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, err := r.Query(t.Context(), metrics.Query{Expr: test.expr, Grid: test.grid})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, result.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueryWarningsAreBounded(t *testing.T) {
	r := open(t, small, Options{})
	expr := "load"
	for i := range 30 {
		expr += fmt.Sprintf(" + quantile(%d, load)", i+2)
	}
	var before []string
	for range 3 {
		result, err := r.Query(t.Context(), metrics.Query{Expr: expr, Grid: metrics.Grid{Start: seconds(90), Step: 10 * time.Second, N: 3}})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(result.Warnings); n != maxWarnings+1 || result.Warnings[n-1] != "20 more warnings" {
			t.Errorf("warnings %q", result.Warnings)
		}
		if before != nil && cmp.Diff(before, result.Warnings) != "" {
			t.Errorf("warnings %q, before %q", result.Warnings, before)
		}
		before = result.Warnings
	}
}

func TestQueryConcurrently(t *testing.T) {
	r := open(t, rolloutText(), Options{})
	grid := metrics.NewGrid(r.Window(), time.Minute)
	exprs := []string{
		`histogram_quantile(0.9, sum by (le) (rate(app_duration_seconds_bucket[1m])))`,
		`sum by (version) (rate(app_requests_total[1m]))`,
		`app_temperature_celsius`,
	}
	want := make([][]string, len(exprs))
	for i, expr := range exprs {
		result, err := r.Query(t.Context(), metrics.Query{Expr: expr, Grid: grid})
		if err != nil {
			t.Fatal(err)
		}
		want[i] = render(result)
	}
	var wait sync.WaitGroup
	for i := range 30 {
		wait.Go(func() {
			result, err := r.Query(t.Context(), metrics.Query{Expr: exprs[i%len(exprs)], Grid: grid})
			if err != nil {
				t.Error(err)
				return
			}
			if diff := cmp.Diff(want[i%len(exprs)], render(result)); diff != "" {
				t.Errorf("%s (-alone +concurrently):\n%s", exprs[i%len(exprs)], diff)
			}
		})
	}
	wait.Wait()
}

// Nesting as deep as the longest text allows costs bounded time.
func TestQueryDeep(t *testing.T) {
	r := open(t, small, Options{})
	grid := metrics.Grid{Start: seconds(100), Step: 10 * time.Second, N: 2}
	nest := func(before, inside, after string) string {
		n := (maxExpr - len(inside)) / (len(before) + len(after))
		return strings.Repeat(before, n) + inside + strings.Repeat(after, n)
	}
	for name, test := range map[string]struct {
		expr, want string
	}{
		"signs":      {nest("-", "load", ""), "nested more than 500 deep"},
		"brackets":   {nest("(", "load", ")"), "nested more than 500 deep"},
		"unclosed":   {strings.Repeat("(", maxExpr), "unclosed left parenthesis"},
		"calls":      {nest("abs(", "load", ")"), "nested more than 500 deep"},
		"powers":     {nest("", "load", "^load"), "nested more than 500 deep"},
		"additions":  {nest("", "load", "+load"), "nested more than 500 deep"},
		"subqueries": {nest("sum_over_time(", "load", "[1m:1s])"), "nested more than 500 deep"},
		"deep":       {strings.Repeat("abs(", 400) + "load" + strings.Repeat(")", 400), ""},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := r.Query(t.Context(), metrics.Query{Expr: test.expr, Grid: grid})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// FuzzQuery checks that no query makes the engine panic or take more than its
// limits.
func FuzzQuery(f *testing.F) {
	r, err := Read("test", strings.NewReader(small), Options{Timeout: time.Second, Limits: Limits{QuerySamples: 10_000}})
	if err != nil {
		f.Fatal(err)
	}
	for _, expr := range oracleExprs {
		f.Add(expr, uint8(3))
	}
	for _, expr := range []string{
		`label_replace(label_replace(load, "a", "$1$1", "a", "(.*)"), "a", "$1$1", "a", "(.*)")`,
		`count_values("version", load) @ start()`, `load[1m:]`, `-load ^ -1 % 2 atan2 3`, `load offset -9223372036854775807ms`,
		`load @ 1e18`, `sum_over_time(load[100y:1ms] @ -1e300 offset -100y)`, "((((", `{"a b"}`, `topk(1e300, load)`, `quantile_over_time(NaN, load[1m])`,
		`histogram_quantile(2, load)`, `absent(rate({x=~"(a+)+$"}[1m]))`, `"\xff"`, "load\x00", `vector(1)[1y:1s]`, `limitk(3, load)`, `info(load)`,
	} {
		f.Add(expr, uint8(2))
	}
	f.Fuzz(func(t *testing.T, expr string, n uint8) {
		began := time.Now()
		result, err := r.Query(t.Context(), metrics.Query{Expr: expr, Grid: metrics.Grid{Start: seconds(90), Step: 7 * time.Second, N: int(n)}})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		if err != nil {
			if _, ok := metrics.ReasonOf(err); !ok {
				t.Errorf("error %v is not a *metrics.Error", err)
			}
			return
		}
		for _, s := range result.Series {
			if len(s.Points) > int(n) {
				t.Errorf("%d points of %d steps", len(s.Points), n)
			}
		}
	})
}
