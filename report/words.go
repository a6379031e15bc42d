package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

// symbol stands before a verdict's word, so that a column of them is read
// without colours.
func symbol(v judge.Verdict) string {
	switch v {
	case judge.Pass:
		return "✓"
	case judge.Fail:
		return "✗"
	case judge.Inconclusive:
		return "?"
	default:
		return "!"
	}
}

// sentence returns the judgment's one sentence without the verdict's word,
// which every format shows in its own way.
func sentence(r *analysis.Result) string {
	text, _ := strings.CutPrefix(lineOf(r.Summary, maxSentence), r.Verdict.String()+":")
	return strings.TrimSpace(text)
}

// nameOf returns the signal's name as people see it.
func nameOf(s judge.Signal) string { return cmp.Or(lineOf(s.Name, maxName), "(no name)") }

func configName(r *analysis.Result) string { return cmp.Or(lineOf(r.Config, maxName), "judged") }

// unit returns the unit of a signal's level: a ratio's level is a share.
func unit(s judge.Signal) string {
	if s.Kind == judge.Ratio {
		return "share"
	}
	return lineOf(s.Unit, maxUnit)
}

// level renders the typical value of one of f's sides in its unit.
func level(f judge.Finding, side judge.Summary) string {
	if isLog(f) {
		return logLevel(f, side)
	}
	return judge.FormatValue(side.Level, unit(f.Signal))
}

const unknown = "–"

// estimate renders how far the canary is from the baseline.
func estimate(f judge.Finding) string {
	if math.IsNaN(f.Effect.Estimate) {
		return unknown
	}
	return effectValue(f, f.Effect.Estimate)
}

// interval renders the ends of the effect's interval. ok is false if nothing
// is known about them.
func interval(f judge.Finding) (low, high string, ok bool) {
	e := f.Effect
	if math.IsNaN(e.Low) || math.IsNaN(e.High) {
		return "", "", false
	}
	unlimited := math.IsInf(e.Low, -1) || e.Measure != judge.Difference && e.Low <= 0
	if unlimited && math.IsInf(e.High, 1) {
		return "", "", false
	}
	low, high = effectValue(f, e.Low), effectValue(f, e.High)
	number, lowUnit, _ := strings.Cut(low, " ")
	if _, highUnit, _ := strings.Cut(high, " "); lowUnit == highUnit {
		low = number // "-31 to +7 messages"
	}
	return low, high, true
}

// effectValue renders one value on the scale of f's effect.
func effectValue(f judge.Finding, v float64) string { return f.Effect.Format(v, unit(f.Signal)) }

// aside says who decided a finding that several judges looked at, and what the
// leading one saw, unless the leading one decided: its numbers are then not
// those beside the verdict. Empty otherwise.
func aside(f judge.Finding) string {
	if f.Verdict != judge.Fail || len(f.Aspects) == 0 || f.Aspects[0].Judge == f.Judge {
		return ""
	}
	lead := f.Aspects[0]
	text := "decided by judge " + line(f.Judge) + "; judge " + line(lead.Judge) + " saw "
	alone := judge.Finding{Signal: f.Signal, Effect: lead.Effect}
	text += estimate(alone)
	if low, high, ok := interval(alone); ok {
		text += " (" + low + " to " + high + ")"
	}
	return text
}

// percentLevel renders a confidence level: 0.95 is "95%", 1 - 0.05/3 is "98.33%".
func percentLevel(level float64) string {
	return strconv.FormatFloat(math.Round(level*1e4)/100, 'f', -1, 64) + "%"
}

// commonLevel returns the confidence level that all findings share, 0 if they
// do not: signals that decide share out the error, others have theirs.
func commonLevel(findings []judge.Finding) float64 {
	common := 0.0
	for _, f := range findings {
		switch {
		case math.IsNaN(f.Effect.Estimate):
		case common == 0:
			common = f.Effect.Level
		case percentLevel(common) != percentLevel(f.Effect.Level):
			return 0
		}
	}
	return common
}

// deciders returns the rule of judge.Decide which findings decide the verdict:
// the critical ones, or all if none is critical. some is true if some decide
// and others do not.
func deciders(findings []judge.Finding) (decides func(judge.Finding) bool, some bool) {
	decides = judge.Deciding(findings, func(f judge.Finding) judge.Signal { return f.Signal })
	return decides, slices.ContainsFunc(findings, func(f judge.Finding) bool { return !decides(f) })
}

// comparison says what was compared, in parts that a format joins: the scopes,
// the window, the history. Parts that are not known are left out.
func comparison(r *analysis.Result) []string {
	var parts []string
	if s := scopes(r.Scopes); s != "" {
		parts = append(parts, s)
	}
	if d := r.Window.Duration(); d > 0 {
		size := span(d)
		if n := metrics.NewGrid(r.Window, r.Interval).N; n > 0 {
			size += fmt.Sprintf(", %d × %s", n, span(r.Interval))
		}
		parts = append(parts, window(r.Window)+" ("+size+")")
	}
	if d := r.History.Duration(); d > 0 && usedHistory(r) {
		parts = append(parts, "history "+span(d))
	}
	if l := r.Look; l.Of > 0 {
		parts = append(parts, fmt.Sprintf("look %d of %d", l.Number, l.Of))
	}
	return parts
}

// usedHistory reports whether a judge saw the history that was asked for. A
// result that came over the wire has no samples and is believed.
func usedHistory(r *analysis.Result) bool {
	if len(r.Samples) == 0 {
		return true
	}
	for _, s := range r.Samples {
		if s.History != nil {
			return true
		}
	}
	return false
}

// scopes names what differs between the sides first, then what they share.
func scopes(s analysis.Scopes) string {
	names := slices.Sorted(maps.Keys(s.Baseline))
	for _, name := range slices.Sorted(maps.Keys(s.Canary)) {
		if _, ok := s.Baseline[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var baseline, canary, both []string
	for _, name := range names {
		b, inBaseline := s.Baseline[name]
		c, inCanary := s.Canary[name]
		switch {
		case inBaseline && inCanary && b == c:
			both = append(both, variable(name, b))
			continue
		case inBaseline && inCanary:
			baseline, canary = append(baseline, variable(name, b)), append(canary, variable(name, c))
		case inBaseline:
			baseline, canary = append(baseline, variable(name, b)), append(canary, lineOf(name, maxName)+" not set")
		default:
			baseline, canary = append(baseline, lineOf(name, maxName)+" not set"), append(canary, variable(name, c))
		}
	}
	var text string
	if len(canary) > 0 {
		text = strings.Join(canary, ", ") + " vs " + strings.Join(baseline, ", ")
	}
	if len(both) > 0 {
		text = strings.TrimPrefix(text+", both "+strings.Join(both, ", "), ", ")
	}
	return text
}

func variable(name, value string) string { return lineOf(name, maxName) + "=" + lineOf(value, maxName) }

// window renders w in UTC, the date once if one is enough.
func window(w metrics.Window) string {
	start, end := w.Start.UTC(), w.End.UTC()
	clock := "15:04"
	if start.Second() != 0 || end.Second() != 0 {
		clock = "15:04:05"
	}
	from := start.Format("2006-01-02 " + clock)
	if start.Format(time.DateOnly) == end.Format(time.DateOnly) {
		return from + " to " + end.Format(clock) + " UTC"
	}
	return from + " to " + end.Format("2006-01-02 "+clock) + " UTC"
}

// span renders a duration in its two largest units: "90 s", "35 min",
// "1 h 30 min", "3 d 4 h".
func span(d time.Duration) string {
	const day = 24 * time.Hour
	var large, small time.Duration
	var largeName, smallName string
	switch {
	case d < 0:
		return "-" + span(-d)
	case d < time.Second:
		return d.String()
	case d < 2*time.Minute && d%time.Minute != 0:
		return judge.FormatNumber(d.Seconds()) + " s"
	case d < time.Hour:
		large, largeName, small, smallName = time.Minute, "min", time.Second, "s"
	case d < 2*day:
		large, largeName, small, smallName = time.Hour, "h", time.Minute, "min"
	default:
		large, largeName, small, smallName = day, "d", time.Hour, "h"
	}
	d = d.Round(small)
	text := strconv.FormatInt(int64(d/large), 10) + " " + largeName
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// tally counts the findings by verdict: "1 FAIL, 2 PASS".
func tally(findings []judge.Finding) string {
	var parts []string
	for _, v := range []judge.Verdict{judge.Fail, judge.Error, judge.Inconclusive, judge.Pass} {
		n := 0
		for _, f := range findings {
			if f.Verdict == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// score says the score and what it is made of.
func score(r *analysis.Result) []string {
	parts := []string{"score " + judge.FormatNumber(r.Score) + " of 100"}
	if n := len(r.Findings); n > 0 {
		parts = append(parts, count(n, noun(r))+": "+tally(r.Findings))
	}
	if r.Alpha > 0 {
		parts = append(parts, "false alarms at most "+judge.FormatPercent(r.Alpha))
	}
	return parts
}

// A warning is a doubt about the data of one or several signals.
type warning struct {
	names []string
	text  string
}

// warnings collects the findings' warnings, each text once.
func warnings(findings []judge.Finding) []warning {
	var out []warning
	index := map[string]int{}
	for _, f := range findings {
		for _, w := range f.Warnings {
			text := line(w)
			if text == "" {
				continue
			}
			i, ok := index[text]
			if !ok {
				i = len(out)
				index[text] = i
				out = append(out, warning{text: text})
			}
			if name := nameOf(f.Signal); !slices.Contains(out[i].names, name) {
				out[i].names = append(out[i].names, name)
			}
		}
	}
	return out
}

// listed joins names as a sentence does, the first three of many.
func listed(names []string) string {
	const most = 3
	if more := len(names) - most; more > 1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
