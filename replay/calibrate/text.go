package calibrate

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/backtest"
	"github.com/judged-dev/judged/replay/internal/table"
	"github.com/judged-dev/judged/report"
)

// mostRows bounds the table of signals for people; JSON has all of them.
const mostRows = 100

// Text writes a report for a person. It ends with the lines of YAML to put into
// the config. The error is w's.
func Text(w io.Writer, r *Report, o report.TextOptions) error {
	p := table.NewPage(o)
	p.Headline(r.headline())
	for _, sentence := range r.sentences() {
		p.Paragraph(sentence)
	}
	for _, t := range r.tables() {
		p.Table(t)
	}
	p.Blank()
	for _, note := range r.notes() {
		p.Note(note)
	}
	p.Blank()
	p.Verbatim(YAML(r))
	_, err := p.WriteTo(w)
	return err
}

// Markdown writes a report as GitHub flavoured Markdown. The error is w's.
func Markdown(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("**" + table.Escape(r.headline()) + "**\n\n")
	for _, sentence := range r.sentences() {
		b.WriteString(table.Escape(sentence) + "\n")
	}
	for _, t := range r.tables() {
		b.WriteString("\n" + t.Markdown())
	}
	for _, note := range r.notes() {
		b.WriteString("\n- " + table.Escape(note))
	}
	b.WriteString("\n\n```yaml\n" + YAML(r) + "```\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// headline says what was judged.
func (r *Report) headline() string {
	n := r.Verdicts.All()
	if r.Span.Duration() <= 0 {
		text := table.Plural(n, "healthy case", "healthy cases")
		if r.Config != "" {
			text = table.Name(r.Config) + ": " + text
		}
		return text
	}
	return fmt.Sprintf("%s: %s of %s, %s", table.Name(r.Config), table.Plural(n, "window", "windows"), r.Layout.describe(), r.Span)
}

// sentences say what came out, most important first.
func (r *Report) sentences() []string {
	rate := r.Verdicts.Failed()
	low, high := rate.Interval()
	out := []string{fmt.Sprintf("As configured %s of %s FAIL (%s; %s with 95%% confidence), %s are INCONCLUSIVE.",
		table.Number(rate.Hits), table.Plural(rate.Cases, "window", "windows"), table.Percent(rate.Value()), table.Between(low, high), table.Number(r.Verdicts.Inconclusive))}
	target := judge.FormatPercent(r.Target)
	switch {
	case low > r.Target:
		out = append(out, "That is more than the target of "+target+".")
	case rate.Value() > r.Target:
		out = append(out, "That is above the target of "+target+", but the windows are too few to be sure.")
	case high <= r.Target:
		out = append(out, "The config keeps the target of "+target+".")
	default:
		out = append(out, fmt.Sprintf("That is within the target of %s, but too little to show it: it takes %s without a FAIL, or more with one.",
			target, table.Plural(WindowsToShow(r.Target), "window", "windows")))
	}
	if s := r.Suggested.Verdicts; r.changes() {
		held := r.Suggested.HeldOut
		low, high := held.Interval()
		out = append(out, fmt.Sprintf("With the margins below %s FAIL. Margins chosen on every other window leave %s of the rest (%s).",
			table.Number(s.Fail), table.Percent(held.Value()), table.Between(low, high)))
	}
	if r.Silent > 0 {
		out = append(out, fmt.Sprintf("In %s the canary says nothing while the baseline does, which no margin changes: leave such times out.",
			table.Plural(r.Silent, "window that FAILs", "windows that FAIL")))
	}
	for _, s := range r.Signals {
		if s.Problem != "" {
			out = append(out, table.Name(s.Signal.Name)+" cannot be judged: "+s.Problem)
		}
	}
	return out
}

// WindowsToShow returns how many windows without a single FAIL show that at
// most a share target does: the upper end of Wilson's 95 % interval of none in n
// is z^2/(n+z^2).
func WindowsToShow(target float64) int {
	for n := 1; ; n++ {
		if _, high := (backtest.Rate{Cases: n}).Interval(); high <= target || n >= MaxWindows {
			return n
		}
	}
}

func (r *Report) changes() bool {
	for _, s := range r.Signals {
		if s.Raise() {
			return true
		}
	}
	return false
}

func (r *Report) tables() []*table.Table {
	signals := &table.Table{
		Title:   "Signals",
		Columns: []string{"metric", "judge", "FAIL", "interval", "INCONCLUSIVE", "no data", "largest change", "margin", "needed", "stay", "finds", "then finds"},
		Names:   2,
	}
	some := false
	for _, s := range r.Signals {
		some = some || !s.Decides
	}
	for i, s := range r.Signals {
		if i == mostRows {
			break
		}
		name := table.Name(s.Signal.Name)
		if some && s.Decides {
			name = "* " + name
		}
		rate := s.Verdicts.Failed()
		low, high := rate.Interval()
		missing := table.None
		if s.NoData > 0 {
			missing = table.Percent(float64(s.NoData) / float64(s.Verdicts.All()))
		}
		needed, stay := table.None, table.None
		if s.Tried > 0 {
			needed = judge.FormatPercent(s.Needed)
		}
		if s.Stay > 0 {
			stay = table.Number(s.Stay)
		}
		signals.Add(
			name, s.Judge, table.Percent(rate.Value()), table.Between(low, high),
			table.Percent(float64(s.Verdicts.Inconclusive)/float64(s.Verdicts.All())), missing, changed(s.Largest),
			s.Signal.Margin.Format(s.Signal.DisplayUnit()), needed, stay, size(s.Found, s.Tried), size(s.FoundNeeded, s.Tried),
		)
	}
	signals.Drop(table.None)
	out := []*table.Table{signals}
	if len(r.Schedules) > 1 {
		t := &table.Table{
			Title:   "Schedules, with the config's margins",
			Columns: []string{"judges", "a canary lives", "windows", "FAIL", "interval", "INCONCLUSIVE", "finds"},
			Names:   1,
		}
		for _, s := range r.Schedules {
			rate := s.Verdicts.Failed()
			low, high := rate.Interval()
			name := s.Layout.describe()
			if s.Current {
				name += " (as configured)"
			}
			t.Add(name, judge.FormatWait(s.Length()), table.Number(rate.Cases), table.Percent(rate.Value()), table.Between(low, high),
				table.Percent(float64(s.Verdicts.Inconclusive)/float64(rate.Cases)), size(s.Shift, rate.Cases))
		}
		out = append(out, t)
	}
	return out
}

func changed(v float64) string {
	switch {
	case math.IsNaN(v):
		return table.None
	case v > 0:
		return "+" + table.Percent(v)
	default:
		return table.Percent(v)
	}
}

// size is a regression that is found.
func size(v float64, tried int) string {
	switch {
	case tried == 0:
		return table.None
	case math.IsNaN(v):
		return "> " + judge.FormatPercent(sizes[len(sizes)-1])
	default:
		return judge.FormatPercent(v)
	}
}

// notes say how to read the tables.
func (r *Report) notes() []string {
	notes := []string{
		"interval: Wilson's 95% interval, as if no two windows shared anything. Windows that do not overlap still share machines, days and histories.",
		fmt.Sprintf("needed: the smallest margin with which all deciding metrics together FAIL in at most %s of these windows.", judge.FormatPercent(r.Target)),
		fmt.Sprintf("finds: the smallest regression that FAILs in 80%% of up to %d windows it was injected into, with the margin and (then) with the needed one.", mostInjected),
	}
	if slices.ContainsFunc(r.Signals, func(s SignalReport) bool { return s.Stay > 0 }) {
		notes = append(notes, "stay: windows that FAIL with any margin, because of the shape of the series or a judge that has no margin; needed does not count them.")
	}
	if r.Span.Duration() > 0 {
		if r.Layout.Overlaps() {
			notes = append(notes, "The windows overlap, so that one odd hour counts several times and the intervals are too narrow.")
		}
		if r.Skipped > 0 {
			notes = append(notes, table.Plural(r.Skipped, "window", "windows")+" without data of both sides left out.")
		}
	}
	if len(r.Schedules) > 1 {
		notes = append(notes, "finds (schedules): the smallest regression, the same in every metric, that FAILs in 80% of the windows.")
	}
	if r.Taken.Faulty > 0 || r.Taken.Foreign > 0 {
		notes = append(notes, fmt.Sprintf("Left out: %s and %s without a metric of the config.",
			table.Plural(r.Taken.Faulty, "faulty case", "faulty cases"), table.Plural(r.Taken.Foreign, "healthy case", "healthy cases")))
	}
	if r.Taken.Stopped {
		notes = append(notes, "There were more cases than fit; only the first were judged.")
	}
	if more := len(r.Signals) - mostRows; more > 0 {
		notes = append(notes, fmt.Sprintf("%d more metrics are in --format json.", more))
	}
	for _, s := range r.Signals {
		if !s.Decides {
			notes = append(notes, "* critical: only these decide; the others have a target of their own each.")
			break
		}
	}
	return notes
}
