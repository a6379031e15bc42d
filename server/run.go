package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// runner takes started analyses through their life: wait for the end of the
// window, wait for a worker, look once, end.
type runner struct {
	sources   *analysis.Sources
	version   string
	now       func() time.Time
	timeout   time.Duration
	log       *slog.Logger
	memory    *analysisMemory
	telemetry *telemetry
	workers   chan struct{}

	mu      sync.Mutex
	refuses bool
	refused chan struct{} // closed when refuses is set
	tasks   sync.WaitGroup
}

func newRunner(o Options, memory *analysisMemory, t *telemetry) *runner {
	return &runner{
		sources: o.Sources, version: o.Version, now: o.Now, timeout: o.Limits.AnalysisTimeout, log: o.Logger,
		memory: memory, telemetry: t, workers: make(chan struct{}, o.Limits.Workers), refused: make(chan struct{}),
	}
}

// start keeps a and runs its plan in the background. If the idempotency key
// is known it returns the analysis that has it.
func (r *runner) start(a *judgedv1.Analysis, plan *analysis.Plan, key string, request digest) (*judgedv1.Analysis, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		return nil, stopping()
	}
	// The work outlives the call that started it.
	ctx, cancel := context.WithCancelCause(context.Background())
	state, added, err := r.memory.add(a, key, request, cancel)
	if err != nil || !added {
		cancel(errEnded)
		return state, err
	}
	record, err := r.memory.find(state.GetId())
	if err != nil {
		return nil, err
	}
	r.tasks.Go(func() { r.run(ctx, record, plan) })
	return state, nil
}

var (
	errStoppedEarly = errors.New("the server stopped before the analysis began: start it again")
	errStopped      = errors.New("the server stopped while the analysis ran: start it again")
)

func (r *runner) run(ctx context.Context, record *record, plan *analysis.Plan) {
	// The window may still be under way: what has not happened cannot be
	// judged.
	timer := time.NewTimer(plan.Window.End.Sub(r.now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	case <-r.refused:
		r.cancel(record, errStoppedEarly)
		return
	}
	select {
	case r.workers <- struct{}{}:
		defer func() { <-r.workers }()
	case <-ctx.Done():
		return
	case <-r.refused:
		r.cancel(record, errStoppedEarly)
		return
	}
	if !r.memory.begin(record) {
		return
	}
	start := time.Now()
	judgment := r.look(ctx, plan)
	state, ok := r.memory.end(record, errEnded, func(a *judgedv1.Analysis) {
		a.State = judgedv1.AnalysisState_COMPLETED
		a.Judgment = judgment
		a.Looks++
	})
	if !ok {
		return // cancelled meanwhile
	}
	r.telemetry.analyzed(ctx, judgment, time.Since(start), r.sources.Names())
	attrs := []slog.Attr{
		slog.String("id", state.GetId()), slog.String("config", judgment.GetConfig()),
		slog.String("verdict", judgment.GetVerdict().String()), slog.Duration("duration", time.Since(start)),
	}
	if judgment.GetVerdict() == judgedv1.Verdict_ERROR {
		attrs = append(attrs, slog.String("summary", judgment.GetSummary()))
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "analysis", attrs...)
}

// look judges the window. What keeps it from doing so is a judgment, too:
// ERROR, with the reason.
func (r *runner) look(ctx context.Context, plan *analysis.Plan) (judgment *judgedv1.Judgment) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(ctx, r.log, "analysis of config "+plan.Config.Name, p)
			judgment = r.failed(plan, errors.New("judged failed while it judged; its log has the details"))
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout,
		fmt.Errorf("it took longer than %v, which is this server's limit", r.timeout))
	defer cancel()
	result, err := plan.Run(ctx, r.sources)
	if err != nil {
		return r.failed(plan, err)
	}
	return wire.ResultProto(result, r.version)
}

func (r *runner) failed(plan *analysis.Plan, err error) *judgedv1.Judgment {
	return wire.ResultProto(&analysis.Result{
		Judgment: judge.Judgment{
			Verdict: judge.Error, Summary: "ERROR: no judgment was possible: " + err.Error() + ".", Reasons: []string{err.Error()},
			Alpha: plan.Config.Alpha,
		},
		Config: plan.Config.Name, Scopes: plan.Config.Scopes, Window: plan.Window, History: plan.History,
		Interval: plan.Config.Schedule.Interval,
	}, r.version)
}

func (r *runner) cancel(record *record, why error) (*judgedv1.Analysis, bool) {
	return r.memory.end(record, why, func(a *judgedv1.Analysis) {
		a.State = judgedv1.AnalysisState_CANCELED
		a.CancelReason = why.Error()
	})
}

// refuse takes no more analyses and ends those that wait.
func (r *runner) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.refuses {
		r.refuses = true
		close(r.refused)
	}
}

// closeWait bounds how long close waits for sources that do not stop when
// they are told to.
const closeWait = 5 * time.Second

// close ends everything and waits for it.
func (r *runner) close() {
	r.refuse()
	for _, record := range r.memory.all() {
		r.cancel(record, errStopped)
	}
	done := make(chan struct{})
	go func() {
		r.tasks.Wait()
		close(done)
	}()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		r.log.Warn("some sources did not stop when their analyses were cancelled", slog.Duration("waited", closeWait))
	}
}
