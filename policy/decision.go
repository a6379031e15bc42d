package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/judged-dev/judged/judge"
)

// Facts are what rules may know of a release beside its findings.
type Facts struct {
	// Application and Config are the names of what is released and of the
	// CanaryConfig.
	Application, Config string
	// Baseline and Canary are the scopes' variables.
	Baseline, Canary map[string]string
	// Window is the time that was judged.
	Window Window
	// Look says which of several looks this is; zero if there is one only.
	Look Look
}

// Window is a stretch of time: after Start, up to and including End.
type Window struct{ Start, End time.Time }

// Look is one of several at a window that grows, from 1.
type Look struct{ Number, Of int }

// judged is what a decision's rules see.
type judged struct {
	judgment *judge.Judgment
	facts    *Facts
	findings ref.Val
}

var (
	lookClass = newClass("Look",
		count("number", func(l *Look) int { return l.Number }),
		count("of", func(l *Look) int { return l.Of }),
	)
	windowClass = newClass("Window",
		moment("start", func(w *Window) time.Time { return w.Start }),
		moment("end", func(w *Window) time.Time { return w.End }),
	)
	decisions = dialect{
		root: newClass("Judgment",
			many("findings", findingClass, func(j *judged) ref.Val { return j.findings }),
			word("verdict", verdictWords, func(j *judged) string { return j.judgment.Verdict.String() }),
			number("score", func(j *judged) float64 { return j.judgment.Score }),
			of("reasons", cel.ListType(cel.StringType), func(j *judged) any { return j.judgment.Reasons }),
			number("alpha", func(j *judged) float64 { return j.judgment.Alpha }),
			part("look", lookClass, func(j *judged) *Look { return &j.facts.Look }),
			part("window", windowClass, func(j *judged) *Window { return &j.facts.Window }),
			text("config", func(j *judged) string { return j.facts.Config }),
			text("application", func(j *judged) string { return j.facts.Application }),
			scope("baseline", func(j *judged) map[string]string { return j.facts.Baseline }),
			scope("canary", func(j *judged) map[string]string { return j.facts.Canary }),
		),
		parts: []*class{findingClass, changeClass, tallyClass, effectClass, summaryClass, lookClass, windowClass},
		// Every one of 200 findings with every other, at 25 steps.
		cost: 1_000_000,
	}
)

// Decision is a user's rules over a Judgment. The zero value, and nil, change
// nothing. It is safe for concurrent use.
type Decision struct {
	// rules are in the order in which they are asked.
	rules []decides
}

type decides struct {
	*rule

	verdict judge.Verdict
}

// CompileDecision compiles the rules that give a verdict; an empty one is not
// there. The error joins one *CompileError for each rule that is wrong.
func CompileDecision(fail, pass, inconclusive string) (*Decision, error) {
	d := &Decision{}
	var problems []error
	for _, r := range []struct {
		name, text string
		verdict    judge.Verdict
	}{
		{"decision.fail", fail, judge.Fail},
		{"decision.inconclusive", inconclusive, judge.Inconclusive},
		{"decision.pass", pass, judge.Pass},
	} {
		if r.text == "" {
			continue
		}
		compiled, err := decisions.compile(r.name, r.text, nil)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		d.rules = append(d.rules, decides{compiled, r.verdict})
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return d, nil
}

// Apply lets the rules decide: fail, then inconclusive, then pass. The first
// that is true gives the verdict; if none is, j's own stands.
//
//   - ERROR stays ERROR: what could not be judged is nobody's to decide.
//   - A judgment in which no signal could be judged does not become PASS: no data
//     is never a pass.
//   - A rule that cannot be evaluated makes the verdict ERROR.
//
// The result says in Summary and Reasons what a rule decided, and quotes it; j
// is not modified. The error is not nil only if ctx ended first: nothing was
// decided then.
func (d *Decision) Apply(ctx context.Context, j judge.Judgment, facts Facts) (judge.Judgment, error) {
	if d == nil || len(d.rules) == 0 || j.Verdict == judge.Error {
		return j, nil
	}
	v := &variables{decisions.root, &judged{judgment: &j, facts: &facts, findings: findingsOf(j.Findings)}}
	for _, r := range d.rules {
		isTrue, _, err := r.eval(ctx, v)
		switch {
		case err != nil && ctx.Err() != nil:
			return judge.Judgment{}, err
		case err != nil:
			return decided(j, judge.Error, err.Error(), err.Error()), nil
		case !isTrue:
		case r.verdict == judge.Pass && !anyJudged(j.Findings):
			j.Reasons = slices.Concat([]string{fmt.Sprintf("the rule %s is true, but no signal could be judged, and no data is never a pass: %s", r.name, quote(r.text))}, j.Reasons)
			return j, nil
		default:
			because := fmt.Sprintf("the rule %s is true: %s", r.name, quote(r.text))
			return decided(j, r.verdict, "by the rule "+r.name+" ("+quote(r.text)+")", because), nil
		}
	}
	return j, nil
}

// decided returns j with another verdict. What it was without the rule stays to
// be read: somebody will ask.
func decided(j judge.Judgment, v judge.Verdict, short, because string) judge.Judgment {
	j.Reasons = slices.Concat([]string{because}, j.Reasons)
	if v == j.Verdict {
		return j // its own sentence says more than the rule
	}
	without := j.Summary
	if without == "" {
		without = j.Verdict.String() + "."
	}
	j.Summary = fmt.Sprintf("%v: %s; without it %s", v, short, without)
	j.Verdict = v
	return j
}

func anyJudged(findings []judge.Finding) bool {
	return slices.ContainsFunc(findings, func(f judge.Finding) bool {
		return f.Classification != judge.NoData && f.Classification != judge.Failed
	})
}
