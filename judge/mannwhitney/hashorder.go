package mannwhitney

import (
	"cmp"
	"math/bits"
	"slices"
	"unicode/utf16"
)

// Kayenta adds up group scores and weights in the order of Scala's hash maps.
// The order shows in the result's groupScores, and in the last bit of a sum.
// It is that of Scala 2.11 and 2.12, in which these maps are the same.

// groupOrder returns distinct names in the order of List.groupBy.
func groupOrder(names []string) []string {
	if len(names) > smallMap {
		return mapOrder(names)
	}
	// groupBy gathers in a mutable.HashMap of 16 buckets, which is read from
	// the last bucket to the first, and what came last in a bucket first.
	ordered := slices.Clone(names)
	slices.Reverse(ordered)
	slices.SortStableFunc(ordered, func(a, b string) int {
		return cmp.Compare(bucket(b), bucket(a))
	})
	return ordered
}

// smallMap is the size up to which an immutable.Map keeps the order in which
// it was filled.
const smallMap = 4

// mapOrder returns distinct names in the order of an immutable.Map that was
// filled in their order.
func mapOrder(names []string) []string {
	if len(names) <= smallMap {
		return names
	}
	// immutable.HashMap is a trie on five bits of the hash after the other,
	// the lowest first.
	ordered := slices.Clone(names)
	slices.SortStableFunc(ordered, func(a, b string) int {
		return cmp.Compare(trieOrder(a), trieOrder(b))
	})
	return ordered
}

// bucket is mutable.HashTable.index for a table of 16.
func bucket(name string) uint32 {
	h := uint32(javaHash(name)) * 0x9e3775cd
	h = bits.ReverseBytes32(h) * 0x9e3775cd
	h = bits.RotateLeft32(h, -4)
	return h >> 28
}

// trieOrder sorts as immutable.HashMap's tries do: it is the improved hash,
// its groups of five bits in reverse order.
func trieOrder(name string) uint64 {
	h := uint32(javaHash(name))
	h += ^(h << 9)
	h ^= h >> 14
	h += h << 4
	h ^= h >> 10
	order := uint64(0)
	for range 7 {
		order = order<<5 | uint64(h&31)
		h >>= 5
	}
	return order
}

// javaHash is String.hashCode.
func javaHash(s string) int32 {
	h := int32(0)
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}
