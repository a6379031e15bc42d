package redact

var (
	localBytes = newSet("A-Za-z0-9._%+-")
	labelBytes = newSet("A-Za-z0-9-")
)

// email finds an address around its @.
func email(s string, from, i int) (start, end int) {
	start = localBytes.back(s, i, from, 64)
	for start < i && !boundary(s, from, start) {
		start++
	}
	if start == i {
		return 0, 0
	}
	at := i + 1
	for range 8 {
		dot := labelBytes.run(s, at, 63)
		if dot == at || dot == len(s) || s[dot] != '.' {
			break
		}
		at = dot + 1
		if top := letter.run(s, at, 25); top-at >= 2 && top-at <= 24 && boundary(s, from, top) {
			end = top
		}
	}
	if end == 0 {
		return 0, 0
	}
	return start, end
}

// card finds the number of a payment card, in groups or not.
func card(s string, from, i int) (start, end int) {
	var digits [19]byte
	var ends [19]int
	n := 0
	for at := i; at < len(s) && n < len(digits); at++ {
		if n > 0 && (s[at] == ' ' || s[at] == '-') && at+1 < len(s) {
			at++
		}
		if s[at] < '0' || s[at] > '9' {
			break
		}
		digits[n], ends[n] = s[at]-'0', at+1
		n++
	}
	for ; n >= 13; n-- {
		if boundary(s, from, ends[n-1]) && isCard(digits[:n]) {
			return i, ends[n-1]
		}
	}
	return 0, 0
}

// isCard reports whether digits are the number of a payment card.
func isCard(digits []byte) bool {
	prefix := 0
	for _, d := range digits[:4] {
		prefix = prefix*10 + int(d)
	}
	var network bool
	switch n := len(digits); {
	case prefix/1000 == 4: // Visa
		network = n == 13 || n == 16 || n == 19
	case prefix/100 >= 51 && prefix/100 <= 55, prefix >= 2221 && prefix <= 2720: // Mastercard
		network = n == 16
	case prefix/100 == 34, prefix/100 == 37: // American Express
		network = n == 15
	case prefix/100 == 36, prefix/100 == 38, prefix/10 >= 300 && prefix/10 <= 305: // Diners Club
		network = n == 14
	case prefix == 6011, prefix/100 == 65, prefix/10 >= 644 && prefix/10 <= 649, prefix >= 3528 && prefix <= 3589, prefix/100 == 62: // Discover, JCB, UnionPay
		network = n == 16
	}
	return network && luhn(digits)
}

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		n := int(d)
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
