package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// rescorer judges analyses that have ended again, by what people have said of log
// templates since. What was judged then stays as it was.
type rescorer struct {
	store     *store.Store
	pins      *pins
	calendars map[string]policy.Calendar
	version   string
	now       func() time.Time
}

const (
	// maxRescored is how many analyses one call looks through, and rescorePage how many
	// of them at a time.
	maxRescored = 1000
	rescorePage = 100
	// maxRescoreDays is how far back analyses are judged again.
	maxRescoreDays = 90
	// rescoreTries bounds how often two callers race for one analysis.
	rescoreTries = 5
)

// rescored is an analysis that was judged again.
type rescored struct {
	row           store.Analysis
	before, after *judgedv1.Judgment
}

// since judges those analyses again that began after a moment and in which the
// template of a feedback had changed, newest first after an id ("": from the
// newest). next is the id to go on after, empty at the end.
func (r *rescorer) since(ctx context.Context, tenant, application string, from time.Time, after string, said *judgedv1.Feedback) (done []rescored, next string, err error) {
	filter := store.Filter{Tenant: tenant, Application: application, From: from, After: after}
	for seen := 0; ; {
		rows, err := r.store.Analyses(ctx, filter, min(rescorePage, maxRescored+1-seen))
		if err != nil || len(rows) == 0 {
			return done, "", err
		}
		for _, row := range rows {
			if seen++; seen > maxRescored {
				return done, filter.After, nil
			}
			filter.After = row.ID
			one, err := r.again(ctx, row, said)
			if err != nil {
				return done, "", err
			}
			if one != nil {
				done = append(done, *one)
			}
		}
	}
}

// again judges an analysis again, if it has ended and the template had changed in
// it; else it returns nil.
func (r *rescorer) again(ctx context.Context, row store.Analysis, said *judgedv1.Feedback) (*rescored, error) {
	var err error
	for range rescoreTries {
		if row.Ended.IsZero() || row.Judgment == nil {
			return nil, nil //nolint:nilnil // its next look heeds the pin
		}
		var k *kept
		if k, err = read(row); err != nil {
			return nil, err
		}
		if !changedIn(k.state.GetJudgment(), said.GetPin().GetTemplate()) {
			return nil, nil //nolint:nilnil // nothing would be otherwise
		}
		var one *rescored
		if one, err = r.write(ctx, k, said); !errors.Is(err, store.ErrConflict) {
			return one, err
		}
		// Somebody else's feedback came first, and holds, too.
		if row, err = r.store.Analysis(ctx, row.Tenant, row.ID); errors.Is(err, store.ErrNotFound) {
			return nil, nil //nolint:nilnil // it was forgotten
		} else if err != nil {
			return nil, err
		}
	}
	return nil, err
}

// catchUp judges an analysis again by what was said of templates since its last look
// read the pins.
func (r *rescorer) catchUp(ctx context.Context, tenant string, a *judgedv1.Analysis) error {
	all, err := r.pins.of(ctx, tenant, a.GetConfig().GetApplication())
	if err != nil {
		return err
	}
	said := func(those, others []*judgedv1.Pin, deleted bool) error {
		for _, p := range those {
			if slices.ContainsFunc(others, func(o *judgedv1.Pin) bool {
				return proto.Equal(p, o) || deleted && p.GetTemplate() == o.GetTemplate()
			}) {
				continue
			}
			row, err := r.store.Analysis(ctx, tenant, a.GetId())
			if err != nil {
				return err
			}
			by := &judgedv1.Feedback{By: p.GetBy(), Time: timestamppb.New(r.now().Truncate(time.Microsecond)), Pin: p, Deleted: deleted}
			if deleted {
				by.By = "" // nobody knows who by now but the audit log
			}
			if _, err := r.again(ctx, row, by); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(said(all, a.GetPins(), false), said(a.GetPins(), all, true))
}

// changedIn reports whether a template is among a judgment's changes.
func changedIn(j *judgedv1.Judgment, template string) bool {
	return slices.ContainsFunc(j.GetFindings(), func(f *judgedv1.Finding) bool {
		return slices.ContainsFunc(f.GetChanges(), func(c *judgedv1.Change) bool { return c.GetId() == template })
	})
}

func (r *rescorer) write(ctx context.Context, k *kept, said *judgedv1.Feedback) (*rescored, error) {
	// After the analysis: what was said before its latest change is among them, so
	// that of several who speak at once the last one to write knows what all said.
	all, err := r.pins.of(ctx, k.row.Tenant, k.row.Application)
	if err != nil {
		return nil, err
	}
	before := standing(k.state)
	judgment, err := r.judge(ctx, k.state, all)
	if err != nil {
		return nil, err
	}
	after := shallow(k.state)
	if after.Rescored, after.RescoredBy = judgment, said; judgment == nil {
		after.RescoredBy = nil
	}
	if !sameJudgment(k.state.GetRescored(), judgment) {
		after.UpdateTime, after.Version = timestamppb.New(r.now().Truncate(time.Microsecond)), k.state.GetVersion()+1
		row, err := write(k.row.Tenant, after, nil)
		if err != nil {
			return nil, err
		}
		if err := r.store.Annotate(ctx, k.row, row); err != nil {
			return nil, err
		}
	}
	return &rescored{k.row, before, standing(after)}, nil
}

// standing is the judgment that holds now.
func standing(a *judgedv1.Analysis) *judgedv1.Judgment {
	if j := a.GetRescored(); j != nil {
		return j
	}
	return a.GetJudgment()
}

// sameJudgment reports whether two judgments say the same, whichever version of
// judged says it.
func sameJudgment(a, b *judgedv1.Judgment) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := proto.CloneOf(a), proto.CloneOf(b)
	x.JudgedVersion, y.JudgedVersion = "", ""
	return proto.Equal(x, y)
}

// judge returns the judgment of an analysis as it would have been with these pins;
// nil if they change nothing.
func (r *rescorer) judge(ctx context.Context, a *judgedv1.Analysis, all []*judgedv1.Pin) (*judgedv1.Judgment, error) {
	config := wire.Pinned(wire.Config(a.GetConfig()), all)
	severities := map[string]compare.Severity{}
	for i := range config.Logs {
		name := config.Logs[i].Name
		if name == "" {
			name = analysis.LogSignal
		}
		severities[name] = config.Logs[i].Severity
	}
	result := wire.Result(a.GetJudgment())
	changed := false
	for i, f := range result.Findings {
		severity, ok := severities[f.Signal.Name]
		if !ok || f.Judge != compare.Name {
			continue
		}
		// Pins ended, or not, when the logs were written: a known issue was known then.
		result.Findings[i] = compare.Rescore(f, severity, result.Window.End)
		changed = changed || differs(f, result.Findings[i])
	}
	if !changed {
		return nil, nil //nolint:nilnil // nothing to add to the original
	}
	judgment, err := config.Rules.Decide(ctx, judge.Decide(result.Findings, result.Alpha), policy.Facts{
		Application: config.Application, Config: config.Name, Baseline: result.Scopes.Baseline, Canary: result.Scopes.Canary,
		Window: policy.Window(result.Window), Look: policy.Look(result.Look),
	})
	if err != nil {
		return nil, err
	}
	result.Judgment = judgment
	if line, err := config.Schedule.Timeline(config.Schedule.Start); err == nil && judgment.Verdict == judge.Pass {
		hold(ctx, result, config, a.GetConfig().GetWindows(), r.calendars, line.Due(int(a.GetLooks())))
	}
	p := wire.ResultProto(result, r.version)
	legible(p.ProtoReflect())
	return p, nil
}

// differs reports whether severities changed what a finding says.
func differs(was, is judge.Finding) bool {
	if was.Verdict != is.Verdict {
		return true
	}
	severity := func(changes []judge.Change) map[string]judge.Severity {
		by := map[string]judge.Severity{}
		for _, c := range changes {
			by[strings.Join([]string{string(c.Kind), c.ID, c.Name}, "\x00")] = c.Severity
		}
		return by
	}
	now := severity(is.Changes)
	for key, s := range severity(was.Changes) {
		if now[key] != s {
			return true
		}
	}
	return false
}
