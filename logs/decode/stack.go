package decode

import "bytes"

// trace is the kind of stack trace that a record's last lines belong to. The
// next line is read accordingly.
type trace uint8

const (
	noTrace    trace = iota
	framed           // Java, .NET, JavaScript, Ruby, PHP, Rust: frames are indented or marked
	pythonHead       // after "Traceback (most recent call last):", before its exception
	pythonTail       // after the exception: only another traceback continues
	goTrace          // panics and goroutines
)

// maxMarker is how much of a line decides whether it continues a record.
const maxMarker = 256

// continues reports whether a line continues the record before it, and the
// kind of trace that is then open. open is the kind before; header says that
// the record began with a time or a level, so that lines without one may
// belong to it, and trouble that it is a warning or worse.
func continues(line []byte, open trace, header, trouble bool) (trace, bool) {
	if len(line) == 0 {
		return open, false
	}
	indented := line[0] == ' ' || line[0] == '\t'
	if !indented && open == noTrace && !mayContinue[line[0]] && !trouble {
		return noTrace, false
	}
	text := trimSpace(line[:min(len(line), maxMarker)])
	if len(text) == 0 {
		return open, false
	}
	switch {
	case startsTraceback(text):
		// On its own it is a record of its own.
		return pythonHead, open == noTrace && trouble || indented && open != noTrace || open == pythonHead
	case hasPrefix(text, "Caused by: "), hasPrefix(text, "Suppressed: "), hasPrefix(text, "--- End of "), hasPrefix(text, "---> "),
		hasPrefix(text, "Stack trace:"), hasPrefix(text, "stack backtrace:"):
		return framed, true
	case hasPrefix(text, "goroutine ") && bytes.HasSuffix(text, []byte("]:")):
		return goTrace, true
	case hasPrefix(text, "[signal ") || hasPrefix(text, "created by ") && open == goTrace:
		return goTrace, open == goTrace
	case hasPrefix(text, "During handling of the above exception"), hasPrefix(text, "The above exception was the direct cause"):
		return pythonHead, open == pythonTail
	}
	if indented {
		switch {
		case hasPrefix(text, "at "), hasPrefix(text, "... ") && isFramesOmitted(text), hasPrefix(text, "from ") && open != goTrace:
			return keep(open, framed), true
		case open == pythonTail:
			return pythonTail, false
		case open != noTrace:
			return open, true
		case hasPrefix(text, `File "`) && bytes.Contains(text, []byte(", line ")):
			return pythonHead, true
		}
		return noTrace, header && text[0] != '{'
	}
	switch open {
	case pythonHead:
		// The exception itself, the trace's last line.
		return pythonTail, isExceptionName(text)
	case goTrace:
		return goTrace, isGoFrame(text)
	case framed:
		switch {
		case text[0] == '#' && len(text) > 1 && isDigit(text[1]), text[0] == '}':
			return framed, true
		}
	default:
	}
	// A class of an exception after a warning or an error is what was thrown.
	if trouble && open == noTrace && isThrown(text) {
		return framed, true
	}
	return noTrace, false
}

// opens returns the kind of trace that a record's own first line begins.
func opens(message []byte) trace {
	if len(message) == 0 || !mayOpen[message[0]] {
		return noTrace
	}
	text := trimSpace(message[:min(len(message), maxMarker)])
	switch {
	case startsTraceback(text):
		return pythonHead
	case hasPrefix(text, "panic: "), hasPrefix(text, "fatal error: "), hasPrefix(text, "goroutine ") && bytes.HasSuffix(text, []byte("]:")):
		return goTrace
	}
	return noTrace
}

func keep(open, otherwise trace) trace {
	if open == noTrace || open == pythonTail {
		return otherwise
	}
	return open
}

// mayContinue are the first bytes of lines that continue a record though they
// are not indented.
var mayContinue = bytesOf("CSTgsD-")

// mayOpen are those of lines that begin a stack trace.
var mayOpen = bytesOf("T+pfg")

func bytesOf(text string) (table [256]bool) {
	for _, c := range []byte(text) {
		table[c] = true
	}
	return table
}

func startsTraceback(text []byte) bool {
	return hasPrefix(text, "Traceback (most recent call last)") || hasPrefix(text, "+ Exception Group Traceback")
}

// isFramesOmitted reads "... 12 more" and "... 3 common frames omitted".
func isFramesOmitted(text []byte) bool {
	return len(text) > 4 && isDigit(text[4])
}

// isExceptionName reads the last line of a Python traceback: a dotted name,
// then nothing or a colon.
func isExceptionName(text []byte) bool {
	i := 0
	for i < len(text) && isNameByte(text[i]) {
		i++
	}
	return i > 0 && isLetter(text[0]) && (i == len(text) || text[i] == ':')
}

// isThrown reads java.lang.IllegalStateException: text, and the like.
func isThrown(text []byte) bool {
	i, dots := 0, 0
	for i < len(text) && isNameByte(text[i]) {
		if text[i] == '.' {
			dots++
		}
		i++
	}
	if dots == 0 || i < len(text) && text[i] != ':' {
		return false
	}
	name := text[:i]
	for _, end := range []string{"Exception", "Error", "Throwable", "Failure"} {
		if bytes.HasSuffix(name, []byte(end)) {
			return true
		}
	}
	return false
}

// isGoFrame reads the lines of a goroutine that are not indented.
func isGoFrame(text []byte) bool {
	if text[len(text)-1] == ')' {
		call := bytes.IndexByte(text, '(')
		return call > 0 && bytes.IndexByte(text[:call], '.') > 0 && bytes.IndexByte(text[:call], ' ') < 0
	}
	return hasPrefix(text, "panic: ") || hasPrefix(text, "exit status ") || hasPrefix(text, "runtime stack:")
}

func isNameByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '.' || c == '$'
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
