package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// analysisService runs CanaryConfigs on pairs of scopes.
type analysisService struct {
	memory  *analysisMemory
	configs *configMemory
	runner  *runner
	sources *analysis.Sources
	now     func() time.Time
}

// StartAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) StartAnalysis(_ context.Context, request *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	r := request.Msg
	asked, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	// The second of two equal requests gets the first one's analysis, even if
	// it would be refused by now.
	state, err := s.memory.sameKey(r.GetIdempotencyKey(), asked)
	if err != nil {
		return nil, err
	}
	if state == nil {
		if state, err = s.start(r, asked); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(&judgedv1.StartAnalysisResponse{Analysis: state}), nil
}

func digestOf(m proto.Message) (digest, error) {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return sha256.Sum256(bytes), err
}

func (s *analysisService) start(r *judgedv1.StartAnalysisRequest, asked digest) (*judgedv1.Analysis, error) {
	config, revision, err := s.resolve(r)
	if err != nil {
		return nil, err
	}
	if err := checkConfig(config); err != nil {
		return nil, err
	}
	plain := wire.Config(config)
	window, history, err := windowOf(plain.Schedule, s.now())
	if err != nil {
		return nil, invalid("WINDOW", "config %q: %v", plain.Name, err)
	}
	plan, err := analysis.NewPlan(plain, s.sources, window, history)
	if err != nil {
		return nil, err
	}
	if err := checkPlan(plan); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return s.runner.start(&judgedv1.Analysis{
		Id: id.String(), Config: config, ConfigRevision: revision,
		State: judgedv1.AnalysisState_PENDING, Window: wire.WindowProto(window),
	}, plan, r.GetIdempotencyKey(), asked)
}

// resolve returns the config as it will be used, and its revision.
func (s *analysisService) resolve(r *judgedv1.StartAnalysisRequest) (*judgedv1.CanaryConfig, int64, error) {
	config, revision := r.GetInline(), int64(0)
	if name := r.GetStored(); name != "" {
		stored, err := s.configs.get(name, r.GetConfigRevision())
		if err != nil {
			return nil, 0, err
		}
		config, revision = stored.GetConfig(), stored.GetRevision()
	} else if r.GetConfigRevision() != 0 {
		return nil, 0, invalid("CONFIG_REVISION", "configRevision: an inline config has no revisions: name a stored config, or leave the revision out")
	}
	if config == nil {
		return nil, 0, invalid("CONFIG", "stored: the name of the config is empty")
	}
	config = proto.CloneOf(config)
	if r.GetScopes() != nil {
		config.Scopes = r.GetScopes()
	}
	if w := r.GetWindow(); w != nil {
		window, err := pastWindow(w, s.now())
		if err != nil {
			return nil, 0, err
		}
		if config.GetSchedule() == nil {
			config.Schedule = &judgedv1.Schedule{}
		}
		config.Schedule.Start = timestamppb.New(window.Start)
		config.Schedule.Warmup = nil
		config.Schedule.Duration = durationpb.New(window.Duration())
	}
	return config, revision, nil
}

func pastWindow(w *judgedv1.Window, now time.Time) (metrics.Window, error) {
	if !w.GetStart().IsValid() || !w.GetEnd().IsValid() {
		return metrics.Window{}, invalid("WINDOW", "window: it needs a start and an end, such as 2026-01-31T12:00:00Z")
	}
	window := wire.Window(w)
	if window.Duration() <= 0 {
		return metrics.Window{}, invalid("WINDOW", "window: its end %s is not after its start %s", rfc3339(window.End), rfc3339(window.Start))
	}
	if window.End.After(now) {
		return metrics.Window{}, notYet("WINDOW_NOT_PAST",
			"window: it ends at %s, in %v, but an explicit window must be past: start the analysis again then; or leave the window out and set schedule.start, and the analysis waits for the end of its schedule",
			rfc3339(window.End), window.End.Sub(now).Round(time.Second))
	}
	return window, nil
}

// longestWait bounds how far ahead a schedule may end: the longest duration
// and warm-up, and some days until the release.
const longestWait = 45 * 24 * time.Hour

// windowOf returns what the schedule judges, whole: an analysis waits for the
// end of its window.
func windowOf(s analysis.Schedule, now time.Time) (window, history metrics.Window, err error) {
	if !s.Start.IsZero() {
		duration := s.Duration
		if duration == 0 {
			duration = analysis.DefaultDuration
		}
		end := s.Start.Add(s.Warmup + duration)
		if end.Sub(now) > longestWait {
			return window, history, fmt.Errorf("its schedule ends at %s, but an analysis waits for at most %v", rfc3339(end), longestWait)
		}
		if end.After(now) {
			now = end
		}
	}
	return s.Window(now)
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// maxConfig bounds a config, as package config does for files.
const maxConfig = 4 << 20

// sourceName is what the settings allow as a source's name.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// checkConfig refuses what the schema cannot: sources that are no names,
// times that no calendar has, and too much of everything.
func checkConfig(c *judgedv1.CanaryConfig) error {
	if size := proto.Size(c); size > maxConfig {
		return invalid("CONFIG", "config %q has %d bytes: the limit is %d", c.GetName(), size, maxConfig)
	}
	s := c.GetSchedule()
	if s.GetStart() != nil && !s.GetStart().IsValid() {
		return invalid("SCHEDULE", "config %q: schedule.start is no moment between the years 1 and 9999", c.GetName())
	}
	for _, d := range []*durationpb.Duration{s.GetWarmup(), s.GetDuration(), s.GetInterval(), s.GetHistory(), s.GetLookEvery()} {
		if d != nil && !d.IsValid() {
			return invalid("SCHEDULE", "config %q: the schedule has a malformed duration (seconds and nanos of different signs)", c.GetName())
		}
	}
	for _, m := range c.GetMetrics() {
		if !sourceName.MatchString(m.GetSource()) {
			return invalid("SOURCE", "metric %q: %s", m.GetName(), notASourceName(m.GetSource()))
		}
	}
	if t := c.GetTraffic(); t != nil && !sourceName.MatchString(t.GetSource()) {
		return invalid("SOURCE", "traffic: %s", notASourceName(t.GetSource()))
	}
	return nil
}

func notASourceName(source string) string {
	return fmt.Sprintf("%.100q is no source's name: sources are named in the server's settings; callers cannot point the server at an address", source)
}

// checkPlan refuses a plan of which nothing can be asked. If only some
// metrics cannot, the analysis says so in their findings and judges the rest.
func checkPlan(p *analysis.Plan) error {
	problems := planProblems(p)
	if len(problems) < len(p.Signals) {
		return nil
	}
	text := fmt.Sprintf("nothing of config %q can be asked: %s", p.Config.Name, strings.Join(problems, "; "))
	if p.Config.Scopes.IsZero() {
		text += " (neither the config nor the request has scopes: send scopes with a baseline and a canary)"
	}
	return &failure{code: connect.CodeInvalidArgument, reason: "NOTHING_TO_ASK", text: text, problems: problems}
}

func planProblems(p *analysis.Plan) []string {
	var problems []string
	for _, s := range p.Signals {
		if s.Err != nil {
			problems = append(problems, fmt.Sprintf("metric %q: %v", s.Metric.Name, s.Err))
		}
	}
	return problems
}

// GetAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) GetAnalysis(_ context.Context, request *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	record, err := s.memory.find(request.Msg.GetId())
	if err != nil {
		return nil, err
	}
	state, _ := s.memory.look(record)
	return connect.NewResponse(&judgedv1.GetAnalysisResponse{Analysis: state}), nil
}

// ListAnalyses implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) ListAnalyses(_ context.Context, request *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	r := request.Msg
	filter := fmt.Sprintf("%q %d %d", r.GetConfig(), r.GetState(), r.GetVerdict())
	var before int64
	if token := r.GetPageToken(); token != "" {
		position, err := readPageToken(token, "analyses", filter)
		if err == nil {
			before, err = strconv.ParseInt(position, 10, 64)
		}
		if err != nil || before <= 0 {
			return nil, badPageToken()
		}
	}
	page, next := s.memory.list(before, pageSize(r.GetPageSize()), func(a *judgedv1.Analysis) bool {
		return (r.GetConfig() == "" || a.GetConfig().GetName() == r.GetConfig()) &&
			(r.GetState() == 0 || a.GetState() == r.GetState()) &&
			(r.GetVerdict() == 0 || a.GetJudgment().GetVerdict() == r.GetVerdict())
	})
	response := &judgedv1.ListAnalysesResponse{Analyses: page}
	if next > 0 {
		response.NextPageToken = pageToken(strconv.FormatInt(next, 10), "analyses", filter)
	}
	return connect.NewResponse(response), nil
}

// WatchAnalysis implements judgedv1connect.AnalysisServiceHandler. A reader
// that is slower than the analysis gets the latest state and not each one.
func (s *analysisService) WatchAnalysis(ctx context.Context, request *connect.Request[judgedv1.WatchAnalysisRequest], stream *connect.ServerStream[judgedv1.WatchAnalysisResponse]) error {
	record, err := s.memory.find(request.Msg.GetId())
	if err != nil {
		return err
	}
	sent := request.Msg.GetAfterVersion()
	for {
		state, changed := s.memory.look(record)
		if state.GetVersion() > sent {
			if err := stream.Send(&judgedv1.WatchAnalysisResponse{Analysis: state}); err != nil {
				return err
			}
			sent = state.GetVersion()
		}
		if ended(state) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// CancelAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) CancelAnalysis(_ context.Context, request *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	record, err := s.memory.find(request.Msg.GetId())
	if err != nil {
		return nil, err
	}
	reason := request.Msg.GetReason()
	if reason == "" {
		reason = "a caller cancelled it and gave no reason"
	}
	state, _ := s.runner.cancel(record, canceled(reason))
	return connect.NewResponse(&judgedv1.CancelAnalysisResponse{Analysis: state}), nil
}

// canceled is a caller's reason as the cause of the work's end.
type canceled string

func (c canceled) Error() string { return string(c) }
