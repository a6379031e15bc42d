package notify

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func renderPlain(t *testing.T, source string, e Event) string {
	t.Helper()
	m, err := newMessage[plainText]("body", source, "fallback", newTextTemplate[plainText])
	if err != nil {
		t.Fatal(err)
	}
	return write[plainText](m, e)
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{upper .Application}}`:                      "CHECKOUT",
		`{{with .Score}}{{percent .}}{{end}}`:         "12.5 %",
		`{{time .Time "Europe/Berlin"}}`:              "2026-03-02 15:05 CET",
		`{{with .End}}{{time . "Asia/Tokyo"}}{{end}}`: "2026-03-02 23:05 JST",
		`{{.Time}}`:                                        "2026-03-02T14:05:06Z",
		`{{truncate 12 .Summary}}`:                         "latency-p…",
		`{{.Summary | truncate 12}}`:                       "latency-p…",
		`{{join .Reasons ", "}}`:                           "a critical signal failed",
		`{{if eq .Verdict "FAIL" "ERROR"}}bad{{end}}`:      "bad",
		`{{len .Findings}} {{.MoreFindings}}`:              "2 3",
		`{{range $i, $f := .Findings}}{{$f.Name}} {{end}}`: "latency-p99 errors",
		`{{.Canary.Get "version"}}{{.Canary.Get "x"}}`:     "v1.9.0",
		`{{range .Baseline}}{{.Name}}={{.Value}}{{end}}`:   "version=v1.8.2",
		`{{with $x := .Tenant}}{{$x}}{{end}}`:              "shop",
		`  {{- /* nothing */ -}}  `:                        "",
	} {
		if got := renderPlain(t, source, failEvent()); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

func TestDefaultTitles(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Event{
		"Started: checkout": {Type: AnalysisStarted, Application: "checkout", Config: "c"},
		"Canceled: c":       {Type: AnalysisCanceled, Config: "c"},
		"Config changed: c": {Type: ConfigChanged, Config: "c"},
		"PASS: checkout":    {Type: Verdict, Verdict: "PASS", Application: "checkout"},
		"FAIL: checkout (so far, before: INCONCLUSIVE)": {Type: Look, Verdict: "FAIL", PreviousVerdict: "INCONCLUSIVE", Application: "checkout"},
		"No verdict: a-1 (so far)":                      {Type: Look, Analysis: "a-1"},
	} {
		if got := renderPlain(t, defaultTitle, e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ source, want string }{
		{`{{`, "unclosed action"},
		{`{{.Verdikt}}`, "Verdikt"},
		{`{{index .Reasons 0}}`, "tried on a sample of type analysis.started"},
		{`{{percent .Score}}`, "tried on a sample"},
		{`{{time .Time "Nowhere/Land"}}`, "unknown time zone"},
		{`{{truncate 3 .Summary}}`, "at least 4"},
		{`{{truncate -1 .Summary}}`, "at least 4"},
		{`{{printf "%1000000000d" 1}}`, "the function printf is not available; there are join, percent"},
		{`{{(print .ID)}}`, "print is not available"},
		{`{{if (html .ID)}}{{end}}`, "html is not available"},
		{`{{call .ID}}`, "call is not available"},
		{`{{range 1000000000}}{{end}}`, "a loop goes over a list of the event"},
		{`{{with 1000000000}}{{range .}}{{end}}{{end}}`, "a loop goes over a list of the event"},
		{`{{$n := 1000000000}}{{range $n}}{{end}}`, "a loop goes over a list of the event"},
		{`{{range len .Findings}}{{end}}`, "a loop goes over a list of the event"},
		{`{{range .Time.Unix}}{{end}}`, "Unix"},
		{`{{range .Findings}}{{range $.Findings}}{{end}}{{end}}`, "stands inside another loop"},
		{`{{range .Findings}}{{if .Name}}{{else}}{{range $.Reasons}}{{end}}{{end}}{{end}}`, "stands inside another loop"},
		{`{{define "x"}}{{template "x"}}{{template "x"}}{{end}}{{template "x"}}`, "define and block are not available"},
		{`{{block "x" .}}{{end}}`, "define and block are not available"},
		{`{{template "body" .}}`, "{{template}} is not available"},
		{strings.Repeat("x", maxTemplate+1), "it has 16385 bytes, at most 16384"},
		{`{{range .Findings}}` + strings.Repeat("x", 16000) + `{{end}}{{range $.Reasons}}{{range .}}{{end}}{{end}}`, "inside another loop"},
		{`{{$s := "xx"}}{{range .Findings}}` + strings.Repeat(`{{$s = join $.Baseline $s}}`, 9) + `{{end}}`, "wrong type"},
	} {
		_, err := newMessage[plainText]("body", test.source, "fallback", newTextTemplate[plainText])
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "the body template") && !strings.Contains(err.Error(), "template: body") {
			t.Errorf("%.80s: got %v, want %q", test.source, err, test.want)
		}
		if _, err := newHTMLTemplate("body", test.source); err == nil && !strings.Contains(test.want, "sample") {
			if _, err := newMessage[plainText]("body", test.source, "fallback", newHTMLTemplate); err == nil {
				t.Errorf("%.80s: no error as HTML", test.source)
			}
		}
	}
}

// A template that fails on a real event, here by its length or a separator
// that grows, gives way to the kind's own.
func TestTemplateFallback(t *testing.T) {
	t.Parallel()
	e := failEvent()
	e.Findings, e.Reasons = make([]Finding, 10), nil
	for range 10 {
		e.Reasons = append(e.Reasons, strings.Repeat("long ", 100))
	}
	for _, source := range []string{
		`{{range .Findings}}` + strings.Repeat("x", 9000) + `{{end}}`,
		`{{$s := .Verdict}}{{range .Findings}}{{$s = join $.Reasons $s}}{{end}}{{$s}}`,
		`{{if gt (len .Reasons) 5}}{{index .Reasons 99}}{{end}}`,
	} {
		if got := renderPlain(t, source, e); got != "fallback" {
			t.Errorf("%.60s: got %.100q", source, got)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                            "",
		"plain ü 漢 🚀":                 "plain ü 漢 🚀",
		"  a\r\n\tb\u2028c  ":         "a b c",
		"\u202eabc\u2066\u200f":       "\ufffdabc\ufffd\ufffd",
		"a\x00b\x1b[31m\x7f":          "a\ufffdb\ufffd[31m\ufffd",
		"bad\xff":                     "bad\ufffd",
		"\ufeffzero\u200bwidth\u00ad": "\ufffdzero\ufffdwidth\ufffd",
	} {
		if got := clean(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// Any template ends, within its bounds and without a panic, and an event's
// text cannot speak Slack through it.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		defaultTitle, defaultBody, slackBody, pushBody, `{{.}}`, `{{range .Findings}}{{.}}{{else}}{{.ID}}{{end}}`, `{{$x := index .Reasons 0}}{{slice $x 1 2}}`,
		`{{time .Time "Local"}}{{percent 1e300}}{{truncate 4 .Summary}}`, `{{.Canary.Get "<"}}{{join .Reasons .ID}}`,
	} {
		f.Add(s, hostile)
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		m, err := newMessage[slackText]("body", source, "fallback", newTextTemplate[slackText])
		if err != nil {
			return
		}
		e := failEvent()
		e.Summary, e.Application, e.Reasons = text, text, []string{text}
		e.Findings[0].Name, e.Canary = text, map[string]string{text: text}
		got := write[slackText](m, e.bounded())
		if len(got) > maxRendered {
			t.Errorf("%d bytes", len(got))
		}
		if !strings.ContainsAny(source, "<") && strings.Contains(got, "<") {
			t.Errorf("%q wrote %q", source, got)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		for _, r := range got {
			if !unicode.IsPrint(r) && r != utf8.RuneError {
				t.Errorf("%q: %q", s, got)
			}
		}
		if clean(got) != got {
			t.Errorf("%q is not stable", s)
		}
	})
}

// BenchmarkWorstTemplate is the slowest template that was found: it bounds
// what a hostile administrator costs.
func BenchmarkWorstTemplate(b *testing.B) {
	e := failEvent()
	e.Reasons, e.Canary = nil, map[string]string{}
	for i := range 16 {
		e.Reasons = append(e.Reasons, strings.Repeat("x", maxText))
		e.Canary[fmt.Sprint(i)] = "x"
	}
	source := `{{$s := "x"}}{{range .Canary}}` + strings.Repeat(`{{$s = join $.Reasons "x"}}`, 590) + `{{end}}`
	m, err := newMessage[plainText]("body", source, "fallback", newTextTemplate[plainText])
	if err != nil {
		b.Fatal(err)
	}
	e = e.bounded()
	for b.Loop() {
		write[plainText](m, e)
	}
	b.ReportMetric(float64(b.Elapsed()/time.Millisecond)/float64(b.N), "ms/message")
}
