package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// execution is a canary, a standalone analysis or a comparison as it is kept.
type execution struct {
	ID                   string                `json:"id"`
	Application          string                `json:"application"`
	Parent               string                `json:"parent,omitempty"`
	User                 string                `json:"user,omitempty"`
	MetricsAccount       string                `json:"metricsAccount"`
	StorageAccount       string                `json:"storageAccount"`
	ConfigurationAccount string                `json:"configurationAccount,omitempty"`
	ConfigID             string                `json:"configId"`
	Config               *kayenta.Config       `json:"config"`
	Request              json.RawMessage       `json:"request"`
	Status               kayenta.Status        `json:"status"`
	Stages               []stage               `json:"stages"`
	Problem              *kayenta.Exception    `json:"problem,omitempty"`
	Result               *kayenta.CanaryResult `json:"result,omitempty"`
	Warnings             []string              `json:"warnings,omitempty"`
	Pairs                string                `json:"pairs,omitempty"`
	Judgments            []judgment            `json:"judgments,omitempty"` // of a standalone analysis
	Comparison           *comparison           `json:"comparison,omitempty"`
	Build                time.Time             `json:"build"`
	Start                time.Time             `json:"start,omitzero"`
	End                  time.Time             `json:"end,omitzero"`
	// Due is when the first step is taken.
	Due time.Time `json:"due"`
}

// stage is one step of an execution.
type stage struct {
	Type   string         `json:"type"`
	Name   string         `json:"name"`
	Status kayenta.Status `json:"status"`
}

// stage returns the stage of a name.
func (e *execution) stage(name string) *stage {
	for i := range e.Stages {
		if e.Stages[i].Name == name {
			return &e.Stages[i]
		}
	}
	e.Stages = append(e.Stages, stage{Name: name})
	return &e.Stages[len(e.Stages)-1]
}

// fail ends an execution with an error in a stage.
func (e *execution) fail(at string, now time.Time, err error) {
	e.Status, e.End = kayenta.Terminal, now
	e.stage(at).Status = kayenta.Terminal
	e.Problem = kayenta.NewException(at, err, now)
}

// cancel ends it by a caller's wish.
func (e *execution) cancel(now time.Time) {
	e.Status, e.End = kayenta.Canceled, now
	for i := range e.Stages {
		if s := &e.Stages[i]; s.Status == kayenta.Running {
			s.Status = kayenta.Canceled
		}
	}
}

// ongoing are the states in which an execution goes on, endedStates the others
// that one of ours can have.
var (
	ongoingStates = []string{string(kayenta.NotStarted), string(kayenta.Running)}
	endedStates   = []string{string(kayenta.Succeeded), string(kayenta.Terminal), string(kayenta.Canceled)}
)

// document returns what is stored of e after the state before.
func (s *Service) document(tenant, kind string, e *execution, before store.Document) (store.Document, error) {
	d := store.Document{
		Tenant: tenant, Kind: kind, ID: e.ID, Scope: e.Application, State: string(e.Status), Version: before.Version,
		Created: e.Build, Updated: s.Now(),
	}
	if e.Status.Complete() {
		d.Expires = s.expiry()
	}
	var err error
	d.Content, err = json.Marshal(e)
	return d, err
}

// execution returns a stored execution that the caller may do something to.
func (s *Service) execution(ctx context.Context, kind, action, id string) (*execution, store.Document, error) {
	d, err := s.Store.Document(ctx, s.Tenant(ctx), kind, id)
	if errors.Is(err, store.ErrNotFound) {
		if err := s.Allow(ctx, Access{Action: action, Object: id}); err != nil {
			return nil, d, err
		}
		return nil, d, notFound("Could not find the execution '%.100s': it was never started here, or has been forgotten.", id)
	}
	if err != nil {
		return nil, d, err
	}
	e := new(execution)
	if err := json.Unmarshal(d.Content, e); err != nil {
		return nil, d, fmt.Errorf("execution %s: %w", id, err)
	}
	return e, d, s.Allow(ctx, Access{Action: action, Application: e.Application, Config: e.Config.Name, Object: id})
}

// begin stores a new execution and its task.
func (s *Service) begin(ctx context.Context, kind string, e *execution) error {
	what := Access{Action: "analyses.start", Application: e.Application, Config: e.Config.Name, Object: e.ID}
	if err := s.Allow(ctx, what); err != nil {
		return err
	}
	if s.Live > 0 {
		live, err := s.Store.Documents(ctx, s.Tenant(ctx), kind, nil, ongoingStates, 0, s.Live)
		if err != nil {
			return err
		}
		if len(live) >= s.Live {
			// Not 429, which Orca does not repeat a POST for.
			return &failure{http.StatusServiceUnavailable, fmt.Sprintf("%d executions are running, as many as this server allows: start this one again when some have ended.", len(live))}
		}
	}
	d, err := s.document(s.Tenant(ctx), kind, e, store.Document{})
	if err != nil {
		return err
	}
	if err := s.Store.PutDocuments(ctx, []store.Document{d}, mostDocuments, store.Task{
		ID: taskOf(e.ID), Kind: TaskKind, Lane: e.MetricsAccount, Tenant: d.Tenant, Subject: e.ID, Due: e.Due, Payload: []byte(kind),
	}); err != nil {
		if errors.Is(err, store.ErrTooMany) {
			return &failure{http.StatusTooManyRequests, fmt.Sprintf("%d executions are kept, as many as this server keeps: shorten retention.analyses in its settings.", mostDocuments)}
		}
		return err
	}
	s.Audit(ctx, what, "config "+e.Config.Name)
	s.worker.Wake()
	return nil
}

func taskOf(execution string) string { return TaskKind + "/" + execution }
