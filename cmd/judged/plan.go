package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/calibrate"
	"github.com/judged-dev/judged/replay/plan"
)

type planCommand struct {
	Config   string        `arg:"" optional:"" placeholder:"CONFIG" help:"Measure the noise of this config's metrics; else give --kind and numbers."`
	Sources  string        `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that the config names."`
	Cases    []string      `placeholder:"FILE" help:"Measure the noise on the healthy cases of these files of judged backtest; - is standard input."`
	Duration time.Duration `placeholder:"DURATION" help:"How long the canary is to live: what does that find? Else the config's duration."`
	Change   []change      `placeholder:"CHANGE" help:"A regression to find, 10% or 2x; repeatable. Else several are shown."`
	Alpha    percent       `placeholder:"5%" help:"Family-wise error; else the config's, or 5%."`
	Power    percent       `default:"80%" placeholder:"80%" help:"With what certainty a regression is to FAIL."`
	Looks    int           `placeholder:"N" help:"Number of looks at the growing window; else the config's look_every, or one."`
	History  time.Duration `placeholder:"DURATION" help:"History before the release; else the config's."`
	Random   bool          `name:"randomized" help:"Requests are sent to a side at random and instances are alike."`
	Svg      string        `placeholder:"FILE" help:"Draw the curves to this file."`
	Format   string        `enum:"text,json,markdown" default:"text" short:"f" help:"How to print the plan: ${enum}."`
	numbers  `group:"Numbers instead of CONFIG:"`
	scopes
	stretch
}

// numbers describe a signal on the command line.
type numbers struct {
	Kind        string        `enum:",gauge,count,ratio" default:"" help:"What the metric is: gauge, count or ratio."`
	Noise       percent       `placeholder:"8%" help:"Gauge: the standard deviation of canary/baseline from interval to interval."`
	Rho         float64       `placeholder:"0.3" help:"Gauge: the autocorrelation of neighbouring intervals."`
	Rate        rate          `placeholder:"1/min" help:"Count: the events of the baseline."`
	ErrorRate   percent       `placeholder:"0.1%" help:"Ratio: the share of requests that are events."`
	Requests    rate          `placeholder:"200/min" help:"Ratio: the requests of both sides together."`
	CanaryShare percent       `default:"50%" placeholder:"50%" help:"Count and ratio: the canary's share of the traffic."`
	Dispersion  float64       `default:"1" placeholder:"1" help:"Count and ratio: how many events come at once."`
	Margin      *percent      `placeholder:"5%" help:"The margin; else the default of the kind."`
	Interval    time.Duration `default:"1m" help:"Length of an interval."`
	Signals     int           `default:"1" placeholder:"N" help:"How many metrics decide together and share the error."`
}

// Help is shown by "judged plan --help".
func (planCommand) Help() string {
	return `Says how long a canary must live, and how much traffic it needs, for a regression of a
given size to FAIL with a given certainty, and what a planned duration finds.

With CONFIG the noise of each metric is measured on recorded time (--from, --until) of the
config's own sources; one side is enough. Without it, describe one metric by numbers.

Examples:
  judged plan --kind gauge --noise 8% --rho 0.3 --change 10% --margin 5%
  judged plan --kind count --rate 1/min --change 2x
  judged plan --kind ratio --error-rate 0.1% --requests 200/min --canary-share 10% --change 2x
  judged plan --kind gauge --noise 8% --rho 0.3 --duration 1h --looks 12 --history 2h --signals 5
  judged plan canary.yaml                            # all metrics of a config, measured
  judged plan canary.yaml --duration 2h --svg plan.svg
  judged plan --cases cases.jsonl.gz --duration 1h   # measured on labelled cases

docs/plan.md explains the output. How often a config is wrong is judged calibrate's answer.

Exit codes: 0 there is a plan, 3 there is none.`
}

// defaultChanges are the columns where no regression is given.
var defaultChanges = []float64{0.05, 0.10, 0.20, 0.50, 1}

// Run prints the plan.
func (c planCommand) Run(ctx context.Context, w world) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done within %v (see --timeout)", c.Timeout))
	defer cancel()
	r, err := c.report(ctx, w)
	if err != nil {
		return err
	}
	if c.Svg != "" {
		if err := c.draw(r); err != nil {
			return err
		}
	}
	switch c.Format {
	case "json":
		err = plan.JSON(w.stdout, r)
	case "markdown":
		err = plan.Markdown(w.stdout, r)
	default:
		err = plan.Text(w.stdout, r, textOptions(w.stdout, w))
	}
	if err == nil && !slices.ContainsFunc(r.Answers, func(a plan.Answer) bool { return a.Problem == "" }) {
		return verdictError{exitError} // the report says why
	}
	return err
}

func (c planCommand) draw(r *plan.Report) error {
	f, err := os.Create(c.Svg)
	if err != nil {
		return err
	}
	return errors.Join(plan.SVG(f, r), f.Close())
}

func (c planCommand) changes() []float64 {
	if len(c.Change) == 0 {
		return defaultChanges
	}
	out := make([]float64, len(c.Change))
	for i, one := range c.Change {
		out[i] = float64(one)
	}
	return out
}

func (c planCommand) report(ctx context.Context, w world) (*plan.Report, error) {
	measured := c.Config != "" || len(c.Cases) > 0
	switch {
	case measured && c.Kind != "":
		return nil, errors.New("--kind describes a metric by numbers; with a CONFIG or --cases they are measured")
	case !measured && c.Kind == "":
		return nil, errors.New("give a CONFIG to measure, or --kind gauge, count or ratio and its numbers")
	case c.Looks < 0 || c.Signals < 1:
		return nil, errors.New("--looks and --signals are counts")
	case measured:
		return c.measured(ctx, w)
	}
	return c.described(ctx)
}

func (c planCommand) options() plan.Options {
	return plan.Options{Alpha: float64(c.Alpha), Power: float64(c.Power), Looks: c.Looks, Interval: c.Interval, Signals: c.Signals}
}

// described plans for the metric of the command line.
func (c planCommand) described(ctx context.Context) (*plan.Report, error) {
	s, err := c.signal()
	if err != nil {
		return nil, err
	}
	if c.History > 0 {
		s.History = int(c.History / c.Interval)
	}
	s.Randomized = c.Random
	r, err := plan.Make(ctx, []plan.Question{{Signal: s}}, c.options(), c.Duration, c.changes())
	if err != nil {
		return nil, err
	}
	r.Title = c.title()
	if p := r.Answers[0].Problem; p != "" {
		return nil, errors.New(p)
	}
	return r, nil
}

// signal is the metric that the numbers describe.
func (n numbers) signal() (plan.Signal, error) {
	if n.Interval <= 0 {
		return plan.Signal{}, errors.New("--interval must be positive")
	}
	share := float64(n.CanaryShare)
	if !(share > 0 && share < 1) {
		return plan.Signal{}, fmt.Errorf("--canary-share %g%%: want more than 0%% and less than 100%%", 100*share)
	}
	kind := map[string]judge.Kind{"gauge": judge.Gauge, "count": judge.Count, "ratio": judge.Ratio}[n.Kind]
	s := plan.Signal{
		Name: n.Kind, Kind: kind, Noise: float64(n.Noise), Rho: n.Rho, Dispersion: n.Dispersion,
		Margin: analysis.DefaultMargins(judge.Signal{Kind: kind}, analysis.Given{}).Margin.Relative,
	}
	if n.Margin != nil {
		s.Margin = float64(*n.Margin)
	}
	needs := func(flags ...string) error {
		return fmt.Errorf("--kind %s needs %s", n.Kind, strings.Join(flags, " and "))
	}
	switch {
	case kind == judge.Gauge && n.Noise == 0:
		return s, needs("--noise")
	case kind == judge.Count && n.Rate == 0:
		return s, needs("--rate")
	case kind == judge.Ratio && (n.ErrorRate == 0 || n.Requests == 0):
		return s, needs("--error-rate", "--requests")
	case kind == judge.Count:
		s.Events = n.Rate.per(n.Interval)
	case kind == judge.Ratio:
		s.Requests = n.Requests.per(n.Interval)
		s.Level = float64(n.ErrorRate)
		s.Events = s.Level * s.Requests * (1 - share)
	}
	if kind != judge.Gauge {
		s.Weight = share / (1 - share)
	}
	return s, nil
}

// title says what the numbers describe.
func (n numbers) title() string {
	switch n.Kind {
	case "gauge":
		return fmt.Sprintf("gauge with a noise of %s and an autocorrelation of %g", judge.FormatPercent(float64(n.Noise)), n.Rho)
	case "count":
		return fmt.Sprintf("count of %s events a minute in the baseline, %s of the traffic to the canary",
			judge.FormatNumber(n.Rate.per(time.Minute)), judge.FormatPercent(float64(n.CanaryShare)))
	default:
		return fmt.Sprintf("ratio of %s in %s requests a minute, %s of them to the canary", judge.FormatPercent(float64(n.ErrorRate)),
			judge.FormatNumber(n.Requests.per(time.Minute)), judge.FormatPercent(float64(n.CanaryShare)))
	}
}

// measured plans for the metrics of a config or of cases.
func (c planCommand) measured(ctx context.Context, w world) (*plan.Report, error) {
	o, duration := c.options(), c.Duration
	var (
		cfg       *analysis.Config
		questions []plan.Question
		history   = c.History
		title     = "labelled cases"
	)
	if c.Config != "" {
		loaded, err := config.Load(c.Config)
		if err != nil {
			return nil, err
		}
		c.override(&loaded)
		cfg = &loaded
	}
	if len(c.Cases) > 0 {
		windows, _, err := calibrate.Cases(ctx, c.Cases, w.stdin, cfg, 0)
		if err != nil {
			return nil, err
		}
		questions = fromCases(windows)
		if len(questions) == 0 {
			return nil, errors.New("no case is healthy and has a metric to plan for")
		}
	} else {
		span, err := fetch(ctx, *cfg, c.Config, c.Sources, c.stretch, w)
		if err != nil {
			return nil, err
		}
		questions, cfg = fromSpan(span), &span.Config
	}
	if cfg != nil {
		title = cfg.Name
		o.Interval, o.Signals = cfg.Schedule.Interval, deciding(cfg.Metrics)
		if o.Alpha == 0 {
			o.Alpha = cfg.Alpha
		}
		if duration == 0 {
			duration = cfg.Schedule.Duration
		}
		if history == 0 {
			history = cfg.Schedule.History
		}
		if every := cfg.Schedule.LookEvery; every > 0 && o.Looks == 0 {
			o.Looks = int((duration + every - 1) / every)
		}
		if o.Interval == 0 { // with --cases nothing was fetched that fills it in
			o.Interval = c.Interval
		}
	}
	for i := range questions {
		s := &questions[i].Signal
		s.History, s.Randomized = int(history/o.Interval), c.Random
	}
	r, err := plan.Make(ctx, questions, o, duration, c.changes())
	if err != nil {
		return nil, err
	}
	r.Title = title
	return r, nil
}

func deciding(metrics []analysis.Metric) int {
	decides := judge.Deciding(metrics, func(m analysis.Metric) judge.Signal { return m.Signal })
	n := 0
	for _, m := range metrics {
		if decides(m) {
			n++
		}
	}
	return n
}

// fromSpan measures the metrics of a config.
func fromSpan(span *calibrate.Span) []plan.Question {
	questions := make([]plan.Question, len(span.Signals))
	for i, s := range span.Signals {
		q := plan.Question{Signal: plan.Signal{Name: s.Sample.Signal.Name, Kind: s.Sample.Signal.Kind}, Problem: s.Problem}
		if s.Problem == "" {
			q = question(s.Sample, s.Judge)
		}
		questions[i] = q
	}
	return questions
}

func question(s judge.Sample, judgeName string) plan.Question {
	q := plan.Question{Unit: s.Signal.Unit}
	var err error
	q.Signal, q.Notes, err = plan.Estimate(s)
	q.Signal.Judge = judgeName
	if err != nil {
		q.Problem = err.Error()
	}
	return q
}

// fromCases measures the metrics of cases by name, in the order of their first
// case: the typical one is planned for.
func fromCases(windows []calibrate.Window) []plan.Question {
	var names []string
	estimates := map[string][]plan.Signal{}
	problems := map[string]plan.Question{}
	for _, window := range windows {
		for _, in := range window.Inputs {
			q := question(in.Sample, in.Judge)
			name := q.Signal.Name
			_, failed := problems[name]
			if !failed && len(estimates[name]) == 0 {
				names = append(names, name)
			}
			if q.Problem != "" {
				problems[name] = q
				continue
			}
			estimates[name] = append(estimates[name], q.Signal)
		}
	}
	questions := make([]plan.Question, len(names))
	for i, name := range names {
		if len(estimates[name]) == 0 {
			questions[i] = problems[name]
			continue
		}
		questions[i] = plan.Question{Signal: plan.Typical(estimates[name])}
	}
	return questions
}
