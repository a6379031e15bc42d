package report

import (
	"fmt"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// severitySign is a severity's symbol where emoji are at home.
func severitySign(s judge.Severity) string {
	switch s {
	case judge.Grave:
		return "🛑"
	case judge.Serious:
		return "❌"
	case judge.Warn:
		return "❔"
	case judge.Info:
		return "💬"
	default:
		return "🔕"
	}
}

// changes adds a table a log of what differs.
func (c *comment) changes(r *analysis.Result) {
	for _, f := range r.Findings {
		if len(f.Changes) == 0 {
			continue
		}
		shown, more := shownChanges(f)
		var rows []string
		for _, change := range shown {
			severity := severitySign(change.Severity) + " " + change.Severity.String()
			if change.Severity >= judge.Serious {
				severity = severitySign(change.Severity) + " **" + change.Severity.String() + "**"
			}
			name := oneLine(change.Name)
			if change.Kind == judge.Renamed {
				name = oneLine(change.Was) + ", now " + name
			}
			rows = append(rows, tableRow(severity, prose(what(change)), name, code(lineOf(change.ID, maxName))))
		}
		c.add("**Changes** in " + code(nameOf(f.Signal)) + ": " + severities(f.Changes) + "\n\n")
		c.add("| severity | change | message | id |\n|:--|:--|:--|:--|\n")
		c.items(rows, "change")
		if more != "" {
			c.add("\n… " + strings.Replace(more, "--format json", "`--format json`", 1) + "\n")
		}
		c.add("\n")
	}
}

// maxCell bounds a template in a cell of a table, in bytes.
const maxCell = 300

// maxExcerpt bounds the lines of a stack trace in a comment.
const maxExcerpt = 12

// firstLines returns the first n lines of s and marks what is left out.
func firstLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	if len(lines) <= n {
		return s
	}
	return strings.Join(append(lines[:n-1], "…"), "\n")
}

// oneLine returns a template as code in a cell.
func oneLine(name string) string { return code(lineOf(name, maxCell)) }

// excerpts folds the lines to read.
func (c *comment) excerpts(r *analysis.Result) {
	var parts []string
	n := 0
	for _, f := range r.Findings {
		shown, _ := shownChanges(f)
		for _, change := range shown {
			var part strings.Builder
			part.WriteString("\n**" + change.Severity.String() + "** " + oneLine(change.Name) + "\n\n- " + prose(strings.Join(where(change, r.Window), " · ")) + "\n")
			if why := line(change.Why); why != "" {
				part.WriteString("- " + prose(why) + "\n")
			}
			for _, e := range linesOf(change) {
				text := firstLines(block(e.Text), maxExcerpt)
				if from := provenance(e, r.Window); from != "" {
					text = from + "\n" + text
				}
				part.WriteString("\n" + fenced(text))
				n++
			}
			parts = append(parts, part.String())
		}
	}
	c.details(fmt.Sprintf("Where, when, and lines to read (%d)", n), "", parts, "change")
}
