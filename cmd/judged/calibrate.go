package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/replay/calibrate"
	"github.com/judged-dev/judged/report"
)

// stretch says which recorded time a command reads: time in which nothing was
// released.
type stretch struct {
	From    time.Time     `placeholder:"TIME" help:"Begin of a time in which nothing was released (RFC 3339); else 7 days before --until."`
	Until   time.Time     `placeholder:"TIME" help:"Its end (RFC 3339); else the config's release, or now."`
	Timeout time.Duration `default:"10m" help:"Give up after this time."`
}

// defaultStretch is how far back is looked: a week has every day of the week.
const defaultStretch = 7 * 24 * time.Hour

// window returns the stretch for a config.
func (s stretch) window(c analysis.Config, now time.Time) (metrics.Window, error) {
	w := metrics.Window{Start: s.From, End: s.Until}
	if w.End.IsZero() {
		w.End = now.Truncate(time.Second)
		if start := c.Schedule.Start; !start.IsZero() && start.Before(w.End) {
			w.End = start
		}
	}
	if w.Start.IsZero() {
		w.Start = w.End.Add(-defaultStretch)
	}
	if !w.End.After(w.Start) {
		return w, fmt.Errorf("--from %s is not before --until %s", w.Start.Format(time.RFC3339), w.End.Format(time.RFC3339))
	}
	return w, nil
}

// scopes replaces variables of a config's scopes.
type scopes struct {
	Baseline map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the baseline's scope."`
	Canary   map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the canary's scope."`
}

func (s scopes) override(c *analysis.Config) {
	for name, value := range s.Baseline {
		set(&c.Scopes.Baseline, name, value)
	}
	for name, value := range s.Canary {
		set(&c.Scopes.Canary, name, value)
	}
}

type calibrateCommand struct {
	Config    string        `arg:"" optional:"" placeholder:"CONFIG" help:"The CanaryConfig, YAML or JSON; not needed with --cases."`
	Sources   string        `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that the config names."`
	Cases     []string      `placeholder:"FILE" help:"Judge the healthy cases of these files of judged backtest instead; - is standard input."`
	Target    percent       `default:"5%" placeholder:"5%" help:"How many healthy releases may FAIL."`
	Duration  time.Duration `placeholder:"DURATION" help:"Length of a window, instead of the config's duration."`
	History   time.Duration `placeholder:"DURATION" help:"History before each window, instead of the config's."`
	LookEvery time.Duration `placeholder:"DURATION" help:"Judge the growing window this often, instead of the config's look_every."`
	Stride    time.Duration `placeholder:"DURATION" help:"From one window to the next; else the duration, so that windows do not overlap."`
	Format    string        `enum:"text,json,markdown" default:"text" short:"f" help:"How to print the result: ${enum}."`
	scopes
	stretch
}

// Help is shown by "judged calibrate --help".
func (calibrateCommand) Help() string {
	return `Asks how often CONFIG would have said FAIL in a time in which nothing was released:
fetches that time once from the config's own sources, cuts it into windows of the config's
length, each with its history before it, and judges them all. For each metric it prints
the share of windows that FAIL, the margin that would bring the config to --target, and
what that margin costs: the smallest regression that is still found in 80 % of the
windows, measured by putting regressions into the canary's side of the same windows.
It ends with the lines of YAML to put into the config.

Both sides must have data in that time. Where the canary exists only during releases,
compare two groups of what runs now: --canary pod_group=b.

Examples:
  judged calibrate canary.yaml                       # the 7 days before its release
  judged calibrate canary.yaml --from 2026-11-01T00:00:00Z --until 2026-11-15T00:00:00Z
  judged calibrate canary.yaml --target 1% --history 2h
  judged calibrate canary.yaml --baseline group=a --canary group=b
  judged calibrate --cases cases.jsonl.gz            # labelled cases, default settings
  judged calibrate canary.yaml --cases cases.jsonl   # the metrics that the config names

docs/plan.md explains the output. How long a canary must live is judged plan's answer.

Exit codes: 0 the windows were judged, whatever came out; 3 they could not be.`
}

// Run judges the windows and prints the report.
func (c calibrateCommand) Run(ctx context.Context, w world) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done within %v (see --timeout)", c.Timeout))
	defer cancel()
	r, err := c.report(ctx, w)
	if err != nil {
		return err
	}
	switch c.Format {
	case "json":
		return calibrate.JSON(w.stdout, r)
	case "markdown":
		return calibrate.Markdown(w.stdout, r)
	default:
		return calibrate.Text(w.stdout, r, textOptions(w.stdout, w))
	}
}

// textOptions returns how to write to a stream.
func textOptions(to io.Writer, w world) report.TextOptions {
	if f, ok := to.(*os.File); ok {
		return report.DetectText(f, w.getenv)
	}
	return report.TextOptions{}
}

func (c calibrateCommand) report(ctx context.Context, w world) (*calibrate.Report, error) {
	o := calibrate.Options{Target: float64(c.Target), Seed: 1}
	switch {
	case c.Config == "" && len(c.Cases) == 0:
		return nil, errors.New("give a CONFIG, or labelled cases with --cases")
	case len(c.Cases) > 0:
		return c.ofCases(ctx, w, o)
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return nil, err
	}
	c.override(&cfg)
	o.Alpha = cfg.Alpha
	span, err := fetch(ctx, cfg, c.Config, c.Sources, c.stretch, w)
	if err != nil {
		return nil, err
	}
	layout := calibrate.LayoutOf(span.Config.Schedule)
	layout.Stride = c.Stride
	windows, skipped, err := span.Windows(layout)
	if err != nil {
		return nil, err
	}
	if len(windows) == 0 {
		return nil, fmt.Errorf("none of %d windows has data of both sides", skipped)
	}
	r, err := calibrate.Run(ctx, windows, o)
	if err != nil {
		return nil, err
	}
	r.Config, r.Span, r.Layout, r.Skipped = span.Config.Name, span.Window, layout, skipped
	r.Schedules, err = span.Schedules(ctx, span.Layouts(layout), o)
	return r, err
}

// override puts the command line's settings into the config.
func (c calibrateCommand) override(cfg *analysis.Config) {
	c.scopes.override(cfg)
	for _, set := range []struct {
		to   *time.Duration
		from time.Duration
	}{{&cfg.Schedule.Duration, c.Duration}, {&cfg.Schedule.History, c.History}, {&cfg.Schedule.LookEvery, c.LookEvery}} {
		if set.from > 0 {
			*set.to = set.from
		}
	}
}

func (c calibrateCommand) ofCases(ctx context.Context, w world, o calibrate.Options) (*calibrate.Report, error) {
	for _, given := range []struct {
		flag string
		set  bool
	}{
		{"--from", !c.From.IsZero()},
		{"--until", !c.Until.IsZero()},
		{"--stride", c.Stride > 0},
		{"--duration", c.Duration > 0},
		{"--history", c.History > 0},
		{"--look-every", c.LookEvery > 0},
	} {
		if given.set {
			return nil, errors.New(given.flag + " is for time that is fetched: a case has the window and the history that it has")
		}
	}
	var cfg *analysis.Config
	name := ""
	if c.Config != "" {
		loaded, err := config.Load(c.Config)
		if err != nil {
			return nil, err
		}
		cfg, name, o.Alpha = &loaded, loaded.Name, loaded.Alpha
	}
	windows, taken, err := calibrate.Cases(ctx, c.Cases, w.stdin, cfg, 0)
	if err != nil {
		return nil, err
	}
	if len(windows) == 0 {
		return nil, fmt.Errorf("no case is healthy and has a metric of the config (%d faulty, %d of other metrics)", taken.Faulty, taken.Foreign)
	}
	r, err := calibrate.Run(ctx, windows, o)
	if err != nil {
		return nil, err
	}
	r.Config, r.Taken = name, taken
	return r, nil
}

// fetch asks a config's sources for a stretch of time.
func fetch(ctx context.Context, cfg analysis.Config, path, settings string, s stretch, w world) (*calibrate.Span, error) {
	window, err := s.window(cfg, w.now())
	if err != nil {
		return nil, err
	}
	sources, err := openSources(cfg, path, settings)
	if err != nil {
		return nil, err
	}
	defer closeSources(sources, w)
	return calibrate.Fetch(ctx, cfg, sources, window)
}
