package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type feedbackCommand struct {
	Set    feedbackSetCommand    `cmd:"" help:"Say what a log template is, and judge past analyses again by it."`
	List   feedbackListCommand   `cmd:"" help:"List what was said of an application's log templates."`
	Delete feedbackDeleteCommand `cmd:"" help:"Take back what was said of a template."`
}

// severityPrefix is what the contract puts before the words of people.
const severityPrefix = "SEVERITY_"

type feedbackSetCommand struct {
	Template    string   `arg:"" placeholder:"TEMPLATE" help:"The template's id, 16 hexadecimal digits, as findings show it."`
	Application string   `required:"" placeholder:"APP" help:"The application whose logs have it, as configs name it."`
	As          string   `required:"" enum:"ignored,info,warn,error,critical" placeholder:"SEVERITY" help:"How bad its changes are: ${enum}."`
	Until       pinUntil `placeholder:"DATE" help:"When that ends, for a known issue: 2026-12-01, the beginning of that day in UTC, or a moment such as 2026-12-01T18:00:00+01:00. Never if left out."`
	Note        string   `placeholder:"TEXT" help:"Why, for whoever reads the verdict."`
	Days        int32    `default:"30" placeholder:"N" help:"Judge the analyses of so many days again, at most 90; 0: none."`
	remote
}

// Help is shown by "judged feedback set --help".
func (feedbackSetCommand) Help() string {
	return `Says what the lines of a template are: nothing to look at, a known issue until a date, or
worse than they sound. New analyses of the application heed it from their next look on. Past
ones are judged again and keep their original verdict beside the new one.

Examples:
  judged feedback set 3f9ac1d2e4b5a607 --application shop --as ignored --server https://judged.example.com
  judged feedback set 3f9ac1d2e4b5a607 --application shop --as info --until 2026-12-01 --note "SHOP-4711, fixed in v1.10"

Exit codes: 0 it is kept, 3 it is not.`
}

// pinUntil is a date or a moment.
type pinUntil struct{ at *timestamppb.Timestamp }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *pinUntil) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			u.at = timestamppb.New(at)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no date like 2026-12-01 and no moment like 2026-12-01T18:00:00+01:00", text)
}

// Run keeps the pin and prints which analyses were judged again.
func (c feedbackSetCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	answer, err := server.SetPin(ctx, &judgedv1.SetPinRequest{
		Application: c.Application, RescoreDays: &c.Days,
		Pin: &judgedv1.Pin{
			Template: c.Template, As: judgedv1.Severity(judgedv1.Severity_value[severityPrefix+strings.ToUpper(c.As)]), Until: c.Until.at, Note: c.Note,
		},
	})
	if err != nil {
		return err
	}
	text := "pinned as " + severityWord(answer.GetPin().GetAs())
	if until := answer.GetPin().GetUntil(); until != nil {
		text += " until " + moment(until)
	}
	fmt.Fprintf(w.stdout, "%s %s\n", c.Template, text)
	return printRescored(w, answer.GetRescored())
}

type feedbackListCommand struct {
	Application string `required:"" placeholder:"APP" help:"The application."`
	remote
}

// Run prints a table.
func (c feedbackListCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	pins, err := server.ListPins(ctx, c.Application)
	if err != nil {
		return err
	}
	out := newTable(w.stdout, "TEMPLATE", "AS", "UNTIL", "BY", "NOTE")
	for _, p := range pins {
		until := moment(p.GetUntil())
		if p.GetUntil() != nil && !p.GetUntil().AsTime().After(w.now()) {
			until += " (over)"
		}
		out.row(p.GetTemplate(), severityWord(p.GetAs()), until, p.GetBy(), p.GetNote())
	}
	return out.flush()
}

type feedbackDeleteCommand struct {
	Template    string `arg:"" placeholder:"TEMPLATE" help:"The template's id."`
	Application string `required:"" placeholder:"APP" help:"The application."`
	Days        int32  `default:"30" placeholder:"N" help:"Judge the analyses of so many days again, at most 90; 0: none."`
	remote
}

// Run deletes the pin and prints which analyses were judged again.
func (c feedbackDeleteCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	answer, err := server.DeletePin(ctx, &judgedv1.DeletePinRequest{Application: c.Application, Template: c.Template, RescoreDays: &c.Days})
	if err != nil {
		return err
	}
	text := "has no pin any more"
	if answer.GetPin() == nil {
		text = "had no pin"
	}
	fmt.Fprintf(w.stdout, "%s %s\n", c.Template, text)
	return printRescored(w, answer.GetRescored())
}

// severityWord is a severity as people write it.
func severityWord(s judgedv1.Severity) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), severityPrefix))
}

// printRescored prints a table of the analyses that were judged again, if there are
// any.
func printRescored(w world, rescored []*judgedv1.RescoredAnalysis) error {
	if len(rescored) == 0 {
		return nil
	}
	score := func(known bool, s float64) string {
		if !known {
			return ""
		}
		return fmt.Sprintf("%.1f", s)
	}
	fmt.Fprintln(w.stdout)
	out := newTable(w.stdout, "JUDGED AGAIN", "BEFORE", "SCORE", "NOW", "SCORE")
	for _, r := range rescored {
		out.row(r.GetId(), r.GetVerdictBefore().String(), score(r.ScoreBefore != nil, r.GetScoreBefore()),
			r.GetVerdict().String(), score(r.Score != nil, r.GetScore()))
	}
	return out.flush()
}
