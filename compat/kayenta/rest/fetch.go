package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// fetch asks one query for one side and stores the series, or with dryRun says what
// would be asked.
func (s *Service) fetch(r *http.Request) (any, error) {
	q := r.URL.Query()
	dry := q.Get("dryRun") == "true"
	name := cmp.Or(q.Get("metricSetName"), "metric")
	a, err := s.metricsAccount(q.Get("metricsAccountName"))
	if err != nil {
		return nil, err
	}
	if err := s.storageAccount(q.Get("storageAccountName")); err != nil {
		return nil, err
	}
	what := Access{Action: "analyses.start", Object: a.Name}
	if err := s.Allow(r.Context(), what); err != nil {
		return nil, err
	}
	c, scope, err := fetched(r.PathValue("store"), name, q)
	if err != nil {
		return nil, err
	}
	query, err := c.Query(&c.Metrics[0], scope, s.Query)
	if err != nil {
		return nil, err
	}
	if err := s.Check(r.Context(), Asked{Config: c.Name, Source: a.Name, Queries: map[string]string{name: query}}); err != nil {
		return nil, err
	}
	if dry {
		return map[string]string{"query": query}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), fetchTimeout)
	defer cancel()
	sets, err := s.series(ctx, a.Name, c, &c.Metrics[0], scope, false)
	if err != nil {
		return nil, err
	}
	id, now := uuid.NewString(), s.Now()
	if err := s.Store.PutDocuments(r.Context(), []store.Document{{
		Tenant: s.Tenant(r.Context()), Kind: metricSets, ID: id, Created: now, Updated: now, Expires: s.expiry(),
		Content: array(len(sets), func(b []byte, i int) []byte { return sets[i].AppendJSON(b) }),
	}}, mostDocuments); err != nil {
		return nil, err
	}
	return map[string]string{"metricSetListId": id}, nil
}

// fetched returns a config of one metric and the scope that parameters describe.
func fetched(kind, name string, q url.Values) (*kayenta.Config, *kayenta.Scope, error) {
	query := map[string]any{"type": kind}
	for parameter, field := range map[string]string{
		"metricName": "metricName", "metricType": "metricType", "q": "q", "resourceType": "resourceType", "customFilter": "customInlineTemplate",
		"customInlineTemplate": "customInlineTemplate", "aggregate": "aggregate", "summarization": "summarization", "select": "select",
	} {
		if v := q.Get(parameter); v != "" {
			query[field] = v
		}
	}
	for _, list := range []string{"labelBindings", "groupByFields"} {
		if values := q[list]; len(values) > 0 {
			query[list] = values
		}
	}
	step, err := strconv.ParseInt(cmp.Or(q.Get("step"), "60"), 10, 64)
	if err != nil {
		return nil, nil, badRequest("The parameter step is a whole number of seconds.")
	}
	extended := map[string]string{}
	for _, parameter := range []string{"project", "resourceType"} {
		if v := q.Get(parameter); v != "" {
			extended[parameter] = v
		}
	}
	config, err := json.Marshal(map[string]any{"name": "fetch", "metrics": []any{map[string]any{"name": name, "query": query, "scopeName": "default"}}})
	if err != nil {
		return nil, nil, err
	}
	c, err := kayenta.DecodeConfig(config)
	if err != nil {
		return nil, nil, err
	}
	scope, err := json.Marshal(map[string]any{
		"scope": q.Get("scope"), "location": q.Get("location"), "step": step, "extendedScopeParams": extended,
		"start": strings.TrimSpace(cmp.Or(q.Get("start"), q.Get("startTimeIso"))), "end": strings.TrimSpace(cmp.Or(q.Get("end"), q.Get("endTimeIso"))),
	})
	if err != nil {
		return nil, nil, err
	}
	sides, err := json.Marshal(map[string]any{"scopes": map[string]any{"default": map[string]any{"controlScope": json.RawMessage(scope)}}})
	if err != nil {
		return nil, nil, err
	}
	request, err := kayenta.DecodeExecutionRequest(sides)
	if err != nil {
		return nil, nil, err
	}
	return c, request.Scopes["default"].ControlScope, nil
}
