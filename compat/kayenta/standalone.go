package kayenta

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// StandaloneRequest asks for several judgments one after the other.
type StandaloneRequest struct {
	// Scopes are those of each judgment. Start, end and step of the first hold
	// for all.
	Scopes     []StandaloneScope `json:"scopes"`
	Thresholds *Thresholds       `json:"thresholds,omitzero"`
	// LifetimeDurationMins is how long all judgments take together, in minutes; it
	// counts only if the first scope has no end.
	LifetimeDurationMins *int64 `json:"lifetimeDurationMins,omitzero"`
	// BeginAfterMins is how long to wait before.
	BeginAfterMins int64 `json:"beginAfterMins"`
	// LookbackMins is how far each judgment looks back, 0 for all the way.
	LookbackMins int64 `json:"lookbackMins"`
	// AnalysisIntervalMins is the time from one judgment to the next.
	AnalysisIntervalMins *int64 `json:"analysisIntervalMins,omitzero"`
	// SiteLocal is the caller's own.
	SiteLocal Object `json:"siteLocal,omitzero"`
}

// StandaloneScope is one named scope of a StandaloneRequest.
type StandaloneScope struct {
	ScopeName       string
	ControlScope    string
	ControlLocation string
	// ControlOffsetInMinutes is by how much earlier the control is looked at.
	ControlOffsetInMinutes int64
	ExperimentScope        string
	ExperimentLocation     string
	// Start and End are the zero time if the request has none.
	Start, End time.Time
	// Step is the resolution in seconds.
	Step                int64
	ExtendedScopeParams map[string]string
}

// StandaloneAdhocRequest is a StandaloneRequest that brings its config.
type StandaloneAdhocRequest struct {
	CanaryConfig     *Config
	ExecutionRequest *StandaloneRequest
}

// DecodeStandaloneRequest reads a request. The error is an *Error of the kind
// Malformed that names the field; see PlanStandalone for the rest.
func DecodeStandaloneRequest(data []byte) (*StandaloneRequest, error) {
	return decode(data, (*parser).standaloneRequest)
}

// DecodeStandaloneAdhocRequest reads a request and its config. The error is an
// *Error of the kind Malformed that names the field, or Invalid if one of both
// is missing.
func DecodeStandaloneAdhocRequest(data []byte) (*StandaloneAdhocRequest, error) {
	c, r, err := decodeAdhoc(data, (*parser).standaloneRequest)
	if err != nil {
		return nil, err
	}
	return &StandaloneAdhocRequest{c, r}, nil
}

// UnmarshalJSON implements json.Unmarshaler like DecodeStandaloneRequest.
func (r *StandaloneRequest) UnmarshalJSON(data []byte) error {
	v, err := DecodeStandaloneRequest(data)
	if err == nil {
		*r = *v
	}
	return err
}

// maxMinutes is ten years.
const maxMinutes = 10 * 366 * 24 * 60

func (p *parser) standaloneRequest() (*StandaloneRequest, error) {
	r := new(StandaloneRequest)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "scopes":
			r.Scopes = nil
			if !p.null() {
				r.Scopes, err = list(p, p.standaloneScope)
			}
		case "thresholds":
			r.Thresholds, err = optional(p, p.thresholds)
		case "lifetimeDurationMins":
			r.LifetimeDurationMins, err = p.integer(0, maxMinutes)
		case "beginAfterMins":
			err = p.integerOr(0, &r.BeginAfterMins, maxMinutes)
		case "lookbackMins":
			err = p.integerOr(0, &r.LookbackMins, maxMinutes)
		case "analysisIntervalMins":
			r.AnalysisIntervalMins, err = p.integer(0, maxMinutes)
		case "siteLocal":
			r.SiteLocal, err = p.freeForm()
		default:
			err = p.skip()
		}
		return err
	})
	return r, err
}

// integerOr reads an integer from 0 on into v, or standard for null.
func (p *parser) integerOr(standard int64, v *int64, highest float64) error {
	i, err := p.integer(0, highest)
	if *v = standard; i != nil {
		*v = *i
	}
	return err
}

// The values that are not given.
const (
	standardScope = "default"
	standardStep  = 60
)

func (p *parser) standaloneScope() (StandaloneScope, error) {
	s := StandaloneScope{ScopeName: standardScope, Step: standardStep}
	err := p.fields(func(name string) (err error) {
		switch name {
		case "scopeName":
			if s.ScopeName, _, err = p.stringValue(); s.ScopeName == "" {
				s.ScopeName = standardScope
			}
		case "controlScope":
			s.ControlScope, _, err = p.stringValue()
		case "controlLocation":
			s.ControlLocation, _, err = p.stringValue()
		case "controlOffsetInMinutes":
			err = p.integerOr(0, &s.ControlOffsetInMinutes, maxMinutes)
		case "experimentScope":
			s.ExperimentScope, _, err = p.stringValue()
		case "experimentLocation":
			s.ExperimentLocation, _, err = p.stringValue()
		case "startTimeIso":
			s.Start, err = p.instant()
		case "endTimeIso":
			s.End, err = p.instant()
		case "step":
			err = p.integerOr(standardStep, &s.Step, maxStep)
		case "extendedScopeParams":
			s.ExtendedScopeParams, err = p.tags()
		default:
			err = p.skip()
		}
		return err
	})
	return s, err
}

// MarshalJSON implements json.Marshaler.
func (s StandaloneScope) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ScopeName              string            `json:"scopeName"`
		ControlScope           string            `json:"controlScope,omitzero"`
		ControlLocation        string            `json:"controlLocation,omitzero"`
		ControlOffsetInMinutes int64             `json:"controlOffsetInMinutes"`
		ExperimentScope        string            `json:"experimentScope,omitzero"`
		ExperimentLocation     string            `json:"experimentLocation,omitzero"`
		StartTimeIso           string            `json:"startTimeIso,omitzero"`
		EndTimeIso             string            `json:"endTimeIso,omitzero"`
		Step                   int64             `json:"step"`
		ExtendedScopeParams    map[string]string `json:"extendedScopeParams,omitzero"`
	}{
		s.ScopeName, s.ControlScope, s.ControlLocation, s.ControlOffsetInMinutes, s.ExperimentScope, s.ExperimentLocation,
		isoOrNone(s.Start), isoOrNone(s.End), s.Step, s.ExtendedScopeParams,
	})
}

// MaxJudgments limits one standalone analysis: a week of one a minute.
const MaxJudgments = 10_080

// StandalonePlan is what a StandaloneRequest comes to.
type StandalonePlan struct {
	// Warmup is how long to wait before all else.
	Warmup    time.Duration
	Judgments []PlannedJudgment

	request *StandaloneRequest
}

// PlannedJudgment is one judgment of a plan.
type PlannedJudgment struct {
	// Wait is how long to wait before it, after the one before.
	Wait time.Duration
	// Start and End are the experiment's window; each scope moves the control's
	// back by its offset.
	Start, End time.Time
}

// PlanStandalone plans a request that arrives now. Judgment i ends i intervals
// after the start and begins at the start, or lookbackMins before its end.
// Without an end of its own, an analysis runs as time goes by: it waits for
// each interval, and the warm-up moves all windows. With an end, all judgments
// follow at once.
//
// The error is an *Error of the kind Invalid. Kayenta ends such analyses as
// terminal, after they began.
func PlanStandalone(r *StandaloneRequest, now time.Time) (*StandalonePlan, error) {
	if len(r.Scopes) == 0 {
		return nil, invalid("A canary analysis must have at least one scope.")
	}
	if err := r.Thresholds.validate(); err != nil {
		return nil, err
	}
	first := &r.Scopes[0]
	start, live := first.Start, first.End.IsZero()
	if start.IsZero() {
		start = now
	}
	var lifetime int64
	switch {
	case !live:
		lifetime = int64(first.End.Sub(start) / time.Minute)
	case r.LifetimeDurationMins != nil:
		lifetime = *r.LifetimeDurationMins
	default:
		return nil, invalid("Canary StageExecution configuration must include either `endTime` or `lifetimeDuration`.")
	}
	if lifetime < 1 {
		return nil, invalid("A canary analysis must last at least a minute, from its start to endTimeIso or for lifetimeDurationMins; this one lasts %d.", lifetime)
	}
	interval := lifetime
	if r.AnalysisIntervalMins != nil && *r.AnalysisIntervalMins > 0 {
		interval = min(interval, *r.AnalysisIntervalMins)
	}
	n := lifetime / interval
	if n > MaxJudgments {
		return nil, invalid("A canary analysis of %d minutes with one judgment every %d would make %d of them, more than %d: choose a longer analysisIntervalMins.", lifetime, interval, n, MaxJudgments)
	}
	plan := &StandalonePlan{Warmup: time.Duration(r.BeginAfterMins) * time.Minute, request: r}
	if live {
		start = start.Add(plan.Warmup)
	}
	for i := range n {
		j := PlannedJudgment{Start: start, End: start.Add(time.Duration((i+1)*interval) * time.Minute)}
		if r.LookbackMins > 0 {
			j.Start = j.End.Add(-time.Duration(r.LookbackMins) * time.Minute)
		}
		if live {
			j.Wait = time.Duration(interval) * time.Minute
		}
		plan.Judgments = append(plan.Judgments, j)
	}
	return plan, nil
}

// Request returns the request of judgment i, counted from 0.
func (p *StandalonePlan) Request(i int) *ExecutionRequest {
	j, r := p.Judgments[i], p.request
	scopes := make(map[string]ScopePair, len(r.Scopes))
	for _, s := range r.Scopes {
		offset := time.Duration(s.ControlOffsetInMinutes) * time.Minute
		step := r.Scopes[0].Step
		scopes[s.ScopeName] = ScopePair{
			ControlScope:    &Scope{s.ControlScope, s.ControlLocation, j.Start.Add(-offset), j.End.Add(-offset), step, s.ExtendedScopeParams},
			ExperimentScope: &Scope{s.ExperimentScope, s.ExperimentLocation, j.Start, j.End, step, s.ExtendedScopeParams},
		}
	}
	return &ExecutionRequest{Scopes: scopes, Thresholds: r.Thresholds, SiteLocal: r.SiteLocal}
}

// Stages returns the stages of the analysis in their order, none of them
// started.
func (p *StandalonePlan) Stages() []StageMetadata {
	const waiting = "wait"
	stages := []StageMetadata{{Type: "setupAndExecuteCanariesStage", Name: "Set Up and Execute Canaries"}}
	if p.Warmup > 0 {
		stages = append(stages, StageMetadata{Type: waiting, Name: "Warmup Wait"})
	}
	for i, j := range p.Judgments {
		number := strconv.Itoa(i + 1)
		if j.Wait > 0 {
			stages = append(stages, StageMetadata{Type: waiting, Name: "Interval Wait #" + number})
		}
		stages = append(stages, StageMetadata{Type: "runCanary", Name: "Run Canary #" + number})
	}
	stages = append(stages, StageMetadata{Type: "generateCanaryAnalysisResultStage", Name: "Generate Canary Analysis Result"})
	for i := range stages {
		stages[i].Status = OrcaStatus(NotStarted)
	}
	return stages
}

// EndsAnalysis says whether a score ends a standalone analysis as Terminal,
// without the judgments that were to follow: one that is not above marginal.
// (A caller of single judgments may put the boundary elsewhere: for Argo
// Rollouts, a score equal to marginal is inconclusive.)
func (t *Thresholds) EndsAnalysis(score float64) bool {
	return t.Marginal != nil && score <= *t.Marginal
}

// Conclude returns whether an analysis passed that has these scores, and the
// sentence about it. The last score decides; scores may be fewer than were
// planned. (Where an early judgment ends an analysis, Kayenta fails to make a
// result.)
func (t *Thresholds) Conclude(scores []Double) (passed bool, message string) {
	if len(scores) == 0 {
		return false, "There is no final canary score: no judgment of the analysis succeeded."
	}
	last := float64(scores[len(scores)-1])
	final := fmt.Sprintf("Final canary score %s ", appendDouble(nil, last))
	switch {
	case t.Marginal == nil && t.Pass == nil:
		return true, "No score thresholds were specified."
	case t.EndsAnalysis(last):
		return false, final + "is not above the marginal score threshold."
	case t.Pass == nil:
		return true, "No pass score threshold was specified."
	case last < *t.Pass:
		return false, final + "is below the pass score threshold."
	default:
		return true, final + "met or exceeded the pass score threshold."
	}
}

// fewPoints is below how many values of the control Kayenta warns.
const fewPoints = 50

// Warnings returns what a standalone analysis warns of in a judgment of series
// from a store of the given type.
func (r *Result) Warnings(store string) []string {
	warnings := []string{}
	for i := range r.Results {
		if store != datadogStore && r.Results[i].Control.Count < fewPoints {
			return append(warnings, "One of the metrics returned fewer than 50 data points, which can reduce confidence in the final canary score.")
		}
	}
	return warnings
}

// StandaloneStatus is what GET /standalone_canary_analysis/{id} answers.
type StandaloneStatus struct {
	Application               string          `json:"application"`
	User                      string          `json:"user"`
	ParentPipelineExecutionID string          `json:"parentPipelineExecutionId,omitzero"`
	PipelineID                string          `json:"pipelineId"`
	StageStatus               []StageMetadata `json:"stageStatus"`
	// Complete and ExecutionStatus follow from Status when they are written.
	Complete        bool       `json:"complete"`
	ExecutionStatus OrcaStatus `json:"executionStatus"`
	Status          Status     `json:"status"`
	Exception       *Exception `json:"exception,omitzero"`
	// CanaryAnalysisExecutionResult is there as soon as the analysis has ended,
	// whatever ended it.
	CanaryAnalysisExecutionResult  *StandaloneResult  `json:"canaryAnalysisExecutionResult,omitzero"`
	CanaryAnalysisExecutionRequest *StandaloneRequest `json:"canaryAnalysisExecutionRequest,omitzero"`
	CanaryConfig                   *Config            `json:"canaryConfig,omitzero"`
	CanaryConfigID                 string             `json:"canaryConfigId,omitzero"`
	Times
	StorageAccountName string `json:"storageAccountName,omitzero"`
	MetricsAccountName string `json:"metricsAccountName,omitzero"`
}

// MarshalJSON implements json.Marshaler.
func (s *StandaloneStatus) MarshalJSON() ([]byte, error) {
	type fields StandaloneStatus
	f := fields(*s)
	f.Complete, f.ExecutionStatus = s.Status.Complete(), OrcaStatus(s.Status)
	return json.Marshal(&f)
}

// StageMetadata is one stage of a standalone analysis.
type StageMetadata struct {
	Type   string     `json:"type"`
	Name   string     `json:"name"`
	Status OrcaStatus `json:"status"`
	// ExecutionID is that of the judgment, if it is one.
	ExecutionID string `json:"executionId,omitzero"`
}

// StandaloneResult is the result of a standalone analysis.
type StandaloneResult struct {
	DidPassThresholds      bool                    `json:"didPassThresholds"`
	HasWarnings            bool                    `json:"hasWarnings"`
	CanaryScoreMessage     string                  `json:"canaryScoreMessage"`
	CanaryScores           []Double                `json:"canaryScores"`
	CanaryExecutionResults []CanaryExecutionResult `json:"canaryExecutionResults"`
	BuildTimeIso           string                  `json:"buildTimeIso,omitzero"`
	StartTimeIso           string                  `json:"startTimeIso,omitzero"`
	EndTimeIso             string                  `json:"endTimeIso,omitzero"`
}

// CanaryExecutionResult is one judgment of a standalone analysis.
type CanaryExecutionResult struct {
	ExecutionID         string        `json:"executionId"`
	ExecutionStatus     OrcaStatus    `json:"executionStatus"`
	Exception           *Exception    `json:"exception,omitzero"`
	Result              *CanaryResult `json:"result,omitzero"`
	Warnings            []string      `json:"warnings"`
	MetricSetPairListID string        `json:"metricSetPairListId,omitzero"`
	// The judgement's window is the control's.
	JudgementStartTimeIso    string `json:"judgementStartTimeIso,omitzero"`
	JudgementStartTimeMillis int64  `json:"judgementStartTimeMillis,omitzero"`
	JudgementEndTimeIso      string `json:"judgementEndTimeIso,omitzero"`
	JudgementEndTimeMillis   int64  `json:"judgementEndTimeMillis,omitzero"`
	Times
	StorageAccountName       string `json:"storageAccountName,omitzero"`
	ConfigurationAccountName string `json:"configurationAccountName,omitzero"`
}
