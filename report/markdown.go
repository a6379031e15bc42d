package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// maxComment bounds a Markdown report in bytes. GitHub refuses a comment of
// more than 65,536 characters, and a verdict that nobody sees is none: what
// does not fit is counted and left out, the least important first.
const maxComment = 60_000

// Markdown writes r for a comment on a pull or merge request: GitHub's
// dialect, which GitLab and Gitea read too. It begins with an HTML comment
// that nobody sees, "<!-- judged: CONFIG -->", by which a bot finds its earlier
// comment and replaces it. Metrics that passed are folded away, unless they are
// critical. The error is w's.
func Markdown(w io.Writer, r *analysis.Result, l Link) error {
	c := &comment{}
	c.add(marker(r))
	c.headline(r)
	shown, rest := sift(r)
	c.findings(r, shown)
	c.changes(r)
	if sentences := next(r); len(sentences) > 0 {
		c.add("**Next:**\n\n")
		for _, sentence := range sentences {
			c.add("- " + prose(sentence) + "\n")
		}
		c.add("\n")
	}
	c.excerpts(r)
	c.rest(r, shown, rest)
	c.warnings(r)
	c.method(r)
	c.aspects(r)
	c.queries(r)
	c.link(l)
	_, err := io.WriteString(w, strings.TrimRight(c.b.String(), "\n")+"\n")
	return err
}

// marker is what bots search for. Nothing of a name can end the HTML comment.
func marker(r *analysis.Result) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r < utf8.RuneSelf && startsWord(string(r)) {
			return r
		}
		return '_'
	}, configName(r))
	return "<!-- judged: " + name + " -->\n\n"
}

// comment collects the parts of one Markdown.
type comment struct{ b strings.Builder }

func (c *comment) add(s string) { c.b.WriteString(s) }

// items adds as many parts as fit and says how many more there are.
func (c *comment) items(parts []string, noun string) {
	const tags = 1000 // for what closes the section and for the sections after it
	for i, part := range parts {
		if c.b.Len()+len(part) > maxComment-tags {
			c.add(fmt.Sprintf("\n… and %s, left out because comments are short: `--format json` has all.\n", count(len(parts)-i, "more "+noun)))
			return
		}
		c.add(part)
	}
}

// details adds a section that a reader opens.
func (c *comment) details(title, head string, parts []string, noun string) {
	if len(parts) == 0 {
		return
	}
	// The blank lines end the HTML, so that what is inside is Markdown.
	c.add("<details><summary>" + title + "</summary>\n\n" + head)
	c.items(parts, noun)
	c.add("\n</details>\n\n")
}

// sign is a verdict's symbol where emoji are at home; each has another shape.
func sign(v judge.Verdict) string {
	switch v {
	case judge.Pass:
		return "✅"
	case judge.Fail:
		return "❌"
	case judge.Inconclusive:
		return "❔"
	default:
		return "⚠️"
	}
}

func (c *comment) headline(r *analysis.Result) {
	c.add("### " + sign(r.Verdict) + " " + r.Verdict.String())
	if r.Config != "" {
		c.add(": " + code(configName(r)))
	}
	parts := comparison(r)
	if len(r.Findings) > 0 {
		about := score(r)
		c.add(", " + about[0])
		parts = append(parts, about[1:]...)
	}
	c.add("\n\n")
	if text := sentence(r); text != "" {
		c.add("**" + r.Verdict.String() + "**: " + prose(text) + "\n\n")
	}
	if len(parts) > 0 {
		c.add("Compared: " + prose(strings.Join(parts, " · ")) + "\n\n")
	}
}

// maxRows is how many findings a reader sees before unfolding anything.
const maxRows = 20

// sift returns the findings that matter, what did not pass and what is critical,
// and the rest.
func sift(r *analysis.Result) (shown, rest []judge.Finding) {
	decides, some := deciders(r.Findings)
	for _, f := range r.Findings {
		if (f.Verdict != judge.Pass || some && decides(f)) && len(shown) < maxRows {
			shown = append(shown, f)
		} else {
			rest = append(rest, f)
		}
	}
	return shown, rest
}

func (c *comment) findings(r *analysis.Result, shown []judge.Finding) {
	if len(shown) == 0 {
		return
	}
	head, rows := table(r, shown)
	c.add(head)
	c.items(rows, noun(r))
	c.add("\n")
	if _, some := deciders(r.Findings); some {
		c.add(`\* critical: only these decide the verdict` + "\n\n")
	}
	c.items(reasons(shown), "reason")
	c.add("\n")
}

func (c *comment) rest(r *analysis.Result, shown, rest []judge.Finding) {
	title := "More " + noun(r) + "s"
	if len(shown) == 0 {
		title = "All " + noun(r) + "s"
	}
	head, rows := table(r, rest)
	if len(rows) > 0 {
		rows = append(append(rows, "\n"), reasons(rest)...)
	}
	c.details(title+" ("+tally(rest)+")", head, rows, "line")
}

// table returns a table's head and a row a finding.
func table(r *analysis.Result, findings []judge.Finding) (head string, rows []string) {
	decides, some := deciders(r.Findings)
	title := "interval"
	if l := commonLevel(r.Findings); l > 0 {
		title = percentLevel(l) + " interval"
	}
	head = "| " + noun(r) + " | baseline | canary | effect | " + title + " | verdict |\n|:--|--:|--:|--:|:-:|:--|\n"
	for _, f := range findings {
		name, verdict := code(nameOf(f.Signal)), sign(f.Verdict)+" "+f.Verdict.String()
		if f.Signal.Critical && some {
			name += ` \*`
		}
		if decides(f) && f.Verdict != judge.Pass {
			verdict = sign(f.Verdict) + " **" + f.Verdict.String() + "**"
		}
		limits := ""
		if low, high, ok := interval(f); ok {
			limits = low + " to " + high
		} else if estimate(f) != unknown {
			limits = noInterval
		}
		rows = append(rows, tableRow(name, prose(level(f, f.Baseline)), prose(level(f, f.Canary)),
			prose(estimate(f)), prose(limits), verdict))
	}
	return head, rows
}

func reasons(findings []judge.Finding) []string {
	var parts []string
	for _, f := range findings {
		if reason := line(f.Reason); reason != "" {
			parts = append(parts, "- "+sign(f.Verdict)+" "+code(nameOf(f.Signal))+": "+prose(reason)+"\n")
		}
	}
	return parts
}

func (c *comment) warnings(r *analysis.Result) {
	var parts []string
	for _, w := range warnings(r.Findings) {
		names := make([]string, 0, len(w.names))
		for _, name := range w.names {
			names = append(names, code(name))
		}
		parts = append(parts, "- "+listed(names)+": "+prose(w.text)+"\n")
	}
	c.details(fmt.Sprintf("Warnings (%d)", len(parts)), "", parts, "warning")
}

// method says how each signal was judged.
func (c *comment) method(r *analysis.Result) {
	head := "| " + noun(r) + " | judge | chosen | bad is | fails beyond | passes within | level | p | adjusted p | intervals | worth |\n" +
		"|:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|\n"
	if r.Alpha > 0 {
		head = fmt.Sprintf("A healthy release fails with a probability of at most %s, over all deciding %ss together.\n\n", judge.FormatPercent(r.Alpha), noun(r)) + head
	}
	var rows []string
	for _, f := range r.Findings {
		rows = append(rows, tableRow(code(nameOf(f.Signal)), prose(cmp.Or(line(f.Judge), unknown)),
			prose(cmp.Or(line(f.Choice), unknown)), bad(f),
			prose(margin(f, f.Signal.Margin)), prose(margin(f, f.Signal.Tolerance)),
			confidence(f), prose(probability(f.PValue)), prose(probability(f.AdjustedPValue)),
			intervals(f), effectiveN(f)))
	}
	c.details("How it was judged", head, rows, noun(r))
}

// splitJudge judges how traffic is split, by margins of its own unless the signal
// has some.
const splitJudge = "srm"

// margin renders a margin of f's signal.
func margin(f judge.Finding, m judge.Margin) string {
	if isLog(f) {
		return unknown
	}
	if f.Judge == splitJudge && f.Signal.Margin == (judge.Margin{}) && f.Signal.Tolerance == (judge.Margin{}) {
		return "the judge's own"
	}
	return m.Format(unit(f.Signal))
}

// bad says which change is bad.
func bad(f judge.Finding) string {
	if isLog(f) {
		return "more errors"
	}
	return f.Signal.Direction.String()
}

// confidence renders the confidence level of f's effect.
func confidence(f judge.Finding) string {
	if isLog(f) {
		return unknown
	}
	return percentLevel(f.Effect.Level)
}

// aspects lists what each of several judges of a signal saw.
func (c *comment) aspects(r *analysis.Result) {
	var rows []string
	for _, f := range r.Findings {
		if len(f.Aspects) < 2 {
			continue
		}
		for _, a := range f.Aspects {
			alone := judge.Finding{Signal: f.Signal, Effect: a.Effect}
			limits := noInterval
			if low, high, ok := interval(alone); ok {
				limits = low + " to " + high
			}
			name := prose(line(a.Judge))
			if a.Judge == f.Judge {
				name = "**" + name + "**"
			}
			rows = append(rows, tableRow(code(nameOf(f.Signal)), name, prose(line(string(a.Effect.Measure))),
				prose(estimate(alone)), prose(limits), prose(probability(a.PValue))))
		}
	}
	head := "Several judges share the error of one signal; the finding is that of the one in bold.\n\n" +
		"| " + noun(r) + " | judge | measure | effect | interval | p |\n|:--|:--|:--|--:|:-:|--:|\n"
	c.details("What each judge saw", head, rows, "row")
}

func (c *comment) queries(r *analysis.Result) {
	var parts []string
	for _, f := range r.Findings {
		e := f.Evidence
		if e == (judge.Evidence{}) {
			continue
		}
		part := code(nameOf(f.Signal))
		if len(parts) > 0 {
			part = "\n" + part
		}
		if e.Source != "" {
			part += " from " + code(line(e.Source))
		}
		part += "\n"
		for _, q := range queries(e) {
			part += "\n" + q.side + ":\n\n" + fenced(block(q.text))
		}
		parts = append(parts, part)
	}
	c.details("Queries", "", parts, noun(r))
}

// link leads to the analysis.
func (c *comment) link(l Link) {
	switch address := l.address(); {
	case address != "":
		c.add("[Analysis " + prose(lineOf(l.ID, maxName)) + "](" + strings.ReplaceAll(address, "&", "&amp;") + ")\n")
	case l.ID != "":
		c.add("Analysis " + code(lineOf(l.ID, maxName)) + "\n")
	}
}

// A query is one of a finding's evidence.
type query struct{ side, text string }

func queries(e judge.Evidence) []query {
	var out []query
	for _, q := range []query{
		{"baseline", e.BaselineQuery},
		{"canary", e.CanaryQuery},
		{"baseline total", e.BaselineTotalQuery},
		{"canary total", e.CanaryTotalQuery},
	} {
		if q.text != "" {
			out = append(out, q)
		}
	}
	return out
}

func probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return unknown
	case p < 1e-4:
		return "<0.0001"
	default:
		return judge.FormatNumber(p)
	}
}

// intervals says how many intervals of each side were used.
func intervals(f judge.Finding) string {
	b, c := f.Baseline, f.Canary
	if isLog(f) {
		return unknown
	}
	if b.Count == c.Count && b.Missing == 0 && c.Missing == 0 {
		return fmt.Sprint(b.Count)
	}
	return fmt.Sprintf("%s / %s", used(b), used(c))
}

func used(s judge.Summary) string {
	if s.Missing == 0 {
		return fmt.Sprint(s.Count)
	}
	return fmt.Sprintf("%d of %d", s.Count, s.Count+s.Missing)
}

func effectiveN(f judge.Finding) string {
	if !(f.EffectiveN > 0) {
		return unknown
	}
	return judge.FormatNumber(f.EffectiveN)
}

func tableRow(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// noLink is a zero width space. Put after a character that refers to somebody
// or something when a word follows, it keeps the reference from being made:
// escaping would not, because references are searched for in the text that
// Markdown yields.
const noLink = "\u200b"

// prose returns a clean line as Markdown that shows just that, within a line
// or a cell of a table: no markup, no HTML, no link, no mention of a person or
// an issue. It must not stand at the beginning of a line, where more
// characters have a meaning.
func prose(s string) string {
	var b strings.Builder
	for i := range len(s) {
		before, after := s[:i], s[i+1:]
		switch c := s[i]; {
		case strings.IndexByte("\\`*_~[]<>$", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '|': // would end a cell even behind a backslash
			b.WriteString("&#124;")
		case c == '&':
			b.WriteString("&amp;")
		case c == '@', // people
			(c == '#' || c == '!') && startsWord(after), // issues, merge requests
			c == '-' && endsWith(before, "gh") && startsWord(after):
			b.WriteByte(c)
			b.WriteString(noLink)
		case c == '.' && endsWith(before, "www"):
			b.WriteString(noLink)
			b.WriteByte(c)
		case c == ':' && strings.HasPrefix(after, "//"):
			b.WriteString(`\:`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func startsWord(s string) bool {
	return s != "" && (s[0] >= '0' && s[0] <= '9' || s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
}

func endsWith(s, lower string) bool {
	return len(s) >= len(lower) && strings.EqualFold(s[len(s)-len(lower):], lower)
}

// code returns a clean line as a code span, which is as safe and easier to
// read. A vertical line would end a table's cell even there.
func code(s string) string {
	if s == "" || strings.Contains(s, "|") {
		return prose(s)
	}
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// fenced returns a clean block as a fenced code block whose fence is longer
// than any within.
func fenced(s string) string {
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return fence + "\n" + s + "\n" + fence + "\n"
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
