package prometheus

import "bytes"

// countSeries returns how many series an answer has, at most one more than
// most. Decoded, a series takes about ten times its bytes: an answer of a
// million is refused before. The body is valid JSON, as httpx has seen to.
func countSeries(body []byte, most int) int {
	// {"status":…,"data":{"result":[{ is the fourth level. Statistics, which are
	// not asked for, have a handful of objects there too.
	const level = 3
	n, depth := 0, 0
	for i := 0; i < len(body) && n <= most; i++ {
		switch body[i] {
		case '{':
			if depth == level {
				n++
			}
			depth++
		case '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			i = endOfString(body, i)
		}
	}
	return n
}

// endOfString returns where the string that begins at i ends.
func endOfString(body []byte, i int) int {
	for i++; i < len(body); i++ {
		end := bytes.IndexByte(body[i:], '"')
		if end < 0 {
			return len(body)
		}
		i += end
		backslashes := 0
		for body[i-1-backslashes] == '\\' {
			backslashes++ // ends at the quotation mark before the string
		}
		if backslashes%2 == 0 {
			return i
		}
	}
	return i
}
