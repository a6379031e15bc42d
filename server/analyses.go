package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// analysisService runs CanaryConfigs on pairs of scopes.
type analysisService struct {
	store   *store.Store
	configs *configService
	guard   *guard
	sources *analysis.Sources
	hub     *hub
	herald  *herald
	looks   *schedule.Worker
	version string
	live    int
	link    func(id string) string
	now     func() time.Time
}

// StartAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) StartAnalysis(ctx context.Context, request *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	r := request.Msg
	asked, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.hub.stopping:
		return nil, stopping()
	default:
	}
	state, err := s.start(ctx, r, asked)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.StartAnalysisResponse{Analysis: state}), nil
}

func digestOf(m proto.Message) ([]byte, error) {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	sum := sha256.Sum256(bytes)
	return sum[:], err
}

func (s *analysisService) start(ctx context.Context, r *judgedv1.StartAnalysisRequest, asked []byte) (*judgedv1.Analysis, error) {
	what := access{action: "analyses.start", config: r.GetStored(), application: r.GetInline().GetApplication()}
	if r.GetInline() != nil {
		what.config = r.GetInline().GetName()
	}
	// The second of two equal requests gets the first one's analysis, even if
	// it would be refused by now.
	if key := r.GetIdempotencyKey(); key != "" {
		id, err := s.store.SameKey(ctx, tenantOf(ctx), key, asked)
		if err != nil || id != "" {
			return s.sameKey(ctx, what, key, id, err)
		}
	}
	config, revision, err := s.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	what.application, what.config = config.GetApplication(), config.GetName()
	if err := s.guard.allow(ctx, what); err != nil {
		return nil, err
	}
	if err := s.configs.check(ctx, config); err != nil {
		return nil, err
	}
	a, err := s.plan(ctx, r, config, revision)
	if err != nil {
		return nil, err
	}
	row, err := write(tenantOf(ctx), a, nil)
	if err != nil {
		return nil, err
	}
	row.Key, row.Request = r.GetIdempotencyKey(), asked
	if row.Config, err = pack(config); err != nil {
		return nil, err
	}
	tasks := append(s.herald.started(ctx, row.Tenant, a), store.Task{
		ID: store.LookTask(a.GetId()), Kind: lookKind, Lane: laneOf(config), Tenant: row.Tenant, Subject: a.GetId(), Due: wire.Time(a.GetNextLookTime()),
	})
	id, started, err := s.store.Start(ctx, row, s.live, tasks...)
	if err != nil || !started {
		if e, ok := errors.AsType[*store.TooManyError](err); ok {
			return nil, exhausted("TOO_MANY_ANALYSES", 10*time.Second,
				"%d analyses are pending or running, which is the limit: start this one again when some have ended", e.Have)
		}
		return s.sameKey(ctx, what, r.GetIdempotencyKey(), id, err)
	}
	what.object = a.GetId()
	s.guard.audit(ctx, what, fmt.Sprintf("config %s revision %d", config.GetName(), revision), false)
	s.herald.wake(tasks)
	s.looks.Wake()
	a.Url = s.link(a.GetId())
	return a, nil
}

// sameKey returns the analysis that a key stands for.
func (s *analysisService) sameKey(ctx context.Context, what access, key, id string, err error) (*judgedv1.Analysis, error) {
	reused := errors.Is(err, store.ErrConflict)
	if err != nil && !reused {
		return nil, err
	}
	known, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	what.application, what.config, what.object = known.row.Application, known.row.ConfigName, id
	if err := s.guard.allow(ctx, what); err != nil {
		return nil, err
	}
	if reused {
		return nil, alreadyExists("IDEMPOTENCY_KEY_REUSED",
			"idempotency key %q already started analysis %s with a different request: send that request again to get its analysis, or take a new key", key, id)
	}
	return known.state, nil
}

// laneOf keeps analyses that wait for different sources out of each other's way.
func laneOf(c *judgedv1.CanaryConfig) string {
	names := map[string]bool{}
	for _, m := range c.GetMetrics() {
		names[m.GetSource()] = true
	}
	for _, l := range c.GetLogs() {
		names[l.GetSource()] = true
	}
	if t := c.GetTraffic(); t != nil {
		names[t.GetSource()] = true
	}
	lane := strings.Join(slices.Sorted(maps.Keys(names)), ",")
	if len(lane) > 255 {
		lane = lane[:255]
	}
	return lane
}

// Defaults of a live analysis.
const (
	defaultGrace  = 10 * time.Second
	defaultExpiry = time.Hour
)

// plan returns the new analysis. What the schedule left open is filled in, so
// that the analysis says how it will look.
func (s *analysisService) plan(ctx context.Context, r *judgedv1.StartAnalysisRequest, config *judgedv1.CanaryConfig, revision int64) (*judgedv1.Analysis, error) {
	now := s.now()
	if config.GetSchedule() == nil {
		config.Schedule = &judgedv1.Schedule{}
	}
	schedule := config.GetSchedule()
	if r.GetStart() != nil {
		if !r.GetStart().IsValid() {
			return nil, invalid("START", "start: it is no moment between the years 1 and 9999")
		}
		schedule.Start = r.GetStart()
	}
	if schedule.GetStart() == nil {
		schedule.Start = timestamppb.New(now.Truncate(time.Second))
	}
	plain := wire.Config(config)
	interval := cmp.Or(plain.Schedule.Interval, min(analysis.DefaultInterval, cmp.Or(plain.Schedule.Duration, analysis.DefaultDuration)))
	line, err := plain.Schedule.Timeline(plain.Schedule.Start)
	if err != nil {
		return nil, invalid("SCHEDULE", "config %q: %v", plain.Name, err)
	}
	if ends := line.Window.End; ends.Sub(now) > longestWait {
		return nil, invalid("WINDOW", "config %q: its schedule ends at %s, but an analysis waits for at most %v", plain.Name, rfc3339(ends), longestWait)
	} else if ends.After(now) { // live
		if schedule.GetGrace() == nil {
			schedule.Grace = durationpb.New(min(defaultGrace, interval/2))
		}
		if schedule.GetLookEvery() == nil {
			every := interval
			if n := int(line.Window.Duration() / interval); n > analysis.MaxLooks {
				every *= time.Duration((n-1)/analysis.MaxLooks + 1)
			}
			schedule.LookEvery = durationpb.New(every)
		}
		plain = wire.Config(config)
		if line, err = plain.Schedule.Timeline(plain.Schedule.Start); err != nil {
			return nil, invalid("SCHEDULE", "config %q: %v", plain.Name, err)
		}
	}
	first, err := line.Plan(plain, s.sources, 1)
	if err != nil {
		return nil, err
	}
	if err := checkPlan(first); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	// What was due long ago (a past window) has its time from now.
	expiry := defaultExpiry
	if r.GetExpireAfter() != nil {
		expiry = r.GetExpireAfter().AsDuration()
	}
	last := line.Due(line.Looks())
	if last.Before(now) {
		last = now
	}
	stamp := timestamppb.New(now.Truncate(time.Microsecond)) // what the store keeps
	return &judgedv1.Analysis{
		Id: id.String(), Config: config, ConfigRevision: revision, State: judgedv1.AnalysisState_PENDING, Window: wire.WindowProto(line.Window),
		CreateTime: stamp, UpdateTime: stamp, Version: 1, CreatedBy: callerOf(ctx).Name, PlannedLooks: int32(line.Looks()),
		NextLookTime: timestamppb.New(line.Due(1)), ExpireTime: timestamppb.New(last.Add(expiry)),
		JudgedVersion: s.version, Labels: r.GetLabels(),
	}, nil
}

// resolve returns the config as it will be used, and its revision.
func (s *analysisService) resolve(ctx context.Context, r *judgedv1.StartAnalysisRequest) (*judgedv1.CanaryConfig, int64, error) {
	config, revision := r.GetInline(), int64(0)
	if name := r.GetStored(); name != "" {
		stored, err := s.configs.find(ctx, name, r.GetConfigRevision())
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
		// The warm-up before it is no history: the release had begun.
		schedule := config.GetSchedule()
		schedule.Start = timestamppb.New(window.Start.Add(-schedule.GetWarmup().AsDuration()))
		schedule.Duration = durationpb.New(window.Duration())
		schedule.LookEvery, schedule.Sliding = nil, nil
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
	for _, d := range []*durationpb.Duration{s.GetWarmup(), s.GetDuration(), s.GetInterval(), s.GetHistory(), s.GetLookEvery(), s.GetGrace(), s.GetSliding()} {
		if d != nil && !d.IsValid() {
			return invalid("SCHEDULE", "config %q: the schedule has a malformed duration (seconds and nanos of different signs)", c.GetName())
		}
	}
	for _, l := range c.GetLogs() {
		for _, p := range l.GetPins() {
			if p.GetUntil() != nil && !p.GetUntil().IsValid() {
				return invalid("PIN", "logs %q: the pin of %s ends at no moment between the years 1 and 9999", l.GetName(), p.GetTemplate())
			}
		}
	}
	if problems := sourceProblems(c); len(problems) > 0 {
		return invalid("SOURCE", "%s", problems[0])
	}
	return nil
}

// sourceProblems returns where a config names as a source what is no name: a path
// or an address would be opened by the command line.
func sourceProblems(c *judgedv1.CanaryConfig) []string {
	var problems []string
	check := func(what, source string) {
		if !sourceName.MatchString(source) {
			problems = append(problems, what+": "+notASourceName(source))
		}
	}
	for _, m := range c.GetMetrics() {
		check(fmt.Sprintf("metric %q", m.GetName()), m.GetSource())
	}
	for _, l := range c.GetLogs() {
		check(fmt.Sprintf("logs %q", cmp.Or(l.GetName(), analysis.LogSignal)), l.GetSource())
	}
	if t := c.GetTraffic(); t != nil {
		check("traffic", t.GetSource())
	}
	return problems
}

func notASourceName(source string) string {
	return fmt.Sprintf("%.100q is no source's name: sources are named in the server's settings; callers cannot point the server at an address", source)
}

// checkPlan refuses a plan of which nothing can be asked. If only some
// signals cannot, the analysis says so in their findings and judges the rest.
func checkPlan(p *analysis.Plan) error {
	problems := planProblems(p)
	if len(problems) < len(p.Signals)+len(p.Logs) {
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
	for i := range p.Logs {
		if l := &p.Logs[i]; l.Err != nil {
			problems = append(problems, fmt.Sprintf("logs %q: %v", l.Log.Name, l.Err))
		}
	}
	return problems
}

// find returns an analysis of the caller's tenant.
func (s *analysisService) find(ctx context.Context, id string) (*kept, error) {
	row, err := s.store.Analysis(ctx, tenantOf(ctx), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("ANALYSIS", "there is no analysis %q here: it was never started, or has been forgotten", id)
	}
	if err != nil {
		return nil, err
	}
	return s.read(row)
}

// read returns a stored analysis as callers see it.
func (s *analysisService) read(row store.Analysis) (*kept, error) {
	k, err := read(row)
	if err == nil {
		k.state.Url = s.link(row.ID)
	}
	return k, err
}

// found returns an analysis that the caller may do something to.
func (s *analysisService) found(ctx context.Context, action, id string) (*kept, error) {
	k, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return k, s.guard.allow(ctx, access{action: action, application: k.row.Application, config: k.row.ConfigName, object: id})
}

// GetAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) GetAnalysis(ctx context.Context, request *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	r := request.Msg
	k, err := s.found(ctx, "analyses.get", r.GetId())
	if err != nil {
		return nil, err
	}
	if wait := r.GetWait().AsDuration(); wait > 0 && k.state.GetVersion() <= r.GetAfterVersion() && !ended(k.state.GetState()) {
		if k, err = s.waitFor(ctx, r.GetId(), r.GetAfterVersion(), wait); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(&judgedv1.GetAnalysisResponse{Analysis: k.state}), nil
}

// waitFor returns the analysis when it is newer than a version, or after wait.
func (s *analysisService) waitFor(ctx context.Context, id string, version int64, wait time.Duration) (*kept, error) {
	if err := amongWatches(ctx); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok { // an answer without news is better than none
		left := time.Until(deadline)
		wait = min(wait, left-min(left/10, time.Second))
	}
	changed, stop := s.hub.watch(id)
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		k, err := s.find(ctx, id) // it may have changed before the watch began
		if err != nil || k.state.GetVersion() > version || ended(k.state.GetState()) {
			return k, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return k, nil
		case <-s.hub.stopping:
			return k, nil // the next call finds another replica
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ListAnalyses implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) ListAnalyses(ctx context.Context, request *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	r := request.Msg
	if err := s.guard.allow(ctx, access{action: "analyses.list", application: r.GetApplication(), config: r.GetConfig()}); err != nil {
		return nil, err
	}
	same := proto.CloneOf(r)
	same.PageSize, same.PageToken = 0, ""
	digest, err := digestOf(same)
	if err != nil {
		return nil, err
	}
	filter := store.Filter{
		Tenant: tenantOf(ctx), ConfigName: r.GetConfig(), Application: r.GetApplication(), State: int(r.GetState()), Verdict: int(r.GetVerdict()),
		From: wire.Time(r.GetCreatedFrom()), Before: wire.Time(r.GetCreatedBefore()), Labels: r.GetLabels(),
	}
	if token := r.GetPageToken(); token != "" {
		if filter.After, err = readPageToken(token, "analyses", string(digest)); err != nil {
			return nil, badPageToken()
		}
	}
	n := pageSize(r.GetPageSize())
	rows, err := s.store.Analyses(ctx, filter, n+1)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.ListAnalysesResponse{}
	bytes := 0
	for i, row := range rows {
		k, err := s.read(row)
		if err != nil {
			return nil, err
		}
		if bytes += proto.Size(k.state); i == n || i > 0 && bytes > maxPage {
			response.NextPageToken = pageToken(rows[i-1].ID, "analyses", string(digest))
			break
		}
		response.Analyses = append(response.Analyses, k.state)
	}
	return connect.NewResponse(response), nil
}

// WatchAnalysis implements judgedv1connect.AnalysisServiceHandler. A reader
// that is slower than the analysis gets the latest state and not each one.
func (s *analysisService) WatchAnalysis(ctx context.Context, request *connect.Request[judgedv1.WatchAnalysisRequest], stream *connect.ServerStream[judgedv1.WatchAnalysisResponse]) error {
	return s.watch(ctx, request.Msg.GetId(), request.Msg.GetAfterVersion(), 0, func(a *judgedv1.Analysis) error {
		return stream.Send(&judgedv1.WatchAnalysisResponse{Analysis: a})
	})
}

// watch sends the states of an analysis after a version until it has ended, and
// nil when there is nothing to send at first or was nothing for as long as idle (0:
// never).
func (s *analysisService) watch(ctx context.Context, id string, after int64, idle time.Duration, send func(*judgedv1.Analysis) error) error {
	if _, err := s.found(ctx, "analyses.watch", id); err != nil {
		return err
	}
	changed, stop := s.hub.watch(id)
	defer stop()
	var silence <-chan time.Time
	if idle > 0 {
		ticker := time.NewTicker(idle)
		defer ticker.Stop()
		silence = ticker.C
	}
	version := after
	for first := true; ; first = false {
		k, err := s.find(ctx, id)
		if err != nil {
			return err
		}
		if k.state.GetVersion() > version {
			if err := send(k.state); err != nil {
				return err
			}
			version = k.state.GetVersion()
		}
		if ended(k.state.GetState()) {
			return nil
		}
		if first && idle > 0 && k.state.GetVersion() <= after { // whoever waits for the answer to begin need not
			if err := send(nil); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-silence:
			if err := send(nil); err != nil {
				return err
			}
		case <-s.hub.stopping:
			return stopping()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cancelTries bounds how often a cancel races with a look.
const cancelTries = 20

// CancelAnalysis implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) CancelAnalysis(ctx context.Context, request *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	id := request.Msg.GetId()
	reason := cmp.Or(request.Msg.GetReason(), "a caller cancelled it and gave no reason")
	var err error
	for range cancelTries {
		var k *kept
		if k, err = s.found(ctx, "analyses.cancel", id); err != nil {
			return nil, err
		}
		if ended(k.state.GetState()) {
			return connect.NewResponse(&judgedv1.CancelAnalysisResponse{Analysis: k.state}), nil
		}
		after := shallow(k.state)
		now := timestamppb.New(s.now().Truncate(time.Microsecond))
		after.State, after.UpdateTime, after.EndTime, after.NextLookTime = judgedv1.AnalysisState_CANCELED, now, now, nil
		after.CancelReason, after.CanceledBy, after.Version = reason, callerOf(ctx).Name, k.state.GetVersion()+1
		change := store.Change{Before: k.row, Tasks: s.herald.canceled(ctx, k.row.Tenant, after)}
		if change.After, err = write(k.row.Tenant, after, nil); err != nil {
			return nil, err
		}
		if err = s.store.Apply(ctx, change); errors.Is(err, store.ErrConflict) {
			continue // a look came first
		}
		if err != nil {
			return nil, err
		}
		s.looks.Drop(store.LookTask(id))
		s.hub.changed(id)
		s.herald.wake(change.Tasks)
		s.guard.audit(ctx, access{action: "analyses.cancel", object: id}, reason, false)
		return connect.NewResponse(&judgedv1.CancelAnalysisResponse{Analysis: after}), nil
	}
	return nil, err
}

// ListLooks implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) ListLooks(ctx context.Context, request *connect.Request[judgedv1.ListLooksRequest]) (*connect.Response[judgedv1.ListLooksResponse], error) {
	r := request.Msg
	if _, err := s.found(ctx, "analyses.looks", r.GetId()); err != nil {
		return nil, err
	}
	n := int(r.GetPageSize())
	if n == 0 {
		n = 500
	}
	rows, err := s.store.Looks(ctx, tenantOf(ctx), r.GetId(), int(r.GetAfterNumber()), min(n, 2000), false)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.ListLooksResponse{}
	bytes := 0
	for _, row := range rows {
		look := &judgedv1.TakenLook{}
		if err := unpack(row.Summary, look); err != nil {
			return nil, err
		}
		if bytes += proto.Size(look); bytes > maxPage && len(response.GetLooks()) > 0 {
			break
		}
		response.Looks = append(response.Looks, look)
	}
	return connect.NewResponse(response), nil
}

// GetRecording implements judgedv1connect.AnalysisServiceHandler.
func (s *analysisService) GetRecording(ctx context.Context, request *connect.Request[judgedv1.GetRecordingRequest]) (*connect.Response[judgedv1.GetRecordingResponse], error) {
	k, err := s.found(ctx, "analyses.recording", request.Msg.GetId())
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Looks(ctx, tenantOf(ctx), request.Msg.GetId(), 0, analysis.MaxLooks, true)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.GetRecordingResponse{Analysis: k.state}
	bytes := 0
	for _, row := range rows {
		if bytes += len(row.Points); bytes > maxRecording {
			return nil, exhausted("RECORDING_TOO_LARGE", 0, "the recording of analysis %s has more than %d bytes, the most that is sent at once", k.row.ID, maxRecording)
		}
		response.Looks = append(response.Looks, &judgedv1.RecordedLook{Number: int32(row.Number), Points: row.Points})
	}
	return connect.NewResponse(response), nil
}

// maxRecording bounds the bytes of one recording, which clients take whole.
const maxRecording = 64 << 20

// maxPage bounds the bytes of one page of a list: gRPC clients accept 4 MiB
// unless told otherwise.
const maxPage = 3 << 20
