package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/otlp"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// looker takes the looks of analyses: it is what the tasks of kind "look" do.
type looker struct {
	store     *store.Store
	sources   *analysis.Sources
	calendars map[string]policy.Calendar
	pins      *pins
	rescorer  *rescorer
	herald    *herald
	hub       *hub
	telemetry *telemetry
	version   string
	replica   string
	timeout   time.Duration
	now       func() time.Time
	log       *slog.Logger
	// mining has a place for each look at logs that is taken at the same time.
	mining chan struct{}
}

const lookKind = "look"

// maxMining bounds the looks at logs that are taken at the same time: what they
// count of one side of one log takes up to 16 MiB.
const maxMining = 16

// A last look that found no source is tried again, for there is none after it
// that could mend it. An analysis of a past window is not: its caller waits for
// the answer, and may ask again.
const (
	retryEvery = 15 * time.Second
	retryFor   = 5 * time.Minute
)

func mayRetry(a *judgedv1.Analysis, due, now time.Time) bool {
	live := wire.Time(a.GetCreateTime()).Before(wire.Time(a.GetWindow().GetEnd()))
	next := now.Add(retryEvery)
	return live && next.Before(due.Add(retryFor)) && next.Before(wire.Time(a.GetExpireTime()))
}

// take takes the next look of the analysis that the task is about, and writes
// it together with the task's next time.
func (l *looker) take(ctx context.Context, t store.Task) error {
	ctx, span := l.telemetry.tracer.Start(ctx, "look", trace.WithAttributes(attribute.String("analysis", t.Subject)))
	defer span.End()
	row, points, err := l.store.Claimed(ctx, t)
	if errors.Is(err, store.ErrNotFound) {
		return l.store.Done(ctx, t.Lease)
	}
	if err != nil {
		return err
	}
	before, err := read(row)
	if err != nil {
		return fmt.Errorf("analysis %s: %w", row.ID, err)
	}
	if ended(before.state.GetState()) {
		return l.store.Done(ctx, t.Lease)
	}
	started := time.Now()
	taken, err := l.look(otlp.WithTenant(ctx, row.Tenant), row.Tenant, before.state, points)
	if cause := context.Cause(ctx); cause != nil {
		return cause // the lease is lost, or this replica stops: the look is another's
	}
	if err != nil {
		return err
	}
	change := store.Change{Lease: t.Lease, Before: row, Look: taken.row}
	if change.After, err = write(row.Tenant, taken.after, taken.judgment); err != nil {
		return err
	}
	if !ended(taken.after.GetState()) {
		change.Next = wire.Time(taken.after.GetNextLookTime())
	}
	if taken.row != nil || taken.judgment != nil {
		change.Tasks = l.herald.looked(ctx, row.Tenant, before.state, taken.after)
	}
	if err := l.write(ctx, change); err != nil {
		return err
	}
	defer l.hub.changed(row.ID)
	l.herald.wake(change.Tasks)
	if ended(taken.after.GetState()) {
		l.catchUp(ctx, row.Tenant, taken.after)
	}
	if taken.row == nil {
		return nil
	}
	l.telemetry.looked(ctx, taken.judgment, time.Since(started), l.now().Sub(t.Due), l.sources.Names())
	attrs := []slog.Attr{
		slog.String("id", row.ID), slog.String("config", row.ConfigName), slog.Int("look", int(taken.after.GetLooks())), slog.Int("of", int(taken.after.GetPlannedLooks())),
		slog.String("verdict", taken.judgment.GetVerdict().String()), slog.String("state", taken.after.GetState().String()), slog.Duration("duration", time.Since(started)),
	}
	if taken.judgment.GetVerdict() == judgedv1.Verdict_ERROR {
		attrs = append(attrs, slog.String("summary", taken.judgment.GetSummary()))
	}
	level := slog.LevelDebug
	if ended(taken.after.GetState()) {
		level = slog.LevelInfo
	}
	l.log.LogAttrs(ctx, level, "look", attrs...)
	return nil
}

func (l *looker) write(ctx context.Context, c store.Change) error {
	ctx, span := l.telemetry.tracer.Start(ctx, "write")
	defer span.End()
	return l.store.Apply(ctx, c)
}

// taken is what a look makes of an analysis.
type taken struct {
	after    *judgedv1.Analysis
	judgment *judgedv1.Judgment // nil if the look has to be tried again
	row      *store.Look        // nil if no look was taken
}

// catchUp heeds what was said of templates while the last look was taken: too late
// for the look, and too early for the analysis to be among those that had ended.
func (l *looker) catchUp(ctx context.Context, tenant string, a *judgedv1.Analysis) {
	if len(a.GetConfig().GetLogs()) == 0 {
		return
	}
	if err := l.rescorer.catchUp(ctx, tenant, a); err != nil {
		l.log.LogAttrs(ctx, slog.LevelWarn, "not judged again by what was said during the last look", slog.String("id", a.GetId()), slog.Any("error", err))
	}
}

// look takes the analysis' next look.
func (l *looker) look(ctx context.Context, tenant string, a *judgedv1.Analysis, points [][]byte) (taken, error) {
	now := l.now()
	after := shallow(a)
	after.UpdateTime = timestamppb.New(now)
	config := wire.Config(a.GetConfig())
	line, err := config.Schedule.Timeline(config.Schedule.Start)
	if err != nil {
		return taken{}, err
	}
	k := int(a.GetLooks()) + 1
	if expires := wire.Time(a.GetExpireTime()); !expires.IsZero() && now.After(expires) {
		return l.expire(after, config, line, k)
	}
	after.Trouble = ""
	heard := transcript.New()
	for _, p := range points {
		if err := heard.Apply(p); err != nil {
			return taken{}, fmt.Errorf("analysis %s: its recording: %w", a.GetId(), err)
		}
	}
	after.Pins = nil
	if len(config.Logs) > 0 {
		if after.Pins, err = l.pins.of(ctx, tenant, config.Application); err != nil {
			return taken{}, err
		}
		config = wire.Pinned(config, after.GetPins())
	}
	result := l.judge(fetch.WithOwner(ctx, a.GetId()), config, line, k, heard)
	verdict := result.Verdict
	if k == line.Looks() && verdict == judge.Error && waits(result) && mayRetry(a, line.Due(k), now) {
		// No later look will mend this one, but its source may come back.
		after.Trouble = strings.ToValidUTF8(result.Summary, "�")
		after.NextLookTime = timestamppb.New(now.Add(retryEvery))
		return taken{after: after}, nil
	}
	if verdict == judge.Pass {
		hold(ctx, result, config, a.GetConfig().GetWindows(), l.calendars, l.now())
	}
	judgment := wire.ResultProto(result, l.version)
	legible(judgment.ProtoReflect())
	after.Judgment, after.Looks, after.State = judgment, int32(k), judgedv1.AnalysisState_RUNNING
	if line.Ends(k, result.Verdict) {
		after.State, after.EndTime, after.NextLookTime = judgedv1.AnalysisState_COMPLETED, timestamppb.New(now), nil
	} else {
		after.NextLookTime = timestamppb.New(line.Due(k + 1))
	}
	row := &store.Look{Number: k, Points: heard.Flush()}
	if row.Summary, err = pack(inShort(judgment, k, line.Due(k), now, l.replica)); err != nil {
		return taken{}, err
	}
	return taken{after, judgment, row}, nil
}

// expire ends an analysis that took too long. It keeps the judgment it has.
func (l *looker) expire(after *judgedv1.Analysis, config analysis.Config, line analysis.Timeline, k int) (taken, error) {
	after.State, after.EndTime, after.NextLookTime = judgedv1.AnalysisState_EXPIRED, after.GetUpdateTime(), nil
	if after.GetJudgment() != nil {
		return taken{after: after, judgment: after.GetJudgment()}, nil
	}
	why := errors.New("the analysis expired before its first look could be taken: its sources, or this server, did not answer in time")
	after.Judgment = wire.ResultProto(noJudgment(config, line.Seen(min(k, line.Looks())), line.History, why), l.version)
	return taken{after: after, judgment: after.GetJudgment()}, nil
}

// judge plans, asks and judges. What keeps it from that is a judgment, too:
// ERROR, with the reason.
func (l *looker) judge(ctx context.Context, config analysis.Config, line analysis.Timeline, k int, heard *transcript.Transcript) (result *analysis.Result) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(ctx, l.log, "analysis of config "+config.Name, p)
			result = noJudgment(config, line.Seen(k), line.History, errors.New("judged failed while it judged; its log has the details"))
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeout, fmt.Errorf("it took longer than %v, which is this server's limit", l.timeout))
	defer cancel()
	if len(config.Logs) > 0 {
		select {
		case l.mining <- struct{}{}:
			defer func() { <-l.mining }()
		case <-ctx.Done():
			return noJudgment(config, line.Seen(k), line.History, context.Cause(ctx))
		}
	}
	clean := config.Clean()
	sources := l.sources.Through(func(name string, s metrics.Source) metrics.Source {
		return heard.Through(name, l.telemetry.traced(name, s))
	}).MinedThrough(func(name string, read mine.Read) mine.Read {
		return heard.Mined(name, analysis.MineOptions(), clean, l.telemetry.mined(name, read))
	})
	plan, err := line.Plan(config, sources, k)
	if err == nil {
		result, err = plan.Run(ctx, sources)
	}
	if err != nil {
		return noJudgment(config, line.Seen(k), line.History, err)
	}
	return result
}

func noJudgment(config analysis.Config, window, history metrics.Window, err error) *analysis.Result {
	alpha := config.Alpha
	if alpha == 0 {
		alpha = judge.DefaultAlpha
	}
	return &analysis.Result{
		Judgment: judge.Judgment{
			Verdict: judge.Error, Score: math.NaN(), Summary: "ERROR: no judgment was possible: " + err.Error() + ".", Reasons: []string{err.Error()}, Alpha: alpha,
		},
		Config: config.Name, Scopes: config.Scopes, Window: window, History: history, Interval: config.Schedule.Interval,
	}
}

// legible replaces what is not UTF-8 in a message: sources and drivers are quoted
// in judgments, and a message with other bytes cannot be written.
func legible(m protoreflect.Message) {
	clean := func(v protoreflect.Value) protoreflect.Value {
		return protoreflect.ValueOfString(strings.ToValidUTF8(v.String(), "�"))
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		text, message := f.Kind() == protoreflect.StringKind, f.Message() != nil
		switch {
		case f.IsMap(): // scopes, which came with a request
		case f.IsList() && text:
			for i := range v.List().Len() {
				v.List().Set(i, clean(v.List().Get(i)))
			}
		case f.IsList() && message:
			for i := range v.List().Len() {
				legible(v.List().Get(i).Message())
			}
		case text:
			m.Set(f, clean(v))
		case message:
			legible(v.Message())
		}
		return true
	})
}

// waits reports whether a judgment failed for reasons that may pass by
// themselves.
func waits(r *analysis.Result) bool {
	for _, reason := range r.Failures {
		if reason == metrics.Unavailable || reason == metrics.Throttled {
			return true
		}
	}
	return false
}

// hold takes a PASS back that is said at a moment at which no release may go on.
func hold(ctx context.Context, r *analysis.Result, config analysis.Config, w *judgedv1.DeploymentWindows, calendars map[string]policy.Calendar, at time.Time) {
	if len(w.GetAllow())+len(w.GetDeny()) == 0 {
		return
	}
	windows, err := policy.CompileWindows(w.GetAllow(), w.GetDeny(), calendars)
	var why string
	if err == nil {
		var opening policy.Opening
		opening, err = windows.At(ctx, at, policy.Facts{Application: config.Application, Config: config.Name})
		if err == nil && opening.Open {
			return
		}
		why = opening.String()
	}
	if err != nil {
		why = "whether a release may go on now cannot be said: " + err.Error()
	}
	r.Verdict = judge.Inconclusive
	r.Summary = "INCONCLUSIVE: the release looks good, but " + why + "."
	r.Reasons = append([]string{why}, r.Reasons...)
}

// inShort returns what is kept of a look when the next one was taken.
func inShort(j *judgedv1.Judgment, k int, due, now time.Time, replica string) *judgedv1.TakenLook {
	s := &judgedv1.TakenLook{
		Number: int32(k), DueTime: timestamppb.New(due), TakeTime: timestamppb.New(now), Window: j.GetWindow(),
		Verdict: j.GetVerdict(), Score: j.Score, Summary: j.GetSummary(), Replica: replica,
	}
	for _, f := range j.GetFindings() {
		s.Glimpses = append(s.Glimpses, &judgedv1.Glimpse{
			Signal: f.GetSignal().GetName(), Verdict: f.GetVerdict(), Classification: f.GetClassification(),
			Estimate: f.GetEffect().Estimate, Low: f.GetEffect().Low, High: f.GetEffect().High,
		})
	}
	return s
}
