package mine

import (
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// Slot is what stood in one variable part of a skeleton. It is a sample: of a
// skeleton with many lines, each 2^k-th is looked at.
type Slot struct {
	// Values were seen, Numbers of them were numbers.
	Values, Numbers uint64
	// Sketch holds the numbers, those with a unit of time in seconds, at a
	// relative accuracy of 1 % (Masson et al. 2019). Nil if there was none.
	Sketch *ddsketch.DDSketch
	// Words counts the values as they were written, if there were at most 64; nil if
	// there were more. Pointers: counting a known word allocates nothing.
	Words map[string]*uint64

	free    bool // there were more
	letters int  // bytes of the words
}

const (
	maxSlots    = 8  // of a skeleton
	maxWords    = 64 // that a slot counts
	maxWord     = 64 // bytes of one
	slotsFrom   = 16 // lines of a skeleton before its slots are looked at: most skeletons have fewer
	sketchBins  = 512
	slotSize    = 64      // bytes that a slot takes to begin with,
	sketchSize  = 6 << 10 // those of a sketch whose bins are all in use,
	wordSize    = 64      // and those of a word beside its text
	denseSlots  = 256     // values after which only some are looked at
	sketchError = 0.01
)

// sketchMapping is shared: a mapping has no state.
var sketchMapping = func() mapping.IndexMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(sketchError)
	if err != nil {
		panic("mine: " + err.Error()) // the constant is out of range
	}
	return m
}()

func newSketch() *ddsketch.DDSketch {
	return ddsketch.NewDDSketch(sketchMapping, store.NewCollapsingLowestDenseStore(sketchBins), store.NewCollapsingLowestDenseStore(sketchBins))
}

// looks reports whether the slots of the n-th line of a skeleton, from 1, are
// looked at.
func looks(n uint64) bool {
	switch n -= min(n, slotsFrom); {
	case n == 0:
		return false
	case n <= denseSlots:
		return true
	case n <= 16*denseSlots:
		return n%8 == 0
	case n <= 256*denseSlots:
		return n%64 == 0
	default:
		return n%512 == 0
	}
}

// add takes in what stood in the slot, in no more than room bytes more. It returns
// by how much the slot grew.
func (s *Slot) add(text []byte, room int64) int64 {
	s.Values++
	before := s.size()
	if v, ok := number(text); ok && s.sketched(room) && s.Sketch.Add(v) == nil { // an error: out of the sketch's range, like 1e300
		s.Numbers++
	}
	s.count(text, 1, room-(s.size()-before))
	return s.size() - before
}

// sketched makes sure that there is a sketch, if there is room for it.
func (s *Slot) sketched(room int64) bool {
	if s.Sketch == nil && room >= sketchSize {
		s.Sketch = newSketch()
	}
	return s.Sketch != nil
}

// size returns the bytes that the slot's tables take.
func (s *Slot) size() int64 {
	size := int64(len(s.Words))*wordSize + int64(s.letters)
	if s.Sketch != nil {
		size += sketchSize
	}
	return size
}

// count adds n to a word. One too many, or one that does not fit, ends the count
// of words.
func (s *Slot) count(text []byte, n uint64, room int64) {
	if s.free {
		return
	}
	text = cut(text, maxWord)
	if count, ok := s.Words[string(text)]; ok {
		*count += n
		return
	}
	if len(s.Words) >= maxWords || room < wordSize+int64(len(text)) {
		s.open()
		return
	}
	if s.Words == nil {
		s.Words = map[string]*uint64{}
	}
	first := n // n itself would escape, known words or not
	s.Words[string(text)] = &first
	s.letters += len(text)
}

// open gives up counting words.
func (s *Slot) open() { s.free, s.Words, s.letters = true, nil, 0 }

// merge adds what o saw, in no more than room bytes more. It returns by how much
// the slot grew.
func (s *Slot) merge(o *Slot, room int64) int64 {
	before := s.size()
	s.Values += o.Values
	// Mappings are alike, which is all that MergeWith can object to.
	if o.Sketch != nil && s.sketched(room) && s.Sketch.MergeWith(o.Sketch) == nil {
		s.Numbers += o.Numbers
	}
	if o.free {
		s.open()
	}
	for _, word := range o.words() {
		s.count([]byte(word), *o.Words[word], room-(s.size()-before))
	}
	return s.size() - before
}

// Quantile returns a quantile of the numbers; NaN if there are none.
func (s *Slot) Quantile(q float64) float64 {
	if s == nil || s.Sketch == nil {
		return math.NaN()
	}
	v, err := s.Sketch.GetValueAtQuantile(q)
	if err != nil {
		return math.NaN()
	}
	return v
}

// units are those of times, in seconds.
var units = map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}

// number reads a plain decimal number, with a sign, a fraction and a unit of time
// if it has them. Numbers with leading zeros or more than 15 digits are names.
func number(text []byte) (float64, bool) {
	i, negative := 0, false
	if len(text) > 0 && text[0] == '-' {
		negative, i = true, 1
	}
	whole, digits := 0.0, 0
	start := i
	for ; i < len(text) && isDigit(text[i]); i++ {
		whole, digits = whole*10+float64(text[i]-'0'), digits+1
	}
	if digits == 0 || digits > 1 && text[start] == '0' {
		return 0, false
	}
	if i < len(text) && text[i] == '.' {
		scale := 0.1
		from := i + 1
		for i++; i < len(text) && isDigit(text[i]); i++ {
			whole, scale, digits = whole+float64(text[i]-'0')*scale, scale/10, digits+1
		}
		if i == from {
			return 0, false
		}
	}
	if digits > 15 {
		return 0, false
	}
	if i < len(text) {
		unit, ok := units[string(text[i:])]
		if !ok {
			return 0, false
		}
		whole *= unit
	}
	if negative {
		whole = -whole
	}
	return whole, true
}

func isDigit(c byte) bool { return c-'0' < 10 }

// words returns the words in order.
func (s *Slot) words() []string {
	all := make([]string, 0, len(s.Words))
	for w := range s.Words {
		all = append(all, w)
	}
	slices.Sort(all)
	return all
}
