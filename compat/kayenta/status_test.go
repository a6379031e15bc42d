package kayenta

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCanaryStatus(t *testing.T) {
	r, err := judgeText(simple(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	request := mustRequest(t, executionText)
	s := CanaryStatus{
		Application: "shop", PipelineID: "1", StageStatus: map[string]Status{"judge": Succeeded}, Status: Succeeded, Result: NewCanaryResult(r, request),
		Config: mustConfig(t, stored), CanaryConfigID: "c-1", CanaryExecutionRequest: request, MetricSetPairListID: "2",
		Times: NewTimes(midnight, midnight.Add(time.Second), midnight.Add(time.Minute)), StorageAccountName: "st", MetricsAccountName: "me", ConfigurationAccountName: "co",
		ParentPipelineExecutionID: "0",
	}
	want := `{"application":"shop","parentPipelineExecutionId":"0","pipelineId":"1","stageStatus":{"judge":"succeeded"},"complete":true,"status":"succeeded",` +
		`"result":{"judgeResult":` + string(r.AppendJSON(nil)) + `,"canaryDuration":"PT1H30M"},"config":` + stored + `,"canaryConfigId":"c-1","canaryExecutionRequest":` + executionText +
		`,"metricSetPairListId":"2","buildTimeMillis":1704067200000,"buildTimeIso":"2024-01-01T00:00:00Z","startTimeMillis":1704067201000,"startTimeIso":"2024-01-01T00:00:01Z",` +
		`"endTimeMillis":1704067260000,"endTimeIso":"2024-01-01T00:01:00Z","storageAccountName":"st","metricsAccountName":"me","configurationAccountName":"co"}`
	text := plainJSON(t, &s)
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var again CanaryStatus
	if err := json.Unmarshal([]byte(text), &again); err != nil || plainJSON(t, &again) != text {
		t.Errorf("%v\ngot  %s\nwant %s", err, plainJSON(t, &again), text)
	}

	failed := CanaryStatus{PipelineID: "1", StageStatus: map[string]Status{}, Status: Running, Exception: NewException("fetchControl0", errors.New("no such host"), midnight)}
	const wantFailed = `{"application":"","pipelineId":"1","stageStatus":{},"complete":false,"status":"running","exception":{"exceptionType":"RuntimeException","operation":"fetchControl0",` +
		`"timestamp":1704067200000,"shouldRetry":false,"details":{"error":"Unexpected Task Failure","errors":["no such host"]}}}`
	if got := plainJSON(t, &failed); got != wantFailed {
		t.Errorf("got  %s\nwant %s", got, wantFailed)
	}
}

func TestStatus(t *testing.T) {
	complete := []Status{}
	for _, s := range statuses {
		if parsed, err := ParseStatus(" " + strings.ToUpper(string(s))); err != nil || parsed != s {
			t.Errorf("%s: %s (%v)", s, parsed, err)
		}
		if s.Complete() {
			complete = append(complete, s)
		}
	}
	if want := []Status{Succeeded, Terminal, Canceled, Stopped, Skipped, FailedContinue}; !slices.Equal(complete, want) {
		t.Errorf("complete are %v, want %v", complete, want)
	}
	if _, err := ParseStatus("done"); err == nil || !hasKind(err, Invalid) || !strings.Contains(err.Error(), "only not_started, running,") {
		t.Error(err)
	}
}

func TestCanaryStages(t *testing.T) {
	want := []string{"setupContext", "fetchControl0", "fetchExperiment0", "fetchControl1", "fetchExperiment1", "mixMetrics", "judge"}
	if got := CanaryStages(2); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestTimes: the forms of java.time.
func TestTimes(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2024-01-01T00:00:00Z":           midnight,
		"2024-01-01T00:00:00.120Z":       midnight.Add(120 * time.Millisecond),
		"2024-01-01T00:00:00.000120Z":    midnight.Add(120 * time.Microsecond),
		"2024-01-01T00:00:00.000000001Z": midnight.Add(1),
	} {
		if got := instant(at.In(time.FixedZone("", 3600))); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if back, err := parseInstant(want); err != nil || !back.Equal(at) {
			t.Errorf("%s is %v (%v)", want, back, err)
		}
	}
	for want, d := range map[string]time.Duration{
		"PT0S": 0, "PT1H": time.Hour, "PT90H1S": 90*time.Hour + time.Second, "PT1M0.5S": time.Minute + 500*time.Millisecond, "PT-1H-1M": -61 * time.Minute,
	} {
		if got := isoDuration(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
