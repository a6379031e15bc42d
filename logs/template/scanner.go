package template

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	// MaxBytes of a message are looked at.
	MaxBytes = 16 << 10
	// MaxTokens of a message are looked at: words and variable parts.
	MaxTokens = 256
	// MaxSlots of a message are remembered.
	MaxSlots = 32

	// maxQuoted is how long the quoted value of a key may be, in bytes.
	maxQuoted = 256
)

// Mask stands for a variable part in masked text.
const Mask = "<*>"

// A Slot is where a variable part of a message lies: message[Start:End].
type Slot struct{ Start, End int }

// Scanner turns messages into skeletons: their text with the visibly variable
// parts masked. The zero value is ready; it serves one goroutine. Results are
// those of the last [Scanner.Scan] and are valid until the next.
//
// Masked is a word that holds a digit, with what is glued to it (a time, an
// address and its port, a list of numbers, a unit); the value after an equals
// sign; a word in quotes that is no key; a host, a mail address or a path of two
// or more names; true, false, null and their like; names of days and months
// beside a number. White space, control bytes and colours become one space.
//
// What follows a line break is taken for a stack trace: of it, the classes of
// exceptions and the top frame of the application enter the skeleton, without
// numbers.
type Scanner struct {
	text   []byte // masked text so far, then room
	length int    // of it
	word   int    // where in text the last word begins
	masked int    // where in text the last mask ends
	tokens int
	slots  [MaxSlots]Slot
	count  int  // of variable parts
	value  bool // the last variable part is the value of a key
	cut    bool
}

// Hash returns the identity of the masked text. It depends on nothing else, so
// it is the same in every process, on every machine and in every version.
func (s *Scanner) Hash() uint64 { return sum(s.text[:s.length]) }

// AppendText appends the masked text to dst.
func (s *Scanner) AppendText(dst []byte) []byte { return append(dst, s.text[:s.length]...) }

// Slots returns where the first [MaxSlots] variable parts lie, in their order.
func (s *Scanner) Slots() []Slot { return s.slots[:min(s.count, MaxSlots)] }

// Cut says that the message was longer than [MaxBytes] or [MaxTokens], and that
// what lies beyond is not in the skeleton.
func (s *Scanner) Cut() bool { return s.cut }

// Scan reads a message.
func (s *Scanner) Scan(message []byte) {
	s.length, s.word, s.masked, s.tokens, s.count, s.cut, s.value = 0, 0, -1, 0, 0, false, false
	if len(message) > MaxBytes {
		message, s.cut = message[:MaxBytes], true
	}
	// A digit and a separator may become a mask and a separator; words are copied
	// eight bytes at a time.
	if room := 2*len(message) + 32; len(s.text) < room {
		s.text = make([]byte, max(room, 4096))
	}
	rest := s.line(message)
	for s.length > 0 && s.text[s.length-1] == ' ' {
		s.length--
	}
	if rest < len(message) && message[rest] == '\n' {
		message = message[rest:]
		if s.cut {
			message = message[:bytes.LastIndexByte(message, '\n')] // the last line is not whole
		}
		s.trace(message)
	}
}

// maskBytes is Mask as it is stored.
const maskBytes = '<' | '*'<<8 | '>'<<16

// line scans up to the first line break that text precedes, and returns where it is.
func (s *Scanner) line(m []byte) int {
	text := s.text
	i, o := 0, 0
	value := false // the next word is the value of a key
	for i < len(m) {
		if c := m[i]; classes[c]&wordByte == 0 {
			if c == ' ' {
				if o > 0 && text[o-1] != ' ' {
					text[o] = ' '
					o++
				}
				i++
				continue
			}
			if c == '\n' && o > 0 {
				break
			}
			s.length = o
			i, value = s.separator(m, i, value)
			o = s.length
			continue
		}

		if s.tokens++; s.tokens > MaxTokens {
			s.cut = true
			break
		}
		// A word, eight bytes at a time: what the table of classes says of each
		// byte, as arithmetic on all of them. Adding 0x80-k to a byte below 0x80 sets its
		// highest bit if the byte is at least k, and carries nothing into the next.
		start := i
		var w, above, digits, joints, pairs, last uint64
		for n := 8; n == 8; {
			w = load(m, i)
			binary.LittleEndian.PutUint64(text[o+i-start:], w)
			x := w &^ highs
			at := x + (0x80-'@')*ones
			tilde := x + (0x80-'~')*ones
			low := (x + (0x80-'-')*ones) &^ (x + (0x80-':')*ones)
			d := (x + (0x80-'0')*ones) & low & (highs &^ w)
			words := low | at&^(x+(0x80-'[')*ones) | (x+(0x80-'_')*ones)&^(x+(0x80-'{')*ones) | tilde | w
			n = bits.TrailingZeros64(highs&^words) >> 3
			keep := uint64(1)<<(8*uint(n)) - 1 // all for 8: the shift leaves 0
			j := (low | at&^(x+(0x80-'A')*ones) | tilde) & (highs &^ w) &^ d & keep
			w &= keep
			above |= w
			digits |= d & keep
			joints |= j
			pairs |= j & (j<<8 | last)
			last = j >> 56
			i += n
		}

		s.word = o
		variable := digits != 0 || value
		if value {
			value = false
			variable = digits != 0 || !isKey(m, i)
			s.value = true
		} else {
			s.value = false
		}
		if joints|above&highs != 0 {
			// A number or address needs no second look.
			if digits == 0 || above&highs != 0 || pairs != 0 || m[i-1] == '.' {
				i, variable = word(m, start, i, variable, s.value, above&highs != 0)
			}
		} else if !variable {
			switch l := i - start; {
			case l <= longestShortWord:
				if kind := kindOf(w); kind != 0 {
					if kind >= anHour {
						if o > 0 && s.masked == o-1 && text[o-1] == ' ' && !isKey(m, i) {
							o-- // the unit joins the number before it
							s.word = o
							s.extend(i)
							continue
						}
					} else {
						variable = kind == aValue || o > 0 && s.masked == o-1 || datesOn(m, i)
					}
				}
			case l >= 8:
				variable = allHex(m[start:i])
			}
		}
		if variable {
			binary.LittleEndian.PutUint32(text[o:], maskBytes)
			o += len(Mask)
			s.masked = o
			s.slot(start, i)
		} else {
			o += i - start
		}
	}
	s.length = o
	return i
}

// separator scans what is no word, from m[i] on. It returns where to go on, and
// whether a value follows.
func (s *Scanner) separator(m []byte, i int, value bool) (next int, follows bool) {
	o := s.length
	switch c := m[i]; c {
	case '=':
		s.put(c)
		// Neither a comparison, an arrow nor a rule.
		last := byte(0)
		if o > 0 {
			last = s.text[o-1]
			if last == ' ' && o > 1 {
				last = s.text[o-2]
			}
		}
		if i+1 < len(m) && (m[i+1] == '=' || m[i+1] == '>') || last == 0 || !isWord(last) && last != '>' && last != ']' && last != ')' && last != '"' {
			return i + 1, false
		}
		return i + 1, !s.prose()
	case '$', '+', '\\', '#', '%':
		if s.masked == o && o > 0 {
			if end := wordEnd(m, i+1); end > i+1 {
				s.extend(end)
				return end, false
			}
		}
	case '*':
		if end := stars(m, i); end > 0 && s.masked != o && (o == 0 || !isWord(s.text[o-1])) {
			s.mask(i, end)
			s.value = false
			return end, false
		}
	case ':', ',':
		if s.masked == o && o > 0 {
			if end := glued(m, i, s.value); end > 0 {
				s.extend(end)
				return end, false
			}
		} else if c == ':' && i+1 < len(m) && m[i+1] == '\\' && o > 0 && classes[s.text[o-1]]&letter != 0 && (o == 1 || !isWord(s.text[o-2])) {
			s.length = o - 1
			end := wordEnd(m, i+2)
			for end < len(m) && m[end] == '\\' {
				end = wordEnd(m, end+1)
			}
			s.mask(i-1, end)
			s.value = false
			return end, false
		} else if c == ':' && o >= 2 && physical(m, i) && (o == 2 || !isWord(s.text[o-3])) {
			s.length = o - 2
			s.mask(i-2, i)
			s.value = false
			return i, false
		}
	case '<':
		if i+2 < len(m) && m[i+1] == '*' && m[i+2] == '>' {
			if s.tokens++; s.tokens > MaxTokens {
				s.cut = true
				return len(m), false
			}
			s.mask(i, i+3)
			s.value = value
			return i + 3, false
		}
	case '"', '\'':
		if o > 0 && (isWord(s.text[o-1]) || s.masked == o) {
			break // closes, or is an apostrophe
		}
		if end := quoted(m, i, value); end > 0 {
			if s.tokens++; s.tokens > MaxTokens {
				s.cut = true
				return len(m), false
			}
			s.put(c)
			s.mask(i+1, end)
			s.put(c)
			return end + 1, false
		}
	default:
		if !isSpace(c) {
			break
		}
		if c == 0x1b {
			i = escape(m, i)
		} else {
			i++
		}
		if o > 0 && s.text[o-1] != ' ' {
			s.put(' ')
		}
		return i, value
	}
	s.put(m[i])
	return i + 1, false
}

func (s *Scanner) put(c byte) {
	s.text[s.length] = c
	s.length++
}

func (s *Scanner) mask(start, end int) {
	s.length += copy(s.text[s.length:], Mask)
	s.masked = s.length
	s.slot(start, end)
}

func (s *Scanner) slot(start, end int) {
	if s.count < MaxSlots {
		s.slots[s.count] = Slot{start, end}
	}
	s.count++
}

// extend moves the end of the last slot.
func (s *Scanner) extend(end int) {
	if s.count <= MaxSlots && s.count > 0 {
		s.slots[s.count-1].End = end
	}
}

// word decides about m[start:end], a word with joints or bytes above ASCII: where
// it ends, if that is earlier, and whether it is variable.
func word(m []byte, start, end int, variable, value, above bool) (int, bool) {
	w := m[start:end]
	if above && !utf8.Valid(w) {
		return end, true // binary
	}
	if !variable {
		return end, named(w)
	}
	if !value {
		// A word in another script that is written against a number stays.
		for k := 1; k < len(w); k++ {
			if w[k]&0x80 != w[k-1]&0x80 {
				w = w[:k]
				break
			}
		}
		// So does what dots lead from.
		for k := 1; k < len(w); k++ {
			if w[k] == '.' && w[k-1] == '.' {
				if k == 1 {
					for k < len(w) && w[k] == '.' {
						k++
					}
					return start + k, false
				}
				w = w[:k-1]
				break
			}
		}
	}
	for len(w) > 1 && w[len(w)-1] == '.' {
		w = w[:len(w)-1]
	}
	if value {
		return start + len(w), true
	}
	return start + len(w), slices.ContainsFunc(w, isDigit) || named(w)
}

// named says whether a word without digits names a host, a mailbox or a file: a
// thing of the world, not of the program.
func named(w []byte) bool {
	slashes, dot, at := 0, -1, false
	for i, c := range w {
		switch c {
		case '/':
			slashes++
		case '.':
			if i < len(w)-1 {
				dot = i
			}
		case '@':
			at = i > 0
		}
	}
	switch {
	case slashes > 0:
		return len(w) > slashes+2 && (w[0] == '/' && slashes >= 2 || w[0] == '.' && (w[1] == '/' || w[1] == '.' && w[2] == '/'))
	case dot <= 0:
		return false
	case at:
		return true
	}
	last := w[dot+1:]
	for len(last) > 0 && last[len(last)-1] == '.' {
		last = last[:len(last)-1]
	}
	return isDomain(string(last))
}

// isDomain says that host names end with label. Not among them are ends of files
// and words of programs: id, is, py, sh, info.
func isDomain(label string) bool {
	switch label {
	case "com", "net", "org", "edu", "gov", "mil", "arpa", "biz", "io", "local", "lan", "internal", "svc",
		"ar", "at", "au", "be", "br", "ca", "ch", "cn", "cz", "de", "dk", "es", "eu", "fi", "fr", "hk", "hu", "ie", "il", "ir", "jp",
		"kr", "mx", "nl", "no", "nz", "pt", "ro", "ru", "se", "sg", "tr", "tw", "ua", "uk", "us", "vn", "za":
		return true
	default:
		return false
	}
}

// wordEnd returns where the word ends that begins at i.
func wordEnd(m []byte, i int) int {
	for i < len(m) && isWord(m[i]) {
		i++
	}
	return i
}

// stars returns where a row of at least three stars at i ends, which stands for a
// value that somebody masked before; 0: none.
func stars(m []byte, i int) int {
	end := i
	for end < len(m) && m[end] == '*' {
		end++
	}
	if end-i < 3 || end < len(m) && (isWord(m[end]) || m[end] == '<') {
		return 0
	}
	return end
}

// isProse says that a key's value is what the line says: masked, the line would be
// the same whatever happened.
func isProse(key string) bool {
	switch key {
	case "msg", "message", "err", "error", "reason", "cause", "exception":
		return true
	default:
		return false
	}
}

// prose says that the key which an equals sign has just ended has prose for a value.
func (s *Scanner) prose() bool {
	key := s.text[s.word : s.length-1]
	if len(key) > 0 && key[len(key)-1] == ' ' {
		key = key[:len(key)-1]
	}
	return isProse(string(key))
}

// isKey says that a word which ends at i is followed by an equals sign.
func isKey(m []byte, i int) bool {
	for i < len(m) && isSpace(m[i]) {
		i++
	}
	return i < len(m) && m[i] == '='
}

// datesOn says that a number or another name of a date follows.
func datesOn(m []byte, i int) bool {
	for i < len(m) && isSpace(m[i]) {
		i++
	}
	if i < len(m) && isDigit(m[i]) {
		return true
	}
	return i+3 < len(m) && !isWord(m[i+3]) && kindOf(load(m, i)&0xffffff) == aDate
}

func allHex(w []byte) bool {
	for _, c := range w {
		if !isHex(c) {
			return false
		}
	}
	return true
}

// glued returns where the word ends that a colon or comma at i ties to the
// variable part before it; 0: none. Numbers are tied (times, ports, lists), parts
// of hardware and IPv6 addresses, and what follows in the value of a key.
func glued(m []byte, i int, value bool) int {
	start := i + 1
	end := wordEnd(m, start)
	if end == start {
		return 0
	}
	if !isDigit(m[start]) {
		if m[i] != ':' {
			return 0
		}
		address := end-start <= 4 && allHex(m[start:end]) && (end-start == 2 || end-start == 4 || end < len(m) && m[end] == ':')
		if !address && !value {
			return 0
		}
	}
	for end > start+1 && m[end-1] == '.' {
		end--
	}
	return end
}

// physical says that the colon at i stands behind the first two hexadecimal
// letters of a hardware address.
func physical(m []byte, i int) bool {
	return i >= 2 && i+3 < len(m) && m[i+3] == ':' && allHex(m[i-2:i]) && allHex(m[i+1:i+3])
}

// quoted returns where the quote ends that opens at i, if there is one word in
// it, or the value of a key, and it is no key itself; 0 otherwise.
func quoted(m []byte, i int, value bool) int {
	if i+1 >= len(m) || !isWord(m[i+1]) && m[i+1] != '<' {
		return 0
	}
	limit := len(m)
	if value {
		limit = min(limit, i+maxQuoted)
	}
	for k := i + 1; k < limit && (value && m[k] != '\n' || !isSpace(m[k])); k++ {
		if m[k] == m[i] {
			if k+1 < len(m) && m[k+1] == ':' {
				return 0
			}
			return k
		}
	}
	return 0
}

// escape returns where the terminal's control sequence at i ends.
func escape(m []byte, i int) int {
	i++
	if i >= len(m) || m[i] != '[' {
		return i
	}
	for i++; i < len(m); i++ {
		if c := m[i]; c >= 0x40 && c <= 0x7e {
			return i + 1
		} else if c < 0x20 || c > 0x3f {
			return i
		}
	}
	return i
}
