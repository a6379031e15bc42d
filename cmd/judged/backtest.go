package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/judged-dev/judged/replay/backtest"
	"github.com/judged-dev/judged/report"
)

type backtestCommand struct {
	Cases         []string `arg:"" placeholder:"CASES" help:"Files of cases, one JSON object a line, plain or gzipped; - is standard input."`
	Judge         []string `sep:"none" default:"default" placeholder:"JUDGE" help:"A judge to measure; repeat it to compare several: default; default,alpha=0.01; kayenta; kayenta=95; kayenta=75/95; threshold=1.1."`
	Alpha         float64  `default:"0.05" help:"Family-wise error of the default judge: how many healthy cases may FAIL."`
	By            []string `sep:"none" default:"metrics" placeholder:"DIMENSION,..." help:"A table for each combination of these; repeat it for several tables, none for no table. Dimensions: source, service, pairing, shape, family, injected, type, incident, window, metrics."`
	LookEvery     int      `placeholder:"N" help:"Judge after every N intervals as well, as a release that is watched is."`
	Format        string   `enum:"text,json,markdown" default:"text" short:"f" help:"How to print the tables: ${enum}."`
	Out           string   `placeholder:"FILE" help:"Write one JSON line a case to this file; - is standard output, and the tables then go to standard error."`
	SkipMalformed bool     `help:"Count lines that are no case instead of stopping at the first."`
}

// Help is shown by "judged backtest --help".
func (backtestCommand) Help() string {
	return `Judges cases whose answer is known and prints how often each judge is wrong: the share
of healthy cases that FAIL (false alarms) and of faulty ones (detections). A case is one
line of JSON; null is a missing point:

  {"id": "2026-10-03 checkout", "label": "fail", "source": "shop", "metrics": [
    {"name": "p99", "kind": "latency", "direction": "increase", "step_seconds": 60,
     "baseline": [0.21, 0.22, null, 0.20], "canary": [0.31, 0.29, 0.33, 0.30]}]}

docs/backtest.md has the whole format and how to build cases from your own incidents.

Judges:
  default         what "judged run" would say; default,alpha=0.01 with another alpha
  kayenta         Kayenta's judge: FAIL below a score of 75, PASS from 95
  kayenta=95      FAIL below 95, else PASS; kayenta=75/95 sets both limits
  threshold=1.1   FAIL if the mean of any metric is more than 1.1 times worse

Examples:
  judged backtest cases.jsonl.gz
  judged backtest *.jsonl.gz --judge default --judge kayenta=95 --judge threshold=1.25
  judged backtest cases.jsonl --by pairing,window --by injected
  judged backtest cases.jsonl --look-every 5       # false alarms over all looks
  judged backtest cases.jsonl --out results.jsonl  # what was said of each case, and why
  zcat cases.jsonl.gz | head -n 100 | judged backtest - --out - | jq 'select(.verdict == "FAIL")'

Exit codes: 0 every case was judged, 3 it could not, or was interrupted: what was judged
until then is printed and marked as partial.`
}

// Run judges the cases and prints the tables.
func (c backtestCommand) Run(ctx context.Context, w world) error {
	o, err := c.options(w)
	if err != nil {
		return err
	}
	tables := w.stdout
	done := func() error { return nil }
	if c.Out != "" {
		var out io.Writer
		if out, done, err = c.results(w); err != nil {
			return err
		}
		o.Each = backtest.NewResultWriter(out, o.Judges).Write
		if c.Out == "-" {
			tables = w.stderr
		}
	}
	bar := newProgressBar(w)
	o.Progress = func(p backtest.Progress) {
		bar.show(p.Read, p.Total, func(elapsed time.Duration) string { return casesSoFar(p.Cases, elapsed) })
	}
	r, err := backtest.Run(ctx, c.Cases, o)
	bar.clear()
	if wrote := done(); wrote != nil {
		return errors.Join(err, wrote)
	}
	interrupted := err != nil && ctx.Err() != nil
	if err != nil && !interrupted {
		return err
	}
	if err := c.printReport(tables, r, w); err != nil {
		return err
	}
	if interrupted {
		return fmt.Errorf("interrupted after %d cases", r.Cases)
	}
	return nil
}

func (c backtestCommand) options(w world) (backtest.Options, error) {
	o := backtest.Options{LookEvery: c.LookEvery, SkipMalformed: c.SkipMalformed, Stdin: w.stdin}
	if c.LookEvery < 0 {
		return o, fmt.Errorf("--look-every %d: give a number of intervals", c.LookEvery)
	}
	var err error
	if o.Judges, err = backtest.ParseJudges(c.Judge, c.Alpha); err != nil {
		return o, fmt.Errorf("--judge: %w", err)
	}
	for _, list := range c.By {
		if list == "none" {
			continue
		}
		by, err := backtest.ParseDimensions(list)
		if err != nil {
			return o, fmt.Errorf("--by: %w", err)
		}
		o.By = append(o.By, by)
	}
	return o, nil
}

// results opens what --out names. done writes what is left and closes it.
func (c backtestCommand) results(w world) (out io.Writer, done func() error, err error) {
	if c.Out == "-" {
		b := bufio.NewWriter(w.stdout)
		return b, b.Flush, nil
	}
	f, err := os.Create(c.Out)
	if err != nil {
		return nil, nil, err
	}
	b := bufio.NewWriterSize(f, 64<<10)
	return b, func() error { return errors.Join(b.Flush(), f.Close()) }, nil
}

func (c backtestCommand) printReport(to io.Writer, r *backtest.Report, w world) error {
	switch c.Format {
	case "json":
		return backtest.JSON(to, r)
	case "markdown":
		return backtest.Markdown(to, r)
	default:
		options := report.TextOptions{}
		if f, ok := to.(*os.File); ok {
			options = report.DetectText(f, w.getenv)
		}
		return backtest.Text(to, r, options)
	}
}

// casesSoFar is "3120 cases, 6100/s".
func casesSoFar(cases int, elapsed time.Duration) string {
	text := fmt.Sprintf("%d cases", cases)
	if elapsed >= time.Second {
		text += fmt.Sprintf(", %.0f/s", float64(cases)/elapsed.Seconds())
	}
	return text
}
