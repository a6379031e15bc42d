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
			Start:     Time(c.GetSchedule().GetStart()),
			Warmup:    c.GetSchedule().GetWarmup().AsDuration(),
			Duration:  c.GetSchedule().GetDuration().AsDuration(),
			Interval:  c.GetSchedule().GetInterval().AsDuration(),
			History:   c.GetSchedule().GetHistory().AsDuration(),
			LookEvery: c.GetSchedule().GetLookEvery().AsDuration(),
			Grace:     c.GetSchedule().GetGrace().AsDuration(),
			Sliding:   c.GetSchedule().GetSliding().AsDuration(),
			Stop:      stopOf(c.GetSchedule().GetStop()),
		},
		Assignment: assignmentOf(c.GetAssignment()),
		Alpha:      c.GetDecision().GetAlpha(),
		Rules: analysis.Rules{
			Fail: c.GetDecision().GetFail(), Inconclusive: c.GetDecision().GetInconclusive(), Pass: c.GetDecision().GetPass(),
		},
	}
	if t := c.GetTraffic(); t != nil {
		out.Traffic = &analysis.Traffic{Source: t.GetSource(), Query: t.GetQuery(), Share: t.GetShare().GetValue(), Critical: t.GetCritical()}
	}
	for _, m := range c.GetMetrics() {
		out.Metrics = append(out.Metrics, metric(m))
	}
	for _, l := range c.GetLogs() {
		out.Logs = append(out.Logs, logOf(l))
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
			Grace:     duration(c.Schedule.Grace),
			Sliding:   duration(c.Schedule.Sliding),
			Stop:      stopProto(c.Schedule.Stop),
		},
		Assignment: assignmentProto(c.Assignment),
	}
	if t := c.Traffic; t != nil {
		out.Traffic = &judgedv1.Traffic{Source: t.Source, Query: t.Query, Share: wrapped(t.Share), Critical: t.Critical}
	}
	if c.Alpha != 0 || c.Rules != (analysis.Rules{}) {
		out.Decision = &judgedv1.Decision{Fail: c.Rules.Fail, Inconclusive: c.Rules.Inconclusive, Pass: c.Rules.Pass}
		if c.Alpha != 0 {
			out.Decision.Alpha = &c.Alpha
		}
	}
	for _, m := range c.Metrics {
		p := &judgedv1.Metric{
			Name: m.Name, Source: m.Source, Query: m.Query, Total: m.Total, Judge: m.Judge,
			Kind: kindProto(m.Kind), Direction: DirectionProto(m.Direction),
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
	for i := range c.Logs {
		out.Logs = append(out.Logs, logProto(&c.Logs[i]))
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
	return metrics.Window{Start: Time(w.GetStart()), End: Time(w.GetEnd())}
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
			BasicUser: p.GetBasic().GetUsername(), BasicPassword: Secret(p.GetBasic().GetPassword()),
			Bearer: Secret(p.GetBearer()), APIKey: Secret(p.GetApiKey()), AppKey: Secret(p.GetAppKey()),
			TLS:               TLS(p.GetTls()),
			Timeout:           p.GetTimeout().AsDuration(),
			Attempts:          int(p.GetAttempts()),
			Concurrency:       int(p.GetConcurrency()),
			MaxResponseBytes:  p.GetMaxResponseBytes(),
			RequestsPerSecond: p.GetRequestsPerSecond(),
			Burst:             int(p.GetBurst()),
			RequestsPerDay:    int(p.GetRequestsPerDay()),
			MaxWait:           p.GetMaxWait().AsDuration(),
			Headers:           Secrets(p.GetHeaders()),
		}
		out = append(out, one)
	}
	return out
}

// TLS returns the plain form.
func TLS(t *judgedv1.TLS) metrics.TLS {
	return metrics.TLS{
		CAFile: t.GetCaFile(), CertFile: t.GetCertFile(), KeyFile: t.GetKeyFile(),
		ServerName: t.GetServerName(), InsecureSkipVerify: t.GetInsecureSkipVerify(),
	}
}

// Secrets returns the plain form of secrets by name; nil for none.
func Secrets(named map[string]*judgedv1.Secret) map[string]metrics.Secret {
	if len(named) == 0 {
		return nil
	}
	out := make(map[string]metrics.Secret, len(named))
	for name, s := range named {
		out[name] = Secret(s)
	}
	return out
}

// Secret returns the plain form.
func Secret(s *judgedv1.Secret) metrics.Secret {
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

// Time returns the plain form; the zero time for nil.
func Time(t *timestamppb.Timestamp) time.Time {
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
