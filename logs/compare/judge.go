package compare

import (
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs/mine"
)

// Name is the judge's name.
const Name = "logs"

var _ judge.Judge = (*Comparison)(nil)

// Name implements judge.Judge.
func (*Comparison) Name() string { return Name }

// Judge implements judge.Judge: of the sample it takes the signal and the error
// that it may spend. Looks are known from Options.
//
//   - FAIL if the canary says more of what is an error, or said something grave
//     once;
//   - else INCONCLUSIVE if it says more of what is a warning, or less of what it
//     says when all is well, or so little that nothing could have been seen;
//   - else PASS.
func (c *Comparison) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding(Name, s)
	f.Baseline, f.Canary = summary(c.sides.Baseline), summary(c.sides.Canary)
	if c.silent(&f) {
		return f
	}
	alpha := s.Alpha
	if alpha <= 0 {
		alpha = judge.DefaultAlpha
	}
	list := max(alpha, s.PassAlpha/2)
	if s.Look != nil {
		alpha, list = s.Look(alpha), s.Look(list)
	}
	f.Changes = c.changes(list)
	f.PValue = c.least()
	f.Warnings = c.warnings()
	f.Overlooked = c.overlooked(alpha)
	f.Signal.Tolerance = judge.Margin{Relative: c.options.Tolerance}
	settle(&f, alpha)
	return f
}

// silent answers for sides that log nothing.
func (c *Comparison) silent(f *judge.Finding) bool {
	b, d := c.sides.Baseline.Lines, c.sides.Canary.Lines
	switch {
	case b > 0 && d > 0:
		return false
	case b == 0 && d == 0:
		f.Reason = "neither side logged anything"
	case b == 0:
		f.Reason = fmt.Sprintf("the baseline logged nothing, the canary %s lines: there is nothing to compare with", count(d))
	default:
		f.Reason = fmt.Sprintf("the canary logged nothing, the baseline %s lines", count(b))
	}
	f.Classification, f.Verdict = judge.NoData, judge.Inconclusive
	if d == 0 && b >= silentLines && c.options.SilenceFails {
		f.Verdict, f.Classification = judge.Fail, judge.Low
		f.PValue = 0
	}
	return true
}

// silentLines of the baseline make the canary's silence more than chance, whatever
// its part of the traffic.
const silentLines = 100

func count(n uint64) string { return judge.FormatNumber(float64(n)) }

// summary says how much a side logged.
func summary(m *mine.Miner) judge.Summary {
	nan := math.NaN()
	s := judge.Summary{
		Count: len(m.Cells), Level: nan, Mean: nan, Min: nan, Max: nan, Std: nan,
		Events: float64(m.Lines), Total: math.Round(m.Requests.Count()),
	}
	if m.Lines > 0 {
		s.Level = float64(m.Lines)
	}
	return s
}

// least returns the smallest adjusted p value of what would fail the release.
func (c *Comparison) least() float64 {
	least := 1.0
	for k, rows := range [][]row{c.rows, c.parts} {
		for i := range rows {
			q := c.results[k][i].Q
			if kind := c.results[k][i].Kind; !(q < least) || !up(kind) {
				continue
			}
			if c.severity(&rows[i], c.results[k][i].Kind) >= judge.Serious {
				least = q
			}
		}
	}
	return least
}

// overlooked returns the share of the canary's units in which one more message
// could stand and not be found at alpha: 0 if there is nothing that could tell.
func (c *Comparison) overlooked(alpha float64) float64 {
	tests := 2 * float64(len(c.rows)) // two families
	n0, n1 := c.sides.Baseline.Requests.Count(), c.sides.Canary.Requests.Count()
	if !c.traced {
		// Lines: a message as frequent as this share of all lines.
		n0, n1 = float64(c.sides.Baseline.Lines), float64(c.sides.Canary.Lines)
	}
	// x of n1 and none of n0 has the probability share^x; it must be below alpha by
	// the number of tests (the smallest of them, so BH's factor is the number).
	share := n1 / (n0 + n1)
	if c.options.Looks && !c.options.Last {
		tests *= lookPrice
	}
	x := math.Log(alpha/2/tests) / math.Log(share)
	// So many are found every other time at twice the share; nine times in ten at
	// about x plus 1.3 standard deviations.
	x = max(x, 3)
	if !c.traced {
		x *= c.typical()
	}
	// Neither is anything found in what found no place.
	lost := c.sides.Canary.Overflow.Total()
	return max((x+1.3*math.Sqrt(x))/n1, float64(lost)/float64(c.sides.Canary.Lines))
}

// lookPrice is what an e-value costs against a p value, about: 1/20 of it.
const lookPrice = 20

// warnings say what the numbers do not.
func (c *Comparison) warnings() []string {
	var all []string
	for _, side := range []struct {
		name string
		m    *mine.Miner
	}{{"baseline", c.sides.Baseline}, {"canary", c.sides.Canary}} {
		if n := side.m.Overflow.Total(); n > 0 {
			all = append(all, fmt.Sprintf("%s lines of the %s found no place: they have too many different texts, and were compared neither as new nor as lost", count(n), side.name))
		}
	}
	if b, d := c.sides.Baseline.Requests.Len() > 0, c.sides.Canary.Requests.Len() > 0; b != d {
		all = append(all, "only one side has trace ids, so that lines were counted and not requests")
	}
	return all
}

// String says what was compared: "as logs: 40 requests against 160, 132 templates".
func (c *Comparison) String() string {
	if c.traced {
		return fmt.Sprintf("as logs: %s requests against %s, %d templates", judge.FormatNumber(math.Round(c.sides.Canary.Requests.Count())),
			judge.FormatNumber(math.Round(c.sides.Baseline.Requests.Count())), len(c.templates))
	}
	return fmt.Sprintf("as logs: %s lines against %s, %d templates", count(c.sides.Canary.Lines), count(c.sides.Baseline.Lines), len(c.templates))
}
