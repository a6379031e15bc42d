package mannwhitney

import "sort"

// places are where each x - mu lies among y: above base + below[i] of them, or
// for a few x above some more.
type places struct {
	below []int32
	base  int
}

// countPairs returns the number of pairs in which x - mu > y, and the number
// of x - mu that equal some y. x and y ascend and are followed by one +Inf
// each; no x - mu is infinite. It fills p, which has as much room as x.
func countPairs(x, y []float64, mu float64, p *places) (above, equal int) {
	n, m := len(x)-1, len(y)-1
	// Only x in [first, last) lie within the range of y, and only y in
	// [lowest, highest) within the range of these.
	first := gallop(n, func(i int) bool { return x[i]-mu >= y[0] })
	last := n - gallop(n, func(i int) bool { return x[n-1-i]-mu <= y[m-1] })
	lowest, merged := 0, 0
	if first < last {
		lowest = gallop(m, func(j int) bool { return y[j] >= x[first]-mu })
		highest := m - gallop(m, func(j int) bool { return y[m-1-j] <= x[last-1]-mu })
		merged, equal = mergeCount(x[first:last+1], y[lowest:highest+1], mu, p.below[first:last+1])
	}
	p.base = lowest
	for i := range first {
		p.below[i] = int32(-lowest)
	}
	for i := last; i < n; i++ {
		p.below[i] = int32(m - lowest)
	}
	return merged + (last-first)*lowest + (n-last)*m, equal
}

// lanes is the number of merges that mergeCount runs side by side. A step of a
// merge must wait for the one before it, some 17 cycles; six independent ones
// keep the processor busy.
const lanes = 6

// mergeCount is countPairs for all but the last of x and of y, which are out
// of the reach of the others.
//
// A merge of n and m values takes n + m steps: y goes first if it is below
// x - mu, else x. There are no branches to mispredict: step t consumes either
// y[j] or x[t-j], for which j is then the number of y below. These j are
// summed over all steps, less those of the steps that consume y, where every j
// occurs once.
//
// Each step notes j for the x that is next, so that the last note is its final
// one; only the x between two lanes may be left with a note of the lower lane,
// which is too small.
func mergeCount(x, y []float64, mu float64, below []int32) (sum, equal int) {
	n, m := len(x)-1, len(y)-1
	each := (n + m) / lanes
	// taken is the number of y that the first steps have consumed.
	taken := func(steps int) int {
		low, high := max(0, steps-m), min(steps, n)
		for low < high {
			i := int(uint(low+high) >> 1)
			if y[steps-i-1] < x[i]-mu {
				high = i
			} else {
				low = i + 1
			}
		}
		return steps - low
	}
	a, b, c := 0, taken(each), taken(2*each)
	d, e, f := taken(3*each), taken(4*each), taken(5*each)
	notAbove := 0
	below = below[:len(x)]
	for t := range each {
		i, j, k := t-a, t+each-b, t+2*each-c
		a1, a2 := compare(y[a], x[i]-mu)
		b1, b2 := compare(y[b], x[j]-mu)
		c1, c2 := compare(y[c], x[k]-mu)
		below[i], below[j], below[k] = int32(a), int32(b), int32(c)
		i, j, k = t+3*each-d, t+4*each-e, t+5*each-f
		d1, d2 := compare(y[d], x[i]-mu)
		e1, e2 := compare(y[e], x[j]-mu)
		f1, f2 := compare(y[f], x[k]-mu)
		below[i], below[j], below[k] = int32(d), int32(e), int32(f)
		sum += a + b + c + d + e + f
		notAbove += a2 + b2 + c2 + d2 + e2 + f2
		a, b, c, d, e, f = a+a1, b+b1, c+c1, d+d1, e+e1, f+f1
	}
	for t := lanes * each; t < n+m; t++ {
		f1, f2 := compare(y[f], x[t-f]-mu)
		below[t-f] = int32(f)
		sum += f
		notAbove += f2
		f += f1
	}
	return sum - m*(m-1)/2, notAbove - m
}

// compare returns 1 or 0 for a < b and a <= b.
func compare(a, b float64) (less, notAbove int) {
	if a < b {
		less = 1
	}
	if a <= b {
		notAbove = 1
	}
	return less, notAbove
}

// gallop returns the least i in [0, n) for which ok(i), or n, if ok holds from
// there on. It is quick where that is near 0.
func gallop(n int, ok func(i int) bool) int {
	low, high := 0, 0
	for step := 1; high < n && !ok(high); step *= 2 {
		low, high = high+1, high+step
	}
	return low + sort.Search(min(high, n)-low, func(i int) bool { return ok(low + i) })
}
