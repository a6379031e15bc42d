package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/compare"
)

type lintCommand struct {
	Config  string `arg:"" placeholder:"CONFIG" help:"The CanaryConfig, YAML or JSON."`
	Sources string `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that the config names."`
}

// Help is shown by "judged lint --help".
func (lintCommand) Help() string {
	return `Checks CONFIG without asking anybody: syntax with line and column, names, margins,
scopes, variables. Then it prints, for each metric and each log, how it would be judged
and the queries that would be sent, with the scopes' values filled in.

Examples:
  judged lint canary.yaml
  judged lint canary.yaml --sources judged.yaml

Exit codes: 0 the config can run, 3 it cannot.`
}

// Run prints the plan, or the problems.
func (c lintCommand) Run(w world) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	sources, err := openSources(cfg, c.Config, c.Sources)
	if err != nil {
		return err
	}
	defer closeSources(sources, w)
	now := w.now()
	if start := cfg.Schedule.Start; !start.IsZero() {
		now = start.AddDate(1, 0, 0) // a release to come is planned as a whole
	}
	window, history, err := cfg.Schedule.Window(now)
	if err != nil {
		return err
	}
	plan, err := analysis.NewPlan(cfg, sources, window, history)
	if err != nil {
		return err
	}
	for i := range plan.Signals {
		checkRecording(&plan.Signals[i], sources)
	}
	for i := range plan.Logs {
		checkFiles(&plan.Logs[i], sources)
	}
	problems := printPlan(w.stdout, plan)
	if problems > 0 {
		noun := "metrics"
		if len(plan.Logs) > 0 {
			noun = "signals"
		}
		fmt.Fprintf(w.stdout, "\n%d of %d %s cannot be asked.\n", problems, len(plan.Signals)+len(plan.Logs), noun)
		return verdictError{exitError}
	}
	return nil
}

// checkFiles opens a log that is a file or a folder here.
func checkFiles(l *analysis.PlannedLog, sources *analysis.Sources) {
	provider, err := sources.LogProvider(l.Log.Source)
	if l.Err != nil || err != nil || provider.Name != "files" {
		return
	}
	if _, err := sources.Mine(l.Log.Source); err != nil {
		l.Err = err
	}
}

// checkRecording opens what is a file here: reading it asks nobody, and a
// misspelt path is the most common mistake.
func checkRecording(s *analysis.PlannedSignal, sources *analysis.Sources) {
	provider, err := sources.Provider(s.Metric.Source)
	if s.Err != nil || err != nil || provider.Name != "recording" {
		return
	}
	if _, err := sources.Source(s.Metric.Source); err != nil {
		s.Err = err
	}
}

func printPlan(w io.Writer, p *analysis.Plan) (problems int) {
	counts := fmt.Sprintf("%d metrics", len(p.Signals))
	if n := len(p.Logs); n > 0 {
		counts += ", " + plural(n, "log")
	}
	fmt.Fprintf(w, "%s: %s, %s in intervals of %s\n", p.Config.Name, counts,
		judge.FormatWait(p.Window.Duration()), judge.FormatWait(p.Config.Schedule.Interval))
	if p.Config.Assignment == judge.Randomized {
		fmt.Fprintln(w, "requests go to either side by chance: nothing else makes healthy sides differ")
	}
	fmt.Fprintf(w, "judges  %s\n", p.Window)
	if p.History.Duration() > 0 {
		fmt.Fprintf(w, "history %s\n", p.History)
	}
	signals := make([]judge.Signal, 0, len(p.Signals)+len(p.Logs))
	for _, s := range p.Signals {
		signals = append(signals, s.Metric.Signal)
	}
	for i := range p.Logs {
		signals = append(signals, p.Logs[i].Log.Signal)
	}
	decides := judge.Deciding(signals, func(s judge.Signal) judge.Signal { return s })
	roleOf := func(s judge.Signal) string {
		if decides(s) {
			return "decides"
		}
		return "is reported"
	}
	for _, s := range p.Signals {
		m := s.Metric
		role := roleOf(m.Signal)
		fmt.Fprintf(w, "\n%s (%s, %s is bad, %s)\n", m.Name, m.Kind, m.Direction, role)
		fmt.Fprintf(w, "  judge      %s\n", method(s))
		if m.Pods != "" {
			fmt.Fprintf(w, "  pods       one series for each %s\n", m.Pods)
		}
		fmt.Fprintf(w, "  source     %s\n", m.Source)
		if s.Err != nil {
			problems++
			fmt.Fprintf(w, "  problem    %v\n", s.Err)
			continue
		}
		for side, q := range s.Queries {
			if q == "" {
				continue
			}
			printQuery(w, strings.Replace(analysis.Side(side).String(), " total", " /", 1), q)
		}
	}
	for i := range p.Logs {
		l := &p.Logs[i]
		fmt.Fprintf(w, "\n%s (log, new errors are bad, %s)\n", l.Log.Name, roleOf(l.Log.Signal))
		fmt.Fprintf(w, "  judge      %s\n", logMethod(&l.Log))
		if n := len(l.Log.Severity.Pins); n > 0 {
			fmt.Fprintf(w, "  pins       %s\n", pinned(l.Log.Severity.Pins, p.Window.End))
		}
		fmt.Fprintf(w, "  source     %s\n", l.Log.Source)
		if l.Err != nil {
			problems++
			fmt.Fprintf(w, "  problem    %v\n", l.Err)
			continue
		}
		if l.Queries[analysis.Baseline] != "" {
			printQuery(w, "baseline", l.Queries[analysis.Baseline])
		} else {
			fmt.Fprintf(w, "  baseline   the canary's own history\n")
		}
		printQuery(w, "canary", l.Queries[analysis.Canary])
	}
	return problems
}

func printQuery(w io.Writer, side, query string) {
	fmt.Fprintf(w, "  %-10s %s\n", side, strings.Join(strings.Fields(query), " "))
}

// logMethod says how a log is judged.
func logMethod(l *analysis.Log) string {
	tolerance := cmp.Or(l.Tolerance, compare.DefaultTolerance)
	text := "logs; FAIL on errors that are new or more frequent, PASS if a new error in " + judge.FormatPercent(tolerance) + " of the requests would be seen"
	if l.Ratio > 0 {
		text += "; tells what is " + judge.FormatNumber(l.Ratio) + "x more or less frequent"
	}
	if l.Severity.LevelsOnly {
		text += "; by levels only, not by words"
	}
	if l.Share > 0 {
		text += "; the canary has " + judge.FormatPercent(l.Share) + " of the traffic"
	}
	if l.SilenceFails {
		text += "; a silent canary FAILs"
	}
	return text
}

// pinned counts pins by what they say, and those that have ended.
func pinned(pins []compare.Pin, now time.Time) string {
	var counts [judge.Grave + 1]int
	ended := 0
	for _, p := range pins {
		if !p.Until.IsZero() && !now.Before(p.Until) {
			ended++
			continue
		}
		counts[p.As]++
	}
	var parts []string
	for s, n := range counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, judge.Severity(s)))
		}
	}
	if ended > 0 {
		parts = append(parts, fmt.Sprintf("%d ended before the window's end", ended))
	}
	return strings.Join(parts, ", ")
}

// method says which judge will judge by which margins.
func method(s analysis.PlannedSignal) string {
	m := s.Metric
	switch {
	case s.Share > 0:
		return fmt.Sprintf("%s; the canary should get %s of the requests", m.Judge, judge.FormatPercent(s.Share))
	case m.Margin == (judge.Margin{}) && m.Tolerance == (judge.Margin{}):
		return m.Judge + ", by margins of its own"
	}
	name := cmp.Or(m.Judge, analysis.DefaultJudge(m.Kind).Name())
	switch {
	case s.Own:
		name = "anomaly, against its own past"
	case m.SLO > 0:
		name += fmt.Sprintf(" (and the share above %s)", judge.FormatValue(m.SLO, m.Unit))
	}
	return fmt.Sprintf("%s; FAIL beyond %s, PASS within %s", name, beyond(m.Signal), m.Tolerance.Format(m.DisplayUnit()))
}

// beyond says what a FAIL must exceed; a margin of nothing leaves chance.
func beyond(s judge.Signal) string {
	if s.Margin == (judge.Margin{}) {
		return "what chance explains"
	}
	return s.Margin.Format(s.DisplayUnit())
}
