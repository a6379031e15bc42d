package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// adHoc is the application, and the config's id, of what brings its config.
const adHoc = "ad-hoc"

// newExecution returns an execution with what the parameters say.
func (s *Service) newExecution(r *http.Request, c *kayenta.Config, configID string) (*execution, error) {
	q := r.URL.Query()
	for _, name := range []string{"storageAccountName", "configurationAccountName"} {
		if err := s.storageAccount(q.Get(name)); err != nil {
			return nil, err
		}
	}
	a, err := s.metricsAccount(q.Get("metricsAccountName"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"application", "parentPipelineExecutionId", "user"} {
		if len(q.Get(name)) > 253 {
			return nil, badRequest("The parameter %s has more than 253 bytes.", name)
		}
	}
	if err := errors.Join(checkJudge(c.JudgeName()), checkOptions(c.JudgeName(), c)); err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	now := s.Now()
	return &execution{
		ID: id, Application: cmp.Or(q.Get("application"), adHoc), Parent: q.Get("parentPipelineExecutionId"), User: q.Get("user"),
		MetricsAccount: a.Name, StorageAccount: cmp.Or(q.Get("storageAccountName"), s.StorageAccounts[0]), ConfigurationAccount: q.Get("configurationAccountName"),
		ConfigID: configID, Config: c, Status: kayenta.NotStarted, Build: now, Due: now,
	}, nil
}

func (s *Service) startAdHoc(r *http.Request) (any, error) {
	data, err := body(r, kayenta.MaxDocument)
	if err != nil {
		return nil, err
	}
	request, err := kayenta.DecodeAdhocRequest(data)
	if err != nil {
		return nil, err
	}
	return s.startCanary(r, request.CanaryConfig, adHoc, request.ExecutionRequest)
}

func (s *Service) startStored(r *http.Request) (any, error) {
	data, err := body(r, kayenta.MaxDocument)
	if err != nil {
		return nil, err
	}
	request, err := kayenta.DecodeExecutionRequest(data)
	if err != nil {
		return nil, err
	}
	c, _, err := s.config(r.Context(), "configs.get", r.URL.Query().Get("configurationAccountName"), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.startCanary(r, c, c.ID, request)
}

func (s *Service) startCanary(r *http.Request, c *kayenta.Config, configID string, request *kayenta.ExecutionRequest) (any, error) {
	if err := request.Validate(c); err != nil {
		return nil, err
	}
	e, err := s.newExecution(r, c, configID)
	if err != nil {
		return nil, err
	}
	if err := s.canAsk(r.Context(), e, request); err != nil {
		return nil, err
	}
	if e.Request, err = json.Marshal(request); err != nil {
		return nil, err
	}
	for _, name := range kayenta.CanaryStages(len(c.Metrics)) {
		e.Stages = append(e.Stages, stage{Name: name})
	}
	if err := s.begin(r.Context(), canaries, e); err != nil {
		return nil, err
	}
	return map[string]string{"canaryExecutionId": e.ID}, nil
}

// canAsk says before an execution begins which query cannot be made. Kayenta says
// it afterwards.
func (s *Service) canAsk(ctx context.Context, e *execution, request *kayenta.ExecutionRequest) error {
	a, err := s.metricsAccount(e.MetricsAccount)
	if err != nil {
		return err
	}
	asked := Asked{Config: e.Config.Name, Application: e.Application, Source: a.Name, Queries: map[string]string{}}
	for i := range e.Config.Metrics {
		m := &e.Config.Metrics[i]
		scopes := request.Scopes[*m.ScopeName]
		for side, scope := range []*kayenta.Scope{scopes.ControlScope, scopes.ExperimentScope} {
			query, err := s.askable(a, e.Config, m, scope)
			if err != nil {
				return err
			}
			asked.Queries[m.Name+[]string{"", " (experiment)"}[side]] = query
		}
	}
	return s.Check(ctx, asked)
}

// getCanary answers with an execution's status. What is archived under the id is
// answered, too.
func (s *Service) getCanary(r *http.Request) (any, error) {
	if err := s.storageAccount(r.URL.Query().Get("storageAccountName")); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	e, _, err := s.execution(r.Context(), canaries, "analyses.get", id)
	if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound {
		if d, err := s.Store.Document(r.Context(), s.Tenant(r.Context()), archives, id); err == nil {
			return raw(d.Content), s.Allow(r.Context(), Access{Action: readData, Object: id})
		}
	}
	if err != nil {
		return nil, err
	}
	return canaryStatus(e)
}

// canaryStatus returns an execution as Kayenta's clients read it.
func canaryStatus(e *execution) (*kayenta.CanaryStatus, error) {
	request, err := kayenta.DecodeExecutionRequest(e.Request)
	if err != nil {
		return nil, err
	}
	out := &kayenta.CanaryStatus{
		Application: e.Application, ParentPipelineExecutionID: e.Parent, PipelineID: e.ID, StageStatus: stageStatus(e), Status: e.Status,
		Exception: e.Problem, Config: e.Config, CanaryConfigID: e.ConfigID, CanaryExecutionRequest: request, MetricSetPairListID: e.Pairs,
		Times: kayenta.NewTimes(e.Build, e.Start, e.End), StorageAccountName: e.StorageAccount, MetricsAccountName: e.MetricsAccount,
		ConfigurationAccountName: e.ConfigurationAccount, Result: e.Result,
	}
	return out, nil
}

// listCanaries lists an application's executions, the newest first.
func (s *Service) listCanaries(r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := s.storageAccount(q.Get("storageAccountName")); err != nil {
		return nil, err
	}
	application := cmp.Or(q.Get("application"), adHoc)
	if err := s.Allow(r.Context(), Access{Action: "analyses.list", Application: application}); err != nil {
		return nil, err
	}
	number := func(name string, standard, most int) (int, error) {
		text := q.Get(name)
		if text == "" {
			return standard, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			return 0, badRequest("The parameter %s is a number from 1 to %d.", name, most)
		}
		return n, nil
	}
	limit, err := number("limit", 20, 500)
	if err != nil {
		return nil, err
	}
	page, err := number("page", 1, mostDocuments)
	if err != nil {
		return nil, err
	}
	var states []string
	for text := range strings.SplitSeq(q.Get("statuses"), ",") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		state, err := kayenta.ParseStatus(text)
		if err != nil {
			return nil, err
		}
		states = append(states, string(state))
	}
	documents, err := s.Store.Documents(r.Context(), s.Tenant(r.Context()), canaries, []string{application}, states, (page-1)*limit, limit)
	if err != nil {
		return nil, err
	}
	list := []*kayenta.CanaryStatus{}
	bytes := 0
	for _, d := range documents {
		e, full, err := s.execution(r.Context(), canaries, "analyses.list", d.ID)
		if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound {
			continue // forgotten since
		}
		if err != nil {
			return nil, err
		}
		if bytes += len(full.Content); bytes > mostBytes {
			return nil, badRequest("These executions have more than %d bytes together: ask for fewer (limit).", mostBytes)
		}
		one, err := canaryStatus(e)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// mostBytes bounds the documents behind one answer.
const mostBytes = 64 << 20

// anyExecution returns an execution of any kind.
func (s *Service) anyExecution(ctx context.Context, action, id string) (e *execution, d store.Document, err error) {
	for _, kind := range []string{canaries, standalones, comparisons} {
		e, d, err = s.execution(ctx, kind, action, id)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != http.StatusNotFound {
			break
		}
	}
	return e, d, err
}
