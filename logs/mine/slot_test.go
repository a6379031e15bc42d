package mine

import (
	"fmt"
	"math"
	"testing"
)

func TestNumber(t *testing.T) {
	const none = -1234567 // no case reads as this
	for text, want := range map[string]float64{
		"0": 0, "7": 7, "-7": -7, "12.5": 12.5, "0.25": .25, "-0.5": -.5,
		"15ms": .015, "2s": 2, "3min": 180, "1.5h": 5400, "8us": 8e-6, "8µs": 8e-6, "120ns": 1.2e-7,
		"123456789012345": 123456789012345,
		"":                none, "-": none, ".5": none, "5.": none, "1e5": none, "0x1f": none, "12KB": none, "1.2.3": none,
		"007": none, "1234567890123456": none, "abc": none, "5 ms": none, "--5": none, "٣": none,
	} {
		got, ok := number([]byte(text))
		if !ok {
			got = none
		}
		if math.Abs(got-want) > 1e-12*math.Abs(want) { // some digits are added one by one
			t.Errorf("%q is %g, want %g", text, got, want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	f.Add("12.5ms")
	f.Add("-0.000001h")
	f.Fuzz(func(t *testing.T, text string) {
		if v, ok := number([]byte(text)); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Errorf("%q is %g", text, v)
		}
	})
}

// TestSlotQuantiles: quantiles are right by the sketch's promise of 1 %.
func TestSlotQuantiles(t *testing.T) {
	var s Slot
	for i := 1; i <= 10_000; i++ {
		s.add(fmt.Appendf(nil, "%dms", i*7%10_000+1), math.MaxInt64)
	}
	for _, q := range []float64{.05, .5, .95, .99} {
		want := q * 10
		if got := s.Quantile(q); math.Abs(got-want) > .0102*want { // 1 %, and one rank of ten thousand
			t.Errorf("the quantile %g is %g, want %g", q, got, want)
		}
	}
	if s.Words != nil || s.Values != 10_000 || s.Numbers != 10_000 {
		t.Errorf("%d values, %d numbers, %d words", s.Values, s.Numbers, len(s.Words))
	}
	if !math.IsNaN((*Slot)(nil).Quantile(.5)) || !math.IsNaN((&Slot{}).Quantile(.5)) {
		t.Error("there is a median of nothing")
	}
}

// TestSlotRoom: a slot takes no more room than it is given, and says how much.
func TestSlotRoom(t *testing.T) {
	for _, room := range []int64{0, 100, sketchSize - 1, sketchSize, sketchSize + 500, 1 << 20} {
		var s Slot
		left := room
		for i := range 200 {
			left -= s.add(fmt.Appendf(nil, "%d", i%90), left)
			if left < 0 || room-left != s.size() {
				t.Fatalf("with %d bytes: %d are left, %d taken", room, left, s.size())
			}
		}
		if s.Values != 200 {
			t.Errorf("with %d bytes: %d values", room, s.Values)
		}
		if (s.Sketch != nil) != (room >= sketchSize) {
			t.Errorf("with %d bytes: a sketch: %v", room, s.Sketch != nil)
		}
	}
}

func TestSlotWords(t *testing.T) {
	var few, many, other Slot
	for i := range 300 {
		few.add([]byte{'a' + byte(i%3)}, math.MaxInt64)
		many.add(fmt.Appendf(nil, "word%d", i%(maxWords+1)), math.MaxInt64)
		other.add([]byte{'c' + byte(i%2)}, math.MaxInt64)
	}
	if len(few.Words) != 3 || *few.Words["a"] != 100 {
		t.Errorf("words %v", few.Words)
	}
	if many.Words != nil {
		t.Errorf("%d words are counted, at most %d may be", len(many.Words), maxWords)
	}
	few.merge(&other, math.MaxInt64)
	if len(few.Words) != 4 || *few.Words["c"] != 250 || few.Values != 600 {
		t.Errorf("merged words %v of %d values", few.Words, few.Values)
	}
	few.merge(&many, math.MaxInt64)
	if few.Words != nil {
		t.Error("words are counted though one part had too many")
	}
}

// TestLooks: the first lines are looked at densely, later ones ever less, and never
// none at all.
func TestLooks(t *testing.T) {
	looked := 0
	for n := uint64(1); n <= 1_000_000; n++ {
		if looks(n) {
			looked++
		}
		if n == slotsFrom && looked > 0 {
			t.Errorf("%d of the first %d lines are looked at", looked, slotsFrom)
		}
	}
	if looked < 3000 || looked > 5000 {
		t.Errorf("%d of a million lines are looked at", looked)
	}
}
