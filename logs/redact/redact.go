package redact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	maxPatterns      = 32
	maxPatternLength = 512
	// maxPasses: what is left of a redacted text rarely has a form of its own, and
	// never for long.
	maxPasses = 16
)

// Options say what is redacted. The zero value: all of Kinds.
type Options struct {
	// Keep names the kinds that stay readable.
	Keep []Kind
	// Patterns are regular expressions (RE2) whose matches are redacted too; at
	// most 32 of at most 512 bytes, none of which matches the empty text.
	Patterns []string
}

// Redactor redacts texts. It is safe for concurrent use.
type Redactor struct {
	rules []rule
}

// A rule finds one form of secret. The match, or its group named secret, is
// redacted if the check, where there is one, says that it is.
type rule struct {
	kind Kind
	// may reports whether a text in lower case can have a match at all: most have
	// none, and looking for words costs far less than the expression does. nil: any.
	may    func(lower string) bool
	find   *regexp.Regexp
	group  int
	secret func(match []string) bool
}

// New returns a Redactor. The error says which option cannot be used.
func New(o Options) (*Redactor, error) {
	for _, k := range o.Keep {
		if !slices.Contains(Kinds, k) {
			return nil, fmt.Errorf("there is no kind of secret %q to keep: use %s", k, join(Kinds))
		}
	}
	if len(o.Patterns) > maxPatterns {
		return nil, fmt.Errorf("%d patterns to redact are too many: the limit is %d; join some with |", len(o.Patterns), maxPatterns)
	}
	r := &Redactor{}
	for _, rule := range defaults {
		if !slices.Contains(o.Keep, rule.kind) {
			r.rules = append(r.rules, rule)
		}
	}
	for _, p := range o.Patterns {
		if len(p) > maxPatternLength {
			return nil, fmt.Errorf("a pattern to redact has %d bytes, the limit is %d: %.40s…", len(p), maxPatternLength, p)
		}
		find, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("the pattern to redact %q: %w", p, err)
		}
		if find.MatchString("") {
			return nil, fmt.Errorf("the pattern to redact %q matches the empty text, so it would match everywhere", p)
		}
		r.rules = append(r.rules, rule{kind: Pattern, find: find})
	}
	return r, nil
}

func join(kinds []Kind) string {
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}

// marker is what stands for a secret. What is one already is never looked into.
var marker = regexp.MustCompile(`\[redacted (?:private-key|token|password|email|card|pattern)\]`)

// Text returns s with "[redacted KIND]" in place of each secret. Redacting the
// result again changes nothing. The time is linear in the length of s.
func (r *Redactor) Text(s string) string {
	for range maxPasses {
		next, lower := s, strings.ToLower(s)
		for _, rule := range r.rules {
			if rule.may == nil || rule.may(lower) {
				next = rule.apply(next)
			}
		}
		if next == s {
			break
		}
		s = next
	}
	return s
}

// apply redacts between the markers that are there.
func (r rule) apply(s string) string {
	var out strings.Builder
	from := 0
	for _, m := range append(marker.FindAllStringIndex(s, -1), []int{len(s), len(s)}) {
		r.segment(&out, s[from:m[0]])
		out.WriteString(s[m[0]:m[1]])
		from = m[1]
	}
	return out.String()
}

func (r rule) segment(out *strings.Builder, s string) {
	from := 0
	for _, m := range r.find.FindAllStringSubmatchIndex(s, -1) {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = s[m[2*i]:m[2*i+1]]
			}
		}
		start, end := m[2*r.group], m[2*r.group+1]
		if start == end || r.secret != nil && !r.secret(groups) {
			continue
		}
		out.WriteString(s[from:start])
		out.WriteString("[redacted " + string(r.kind) + "]")
		from = end
	}
	out.WriteString(s[from:])
}
