package prometheus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// query is what is asked.
type query struct {
	metric metric
	// key asks a running analysis.
	key string
	// config is judged at once, over window.
	config string
	window time.Duration
	// scopes replace the config's; nil keeps those.
	scopes *judgedv1.Scopes
}

type metric string

const (
	one     metric = "vector(1)"
	verdict metric = "judged_verdict"
	score   metric = "judged_score"
)

// maxQuery bounds a query, in bytes: two scopes with some long values.
const maxQuery = 16 << 10

const understood = `understood are vector(1), and judged_verdict{...} or judged_score{...} with key="..." or with config="...", window="5m", baseline_NAME="..." and canary_NAME="..."; no operators, functions or regular expressions`

// parse reads a query.
func parse(text string) (query, error) {
	if len(text) > maxQuery {
		return query{}, fmt.Errorf("the query has %d bytes: at most %d are read", len(text), maxQuery)
	}
	if !utf8.ValidString(text) {
		return query{}, errors.New("the query is not UTF-8")
	}
	text = strings.TrimSpace(text)
	if strings.Join(strings.Fields(text), "") == string(one) {
		return query{metric: one}, nil
	}
	name, rest, ok := strings.Cut(text, "{")
	q := query{metric: metric(strings.TrimSpace(name))}
	if !ok || q.metric != verdict && q.metric != score {
		return query{}, fmt.Errorf("cannot read the query %.200q: %s", text, understood)
	}
	labels, err := matchers(rest)
	if err != nil {
		return query{}, fmt.Errorf("cannot read the query %.200q: %w; %s", text, err, understood)
	}
	if err := q.use(labels); err != nil {
		return query{}, fmt.Errorf("the query %.200q: %w", text, err)
	}
	return q, nil
}

type matcher struct{ name, value string }

// matchers reads a selector after its brace: label="value", ... }.
func matchers(rest string) ([]matcher, error) {
	var all []matcher
	for {
		rest = skipSpace(rest)
		if after, ok := strings.CutPrefix(rest, "}"); ok {
			if after = skipSpace(after); after != "" {
				return nil, fmt.Errorf("something comes after the selector: %.40q", after)
			}
			return all, nil
		}
		n := 0
		for n < len(rest) && isLabel(rest[n]) {
			n++
		}
		if n == 0 {
			return nil, fmt.Errorf("a label's name, or }, should come at %.40q", rest)
		}
		m := matcher{name: rest[:n]}
		rest = skipSpace(rest[n:])
		value, ok := strings.CutPrefix(rest, "=")
		if !ok || strings.HasPrefix(value, "~") {
			return nil, fmt.Errorf(`label %s: ="..." should follow, not %.40q`, m.name, rest)
		}
		var err error
		if m.value, rest, err = unquote(skipSpace(value)); err != nil {
			return nil, fmt.Errorf("label %s: %w", m.name, err)
		}
		if !utf8.ValidString(m.value) {
			return nil, fmt.Errorf("label %s: its value is not UTF-8", m.name)
		}
		all = append(all, m)
		rest = skipSpace(rest)
		if after, ok := strings.CutPrefix(rest, ","); ok {
			rest = after
		} else if !strings.HasPrefix(rest, "}") {
			return nil, fmt.Errorf("label %s: a comma or } should follow, not %.40q", m.name, rest)
		}
	}
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t\r\n") }

func isLabel(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// unquote reads a string as PromQL writes it, in double quotes, single quotes or
// backticks, and returns what comes after it.
func unquote(s string) (value, rest string, err error) {
	bad := fmt.Errorf("a string in quotes should come at %.40q", s)
	if s == "" || !strings.ContainsRune("\"'`", rune(s[0])) {
		return "", "", bad
	}
	quote := s[0]
	var b strings.Builder
	for s = s[1:]; s != ""; {
		if s[0] == quote {
			return b.String(), s[1:], nil
		}
		if quote == '`' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		c, multibyte, tail, err := strconv.UnquoteChar(s, quote)
		if err != nil {
			return "", "", bad
		}
		if c < 0x80 || multibyte {
			b.WriteRune(c)
		} else {
			b.WriteByte(byte(c))
		}
		s = tail
	}
	return "", "", bad
}

// use takes the labels for what they mean.
func (q *query) use(labels []matcher) error {
	baseline, canary := map[string]string{}, map[string]string{}
	seen := map[string]bool{}
	var err error
	for _, m := range labels {
		if seen[m.name] {
			return fmt.Errorf("label %s comes twice", m.name)
		}
		seen[m.name] = true
		side, variable, _ := strings.Cut(m.name, "_")
		switch {
		case m.name == "key":
			q.key = m.value
		case m.name == "config":
			q.config = m.value
		case m.name == "window":
			if q.window, err = time.ParseDuration(m.value); err != nil || q.window <= 0 {
				return fmt.Errorf("window: %.40q is no time span such as 5m", m.value)
			}
		case side == "baseline" && variable != "":
			baseline[variable] = m.value
		case side == "canary" && variable != "":
			canary[variable] = m.value
		default:
			return fmt.Errorf("there is no label %s: %s", m.name, understood)
		}
	}
	switch {
	case q.key != "" && len(labels) > 1:
		return errors.New("with a key nothing else can be asked: the analysis knows the rest")
	case q.key != "":
		return nil
	case q.config == "" || q.window == 0:
		return errors.New("it needs the key of a running analysis, or a config and a window")
	}
	if len(baseline)+len(canary) > 0 {
		q.scopes = &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: baseline}, Canary: &judgedv1.Scope{Variables: canary}}
	}
	return nil
}
