package decode

import (
	"fmt"
	"strings"
)

// Format is how a stream's lines are written.
type Format uint8

const (
	// Auto: each line is recognised by itself. The zero value.
	Auto Format = iota
	// JSON: an object a line, within CRI or Docker's envelope or without.
	JSON
	// Logfmt: key=value pairs.
	Logfmt
	// Plain text, even where it looks like another format.
	Plain
	// OTLP: an object a line, with resourceLogs.
	OTLP

	formats
)

var formatNames = [formats]string{Auto: "auto", JSON: "json", Logfmt: "logfmt", Plain: "plain", OTLP: "otlp"}

// String returns the format's name, which ParseFormat reads.
func (f Format) String() string {
	if f >= formats {
		return "unknown"
	}
	return formatNames[f]
}

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return Auto, fmt.Errorf("there is no log format %q: use one of %s", name, strings.Join(formatNames[:], ", "))
}

// votes count how a stream's lines were written so far.
type votes [formats]int64

// minVotes is how many lines it takes to know what a stream's lines look like.
const minVotes = 10

// winner returns the format of more than half of the lines; Auto if there is
// none, or too few lines.
func (v *votes) winner() Format {
	best, all := Auto, int64(0)
	for f, n := range v {
		all += n
		if n > v[best] {
			best = Format(f)
		}
	}
	if all < minVotes || 2*v[best] <= all {
		return Auto
	}
	return best
}
