package mine

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Distinct is a set of ids by their 64-bit hashes, of bounded size: it keeps
// those whose hash has at least Level leading zero bits, and Level grows when
// there are too many (Gibbons 2001). Which ids it keeps depends on the ids alone,
// not on their order. The zero value is empty.
type Distinct struct {
	// Level: one id in 2^Level is kept.
	Level uint8
	// one holds the only id of a set that has one, as most have; zero: none.
	one   uint64
	table []uint64 // open addressing, a power of two in length; 0 is empty
	n     int
}

// Add adds an id. most bounds how many are kept. It returns by how much the
// number of places in memory grew.
func (d *Distinct) Add(hash uint64, most int) int {
	if hash == 0 {
		hash = 1 // 0 marks an empty place; one id in 2^64 shares its place
	}
	if d.Level > 0 && bits.LeadingZeros64(hash) < int(d.Level) {
		return 0
	}
	before := len(d.table)
	if d.table == nil {
		switch d.one {
		case 0:
			d.one, d.n = hash, 1
			return 0
		case hash:
			return 0
		}
		d.table = make([]uint64, leastTable)
		d.put(d.one)
		d.one = 0
	}
	if !d.put(hash) {
		return 0
	}
	d.n++
	for d.n > most {
		d.thin()
	}
	if d.n > 1 && d.n*4 > len(d.table)*3 {
		d.resize(2 * len(d.table))
	}
	return len(d.table) - before
}

// leastTable is the least length of a table.
const leastTable = 8

// put stores a hash; false if it is there already.
func (d *Distinct) put(hash uint64) bool {
	mask := uint64(len(d.table) - 1)
	high, low := bits.Mul64(hash^seed, golden)
	for i := (high ^ low) & mask; ; i = (i + 1) & mask {
		switch d.table[i] {
		case 0:
			d.table[i] = hash
			return true
		case hash:
			return false
		}
	}
}

// seed is another one in every process, so that nobody can choose ids that crowd in
// one place of a table. Nothing that comes out of a set depends on it.
var seed = rand.Uint64()

// thin keeps half of the ids.
func (d *Distinct) thin() { d.atLeast(d.Level + 1) }

// atLeast raises the level.
func (d *Distinct) atLeast(level uint8) {
	if level <= d.Level {
		return
	}
	d.Level = level
	if d.table == nil {
		if d.one != 0 && bits.LeadingZeros64(d.one) < int(level) {
			d.one, d.n = 0, 0
		}
		return
	}
	kept := make([]uint64, 0, d.n)
	for h := range d.each {
		if bits.LeadingZeros64(h) >= int(level) {
			kept = append(kept, h)
		}
	}
	d.set(kept)
}

// set replaces the ids.
func (d *Distinct) set(hashes []uint64) {
	d.one, d.table, d.n = 0, nil, len(hashes)
	if d.n == 1 {
		d.one = hashes[0]
	}
	if d.n < 2 {
		return
	}
	size := leastTable
	for d.n*4 > size*3 {
		size *= 2
	}
	d.table = make([]uint64, size)
	for _, h := range hashes {
		d.put(h)
	}
}

func (d *Distinct) resize(size int) {
	old := d.table
	d.table = make([]uint64, size)
	for _, h := range old {
		if h != 0 {
			d.put(h)
		}
	}
}

// Len returns how many ids are kept.
func (d *Distinct) Len() int { return d.n }

// Count returns how many ids there were, as far as the sample tells.
func (d *Distinct) Count() float64 { return float64(d.n) * float64(uint64(1)<<d.Level) }

// hashes returns the ids that are kept, sorted.
func (d *Distinct) hashes() []uint64 {
	all := make([]uint64, 0, d.n)
	for h := range d.each {
		all = append(all, h)
	}
	slices.Sort(all)
	return all
}

// each yields the ids that are kept, in no order.
func (d *Distinct) each(yield func(uint64) bool) {
	if d.one != 0 && !yield(d.one) {
		return
	}
	for _, h := range d.table {
		if h != 0 && !yield(h) {
			return
		}
	}
}

// merge adds the ids of o, at the coarser of both levels.
func (d *Distinct) merge(o *Distinct, most int) {
	d.atLeast(o.Level)
	for h := range o.each {
		d.Add(h, most)
	}
}

// AtLevel returns how many ids are kept if only one in 2^level is, for a level not
// below the set's own.
func (d *Distinct) AtLevel(level uint8) float64 {
	if level <= d.Level {
		return float64(d.n)
	}
	n := 0
	for h := range d.each {
		if bits.LeadingZeros64(h) >= int(level) {
			n++
		}
	}
	return float64(n)
}

// Union returns the ids of all sets together, of which it keeps as many as a
// skeleton does.
func Union(sets ...*Distinct) *Distinct {
	var u Distinct
	for _, s := range sets {
		u.merge(s, maxRequests)
	}
	return &u
}
