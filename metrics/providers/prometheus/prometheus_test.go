package prometheus

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
	"github.com/judged-dev/judged/metrics/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Provider: metrics.Provider{Name: "prometheus", Expand: promql.Expand, Open: Open},
		Query:    `sum by (pod) (rate(http_requests_total{app="shop"}[1m]))`,
		Wire: &providertest.Wire{
			Answer:         func(a providertest.Answer) []byte { return encode(matrix(a.Series), a.Warnings...) },
			Refusal:        func(message string) []byte { return refusal("bad_data", message) },
			ErrorInSuccess: func(message string) []byte { return refusal("bad_data", message) },
			Endless: func() (head, piece []byte) {
				return []byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[`), []byte(`[1767323000,"1"],`)
			},
			Credentials: []providertest.Credential{
				{
					Name: "bearer",
					Set:  func(s *metrics.Settings, v metrics.Secret) { s.Bearer = v },
					Sent: func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") },
				},
				{
					Name: "basic",
					Set:  func(s *metrics.Settings, v metrics.Secret) { s.BasicUser, s.BasicPassword = "user", v },
					Sent: func(r *http.Request) string { _, password, _ := r.BasicAuth(); return password },
				},
				{
					Name: "header",
					Set: func(s *metrics.Settings, v metrics.Secret) {
						s.Headers = map[string]metrics.Secret{"x-scope-orgid": v}
					},
					Sent: func(r *http.Request) string { return r.Header.Get("X-Scope-Orgid") },
				},
			},
		},
		Templates: templates,
	})
}

// stream is a series as Prometheus writes it.
type stream struct {
	Metric     map[string]string `json:"metric"`
	Values     [][2]any          `json:"values,omitempty"`
	Histograms []any             `json:"histograms,omitempty"`
}

func matrix(series []metrics.Series) []stream {
	out := []stream{}
	for _, s := range series {
		one := stream{Metric: s.Labels}
		for _, p := range s.Points {
			one.Values = append(one.Values, [2]any{float64(p.Time.UnixMilli()) / 1000, number(p.Value)})
		}
		for _, p := range s.Histograms {
			one.Histograms = append(one.Histograms, [2]any{float64(p.Time.UnixMilli()) / 1000, histogram(p.Histogram)})
		}
		out = append(out, one)
	}
	return out
}

// histogram writes h as Prometheus does: buckets without observations are left
// out, counts are strings.
func histogram(h metrics.Histogram) map[string]any {
	total := 0.0
	buckets := [][4]any{}
	for i, c := range h.Counts {
		total += c
		if c > 0 {
			buckets = append(buckets, [4]any{0, number(h.Bounds[i]), number(h.Bounds[i+1]), number(c)})
		}
	}
	return map[string]any{"count": number(total), "sum": "1", "buckets": buckets}
}

func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func encode(result any, warnings ...string) []byte {
	return mustJSON(map[string]any{"status": "success", "warnings": warnings, "data": map[string]any{"resultType": "matrix", "result": result}})
}

func refusal(kind, message string) []byte {
	return mustJSON(map[string]any{"status": "error", "errorType": kind, "error": message})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("prometheus: ", err))
	}
	return b
}
