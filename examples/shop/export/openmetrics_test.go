package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// replies are answers of a Prometheus 2.42, shortened.
var replies = map[string]string{
	"/api/v1/metadata": `{"status":"success","data":{
		"shop_http_requests_total":[{"type":"counter","help":"Requests.","unit":""}],
		"latency_seconds":[{"type":"histogram","help":"Says \"how long\".","unit":""}],
		"queue":[{"type":"gauge","help":"","unit":""}]}}`,
	"/api/v1/label/__name__/values": `{"status":"success","data":[
		"latency_seconds_bucket","latency_seconds_count","latency_seconds_sum","queue","scrape_duration_seconds","shop_http_requests_total","up"]}`,
	`{__name__="shop_http_requests_total",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"shop_http_requests_total","job":"shop","code":"500"},"values":[[1767225600.25,"0"],[1767225605.25,"1"]]}`,
		`{"metric":{"__name__":"shop_http_requests_total","job":"shop","code":"200"},"values":[[1767225600.25,"7"],[1767225605.25,"9"]]}`),
	`{__name__="latency_seconds_bucket",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"latency_seconds_bucket","job":"shop","le":"+Inf"},"values":[[1767225600.25,"3"],[1767225605.25,"4"]]}`,
		`{"metric":{"__name__":"latency_seconds_bucket","job":"shop","le":"0.5"},"values":[[1767225600.25,"2"],[1767225605.25,"3"]]}`,
		`{"metric":{"__name__":"latency_seconds_bucket","job":"shop","le":"0.0025"},"values":[[1767225600.25,"1"],[1767225605.25,"1"]]}`),
	`{__name__="latency_seconds_count",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"latency_seconds_count","job":"shop"},"values":[[1767225600.25,"3"],[1767225605.25,"4"]]}`),
	`{__name__="latency_seconds_sum",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"latency_seconds_sum","job":"shop"},"values":[[1767225600.25,"0.75"],[1767225605.25,"1.0000000000000002"]]}`),
	`{__name__="queue",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"queue","job":"shop","path":"a\\b\"c"},"values":[[1767225600,"NaN"]]}`),
	`{__name__="up",job="shop"}[60000ms]`: matrix(
		`{"metric":{"__name__":"up","job":"shop"},"values":[[1767225600.25,"1"]]}`),
}

func matrix(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

const exported = `# TYPE latency_seconds histogram
# HELP latency_seconds Says \"how long\".
latency_seconds_bucket{job="shop",le="0.0025"} 1 1767225600.250
latency_seconds_bucket{job="shop",le="0.5"} 2 1767225600.250
latency_seconds_bucket{job="shop",le="+Inf"} 3 1767225600.250
latency_seconds_count{job="shop"} 3 1767225600.250
latency_seconds_sum{job="shop"} 0.75 1767225600.250
latency_seconds_bucket{job="shop",le="0.0025"} 1 1767225605.250
latency_seconds_bucket{job="shop",le="0.5"} 3 1767225605.250
latency_seconds_bucket{job="shop",le="+Inf"} 4 1767225605.250
latency_seconds_count{job="shop"} 4 1767225605.250
latency_seconds_sum{job="shop"} 1.0000000000000002 1767225605.250
# TYPE queue gauge
# HELP queue 
queue{job="shop",path="a\\b\"c"} NaN 1767225600.000
# TYPE shop_http_requests counter
# HELP shop_http_requests Requests.
shop_http_requests_total{code="200",job="shop"} 7 1767225600.250
shop_http_requests_total{code="200",job="shop"} 9 1767225605.250
shop_http_requests_total{code="500",job="shop"} 0 1767225600.250
shop_http_requests_total{code="500",job="shop"} 1 1767225605.250
# TYPE up gauge
# HELP up Whether the target could be scraped.
up{job="shop"} 1 1767225600.250
# EOF
`

func TestMetricsCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.URL.Path
		if query := r.FormValue("query"); query != "" {
			key = query
		}
		reply, ok := replies[key]
		if !ok {
			t.Errorf("unexpected request %s", r.URL)
		}
		fmt.Fprint(w, reply)
	}))
	defer server.Close()
	out := filepath.Join(t.TempDir(), "metrics.om.gz")
	var stdout strings.Builder
	err := run(t.Context(), []string{
		"metrics", "-prometheus", server.URL, "-selector", `{job="shop"}`,
		"-start", "2026-01-01T00:00:00Z", "-end", "2026-01-01T00:01:00Z", "-out", out,
	}, &stdout, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(stdout.String(), "4 families, 9 series, 16 samples\n") {
		t.Errorf("said %q", stdout.String())
	}
	got := gunzip(t, out)
	if diff := cmp.Diff(exported, got); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
}

func TestExportIsReadByPrometheus(t *testing.T) {
	parser := textparse.NewOpenMetricsParser([]byte(exported), labels.NewSymbolTable())
	types := map[string]string{}
	samples := 0
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = string(kind)
		case textparse.EntrySeries:
			series, milliseconds, _ := parser.Series()
			if milliseconds == nil || *milliseconds < 1767225600000 || *milliseconds > 1767225605250 {
				t.Errorf("timestamp of %s: %v", series, milliseconds)
			}
			samples++
		}
	}
	want := map[string]string{"latency_seconds": "histogram", "queue": "gauge", "shop_http_requests": "counter", "up": "gauge"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if samples != 16 {
		t.Errorf("%d samples, want 16", samples)
	}
}

func TestPrometheusErrorsGoThrough(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"too many samples"}`)
	}))
	defer server.Close()
	err := run(t.Context(), []string{
		"metrics", "-prometheus", server.URL, "-out", filepath.Join(t.TempDir(), "x"),
		"-start", "2026-01-01T00:00:00Z", "-end", "2026-01-01T00:01:00Z",
	}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("error %v does not say what Prometheus said", err)
	}
}

func TestAMetricOfNoKnownTypeIsAnError(t *testing.T) {
	for _, name := range []string{"mystery", "mystery_total", "mystery_bucket"} {
		if _, _, err := familyOf(name, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// Metadata of targets that speak OpenMetrics has the family's name.
	name, _, err := familyOf("a_total", map[string]metadata{"a": {Type: "counter"}})
	if name != "a" || err != nil {
		t.Errorf("familyOf(a_total) = %q, %v", name, err)
	}
}

func gunzip(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if !reader.ModTime.IsZero() || reader.Name != "" {
		t.Errorf("the gzip header depends on more than the content: %q, %s", reader.Name, reader.ModTime)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
