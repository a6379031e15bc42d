package decode

import (
	"bytes"
	"slices"
	"time"

	"github.com/judged-dev/judged/logs"
)

// header is what a line of plain text says before its message.
type header struct {
	time                    time.Time
	dated                   bool
	level                   logs.Level
	logger, instance, trace []byte
	message                 []byte
}

// maxHeaderParts bounds how many words are taken for parts of a header. The
// usual ones have at most 7: time, level, application and trace, process,
// thread, logger.
const maxHeaderParts = 12

// plain splits a line of text into its header and its message. What it takes
// for a header begins with a time or a level; without one the line is all
// message. Words that may be part of a header or of the message are the
// header's only if something follows that can be nothing else: a level after a
// thread's name, a logger after a process' number.
func plain(line []byte, now clock) header {
	line = trimSpace(line)
	var h header
	if glog(line, now, &h) {
		return h
	}
	i, start := 0, 0
	if len(line) > 4 && line[1] == ',' && line[2] == ' ' && line[3] == '[' && isUpper(line[0]) {
		i = 3 // Ruby: I, [2026-01-02T15:04:05.123456 #42]  INFO -- program: message
	}
	syslog := false // RFC 5424
	if level, n := priority(line); n > 0 {
		h.level, i, start = level, n, n
		if i+1 < len(line) && line[i] == '1' && line[i+1] == ' ' {
			syslog = true
			i += 2
		}
	}
	threadSkipped, named := false, false
	for range maxHeaderParts {
		i = separators(line, i)
		if i == len(line) {
			break
		}
		if !h.dated {
			if t, n := headerTime(line[i:], now); n > 0 {
				h.time, h.dated = t, true
				i += n
				start = i
				if syslog {
					i = rfc5424(line, i, &h)
					start = i
				} else if n := syslogTag(line[i:], isLetter(line[i-n]) || h.level != logs.NoLevel, &h); n > 0 {
					i += n
					start = i
				}
				continue
			}
		}
		known := h.dated || h.level != logs.NoLevel
		if h.level == logs.NoLevel {
			if level, n := levelWord(line[i:], h.dated); n > 0 {
				h.level = level
				i += n
				start = i
				continue
			}
		}
		if line[i] == '[' {
			inner, n := bracketed(line[i:])
			if n == 0 {
				break
			}
			if h.level == logs.NoLevel {
				if level := moduleLevel(inner); level != logs.NoLevel {
					h.level = level
					i += n
					if i < len(line) && line[i] == ':' {
						i++
					}
					start = i
					continue
				}
			}
			if id := sleuth(inner); id != nil {
				h.trace = id
				i += n
				start = i
				continue
			}
			i += n
			if known && looksLikeThread(inner) {
				start = i
			}
			continue
		}
		end := word(line, i)
		token := line[i:end]
		if known && isProcess(token) {
			i = end
			if bytes.IndexByte(token, '#') > 0 { // nginx: 17#0:
				start = i
			}
			continue
		}
		if known && !named {
			if name, n := loggerWord(line[i:], h.level != logs.NoLevel); n > 0 {
				h.logger, named = name, true
				i += n
				start = i
				continue
			}
		}
		if h.dated && h.level == logs.NoLevel && !threadSkipped {
			// One word more, if a level in capitals follows: a thread or a logger.
			next := separators(line, end)
			if level, n := levelWord(line[next:], false); n > 0 && isUpper(line[next]) && next > end {
				if h.logger == nil && next > end+1 { // Python: time - name - LEVEL - message
					h.logger = token
					named = true
				}
				h.level = level
				i = next + n
				start = i
				threadSkipped = true
				continue
			}
		}
		break
	}
	if !h.dated && accessLog(line, now, &h) {
		return h
	}
	if !h.dated && h.level == logs.NoLevel {
		h.message, h.logger, h.trace, h.instance = line, nil, nil, nil
	} else {
		h.message = line[separators(line, start):]
		if len(h.message) == 0 && h.logger == nil {
			h.message = line
		}
	}
	if h.trace == nil {
		h.trace = textTrace(line)
	}
	return h
}

// separators skips what stands between a header's parts: spaces, and dashes,
// bars and colons that a space follows.
func separators(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ' ', '\t':
			i++
		case '|':
			i++
		case '-', ':', '>':
			j := i
			for j < len(b) && (b[j] == '-' || b[j] == ':' || b[j] == '>') {
				j++
			}
			if j < len(b) && !isSpace(b[j]) {
				return i
			}
			i = j
		default:
			return i
		}
	}
	return i
}

// word returns the end of the word at i.
func word(b []byte, i int) int {
	for i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != '|' {
		i++
	}
	return i
}

// bracketed returns what is between the bracket at b's start and the next one
// that closes, and the length with both.
func bracketed(b []byte) (inner []byte, n int) {
	end := bytes.IndexByte(b[:min(len(b), 256)], ']')
	if end < 0 {
		return nil, 0
	}
	return trimSpace(b[1:end]), end + 1
}

// headerTime reads a time, in brackets or not.
func headerTime(b []byte, now clock) (time.Time, int) {
	if b[0] != '[' {
		t, n := timestamp(b, now)
		if n > 0 && n < len(b) && (isLetter(b[n]) || isDigit(b[n])) {
			return time.Time{}, 0
		}
		return t, n
	}
	t, n := timestamp(b[1:], now)
	if n == 0 {
		return time.Time{}, 0
	}
	// Ruby writes the process after the time: [2026-01-02T15:04:05.123456 #42]
	end := bytes.IndexByte(b[n:min(len(b), n+48)], ']')
	if end < 0 {
		return time.Time{}, 0
	}
	return t, n + end + 1
}

// priority reads syslog's <13> and returns its severity.
func priority(b []byte) (logs.Level, int) {
	if len(b) < 4 || b[0] != '<' {
		return logs.NoLevel, 0
	}
	end := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if end < 2 {
		return logs.NoLevel, 0
	}
	n, ok := number(b[1:end])
	if !ok || n > 191 {
		return logs.NoLevel, 0
	}
	return numericLevel(n & 7), end + 1
}

// glog reads the header of Google's loggers, Kubernetes' klog among them:
//
//	I0102 15:04:05.067890    1234 server.go:42] message
func glog(b []byte, now clock, h *header) bool {
	if len(b) < 22 || !isUpper(b[0]) || b[5] != ' ' || b[8] != ':' {
		return false
	}
	switch b[0] {
	case 'I', 'W', 'E', 'F':
	default:
		return false
	}
	m, ok1 := digits(b[1:3])
	d, ok2 := digits(b[3:5])
	seconds, nanos, n := clockOfDay(b[6:])
	if !ok1 || !ok2 || n == 0 {
		return false
	}
	end := bytes.IndexByte(b[:min(len(b), 160)], ']')
	if end < 6+n {
		return false
	}
	ref := now().UTC()
	t, ok := date(ref.Year(), m, d, seconds, nanos, 1)
	if ok == 0 || t.After(ref.AddDate(0, 0, 1)) {
		if t, ok = date(ref.Year()-1, m, d, seconds, nanos, 1); ok == 0 {
			return false
		}
	}
	place := b[6+n : end]
	h.logger = place[bytes.LastIndexByte(place, ' ')+1:]
	h.time, h.dated, h.level = t, true, Level(b[:1])
	h.message = trimSpace(b[end+1:])
	h.trace = textTrace(h.message)
	return true
}

// syslogTag reads "host program[pid]: " after a time. sure says that the line
// is syslog's by its time or priority; else the number has to be there.
func syslogTag(b []byte, sure bool, h *header) int {
	if len(b) == 0 || b[0] != ' ' {
		return 0
	}
	i := 1
	hostEnd := i + bytes.IndexByte(b[i:min(len(b), i+256)], ' ')
	if hostEnd <= i || b[hostEnd-1] == ':' {
		return 0
	}
	for _, c := range b[i:hostEnd] {
		if !isNameByte(c) && c != '-' && c != ':' {
			return 0
		}
	}
	tag := b[hostEnd+1:]
	end := bytes.IndexByte(tag[:min(len(tag), 128)], ':')
	if end <= 0 || end+1 < len(tag) && tag[end+1] != ' ' {
		return 0
	}
	name := tag[:end]
	if bytes.IndexByte(name, ' ') >= 0 {
		return 0
	}
	pid := false
	if open := bytes.LastIndexByte(name, '['); open > 0 && name[end-1] == ']' {
		_, pid = number(name[open+1 : end-1])
		name = name[:open]
	}
	if !pid && !sure || Level(name) != logs.NoLevel {
		return 0
	}
	h.instance, h.logger = b[i:hostEnd], name
	return hostEnd + 1 + end + 1
}

// rfc5424 reads what follows the time: host, program, process, message's kind,
// structured data. Their dash stands for none.
func rfc5424(b []byte, i int, h *header) int {
	for part := range 4 {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		end := i
		for end < len(b) && b[end] != ' ' {
			end++
		}
		if token := b[i:end]; len(token) > 0 && string(token) != "-" {
			switch part {
			case 0:
				h.instance = token
			case 1:
				h.logger = token
			}
		}
		i = end
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	if i < len(b) && b[i] == '-' {
		return i + 1
	}
	for i < len(b) && b[i] == '[' {
		// A value may hold an escaped bracket.
		for i++; i < len(b) && b[i] != ']'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		i = min(i+1, len(b))
	}
	return i
}

// levelWord reads a level at b's start. Words that sentences begin with too
// ("error reading ...") are levels in capitals, or before a separator.
func levelWord(b []byte, dated bool) (logs.Level, int) {
	n := 0
	for n < len(b) && n < 14 && isLetter(b[n]) {
		n++
	}
	if n < 3 || n == len(b) {
		return logs.NoLevel, 0
	}
	level := Level(b[:n])
	if level == logs.NoLevel {
		return logs.NoLevel, 0
	}
	capitals := true
	for _, c := range b[:n] {
		capitals = capitals && isUpper(c)
	}
	switch b[n] {
	case ':':
		if capitals || dated || n == 4 && microsoftLevel(b) {
			return level, n + 1
		}
	case ' ', '\t':
		if capitals {
			return level, n
		}
		next := separators(b, n)
		if dated && (b[n] == '\t' || next > n+1 && bytes.ContainsAny(b[n:next], "-|:")) {
			return level, n
		}
		if dated && level < logs.Error && n < 6 { // "info", "warn", "debug" begin no sentence
			return level, n
		}
	case '|', ']', ',', ';', '-':
		if capitals || dated && b[n] == '|' {
			return level, n
		}
	}
	return logs.NoLevel, 0
}

// microsoftLevel knows the words of the console logger of .NET.
func microsoftLevel(b []byte) bool {
	switch string(b[:4]) {
	case "trce", "dbug", "info", "warn", "fail", "crit":
		return true
	}
	return false
}

// moduleLevel reads the level of a bracketed word; Apache writes the module
// before it: [core:error].
func moduleLevel(inner []byte) logs.Level {
	if i := bytes.IndexByte(inner, ':'); i >= 0 {
		inner = inner[i+1:]
	}
	if len(inner) < 3 {
		return logs.NoLevel // numbers and letters are more often something else
	}
	if isDigit(inner[0]) {
		return logs.NoLevel
	}
	return Level(inner)
}

// sleuth reads the trace of a bracketed group with commas or a dash, as Spring
// writes it: [application,trace,span], [trace-span].
func sleuth(inner []byte) []byte {
	if len(inner) == 49 && inner[32] == '-' && allHex(inner[:32]) && allHex(inner[33:]) && !isNoID(inner[:32]) {
		return inner[:32]
	}
	if bytes.IndexByte(inner, ',') < 0 {
		return nil
	}
	for rest, more := inner, true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, []byte{','})
		part = trimSpace(part)
		if (len(part) == 32 || len(part) == 16) && allHex(part) && !isNoID(part) {
			return part
		}
	}
	return nil
}

// looksLikeThread reports whether a bracketed text names a thread or a process
// rather than what a message is about.
func looksLikeThread(inner []byte) bool {
	if len(inner) == 0 {
		return true
	}
	if bytes.IndexByte(inner, ' ') >= 0 {
		return hasPrefix(inner, "pid ") || hasPrefix(inner, "client ")
	}
	if string(inner) == "main" || hasPrefix(inner, "0x") {
		return true
	}
	if isProcess(inner) {
		return true
	}
	last := inner[len(inner)-1]
	if !isDigit(last) {
		return false
	}
	for _, part := range []string{"hread", "exec-", "worker", "pool-", "task-", "executor", "scheduling", "kka."} {
		if bytes.Contains(inner, []byte(part)) {
			return true
		}
	}
	return false
}

// isProcess reports whether a word is a number of a process or a thread: 1234,
// 1234#0:, <0.1.0>.
func isProcess(token []byte) bool {
	n := 0
	for _, c := range token {
		switch {
		case isDigit(c):
			n++
		case c == '#' || c == ':' || c == '<' || c == '>' || c == '.' || c == ']':
		default:
			return false
		}
	}
	return n > 0 && n <= 12
}

// loggerWord reads a logger's name and what separates it from the message:
//
//	dfs.DataNode$PacketResponder: message
//	com.example.Orders - message
//	o.s.web.Filter                : message
//	server/main.go:42 <tab> message
//
// A name has a dot, a slash or a dollar sign; others would be taken out of
// messages such as "timeout: 5s".
func loggerWord(b []byte, leveled bool) (name []byte, n int) {
	i, parts := 0, 0
	for i < len(b) && i < 128 {
		c := b[i]
		if c == '.' || c == '/' || c == '$' || c == ':' && i+1 < len(b) && (b[i+1] == ':' || isDigit(b[i+1])) {
			parts++
			if c == ':' && b[i+1] == ':' {
				i++
			}
		} else if !isNameByte(c) && c != '-' && c != '#' && c != '[' && c != ']' {
			break
		}
		i++
	}
	name = b[:i]
	if i < 2 || parts == 0 || !isLetter(b[0]) && b[0] != '/' && b[0] != '_' || isLetterless(name) {
		return nil, 0
	}
	if i == len(b) { // .NET's console: the message is on the next line
		if leveled && b[i-1] == ']' {
			return name, i
		}
		return nil, 0
	}
	switch b[i] {
	case ':':
		if i+1 < len(b) && b[i+1] != ' ' {
			return nil, 0
		}
		return name, i + 1
	case ' ', '\t':
		next := separators(b, i)
		if leveled && b[i] == '\t' || next > i+1 && bytes.ContainsAny(b[i:next], "-|:") {
			return name, next
		}
	case '|':
		return name, i
	}
	return nil, 0
}

func isLetterless(b []byte) bool {
	return !slices.ContainsFunc(b, isLetter)
}

// accessLog reads the common log format of web servers, whose time is in the
// middle; the message is what follows it, the request.
//
//	192.0.2.1 - - [02/Jan/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 512
func accessLog(b []byte, now clock, h *header) bool {
	head := b[:min(len(b), 512)]
	i := bytes.IndexByte(head, '[')
	if i < 0 || len(b) < i+28 || b[i+3] != '/' || b[i+7] != '/' {
		return false
	}
	t, n := timestamp(b[i+1:], now)
	end := i + 1 + n
	if n == 0 || end+2 >= len(b) || b[end] != ']' {
		return false
	}
	*h = header{time: t, dated: true, message: trimSpace(b[end+1:])}
	if len(h.message) == 0 {
		h.message = b
	}
	h.trace = textTrace(h.message)
	return true
}

// textTrace finds a trace or request id that a text names: trace_id=4bf9...,
// traceId: "4bf9...", request_id=42. Only the first kilobytes are looked at.
func textTrace(b []byte) []byte {
	b = b[:min(len(b), 4<<10)]
	for i := either(b, 0, '=', ':'); i < len(b); i = either(b, i+1, '=', ':') {
		end := i
		if end > 0 && (b[end-1] == '"' || b[end-1] == ' ') {
			end--
		}
		if end < 5 || b[end-1]|0x20 != 'd' || b[end-2]|0x20 != 'i' || !namesID(b[:end]) {
			continue
		}
		start := i + 1
		for start < len(b) && (b[start] == ' ' || b[start] == '"' || b[start] == '\'') {
			start++
		}
		stop, hasDigit := start, false
		for stop < len(b) && stop-start < maxName && (isLetter(b[stop]) || isDigit(b[stop]) || b[stop] == '-' || b[stop] == '_') {
			hasDigit = hasDigit || isDigit(b[stop])
			stop++
		}
		if id := b[start:stop]; len(id) >= 4 && hasDigit && !isNoID(id) {
			return id
		}
	}
	return nil
}

// namesID reports whether a text ends in a name of an id of a trace or of a
// request, in any case and with dashes, dots or underscores in it or not.
func namesID(b []byte) bool {
	var buf [len("correlationid")]byte
	at := len(buf)
	for i := len(b) - 1; i >= 0 && at > 0; i-- {
		switch c := b[i]; {
		case isLetter(c):
			at--
			buf[at] = c | 0x20
		case c != '_' && c != '-' && c != '.':
			i = 0
		}
	}
	for _, name := range [...]string{"traceid", "requestid", "reqid", "correlationid"} {
		if at <= len(buf)-len(name) && string(buf[len(buf)-len(name):]) == name {
			return true
		}
	}
	return false
}
