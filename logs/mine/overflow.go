package mine

import "github.com/judged-dev/judged/logs"

// Overflow is what found no place in a Miner's tables.
type Overflow struct {
	// Lines by level whose skeleton was not kept, and the requests that held them.
	Lines    [logs.Critical + 1]uint64
	Requests [logs.Critical + 1]Distinct
	// Instances are those beyond the number that is told apart.
	Instances bool
	// seen is a Bloom filter of the skeletons that were not kept; nil if all were.
	seen []uint64
	// merged: some of them were not kept elsewhere, and may be kept here.
	merged bool
}

// Total returns all lines whose skeleton was not kept.
func (o *Overflow) Total() uint64 {
	sum := uint64(0)
	for _, n := range o.Lines {
		sum += n
	}
	return sum
}

// The filter errs on one skeleton in 45 after a million (4 probes in 2^23 bits), and on
// nearly all after ten.
const (
	bloomBits   = 1 << 23
	bloomProbes = 4
)

func (o *Overflow) add(hash uint64) {
	if o.seen == nil {
		o.seen = make([]uint64, bloomBits/64)
	}
	for k := range uint64(bloomProbes) {
		bit := probe(hash, k)
		o.seen[bit/64] |= 1 << (bit % 64)
	}
}

// MayHave reports whether a skeleton may be among those that were not kept: it is
// then not known how often it occurred.
func (o *Overflow) MayHave(hash uint64) bool {
	if o.seen == nil {
		return false
	}
	for k := range uint64(bloomProbes) {
		bit := probe(hash, k)
		if o.seen[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// MayMiss reports whether lines of a skeleton that is kept may be among those that
// found no place in a Miner that was merged.
func (o *Overflow) MayMiss(hash uint64) bool { return o.merged && o.MayHave(hash) }

// probe returns the k-th place of a hash (Kirsch, Mitzenmacher 2006).
func probe(hash, k uint64) uint64 { return (hash + k*(hash>>32|1)) % bloomBits }

func (o *Overflow) merge(other *Overflow) {
	for l := range other.Lines {
		o.Lines[l] += other.Lines[l]
		o.Requests[l].merge(&other.Requests[l], maxAllRequests)
	}
	o.Instances = o.Instances || other.Instances
	if other.seen == nil {
		return
	}
	o.merged = true
	if o.seen == nil {
		o.seen = make([]uint64, bloomBits/64)
	}
	for i, w := range other.seen {
		o.seen[i] |= w
	}
}
