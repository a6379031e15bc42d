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
	// most 32 of at most 512 bytes, none of which matches the empty text. They cost
	// more than all that is known by its form.
	Patterns []string
}

// Redactor redacts texts. It is safe for concurrent use.
type Redactor struct {
	privateKeys bool
	forms       [256][]form // those that a byte may begin
	patterns    []*regexp.Regexp
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
	r := &Redactor{privateKeys: !slices.Contains(o.Keep, PrivateKey)}
	for _, f := range known {
		if slices.Contains(o.Keep, f.kind) {
			continue
		}
		for _, c := range []byte(f.hints) {
			r.forms[c] = append(r.forms[c], f)
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
		r.patterns = append(r.patterns, find)
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

// Text returns s with "[redacted KIND]" in place of each secret. Redacting the
// result again changes nothing. The time is linear in the length of s.
func (r *Redactor) Text(s string) string {
	for range maxPasses {
		// A private key goes first: of a value that begins with one, the rest is
		// secret too.
		next := s
		if r.privateKeys {
			next = apply(next, privateKey)
		}
		next = apply(next, r.scan)
		for _, find := range r.patterns {
			next = apply(next, func(s string, from int) span { return match(find, s, from) })
		}
		if next == s {
			break
		}
		s = next
	}
	return s
}

// match returns the first match that is not empty, as that of a word's boundary is.
func match(find *regexp.Regexp, s string, from int) span {
	for from < len(s) {
		m := find.FindStringIndex(s[from:])
		if m == nil {
			break
		}
		if m[0] < m[1] {
			return span{from + m[0], from + m[1], Pattern}
		}
		from += m[1] + 1
	}
	return span{}
}

// A span is the place of a secret; none if it is empty.
type span struct {
	start, end int
	kind       Kind
}

// apply replaces what find finds in s, between the markers that are there: what
// is one already is never looked into. find looks from an offset on, as if the
// text began there.
func apply(s string, find func(s string, from int) span) string {
	var out strings.Builder
	done := 0 // so much of s is written, as far as something was found
	for from := 0; from < len(s); {
		at, behind := nextMarker(s, from)
		for from < at {
			f := find(s[:at], from)
			if f.start == f.end {
				break
			}
			out.WriteString(s[done:f.start])
			out.WriteString("[redacted ")
			out.WriteString(string(f.kind))
			out.WriteByte(']')
			done, from = f.end, f.end
		}
		from = behind
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// nextMarker returns where the next marker begins and ends, the end of s twice if
// there is none.
func nextMarker(s string, from int) (start, end int) {
	const head = "[redacted "
	for {
		i := strings.Index(s[from:], head)
		if i < 0 {
			return len(s), len(s)
		}
		start = from + i
		rest := s[start+len(head):]
		for _, k := range markers {
			if strings.HasPrefix(rest, string(k)) && strings.HasPrefix(rest[len(k):], "]") {
				return start, start + len(head) + len(k) + len("]")
			}
		}
		from = start + len(head)
	}
}

var markers = append([]Kind{Pattern}, Kinds...)
