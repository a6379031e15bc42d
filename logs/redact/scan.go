package redact

// A form is one way to write a secret, found without a regular expression: these
// would cost a hundred times as much.
type form struct {
	kind Kind
	// hints are the bytes of which a text with such a secret has one, and where is
	// looked closer.
	hints string
	// starts says that the hint is the first byte of a word.
	starts bool
	// find returns the secret's place if there is one at the hint's place i. The
	// text counts from an offset on.
	find func(s string, from, i int) (start, end int)
}

// known are the forms, for each byte the most certain first.
var known = []form{
	{Token, ".", false, jsonWebToken},
	{Token, "A", true, awsKey},
	{Token, "g", true, gitHubToken},
	{Token, "x", true, slackToken},
	{Token, "AyG", true, googleToken},
	{Token, "sprw", true, stripeKey},
	{Password, ":", false, userInfo},
	{Token, ":=", false, authorization},
	{Token, "bB", true, bearer},
	{Password, ":=", false, named},
	{Email, "@", false, email},
	{Card, "23456", true, card},
}

// scan returns the first secret.
func (r *Redactor) scan(s string, from int) span {
	for i := from; i < len(s); i++ {
		forms := r.forms[s[i]]
		if len(forms) == 0 {
			continue
		}
		inside := i > from && isWordByte[s[i-1]]
		for j := range forms {
			f := &forms[j]
			if f.starts && inside {
				continue
			}
			if start, end := f.find(s, from, i); start < end {
				return span{start, end, f.kind}
			}
		}
	}
	return span{}
}

// A set is a class of bytes.
type set [256]bool

// isWordByte are those of words, as regular expressions have them.
var isWordByte = newSet("A-Za-z0-9_")

// newSet returns a set of bytes and ranges of them; a dash at the end is one.
func newSet(ranges string) *set {
	var s set
	for i := 0; i < len(ranges); i++ {
		last := ranges[i]
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			last = ranges[i+2]
		}
		for c := int(ranges[i]); c <= int(last); c++ {
			s[c] = true
		}
		if last != ranges[i] {
			i += 2
		}
	}
	return &s
}

// without returns the bytes that are not in the set.
func (s *set) without() *set {
	var other set
	for c := range s {
		other[c] = !s[c]
	}
	return &other
}

// run returns where the bytes of the set end that begin at i, of which no more than
// most count.
func (s *set) run(text string, i, most int) int {
	end := min(len(text), i+most)
	for i < end && s[text[i]] {
		i++
	}
	return i
}

// back returns where the bytes of the set begin that end before i.
func (s *set) back(text string, i, from, most int) int {
	least := max(from, i-most)
	for i > least && s[text[i-1]] {
		i--
	}
	return i
}

// boundary reports whether a word begins or ends at i of the text that counts from
// an offset on.
func boundary(s string, from, i int) bool {
	before := i > from && isWordByte[s[i-1]]
	behind := i < len(s) && isWordByte[s[i]]
	return before != behind
}

// hasFold reports whether s has a word, which is in lower case, at i in any case.
func hasFold(s string, i int, word string) bool {
	if i < 0 || len(s)-i < len(word) {
		return false
	}
	for j := range len(word) {
		c := s[i+j]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != word[j] {
			return false
		}
	}
	return true
}
