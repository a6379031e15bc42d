package kayenta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const standaloneText = `{"scopes":[{"scopeName":"default","controlScope":"a","controlLocation":"r","controlOffsetInMinutes":10,"experimentScope":"b","experimentLocation":"r",` +
	`"startTimeIso":"2024-01-01T00:00:00Z","endTimeIso":"2024-01-01T01:00:00Z","step":30,"extendedScopeParams":{"x":"y"}}],"thresholds":{"pass":95.0,"marginal":75.0},` +
	`"lifetimeDurationMins":5,"beginAfterMins":3,"lookbackMins":0,"analysisIntervalMins":20,"siteLocal":{"a":1}}`

func mustStandalone(t testing.TB, text string) *StandaloneRequest {
	t.Helper()
	r, err := DecodeStandaloneRequest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestStandaloneRequestRoundTrip(t *testing.T) {
	if got := plainJSON(t, mustStandalone(t, standaloneText)); got != standaloneText {
		t.Errorf("got  %s\nwant %s", got, standaloneText)
	}
	// As kayentactl writes it.
	r := mustStandalone(t, `{"scopes":[{"controlScope":"a","scopeName":"","startTimeIso":"","step":null,"extendedScopeParams":null}],"thresholds":{"pass":"95","marginal":"75"},"lifetimeDurationMins":"5","application":"x"}`)
	const want = `{"scopes":[{"scopeName":"default","controlScope":"a","controlOffsetInMinutes":0,"step":60}],"thresholds":{"pass":95.0,"marginal":75.0},"lifetimeDurationMins":5,"beginAfterMins":0,"lookbackMins":0}`
	if got := plainJSON(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for text, want := range map[string]string{
		`{"scopes":{}}`:                              "scopes is an object, want a list",
		`{"scopes":[{"startTimeIso":"now"}]}`:        `scopes[0].startTimeIso is the string "now"`,
		`{"scopes":[{"controlOffsetInMinutes":-1}]}`: "controlOffsetInMinutes is -1",
		`{"beginAfterMins":-1}`:                      "beginAfterMins is -1",
		`{"lifetimeDurationMins":1e9}`:               "lifetimeDurationMins is 1e+09",
	} {
		if _, err := DecodeStandaloneRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Malformed) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

// TestPlanStandalone: each judgment as "wait start end", in minutes; start and
// end count from midnight, when the request arrives.
func TestPlanStandalone(t *testing.T) {
	request := func(scope, rest string) string {
		return `{"scopes":[{"controlOffsetInMinutes":10` + scope + `},{"scopeName":"other","startTimeIso":"2020-01-01T00:00:00Z","step":1}],"thresholds":{"pass":95,"marginal":75}` + rest + `}`
	}
	const start, end = `,"startTimeIso":"2023-12-31T23:00:00Z"`, `,"endTimeIso":"2023-12-31T23:31:59Z"`
	for _, c := range []struct {
		scope, rest string
		warmup      int
		want        string
	}{
		{``, `,"lifetimeDurationMins":30`, 0, "30 0 30"},
		{``, `,"lifetimeDurationMins":30,"analysisIntervalMins":0`, 0, "30 0 30"},
		{``, `,"lifetimeDurationMins":30,"analysisIntervalMins":60`, 0, "30 0 30"},
		{``, `,"lifetimeDurationMins":30,"analysisIntervalMins":10`, 0, "10 0 10, 10 0 20, 10 0 30"},
		{``, `,"lifetimeDurationMins":35,"analysisIntervalMins":10,"beginAfterMins":5`, 5, "10 5 15, 10 5 25, 10 5 35"},
		{``, `,"lifetimeDurationMins":30,"analysisIntervalMins":10,"lookbackMins":15`, 0, "10 -5 10, 10 5 20, 10 15 30"},
		{start, `,"lifetimeDurationMins":20,"analysisIntervalMins":10,"beginAfterMins":5`, 5, "10 -55 -45, 10 -55 -35"},
		{start + end, `,"lifetimeDurationMins":99,"analysisIntervalMins":10`, 0, "0 -60 -50, 0 -60 -40, 0 -60 -30"},
		{start + end, `,"analysisIntervalMins":20,"lookbackMins":5,"beginAfterMins":7`, 7, "0 -45 -40"},
		{`,"endTimeIso":"2024-01-01T00:10:00Z"`, ``, 0, "0 0 10"},
	} {
		plan, err := PlanStandalone(mustStandalone(t, request(c.scope, c.rest)), midnight)
		if err != nil {
			t.Errorf("%s%s: %v", c.scope, c.rest, err)
			continue
		}
		minutes := func(t time.Time) string { return fmt.Sprint(t.Sub(midnight).Minutes()) }
		got := []string{}
		for i, j := range plan.Judgments {
			got = append(got, fmt.Sprint(j.Wait.Minutes(), " ", minutes(j.Start), " ", minutes(j.End)))
			scopes := plan.Request(i).Scopes
			control, experiment := scopes["default"].ControlScope, scopes["default"].ExperimentScope
			if !experiment.Start.Equal(j.Start) || !experiment.End.Equal(j.End) || !control.Start.Equal(j.Start.Add(-10*time.Minute)) || !control.End.Equal(j.End.Add(-10*time.Minute)) {
				t.Errorf("%s%s: judgment %d: %+v, %+v", c.scope, c.rest, i, control, experiment)
			}
			// The first scope's times hold for all, the offset does not.
			if other := scopes["other"].ControlScope; !other.Start.Equal(j.Start) || other.Step != 60 {
				t.Errorf("%s%s: judgment %d: other scope %+v", c.scope, c.rest, i, other)
			}
		}
		if got := strings.Join(got, ", "); got != c.want || plan.Warmup != time.Duration(c.warmup)*time.Minute {
			t.Errorf("%s%s: %s after %v, want %s", c.scope, c.rest, got, plan.Warmup, c.want)
		}
	}
	for text, want := range map[string]string{
		`{"thresholds":{"pass":1,"marginal":0},"lifetimeDurationMins":1}`: "at least one scope",
		`{"scopes":[{}],"lifetimeDurationMins":1}`:                        "must contain thresholds",
		request(``, ``):                                                       "must include either",
		request(``, `,"lifetimeDurationMins":0`):                              "at least a minute",
		request(start+`,"endTimeIso":"2023-12-31T23:00:59Z"`, ``):             "this one lasts 0",
		request(start+`,"endTimeIso":"2023-12-31T22:00:00Z"`, ``):             "this one lasts -60",
		request(``, `,"lifetimeDurationMins":10081,"analysisIntervalMins":1`): "would make 10081 of them",
	} {
		if plan, err := PlanStandalone(mustStandalone(t, text), midnight); err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Invalid) {
			t.Errorf("%s: %+v (%v), want an error with %q", text, plan, err, want)
		}
	}
}

func TestStages(t *testing.T) {
	plan, err := PlanStandalone(mustStandalone(t, `{"scopes":[{}],"thresholds":{"pass":1,"marginal":0},"lifetimeDurationMins":2,"analysisIntervalMins":1,"beginAfterMins":1}`), midnight)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, s := range plan.Stages() {
		names = append(names, s.Type+" "+s.Name)
	}
	want := []string{"wait Warmup Wait", "wait Interval Wait #1", "runCanary Run Canary #1", "wait Interval Wait #2", "runCanary Run Canary #2"}
	if got := names[1 : len(names)-1]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := plainJSON(t, plan.Stages()[1]); got != `{"type":"wait","name":"Warmup Wait","status":"NOT_STARTED"}` {
		t.Error(got)
	}
}

func TestConclude(t *testing.T) {
	num := func(v float64) *float64 { return &v }
	both := Thresholds{num(95), num(75)}
	for _, c := range []struct {
		thresholds Thresholds
		scores     []Double
		passed     bool
		message    string
	}{
		{both, []Double{10, 95}, true, "Final canary score 95.0 met or exceeded the pass score threshold."},
		{both, []Double{100, 94.99}, false, "Final canary score 94.99 is below the pass score threshold."},
		{both, []Double{75}, false, "Final canary score 75.0 is not above the marginal score threshold."},
		{both, []Double{75.01}, false, "Final canary score 75.01 is below the pass score threshold."},
		{both, nil, false, "There is no final canary score: no judgment of the analysis succeeded."},
		{Thresholds{}, []Double{0}, true, "No score thresholds were specified."},
		{Thresholds{Marginal: num(75)}, []Double{76}, true, "No pass score threshold was specified."},
		{Thresholds{Pass: num(95)}, []Double{94}, false, "Final canary score 94.0 is below the pass score threshold."},
		{Thresholds{num(0), num(0)}, []Double{0}, false, "Final canary score 0.0 is not above the marginal score threshold."},
	} {
		passed, message := c.thresholds.Conclude(c.scores)
		if passed != c.passed || message != c.message {
			t.Errorf("%v: %v %s, want %v %s", c.scores, passed, message, c.passed, c.message)
		}
	}
	if !both.EndsAnalysis(75) || both.EndsAnalysis(75.01) || (&Thresholds{}).EndsAnalysis(0) {
		t.Error("an analysis ends at marginal, not above, and never without")
	}
}

func TestWarnings(t *testing.T) {
	judged := func(n int) *Result {
		values := make([]float64, n)
		pass, marginal := 95.0, 75.0
		r, err := Judge(mustConfig(t, `{"classifier":{},"metrics":[{"name":"m","groups":[]}]}`), &Thresholds{&pass, &marginal},
			[]MetricSetPair{{Pair: Pair{Name: "m", Control: values, Experiment: []float64{1}}}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for n, want := range map[int]int{1: 1, 49: 1, 50: 0} {
		if got := judged(n).Warnings(prometheusStore); len(got) != want {
			t.Errorf("%d points: %q", n, got)
		}
	}
	if got := judged(1).Warnings(datadogStore); len(got) != 0 {
		t.Errorf("Datadog: %q", got)
	}
}

func TestStandaloneStatus(t *testing.T) {
	score := 95.0
	s := StandaloneStatus{
		Application: "shop", User: "anonymous", PipelineID: "1", Status: Terminal,
		StageStatus: []StageMetadata{{Type: "runCanary", Name: "Run Canary #1", Status: OrcaStatus(FailedContinue), ExecutionID: "2"}},
		CanaryAnalysisExecutionResult: &StandaloneResult{
			CanaryScores: []Double{Double(score), 0},
			CanaryExecutionResults: []CanaryExecutionResult{{
				ExecutionID: "2", ExecutionStatus: OrcaStatus(Succeeded), Warnings: []string{},
				Result: &CanaryResult{JudgeResult: json.RawMessage(`{"score":{"score":95.0}}`)},
				Times:  NewTimes(time.UnixMilli(1), time.Time{}, time.Time{}),
			}},
		},
		CanaryAnalysisExecutionRequest: mustStandalone(t, standaloneText),
		CanaryConfig:                   mustConfig(t, stored),
		Times:                          NewTimes(midnight, midnight.Add(time.Millisecond), time.Time{}),
	}
	want := `{"application":"shop","user":"anonymous","pipelineId":"1","stageStatus":[{"type":"runCanary","name":"Run Canary #1","status":"FAILED_CONTINUE","executionId":"2"}],` +
		`"complete":true,"executionStatus":"TERMINAL","status":"terminal","canaryAnalysisExecutionResult":{"didPassThresholds":false,"hasWarnings":false,"canaryScoreMessage":"","canaryScores":[95.0,0.0],` +
		`"canaryExecutionResults":[{"executionId":"2","executionStatus":"SUCCEEDED","result":{"judgeResult":{"score":{"score":95.0}}},"warnings":[],"buildTimeMillis":1,"buildTimeIso":"1970-01-01T00:00:00.001Z"}]},` +
		`"canaryAnalysisExecutionRequest":` + standaloneText + `,"canaryConfig":` + stored +
		`,"buildTimeMillis":1704067200000,"buildTimeIso":"2024-01-01T00:00:00Z","startTimeMillis":1704067200001,"startTimeIso":"2024-01-01T00:00:00.001Z"}`
	text := plainJSON(t, &s)
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var again StandaloneStatus
	if err := json.Unmarshal([]byte(text), &again); err != nil || plainJSON(t, &again) != text {
		t.Errorf("%v\ngot  %s\nwant %s", err, plainJSON(t, &again), text)
	}
}
