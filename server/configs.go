package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// configService keeps CanaryConfigs with every revision.
type configService struct {
	store       *store.Store
	guard       *guard
	herald      *herald
	sources     *analysis.Sources
	constraints *policy.Constraints
	calendars   map[string]policy.Calendar
	bounds      store.Bounds
	now         func() time.Time
}

// CreateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) CreateConfig(ctx context.Context, request *connect.Request[judgedv1.CreateConfigRequest]) (*connect.Response[judgedv1.CreateConfigResponse], error) {
	stored, err := s.put(ctx, "configs.create", request.Msg.GetConfig(), 0, request.Msg.GetComment())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.CreateConfigResponse{Stored: stored}), nil
}

// UpdateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) UpdateConfig(ctx context.Context, request *connect.Request[judgedv1.UpdateConfigRequest]) (*connect.Response[judgedv1.UpdateConfigResponse], error) {
	stored, err := s.put(ctx, "configs.update", request.Msg.GetConfig(), request.Msg.GetExpectedRevision(), request.Msg.GetComment())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.UpdateConfigResponse{Stored: stored}), nil
}

func (s *configService) put(ctx context.Context, action string, c *judgedv1.CanaryConfig, expected int64, comment string) (*judgedv1.StoredConfig, error) {
	what := access{action: action, application: c.GetApplication(), config: c.GetName(), object: c.GetName()}
	if err := s.mayReplace(ctx, what); err != nil {
		return nil, err
	}
	row, err := s.row(ctx, c, comment)
	if err != nil {
		return nil, err
	}
	row, err = s.store.PutConfig(ctx, tenantOf(ctx), row, expected, s.bounds)
	switch e, isStale := errors.AsType[*store.RevisionError](err); {
	case isStale:
		return nil, stale("config %q is at revision %d, not at the expected revision %d: read it again, make your change to that and expect revision %d",
			c.GetName(), e.Latest, expected, e.Latest)
	case errors.Is(err, store.ErrExists):
		known, err := s.find(ctx, c.GetName(), 0)
		if err != nil {
			return nil, err
		}
		return nil, alreadyExists("CONFIG_EXISTS", "config %q already exists, at revision %d: update it, or take another name", c.GetName(), known.GetRevision())
	case errors.Is(err, store.ErrNotFound):
		return nil, noConfig(c.GetName())
	case errors.Is(err, store.ErrTooMany):
		return nil, tooManyConfigs(s.bounds)
	case err != nil:
		return nil, err
	}
	s.guard.audit(ctx, what, fmt.Sprintf("revision %d: %s", row.Revision, comment), false)
	word := "updated"
	if expected == 0 {
		word = "created"
	}
	s.herald.configChanged(ctx, tenantOf(ctx), c.GetName(), c.GetApplication(), word, row.Revision)
	return storedConfig(row)
}

// mayReplace asks for the config as it will be and, if it is there already, for
// the one that it replaces: nobody takes a config over by giving it their
// application's name.
func (s *configService) mayReplace(ctx context.Context, what access) error {
	if err := s.guard.allow(ctx, what); err != nil || s.guard.authorization == nil {
		return err
	}
	known, err := s.find(ctx, what.config, 0)
	if f, ok := errors.AsType[*failure](err); ok && f.code == connect.CodeNotFound {
		return nil
	}
	if err != nil || known.GetConfig().GetApplication() == what.application {
		return err
	}
	what.application = known.GetConfig().GetApplication()
	return s.guard.allow(ctx, what)
}

// row returns a config as it is stored, if it could run.
func (s *configService) row(ctx context.Context, c *judgedv1.CanaryConfig, comment string) (store.Config, error) {
	if err := s.check(ctx, c); err != nil {
		return store.Config{}, err
	}
	if _, err := analysis.NewPlan(wire.Config(c), s.sources, metrics.Window{}, metrics.Window{}); err != nil {
		return store.Config{}, err
	}
	bytes, err := pack(c)
	return store.Config{Name: c.GetName(), Created: s.now().Truncate(time.Microsecond), Author: callerOf(ctx).Name, Comment: comment, Config: bytes}, err
}

func storedConfig(row store.Config) (*judgedv1.StoredConfig, error) {
	c := &judgedv1.CanaryConfig{}
	if err := unpack(row.Config, c); err != nil {
		return nil, fmt.Errorf("config %q, revision %d: %w", row.Name, row.Revision, err)
	}
	return &judgedv1.StoredConfig{
		Config: c, Revision: row.Revision, CreateTime: timestamppb.New(row.Created), Author: row.Author, Comment: row.Comment,
	}, nil
}

func tooManyConfigs(b store.Bounds) error {
	return exhausted("TOO_MANY_CONFIGS", 0, "there are %d configs, which is the limit: delete some that nobody uses", b.Configs)
}

func noConfig(name string) error {
	return notFound("CONFIG", "there is no config %q on this server: create it, or see ListConfigs for those there are", name)
}

// find returns a revision of a config of the caller's tenant; 0 is the latest.
func (s *configService) find(ctx context.Context, name string, revision int64) (*judgedv1.StoredConfig, error) {
	row, err := s.store.Config(ctx, tenantOf(ctx), name, revision)
	if errors.Is(err, store.ErrNotFound) {
		if revision == 0 {
			return nil, noConfig(name)
		}
		latest, err := s.store.Revisions(ctx, tenantOf(ctx), name, 0, 1)
		if err != nil || len(latest) == 0 {
			return nil, cmp.Or(err, noConfig(name))
		}
		last := latest[0].Revision
		return nil, notFound("REVISION", "config %q has no revision %d: this server keeps the revisions %d to %d", name, revision, max(1, last-int64(s.bounds.Revisions)+1), last)
	}
	if err != nil {
		return nil, err
	}
	return storedConfig(row)
}

// check refuses what must not or could never run. Sources and scopes may come
// later.
func (s *configService) check(ctx context.Context, c *judgedv1.CanaryConfig) error {
	if err := checkConfig(c); err != nil {
		return err
	}
	plain := wire.Config(c)
	if problems := s.policyProblems(ctx, c, plain); len(problems) > 0 {
		return &failure{
			code: connect.CodeInvalidArgument, reason: "POLICY", problems: problems,
			text: fmt.Sprintf("config %q: %s", c.GetName(), strings.Join(problems, "; ")),
		}
	}
	return nil
}

// policyProblems returns what is wrong with the config's expressions, and what
// the admin's constraints do not allow.
func (s *configService) policyProblems(ctx context.Context, c *judgedv1.CanaryConfig, plain analysis.Config) []string {
	var problems []string
	if w := c.GetWindows(); w != nil {
		if _, err := policy.CompileWindows(w.GetAllow(), w.GetDeny(), s.calendars); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if _, err := plain.Rules.Compile(); err != nil {
		problems = append(problems, err.Error())
	}
	if s.constraints != nil {
		for _, v := range s.constraints.Check(ctx, constrained(plain), policyCaller(ctx)) {
			problems = append(problems, fmt.Sprintf("constraint %s: %s", v.Name, v.Message))
		}
	}
	return problems
}

// GetConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) GetConfig(ctx context.Context, request *connect.Request[judgedv1.GetConfigRequest]) (*connect.Response[judgedv1.GetConfigResponse], error) {
	stored, err := s.found(ctx, "configs.get", request.Msg.GetName(), request.Msg.GetRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.GetConfigResponse{Stored: stored}), nil
}

// found returns a revision that the caller may do something with.
func (s *configService) found(ctx context.Context, action, name string, revision int64) (*judgedv1.StoredConfig, error) {
	stored, err := s.find(ctx, name, revision)
	if err != nil {
		return nil, err
	}
	return stored, s.guard.allow(ctx, access{action: action, application: stored.GetConfig().GetApplication(), config: name, object: name})
}

// ListConfigs implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ListConfigs(ctx context.Context, request *connect.Request[judgedv1.ListConfigsRequest]) (*connect.Response[judgedv1.ListConfigsResponse], error) {
	if err := s.guard.allow(ctx, access{action: "configs.list"}); err != nil {
		return nil, err
	}
	page, next, err := s.page(ctx, request.Msg.GetPageToken(), pageSize(request.Msg.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.ListConfigsResponse{Configs: page, NextPageToken: next}), nil
}

// page returns latest revisions by name, and the token to go on with.
func (s *configService) page(ctx context.Context, token string, n int) ([]*judgedv1.StoredConfig, string, error) {
	var after string
	if token != "" {
		var err error
		if after, err = readPageToken(token, "configs", ""); err != nil {
			return nil, "", badPageToken()
		}
	}
	rows, err := s.store.Configs(ctx, tenantOf(ctx), after, n+1)
	if err != nil {
		return nil, "", err
	}
	var page []*judgedv1.StoredConfig
	bytes := 0
	for i, row := range rows {
		stored, err := storedConfig(row)
		if err != nil {
			return nil, "", err
		}
		if bytes += proto.Size(stored); i == n || i > 0 && bytes > maxPage {
			return page, pageToken(rows[i-1].Name, "configs", ""), nil
		}
		page = append(page, stored)
	}
	return page, "", nil
}

// DeleteConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) DeleteConfig(ctx context.Context, request *connect.Request[judgedv1.DeleteConfigRequest]) (*connect.Response[judgedv1.DeleteConfigResponse], error) {
	name := request.Msg.GetName()
	stored, err := s.found(ctx, "configs.delete", name, 0)
	if err != nil {
		return nil, err
	}
	if err := s.store.DeleteConfig(ctx, tenantOf(ctx), name); errors.Is(err, store.ErrNotFound) {
		return nil, noConfig(name)
	} else if err != nil {
		return nil, err
	}
	s.guard.audit(ctx, access{action: "configs.delete", object: name}, fmt.Sprintf("revision %d", stored.GetRevision()), false)
	s.herald.configChanged(ctx, tenantOf(ctx), name, stored.GetConfig().GetApplication(), "deleted", stored.GetRevision())
	return connect.NewResponse(&judgedv1.DeleteConfigResponse{}), nil
}

// ListRevisions implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ListRevisions(ctx context.Context, request *connect.Request[judgedv1.ListRevisionsRequest]) (*connect.Response[judgedv1.ListRevisionsResponse], error) {
	r := request.Msg
	if _, err := s.found(ctx, "configs.revisions", r.GetName(), 0); err != nil {
		return nil, err
	}
	var before int64
	if token := r.GetPageToken(); token != "" {
		position, err := readPageToken(token, "revisions", r.GetName())
		if err == nil {
			before, err = strconv.ParseInt(position, 10, 64)
		}
		if err != nil || before <= 0 {
			return nil, badPageToken()
		}
	}
	n := pageSize(r.GetPageSize())
	rows, err := s.store.Revisions(ctx, tenantOf(ctx), r.GetName(), before, n+1)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.ListRevisionsResponse{}
	bytes := 0
	for i, row := range rows {
		stored, err := storedConfig(row)
		if err != nil {
			return nil, err
		}
		if bytes += proto.Size(stored); i == n || i > 0 && bytes > maxPage {
			response.NextPageToken = pageToken(strconv.FormatInt(rows[i-1].Revision, 10), "revisions", r.GetName())
			break
		}
		// The name may have been another application's.
		if !s.guard.answer(ctx, access{action: "configs.revisions", application: stored.GetConfig().GetApplication(), config: r.GetName()}).Allowed {
			continue
		}
		response.Revisions = append(response.Revisions, stored)
	}
	return connect.NewResponse(response), nil
}

// DiffRevisions implements judgedv1connect.ConfigServiceHandler.
func (s *configService) DiffRevisions(ctx context.Context, request *connect.Request[judgedv1.DiffRevisionsRequest]) (*connect.Response[judgedv1.DiffRevisionsResponse], error) {
	r := request.Msg
	newer, err := s.found(ctx, "configs.diff", r.GetName(), r.GetTo())
	if err != nil {
		return nil, err
	}
	from := r.GetFrom()
	if from == 0 {
		if from = newer.GetRevision() - 1; from == 0 {
			return nil, invalid("REVISION", "revision 1 of config %q is the first: there is none before it", r.GetName())
		}
	}
	older, err := s.found(ctx, "configs.diff", r.GetName(), from)
	if err != nil {
		return nil, err
	}
	diff, err := config.Diff(older.GetConfig(), newer.GetConfig(), fmt.Sprintf("%s revision %d", r.GetName(), from), fmt.Sprintf("%s revision %d", r.GetName(), newer.GetRevision()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.DiffRevisionsResponse{From: from, To: newer.GetRevision(), Diff: diff}), nil
}

// ExportConfigs implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ExportConfigs(ctx context.Context, request *connect.Request[judgedv1.ExportConfigsRequest]) (*connect.Response[judgedv1.ExportConfigsResponse], error) {
	r := request.Msg
	var (
		page []*judgedv1.StoredConfig
		next string
	)
	if len(r.GetNames()) > 0 {
		for _, name := range r.GetNames() {
			stored, err := s.found(ctx, "configs.export", name, 0)
			if err != nil {
				return nil, err
			}
			page = append(page, stored)
		}
	} else {
		if err := s.guard.allow(ctx, access{action: "configs.export"}); err != nil {
			return nil, err
		}
		var err error
		if page, next, err = s.page(ctx, r.GetPageToken(), pageSize(0)); err != nil {
			return nil, err
		}
	}
	response := &judgedv1.ExportConfigsResponse{NextPageToken: next}
	for _, stored := range page {
		text, err := config.Format(stored.GetConfig())
		if err != nil {
			return nil, err
		}
		response.Configs = append(response.Configs, &judgedv1.ExportedConfig{Name: stored.GetConfig().GetName(), Revision: stored.GetRevision(), Text: string(text)})
	}
	return connect.NewResponse(response), nil
}

// ImportConfigs implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ImportConfigs(ctx context.Context, request *connect.Request[judgedv1.ImportConfigsRequest]) (*connect.Response[judgedv1.ImportConfigsResponse], error) {
	r := request.Msg
	var (
		rows     []store.Config
		problems []string
	)
	seen := map[string]int{}
	applications := map[string]string{}
	for i, text := range r.GetTexts() {
		c, err := config.Parse([]byte(text), fmt.Sprintf("texts[%d]", i))
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		if first, twice := seen[c.GetName()]; twice {
			problems = append(problems, fmt.Sprintf("texts[%d] and texts[%d] are both called %q", first, i, c.GetName()))
			continue
		}
		seen[c.GetName()] = i
		applications[c.GetName()] = c.GetApplication()
		if err := s.mayReplace(ctx, access{action: "configs.import", application: c.GetApplication(), config: c.GetName(), object: c.GetName()}); err != nil {
			return nil, err
		}
		row, err := s.row(ctx, c, r.GetComment())
		if err != nil {
			problems = append(problems, fmt.Sprintf("texts[%d]: %v", i, err))
			continue
		}
		rows = append(rows, row)
	}
	if len(problems) > 0 {
		return nil, &failure{
			code: connect.CodeInvalidArgument, reason: "CONFIG", problems: problems,
			text: "nothing was imported: " + strings.Join(problems, "; "),
		}
	}
	done, err := s.store.PutConfigs(ctx, tenantOf(ctx), rows, s.bounds, r.GetDryRun())
	switch {
	case errors.Is(err, store.ErrTooMany):
		return nil, tooManyConfigs(s.bounds)
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
		return nil, stale("nothing was imported: somebody else changed one of these configs at the same time: import them again")
	case err != nil:
		return nil, err
	}
	response := &judgedv1.ImportConfigsResponse{}
	for _, d := range done {
		change := "updated"
		switch d.Before {
		case 0:
			change = "created"
		case d.Revision:
			change = "unchanged"
		}
		response.Configs = append(response.Configs, &judgedv1.ImportedConfig{Name: d.Name, Revision: d.Revision, Change: change})
		if change != "unchanged" && !r.GetDryRun() {
			s.guard.audit(ctx, access{action: "configs.import", object: d.Name}, fmt.Sprintf("revision %d: %s", d.Revision, r.GetComment()), false)
			s.herald.configChanged(ctx, tenantOf(ctx), d.Name, applications[d.Name], change, d.Revision)
		}
	}
	return connect.NewResponse(response), nil
}

// constrained is the config as an admin's constraints see it: with every default
// filled in, if it has no mistakes.
func constrained(c analysis.Config) policy.Config {
	if full, err := c.WithDefaults(); err == nil {
		c = full
	}
	out := policy.Config{
		Name: c.Name, Application: c.Application, Description: c.Description, Alpha: c.Alpha, Assignment: c.Assignment,
		Schedule: policy.Schedule{
			Warmup: c.Schedule.Warmup, Duration: c.Schedule.Duration, Interval: c.Schedule.Interval, History: c.Schedule.History, LookEvery: c.Schedule.LookEvery,
		},
	}
	if t := c.Traffic; t != nil {
		out.Traffic = &policy.Traffic{Source: t.Source, Query: t.Query, Share: t.Share, Critical: t.Critical}
	}
	for _, m := range c.Metrics {
		out.Metrics = append(out.Metrics, policy.Metric{Signal: m.Signal, Source: m.Source, Query: m.Query, Total: m.Total, Judge: m.Judge, Pods: m.Pods})
	}
	for i := range c.Logs {
		l := &c.Logs[i]
		share := l.Share
		if share == 0 {
			share = math.NaN() // nobody knows it
		}
		out.Logs = append(out.Logs, policy.Log{
			Signal: l.Signal, Source: l.Source, Query: l.Query, Tolerance: l.Tolerance,
			Ratio: l.Ratio, Share: share, SilenceFails: l.SilenceFails, LevelsOnly: l.Severity.LevelsOnly,
		})
	}
	return out
}

// ValidateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ValidateConfig(ctx context.Context, request *connect.Request[judgedv1.ValidateConfigRequest]) (*connect.Response[judgedv1.ValidateConfigResponse], error) {
	if err := s.guard.allow(ctx, access{action: "configs.validate"}); err != nil {
		return nil, err
	}
	response := &judgedv1.ValidateConfigResponse{}
	c, err := config.Parse([]byte(request.Msg.GetText()), "config")
	if err != nil {
		response.Problems = problemsOf(err)
		return connect.NewResponse(response), nil
	}
	response.Problems = append(response.Problems, sourceProblems(c)...)
	response.Problems = append(response.Problems, s.policyProblems(ctx, c, wire.Config(c))...)
	if len(response.GetProblems()) > 0 {
		return connect.NewResponse(response), nil
	}
	if err := s.plan(wire.Config(c), response); err != nil {
		response.Problems = problemsOf(err)
	}
	return connect.NewResponse(response), nil
}

func problemsOf(err error) []string {
	if parse, ok := errors.AsType[*config.ParseError](err); ok {
		return parse.Problems
	}
	if c, ok := errors.AsType[*analysis.ConfigError](err); ok {
		return c.Problems
	}
	return []string{err.Error()}
}

// plan says what the config would ask of whom, and what keeps it from asking.
func (s *configService) plan(c analysis.Config, response *judgedv1.ValidateConfigResponse) error {
	start := c.Schedule.Start
	if start.IsZero() {
		start = s.now().Truncate(time.Second)
	}
	line, err := c.Schedule.Timeline(start)
	if err != nil {
		return err
	}
	p, err := analysis.NewPlan(c, s.sources, line.Window, line.History)
	if err != nil {
		return err
	}
	if variables := c.Variables(); c.Scopes.IsZero() && len(variables) > 0 {
		// Queries cannot be expanded yet; the sources can be checked.
		response.Warnings = append(response.Warnings, fmt.Sprintf(
			"the config has no scopes, so the queries are shown as they are: give ${%s} with every analysis", strings.Join(variables, "}, ${")))
		for _, signal := range p.Signals {
			if _, err := s.sources.Provider(signal.Metric.Source); err != nil {
				response.Problems = append(response.Problems, fmt.Sprintf("metric %q: %v", signal.Metric.Name, err))
			}
			m := &signal.Metric
			response.Queries = append(response.Queries, planned(m.Name, m.Source, m.Query, m.Query, m.Total, m.Total)...)
		}
		for i := range p.Logs {
			l := &p.Logs[i].Log
			if _, err := s.sources.LogProvider(l.Source); err != nil {
				response.Problems = append(response.Problems, fmt.Sprintf("logs %q: %v", l.Name, err))
			}
			response.Queries = append(response.Queries, planned(l.Name, l.Source, l.Query, l.Query)...)
		}
		return nil
	}
	response.Problems = append(response.Problems, planProblems(p)...)
	for _, signal := range p.Signals {
		if signal.Err != nil {
			continue
		}
		response.Queries = append(response.Queries, planned(signal.Metric.Name, signal.Metric.Source, signal.Queries[:]...)...)
	}
	for i := range p.Logs {
		if l := &p.Logs[i]; l.Err == nil {
			response.Queries = append(response.Queries, planned(l.Log.Name, l.Log.Source, l.Queries[:]...)...)
		}
	}
	return nil
}

// planned returns the queries of a signal, by their sides.
func planned(signal, source string, queries ...string) []*judgedv1.PlannedQuery {
	var out []*judgedv1.PlannedQuery
	for side, q := range queries {
		if q != "" {
			out = append(out, &judgedv1.PlannedQuery{Metric: signal, Side: analysis.Side(side).String(), Source: source, Query: q})
		}
	}
	return out
}
