package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// JUnit writes r as a JUnit test report: one suite, named as the config, whose
// first test case "verdict" is the whole judgment; then one a signal.
//
//	FAIL          <failure>
//	ERROR         <error>
//	INCONCLUSIVE  <skipped>: GitLab and Jenkins show it apart from what passed
//	PASS          nothing
//
// The report is red exactly if the verdict is FAIL or ERROR: a signal that
// failed without deciding is <skipped> with a message that says so, because
// Jenkins calls a build unstable for any failure. Skipped tests stop no
// pipeline; the exit code of "judged run" does that for INCONCLUSIVE.
//
// The order of elements and the attributes are those of the schema that
// Jenkins' xUnit plugin checks (junit-10.xsd). GitLab shows an element's text
// and not its message, so the text repeats it. The error is w's.
func JUnit(w io.Writer, r *analysis.Result, l Link) error {
	suite := newSuite(r, l)
	text, err := xml.MarshalIndent(junitSuites{
		Name: "judged", Time: suite.Time, Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suite: suite,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the JUnit report of config %q: %w", r.Config, err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Time     string     `xml:"time,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"` // UTC, without a zone as the schemas want it
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	ClassName string       `xml:"classname,attr"`
	Name      string       `xml:"name,attr"`
	Time      string       `xml:"time,attr"`
	Skipped   *junitResult `xml:"skipped"`
	Error     *junitResult `xml:"error"`
	Failure   *junitResult `xml:"failure"`
	SystemOut *junitOutput `xml:"system-out"`
}

type junitResult struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

type junitOutput struct {
	Text string `xml:",cdata"`
}

// verdictCase is the name of the test case that is the whole judgment.
const verdictCase = "verdict"

func newSuite(r *analysis.Result, l Link) junitSuite {
	s := junitSuite{Name: configName(r), Time: "0.000", Properties: properties(r, l)}
	if d := r.Window.Duration(); d > 0 {
		s.Time = seconds(d)
		s.Timestamp = r.Window.End.UTC().Format("2006-01-02T15:04:05")
	}
	overall := slices.Concat([]string{sentence(r)}, comparison(r), score(r))
	for _, n := range next(r) {
		overall = append(overall, "next: "+n)
	}
	if address := l.address(); address != "" {
		overall = append(overall, address)
	}
	// The whole time belongs to the whole judgment, so that sums are right.
	s.add(verdictCase, s.Time, r.Verdict, sentence(r), strings.Join(overall, "\n"))

	red := r.Verdict == judge.Fail || r.Verdict == judge.Error
	decides, _ := deciders(r.Findings)
	for _, f := range r.Findings {
		name := nameOf(f.Signal)
		if name == verdictCase {
			name += " (" + noun(r) + ")" // GitLab drops the second of two names
		}
		verdict, message := f.Verdict, line(f.Reason)
		if verdict != judge.Pass && verdict != judge.Inconclusive && !(red && decides(f)) {
			message = verdict.String() + ", but it does not decide: " + message
			verdict = judge.Inconclusive
		}
		s.add(name, "0.000", verdict, message, message+"\n"+details(r, f))
	}
	return s
}

func (s *junitSuite) add(name, time string, v judge.Verdict, message, text string) {
	c := junitCase{ClassName: s.Name, Name: name, Time: time}
	result := &junitResult{Type: v.String(), Message: message, Text: text}
	s.Tests++
	switch v {
	case judge.Pass:
		c.SystemOut = &junitOutput{text}
	case judge.Fail:
		s.Failures++
		c.Failure = result
	case judge.Inconclusive:
		s.Skipped++
		result.Type = "" // the schema of Ant's report has none here
		c.Skipped = result
	default:
		s.Errors++
		c.Error = result
	}
	s.Cases = append(s.Cases, c)
}

func properties(r *analysis.Result, l Link) []junitProperty {
	list := []junitProperty{
		{"verdict", r.Verdict.String()},
		{"score", strconv.FormatFloat(r.Score, 'f', -1, 64)},
		{"alpha", strconv.FormatFloat(r.Alpha, 'f', -1, 64)},
	}
	add := func(name, value string) {
		if value != "" {
			list = append(list, junitProperty{name, value})
		}
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	add("config", line(r.Config))
	add("analysis", lineOf(l.ID, maxName))
	add("url", l.address())
	for _, side := range []struct {
		name  string
		scope map[string]string
	}{{"baseline", r.Scopes.Baseline}, {"canary", r.Scopes.Canary}} {
		for _, name := range slices.Sorted(maps.Keys(side.scope)) {
			add(side.name+"."+line(name), line(side.scope[name]))
		}
	}
	add("window.start", moment(r.Window.Start))
	add("window.end", moment(r.Window.End))
	add("history.start", moment(r.History.Start))
	add("history.end", moment(r.History.End))
	if r.Interval > 0 {
		add("interval", r.Interval.String())
	}
	return list
}

// details says about a finding what the other formats show in tables.
func details(r *analysis.Result, f judge.Finding) string {
	var b strings.Builder
	if isLog(f) {
		b.WriteString(changesText(r, f))
	} else {
		b.WriteString(numbers(f))
	}
	for _, w := range f.Warnings {
		b.WriteString("warning: " + line(w) + "\n")
	}
	if f.Evidence.Source != "" {
		b.WriteString("source: " + line(f.Evidence.Source) + "\n")
	}
	for _, q := range queries(f.Evidence) {
		b.WriteString(q.side + " query: " + block(q.text) + "\n")
	}
	return b.String()
}

// changesText says of a log how much was compared, and what differs.
func changesText(r *analysis.Result, f judge.Finding) string {
	p := &page{TextOptions: TextOptions{Width: DefaultWidth}}
	p.line(fmt.Sprintf("baseline: %s\ncanary: %s\nverdict: %s\njudge: %s, p %s, adjusted p %s", level(f, f.Baseline), level(f, f.Canary),
		f.Verdict, line(f.Judge), probability(f.PValue), probability(f.AdjustedPValue)))
	p.changesOf(f, r.Window)
	return p.b.String()
}

// numbers says of a metric what was measured and by which margins it is judged.
func numbers(f judge.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "baseline: %s\ncanary: %s\neffect: %s", level(f, f.Baseline), level(f, f.Canary), estimate(f))
	if low, high, ok := interval(f); ok {
		fmt.Fprintf(&b, " (%s interval %s to %s)", percentLevel(f.Effect.Level), low, high)
	}
	critical := ""
	if f.Signal.Critical {
		critical = ", critical"
	}
	fmt.Fprintf(&b, "\nverdict: %s, %s%s\n", f.Verdict, f.Classification, critical)
	bad := map[judge.Direction]string{judge.Increase: "an increase is bad", judge.Decrease: "a decrease is bad"}
	fmt.Fprintf(&b, "%s: fails beyond %s, passes within %s\n", cmp.Or(bad[f.Signal.Direction], "any change is bad"),
		f.Signal.Margin.Format(unit(f.Signal)), f.Signal.Tolerance.Format(unit(f.Signal)))
	fmt.Fprintf(&b, "judge: %s, p %s, adjusted p %s, intervals %s, worth %s\n",
		cmp.Or(line(f.Judge), unknown), probability(f.PValue), probability(f.AdjustedPValue), intervals(f), effectiveN(f))
	return b.String()
}

// seconds renders a duration with the three decimals that the schema allows.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
