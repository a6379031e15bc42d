package rest

import (
	"errors"
	"net/http"
	"strings"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// pipeline is an execution in the words of the Orca inside Kayenta: what of it
// clients were seen to read.
type pipeline struct {
	Type        string  `json:"type"`
	ID          string  `json:"id"`
	Application string  `json:"application"`
	Name        string  `json:"name"`
	Status      string  `json:"status"`
	BuildTime   int64   `json:"buildTime"`
	StartTime   int64   `json:"startTime,omitzero"`
	EndTime     int64   `json:"endTime,omitzero"`
	Stages      []stage `json:"stages"`
}

func pipelineOf(e *execution, kind string) pipeline {
	p := pipeline{
		Type: "PIPELINE", ID: e.ID, Application: e.Application, Status: strings.ToUpper(string(e.Status)), BuildTime: e.Build.UnixMilli(), Stages: []stage{},
		Name: map[string]string{
			canaries: "Standard Canary Pipeline", standalones: "Standalone Canary Analysis Pipeline", comparisons: "Standard Judge Comparison Pipeline",
		}[kind],
	}
	if !e.Start.IsZero() {
		p.StartTime = e.Start.UnixMilli()
	}
	if !e.End.IsZero() {
		p.EndTime = e.End.UnixMilli()
	}
	for _, st := range e.Stages {
		st.Status = kayenta.Status(strings.ToUpper(string(st.Status)))
		if st.Status == "" {
			st.Status = "NOT_STARTED"
		}
		p.Stages = append(p.Stages, st)
	}
	return p
}

// listPipelines lists what is going on.
func (s *Service) listPipelines(r *http.Request) (any, error) {
	ctx := r.Context()
	if err := s.Allow(ctx, Access{Action: "analyses.list"}); err != nil {
		return nil, err
	}
	list := []pipeline{}
	for _, kind := range []string{canaries, standalones, comparisons} {
		documents, err := s.Store.Documents(ctx, s.Tenant(ctx), kind, nil, ongoingStates, 0, 500)
		if err != nil {
			return nil, err
		}
		for _, d := range documents {
			e, _, err := s.execution(ctx, kind, "analyses.list", d.ID)
			if err != nil {
				continue // forgotten since, or not this caller's
			}
			list = append(list, pipelineOf(e, kind))
		}
	}
	return list, nil
}

func (s *Service) getPipeline(r *http.Request) (any, error) {
	e, d, err := s.anyExecution(r.Context(), "analyses.get", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return pipelineOf(e, d.Kind), nil
}

// cancelTries bounds how often a cancel races with a step.
const cancelTries = 20

// cancelPipeline ends an execution. One that has ended stays as it is.
func (s *Service) cancelPipeline(r *http.Request) (any, error) {
	ctx := r.Context()
	var err error
	for range cancelTries {
		var (
			e *execution
			d store.Document
		)
		if e, d, err = s.anyExecution(ctx, "analyses.cancel", r.PathValue("id")); err != nil {
			return nil, err
		}
		if !e.Status.Complete() {
			e.cancel(s.Now())
			var after store.Document
			if after, err = s.document(d.Tenant, d.Kind, e, d); err != nil {
				return nil, err
			}
			if err = s.Store.PutDocuments(ctx, []store.Document{after}, 0); errors.Is(err, store.ErrConflict) {
				continue // a step came first
			}
			if err != nil {
				return nil, err
			}
			s.worker.Drop(taskOf(e.ID))
			s.Audit(ctx, Access{Action: "analyses.cancel", Application: e.Application, Config: e.Config.Name, Object: e.ID}, "")
		}
		return status{http.StatusAccepted, map[string]string{"id": e.ID}}, nil
	}
	return nil, err
}

// deletePipeline forgets an execution that has ended.
func (s *Service) deletePipeline(r *http.Request) (any, error) {
	e, d, err := s.anyExecution(r.Context(), "analyses.cancel", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !e.Status.Complete() {
		return nil, &failure{http.StatusUnauthorized, "An execution that has not ended cannot be deleted: cancel it first (PUT /pipelines/" + e.ID + "/cancel)."}
	}
	if err := s.Store.DeleteDocument(r.Context(), d.Tenant, d.Kind, e.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	s.Audit(r.Context(), Access{Action: "analyses.cancel", Application: e.Application, Config: e.Config.Name, Object: e.ID}, "")
	return status{code: http.StatusNoContent}, nil
}
