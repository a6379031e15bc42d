package backtest

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// defaultJudge judges as an analysis does.
type defaultJudge struct {
	name  string
	alpha float64
}

func newDefault(name string, alpha float64) (Judge, error) {
	if !(alpha > 0 && alpha < 1) {
		return nil, fmt.Errorf("judge %q: alpha %v is not a probability", name, alpha)
	}
	return defaultJudge{name, alpha}, nil
}

func (d defaultJudge) Name() string { return d.name }

// Judge implements Judge.
func (d defaultJudge) Judge(inputs []analysis.Input) Outcome {
	return outcome(analysis.Judge(inputs, d.alpha))
}

// JudgeLook implements Watcher: all looks together spend the error once.
func (d defaultJudge) JudgeLook(inputs []analysis.Input, n int, looks *analysis.RegularLooks) (Outcome, error) {
	j, err := looks.Judge(inputs, n, d.alpha)
	if err != nil {
		return Outcome{}, err
	}
	return outcome(j), nil
}

func outcome(j judge.Judgment) Outcome {
	return Outcome{Verdict: j.Verdict, Score: j.Score, Suspicion: surprise(j), Findings: j.Findings}
}

// certain is the surprise of what is beyond doubt: the smallest double is
// 5e-324.
const certain = 330

// surprise is -log10 of the smallest adjusted p value, the evidence on the
// scale that separates the very small. The score would not do: with one metric
// it has three values. A FAIL outranks what is not one, also where a judge
// fails a signal without a p value, as a silent one.
func surprise(j judge.Judgment) float64 {
	least, bare := 1.0, false
	for i := range j.Findings {
		f := &j.Findings[i]
		switch {
		case f.AdjustedPValue < least: // not if it is NaN
			least = f.AdjustedPValue
		case f.Verdict == judge.Fail && math.IsNaN(f.AdjustedPValue):
			bare = true
		}
	}
	if bare && j.Verdict == judge.Fail {
		return certain
	}
	return min(max(-math.Log10(least), 0), certain)
}
