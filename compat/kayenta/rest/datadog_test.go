package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/kayenta/rest"
	"github.com/judged-dev/judged/metrics"
	_ "github.com/judged-dev/judged/metrics/providers/datadog"
)

// rollups answers as the Datadog driver does: in intervals that it chose itself.
type rollups struct {
	mu      sync.Mutex
	queries []string
}

func (r *rollups) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	r.mu.Lock()
	r.queries = append(r.queries, q.Expr)
	r.mu.Unlock()
	const step = 20 * time.Second
	var points []metrics.Point
	for at := q.Grid.Start.Add(step); !at.After(q.Grid.Window().End); at = at.Add(step) {
		points = append(points, metrics.Point{Time: at, Value: waves(q.Expr, at)})
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}, Step: step}, nil
}

func (*rollups) Close() error { return nil }

// Queries of Datadog's type go to a source of that provider, and to no other.
func TestDatadog(t *testing.T) {
	t.Parallel()
	backend := &rollups{}
	w := newWorld(t, func(o *rest.Options) { o.Sources.Use("dd", metrics.Provider{Name: "datadog"}, backend) })
	text := strings.NewReplacer(`"type":"prometheus","serviceType":"prometheus"`, `"type":"datadog"`, `"PromQL:latency{version=\"${scope}\"}"`, `"avg:latency{version:${scope}}"`).
		Replace(config("checkout", "latency"))
	id := w.config(t, text)
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canary/"+id+"?metricsAccountName=prod", request("v1", "v2", 30), "query for datadog", "prod is one of prometheus")
	execution := at(w.ok(t, http.StatusOK, http.MethodPost, "/canary/"+id+"?metricsAccountName=dd", request("v1", "v2-slow", 30)), "canaryExecutionId")
	got := w.until(t, fmt.Sprint("/canary/", execution), complete)
	if at(got, "status") != "succeeded" || at(got, "result", "judgeResult", "score", "score") != 0.0 || at(got, "metricsAccountName") != "dd" {
		t.Errorf("%v", got)
	}
	pairs := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/metricSetPairList/", at(got, "metricSetPairListId")), "")
	if values, _ := at(pairs, 0, "values", "control").([]any); len(values) != 90 || at(pairs, 0, "scopes", "control", "stepMillis") != 20000.0 {
		t.Errorf("%v", pairs)
	}
	backend.mu.Lock()
	defer backend.mu.Unlock()
	slices.Sort(backend.queries)
	if got := strings.Join(backend.queries, " "); got != "avg:latency{version:v1} avg:latency{version:v2-slow}" {
		t.Errorf("asked %s", got)
	}
}
