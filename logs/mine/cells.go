package mine

import (
	"cmp"
	"slices"
)

// Cell is how many lines one instance wrote in one stretch of time.
type Cell struct {
	// At is the stretch's number since 1970, in widths of the Miner's cells.
	At int32
	// Instance is a number of Miner.Instances.
	Instance uint16
	Lines    uint32
}

// Cells are a skeleton's lines by instance and time, sorted. Cells without lines
// are left out.
type Cells []Cell

// key orders cells by time, then by instance.
func (c Cell) key() int64 { return int64(c.At)<<16 | int64(c.Instance) }

// last counts a line if it falls into the last cell, as most do; it is small enough
// to be part of its caller.
func (c Cells) last(at int32, instance uint16) bool {
	n := len(c)
	if n == 0 || c[n-1].At != at || c[n-1].Instance != instance || c[n-1].Lines == 1<<32-1 {
		return false
	}
	c[n-1].Lines++
	return true
}

// add counts a line; it reports whether that took a new cell. Lines come nearly in
// the order of time, so the place is near the end.
func (c *Cells) add(at int32, instance uint16) bool {
	all := *c
	one := Cell{At: at, Instance: instance, Lines: 1}
	key := one.key()
	// Cells before from are before it, those from to on are not: in steps from the end
	// that double, then by halves.
	from, to := 0, len(all)
	for step := 1; to > 0 && from == 0; step *= 2 {
		i := max(0, to-step)
		switch k := all[i].key(); {
		case k == key:
			all[i].Lines = plus(all[i].Lines, 1)
			return false
		case k < key:
			from = i + 1
		default:
			to = i
		}
	}
	for from < to {
		i := (from + to) / 2
		switch k := all[i].key(); {
		case k == key:
			all[i].Lines = plus(all[i].Lines, 1)
			return false
		case k < key:
			from = i + 1
		default:
			to = i
		}
	}
	*c = slices.Insert(all, from, one)
	return true
}

// plus adds without wrapping around.
func plus(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return 1<<32 - 1
}

// Sum returns the cells in order, those of the same instance and time as one.
func (c Cells) Sum() Cells {
	slices.SortFunc(c, func(a, b Cell) int { return cmp.Compare(a.key(), b.key()) })
	return c.join()
}

// join makes neighbours of the same instance and time one.
func (c Cells) join() Cells {
	out := c[:0]
	for _, one := range c {
		if n := len(out); n > 0 && out[n-1].At == one.At && out[n-1].Instance == one.Instance {
			out[n-1].Lines = plus(out[n-1].Lines, one.Lines)
			continue
		}
		out = append(out, one)
	}
	return out
}

// coarser makes the cells twice as wide.
func (c Cells) coarser() Cells {
	for i := range c {
		c[i].At >>= 1
	}
	return c.Sum()
}
