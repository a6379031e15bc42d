package rest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
)

// pairsOf are series of n values, the experiment's by a factor higher.
func pairsOf(n int, factor float64) string {
	side := func(factor float64) string {
		values := make([]float64, n)
		for i := range values {
			values[i] = factor * (100 + 5*math.Sin(float64(i)*1.7))
		}
		text, err := json.Marshal(values)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	return `[{"name":"latency","id":"p0","tags":{},"values":{"control":` + side(1) + `,"experiment":` + side(factor) + `},"scopes":{},"attributes":{}}]`
}

// judged's own judge says its verdict by a score that Kayenta's clients read alike:
// Orca fails at marginal and below, Argo Rollouts below it, on whole numbers.
func TestOurJudge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, c := range []struct {
		n              int
		factor         float64
		pass, marginal float64
		score          float64
		label, class   string
	}{
		{120, 1, 90, 75, 100, "Pass", "Pass"},
		{120, 3, 90, 75, 0, "High", "Fail"},
		{120, 0.3, 90, 75, 100, "Pass", "Pass"}, // direction increase
		{2, 1.2, 90, 75, 82, "Nodata", "Marginal"},
		{2, 1.2, 95, 95, 0, "Nodata", "Fail"}, // nothing lies between
		{2, 1.2, 76, 75, 0, "Nodata", "Fail"}, // no whole number does
		{120, 3, 50, 0, -1, "High", "Fail"},   // 0 would be marginal
		{120, 1, 105, 10, 105, "Pass", "Pass"},
		{0, 1, 90, 75, 82, "Nodata", "Marginal"},
	} {
		body := fmt.Sprintf(`{"canaryConfig":%s,"scoreThresholds":{"pass":%v,"marginal":%v},"metricSetPairList":%s}`,
			config("c", "latency"), c.pass, c.marginal, pairsOf(c.n, c.factor))
		got := w.ok(t, http.StatusOK, http.MethodPost, "/judges/judged-v1.0/judge", body)
		if at(got, "judgeName") != "judged-v1.0" || at(got, "score", "score") != c.score || at(got, "score", "classification") != c.class ||
			at(got, "results", 0, "classification") != c.label || at(got, "results", 0, "controlMetadata", "stats", "count") != float64(c.n) {
			t.Errorf("%+v: %v", c, got)
		}
	}
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/none/judge", "{}", "Unable to resolve canary judge 'none'.")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/judged-v1.0/judge", "{}", "canaryConfig")
	odd := strings.Replace(config("c", "latency"), `"canary":{`, `"judged":{"kind":"odd"},"canary":{`, 1)
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/judged-v1.0/judge",
		fmt.Sprintf(`{"canaryConfig":%s,"scoreThresholds":{"pass":90,"marginal":75},"metricSetPairList":%s}`, odd, pairsOf(5, 1)), `kind is "odd"`)
	odd = strings.Replace(config("c", "latency"), `"canary":{`, `"judged":{"margin":0.2,"tolerance":0.1},"canary":{`, 1)
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/judged-v1.0/judge",
		fmt.Sprintf(`{"canaryConfig":%s,"scoreThresholds":{"pass":90,"marginal":75},"metricSetPairList":%s}`, odd, pairsOf(5, 1)), "margin is larger than tolerance")
}

func TestComparison(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	list := at(w.ok(t, http.StatusOK, http.MethodPost, "/metricSetPairList", pairsOf(120, 3)), "metricSetPairListId")
	query := fmt.Sprintf("?canaryConfigId=%s&metricSetPairListId=%s&passThreshold=90&marginalThreshold=75", config, list)
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/judges/comparison"+query+"&overrideCanaryJudge2=judged-v1.0", ""), "canaryExecutionId")
	got := w.until(t, fmt.Sprint("/judges/comparison/", id), complete)
	if at(got, "comparisonResult", "judge1Result", "judgeName") != "NetflixACAJudge-v1.0" || at(got, "comparisonResult", "judge2Result", "judgeName") != "judged-v1.0" ||
		at(got, "comparisonResult", "judge2Result", "results", 0, "classification") != "High" {
		t.Errorf("%v", got)
	}
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/comparison"+query+"&overrideCanaryJudge1=x", "", "Unable to resolve canary judge 'x'.")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/judges/judge?canaryConfigId=x", "", "metricSetPairListId")
}
