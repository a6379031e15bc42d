package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// oracleExprs are queries on the rollout that a replay and a Prometheus
// server answer alike.
var oracleExprs = []string{
	`app_temperature_celsius`,
	`app_requests_total{code="500",version=~"v[12]"}`,
	`{__name__=~"app_.*_total",instance!="a"}`,
	`app_requests_total{nothing=""}`,
	`rate(app_requests_total[1m])`,
	`irate(app_requests_total[2m])`,
	`increase(app_requests_total{code="200"}[5m])`,
	`delta(app_temperature_celsius[3m])`,
	`deriv(app_temperature_celsius[3m])`,
	`predict_linear(app_temperature_celsius[3m], 600)`,
	`resets(app_requests_total[10m]) + changes(app_requests_total[10m])`,
	`sum(rate(app_requests_total[1m]))`,
	`sum by (version) (rate(app_requests_total{code="500"}[2m])) / sum by (version) (rate(app_requests_total[2m]))`,
	`avg without (instance) (app_temperature_celsius)`,
	`stddev(app_temperature_celsius) or stdvar by (version) (app_temperature_celsius)`,
	`topk(1, app_requests_total)`,
	`bottomk by (instance) (1, app_requests_total)`,
	`quantile(0.3, app_temperature_celsius)`,
	`count_values("reading", round(app_temperature_celsius))`,
	`histogram_quantile(0.9, sum by (le) (rate(app_duration_seconds_bucket[1m])))`,
	`histogram_quantile(0.5, rate(app_duration_seconds_bucket[5m]))`,
	`rate(app_duration_seconds_sum[1m]) / rate(app_duration_seconds_count[1m])`,
	`avg_over_time(app_temperature_celsius[5m])`,
	`quantile_over_time(0.95, app_temperature_celsius[5m])`,
	`max_over_time(app_temperature_celsius[5m]) - min_over_time(app_temperature_celsius[5m])`,
	`stddev_over_time(app_temperature_celsius[7m])`,
	`last_over_time(app_temperature_celsius[30s])`,
	`count_over_time(app_temperature_celsius[1m])`,
	`app_temperature_celsius offset 5m`,
	`rate(app_requests_total[1m] offset -2m)`,
	`app_temperature_celsius @ 1795169500.5`,
	`app_temperature_celsius / ignoring (code) app_temperature_celsius @ end()`,
	`sum(app_requests_total @ start())`,
	`max_over_time(rate(app_requests_total[1m])[5m:20s])`,
	`avg_over_time(sum(app_temperature_celsius)[10m:])`,
	`app_temperature_celsius > 21`,
	`app_temperature_celsius > bool 21`,
	`app_temperature_celsius > 20 and app_temperature_celsius < 23 unless app_temperature_celsius{version="v2"}`,
	`absent(app_temperature_celsius{version="v2"})`,
	`absent_over_time(app_temperature_celsius{version="v2"}[2m])`,
	`label_replace(app_temperature_celsius, "major", "$1", "version", "v(.*)")`,
	`label_join(app_temperature_celsius, "both", "-", "instance", "version")`,
	`app_requests_total * on (instance, version) group_left app_temperature_celsius`,
	`sum by (instance) (app_requests_total) / on (instance) group_right sum by (instance, code) (app_requests_total)`,
	`timestamp(app_temperature_celsius) - time()`,
	`clamp(app_temperature_celsius, 19, 21) + scalar(sum(app_temperature_celsius))`,
	`vector(1) + time() % 7`,
	`minute() + hour(timestamp(app_temperature_celsius))`,
	`sgn(delta(app_temperature_celsius[1m])) * abs(deriv(app_temperature_celsius[2m])) ^ 0.5`,
	`-app_temperature_celsius`,
	`ln(app_requests_total) atan2 app_requests_total`,
	`0 / (app_requests_total - app_requests_total)`,
	`nothing_of_this_name`,
	`sort_desc(app_temperature_celsius)`,
}

// TestAgainstPrometheus compares answers with those of a Prometheus server on
// the same samples. Neither has stale markers: promtool does not write any.
//
// The server of Debian is Prometheus 2.42, whose windows include their left
// end. So the grid is chosen such that no sample and no step of a subquery
// lies on the end of a window. It also extrapolates a rate further back than
// https://github.com/prometheus/prometheus/pull/13725 (2.51) where a counter
// begins near zero, so counters begin high.
func TestAgainstPrometheus(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: apt-get install prometheus)")
	}
	dir := t.TempDir()
	recorded := rolloutFrom(100_000)
	text := filepath.Join(dir, "metrics.om")
	if err := os.WriteFile(text, []byte(recorded), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", text, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	server := startPrometheus(t, dir, "")
	r := open(t, recorded, Options{KeepVanished: true})

	grids := map[string]metrics.Grid{
		"the whole recording": {Start: rolloutStart.Add(7410 * time.Millisecond), Step: 37 * time.Second, N: 40},
		"a minute":            {Start: rolloutRelease.Add(1410 * time.Millisecond), Step: 3 * time.Second, N: 20},
	}
	for name, grid := range grids {
		for _, expr := range oracleExprs {
			t.Run(name+"/"+expr, func(t *testing.T) {
				want := server.queryRange(t, expr, grid)
				result, err := r.Query(t.Context(), metrics.Query{Expr: expr, Grid: grid})
				if err != nil {
					t.Fatal(err)
				}
				compareSeries(t, want, result.Series)
			})
		}
	}
}

// tolerance is how far values may be apart, relative to the larger: the two
// versions of the engine do not add in the same order.
const tolerance = 1e-9

func compareSeries(t *testing.T, want, got []metrics.Series) {
	t.Helper()
	byLabels := map[string]map[int64]float64{}
	for _, s := range got {
		values := map[int64]float64{}
		for _, p := range s.Points {
			values[p.Time.UnixMilli()] = p.Value
		}
		byLabels[s.Labels.String()] = values
	}
	if len(got) != len(want) {
		t.Errorf("%d series, Prometheus has %d", len(got), len(want))
	}
	for _, s := range want {
		values, ok := byLabels[s.Labels.String()]
		if !ok {
			t.Errorf("no series %s; there are %q", s.Labels, slices.Sorted(maps.Keys(byLabels)))
			continue
		}
		if len(values) != len(s.Points) {
			t.Errorf("%s: %d points, Prometheus has %d", s.Labels, len(values), len(s.Points))
		}
		for _, p := range s.Points {
			v, ok := values[p.Time.UnixMilli()]
			same := v == p.Value || math.IsNaN(v) && math.IsNaN(p.Value) || math.Abs(v-p.Value) <= tolerance*math.Max(math.Abs(v), math.Abs(p.Value))
			if !ok || !same {
				t.Errorf("%s at %s: %v (there: %v), Prometheus has %v", s.Labels, p.Time.Format(time.RFC3339Nano), v, ok, p.Value)
			}
		}
	}
}

// TestStaleMarkersAgainstPrometheus lets a Prometheus server scrape targets
// whose series change, fail and vanish, exports its samples, and compares a
// recording of them with what the server, which has the stale markers, says.
func TestStaleMarkersAgainstPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("scrapes for 20 seconds")
	}
	t.Parallel()
	const interval = time.Second
	var phase atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch phase.Load() {
		case 0:
			fmt.Fprint(w, "app_version{version=\"v1\"} 1\napp_load 7\n")
		case 1: // another version
			fmt.Fprint(w, "app_version{version=\"v2\"} 1\napp_load 7\n")
		case 2: // a failure
			http.Error(w, "starting", http.StatusServiceUnavailable)
		case 3: // as before, without one metric
			fmt.Fprint(w, "app_version{version=\"v2\"} 1\n")
		}
	}))
	t.Cleanup(target.Close)
	dir := t.TempDir()
	targets := filepath.Join(dir, "targets.json")
	address := strings.TrimPrefix(target.URL, "http://")
	setTargets := func(instances ...string) {
		var groups []string
		for _, in := range instances {
			groups = append(groups, fmt.Sprintf(`{"targets":[%q],"labels":{"instance":%q}}`, address, in))
		}
		// Prometheus watches the file; a rename changes it at once.
		if err := os.WriteFile(targets+".new", []byte("["+strings.Join(groups, ",")+"]"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(targets+".new", targets); err != nil {
			t.Fatal(err)
		}
	}
	setTargets("stays", "leaves")
	server := startPrometheus(t, dir, fmt.Sprintf("scrape_configs:\n- job_name: app\n  scrape_interval: %s\n  scrape_timeout: %s\n  file_sd_configs: [{files: [%q]}]\n", interval, interval, targets))
	// It takes Prometheus 5 seconds to begin, and to notice a target's end.
	for range 200 {
		if len(server.get(t, "/api/v1/query", url.Values{"query": {"app_load[10s]"}})) == 2 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for next := range int32(4) {
		phase.Store(next)
		if next == 2 {
			setTargets("stays")
		}
		time.Sleep(3*interval + interval/10)
	}
	time.Sleep(3 * interval)

	text := server.export(t, `{job="app"}`, time.Minute)
	r := open(t, text, Options{})
	for _, s := range r.store.series {
		for i := 1; i < len(s.times); i++ {
			gap := float64(s.times[i]-s.times[i-1]) / float64(interval.Milliseconds())
			if s.values[i] != staleMarker && s.values[i-1] != staleMarker && !math.IsNaN(s.values[i]) && !math.IsNaN(s.values[i-1]) && math.Abs(gap-math.Round(gap)) > 0.2 {
				t.Skipf("the machine is too busy for a scrape each second: one came after %.2f s", gap)
			}
		}
	}
	// Each instance is asked between its scrapes: when exactly a scrape
	// happens, and so a marker, differs by milliseconds.
	ghosts := 0
	for _, in := range []string{"stays", "leaves"} {
		up := r.store.match(matchersOf(t, fmt.Sprintf(`up{instance=%q}`, in)))
		if len(up) != 1 {
			t.Fatalf("%d series of up", len(up))
		}
		first := time.UnixMilli(up[0].times[0])
		grid := metrics.Grid{Start: first.Add(-interval / 2), Step: interval, N: int(r.Window().End.Sub(first)/interval) - 1}
		for _, expr := range []string{`app_version`, `app_load`, `up`, `sum without (version) (app_version)`, `count(app_version) by (instance,version)`} {
			expr = strings.NewReplacer("app_version", "app_version{instance=%q}", "app_load", "app_load{instance=%q}", "up", "up{instance=%q}").Replace(expr)
			expr = fmt.Sprintf(expr, in)
			t.Run(expr, func(t *testing.T) {
				want := server.queryRange(t, expr, grid)
				result, err := r.Query(t.Context(), metrics.Query{Expr: expr, Grid: grid})
				if err != nil {
					t.Fatal(err)
				}
				compareSeries(t, want, result.Series)
				kept, err := open(t, text, Options{KeepVanished: true}).Query(t.Context(), metrics.Query{Expr: expr, Grid: grid})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range kept.Series {
					ghosts += len(s.Points)
				}
				for _, s := range want {
					ghosts -= len(s.Points)
				}
			})
		}
	}
	if ghosts <= 0 {
		t.Errorf("without stale markers there are %d points more: nothing vanished, so nothing was tested", ghosts)
	}
	t.Logf("without stale markers there would be %d points too many", ghosts)
}

// prometheusServer is a running server.
type prometheusServer struct{ url string }

// startPrometheus starts a server on dir/data; it ends with the test.
func startPrometheus(t *testing.T, dir, config string) prometheusServer {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed (Debian: apt-get install prometheus)")
	}
	configFile := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(configFile, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	ctx, stop := context.WithCancel(context.Background())
	var log bytes.Buffer
	command := exec.CommandContext(ctx, binary, "--config.file="+configFile, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", log.String())
		}
	})
	server := prometheusServer{"http://" + address}
	for range 150 {
		if response, err := http.Get(server.url + "/-/ready"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return server
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("prometheus is not ready after 15 seconds")
	return server
}

// queryRange asks for an expression at the grid's times.
func (s prometheusServer) queryRange(t *testing.T, expr string, g metrics.Grid) []metrics.Series {
	t.Helper()
	return s.get(t, "/api/v1/query_range", url.Values{
		"query": {expr},
		"start": {g.Time(0).UTC().Format(time.RFC3339Nano)},
		"end":   {g.Time(g.N - 1).UTC().Format(time.RFC3339Nano)},
		"step":  {strconv.FormatFloat(g.Step.Seconds(), 'f', -1, 64)},
	})
}

// export returns the samples of the last while as OpenMetrics text.
func (s prometheusServer) export(t *testing.T, selector string, while time.Duration) string {
	t.Helper()
	var b strings.Builder
	for _, series := range s.get(t, "/api/v1/query", url.Values{"query": {fmt.Sprintf("%s[%s]", selector, while)}}) {
		name := series.Labels["__name__"]
		delete(series.Labels, "__name__")
		for _, p := range series.Points {
			fmt.Fprintf(&b, "%s%s %v %.3f\n", name, strings.ReplaceAll(series.Labels.String(), ", ", ","), p.Value, float64(p.Time.UnixMilli())/1000)
		}
	}
	return b.String() + "# EOF\n"
}

func (s prometheusServer) get(t *testing.T, path string, parameters url.Values) []metrics.Series {
	t.Helper()
	response, err := http.Get(s.url + path + "?" + parameters.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var reply struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Values [][2]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Error != "" {
		t.Fatalf("prometheus answers %s %v: %s", response.Status, err, body)
	}
	all := make([]metrics.Series, len(reply.Data.Result))
	for i, result := range reply.Data.Result {
		all[i].Labels = result.Metric
		for _, pair := range result.Values {
			at, err := strconv.ParseFloat(string(pair[0]), 64)
			if err != nil {
				t.Fatal(err)
			}
			v, err := strconv.ParseFloat(strings.Trim(string(pair[1]), `"`), 64)
			if err != nil {
				t.Fatal(err)
			}
			all[i].Points = append(all[i].Points, metrics.Point{Time: time.UnixMilli(int64(math.Round(at * 1000))), Value: v})
		}
	}
	return all
}
