package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type analysesCommand struct {
	List      analysesListCommand      `cmd:"" help:"List analyses, newest first."`
	Get       analysesGetCommand       `cmd:"" help:"Show an analysis and its latest judgment."`
	Start     analysesStartCommand     `cmd:"" help:"Start an analysis, and wait for its verdict if asked to."`
	Watch     analysesWatchCommand     `cmd:"" help:"Follow an analysis to its end, a line a change."`
	Looks     analysesLooksCommand     `cmd:"" help:"List the looks that an analysis took."`
	Cancel    analysesCancelCommand    `cmd:"" help:"End an analysis early."`
	Recording analysesRecordingCommand `cmd:"" help:"Save the data that an analysis saw, for judged run --from."`
}

type analysesListCommand struct {
	remote
	Config      string            `placeholder:"NAME" help:"Only analyses of this config."`
	Application string            `placeholder:"NAME" help:"Only analyses of this application."`
	State       string            `enum:",pending,running,completed,canceled,expired" default:"" placeholder:"STATE" help:"Only analyses in this state: pending, running, completed, canceled or expired."`
	Verdict     string            `enum:",pass,fail,inconclusive,error" default:"" placeholder:"VERDICT" help:"Only analyses with this verdict: pass, fail, inconclusive or error."`
	Label       map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Only analyses with all of these labels."`
	Since       time.Duration     `placeholder:"DURATION" help:"Only analyses started at most this long ago."`
	Limit       int               `default:"50" help:"At most this many."`
}

// Help is shown by "judged analyses list --help".
func (analysesListCommand) Help() string {
	return `Examples:
  judged analyses list --server https://judged.example.com --state running
  judged analyses list --application shop --verdict fail --since 24h`
}

// Run prints a table.
func (c analysesListCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	request := &judgedv1.ListAnalysesRequest{
		PageSize: int32(min(max(c.Limit, 1), 500)), Config: c.Config, Application: c.Application, Labels: c.Label,
		State:   judgedv1.AnalysisState(judgedv1.AnalysisState_value[strings.ToUpper(c.State)]),
		Verdict: judgedv1.Verdict(judgedv1.Verdict_value[strings.ToUpper(c.Verdict)]),
	}
	if c.Since > 0 {
		request.CreatedFrom = timestamppb.New(w.now().Add(-c.Since))
	}
	out := newTable(w.stdout, "ID", "CONFIG", "STATE", "VERDICT", "LOOKS", "STARTED", "LABELS")
	n := 0
	for a, err := range server.ListAnalyses(ctx, request) {
		if err != nil {
			return err
		}
		if n++; n > c.Limit {
			break
		}
		out.row(a.GetId(), configOf(a), a.GetState().String(), verdictOf(a.GetJudgment()), looksOf(a), moment(a.GetCreateTime()), labelsOf(a))
	}
	return out.flush()
}

func configOf(a *judgedv1.Analysis) string {
	if r := a.GetConfigRevision(); r > 0 {
		return fmt.Sprintf("%s@%d", a.GetConfig().GetName(), r)
	}
	return a.GetConfig().GetName()
}

// verdictOf is empty before the first look.
func verdictOf(j *judgedv1.Judgment) string {
	if j == nil {
		return ""
	}
	return j.GetVerdict().String()
}

func looksOf(a *judgedv1.Analysis) string {
	return fmt.Sprintf("%d/%d", a.GetLooks(), a.GetPlannedLooks())
}

func labelsOf(a *judgedv1.Analysis) string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(a.GetLabels())) {
		labels = append(labels, name+"="+a.GetLabels()[name])
	}
	return strings.Join(labels, ",")
}

type analysesGetCommand struct {
	ID string `arg:"" placeholder:"ID" help:"The analysis."`
	remote
	Format string `enum:"text,json,markdown,junit" default:"text" short:"f" help:"How to print it: ${enum}; json is the whole analysis, the others its judgment."`
}

// Help is shown by "judged analyses get --help".
func (analysesGetCommand) Help() string {
	return `Examples:
  judged analyses get 0199c2a4-1f5e-7cc1-9d5e-3f4f2d6c8b11 --server https://judged.example.com

Exit codes: 0 whatever the verdict is, 3 there is no such analysis, or no server.`
}

// Run prints the analysis.
func (c analysesGetCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	a, err := server.GetAnalysis(ctx, c.ID)
	if err != nil {
		return err
	}
	switch {
	case c.Format == "json":
		text, err := evenJSON(a)
		if err != nil {
			return err
		}
		_, err = w.stdout.Write(text)
		return err
	case c.Format == "text":
		if err := printAnalysis(w, a); err != nil || a.GetJudgment() == nil {
			return err
		}
		fmt.Fprintln(w.stdout)
		if a.GetRescored() != nil {
			fmt.Fprintln(w.stdout, "As it was judged, which is what deployers got:")
		}
	case a.GetJudgment() == nil:
		return fmt.Errorf("analysis %s has no judgment yet: its first look is due at %s", a.GetId(), moment(a.GetNextLookTime()))
	}
	o := output{Format: c.Format}
	if err := o.print(w, wire.Result(a.GetJudgment())); err != nil || c.Format != "text" || a.GetRescored() == nil {
		return err
	}
	fmt.Fprintln(w.stdout, "\nWith the feedback since then:")
	return o.print(w, wire.Result(a.GetRescored()))
}

// printAnalysis prints where an analysis is in its life, what there is of it.
func printAnalysis(w world, a *judgedv1.Analysis) error {
	out := table{newTable(w.stdout, "analysis", a.GetId()).w}
	for _, line := range [][2]string{
		{"config", configOf(a)},
		{"state", a.GetState().String()},
		{"looks", looksOf(a)},
		{"window", windowOf(a.GetWindow())},
		{"started", strings.TrimSpace(moment(a.GetCreateTime()) + " " + a.GetCreatedBy())},
		{"next look", moment(a.GetNextLookTime())},
		{"expires", expiry(a)},
		{"ended", moment(a.GetEndTime())},
		{"judged again", judgedAgain(a)},
		{"cancelled", strings.TrimSpace(a.GetCanceledBy() + " " + a.GetCancelReason())},
		{"trouble", a.GetTrouble()},
		{"labels", labelsOf(a)},
	} {
		if line[1] != "" {
			out.row(line[0], line[1])
		}
	}
	return out.flush()
}

// judgedAgain says what feedback made of the verdict, which stays what it was.
func judgedAgain(a *judgedv1.Analysis) string {
	if a.GetRescored() == nil {
		return ""
	}
	said := a.GetRescoredBy()
	text := fmt.Sprintf("%s, was %s: template %s", verdictOf(a.GetRescored()), verdictOf(a.GetJudgment()), said.GetPin().GetTemplate())
	if said.GetDeleted() {
		text += " is not pinned any more"
	} else {
		text += " is pinned as " + severityWord(said.GetPin().GetAs())
	}
	return strings.TrimSpace(text + ", " + moment(said.GetTime()) + " " + said.GetBy())
}

func windowOf(w *judgedv1.Window) string {
	if w == nil {
		return ""
	}
	return moment(w.GetStart()) + " to " + moment(w.GetEnd())
}

// expiry is of interest only while an analysis lives.
func expiry(a *judgedv1.Analysis) string {
	if a.GetEndTime() != nil {
		return ""
	}
	return moment(a.GetExpireTime())
}

type analysesLooksCommand struct {
	ID string `arg:"" placeholder:"ID" help:"The analysis."`
	remote
}

// Run prints a table.
func (c analysesLooksCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	out := newTable(w.stdout, "LOOK", "DUE", "TAKEN", "VERDICT", "SCORE", "BY", "SUMMARY")
	for look, err := range server.ListLooks(ctx, c.ID) {
		if err != nil {
			return err
		}
		score := ""
		if look.Score != nil {
			score = fmt.Sprintf("%.1f", look.GetScore())
		}
		out.row(fmt.Sprint(look.GetNumber()), moment(look.GetDueTime()), moment(look.GetTakeTime()), look.GetVerdict().String(), score, look.GetReplica(), look.GetSummary())
	}
	return out.flush()
}

type analysesCancelCommand struct {
	ID     string `arg:"" placeholder:"ID" help:"The analysis."`
	Reason string `placeholder:"TEXT" help:"Why, for whoever reads the analysis later."`
	remote
}

// Run cancels, and says how the analysis ended: it may have ended before.
func (c analysesCancelCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	a, err := server.CancelAnalysis(ctx, c.ID, c.Reason)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s %s\n", a.GetId(), a.GetState())
	return err
}

type analysesRecordingCommand struct {
	ID     string `arg:"" placeholder:"ID" help:"The analysis."`
	Output string `required:"" short:"o" placeholder:"FILE" help:"Where to save it; - is standard output."`
	remote
}

// Help is shown by "judged analyses recording --help".
func (analysesRecordingCommand) Help() string {
	return `Saves what the sources answered to an analysis, with its config and its latest judgment,
as JSON: GET /v1/analyses/ID/recording gives the same. It can be judged again, with
the same settings or others, without the server and without the sources.

Examples:
  judged analyses recording ID -o checkout.json
  judged run --from checkout.json
  judged run --from checkout.json stricter.yaml`
}

// Run saves the recording.
func (c analysesRecordingCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	recording, err := server.GetRecording(ctx, c.ID)
	if err != nil {
		return err
	}
	text, err := evenJSON(recording)
	if err != nil {
		return err
	}
	if c.Output == "-" {
		_, err = w.stdout.Write(text)
		return err
	}
	return os.WriteFile(c.Output, text, 0o600) // metrics are the owner's business
}
