package backtest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// Judge judges a whole case. It must be safe for concurrent use.
type Judge interface {
	// Name is how the judge is asked for, as in ParseJudge.
	Name() string
	// Judge judges the signals of one case, which it must not modify or keep.
	Judge(inputs []analysis.Input) Outcome
}

// Watcher is a Judge that knows when it looks at a window again and again.
type Watcher interface {
	Judge
	// JudgeLook judges the first n intervals of a case, which inputs hold.
	JudgeLook(inputs []analysis.Input, n int, looks *analysis.RegularLooks) (Outcome, error)
}

// Outcome is what a judge says of a case.
type Outcome struct {
	Verdict judge.Verdict
	// Score is the judge's own, 0 (worst) to 100.
	Score float64
	// Suspicion orders cases from surely healthy to surely faulty, whatever the
	// threshold: it is what the ROC curve is drawn from. Its scale is the
	// judge's own.
	Suspicion float64
	Findings  []judge.Finding
}

// ParseJudges returns the judges of specs, whose names must differ.
func ParseJudges(specs []string, alpha float64) ([]Judge, error) {
	judges := make([]Judge, len(specs))
	seen := map[string]bool{}
	for i, spec := range specs {
		j, err := ParseJudge(spec, alpha)
		if err != nil {
			return nil, err
		}
		if seen[j.Name()] {
			return nil, fmt.Errorf("the judge %q is asked for twice", j.Name())
		}
		seen[j.Name()] = true
		judges[i] = j
	}
	return judges, nil
}

// ParseJudge returns the judge of a spec:
//
//	default             the judges of this module, with the given alpha
//	default,alpha=0.01  the same with another family-wise error
//	kayenta             Kayenta's: FAIL below a score of 75, PASS from 95, between them INCONCLUSIVE
//	kayenta=95          FAIL below 95, else PASS
//	kayenta=75/95       both limits
//	threshold=1.1       FAIL if the mean of any metric is worse by more than this factor
func ParseJudge(spec string, alpha float64) (Judge, error) {
	name, value, given := strings.Cut(spec, "=")
	switch {
	case spec == "default":
		return newDefault(spec, alpha)
	case name == "default,alpha":
		own, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("judge %q: %q is no probability", spec, value)
		}
		return newDefault(spec, own)
	case spec == "kayenta":
		return kayenta{name: spec, fail: 75, pass: 95}, nil
	case name == "kayenta":
		return parseKayenta(spec, value)
	case name == "threshold" && given:
		factor, err := strconv.ParseFloat(value, 64)
		if err != nil || !(factor >= 1) || math.IsInf(factor, 0) {
			return nil, fmt.Errorf("judge %q: %q is no factor from 1 on, such as 1.1 for 10 %% worse", spec, value)
		}
		return threshold{name: spec, factor: factor}, nil
	case name == "threshold":
		return nil, errors.New(`the judge "threshold" needs its factor, such as threshold=1.1`)
	default:
		return nil, fmt.Errorf("there is no judge %q (judges: default; default,alpha=0.01; kayenta; kayenta=95; kayenta=75/95; threshold=1.1)", spec)
	}
}
