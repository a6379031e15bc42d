package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRoutes: whatever is sent to whatever path, the answer is JSON; a refusal has a
// message, and only what is not built is the server's fault.
func FuzzRoutes(f *testing.F) {
	w := newWorld(f, nil)
	stored := w.config(f, config("checkout", "latency"))
	ours := strings.Replace(config("checkout", "latency"), "NetflixACAJudge", "judged", 1)
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/canaryConfig", config("other", "m")},
		{"PUT", "/canaryConfig/" + stored, config("checkout", "m")},
		{"GET", "/canaryConfig?application=shop&application=", ""},
		{"POST", "/canary/" + stored + "?application=shop", request("v1", "v2", 5)},
		{"POST", "/canary", `{"canaryConfig":` + ours + `,"executionRequest":` + request("v1", "v2", 5) + `}`},
		{"GET", "/canary/executions?limit=3&page=2&statuses=running,Succeeded", ""},
		{"POST", "/standalone_canary_analysis/" + stored, standaloneRequest("v2", `,"endTimeIso":"2026-03-01T11:00:00Z"`)},
		{"POST", "/judge", `{"canaryConfig":` + ours + `,"scoreThresholds":{"pass":90,"marginal":75},"metricSetPairList":` + pairsOf(3, 2) + `}`},
		{"POST", "/judges/judged-v1.0/judge", `{"canaryConfig":` + ours + `,"scoreThresholds":{"pass":90,"marginal":75},"metricSetPairList":` + pairsOf(3, 2) + `}`},
		{"POST", "/judges/judge?canaryConfigId=" + stored + "&metricSetPairListId=x&passThreshold=1e309&marginalThreshold=NaN", ""},
		{"POST", "/metricSetPairList", pairsOf(3, 2)},
		{"POST", "/metricSetList", `[{"name":"m","tags":{},"startTimeMillis":1,"endTimeMillis":2,"stepMillis":1,"values":["NaN",1]}]`},
		{"POST", "/canaryResultArchive?pipelineId=%00", `{"a":1}`},
		{"POST", "/fetch/prometheus/query?dryRun=true&metricName=m&customFilter=${scope}&scope=v&start=2026-03-01T10:00:00Z&end=2026-03-01T11:00:00Z", ""},
		{"PUT", "/pipelines/none/cancel", `""`},
		{"DELETE", "/pipelines/../canaryConfig", ""},
	} {
		f.Add(c.method, c.target, c.body)
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://judged.test/kayenta/", strings.NewReader(body))
		parsed, err := r.URL.Parse("http://judged.test/kayenta" + target)
		if err != nil || !strings.HasPrefix(parsed.Path, "/kayenta/") {
			return
		}
		r.Method, r.URL = method, parsed
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		w.ServeHTTP(recorder, r)
		status, answer := recorder.Code, recorder.Body.Bytes()
		switch {
		case status == http.StatusNoContent || status >= 300 && status < 400: // the mux cleans paths
			return
		case !json.Valid(answer):
			t.Fatalf("%s %s: %d %q", method, target, status, answer)
		case status >= 500 && status != http.StatusNotImplemented:
			t.Fatalf("%s %s: %d %s", method, target, status, answer)
		case status >= 400 && !strings.Contains(string(answer), `"message":"`):
			t.Fatalf("%s %s: %d %s", method, target, status, answer)
		}
	})
}
