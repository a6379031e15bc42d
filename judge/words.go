package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// String returns the kind as configs write it.
func (k Kind) String() string {
	return word(int(k), "gauge", "count", "ratio", "histogram")
}

// String returns the direction as configs write it.
func (d Direction) String() string {
	return word(int(d), "either", "increase", "decrease")
}

// String returns the classification in lower case.
func (c Classification) String() string {
	return word(int(c), "unclear", "similar", "high", "low", "no data", "failed")
}

// String returns the verdict as everything that people and deployers read
// writes it.
func (v Verdict) String() string {
	return word(int(v), "INCONCLUSIVE", "PASS", "FAIL", "ERROR")
}

func word(i int, words ...string) string {
	if i < 0 || i >= len(words) {
		return "invalid(" + strconv.Itoa(i) + ")"
	}
	return words[i]
}

// String renders the margin without a unit: "5%", "5% and 0.002".
func (m Margin) String() string { return m.Format("") }

// Format renders the margin of a signal in unit: "5% and 1 ms".
func (m Margin) Format(unit string) string {
	switch {
	case m.Absolute == 0:
		return FormatPercent(m.Relative)
	case m.Relative == 0:
		return FormatDifference(m.Absolute, unit)
	default:
		return FormatPercent(m.Relative) + " and " + FormatDifference(m.Absolute, unit)
	}
}

// DisplayUnit returns the unit of the signal's level: a Ratio's is a share.
func (s Signal) DisplayUnit() string {
	if s.Kind == Ratio {
		return "share"
	}
	return s.Unit
}

// String renders the estimate with its interval: "+82.1% (+74.3% to +90.6%)".
func (e Effect) String() string {
	if math.IsNaN(e.Estimate) {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s to %s)", e.Format(e.Estimate, ""), e.Format(e.Low, ""), e.Format(e.High, ""))
}

// factorsFrom is the ratio from which an effect is told as a factor ("3.4x"),
// interval included: people read "+240%" as 2.4 times.
const factorsFrom = 3

// Format renders v, which is on the effect's scale: a change in percent, a
// factor where the effect is large, or a difference in unit.
func (e Effect) Format(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case e.Measure == Difference:
		return signed(v, FormatDifference(v, unit))
	case math.IsInf(v, 1):
		return "+∞"
	case e.Estimate >= factorsFrom:
		return FormatNumber(max(v, 0)) + "x"
	default:
		return signed(v-1, formatChange(max(v, 0)-1))
	}
}

func signed(v float64, text string) string {
	switch {
	case v == 0:
		return "±" + text
	case v > 0:
		return "+" + text
	default:
		return text
	}
}

// formatChange renders a relative change: nobody needs the second digit after
// the point of a percentage unless it is all there is.
func formatChange(fraction float64) string {
	p := fraction * 100
	switch a := math.Abs(p); {
	case math.IsInf(p, 0), a >= 1e6:
		return FormatNumber(p) + "%"
	case a < 0.1:
		return strconv.FormatFloat(p, 'g', 1, 64) + "%"
	case a >= 100:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	default:
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	}
}

// FormatDifference renders a difference in a unit. One of percentages is in
// percentage points: "+2%" would read as a relative change.
func FormatDifference(v float64, unit string) string {
	switch unit {
	case "share":
		return FormatNumber(100*v) + " pp"
	case "%":
		return FormatNumber(v) + " pp"
	default:
		return FormatValue(v, unit)
	}
}

// FormatPercent renders a fraction as a percentage with three significant
// digits: 0.0523 is "5.23%".
func FormatPercent(fraction float64) string { return FormatNumber(fraction*100) + "%" }

// FormatNumber renders v with three significant digits (whole numbers up to
// a million in full; then 1.23M), without exponent where that stays short.
func FormatNumber(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	case v == 0:
		return "0"
	}
	a := math.Abs(v)
	switch {
	case a >= 1e12 || a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 1e9:
		return FormatNumber(v/1e9) + "G"
	case a >= 1e6:
		return FormatNumber(v/1e6) + "M"
	}
	if a >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(a)))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// FormatValue renders v in a unit: times and bytes in the multiple that reads
// best, shares as percentages, everything else as number and unit.
func FormatValue(v float64, unit string) string {
	if math.IsNaN(v) {
		return "–"
	}
	switch unit {
	case "s":
		return scaled(v, []step{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}})
	case "ms":
		return scaled(v, []step{{1e3, "s"}, {1, "ms"}, {1e-3, "µs"}})
	case "By":
		return scaled(v, []step{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}})
	case "%":
		return FormatNumber(v) + "%"
	case "share":
		return FormatPercent(v)
	case "", "1":
		return FormatNumber(v)
	default:
		return FormatNumber(v) + " " + unit
	}
}

type step struct {
	size float64
	name string
}

func scaled(v float64, steps []step) string {
	last := steps[len(steps)-1]
	for _, s := range steps {
		// What rounds to 1000 of a step is 1 of the next: 999.7 ms is 1 s.
		if math.Abs(v) >= s.size*0.9995 {
			last = s
			break
		}
	}
	if v == 0 {
		last = steps[0]
	}
	return FormatNumber(v/last.size) + " " + last.name
}

// FormatWait renders a length of time as people say it: "45 seconds",
// "30 minutes", "5 hours", "3 days".
func FormatWait(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		most time.Duration
		name string
	}{{time.Second, 2 * time.Minute, "second"}, {time.Minute, 2 * time.Hour, "minute"}, {time.Hour, 48 * time.Hour, "hour"}, {24 * time.Hour, math.MaxInt64, "day"}} {
		if d < u.most || u.most == math.MaxInt64 {
			n := int(math.Ceil(float64(d) / float64(u.size)))
			if n == 1 {
				return "1 " + u.name
			}
			return strconv.Itoa(n) + " " + u.name + "s"
		}
	}
	return d.String() // not reached: the last unit has no limit
}
