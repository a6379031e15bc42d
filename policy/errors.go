package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// CompileError says what is wrong with a rule, and where.
type CompileError struct {
	// Rule is what the rule is called: "decision.fail", "windows.deny[0]".
	Rule string
	// Expression is its text.
	Expression string
	// Problems are what is wrong, in the order of the text; at least one.
	Problems []Problem
}

// Problem is one mistake in an expression.
type Problem struct {
	// Line and Column are where it is, both from 1, the column in characters;
	// Line is 0 if the problem is the whole.
	Line, Column int
	Message      string
}

// maxProblems bounds what is told of one rule: who has mended five looks again.
const maxProblems = 5

// Error implements error. Each problem stands with its line and a caret under
// the place.
func (e *CompileError) Error() string {
	var b strings.Builder
	lines := strings.Split(e.Expression, "\n")
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxProblems {
			fmt.Fprintf(&b, "%s: and %d more problems", e.Rule, len(e.Problems)-i)
			break
		}
		if p.Line < 1 || p.Line > len(lines) {
			fmt.Fprintf(&b, "%s: %s", e.Rule, p.Message)
			continue
		}
		shown, caret := excerpt(lines[p.Line-1], p.Column)
		fmt.Fprintf(&b, "%s:%d:%d %s\n  | %s\n  | %s^", e.Rule, p.Line, p.Column, p.Message, shown, strings.Repeat(".", caret))
	}
	return b.String()
}

// maxExcerpt is how much of a line is shown, in characters: more wraps in a
// terminal, and the caret would stand below something else.
const maxExcerpt = 96

// excerpt returns the part of a line that shows the column (from 1), and how
// many characters of it stand before the column.
func excerpt(line string, column int) (shown string, before int) {
	runes := []rune(line)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	before = min(max(column-1, 0), len(runes))
	if len(runes) <= maxExcerpt {
		return string(runes), before
	}
	from := min(max(before-maxExcerpt/2, 0), len(runes)-maxExcerpt)
	to := from + maxExcerpt
	if from > 0 {
		runes[from] = '…'
	}
	if to < len(runes) {
		runes[to-1] = '…'
	}
	return string(runes[from:to]), before - from
}

// EvalError says why a rule could not be evaluated. Its text may hold a value
// that the rule read, a claim for example, and is no longer than a few hundred
// characters.
type EvalError struct {
	// Rule is what the rule is called.
	Rule string
	// Expression is its text.
	Expression string
	// Err is the reason.
	Err error
}

// Error implements error.
func (e *EvalError) Error() string {
	return fmt.Sprintf("%s could not be evaluated: %s; it says: %s", e.Rule, reason(e.Err), quote(e.Expression))
}

// Unwrap returns the reason; errors.Is finds context.Canceled in it.
func (e *EvalError) Unwrap() error { return e.Err }

// missing is how CEL says that a map has no such key.
var missing = regexp.MustCompile(`^no such key: ([A-Za-z_]\w*)$`)

func reason(err error) string {
	text := printable(err.Error())
	if m := missing.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("there is no %s: ask has(...%s) before you read it", m[1], m[1])
	}
	return text
}

// maxQuote bounds an expression, or a value, within a sentence, in characters.
const maxQuote = 240

// quote puts an expression into a sentence: on one line, not too long.
func quote(expression string) string {
	return printable(strings.Join(strings.Fields(expression), " "))
}

func printable(s string) string {
	runes := []rune(strings.ToValidUTF8(s[:min(len(s), 4*maxQuote)], "?"))
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	if len(runes) > maxQuote {
		runes = append(runes[:maxQuote-1], '…')
	}
	return string(runes)
}

var (
	unknownField = regexp.MustCompile(`^undefined field '([^']*)'`)
	unknownName  = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	operator     = regexp.MustCompile(`'(?:_|@)([^\w'\s]+|in)_?'`)
)

// plain rewrites a message of CEL's for people who write rules, not compilers,
// and says which of the names may have been meant.
func plain(message string, names []string) string {
	message = strings.ReplaceAll(message, " (in container '')", "")
	message = operator.ReplaceAllString(message, "'$1'")
	if m := unknownField.FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("there is no field %q%s", m[1], meant(m[1], names))
	} else if m := unknownName.FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("there is no %q%s", m[1], meant(m[1], names))
	}
	if strings.HasSuffix(message, "'(double, int)'") || strings.HasSuffix(message, "'(int, double)'") {
		message += ": write the whole number with a point, as in 50.0"
	}
	return printable(message)
}

// meant returns a question that names what is spelt most like name.
func meant(name string, names []string) string {
	best, least := "", 1+min(2, len(name)/2)
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is the number of single-character edits between two names
// (Levenshtein 1966, Soviet Physics Doklady 10:707-710), upper and lower case
// alike. Longer names are nobody's slip.
func distance(a, b string) int {
	const longest = 32
	if len(a) > longest || len(b) > longest {
		return longest
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}
