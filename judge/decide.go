package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Judgment is the result for a whole release: many findings, one verdict.
type Judgment struct {
	Verdict Verdict
	// Score is 0 (worst) to 100: the weighted share of signals that passed,
	// an undecided one counting half. It is for display and for deployers
	// that compare scores; it does not decide.
	Score float64
	// Summary is one sentence that a tired person understands.
	Summary string
	// Reasons say what decided, most important first.
	Reasons []string
	// Findings are sorted: what decided comes first.
	Findings []Finding
	// Alpha is the family-wise error that was spent; 0 if none was promised,
	// as when Kayenta's judge took part.
	Alpha float64
}

// Compare judges all samples and decides. choose names the judge of each
// sample; nil, or a nil judge from it, makes that finding Failed.
//
// The chance that a healthy release FAILs is at most alpha over all deciding
// signals together, whatever their dependence: Holm's step-down procedure
// (Holm 1979, Scand. J. Statist. 6:65-70). Each of the M deciding signals is judged at
// alpha/M; those that fail are set aside and the rest is judged again at
// alpha/(M - failed), until no more fail. So every interval that is shown
// is the one that decided. Signals that do not decide form a family of their
// own.
func Compare(samples []Sample, choose func(Sample) Judge, alpha float64) Judgment {
	if alpha <= 0 {
		alpha = DefaultAlpha
	}
	findings := make([]Finding, len(samples))
	for _, family := range families(samples) {
		stepDown(samples, findings, family, choose, alpha)
	}
	hearSilence(samples, findings)
	j := Decide(findings, alpha)
	if wait := longestWait(samples, findings); j.Verdict == Inconclusive && wait > 0 {
		j.Summary = strings.TrimSuffix(j.Summary, ".") + "; about " + FormatWait(wait) + " more would probably decide."
	}
	return j
}

// longestWait returns how much longer the undecided signals that decide need,
// 0 if one of them does not know.
func longestWait(samples []Sample, findings []Finding) time.Duration {
	longest := time.Duration(0)
	for _, i := range families(samples)[0] {
		f, s := findings[i], samples[i]
		if f.Verdict != Inconclusive {
			continue
		}
		more := f.Needed - max(s.Baseline.Len(), s.Canary.Len()) // a series against its own history has no baseline
		if more <= 0 || s.Step <= 0 || more > int(math.MaxInt64/s.Step) {
			return 0
		}
		longest = max(longest, time.Duration(more)*s.Step)
	}
	return longest
}

// families splits the samples' indices into those that decide and the rest.
func families(samples []Sample) [2][]int {
	decides := Deciding(samples, func(s Sample) Signal { return s.Signal })
	var f [2][]int
	for i, s := range samples {
		if decides(s) {
			f[0] = append(f[0], i)
		} else {
			f[1] = append(f[1], i)
		}
	}
	return f
}

// Deciding returns the rule which of all decide the verdict: those whose signal
// is critical, or all if none is.
func Deciding[T any](all []T, signal func(T) Signal) func(T) bool {
	critical := slices.ContainsFunc(all, func(one T) bool { return signal(one).Critical })
	return func(one T) bool { return !critical || signal(one).Critical }
}

// maxSteps bounds the rounds of the step-down. Stopping early is safe: further
// rounds could only find more. Without a bound, signals that fail one by one
// would cost the square of their number.
const maxSteps = 12

func stepDown(samples []Sample, findings []Finding, family []int, choose func(Sample) Judge, alpha float64) {
	open := family
	for range maxSteps {
		if len(open) == 0 {
			break
		}
		share := alpha
		if alpha < 1 {
			share /= float64(len(open))
		} // else no share makes it a probability, and the judges say so
		var still []int
		for _, i := range open {
			s := samples[i]
			s.Alpha, s.PassAlpha = share, 2*alpha
			j := choose(s)
			if j == nil {
				findings[i] = NewFinding("", s)
				findings[i].Classification, findings[i].Verdict = Failed, Error
				findings[i].Reason = "there is no judge for this signal"
			} else {
				findings[i] = atLook(j.Judge(s), s)
			}
			if findings[i].Verdict != Fail {
				still = append(still, i)
			}
		}
		if len(still) == len(open) {
			break // nothing failed: these intervals stand
		}
		open = still
	}
	adjust(findings, family)
}

// atLook puts the p value of a finding at a look on the scale of the error that
// all looks share, so that it can be held against alpha like any other. A look
// that may spend nothing decides nothing.
func atLook(f Finding, s Sample) Finding {
	if s.Look == nil || f.Verdict == Error {
		return f
	}
	level := s.Look(s.alpha())
	if !(level > 0) {
		f.PValue = 1
		if f.Verdict == Fail {
			f.Verdict, f.Classification, f.Reason = Inconclusive, Unclear, "too early to tell: this look is not one that was planned"
		}
		return f
	}
	p := min(1, f.PValue/level*s.alpha()) // NaN stays NaN
	if f.Verdict == Fail {
		p = min(p, s.alpha())
	} else if p <= s.alpha() {
		p = math.Nextafter(s.alpha(), 1)
	}
	f.PValue = p
	return f
}

// adjust sets Holm's adjusted p values within one family.
func adjust(findings []Finding, family []int) {
	order := slices.Clone(family)
	order = slices.DeleteFunc(order, func(i int) bool { return math.IsNaN(findings[i].PValue) })
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(findings[a].PValue, findings[b].PValue) })
	// A signal without a p value still took its share of alpha.
	m := float64(len(family))
	running := 0.0
	for rank, i := range order {
		running = max(running, min(1, (m-float64(rank))*findings[i].PValue))
		findings[i].AdjustedPValue = running
	}
}

// Decide turns findings into one judgment. Deciding findings are the critical
// ones, or all if none is critical.
//
//   - FAIL if a deciding finding fails;
//   - else ERROR if one could not be judged, or there is no finding at all;
//   - else INCONCLUSIVE if one does not decide or has no data;
//   - else PASS.
//
// Findings keep their own verdicts; use Compare to control the family-wise
// error. The slice is not modified.
func Decide(findings []Finding, alpha float64) Judgment {
	j := Judgment{Alpha: alpha, Findings: slices.Clone(findings), Score: score(findings)}
	if len(findings) == 0 {
		j.Verdict, j.Summary = Error, "ERROR: there was nothing to judge: no signal was compared."
		j.Reasons = []string{"no signal was compared"}
		return j
	}
	decides := Deciding(findings, func(f Finding) Signal { return f.Signal })
	slices.SortStableFunc(j.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(severity(a.Verdict), severity(b.Verdict)),
			compareBool(decides(a), decides(b)),
			cmp.Compare(b.Signal.weight(), a.Signal.weight()),
		)
	})
	count := map[Verdict]int{}
	for _, f := range j.Findings {
		if decides(f) {
			count[f.Verdict]++
		}
		if f.Verdict != Pass {
			j.Reasons = append(j.Reasons, f.Signal.Name+": "+f.sentence())
		}
	}
	switch {
	case count[Fail] > 0:
		j.Verdict = Fail
	case count[Error] > 0:
		j.Verdict = Error
	case count[Inconclusive] > 0:
		j.Verdict = Inconclusive
	default:
		j.Verdict = Pass
	}
	j.Summary = summarize(j, decides)
	return j
}

// severity orders verdicts for display: what a reader must see comes first.
func severity(v Verdict) int {
	switch v {
	case Fail:
		return 0
	case Error:
		return 1
	case Inconclusive:
		return 2
	case Pass:
		return 3
	default:
		return 4
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func (s Signal) weight() float64 {
	if !(s.Weight > 0 && finite(s.Weight)) {
		return 1
	}
	return s.Weight
}

func score(findings []Finding) float64 {
	total, sum := 0.0, 0.0
	for _, f := range findings {
		w := f.Signal.weight()
		total += w
		switch {
		case f.Verdict == Pass:
			sum += w
		case f.Verdict == Inconclusive && f.Classification == Unclear:
			sum += w / 2
		}
	}
	if total == 0 {
		return 0
	}
	return math.Round(sum/total*1e4) / 100
}

// summarize writes the one sentence. It names at most two signals: who wants
// more reads the table.
func summarize(j Judgment, decides func(Finding) bool) string {
	var named []string
	total, deciding, others := 0, 0, 0
	for _, f := range j.Findings {
		if !decides(f) {
			if f.Verdict == Fail {
				others++
			}
			continue
		}
		total++
		if f.Verdict != j.Verdict {
			continue
		}
		deciding++
		if len(named) < 2 {
			named = append(named, phrase(f))
		}
	}
	list := strings.Join(named, "; ")
	if more := deciding - len(named); more > 0 {
		list += fmt.Sprintf("; and %d more", more)
	}
	var text string
	switch j.Verdict {
	case Fail:
		text = "the canary is worse than the baseline: " + list
	case Error:
		text = "no judgment was possible: " + list
	case Inconclusive:
		text = "the evidence does not decide yet: " + list
	case Pass:
		text = fmt.Sprintf("the canary is not worse than the baseline in %s", signals(total))
	}
	if others > 0 {
		text += fmt.Sprintf(" (%s that %s not critical got worse)", signals(others), map[bool]string{true: "is", false: "are"}[others == 1])
	}
	return j.Verdict.String() + ": " + text + "."
}

// sentence is the reason with the numbers that it is about.
func (f Finding) sentence() string {
	e, unit := f.Effect, f.Signal.DisplayUnit()
	if math.IsNaN(e.Estimate) || math.IsNaN(e.Low) || math.IsNaN(e.High) {
		return f.Reason
	}
	return fmt.Sprintf("%s against %s, %s (%s to %s): %s", FormatValue(f.Canary.Level, unit), FormatValue(f.Baseline.Level, unit),
		e.Format(e.Estimate, unit), e.Format(e.Low, unit), e.Format(e.High, unit), f.Reason)
}

// phrase names a finding within the summary. A failed one tells its effect;
// why another does not decide is told where there is room.
func phrase(f Finding) string {
	switch {
	case f.Verdict == Fail && (f.Effect.Measure == RatioOfTails || f.Effect.Measure == RatioOfSpreads):
		// The levels would not show it.
		return fmt.Sprintf("%s, where %s (%s)", f.Signal.Name, strings.TrimSuffix(f.Reason, "."), f.Effect.Format(f.Effect.Estimate, ""))
	case f.Verdict == Fail && !math.IsNaN(f.Effect.Estimate):
		unit := f.Signal.DisplayUnit()
		return fmt.Sprintf("%s %s, %s against %s", f.Signal.Name, f.Effect.Format(f.Effect.Estimate, unit),
			FormatValue(f.Canary.Level, unit), FormatValue(f.Baseline.Level, unit))
	case f.Classification == NoData:
		return f.Signal.Name + " has no data"
	case f.Classification == Unclear && !math.IsNaN(f.Effect.Estimate):
		return fmt.Sprintf("%s %s is not certain", f.Signal.Name, f.Effect.Format(f.Effect.Estimate, f.Signal.DisplayUnit()))
	default:
		return f.Signal.Name + " – " + strings.TrimSuffix(f.Reason, ".")
	}
}

func signals(n int) string {
	if n == 1 {
		return "1 signal"
	}
	return fmt.Sprintf("%d signals", n)
}
