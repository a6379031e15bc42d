package kayenta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status is where an execution is. Kayenta writes it in lower case, or in upper
// case where Orca's own type is written.
type Status string

// The statuses of executions and their stages. A judgment that fails the
// release has Succeeded.
const (
	NotStarted     Status = "not_started"
	Running        Status = "running"
	Succeeded      Status = "succeeded"
	Terminal       Status = "terminal"
	Canceled       Status = "canceled"
	Paused         Status = "paused"
	Suspended      Status = "suspended"
	Stopped        Status = "stopped"
	Skipped        Status = "skipped"
	FailedContinue Status = "failed_continue"
	Buffered       Status = "buffered"
	Redirect       Status = "redirect"
)

var statuses = []Status{NotStarted, Running, Succeeded, Terminal, Canceled, Paused, Suspended, Stopped, Skipped, FailedContinue, Buffered, Redirect}

// ParseStatus reads a status in any case. The error is an *Error of the kind
// Invalid.
func ParseStatus(s string) (Status, error) {
	if status := Status(strings.ToLower(strings.TrimSpace(s))); slices.Contains(statuses, status) {
		return status, nil
	}
	return "", invalid("There is no status '%s', only %s.", shorten(s), strings.ReplaceAll(strings.Trim(fmt.Sprint(statuses), "[]"), " ", ", "))
}

// Complete says whether an execution of this status has ended.
func (s Status) Complete() bool {
	return slices.Contains([]Status{Succeeded, Terminal, Canceled, Stopped, Skipped, FailedContinue}, s)
}

// OrcaStatus is a Status in the places where Orca's own type is written, in
// upper case.
type OrcaStatus Status

// MarshalText implements encoding.TextMarshaler.
func (s OrcaStatus) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s))), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *OrcaStatus) UnmarshalText(text []byte) error {
	*s = OrcaStatus(strings.ToLower(string(text)))
	return nil
}

// Times are when an execution was asked for, began and ended; NewTimes makes
// them.
type Times struct {
	BuildTimeMillis int64  `json:"buildTimeMillis,omitzero"`
	BuildTimeIso    string `json:"buildTimeIso,omitzero"`
	StartTimeMillis int64  `json:"startTimeMillis,omitzero"`
	StartTimeIso    string `json:"startTimeIso,omitzero"`
	EndTimeMillis   int64  `json:"endTimeMillis,omitzero"`
	EndTimeIso      string `json:"endTimeIso,omitzero"`
}

// NewTimes returns times of which the zero ones have not happened yet.
func NewTimes(build, start, end time.Time) Times {
	var t Times
	t.BuildTimeMillis, t.BuildTimeIso = millisAndIso(build)
	t.StartTimeMillis, t.StartTimeIso = millisAndIso(start)
	t.EndTimeMillis, t.EndTimeIso = millisAndIso(end)
	return t
}

// CanaryStatus is what GET /canary/{id} answers about one judgment.
type CanaryStatus struct {
	Application               string `json:"application"`
	ParentPipelineExecutionID string `json:"parentPipelineExecutionId,omitzero"`
	PipelineID                string `json:"pipelineId"`
	// StageStatus has the stages of CanaryStages.
	StageStatus map[string]Status `json:"stageStatus"`
	// Complete follows from Status when it is written.
	Complete               bool              `json:"complete"`
	Status                 Status            `json:"status"`
	Exception              *Exception        `json:"exception,omitzero"`
	Result                 *CanaryResult     `json:"result,omitzero"`
	Config                 *Config           `json:"config,omitzero"`
	CanaryConfigID         string            `json:"canaryConfigId,omitzero"`
	CanaryExecutionRequest *ExecutionRequest `json:"canaryExecutionRequest,omitzero"`
	MetricSetPairListID    string            `json:"metricSetPairListId,omitzero"`
	Times
	StorageAccountName       string `json:"storageAccountName,omitzero"`
	MetricsAccountName       string `json:"metricsAccountName,omitzero"`
	ConfigurationAccountName string `json:"configurationAccountName,omitzero"`
}

// MarshalJSON implements json.Marshaler.
func (s *CanaryStatus) MarshalJSON() ([]byte, error) {
	type fields CanaryStatus
	f := fields(*s)
	f.Complete = s.Status.Complete()
	return json.Marshal(&f)
}

// CanaryStages returns the stages of a judgment of so many metrics, in the
// order of their beginning; the two sides are read side by side.
func CanaryStages(metrics int) []string {
	stages := []string{"setupContext"}
	for i := range metrics {
		stages = append(stages, "fetchControl"+strconv.Itoa(i), "fetchExperiment"+strconv.Itoa(i))
	}
	return append(stages, "mixMetrics", "judge")
}

// CanaryResult is the result of an execution that succeeded.
type CanaryResult struct {
	// JudgeResult is the JSON of a Result.
	JudgeResult json.RawMessage `json:"judgeResult"`
	// CanaryDuration is in ISO form, "" if the scopes differ in length.
	CanaryDuration string `json:"canaryDuration,omitzero"`
}

// NewCanaryResult returns the result of a request.
func NewCanaryResult(r *Result, request *ExecutionRequest) *CanaryResult {
	c := &CanaryResult{JudgeResult: r.AppendJSON(nil)}
	if d, ok := request.Duration(); ok {
		c.CanaryDuration = isoDuration(d)
	}
	return c
}

// Exception says why an execution failed.
type Exception struct {
	ExceptionType string `json:"exceptionType"`
	Operation     string `json:"operation"`
	// Timestamp is in milliseconds since 1970.
	Timestamp   int64            `json:"timestamp"`
	ShouldRetry bool             `json:"shouldRetry"`
	Details     ExceptionDetails `json:"details"`
}

// ExceptionDetails hold the texts that people see.
type ExceptionDetails struct {
	Error  string   `json:"error"`
	Errors []string `json:"errors"`
}

// NewException returns the exception of an operation, one of the stages, that failed with err.
func NewException(operation string, err error, now time.Time) *Exception {
	return &Exception{
		ExceptionType: "RuntimeException",
		Operation:     operation,
		Timestamp:     now.UnixMilli(),
		Details:       ExceptionDetails{Error: "Unexpected Task Failure", Errors: []string{err.Error()}},
	}
}
