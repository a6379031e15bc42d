package gate

import (
	"cmp"
	"fmt"
	"math"
	"time"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Answer is what an analysis says to a deployer at this moment.
type Answer struct {
	// Verdict is PASS, FAIL, INCONCLUSIVE or ERROR. Before the end it is FAIL or
	// INCONCLUSIVE: a FAIL is said when it is known, a PASS when all of it was
	// seen.
	Verdict judgedv1.Verdict
	// Final says that asking again brings nothing new.
	Final bool
	// Score is the judgment's, 0 to 100; 0 where there is none.
	Score float64
	// Summary is one sentence for people.
	Summary string
}

// Read returns what an analysis says.
func Read(a *judgedv1.Analysis) Answer {
	j := a.GetJudgment()
	out := Answer{Verdict: j.GetVerdict(), Final: Ended(a), Score: j.GetScore(), Summary: j.GetSummary()}
	if math.IsNaN(out.Score) || math.IsInf(out.Score, 0) {
		out.Score = 0
	}
	switch {
	case a.GetState() == judgedv1.AnalysisState_CANCELED:
		// Whatever it said so far, nobody let it come to an end.
		out.Verdict = judgedv1.Verdict_INCONCLUSIVE
		out.Summary = "INCONCLUSIVE: the analysis was cancelled: " + cmp.Or(a.GetCancelReason(), "no reason given")
	case a.GetState() == judgedv1.AnalysisState_EXPIRED && out.Verdict == judgedv1.Verdict_PASS:
		out.Verdict = judgedv1.Verdict_INCONCLUSIVE
		out.Summary = fmt.Sprintf("INCONCLUSIVE: the analysis expired after look %d of %d; until then: %s", a.GetLooks(), a.GetPlannedLooks(), j.GetSummary())
	case out.Final:
		if out.Verdict == judgedv1.Verdict_VERDICT_UNSPECIFIED {
			out.Verdict, out.Summary = judgedv1.Verdict_ERROR, "ERROR: the analysis ended without a judgment"
		}
	case out.Verdict == judgedv1.Verdict_FAIL: // said when it is known
	case j == nil:
		out.Verdict = judgedv1.Verdict_INCONCLUSIVE
		out.Summary = "INCONCLUSIVE: the first look is due at " + clock(a)
		if a.GetTrouble() != "" {
			out.Summary += "; trouble: " + a.GetTrouble()
		}
	default:
		out.Verdict = judgedv1.Verdict_INCONCLUSIVE
		out.Summary = fmt.Sprintf("INCONCLUSIVE: look %d of %d, the next at %s; so far: %s", a.GetLooks(), a.GetPlannedLooks(), clock(a), j.GetSummary())
	}
	return out
}

func clock(a *judgedv1.Analysis) string {
	if a.GetNextLookTime() == nil {
		return "once"
	}
	return a.GetNextLookTime().AsTime().UTC().Format(time.RFC3339)
}
