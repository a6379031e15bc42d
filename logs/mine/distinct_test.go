package mine

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestDistinctOrder: what a set keeps depends on the ids alone, however they come and
// in however many parts.
func TestDistinctOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Uint64Range(0, 300), 0, 400).Draw(t, "ids")
		most := rapid.IntRange(1, 100).Draw(t, "most")
		var whole, reversed, left, right Distinct
		for i, id := range ids {
			whole.Add(stir(id), most)
			reversed.Add(stir(ids[len(ids)-1-i]), most)
			part := &left
			if i%3 == 0 {
				part = &right
			}
			part.Add(stir(id), most)
		}
		left.merge(&right, most)
		for _, other := range []*Distinct{&reversed, &left} {
			if other.Level != whole.Level || !slices.Equal(other.hashes(), whole.hashes()) {
				t.Fatalf("level %d and %d ids in one order, level %d and %d ids in another", whole.Level, whole.Len(), other.Level, other.Len())
			}
		}
		exact := map[uint64]bool{}
		for _, id := range ids {
			exact[id] = true
		}
		if whole.Level == 0 && whole.Len() != len(exact) {
			t.Fatalf("%d ids are kept of %d, at level 0", whole.Len(), len(exact))
		}
		if whole.Len() > most {
			t.Fatalf("%d ids are kept, at most %d may be", whole.Len(), most)
		}
		// The ids of a higher level are those that a set of that level keeps.
		higher := whole
		higher.table = slices.Clone(whole.table)
		higher.atLeast(whole.Level + 2)
		if got := whole.AtLevel(whole.Level + 2); got != float64(higher.Len()) {
			t.Fatalf("%g ids at two levels more, want %d", got, higher.Len())
		}
	})
}

// TestDistinctEstimate: the number of ids is estimated without bias, and as closely
// as a sample of so many can tell.
func TestDistinctEstimate(t *testing.T) {
	const sets, ids, most = 300, 20_000, 256
	random := rand.New(rand.NewPCG(1, 1))
	sum, squares := 0.0, 0.0
	for range sets {
		var d Distinct
		for range ids {
			d.Add(random.Uint64(), most)
		}
		off := d.Count()/ids - 1
		sum, squares = sum+off, squares+off*off
	}
	mean, deviation := sum/sets, math.Sqrt(squares/sets)
	// Between most/2 and most are kept, each with its chance: 1/sqrt(most/2) at worst.
	worst := 1 / math.Sqrt(most/2)
	if deviation > worst || math.Abs(mean) > 4*worst/math.Sqrt(sets) {
		t.Errorf("estimates are off by %.4f in the mean and %.4f by standard deviation, at most %.4f", mean, deviation, worst)
	}
}

func TestUnion(t *testing.T) {
	var a, b Distinct
	for i := range uint64(5000) {
		a.Add(stir(i), maxRequests)
		b.Add(stir(i+2500), maxRequests)
	}
	before := a.hashes()
	u := Union(&a, &b)
	if got := u.Count(); math.Abs(got-7500) > 4*7500/math.Sqrt(maxRequests/2) {
		t.Errorf("the union of 5000 and 5000 ids, half in common, has %g", got)
	}
	if !slices.Equal(before, a.hashes()) {
		t.Error("a set was changed by being joined with another")
	}
	if Union().Len() != 0 {
		t.Error("the union of no sets has ids")
	}
}

// TestDistinctGrowth: what Add reports is what the table takes.
func TestDistinctGrowth(t *testing.T) {
	var d Distinct
	taken := 0
	for i := range uint64(5000) {
		taken += d.Add(stir(i), maxRequests)
		if taken != len(d.table) {
			t.Fatalf("after %d ids %d places were reported, the table has %d", i+1, taken, len(d.table))
		}
	}
}

func TestHashID(t *testing.T) {
	seen := map[uint64][]byte{}
	for _, id := range [][]byte{nil, {0}, {0, 0}, []byte("a"), []byte("aaaaaaaa"), []byte("aaaaaaaa\x00"), []byte("aaaaaaaab"), bytes.Repeat([]byte("a"), 16)} {
		h := hashID(id)
		if was, ok := seen[h]; ok {
			t.Errorf("%q and %q have the same hash", was, id)
		}
		seen[h] = id
	}
	// Ids that count up, as many programs write them, spread over the high bits.
	n := 0
	for i := range 4096 {
		if hashID([]byte{'r', 'e', 'q', '-', byte('a' + i>>8), byte(i), byte(i >> 4)})>>60 == 0 {
			n++
		}
	}
	if n < 4096/16-80 || n > 4096/16+80 { // five standard deviations
		t.Errorf("%d of 4096 ids have four leading zeros, want about 256", n)
	}
}
