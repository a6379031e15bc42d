// Package wire translates between the contract's messages (proto/judged/v1)
// and the library's plain structs, in one place for the server, the client,
// the command line and the config loader.
package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Config returns the plain form of a validated message. What the message
// leaves open (kind, direction) is filled in here; margins and the schedule's
// defaults belong to the analysis.
func Config(c *judgedv1.CanaryConfig) analysis.Config {
	out := analysis.Config{
		Name:        c.GetName(),
		Description: c.GetDescription(),
		Application: c.GetApplication(),
		Scopes:      Scopes(c.GetScopes()),
		Schedule: analysis.Schedule{
			Start:     timeOf(c.GetSchedule().GetStart()),
			Warmup:    c.GetSchedule().GetWarmup().AsDuration(),
			Duration:  c.GetSchedule().GetDuration().AsDuration(),
			Interval:  c.GetSchedule().GetInterval().AsDuration(),
			History:   c.GetSchedule().GetHistory().AsDuration(),
			LookEvery: c.GetSchedule().GetLookEvery().AsDuration(),
		},
		Assignment: assignmentOf(c.GetAssignment()),
		Alpha:      c.GetDecision().GetAlpha(),
	}
	if t := c.GetTraffic(); t != nil {
		out.Traffic = &analysis.Traffic{Source: t.GetSource(), Query: t.GetQuery(), Share: t.GetShare().GetValue(), Critical: t.GetCritical()}
	}
	for _, m := range c.GetMetrics() {
		out.Metrics = append(out.Metrics, metric(m))
	}
	return out
}

// ConfigProto is the inverse of Config.
func ConfigProto(c analysis.Config) *judgedv1.CanaryConfig {
	out := &judgedv1.CanaryConfig{
		Name:        c.Name,
		Description: c.Description,
		Application: c.Application,
		Scopes:      ScopesProto(c.Scopes),
		Schedule: &judgedv1.Schedule{
			Start:     timestamp(c.Schedule.Start),
			Warmup:    duration(c.Schedule.Warmup),
			Duration:  duration(c.Schedule.Duration),
			Interval:  duration(c.Schedule.Interval),
			History:   duration(c.Schedule.History),
			LookEvery: duration(c.Schedule.LookEvery),
		},
		Assignment: assignmentProto(c.Assignment),
	}
	if t := c.Traffic; t != nil {
		out.Traffic = &judgedv1.Traffic{Source: t.Source, Query: t.Query, Share: wrapped(t.Share), Critical: t.Critical}
	}
	if c.Alpha != 0 {
		out.Decision = &judgedv1.Decision{Alpha: &c.Alpha}
	}
	for _, m := range c.Metrics {
		p := &judgedv1.Metric{
			Name: m.Name, Source: m.Source, Query: m.Query, Total: m.Total, Judge: m.Judge,
			Kind: kindProto(m.Kind), Direction: directionProto(m.Direction),
			Critical: m.Critical, Weight: m.Weight, Unit: m.Unit,
			Pods: m.Pods, Slo: wrapped(m.SLO),
		}
		if m.HasMargin {
			p.Margin = marginProto(m.Margin)
		}
		if m.HasTolerance {
			p.Tolerance = marginProto(m.Tolerance)
		}
		out.Metrics = append(out.Metrics, p)
	}
	return out
}

func metric(m *judgedv1.Metric) analysis.Metric {
	kind := kindOf(m.GetKind(), m.GetTotal() != "")
	return analysis.Metric{
		Signal: judge.Signal{
			Name: m.GetName(), Kind: kind, Unit: m.GetUnit(),
			Direction: directionOf(m.GetDirection(), kind, m.GetJudge()),
			Critical:  m.GetCritical(), Weight: m.GetWeight(),
			Margin: marginOf(m.GetMargin()), Tolerance: marginOf(m.GetTolerance()),
		},
		HasMargin:    m.GetMargin() != nil,
		HasTolerance: m.GetTolerance() != nil,
		Source:       m.GetSource(), Query: m.GetQuery(), Total: m.GetTotal(), Judge: m.GetJudge(),
		Pods: m.GetPods(), SLO: m.GetSlo().GetValue(),
	}
}

// wrapped returns a number that may be left out; 0 is not given.
func wrapped(v float64) *wrapperspb.DoubleValue {
	if v == 0 {
		return nil
	}
	return wrapperspb.Double(v)
}

// Scopes returns the plain form.
func Scopes(s *judgedv1.Scopes) analysis.Scopes {
	return analysis.Scopes{Baseline: s.GetBaseline().GetVariables(), Canary: s.GetCanary().GetVariables()}
}

// ScopesProto is the inverse of Scopes; nil if both sides are empty.
func ScopesProto(s analysis.Scopes) *judgedv1.Scopes {
	if s.IsZero() {
		return nil
	}
	return &judgedv1.Scopes{
		Baseline: &judgedv1.Scope{Variables: s.Baseline},
		Canary:   &judgedv1.Scope{Variables: s.Canary},
	}
}

// Window returns the plain form; zero for nil.
func Window(w *judgedv1.Window) metrics.Window {
	return metrics.Window{Start: timeOf(w.GetStart()), End: timeOf(w.GetEnd())}
}

// WindowProto is the inverse of Window; nil for an empty one.
func WindowProto(w metrics.Window) *judgedv1.Window {
	if w.Duration() <= 0 {
		return nil
	}
	return &judgedv1.Window{Start: timestamp(w.Start), End: timestamp(w.End)}
}

// Settings returns the sources of a settings file.
func Settings(s *judgedv1.Settings) []metrics.Settings {
	var out []metrics.Settings
	for name, p := range s.GetSources() {
		one := metrics.Settings{
			Name: name, Provider: p.GetProvider(), URL: p.GetUrl(),
			BasicUser: p.GetBasic().GetUsername(), BasicPassword: secret(p.GetBasic().GetPassword()),
			Bearer: secret(p.GetBearer()), APIKey: secret(p.GetApiKey()), AppKey: secret(p.GetAppKey()),
			TLS: metrics.TLS{
				CAFile: p.GetTls().GetCaFile(), CertFile: p.GetTls().GetCertFile(), KeyFile: p.GetTls().GetKeyFile(),
				ServerName: p.GetTls().GetServerName(), InsecureSkipVerify: p.GetTls().GetInsecureSkipVerify(),
			},
			Timeout:          p.GetTimeout().AsDuration(),
			Attempts:         int(p.GetAttempts()),
			Concurrency:      int(p.GetConcurrency()),
			MaxResponseBytes: p.GetMaxResponseBytes(),
		}
		for k, v := range p.GetHeaders() {
			if one.Headers == nil {
				one.Headers = map[string]metrics.Secret{}
			}
			one.Headers[k] = secret(v)
		}
		out = append(out, one)
	}
	return out
}

func secret(s *judgedv1.Secret) metrics.Secret {
	return metrics.Secret{Env: s.GetEnv(), File: s.GetFile(), Value: s.GetValue()}
}

func marginOf(m *judgedv1.Margin) judge.Margin {
	return judge.Margin{Relative: m.GetRelative(), Absolute: m.GetAbsolute()}
}

func marginProto(m judge.Margin) *judgedv1.Margin {
	p := &judgedv1.Margin{Relative: &m.Relative}
	if m.Absolute != 0 {
		p.Absolute = &m.Absolute
	}
	return p
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}
