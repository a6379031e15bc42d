package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// configService keeps CanaryConfigs with every revision.
type configService struct {
	memory  *configMemory
	sources *analysis.Sources
	now     func() time.Time
}

// CreateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) CreateConfig(_ context.Context, request *connect.Request[judgedv1.CreateConfigRequest]) (*connect.Response[judgedv1.CreateConfigResponse], error) {
	if err := s.check(request.Msg.GetConfig()); err != nil {
		return nil, err
	}
	stored, err := s.memory.create(request.Msg.GetConfig())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.CreateConfigResponse{Stored: stored}), nil
}

// check refuses what could never run. Sources and scopes may come later.
func (s *configService) check(c *judgedv1.CanaryConfig) error {
	if err := checkConfig(c); err != nil {
		return err
	}
	_, err := analysis.NewPlan(wire.Config(c), s.sources, metrics.Window{}, metrics.Window{})
	return err
}

// GetConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) GetConfig(_ context.Context, request *connect.Request[judgedv1.GetConfigRequest]) (*connect.Response[judgedv1.GetConfigResponse], error) {
	stored, err := s.memory.get(request.Msg.GetName(), request.Msg.GetRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.GetConfigResponse{Stored: stored}), nil
}

// ListConfigs implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ListConfigs(_ context.Context, request *connect.Request[judgedv1.ListConfigsRequest]) (*connect.Response[judgedv1.ListConfigsResponse], error) {
	var after string
	if token := request.Msg.GetPageToken(); token != "" {
		var err error
		if after, err = readPageToken(token, "configs", ""); err != nil {
			return nil, badPageToken()
		}
	}
	page, next := s.memory.list(after, pageSize(request.Msg.GetPageSize()))
	response := &judgedv1.ListConfigsResponse{Configs: page}
	if next != "" {
		response.NextPageToken = pageToken(next, "configs", "")
	}
	return connect.NewResponse(response), nil
}

// UpdateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) UpdateConfig(_ context.Context, request *connect.Request[judgedv1.UpdateConfigRequest]) (*connect.Response[judgedv1.UpdateConfigResponse], error) {
	if err := s.check(request.Msg.GetConfig()); err != nil {
		return nil, err
	}
	stored, err := s.memory.update(request.Msg.GetConfig(), request.Msg.GetExpectedRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.UpdateConfigResponse{Stored: stored}), nil
}

// DeleteConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) DeleteConfig(_ context.Context, request *connect.Request[judgedv1.DeleteConfigRequest]) (*connect.Response[judgedv1.DeleteConfigResponse], error) {
	if err := s.memory.delete(request.Msg.GetName()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.DeleteConfigResponse{}), nil
}

// ValidateConfig implements judgedv1connect.ConfigServiceHandler.
func (s *configService) ValidateConfig(_ context.Context, request *connect.Request[judgedv1.ValidateConfigRequest]) (*connect.Response[judgedv1.ValidateConfigResponse], error) {
	response := &judgedv1.ValidateConfigResponse{}
	c, err := config.Parse([]byte(request.Msg.GetText()), "config")
	if err != nil {
		response.Problems = problemsOf(err)
		return connect.NewResponse(response), nil
	}
	for _, m := range c.GetMetrics() {
		if !sourceName.MatchString(m.GetSource()) {
			response.Problems = append(response.Problems, fmt.Sprintf("metric %q: %s", m.GetName(), notASourceName(m.GetSource())))
		}
	}
	if t := c.GetTraffic(); t != nil && !sourceName.MatchString(t.GetSource()) {
		response.Problems = append(response.Problems, "traffic: "+notASourceName(t.GetSource()))
	}
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
	window, history, err := windowOf(c.Schedule, s.now())
	if err != nil {
		return err
	}
	p, err := analysis.NewPlan(c, s.sources, window, history)
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
			response.Queries = append(response.Queries, planned(signal.Metric, [...]string{
				signal.Metric.Query, signal.Metric.Query, signal.Metric.Total, signal.Metric.Total,
			})...)
		}
		return nil
	}
	response.Problems = append(response.Problems, planProblems(p)...)
	for _, signal := range p.Signals {
		if signal.Err != nil {
			continue
		}
		response.Queries = append(response.Queries, planned(signal.Metric, signal.Queries)...)
	}
	return nil
}

func planned(m analysis.Metric, queries [4]string) []*judgedv1.PlannedQuery {
	var out []*judgedv1.PlannedQuery
	for side, q := range queries {
		if q != "" {
			out = append(out, &judgedv1.PlannedQuery{Metric: m.Name, Side: analysis.Side(side).String(), Source: m.Source, Query: q})
		}
	}
	return out
}
