package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type judgeCommand struct {
	File      string `arg:"" optional:"" placeholder:"FILE" help:"Samples; standard input if absent or -."`
	Kayenta   bool   `help:"Read Kayenta remote-judge requests, one JSON object a line, and answer each with one line."`
	Direction string `enum:"given,either,increase,decrease" default:"given" help:"Which change is bad, for signals that do not say: ${enum}."`
	Margin    string `placeholder:"5%" help:"Change below which nobody cares, for signals that do not say."`
	output
	policy
}

// Help is shown by "judged judge --help".
func (judgeCommand) Help() string {
	return `Judges numbers that you bring along, as JSON or as CSV.

JSON is a JudgeRequest; null is a missing value:
  {"signals": [
    {"name": "p99", "direction": "increase", "margin": "5%",
     "baseline": {"values": [0.21, 0.22, null, 0.20]},
     "canary":   {"values": [0.31, 0.29, 0.33, 0.30]}},
    {"name": "errors", "kind": "ratio",
     "baseline": {"values": [0, 1, 0, 0], "totals": [820, 790, 805, 811]},
     "canary":   {"values": [3, 2, 0, 4], "totals": [815, 801, 790, 822]}}]}
A side may also hold histograms, {"histograms": [{"bounds": [0, 0.1, 1], "counts": [90, 9]}]},
and beside or instead of the sides baselinePods and canaryPods, {"name": "web-1",
"samples": {"values": [...]}, "history": {"values": [...]}}.

CSV has one interval a row; columns are SIGNAL.baseline, SIGNAL.canary and, for events
out of a total, SIGNAL.baseline_total and SIGNAL.canary_total:
  p99.baseline,p99.canary
  0.21,0.31
  0.22,0.29

With --kayenta each input line is a request of Kayenta's remote judge,
{"canaryConfig": {...}, "scoreThresholds": {...}, "metricSetPairList": [...], "id": ...},
each output line {"id", "result"} or {"id", "error"}, with exactly Kayenta's numbers.

Examples:
  judged judge samples.json
  judged judge --direction increase < latency.csv
  judged judge --kayenta < requests.jsonl > results.jsonl

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge. With --kayenta: 0 if
every line was read and answered.`
}

// Run judges and exits by the verdict.
func (c judgeCommand) Run(ctx context.Context, w world) error {
	in, name := w.stdin, "standard input"
	if c.File != "" && c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in, name = f, c.File
	}
	if c.Kayenta {
		return kayenta.JudgeLines(ctx, in, w.stdout, kayenta.LinesOptions{})
	}
	return c.samples(in, name, w)
}

func (c judgeCommand) samples(in io.Reader, name string, w world) error {
	request, err := config.ParseSamples(in, name)
	if err != nil {
		return err
	}
	if err := c.defaults(request); err != nil {
		return err
	}
	judgment, look, err := judgeSamples(request)
	if err != nil {
		return err
	}
	result := &analysis.Result{Judgment: judgment, Look: look, Interval: request.GetInterval().AsDuration()}
	if err := c.print(w, result); err != nil {
		return err
	}
	return c.exit(result.Verdict)
}

// judgeSamples judges the samples at the look that they have come to.
func judgeSamples(r *judgedv1.JudgeRequest) (judge.Judgment, analysis.Look, error) {
	inputs, alpha := wire.Inputs(r), r.GetDecision().GetAlpha()
	if r.GetLooks() == nil {
		return analysis.Judge(inputs, alpha), analysis.Look{}, nil
	}
	horizon, every := int(r.GetLooks().GetPlannedIntervals()), int(r.GetLooks().GetEvery())
	looks, err := analysis.NewRegularLooks(horizon, every)
	if err != nil {
		return judge.Judgment{}, analysis.Look{}, fmt.Errorf("looks: %w", err)
	}
	n := 0
	for _, in := range inputs {
		n = max(n, in.Intervals())
	}
	judgment, err := looks.Judge(inputs, n, alpha)
	return judgment, analysis.LookAt(n, horizon, every), err
}

// defaults fills in what the command line says and the samples do not.
func (c judgeCommand) defaults(request *judgedv1.JudgeRequest) error {
	direction := map[string]judgedv1.Direction{
		"either": judgedv1.Direction_EITHER, "increase": judgedv1.Direction_INCREASE, "decrease": judgedv1.Direction_DECREASE,
	}[c.Direction]
	var margin *judgedv1.Margin
	if c.Margin != "" {
		var err error
		if margin, err = config.ParseMargin(c.Margin); err != nil {
			return fmt.Errorf("--margin: %w", err)
		}
	}
	for _, s := range request.GetSignals() {
		if s.GetDirection() == judgedv1.Direction_DIRECTION_UNSPECIFIED {
			s.Direction = direction
		}
		if s.GetMargin() == nil {
			s.Margin = margin
		}
	}
	return nil
}
