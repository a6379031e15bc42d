package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Notifications says who hears of what.
type Notifications struct {
	// Channels by name.
	Channels map[string]notify.Channel
	// Routes say which events go where. An event that several routes send to one
	// channel is sent once.
	Routes []NotificationRoute
	// Address is where people reach this server, for links; empty for none.
	Address string
}

// NotificationRoute sends the events that When matches to channels.
type NotificationRoute struct {
	Name     string
	When     *policy.Route
	Channels []string
}

// herald turns what happens to analyses into tasks, and the tasks into
// messages. The tasks are written with what they tell of, so that nobody hears
// of what did not happen, and somebody of all that did.
type herald struct {
	Notifications
	store  *store.Store
	worker *schedule.Worker
	now    func() time.Time
	log    *slog.Logger
	sent   func(channel string, err error)
}

const notifyKind = "notify"

// deliveryAttempts and the backoff give a channel that is down about a day.
const deliveryAttempts = 40

var deliveryBackoff = schedule.Doubling(2*time.Second, 40*time.Minute, deliveryAttempts)

func (h *herald) started(ctx context.Context, tenant string, a *judgedv1.Analysis) []store.Task {
	return h.tell(ctx, h.event(notify.AnalysisStarted, tenant, nil, a))
}

func (h *herald) canceled(ctx context.Context, tenant string, a *judgedv1.Analysis) []store.Task {
	e := h.event(notify.AnalysisCanceled, tenant, a, a)
	e.Reasons = []string{a.GetCancelReason()}
	return h.tell(ctx, e)
}

// looked tells of a look, or of the verdict if the analysis has ended with it.
func (h *herald) looked(ctx context.Context, tenant string, before, after *judgedv1.Analysis) []store.Task {
	kind := notify.Look
	if ended(after.GetState()) {
		kind = notify.Verdict
	}
	return h.tell(ctx, h.event(kind, tenant, before, after))
}

// configChanged tells of a change to a config, when it was written already.
func (h *herald) configChanged(ctx context.Context, tenant, name, application, what string, revision int64) {
	tasks := h.tell(ctx, notify.Event{
		ID: fmt.Sprintf("config/%s/%s/%d/%s", tenant, name, revision, what), Time: h.now(), Type: notify.ConfigChanged,
		Tenant: tenant, Config: name, Application: application, Summary: fmt.Sprintf("Config %s was %s by %s (revision %d).", name, what, orNobody(callerOf(ctx).Name), revision),
	})
	if len(tasks) == 0 {
		return
	}
	if err := h.store.Add(context.WithoutCancel(ctx), tasks...); err != nil {
		h.log.ErrorContext(ctx, "a change of a config is not told", slog.String("config", name), slog.Any("error", err))
		return
	}
	h.wake(tasks)
}

func (h *herald) event(kind notify.Type, tenant string, before, a *judgedv1.Analysis) notify.Event {
	j := a.GetJudgment()
	e := notify.Event{
		ID: fmt.Sprintf("%s/%s/%d", a.GetId(), kind, a.GetLooks()), Time: wire.Time(a.GetUpdateTime()), Type: kind, Tenant: tenant,
		Analysis: a.GetId(), Config: a.GetConfig().GetName(), Application: a.GetConfig().GetApplication(),
		Summary: j.GetSummary(), Reasons: j.GetReasons(),
		Baseline: a.GetConfig().GetScopes().GetBaseline().GetVariables(), Canary: a.GetConfig().GetScopes().GetCanary().GetVariables(),
		Window: notify.Window{Start: wire.Time(a.GetWindow().GetStart()), End: wire.Time(a.GetWindow().GetEnd())},
	}
	if j != nil {
		e.Verdict, e.Score = j.GetVerdict().String(), j.Score
		e.Window = notify.Window{Start: wire.Time(j.GetWindow().GetStart()), End: wire.Time(j.GetWindow().GetEnd())}
	}
	if v := before.GetJudgment().GetVerdict(); v != 0 && before != a {
		e.PreviousVerdict = v.String()
	}
	if h.Address != "" {
		e.URL = h.Address + reportPrefix + a.GetId()
	}
	const most = 5
	findings := wire.Result(j).Findings
	slices.SortStableFunc(findings, func(x, y judge.Finding) int { return urgency(y) - urgency(x) })
	for _, f := range findings {
		if urgency(f) == 0 {
			continue
		}
		if len(e.Findings) == most {
			e.MoreFindings++
			continue
		}
		e.Findings = append(e.Findings, notify.Finding{Name: f.Signal.Name, Classification: f.Classification.String(), Effect: f.Reason})
	}
	return e
}

// urgency sorts findings by how much a reader wants to know of them; 0 is not
// worth a word.
func urgency(f judge.Finding) int {
	switch f.Verdict {
	case judge.Fail:
		return 3
	case judge.Error:
		return 2
	case judge.Inconclusive:
		return 1
	default:
		return 0
	}
}

// tell returns the tasks that send an event to its channels.
func (h *herald) tell(ctx context.Context, e notify.Event) []store.Task {
	var (
		tasks   []store.Task
		payload []byte
	)
	told := map[string]bool{}
	for _, r := range h.Routes {
		matches, err := r.When.Match(ctx, routed(e))
		if err != nil {
			h.log.WarnContext(ctx, "a route cannot be evaluated, so the event is sent", slog.String("route", r.Name), slog.Any("error", err))
		} else if !matches {
			continue
		}
		for _, channel := range r.Channels {
			if told[channel] {
				continue
			}
			told[channel] = true
			if payload == nil {
				if payload, err = json.Marshal(e); err != nil {
					h.log.ErrorContext(ctx, "an event cannot be written", slog.String("event", e.ID), slog.Any("error", err))
					return nil
				}
			}
			tasks = append(tasks, store.Task{
				ID: deliveryID(e, channel), Kind: notifyKind, Lane: channel, Tenant: e.Tenant, Subject: e.Analysis, Due: e.Time, Payload: payload,
			})
		}
	}
	return tasks
}

// deliveryID is the same for the same event, sorts by time and stands in a path.
func deliveryID(e notify.Event, channel string) string {
	sum := sha256.Sum256([]byte(e.ID + "\x00" + channel))
	return fmt.Sprintf("%014x-%x", e.Time.UnixMicro(), sum[:8])
}

func routed(e notify.Event) policy.Event {
	p := policy.Event{
		Type: string(e.Type), Verdict: e.Verdict, PreviousVerdict: e.PreviousVerdict, Config: e.Config, Application: e.Application,
		Tenant: e.Tenant, Baseline: e.Baseline, Canary: e.Canary, At: e.Time,
	}
	if e.Score != nil {
		p.Score = *e.Score
	}
	return p
}

// wake delivers new tasks at once.
func (h *herald) wake(tasks []store.Task) {
	for _, t := range tasks {
		if t.Kind == notifyKind && h.worker != nil {
			h.worker.Wake()
			return
		}
	}
}

// deliver sends one event to one channel: it is what the tasks of kind "notify"
// do.
func (h *herald) deliver(ctx context.Context, t store.Task) error {
	channel, ok := h.Channels[t.Lane]
	if !ok {
		return &schedule.GiveUpError{Err: fmt.Errorf("there is no channel %q in this server's settings any more", t.Lane)}
	}
	var e notify.Event
	if err := json.Unmarshal(t.Payload, &e); err != nil {
		return &schedule.GiveUpError{Err: err}
	}
	err := channel.Send(ctx, e)
	h.sent(t.Lane, err)
	if err == nil {
		return h.store.Done(ctx, t.Lease)
	}
	if n, ok := errors.AsType[*notify.Error](err); ok {
		switch n.Reason {
		case notify.Permanent:
			return &schedule.GiveUpError{Err: err}
		case notify.Throttled:
			return &schedule.RetryError{After: n.RetryAfter, Err: err}
		case notify.Temporary: // the backoff knows when
		}
	}
	return err
}
