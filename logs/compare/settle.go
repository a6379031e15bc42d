package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
)

// settle gives a finding its verdict, from its changes and from what could have been
// overlooked, at an error of alpha.
func settle(f *judge.Finding, alpha float64) {
	var fails, doubts []judge.Change
	for _, change := range f.Changes {
		decides := change.AdjustedPValue <= alpha
		switch {
		case change.Severity == judge.Grave && change.Kind == judge.New, change.Severity >= judge.Serious && decides:
			fails = append(fails, change)
		case change.Severity >= judge.Warn:
			doubts = append(doubts, change)
		}
	}
	if len(fails) > 0 {
		f.Classification, f.Verdict = judge.High, judge.Fail
		f.Reason = sentence(fails)
		// What is told at its first sign has no p value that says so.
		f.PValue = min(f.PValue, alpha)
		return
	}
	f.PValue = max(f.PValue, math.Nextafter(alpha, 1))
	f.Classification, f.Verdict = judge.Unclear, judge.Inconclusive
	share := judge.FormatPercent(min(f.Overlooked, 1))
	switch {
	case len(doubts) > 0:
		f.Reason = sentence(doubts)
	case !(f.Overlooked <= f.Signal.Tolerance.Relative):
		f.Reason = fmt.Sprintf("nothing got worse, but %s are too few: a new error in %s of them could be overlooked", what(f.Canary), share)
	default:
		f.Classification, f.Verdict = judge.Similar, judge.Pass
		f.Reason = fmt.Sprintf("nothing got worse in %s: a new error in %s of them would have been found", what(f.Canary), share)
	}
}

// what says what was compared.
func what(canary judge.Summary) string {
	if canary.Total > 0 {
		return fmt.Sprintf("%s requests of the canary", judge.FormatNumber(canary.Total))
	}
	return fmt.Sprintf("%s lines of the canary", judge.FormatNumber(canary.Events))
}

// sentence tells the worst change, and how many there are.
func sentence(changes []judge.Change) string {
	text := changes[0].Sentence()
	if more := len(changes) - 1; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return strings.TrimSuffix(text, ".")
}

// Rescore returns a finding of a Comparison as it would have been if the severities
// had been these, now being the time by which pins expire: what a person says of a
// template after the fact. Only what was told then can be judged otherwise.
func Rescore(f judge.Finding, s Severity, now time.Time) judge.Finding {
	if f.Judge != Name || f.Classification == judge.NoData || f.Verdict == judge.Error {
		return f
	}
	f.Changes = slices.Clone(f.Changes)
	for i := range f.Changes {
		c := &f.Changes[i]
		if c.Kind == judge.Renamed {
			// Its severity is not that of a message that there is more of.
			if p, ok := s.pin(c.ID, now); ok {
				c.Severity, c.Why = p.As, p.String()
			}
			continue
		}
		c.Severity, c.Why = s.Of(c.Kind, c.ID, levelOf(c.Level), c.Name, now)
	}
	slices.SortStableFunc(f.Changes, worse)
	settle(&f, 1-f.Effect.Level) // the error that it could spend
	f.AdjustedPValue = max(f.AdjustedPValue, f.PValue)
	return f
}

// worse orders changes: what must be read comes first.
func worse(a, b judge.Change) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.AdjustedPValue, b.AdjustedPValue),
		cmp.Compare(b.Canary.Events+b.Baseline.Events, a.Canary.Events+a.Baseline.Events), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Was, b.Was))
}

func levelOf(name string) logs.Level {
	for l := logs.Critical; l > logs.NoLevel; l-- {
		if l.String() == name {
			return l
		}
	}
	return logs.NoLevel
}
