package template

import (
	"bytes"
	"slices"
)

// maxClasses of exceptions in a stack trace enter its skeleton.
const maxClasses = 8

// runtimes are the beginnings of frames that are not the application's.
var runtimes = [][]byte{
	[]byte("java."), []byte("javax."), []byte("jdk."), []byte("sun."), []byte("com.sun."), []byte("kotlin."), []byte("scala."),
	[]byte("System."), []byte("Microsoft."), []byte("node:"), []byte("runtime."), []byte("panic"), []byte("goroutine"),
}

// trace scans what follows the first line. It keeps the classes of exceptions in
// their order, then the top frame of the application: two traces with the same
// cause at the same place are one, whatever lies below.
func (s *Scanner) trace(m []byte) {
	var frame, foreign []byte // names, of the application and of its runtime
	var file []byte           // Python's
	var last []byte           // line
	classes := 0
	for len(m) > 0 {
		line := m
		if end := bytes.IndexByte(m, '\n'); end >= 0 {
			line, m = m[:end], m[end+1:]
		} else {
			m = nil
		}
		trimmed := bytes.TrimSpace(line)
		indented := len(line) > 0 && isSpace(line[0]) && line[0] != '\r'
		name, isFrame := []byte(nil), false
		switch {
		case bytes.HasPrefix(trimmed, []byte("at ")):
			name, isFrame = frameName(trimmed[3:]), true
		case bytes.HasPrefix(trimmed, []byte(`File "`)):
			// Python names the innermost frame last.
			path, place, _ := bytes.Cut(trimmed[len(`File "`):], []byte(`"`))
			_, function, _ := bytes.Cut(place, []byte(" in "))
			file, frame = frameName(path), frameName(function)
		case indented && bytes.Contains(trimmed, []byte(".go:")):
			// Go names the function on the line before its place.
			name, isFrame = goName(last), true
		default:
			if class, caused := className(trimmed, indented); class != nil && classes < maxClasses {
				classes++
				s.put('\n')
				if caused {
					s.length += copy(s.text[s.length:], causedBy)
				}
				s.plain(class)
			}
			last = trimmed
		}
		if !isFrame || len(name) == 0 || frame != nil {
			continue
		}
		if isRuntime(name) {
			if foreign == nil {
				foreign = name
			}
			continue
		}
		frame = name
	}
	if frame == nil {
		frame = foreign
	}
	if frame == nil {
		return
	}
	s.length += copy(s.text[s.length:], "\nat ")
	if len(file) > 0 {
		s.plain(file)
		s.put(':')
	}
	s.plain(frame)
}

// plain writes a name without its digits, which number lambdas and proxies, and
// without the brackets of a receiver.
func (s *Scanner) plain(name []byte) {
	for _, c := range name {
		if !isDigit(c) && c != '(' && c != '*' && c != ')' {
			s.put(c)
		}
	}
}

// frameName is the function that a frame names: up to its arguments or place,
// without the module before it.
func frameName(frame []byte) []byte {
	for _, word := range []string{"async ", "new "} {
		frame = bytes.TrimPrefix(frame, []byte(word))
	}
	end := 0
	for end < len(frame) && (nameByte(frame[end]) || frame[end] == '/' || frame[end] == '-' || frame[end] == ':' || frame[end] == '<' || frame[end] == '>') {
		end++
	}
	name := frame[:end]
	name = name[bytes.LastIndexByte(name, '/')+1:]
	if synthetic := bytes.Index(name, []byte("$$")); synthetic > 0 {
		name = name[:synthetic]
	}
	if !slices.ContainsFunc(name, isLetter) {
		return nil
	}
	return name
}

func isLetter(c byte) bool { return classes[c]&letter != 0 }

func isRuntime(name []byte) bool {
	for _, r := range runtimes {
		if bytes.HasPrefix(name, r) {
			return true
		}
	}
	return false
}

// goName is the function that a line of a Go trace names, with its receiver.
func goName(line []byte) []byte {
	if arguments := bytes.LastIndexByte(line, '('); arguments > 0 {
		line = line[:arguments]
	}
	line = line[bytes.LastIndexByte(line, '/')+1:]
	for i, c := range line {
		if !nameByte(c) && c != '(' && c != '*' && c != ')' {
			line = line[:i]
			break
		}
	}
	if !slices.ContainsFunc(line, isLetter) {
		return nil
	}
	return line
}

const causedBy = "Caused by: "

// className returns the class of the exception that a line of a trace names, or
// nil, and whether it is said to be a cause.
func className(line []byte, indented bool) (class []byte, caused bool) {
	for _, p := range []string{causedBy, "Suppressed: ", "---> "} {
		if rest, ok := bytes.CutPrefix(line, []byte(p)); ok {
			line, caused = rest, true
		}
	}
	end := 0
	for end < len(line) && nameByte(line[end]) {
		end++
	}
	class = line[:end]
	if !slices.ContainsFunc(class, isLetter) || end < len(line) && line[end] != ':' {
		return nil, false
	}
	if caused || string(class) == "panic" {
		return class, caused
	}
	if indented {
		return nil, false
	}
	for _, suffix := range []string{"Exception", "Error", "Throwable", "Interrupt", "Exit", "Warning", "Fault"} {
		if bytes.HasSuffix(class, []byte(suffix)) {
			return class, false
		}
	}
	return nil, false
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == '.' || c == '_' || c == '$'
}
