package report

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// width returns how many cells s takes on a terminal.
func width(s string) int { return displaywidth.String(s) }

// padLeft right-aligns s in w cells, padRight left-aligns it.
func padLeft(s string, w int) string  { return spaces(w-width(s)) + s }
func padRight(s string, w int) string { return s + spaces(w-width(s)) }

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// joints may end a line inside a word that is longer than a line: names and
// queries are put together with them.
const joints = "-_./,:;=|&?)}"

// mask stands for what is variable in a log template, and is not broken.
const mask = "<*>"

// wrap breaks s into lines of at most w cells: between words if it can, in
// words that are longer than a line after a joint, else anywhere. There is
// always a line.
func wrap(s string, w int) []string {
	w = max(w, 1)
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(s) {
		if current != "" {
			if joined := current + " " + word; fits(joined, w) {
				current = joined
				continue
			}
			lines = append(lines, current)
		}
		for {
			head, tail := split(word, w)
			if tail == "" {
				current = head
				break
			}
			lines = append(lines, head)
			word = tail
		}
	}
	return append(lines, current)
}

func fits(s string, w int) bool {
	_, rest := split(s, w)
	return rest == ""
}

// split cuts s after at most w cells, at a joint if there is one. The head
// has at least one character. It looks at no more of s than the head, so that
// wrapping is linear.
func split(s string, w int) (head, tail string) {
	used, end, joint := 0, 0, 0
	g := displaywidth.StringGraphemes(s)
	for g.Next() {
		if used += g.Width(); used > w && end > 0 {
			if joint > 0 {
				end = joint
			} else if at := strings.LastIndex(s[:end], "<"); at > 0 && strings.HasPrefix(s[at:], mask) && at+len(mask) > end {
				end = at
			}
			return s[:end], s[end:]
		}
		end += len(g.Value())
		if strings.Contains(joints, g.Value()) {
			joint = end
		}
	}
	return s, ""
}
