package notify

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// plainText is a text from an event for formats without markup, and for
// html/template, which escapes by itself.
type plainText string

// String implements fmt.Stringer.
func (t plainText) String() string { return string(t) }

// slackText is a text from an event for Slack's mrkdwn.
type slackText string

// mrkdwn escapes the three characters that Slack gives a meaning beyond
// looks: without < there is no mention, no link and no command.
var mrkdwn = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// String implements fmt.Stringer.
func (t slackText) String() string { return mrkdwn.Replace(string(t)) }

// view is an event as templates see it. Its texts are of a type that is
// escaped when it is written, so a template cannot forget to; functions and
// comparisons see the text itself. It holds no numbers that a range could
// count to.
type view[T ~string] struct {
	ID, Type, Tenant, Analysis, Config, Application T
	Verdict, PreviousVerdict                        T
	Score                                           *float64
	Summary                                         T
	Reasons                                         []T
	Findings                                        []findingView[T]
	MoreFindings                                    T // empty: none
	Baseline, Canary                                variables[T]
	Time                                            moment
	Start, End                                      *moment // nil: unknown
	URL                                             T
}

type findingView[T ~string] struct{ Name, Classification, Effect T }

type variable[T ~string] struct{ Name, Value T }

// variables are a scope, sorted by name.
type variables[T ~string] []variable[T]

// Get returns the value of a variable, "" if there is none.
func (v variables[T]) Get(name string) T {
	for _, x := range v {
		if string(x.Name) == name {
			return x.Value
		}
	}
	return ""
}

// moment is a time without the methods of time.Time that return numbers.
type moment struct{ t time.Time }

// String implements fmt.Stringer.
func (m moment) String() string { return m.t.UTC().Format(time.RFC3339) }

func newView[T ~string](e Event) view[T] {
	v := view[T]{
		ID: T(clean(e.ID)), Type: T(e.Type), Tenant: T(clean(e.Tenant)), Analysis: T(clean(e.Analysis)), Config: T(clean(e.Config)),
		Application: T(clean(e.Application)), Verdict: T(clean(e.Verdict)), PreviousVerdict: T(clean(e.PreviousVerdict)),
		Score: e.Score, Summary: T(clean(e.Summary)), Baseline: scopeView[T](e.Baseline), Canary: scopeView[T](e.Canary),
		Time: moment{e.Time}, URL: T(link(e.URL)),
	}
	for _, r := range e.Reasons {
		v.Reasons = append(v.Reasons, T(clean(r)))
	}
	for _, f := range e.Findings {
		v.Findings = append(v.Findings, findingView[T]{T(clean(f.Name)), T(clean(f.Classification)), T(clean(f.Effect))})
	}
	if e.MoreFindings > 0 {
		v.MoreFindings = T(strconv.Itoa(e.MoreFindings))
	}
	if !e.Window.Start.IsZero() {
		v.Start = &moment{e.Window.Start}
	}
	if !e.Window.End.IsZero() {
		v.End = &moment{e.Window.End}
	}
	return v
}

func scopeView[T ~string](scope map[string]string) variables[T] {
	var out variables[T]
	for _, name := range slices.Sorted(maps.Keys(scope)) {
		out = append(out, variable[T]{T(clean(name)), T(clean(scope[name]))})
	}
	return out
}

// clean makes a text from an event one line that shows what it holds: white
// space becomes one space, and what does not print, such as control characters
// and marks that turn the direction of writing, becomes U+FFFD.
func clean(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// link returns the address if it is one that a person may follow, else "".
// Characters that end a link in some format are percent-encoded.
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("<>\"|`'\\", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
			continue
		}
		b.WriteByte(c)
	}
	if _, err := url.Parse(b.String()); err != nil {
		return "" // what was encoded stood in the host's name
	}
	return b.String()
}
