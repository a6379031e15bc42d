package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/kayenta/rest"
)

func TestConfigs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	text := config("checkout", "latency")
	id := w.config(t, text)
	got := w.ok(t, http.StatusOK, http.MethodGet, "/canaryConfig/"+id+"?configurationAccountName=gcs", "")
	if at(got, "name") != "checkout" || at(got, "id") != id || at(got, "metrics", 0, "query", "customInlineTemplate") != `PromQL:latency{version="${scope}"}` ||
		at(got, "classifier", "groupWeights", "all") != 100.0 || at(got, "updatedTimestampIso") != "2026-03-02T10:00:00Z" {
		t.Errorf("%v", got)
	}
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryConfig", text, "checkout", "already exists")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryConfig", strings.Replace(text, `"name":"checkout"`, `"id":"`+id+`","name":"other"`, 1), "Canary config '"+id+"' already exists.")
	w.config(t, strings.Replace(config("checkout", "latency"), `["shop"]`, `["search"]`, 1)) // the same name, another application
	w.set(w.now().Add(time.Minute))
	w.ok(t, http.StatusOK, http.MethodPut, "/canaryConfig/"+id, strings.Replace(text, `"description":"d"`, `"description":"e"`, 1))
	if got := w.ok(t, http.StatusOK, http.MethodGet, "/canaryConfig/"+id, ""); at(got, "description") != "e" || at(got, "updatedTimestampIso") != "2026-03-02T10:01:00Z" {
		t.Errorf("%v", got)
	}
	list := w.ok(t, http.StatusOK, http.MethodGet, "/canaryConfig?application=shop&configurationAccountName=judged", "")
	if l, _ := list.([]any); len(l) != 1 || at(list, 0, "name") != "checkout" || at(list, 0, "id") != id || at(list, 0, "updatedTimestamp") != 1772445660000.0 || at(list, 0, "applications", 0) != "shop" {
		t.Errorf("%v", list)
	}
	if l, _ := w.ok(t, http.StatusOK, http.MethodGet, "/canaryConfig", "").([]any); len(l) != 2 {
		t.Errorf("%v", l)
	}
	w.refused(t, http.StatusBadRequest, http.MethodGet, "/canaryConfig?configurationAccountName=s3", "", "Unable to resolve account s3.", "gcs or judged")
	w.refused(t, http.StatusNotFound, http.MethodGet, "/canaryConfig/none", "", "none")
	w.refused(t, http.StatusBadRequest, http.MethodPut, "/canaryConfig/none", text, "Canary config 'none' does not exist.")
	w.refused(t, http.StatusBadRequest, http.MethodDelete, "/canaryConfig/none", "", "does not exist")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryConfig", `{"name":"a b","applications":["x"]}`, "a b")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryConfig", `{"metrics":[{"query":{"type":"carbon"}}]}`, "carbon")
	w.ok(t, http.StatusNoContent, http.MethodDelete, "/canaryConfig/"+id, "")
	w.refused(t, http.StatusNotFound, http.MethodGet, "/canaryConfig/"+id, "", id)
}

func TestCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	start := func(experiment string) any {
		answer := w.ok(t, http.StatusOK, http.MethodPost, "/canary/"+config+"?application=shop&metricsAccountName=prod&storageAccountName=gcs&configurationAccountName=gcs&parentPipelineExecutionId=p1",
			request("v1", experiment, 60))
		return w.until(t, fmt.Sprint("/canary/", at(answer, "canaryExecutionId"), "?storageAccountName=gcs"), complete)
	}
	good, bad := start("v2"), start("v2-slow")
	// What Orca and Argo Rollouts read.
	for name, c := range map[string]struct {
		got                    any
		score                  float64
		classification, reason string
	}{"good": {good, 100, "Pass", ""}, "bad": {bad, 0, "Fail", "Canary Failed: The metric latency was classified as High (Critical)"}} {
		result := at(c.got, "result", "judgeResult")
		if at(c.got, "status") != "succeeded" || at(c.got, "application") != "shop" || at(c.got, "parentPipelineExecutionId") != "p1" || at(result, "score", "score") != c.score ||
			at(result, "score", "classification") != c.classification || at(result, "score", "classificationReason") != c.reason {
			t.Errorf("%s: %v", name, c.got)
		}
		if n := at(result, "results", 0, "controlMetadata", "stats", "count"); n != 61.0 { // both ends
			t.Errorf("%s: %v points", name, n)
		}
		if at(c.got, "canaryConfigId") != config || at(c.got, "result", "canaryDuration") != "PT1H" || at(c.got, "stageStatus", "fetchExperiment0") != "succeeded" ||
			at(c.got, "stageStatus", "judge") != "succeeded" || at(c.got, "canaryExecutionRequest", "thresholds", "marginal") != 75.0 || at(c.got, "storageAccountName") != "gcs" ||
			at(c.got, "metricsAccountName") != "prod" || at(c.got, "config", "name") != "checkout" {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	pairs := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/metricSetPairList/", at(bad, "metricSetPairListId"), "?accountName=gcs"), "")
	if values, _ := at(pairs, 0, "values", "control").([]any); len(values) != 61 || at(pairs, 0, "name") != "latency" ||
		at(pairs, 0, "attributes", "experiment", "query") != `latency{version="v2-slow"}` || at(pairs, 0, "scopes", "control", "startTimeIso") != "2026-03-01T10:00:00Z" {
		t.Errorf("%v", pairs)
	}
	one := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/metricSetPairList/", at(bad, "metricSetPairListId"), "/", at(pairs, 0, "id")), "")
	if at(one, "id") != at(pairs, 0, "id") {
		t.Errorf("%v", one)
	}
	list := w.ok(t, http.StatusOK, http.MethodGet, "/canary/executions?application=shop&limit=1&page=2&statuses=succeeded,TERMINAL", "")
	if l, _ := list.([]any); len(l) != 1 || at(list, 0, "pipelineId") != at(good, "pipelineId") {
		t.Errorf("%v", list)
	}
	archive := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/canaryResultArchive/", at(good, "pipelineId")), "")
	if at(archive, "result", "judgeResult", "score", "score") != 100.0 {
		t.Errorf("%v", archive)
	}
	w.refused(t, http.StatusNotFound, http.MethodGet, "/canary/none", "", "none")
	w.prom.mu.Lock()
	defer w.prom.mu.Unlock()
	if !slices.ContainsFunc(w.prom.queries, func(q string) bool {
		return strings.HasPrefix(q, `latency{version="v1"} from 1772359200`) && strings.Contains(q, "to 1772362800") && strings.HasSuffix(q, "step 60")
	}) {
		t.Errorf("asked %q", w.prom.queries)
	}
}

func TestAdHocCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	body := func(config string) string {
		return `{"canaryConfig":` + config + `,"executionRequest":` + request("v1", "v2-slow", 30) + `}`
	}
	ours := strings.Replace(config("checkout", "latency"), "NetflixACAJudge-v1.0", "judged-v1.0", 1)
	for name, want := range map[string]struct {
		config string
		score  float64
	}{"kayenta": {config("checkout", "latency"), 0}, "ours": {ours, 0}, "ours, fine": {strings.Replace(ours, `\"${scope}\"`, `\"${scope:-x}\",a=\"b\"`, 1), 0}} {
		id := at(w.ok(t, http.StatusOK, http.MethodPost, "/canary", body(want.config)), "canaryExecutionId")
		got := w.until(t, fmt.Sprint("/canary/", id), complete)
		if at(got, "result", "judgeResult", "score", "score") != want.score || at(got, "canaryConfigId") != "ad-hoc" || at(got, "application") != "ad-hoc" {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, c := range map[string]struct{ body, want string }{
		"judge":     {body(strings.Replace(config("c", "m"), "NetflixACAJudge-v1.0", "dredd-v1.0", 1)), "Unable to resolve canary judge 'dredd-v1.0'."},
		"scopes":    {strings.Replace(body(config("c", "m")), `{"default":{"controlScope"`, `{"other":{"controlScope"`, 1), "scopes which were not provided in the execution request: [default]"},
		"no config": {`{"executionRequest":` + request("a", "b", 3) + `}`, "canaryConfig must be provided"},
		"thresholds": {
			strings.Replace(body(config("c", "m")), `"thresholds":{"pass":90,"marginal":"75"},`, "", 1),
			"Execution request must contain thresholds",
		},
		"injection": {strings.Replace(body(config("c", "m")), `"scope":"v2-slow"`, `"scope":"x\"} or secret{a=\""`, 1), "would change the query"},
		"store":     {strings.Replace(body(config("c", "m")), `"type":"prometheus","serviceType":"prometheus"`, `"type":"atlas","q":"x"`, 1), "atlas"},
		"options":   {body(strings.Replace(ours, `"canary":{`, `"judged":{"kind":"odd"},"canary":{`, 1)), `kind is "odd"`},
		"garbage":   {"{", "cannot read the request's body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.refused(t, http.StatusBadRequest, http.MethodPost, "/canary", c.body, c.want)
		})
	}
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canary?metricsAccountName=none", body(config("c", "m")), "Unable to resolve account none.")
}

// A source that is down for a while is asked again; one that refuses ends the
// execution.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.prom.status = http.StatusBadRequest
	body := `{"canaryConfig":` + config("checkout", "latency") + `,"executionRequest":` + request("v1", "v2", 30) + `}`
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/canary", body), "canaryExecutionId")
	got := w.until(t, fmt.Sprint("/canary/", id), complete)
	if at(got, "status") != "terminal" || at(got, "result") != nil || at(got, "exception", "operation") != "fetchControl0" ||
		at(got, "stageStatus", "fetchControl0") != "terminal" || at(got, "stageStatus", "judge") != "not_started" ||
		!strings.Contains(fmt.Sprint(at(got, "exception", "details", "errors")), "metric 'latency'") {
		t.Errorf("%v", got)
	}
}

func standaloneRequest(experiment string, more string) string {
	return `{"scopes":[{"controlScope":"v1","controlLocation":"eu","experimentScope":"` + experiment + `","experimentLocation":"eu","step":60` + more + `}],
		"thresholds":{"pass":"90","marginal":"75"},"lifetimeDurationMins":60,"analysisIntervalMins":20,"beginAfterMins":5,"lookbackMins":20}`
}

// A live standalone analysis judges as its clock goes on, whichever process is
// there.
func TestStandalone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	w.prom.value = func(query string, at time.Time) float64 { // it gets worse in the second interval
		if strings.Contains(query, "worse") && at.After(begin.Add(24*time.Hour+26*time.Minute)) {
			return 1000 + waves(query, at)
		}
		return waves(query, at)
	}
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/standalone_canary_analysis/"+config+"?user=jane&application=shop", standaloneRequest("worse", "")), "canaryAnalysisExecutionId")
	path := fmt.Sprint("/standalone_canary_analysis/", id)
	first := w.ok(t, http.StatusOK, http.MethodGet, path, "")
	if complete(first) || at(first, "status") != "running" || at(first, "executionStatus") != "RUNNING" || at(first, "user") != "jane" || at(first, "stageStatus", 1, "name") != "Warmup Wait" ||
		at(first, "stageStatus", 1, "status") != "RUNNING" || at(first, "stageStatus", 3, "name") != "Run Canary #1" || at(first, "stageStatus", 3, "status") != "NOT_STARTED" {
		t.Errorf("%v", first)
	}
	w.set(begin.Add(24*time.Hour + 25*time.Minute))
	w.until(t, path, func(v any) bool { return at(v, "stageStatus", 3, "status") == "SUCCEEDED" })
	w.set(begin.Add(24*time.Hour + 45*time.Minute))
	last := w.until(t, path, complete)
	result := at(last, "canaryAnalysisExecutionResult")
	scores, _ := at(result, "canaryScores").([]any)
	if at(last, "status") != "terminal" || at(result, "didPassThresholds") != false || len(scores) != 2 || scores[0] != 100.0 || scores[1] != 0.0 || at(result, "hasWarnings") != true ||
		at(result, "canaryScoreMessage") != "Final canary score 0.0 is not above the marginal score threshold." {
		t.Errorf("%v", last)
	}
	child := at(result, "canaryExecutionResults", 1)
	if at(child, "result", "judgeResult", "score", "score") != 0.0 || at(child, "executionStatus") != "SUCCEEDED" || at(child, "judgementEndTimeIso") != "2026-03-02T10:45:00Z" ||
		at(child, "judgementStartTimeIso") != "2026-03-02T10:25:00Z" {
		t.Errorf("%v", child)
	}
	if got := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/canary/", at(child, "executionId")), ""); at(got, "parentPipelineExecutionId") != id {
		t.Errorf("%v", got)
	}
	if at(last, "stageStatus", 5, "name") != "Run Canary #2" || at(last, "stageStatus", 5, "status") != "TERMINAL" || at(last, "stageStatus", 7, "status") != "NOT_STARTED" {
		t.Errorf("%v", at(last, "stageStatus"))
	}
}

// One with an end looks back at once.
func TestStandaloneRetrospective(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	span := `,"startTimeIso":"2026-03-01T10:00:00Z","endTimeIso":"2026-03-01T12:00:00Z"`
	body := `{"canaryConfig":` + config("checkout", "latency") + `,"executionRequest":` + strings.Replace(standaloneRequest("v2", span), `"beginAfterMins":5`, `"beginAfterMins":0`, 1) + `}`
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/standalone_canary_analysis", body), "canaryAnalysisExecutionId")
	last := w.until(t, fmt.Sprint("/standalone_canary_analysis/", id), complete)
	result := at(last, "canaryAnalysisExecutionResult")
	if scores, _ := at(result, "canaryScores").([]any); at(last, "status") != "succeeded" || at(result, "didPassThresholds") != true || len(scores) != 6 ||
		at(result, "canaryScoreMessage") != "Final canary score 100.0 met or exceeded the pass score threshold." {
		t.Errorf("%v", result)
	}
}

// kayentactl's command line sends a step of 0.
func TestStandaloneWithoutStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	request := strings.Replace(standaloneRequest("v2", `,"startTimeIso":"2026-03-01T10:00:00Z","endTimeIso":"2026-03-01T11:00:00Z"`), `"step":60`, `"step":0`, 1)
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/standalone_canary_analysis/"+config, request), "canaryAnalysisExecutionId")
	w.set(begin.Add(24*time.Hour + 5*time.Minute)) // when the warm-up is over
	last := w.until(t, fmt.Sprint("/standalone_canary_analysis/", id), complete)
	if at(last, "status") != "succeeded" || at(last, "canaryAnalysisExecutionRequest", "scopes", 0, "step") != 60.0 {
		t.Errorf("%v", last)
	}
}

// Orca repeats a POST that is answered with 503, and no other.
func TestTooManyExecutions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *rest.Options) { o.Live = 1 })
	config := w.config(t, config("checkout", "latency"))
	w.ok(t, http.StatusOK, http.MethodPost, "/standalone_canary_analysis/"+config, standaloneRequest("v2", ""))
	w.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/standalone_canary_analysis/"+config, standaloneRequest("v2", ""), "1 executions are running")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/standalone_canary_analysis/"+config, standaloneRequest("v2", "")), "canaryAnalysisExecutionId")
	if running := w.ok(t, http.StatusOK, http.MethodGet, "/pipelines", ""); at(running, 0, "id") != id || at(running, 0, "status") != "RUNNING" {
		t.Errorf("%v", running)
	}
	w.refused(t, http.StatusUnauthorized, http.MethodDelete, fmt.Sprint("/pipelines/", id), "", "cancel it first")
	w.ok(t, http.StatusAccepted, http.MethodPut, fmt.Sprintf("/pipelines/%s/cancel", id), `""`)
	got := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/standalone_canary_analysis/", id), "")
	if at(got, "status") != "canceled" || !complete(got) || at(got, "canaryAnalysisExecutionResult", "didPassThresholds") != false {
		t.Errorf("%v", got)
	}
	w.ok(t, http.StatusAccepted, http.MethodPut, fmt.Sprintf("/pipelines/%s/cancel", id), "") // again changes nothing
	w.set(begin.Add(48 * time.Hour))
	time.Sleep(600 * time.Millisecond) // two polls of the worker
	if got := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/pipelines/", id), ""); at(got, "status") != "CANCELED" {
		t.Errorf("%v", got)
	}
	w.ok(t, http.StatusNoContent, http.MethodDelete, fmt.Sprint("/pipelines/", id), "")
	w.refused(t, http.StatusNotFound, http.MethodGet, fmt.Sprint("/pipelines/", id), "", fmt.Sprint(id))
	w.refused(t, http.StatusNotFound, http.MethodPut, "/pipelines/none/cancel", "", "none")
}

func TestAccountsAndMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	accounts := w.ok(t, http.StatusOK, http.MethodGet, "/credentials", "")
	if at(accounts, 0, "name") != "prod" || at(accounts, 0, "type") != "prometheus" || at(accounts, 0, "supportedTypes", 0) != "METRICS_STORE" || at(accounts, 1, "name") != "gcs" {
		t.Errorf("%v", accounts)
	}
	if services := w.ok(t, http.StatusOK, http.MethodGet, "/metricsServices/", ""); at(services, 0, "name") != "prod" || at(services, 1) != nil {
		t.Errorf("%v", services)
	}
	if names := w.ok(t, http.StatusOK, http.MethodGet, "/metadata/metricsService?metricsAccountName=prod&filter=REQ", ""); at(names, 0, "name") != "http_requests_total" {
		t.Errorf("%v", names)
	}
	if l, _ := w.ok(t, http.StatusOK, http.MethodGet, "/metadata/metricsService?filter=a%22b", "").([]any); len(l) != 0 {
		t.Errorf("%v", l)
	}
	if judges := w.ok(t, http.StatusOK, http.MethodGet, "/judges", ""); at(judges, 0, "name") != "NetflixACAJudge-v1.0" || at(judges, 1, "name") != rest.JudgeName || at(judges, 1, "visible") != true {
		t.Errorf("%v", judges)
	}
	span := "&start=2026-03-01T10:00:00Z&end=2026-03-01T10:30:00Z&step=60&scope=v1"
	if got := w.ok(t, http.StatusOK, http.MethodPost, "/fetch/prometheus/query?metricName=latency&customFilter=version%3D%22%24%7Bscope%7D%22&dryRun=true"+span, ""); at(got, "query") != `avg(latency{version="v1"})` {
		t.Errorf("%v", got)
	}
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/fetch/prometheus/query?metricSetName=lat&metricName=latency&customFilter=a%3D%22b%22"+span, ""), "metricSetListId")
	sets := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/metricSetList/", id), "")
	if values, _ := at(sets, 0, "values").([]any); len(values) != 31 || at(sets, 0, "name") != "lat" || at(sets, 0, "stepMillis") != 60000.0 {
		t.Errorf("%v", sets)
	}
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/fetch/carbon/query?metricName=latency"+span, "", "carbon")
	w.refused(t, http.StatusNotImplemented, http.MethodDelete, "/credentials/prod", "", "settings")
	w.refused(t, http.StatusNotImplemented, http.MethodPost, "/pipelines/start", "{}", "Orca")
	w.refused(t, http.StatusNotFound, http.MethodGet, "/nothing", "", "/nothing")
	w.refused(t, http.StatusUnsupportedMediaType, http.MethodPost, "/canaryConfig", "", "application/json")
	if got := w.ok(t, http.StatusOK, http.MethodGet, "/health", ""); at(got, "status") != "UP" {
		t.Errorf("%v", got)
	}
	if got := w.ok(t, http.StatusOK, http.MethodPost, "/admin/orca/instance/enabled", `{"enabled":true}`); at(got, "enabled") != true {
		t.Errorf("%v", got)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	set := `[{"name":"m","tags":{"pod":"a"},"startTimeMillis":1772359200000,"endTimeMillis":1772359320000,"stepMillis":60000,"values":[1,"NaN"],"attributes":{"query":"q"}}]`
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/metricSetList?accountName=gcs", set), "metricSetListId")
	if got := w.ok(t, http.StatusOK, http.MethodGet, fmt.Sprint("/metricSetList/", id), ""); at(got, 0, "values", 1) != "NaN" || at(got, 0, "startTimeIso") != "2026-03-01T10:00:00Z" {
		t.Errorf("%v", got)
	}
	if list := w.ok(t, http.StatusOK, http.MethodGet, "/metricSetList", ""); at(list, 0, "id") != id {
		t.Errorf("%v", list)
	}
	w.ok(t, http.StatusNoContent, http.MethodDelete, fmt.Sprint("/metricSetList/", id), "")
	w.refused(t, http.StatusNotFound, http.MethodGet, fmt.Sprint("/metricSetList/", id), "")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/metricSetPairList", `[{"name":"m"}]`)

	w.ok(t, http.StatusOK, http.MethodPost, "/canaryResultArchive?pipelineId=p&storageAccountName=gcs", `{"a":1}`)
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryResultArchive?pipelineId=p", `{"a":1}`, "already exists")
	w.ok(t, http.StatusOK, http.MethodPut, "/canaryResultArchive/p", `{"a":2}`)
	if got := w.ok(t, http.StatusOK, http.MethodGet, "/canary/p", ""); at(got, "a") != 2.0 {
		t.Errorf("%v", got)
	}
	w.refused(t, http.StatusBadRequest, http.MethodPut, "/canaryResultArchive/q", `{"a":2}`, "does not exist")
	w.refused(t, http.StatusBadRequest, http.MethodPost, "/canaryResultArchive?pipelineId=r", `[]`, "JSON object")
}

// What the server's constraints do not allow is not asked.
func TestConstraints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	body := `{"canaryConfig":` + config("checkout", "secret") + `,"executionRequest":`
	w.refused(t, http.StatusForbidden, http.MethodPost, "/canary", body+request("v1", "v2", 30)+"}", errDenied.Error())
	w.refused(t, http.StatusForbidden, http.MethodPost, "/standalone_canary_analysis", body+standaloneRequest("v2", "")+"}", errDenied.Error())
	w.refused(t, http.StatusForbidden, http.MethodPost, "/fetch/prometheus/query?metricName=secret&customFilter=a%3D%22b%22&dryRun=true", "", errDenied.Error())
	w.prom.mu.Lock()
	defer w.prom.mu.Unlock()
	if len(w.prom.queries) > 0 {
		t.Errorf("asked %q", w.prom.queries)
	}
}

// Every route asks whether the caller may.
func TestEveryRouteAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	config := w.config(t, config("checkout", "latency"))
	body := `{"canaryConfig":` + `{"name":"c","applications":["shop"],"metrics":[]}` + `,"executionRequest":` + request("v1", "v2", 30) + `}`
	list := at(w.ok(t, http.StatusOK, http.MethodPost, "/metricSetPairList", "[]"), "metricSetPairListId")
	id := at(w.ok(t, http.StatusOK, http.MethodPost, "/canary/"+config, request("v1", "v2", 30)), "canaryExecutionId")
	w.mu.Lock()
	w.deny = func(rest.Access) bool { return true }
	w.mu.Unlock()
	judge := fmt.Sprintf("?canaryConfigId=%s&metricSetPairListId=%s&passThreshold=90&marginalThreshold=70", config, list)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/canaryConfig", ""},
		{"POST", "/canaryConfig", `{"name":"d","applications":["shop"]}`},
		{"GET", "/canaryConfig/" + config, ""},
		{"PUT", "/canaryConfig/" + config, `{"name":"d","applications":["shop"]}`},
		{"DELETE", "/canaryConfig/" + config, ""},
		{"GET", "/canaryConfig/none", ""},
		{"POST", "/canary/" + config, request("v1", "v2", 30)},
		{"POST", "/canary", strings.Replace(body, `"metrics":[]`, `"metrics":[{"name":"m","groups":[],"scopeName":"default","query":{"type":"prometheus","metricName":"m","customInlineTemplate":"a=1"}}]`, 1)},
		{"GET", fmt.Sprint("/canary/", id), ""},
		{"GET", "/canary/none", ""},
		{"GET", "/canary/executions", ""},
		{"POST", "/standalone_canary_analysis/" + config, standaloneRequest("v2", "")},
		{"GET", "/standalone_canary_analysis/none", ""},
		{"GET", "/pipelines", ""},
		{"GET", fmt.Sprint("/pipelines/", id), ""},
		{"DELETE", fmt.Sprint("/pipelines/", id), ""},
		{"PUT", fmt.Sprintf("/pipelines/%s/cancel", id), ""},
		{"GET", "/judges", ""},
		{"POST", "/judges/judge" + judge, ""},
		{"POST", "/judges/comparison" + judge, ""},
		{"GET", "/judges/comparison/none", ""},
		{"POST", "/judge", "{}"},
		{"GET", "/credentials", ""},
		{"GET", "/metricsServices", ""},
		{"GET", "/metadata/metricsService", ""},
		{"GET", "/metricSetList", ""},
		{"POST", "/metricSetList", "[]"},
		{"GET", "/metricSetList/none", ""},
		{"DELETE", "/metricSetList/none", ""},
		{"GET", "/metricSetPairList", ""},
		{"POST", "/metricSetPairList", "[]"},
		{"GET", fmt.Sprint("/metricSetPairList/", list), ""},
		{"GET", fmt.Sprint("/metricSetPairList/", list, "/x"), ""},
		{"GET", "/canaryResultArchive", ""},
		{"POST", "/canaryResultArchive?pipelineId=x", "{}"},
		{"GET", fmt.Sprint("/canaryResultArchive/", id), ""},
		{"PUT", "/canaryResultArchive/x", "{}"},
		{"POST", "/fetch/prometheus/query?metricName=m&customFilter=a%3D%22b%22", ""},
		{"POST", "/admin/orca/instance/enabled", `{"enabled":true}`},
	} {
		if status, answer := w.call(t, c.method, c.path, c.body); status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, answer)
		}
	}
}
