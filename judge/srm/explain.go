package srm

import (
	"fmt"
	"math"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/verdict"
)

// explain writes the reason of f, which has its verdict.
func (c *check) explain(f *judge.Finding, l verdict.Limits, burst float64) {
	var b strings.Builder
	switch {
	case f.Verdict != judge.Inconclusive:
	case f.Needed > 0:
		fmt.Fprintf(&b, "too early to tell; about %s would decide: ", verdict.MoreIntervals(f.Needed, c.sample))
	default:
		b.WriteString("cannot tell; waiting longer is unlikely to decide: ")
	}
	b.WriteString(c.split())
	switch {
	case f.Verdict == judge.Fail:
		fmt.Fprintf(&b, "; %s would be nobody's concern", c.between(l.MarginLow, l.MarginHigh))
	case f.Verdict == judge.Pass && f.Classification == judge.Similar:
		fmt.Fprintf(&b, "; the tolerance is %s", c.between(l.ToleranceLow, l.ToleranceHigh))
	}
	if burst >= 2 {
		fmt.Fprintf(&b, " (traffic comes in bursts: %s requests weigh as one)", judge.FormatNumber(burst))
	}
	f.Reason = b.String()
}

// split says in plain words who got what.
func (c *check) split() string {
	all := judge.FormatNumber(c.canary+c.baseline) + " requests"
	instead := percent(c.expected, c.expected)
	switch {
	case c.canary == 0:
		return fmt.Sprintf("no traffic reached the canary, which should get %s of it: all %s went to the baseline", instead, all)
	case c.baseline == 0:
		return fmt.Sprintf("no traffic reached the baseline, which should get %s of it: all %s went to the canary", percent(1-c.expected, c.expected), all)
	}
	return fmt.Sprintf("the canary gets %s of the traffic instead of %s (%s)", percent(c.canary/(c.canary+c.baseline), c.expected), instead, all)
}

// between writes two rate ratios as shares of the canary.
func (c *check) between(low, high float64) string {
	share := func(ratio float64) float64 {
		odds := c.expected / (1 - c.expected) * ratio
		return 1 / (1 + 1/odds)
	}
	return percent(share(low), c.expected) + " to " + percent(share(high), c.expected)
}

// percent writes a share with two digits, and more where it is close to what
// was expected and two would say the same of both. Close to 100 % its distance
// to it is what matters.
func percent(share, expected float64) string {
	rest := min(share, 1-share)
	digits := 1
	if rest > 0 && rest < 0.01 {
		digits = min(1-int(math.Floor(math.Log10(100*rest))), 6)
	}
	if share != expected && math.Abs(share-expected) < 0.0005 {
		digits = max(digits, 2)
	}
	text := fmt.Sprintf("%.*f", digits, 100*share)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + "%"
}
