package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
)

type lintCommand struct {
	Config  string `arg:"" placeholder:"CONFIG" help:"The CanaryConfig, YAML or JSON."`
	Sources string `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that the config names."`
}

// Help is shown by "judged lint --help".
func (lintCommand) Help() string {
	return `Checks CONFIG without asking anybody: syntax with line and column, names, margins,
scopes, variables. Then it prints, for each metric, how it would be judged and the
queries that would be sent, with the scopes' values filled in.

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
	problems := printPlan(w.stdout, plan)
	if problems > 0 {
		fmt.Fprintf(w.stdout, "\n%d of %d metrics cannot be asked.\n", problems, len(plan.Signals))
		return verdictError{exitError}
	}
	return nil
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
	fmt.Fprintf(w, "%s: %d metrics, %s in intervals of %s\n", p.Config.Name, len(p.Signals),
		judge.FormatWait(p.Window.Duration()), judge.FormatWait(p.Config.Schedule.Interval))
	if p.Config.Assignment == judge.Randomized {
		fmt.Fprintln(w, "requests go to either side by chance: nothing else makes healthy sides differ")
	}
	fmt.Fprintf(w, "judges  %s\n", p.Window)
	if p.History.Duration() > 0 {
		fmt.Fprintf(w, "history %s\n", p.History)
	}
	decides := judge.Deciding(p.Signals, func(s analysis.PlannedSignal) judge.Signal { return s.Metric.Signal })
	for _, s := range p.Signals {
		m := s.Metric
		role := "decides"
		if !decides(s) {
			role = "is reported"
		}
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
			fmt.Fprintf(w, "  %-10s %s\n", strings.Replace(analysis.Side(side).String(), " total", " /", 1), strings.Join(strings.Fields(q), " "))
		}
	}
	return problems
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
