package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// judgment is one of a standalone analysis: the execution that holds it, and its
// score if it came to one.
type judgment struct {
	Execution string          `json:"execution"`
	Score     *kayenta.Double `json:"score,omitempty"`
}

// standaloneStep is Kayenta's default, in seconds.
const standaloneStep = 60

func (s *Service) startStandaloneAdHoc(r *http.Request) (any, error) {
	data, err := body(r, kayenta.MaxDocument)
	if err != nil {
		return nil, err
	}
	request, err := kayenta.DecodeStandaloneAdhocRequest(data)
	if err != nil {
		return nil, err
	}
	return s.startStandalone(r, request.CanaryConfig, adHoc, request.ExecutionRequest)
}

func (s *Service) startStandaloneStored(r *http.Request) (any, error) {
	data, err := body(r, kayenta.MaxDocument)
	if err != nil {
		return nil, err
	}
	request, err := kayenta.DecodeStandaloneRequest(data)
	if err != nil {
		return nil, err
	}
	c, _, err := s.config(r.Context(), "configs.get", r.URL.Query().Get("configurationAccountName"), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.startStandalone(r, c, c.ID, request)
}

func (s *Service) startStandalone(r *http.Request, c *kayenta.Config, configID string, request *kayenta.StandaloneRequest) (any, error) {
	e, err := s.newExecution(r, c, configID)
	if err != nil {
		return nil, err
	}
	e.User = cmp.Or(e.User, "anonymous")
	for i := range request.Scopes {
		// kayentactl's command line sends 0, which no source can be asked with.
		request.Scopes[i].Step = cmp.Or(request.Scopes[i].Step, standaloneStep)
	}
	plan, err := kayenta.PlanStandalone(request, e.Build)
	if err != nil {
		return nil, err
	}
	first := plan.Request(0)
	if err := first.Validate(c); err != nil {
		return nil, err
	}
	if err := s.canAsk(r.Context(), e, first); err != nil {
		return nil, err
	}
	if e.Request, err = json.Marshal(request); err != nil {
		return nil, err
	}
	e.Status, e.Start, e.Due = kayenta.Running, e.Build, due(plan, e.Build, 0)
	if err := s.begin(r.Context(), standalones, e); err != nil {
		return nil, err
	}
	return map[string]string{"canaryAnalysisExecutionId": e.ID}, nil
}

// due is when judgment i is made: after all waits before it, and not before its
// window is over.
func due(plan *kayenta.StandalonePlan, begun time.Time, i int) time.Time {
	at := begun.Add(plan.Warmup)
	for _, j := range plan.Judgments[:i+1] {
		at = at.Add(j.Wait)
	}
	if end := plan.Judgments[i].End; end.After(at) {
		return end
	}
	return at
}

func (e *execution) plan() (*kayenta.StandaloneRequest, *kayenta.StandalonePlan, error) {
	request, err := kayenta.DecodeStandaloneRequest(e.Request)
	if err != nil {
		return nil, nil, err
	}
	plan, err := kayenta.PlanStandalone(request, e.Build)
	return request, plan, err
}

// stepStandalone makes the next judgment of a standalone analysis.
func (s *Service) stepStandalone(ctx context.Context, tenant string, e *execution) (more []store.Document, next time.Time, err error) {
	_, plan, err := e.plan()
	if err != nil {
		return nil, time.Time{}, err
	}
	i := len(e.Judgments)
	at := due(plan, e.Build, i)
	if s.Now().Before(at) {
		return nil, at, nil
	}
	id, err := newID()
	if err != nil {
		return nil, time.Time{}, err
	}
	request := plan.Request(i)
	child := &execution{
		ID: id, Application: e.Application, Parent: cmp.Or(e.Parent, e.ID), User: e.User, MetricsAccount: e.MetricsAccount, StorageAccount: e.StorageAccount,
		ConfigurationAccount: e.ConfigurationAccount, ConfigID: e.ConfigID, Config: e.Config, Status: kayenta.Running, Build: s.Now(), Start: s.Now(),
	}
	if child.Request, err = json.Marshal(request); err != nil {
		return nil, time.Time{}, err
	}
	for _, name := range kayenta.CanaryStages(len(e.Config.Metrics)) {
		child.Stages = append(child.Stages, stage{Name: name})
	}
	if more, err = s.runCanary(ctx, tenant, child, at); err != nil {
		return nil, time.Time{}, err
	}
	d, err := s.document(tenant, canaries, child, store.Document{})
	if err != nil {
		return nil, time.Time{}, err
	}
	more = append(more, d)
	made := judgment{Execution: id}
	if child.Status == kayenta.Succeeded {
		score, err := child.score()
		if err != nil {
			return nil, time.Time{}, err
		}
		made.Score = &score
	}
	e.Judgments = append(e.Judgments, made)
	switch {
	case made.Score == nil:
		e.Status, e.Problem = kayenta.Terminal, child.Problem
	case request.Thresholds.EndsAnalysis(float64(*made.Score)):
		e.Status = kayenta.Terminal
	case i+1 == len(plan.Judgments):
		e.Status = kayenta.Succeeded
	default:
		return more, due(plan, e.Build, i+1), nil
	}
	e.End = s.Now()
	return more, time.Time{}, nil
}

// score returns an execution's score.
func (e *execution) score() (kayenta.Double, error) {
	var result struct {
		Score struct {
			Score kayenta.Double `json:"score"`
		} `json:"score"`
	}
	err := json.Unmarshal(e.Result.JudgeResult, &result)
	return result.Score.Score, err
}

func (s *Service) getStandalone(r *http.Request) (any, error) {
	ctx := r.Context()
	if err := s.storageAccount(r.URL.Query().Get("storageAccountName")); err != nil {
		return nil, err
	}
	e, d, err := s.execution(ctx, standalones, "analyses.get", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	request, plan, err := e.plan()
	if err != nil {
		return nil, err
	}
	out := &kayenta.StandaloneStatus{
		Application: e.Application, User: e.User, ParentPipelineExecutionID: e.Parent, PipelineID: e.ID, StageStatus: s.stages(e, plan), Status: e.Status,
		Exception: e.Problem, CanaryAnalysisExecutionRequest: request, CanaryConfig: e.Config, CanaryConfigID: e.ConfigID,
		Times: kayenta.NewTimes(e.Build, e.Start, e.End), StorageAccountName: e.StorageAccount, MetricsAccountName: e.MetricsAccount,
	}
	if e.Status.Complete() {
		if out.CanaryAnalysisExecutionResult, err = s.conclude(ctx, d.Tenant, e, request, plan); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stages says how far an analysis is.
func (s *Service) stages(e *execution, plan *kayenta.StandalonePlan) []kayenta.StageMetadata {
	stages := plan.Stages()
	now, made := s.Now(), 0
	succeeded, running, ended := kayenta.OrcaStatus(kayenta.Succeeded), kayenta.OrcaStatus(kayenta.Running), kayenta.OrcaStatus(e.Status)
	for i := range stages {
		st := &stages[i]
		current := made == len(e.Judgments)
		switch {
		case i == 0:
			st.Status = succeeded
		case i == len(stages)-1:
			if e.Status.Complete() {
				st.Status = succeeded
			}
		case st.Type == "runCanary" && !current:
			st.ExecutionID, st.Status = e.Judgments[made].Execution, succeeded
			if made == len(e.Judgments)-1 && e.Status == kayenta.Terminal {
				st.Status = ended
			}
			made++
		case !current:
			st.Status = succeeded
		case e.Status.Complete() && e.Status != kayenta.Canceled, made == len(plan.Judgments):
			// never begun
		case st.Type == "runCanary":
			if !e.Status.Complete() && !now.Before(due(plan, e.Build, made)) {
				st.Status = running
			}
			return finish(stages, e)
		default: // the wait before the next one
			over := due(plan, e.Build, made)
			if st.Name == warmupWait {
				over = e.Build.Add(plan.Warmup)
			}
			if !now.Before(over) {
				st.Status = succeeded
				continue
			}
			if st.Status = running; e.Status == kayenta.Canceled {
				st.Status = ended
			}
			return finish(stages, e)
		}
	}
	return stages
}

// finish marks the last stage of an analysis that has ended.
func finish(stages []kayenta.StageMetadata, e *execution) []kayenta.StageMetadata {
	if e.Status.Complete() {
		stages[len(stages)-1].Status = kayenta.OrcaStatus(kayenta.Succeeded)
	}
	return stages
}

// conclude makes the result of an analysis that has ended, whatever ended it.
func (s *Service) conclude(ctx context.Context, tenant string, e *execution, request *kayenta.StandaloneRequest, plan *kayenta.StandalonePlan) (*kayenta.StandaloneResult, error) {
	times := kayenta.NewTimes(e.Build, e.Start, e.End)
	out := &kayenta.StandaloneResult{
		CanaryScores: []kayenta.Double{}, CanaryExecutionResults: []kayenta.CanaryExecutionResult{},
		BuildTimeIso: times.BuildTimeIso, StartTimeIso: times.StartTimeIso, EndTimeIso: times.EndTimeIso,
	}
	bytes := 0
	for i, made := range e.Judgments {
		if made.Score != nil {
			out.CanaryScores = append(out.CanaryScores, *made.Score)
		}
		one := kayenta.CanaryExecutionResult{ExecutionID: made.Execution, Warnings: []string{}}
		d, err := s.Store.Document(ctx, tenant, canaries, made.Execution)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if bytes += len(d.Content); err == nil && bytes <= mostBytes {
			child := new(execution)
			if err := json.Unmarshal(d.Content, child); err != nil {
				return nil, err
			}
			control := plan.Request(i).Scopes[request.Scopes[0].ScopeName].ControlScope
			window := kayenta.NewTimes(time.Time{}, control.Start, control.End)
			one.ExecutionStatus, one.Exception, one.Result, one.MetricSetPairListID = kayenta.OrcaStatus(child.Status), child.Problem, child.Result, child.Pairs
			one.Warnings = append(one.Warnings, child.Warnings...)
			one.JudgementStartTimeIso, one.JudgementStartTimeMillis = window.StartTimeIso, window.StartTimeMillis
			one.JudgementEndTimeIso, one.JudgementEndTimeMillis = window.EndTimeIso, window.EndTimeMillis
			one.Times = kayenta.NewTimes(child.Build, child.Start, child.End)
			one.StorageAccountName, one.ConfigurationAccountName = child.StorageAccount, child.ConfigurationAccount
			out.HasWarnings = out.HasWarnings || len(child.Warnings) > 0
		}
		out.CanaryExecutionResults = append(out.CanaryExecutionResults, one)
	}
	out.DidPassThresholds, out.CanaryScoreMessage = request.Thresholds.Conclude(out.CanaryScores)
	if e.Status != kayenta.Succeeded {
		out.DidPassThresholds = false
	}
	return out, nil
}

// warmupWait is the name of the first stage that waits, as the plan has it.
const warmupWait = "Warmup Wait"
