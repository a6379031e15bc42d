package notify

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

const (
	maxTemplate = 16 << 10 // bytes of source
	maxRendered = 64 << 10 // bytes that a template may write
	// maxSeparator keeps join, which takes its own result as a separator too,
	// from growing a text without end.
	maxSeparator = 100
)

// executor is what text/template and html/template have in common.
type executor interface {
	Execute(w io.Writer, data any) error
}

// texts writes titles and bodies for one kind of markup: T is how an event's
// texts are escaped.
type texts[T ~string] struct {
	title, body message
}

// message is a template with the one that takes its place should it fail on
// an event after all: a plain message is better than none.
type message struct {
	own, fallback executor
}

// newTexts parses the templates, empty ones as the kind's own, and tries them.
func newTexts[T ~string](title, body, defaultTitle, defaultBody string) (texts[T], error) {
	var out texts[T]
	var err error
	if out.title, err = newMessage[T]("title", title, defaultTitle, newTextTemplate[T]); err != nil {
		return out, err
	}
	if out.body, err = newMessage[T]("body", body, defaultBody, newTextTemplate[T]); err != nil {
		return out, err
	}
	return out, nil
}

// newMessage parses the template and the one that stands in for it, and tries
// both on one event of each type, with everything set and with as little as
// possible.
func newMessage[T ~string](name, source, fallback string, parse func(name, source string) (executor, error)) (message, error) {
	var m message
	var err error
	if m.fallback, err = parse(name, fallback); err != nil {
		return m, err
	}
	m.own = m.fallback
	if source != "" {
		if m.own, err = parse(name, source); err != nil {
			return m, err
		}
	}
	for _, e := range samples() {
		for _, t := range []executor{m.own, m.fallback} {
			if _, err := render(t, newView[T](e)); err != nil {
				return m, fmt.Errorf("the %s template, tried on a sample of type %s: %w", name, e.Type, err)
			}
		}
	}
	return m, nil
}

func newTextTemplate[T ~string](name, source string) (executor, error) {
	t, err := template.New(name).Funcs(functions[T]()).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("the %s template: %w", name, err)
	}
	return t, check(name, source, t.Tree, t.Templates())
}

func newHTMLTemplate(name, source string) (executor, error) {
	// html/template rewrites the tree that it parses; the one that is checked
	// is the one that was written.
	if _, err := newTextTemplate[plainText](name, source); err != nil {
		return nil, err
	}
	t, err := htmltemplate.New(name).Funcs(functions[plainText]()).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("the %s template: %w", name, err)
	}
	return t, nil
}

// functions are what templates may call beside the comparisons.
func functions[T ~string]() template.FuncMap {
	return template.FuncMap{
		"upper": func(s T) T { return T(strings.ToUpper(string(s))) },
		"join": func(list []T, separator T) (T, error) {
			if len(separator) > maxSeparator {
				return "", fmt.Errorf("join with a separator of %d bytes: at most %d", len(separator), maxSeparator)
			}
			parts := make([]string, len(list))
			for i, s := range list {
				parts[i] = string(s)
			}
			return T(strings.Join(parts, string(separator))), nil
		},
		"truncate": func(n int, s T) (T, error) {
			if n < 4 {
				return "", fmt.Errorf("truncate to %d bytes: at least 4", n)
			}
			return T(cut(string(s), n)), nil
		},
		"percent": func(x float64) T { return T(fmt.Sprintf("%.3g %%", x)) },
		"time": func(m moment, zone string) (T, error) {
			location, err := time.LoadLocation(zone)
			if err != nil {
				return "", err
			}
			return T(m.t.In(location).Format("2006-01-02 15:04 MST")), nil
		},
	}
}

// builtins of text/template that are allowed. The others format, escape or
// call: printf alone can ask for a gigabyte of blanks.
var builtins = []string{"and", "or", "not", "len", "index", "eq", "ne", "lt", "le", "gt", "ge"}

// check refuses what could make a template run long: definitions, which may
// call themselves, and loops over anything but a list of the event.
func check(name, source string, tree *parse.Tree, all []*template.Template) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("the %s template: %s", name, fmt.Sprintf(format, args...))
	}
	if len(source) > maxTemplate {
		return fail("it has %d bytes, at most %d are allowed", len(source), maxTemplate)
	}
	if len(all) > 1 {
		return fail("it defines another template; define and block are not available")
	}
	if tree == nil || tree.Root == nil {
		return nil // nothing but white space
	}
	allowed := slices.Sorted(maps.Keys(functions[plainText]()))
	allowed = append(allowed, builtins...)
	var walk func(n parse.Node, looping bool) error
	walkAll := func(looping bool, nodes ...parse.Node) error {
		for _, n := range nodes {
			if err := walk(n, looping); err != nil {
				return err
			}
		}
		return nil
	}
	branch := func(b parse.BranchNode, looping, inside bool) error {
		nodes := []parse.Node{b.Pipe}
		if b.ElseList != nil {
			nodes = append(nodes, b.ElseList.Nodes...)
		}
		if err := walkAll(looping, nodes...); err != nil {
			return err
		}
		return walkAll(inside, b.List.Nodes...)
	}
	walk = func(n parse.Node, looping bool) error {
		switch n := n.(type) {
		case *parse.ListNode:
			return walkAll(looping, n.Nodes...)
		case *parse.ActionNode:
			return walk(n.Pipe, looping)
		case *parse.IfNode:
			return branch(n.BranchNode, looping, looping)
		case *parse.WithNode:
			return branch(n.BranchNode, looping, looping)
		case *parse.RangeNode:
			if looping {
				return fail("line %d: {{range %s}} stands inside another loop; an event's lists hold no lists", n.Line, n.Pipe)
			}
			if !overField(n.Pipe) {
				return fail("line %d: {{range %s}}: a loop goes over a list of the event, such as .Findings or $.Reasons", n.Line, n.Pipe)
			}
			return branch(n.BranchNode, looping, true)
		case *parse.TemplateNode:
			return fail("line %d: {{template}} is not available", n.Line)
		case *parse.PipeNode:
			for _, c := range n.Cmds {
				if err := walkAll(looping, c.Args...); err != nil {
					return err
				}
			}
			return nil
		case *parse.ChainNode:
			return walk(n.Node, looping)
		case *parse.IdentifierNode:
			if !slices.Contains(allowed, n.Ident) {
				return fail("the function %s is not available; there are %s", n.Ident, strings.Join(allowed, ", "))
			}
			return nil
		default:
			return nil
		}
	}
	return walk(tree.Root, false)
}

// overField reports whether a loop goes over a field: of the event or of what
// with and range made the dot. Only lists among them can be looped over.
func overField(p *parse.PipeNode) bool {
	if p == nil || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return false
	}
	switch n := p.Cmds[0].Args[0].(type) {
	case *parse.FieldNode:
		return true
	case *parse.VariableNode:
		return len(n.Ident) > 1
	default:
		return false
	}
}

// write renders an event.
func write[T ~string](m message, e Event) string {
	v := newView[T](e)
	s, err := render(m.own, v)
	if err != nil {
		s, _ = render(m.fallback, v) // our own template on a bounded event; Open tried it
	}
	return s
}

// oneLine renders an event as a title of at most n bytes.
func oneLine[T ~string](m message, e Event, n int) string {
	return cut(clean(write[T](m, e)), n)
}

func render(t executor, data any) (string, error) {
	var w limitedWriter
	if err := t.Execute(&w, data); err != nil {
		return "", err
	}
	return strings.TrimSpace(w.String()), nil
}

// limitedWriter stops a template that writes too much.
type limitedWriter struct{ bytes.Buffer }

var errTooLong = errors.New("the template writes more than 64 KiB")

func (w *limitedWriter) Write(b []byte) (int, error) {
	if w.Len()+len(b) > maxRendered {
		return 0, errTooLong
	}
	return w.Buffer.Write(b)
}

// WriteString keeps io.WriteString from passing the limit by.
func (w *limitedWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// samples are events that templates are tried on.
func samples() []Event {
	score := 12.5
	moment := time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)
	var out []Event
	for _, t := range types {
		out = append(out, Event{ID: "sample", Type: t, Time: moment}, Event{
			ID: "sample", Type: t, Time: moment, Tenant: "shop", Analysis: "a-1", Config: "checkout", Application: "checkout",
			Verdict: "FAIL", PreviousVerdict: "INCONCLUSIVE", Score: &score,
			Summary:  "latency-p99 is 31 % higher than the baseline",
			Reasons:  []string{"latency-p99 is beyond its margin"},
			Findings: []Finding{{Name: "latency-p99", Classification: "high", Effect: "+31 % (+24 % to +38 %)"}}, MoreFindings: 2,
			Baseline: map[string]string{"version": "v1.8.2"}, Canary: map[string]string{"version": "v1.9.0"},
			Window: Window{moment.Add(-time.Hour), moment}, URL: "https://judged.example.com/analyses/a-1",
		})
	}
	return out
}

// The default texts: what happened to what, why, and where to look.
const (
	defaultTitle = `{{if eq .Type "analysis.started"}}Started{{else if eq .Type "analysis.canceled"}}Canceled` +
		`{{else if eq .Type "config.changed"}}Config changed{{else}}{{or .Verdict "No verdict"}}{{end}}: ` +
		`{{or .Application .Config .Analysis}}` +
		`{{if eq .Type "look"}} (so far{{with .PreviousVerdict}}, before: {{.}}{{end}}){{end}}`

	defaultFacts = `{{with .Summary}}{{.}}
{{end}}{{range .Findings}}
• {{.Name}}{{with .Classification}}: {{.}}{{end}}{{with .Effect}}, {{.}}{{end}}{{else}}{{range .Reasons}}
• {{.}}{{end}}{{end}}{{with .MoreFindings}}
• and {{.}} more{{end}}
{{with .Canary}}
Canary:{{range $.Canary}} {{.Name}}={{.Value}}{{end}}{{end}}{{with .Baseline}}
Baseline:{{range $.Baseline}} {{.Name}}={{.Value}}{{end}}{{end}}{{with .End}}
Judged:{{with $.Start}} {{time . "UTC"}} to{{end}} {{time . "UTC"}}{{end}}`

	defaultBody = defaultFacts + `{{with .URL}}

{{.}}{{end}}`
)
