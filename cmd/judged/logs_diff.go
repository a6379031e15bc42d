package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/files"
	"github.com/judged-dev/judged/metrics"
)

type logsDiffCommand struct {
	Baseline  string   `arg:"" placeholder:"BASELINE" help:"Files and folders of the baseline, separated by commas; - is standard input."`
	Canary    string   `arg:"" placeholder:"CANARY" help:"Those of the canary."`
	History   string   `placeholder:"PATH,..." help:"Logs of either side from before the release: what they hold is not new."`
	Share     percent  `placeholder:"10%" help:"The canary's part of the traffic, where lines have no trace ids. Default: what most templates tell."`
	Pin       []pin    `sep:"none" placeholder:"ID=SEVERITY" help:"How bad changes of a template are: ignored, info, warn, error or critical; ID=ignored,until=2026-12-01 for a known issue. Repeat it for several."`
	Pins      string   `type:"existingfile" placeholder:"FILE" help:"More pins, in YAML as in a config."`
	Tolerance *percent `placeholder:"25%" help:"PASS only if a new error in this share of the canary's requests would have been found."`
	Alpha     percent  `default:"5%" placeholder:"5%" help:"How many healthy canaries may FAIL."`
	logOptions
	output
	policy
}

// Help is shown by "judged logs diff --help".
func (logsDiffCommand) Help() string {
	return `Compares what two sides logged and says what the canary logs that the baseline does
not, logs more often, no longer logs, in other words, or with other values: only what
is more than chance, all templates tested together. Where lines have trace ids it
counts the requests that have a template, else lines.

A new or more frequent error FAILs; a new warning, or an ordinary message that is
lost, is INCONCLUSIVE until somebody has read it; more than that can be pinned.

Examples:
  judged logs diff baseline.log canary.log
  judged logs diff logs/v1.8.2/ logs/v1.9.0/ --history logs/yesterday/
  judged logs diff old-1.log.gz,old-2.log.gz new.log.gz --share 10%
  judged logs diff base.log canary.log --pin 0f3a9c2e77d01b44=ignored,until=2026-12-01
  judged logs diff base.log canary.log --pins pins.yaml --write markdown=comment.md

Both sides should be of the same time: what depends on the time of day differs, too.

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge.`
}

// Validate is called by kong.
func (c logsDiffCommand) Validate() error {
	if c.Share >= 1 {
		return fmt.Errorf("--share: the canary's part of the traffic is less than 100%%")
	}
	if c.Tolerance != nil && !(*c.Tolerance > 0 && *c.Tolerance < 1) {
		return fmt.Errorf("--tolerance is a share of the requests: more than 0%% and less than 100%%")
	}
	if !(c.Alpha > 0 && c.Alpha < 1) {
		return fmt.Errorf("--alpha is a probability: more than 0%% and less than 100%%")
	}
	if err := c.logOptions.Validate(); err != nil {
		return err
	}
	return c.output.Validate()
}

// pin is one on the command line.
type pin compare.Pin

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *pin) UnmarshalText(text []byte) error {
	id, rest, ok := strings.Cut(string(text), "=")
	as, end, bounded := strings.Cut(rest, ",until=")
	*p = pin{Template: id}
	if !ok || len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
		return fmt.Errorf("%q is no pin: write the 16 digits of a template's id, = and a severity, like 0f3a9c2e77d01b44=ignored", text)
	}
	if bounded {
		day, err := time.Parse(time.DateOnly, end)
		if err != nil {
			return fmt.Errorf("the pin %q ends at %q: write a day like 2026-12-01; the pin ends when it begins, in UTC", text, end)
		}
		p.Until = day
	}
	for s := judge.Ignored; s <= judge.Grave; s++ {
		if s.String() == as {
			p.As = s
			return nil
		}
	}
	return fmt.Errorf("the pin %q says %q: there are ignored, info, warn, error and critical", text, as)
}

// Run compares and exits by the verdict.
func (c logsDiffCommand) Run(ctx context.Context, w world) error {
	pins, err := c.pins()
	if err != nil {
		return err
	}
	clean, err := c.redactor()
	if err != nil {
		return err
	}
	in := analysis.Input{
		Sample: judge.Sample{Signal: judge.Signal{
			Name: analysis.LogSignal, Kind: judge.Count, Unit: "lines", Direction: judge.Increase,
		}},
		Evidence: judge.Evidence{Source: "files", BaselineQuery: c.Baseline, CanaryQuery: c.Canary},
	}
	result := &analysis.Result{Config: "logs", Scopes: analysis.Scopes{
		Baseline: map[string]string{"files": c.Baseline}, Canary: map[string]string{"files": c.Canary},
	}}
	sides, err := c.sides(ctx, w, &in)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case err != nil:
		in.Err = err
	default:
		o := compare.Options{Severity: compare.Severity{Pins: pins}, Clean: clean.Text, Now: w.now()}
		if c.Tolerance != nil {
			o.Tolerance = float64(*c.Tolerance)
		}
		in.Logs = compare.New(sides, o)
		if window, ok := common(sides); ok {
			result.Window = window
		} else {
			in.Warnings = append(in.Warnings, "the sides are of different times: what depends on the time of day differs, too")
		}
	}
	result.Judgment = analysis.Judge([]analysis.Input{in}, float64(c.Alpha))
	if err := c.print(w, result); err != nil {
		return err
	}
	return c.exit(result.Verdict)
}

// pins returns those of the command line, which count first, and of the file.
func (c logsDiffCommand) pins() ([]compare.Pin, error) {
	var pins []compare.Pin
	for _, p := range c.Pin {
		pins = append(pins, compare.Pin(p))
	}
	if c.Pins == "" {
		return pins, nil
	}
	more, err := config.LoadPins(c.Pins)
	return append(pins, more...), err
}

// sides reads all files.
func (c logsDiffCommand) sides(ctx context.Context, w world, in *analysis.Input) (compare.Sides, error) {
	sides := compare.Sides{Share: float64(c.Share)}
	for _, side := range []struct {
		name, paths string
		to          **mine.Miner
	}{{"baseline", c.Baseline, &sides.Baseline}, {"canary", c.Canary, &sides.Canary}, {"history", c.History, &sides.History}} {
		if side.paths == "" {
			continue
		}
		m := c.miner(mine.DefaultCell)
		watch := newWatch(w, side.name)
		summary, err := c.read(ctx, w, side.name, strings.Split(side.paths, ","), watch, func(r *logs.Record, _ files.Position) { m.Add(r) })
		watch.close()
		if err != nil {
			return sides, err
		}
		*side.to = m
		for _, doubt := range summary.Warnings {
			in.Warnings = append(in.Warnings, side.name+": "+doubt)
		}
	}
	return sides, nil
}

// common returns the time of both sides, if they are of the same time.
func common(s compare.Sides) (metrics.Window, bool) {
	b, d := s.Baseline, s.Canary
	if b.First == 0 || d.First == 0 {
		return metrics.Window{}, true // nobody can tell
	}
	if b.Last < d.First || d.Last < b.First {
		return metrics.Window{}, false
	}
	return metrics.Window{Start: nanos(min(b.First, d.First)), End: nanos(max(b.Last, d.Last))}, true
}
