package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/report"
)

// gate is what judged run --server knows beyond judged run: a pipeline's job that
// starts an analysis and exits by its verdict.
type gate struct {
	Stored   string            `placeholder:"NAME[@REVISION]" help:"A config of --server instead of CONFIG."`
	Analysis string            `placeholder:"ID" help:"Wait for this analysis of --server, which was started before."`
	Live     bool              `help:"Let --server watch the release from now on, instead of judging the time until now."`
	Key      string            `placeholder:"TEXT" help:"The release and step that this is for: a job that runs again finds its live analysis by it."`
	Label    map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"What to find the analysis by: commit, pipeline, ticket."`
	Wait     *time.Duration    `placeholder:"DURATION" help:"Wait at most this long for the verdict; then the analysis goes on without this command. 0 only starts it and prints its id."`
	Keep     bool              `help:"Let the analysis go on when this command is interrupted or --timeout is over."`
	Quiet    bool              `short:"q" help:"Print no progress."`
}

// absent refuses what only a gate can do.
func (g gate) absent(because string) error {
	for flag, given := range map[string]bool{
		"--stored": g.Stored != "", "--analysis": g.Analysis != "", "--live": g.Live, "--key": g.Key != "",
		"--label": len(g.Label) > 0, "--wait": g.Wait != nil, "--keep": g.Keep,
	} {
		if given {
			return fmt.Errorf("%s is for an analysis of --server, but %s", flag, because)
		}
	}
	return nil
}

// tooLateError is a time that this command was given and that is over.
type tooLateError struct{ text string }

// Error implements error.
func (e tooLateError) Error() string { return e.text }

// there lets a server judge.
func (c runCommand) there(ctx context.Context, w world) error {
	server, err := c.connect(c.Server)
	if err != nil {
		return err
	}
	a, err := c.begin(ctx, w, server)
	if err != nil {
		return c.without(w, err, c.named())
	}
	if c.Analysis == "" && c.Wait != nil && *c.Wait <= 0 {
		_, err := fmt.Fprintln(w.stdout, a.GetId())
		return err
	}
	if !c.Quiet {
		fmt.Fprintf(w.stderr, "analysis %s of config %s, %d looks\n", a.GetId(), configOf(a), a.GetPlannedLooks())
	}
	a, err = c.follow(ctx, w, server, a)
	if err != nil {
		return c.without(w, err, a)
	}
	return c.with(w, wire.Result(a.GetJudgment()), linkTo(a))
}

// named is what is known of an analysis that could not be started.
func (c runCommand) named() *judgedv1.Analysis {
	a := &judgedv1.Analysis{Id: c.Analysis, Config: &judgedv1.CanaryConfig{}}
	if name, _, err := c.stored(); err == nil {
		a.Config.Name = name
	}
	if parsed, err := parseConfig(c.Config); c.Config != "" && err == nil {
		a.Config.Name = parsed.GetName()
	}
	return a
}

// linkTo leads to an analysis.
func linkTo(a *judgedv1.Analysis) report.Link { return report.Link{ID: a.GetId(), URL: a.GetUrl()} }

// stored splits --stored.
func (c runCommand) stored() (name string, revision int64, err error) {
	name, number, some := strings.Cut(c.Stored, "@")
	if !some {
		return name, 0, nil
	}
	revision, err = strconv.ParseInt(number, 10, 64)
	if err != nil || revision < 1 || name == "" {
		return "", 0, fmt.Errorf("--stored %q: it looks like checkout or, for revision 7 of it, checkout@7", c.Stored)
	}
	return name, revision, nil
}

// begin starts the analysis, or finds the one that was started before.
func (c runCommand) begin(ctx context.Context, w world, server *client.Client) (*judgedv1.Analysis, error) {
	if c.Analysis != "" {
		return server.GetAnalysis(ctx, c.Analysis)
	}
	name, revision, err := c.stored()
	if err != nil {
		return nil, err
	}
	request, err := analysesStartCommand{
		Config: c.Config, Stored: name, Revision: revision, Baseline: c.Baseline, Canary: c.Canary, Start: c.Start, Key: c.Key, Label: c.Label,
	}.request(ctx, server)
	if err != nil {
		return nil, err
	}
	if err := c.schedule(ctx, w, server, request); err != nil {
		return nil, err
	}
	return server.StartAnalysis(ctx, request)
}

// schedule says what time is judged. Without a start a server would watch from
// now on; here the time until now is judged, as it would be without a server,
// unless --live says so.
func (c runCommand) schedule(ctx context.Context, w world, server *client.Client, r *judgedv1.StartAnalysisRequest) error {
	cfg, live := r.GetInline(), c.Live || r.GetStart() != nil
	if cfg == nil && !live {
		stored, err := server.GetConfig(ctx, r.GetStored(), r.GetConfigRevision())
		if err != nil {
			return err
		}
		cfg, r.ConfigRevision = stored.GetConfig(), stored.GetRevision()
	}
	if live || cfg.GetSchedule().GetStart() != nil {
		return c.lengthen(r)
	}
	if c.Key != "" {
		return errors.New("--key finds an analysis that watches a release; the time until now is another one each time: add --live or --start, or leave --key out")
	}
	schedule := wire.Config(cfg).Schedule
	if c.Duration > 0 {
		schedule.Duration = c.Duration
	}
	window, _, err := schedule.Window(w.now())
	r.Window = wire.WindowProto(window)
	return err
}

// lengthen gives a live analysis the command line's duration.
func (c runCommand) lengthen(r *judgedv1.StartAnalysisRequest) error {
	switch cfg := r.GetInline(); {
	case c.Duration <= 0:
	case cfg == nil:
		return errors.New("--duration: how long a stored config watches a release is a part of it: store another revision, or leave --duration out")
	case cfg.GetSchedule() == nil:
		cfg.Schedule = &judgedv1.Schedule{Duration: durationpb.New(c.Duration)}
	default:
		cfg.Schedule.Duration = durationpb.New(c.Duration)
	}
	return nil
}

// follow waits for an analysis' verdict. What is known of it comes with an error,
// too.
func (c runCommand) follow(ctx context.Context, w world, server *client.Client, a *judgedv1.Analysis) (*judgedv1.Analysis, error) {
	waiting := ctx
	if c.Wait != nil {
		var stop context.CancelFunc
		waiting, stop = context.WithTimeoutCause(ctx, *c.Wait, tooLateError{"no verdict within " + c.Wait.String() + " (see --wait)"})
		defer stop()
	}
	c.progress(w, a)
	if a.GetEndTime() == nil {
		for now, err := range server.Watch(waiting, a.GetId(), a.GetVersion()) {
			if err != nil {
				return c.leave(ctx, server, a, err)
			}
			if now.GetVersion() != a.GetVersion() {
				c.progress(w, now)
			}
			a = now
		}
	}
	err := client.Verdict(a)
	if _, canceled := errors.AsType[*client.CanceledError](err); canceled && c.Key != "" {
		err = fmt.Errorf("%w; for a new analysis take another --key than %q", err, c.Key)
	}
	return a, err
}

// progress prints a line about an analysis.
func (c runCommand) progress(w world, a *judgedv1.Analysis) {
	if !c.Quiet {
		w.stdout = w.stderr
		printChange(w, a)
	}
}

// cancelTimeout bounds the goodbye: who sent SIGTERM does not wait for long
// (Docker 10 s, GitHub's runners 7.5 s).
const cancelTimeout = 5 * time.Second

// leave ends an analysis that nobody waits for any more, if this command started
// it and may: not if it only lost sight of it, or let go of it by --wait.
func (c runCommand) leave(ctx context.Context, server *client.Client, a *judgedv1.Analysis, why error) (*judgedv1.Analysis, error) {
	goesOn := fmt.Errorf("%w\nThe analysis goes on: judged run --analysis %s waits for it again, judged analyses cancel %s ends it", why, a.GetId(), a.GetId())
	if ctx.Err() == nil || c.Keep || c.Analysis != "" {
		return a, goesOn
	}
	bye, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	ended, err := server.CancelAnalysis(bye, a.GetId(), "judged run stopped waiting: "+context.Cause(ctx).Error())
	switch {
	case err != nil:
		return a, fmt.Errorf("%w\nIt could not be cancelled: %w", goesOn, err)
	case ended.GetState() == judgedv1.AnalysisState_COMPLETED: // at the last moment
		return ended, nil
	default:
		return ended, fmt.Errorf("%w\nAnalysis %s was cancelled (--keep would let it go on)", why, a.GetId())
	}
}

// without says why there is no verdict, also in the files, where an older one may
// stand, and exits by --on-error if that is for it to decide.
func (c runCommand) without(w world, why error, a *judgedv1.Analysis) error {
	r := &analysis.Result{Config: a.GetConfig().GetName(), Judgment: judge.Judgment{Verdict: judge.Error, Summary: "ERROR: " + why.Error()}}
	if a.GetConfig().GetScopes() != nil {
		r.Scopes = wire.Scopes(a.GetConfig().GetScopes())
	}
	if err := c.save(r, linkTo(a)); err != nil {
		return errors.Join(why, err)
	}
	if !excusable(why) || c.OnError == "exit" {
		return why
	}
	fmt.Fprintf(w.stderr, "judged: %v\njudged: exit by --on-error %s\n", why, c.OnError)
	return c.exit(judge.Error)
}

// excusable reports whether an error is a lack of evidence, which --on-error may
// let pass, and not somebody's mistake or wish.
func excusable(err error) bool {
	if _, late := errors.AsType[tooLateError](err); late {
		return true
	}
	if _, expired := errors.AsType[*client.ExpiredError](err); expired {
		return true
	}
	failed, ok := errors.AsType[*client.Error](err)
	if !ok {
		return false
	}
	switch failed.Code {
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted, connect.CodeInternal, connect.CodeAborted:
		return true
	default:
		return false
	}
}
