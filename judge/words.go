package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// String returns the kind as configs write it.
func (k Kind) String() string {
	return word(int(k), "gauge", "count", "ratio")
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

// String renders the margin as configs write it: "5%", "5% and 0.002".
func (m Margin) String() string {
	switch {
	case m.Absolute == 0:
		return FormatPercent(m.Relative)
	case m.Relative == 0:
		return FormatNumber(m.Absolute)
	default:
		return FormatPercent(m.Relative) + " and " + FormatNumber(m.Absolute)
	}
}

// String renders the estimate with its interval: "+82.1% (+74.3% to +90.6%)".
func (e Effect) String() string {
	if math.IsNaN(e.Estimate) {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s to %s)", e.format(e.Estimate), e.format(e.Low), e.format(e.High))
}

// format renders one value of the effect's scale: ratios as signed
// percentages of change while that reads well, as factors beyond.
func (e Effect) format(v float64) string {
	if e.Measure == Difference {
		if v > 0 {
			return "+" + FormatNumber(v)
		}
		return FormatNumber(v)
	}
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 1):
		return "+∞"
	case v >= 10:
		return FormatNumber(v) + "x"
	case v == 1:
		return "±0%"
	case v > 1:
		return "+" + FormatPercent(v-1)
	default:
		return FormatPercent(v - 1)
	}
}

// FormatPercent renders a fraction as a percentage with three significant
// digits: 0.0523 is "5.23%".
func FormatPercent(fraction float64) string { return FormatNumber(fraction*100) + "%" }

// FormatNumber renders v with three significant digits (whole numbers up to
// 99999 in full), without exponent where that stays short.
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
	if a >= 1e6 || a < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
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
		if math.Abs(v) >= s.size {
			last = s
			break
		}
	}
	if v == 0 {
		last = steps[0]
	}
	return FormatNumber(v/last.size) + " " + last.name
}
