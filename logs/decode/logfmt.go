package decode

// scanLogfmt finds the known fields of key=value pairs. It reports whether the
// line consists of such pairs and has a message, a level or a time among them;
// sure asks for pairs only. w, which may be nil, is told of every pair.
func scanLogfmt(line []byte, f *fields, w *where, sure bool) bool {
	pairs := 0
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			break
		}
		start := i
		for i < len(line) && isKeyByte(line[i]) {
			i++
		}
		if i == start || pairs == 0 && (i == len(line) || line[i] != '=') {
			if pairs == 0 {
				return false
			}
			// What belongs to no pair is left alone.
			for i < len(line) && !isSpace(line[i]) {
				i++
			}
			continue
		}
		if i == len(line) || line[i] != '=' {
			continue // a key without a value
		}
		key := line[start:i]
		i++
		pairs++
		v := value{kind: textValue}
		if i < len(line) && line[i] == '"' {
			c := cursor{b: line, i: i + 1}
			v.raw, v.escaped, _ = c.text()
			i = c.i
		} else {
			start = i
			for i < len(line) && !isSpace(line[i]) {
				i++
			}
			v.raw = line[start:i]
		}
		if w != nil && w.wants(key) {
			w.field(key, v)
		}
		if u := fieldUse(key); u.role != unknown && u.role < streamField {
			f.offer(u, v)
		}
	}
	return pairs > 0 && (sure || pairs > 1 && (f[messageField].kind != noValue || f[levelField].kind != noValue || f[timeField].kind != noValue))
}

// startsWithPair reports whether a line may be logfmt.
func startsWithPair(line []byte) bool {
	for i := range min(len(line), maxKey+2) {
		if !isKeyByte(line[i]) {
			return i > 0 && line[i] == '=' || i == 0 && isSpace(line[i])
		}
	}
	return false
}

func isKeyByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '.' || c == '-' || c == '@' || c == '/'
}
