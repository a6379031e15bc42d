package rank

import (
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// studentSize is from how many values a side Student's t serves Brunner-Munzel's
// statistic (Brunner, Munzel 2000); below, it is permuted.
const studentSize = 10

// BrunnerMunzel tests whether a value of x tends to be larger or smaller than
// one of y, without assuming, as MannWhitney does, that the samples have one
// shape: unequal variances do no harm (Brunner, Munzel 2000). The statistic is
// positive when x tends to be larger.
//
// df are the degrees of freedom of Student's t. With fewer than 10 values in
// both samples the p values are exact for the permutations of the statistic
// (Neubert, Brunner 2007), and df is NaN. Samples that do not overlap have no
// variance: the statistic is infinite and the p value that of the two
// arrangements among all that are so extreme. Fewer than two values in a sample
// or a NaN give NaN.
func BrunnerMunzel(x, y []float64) (result Result, df float64) {
	m, n := len(x), len(y)
	if m < 2 || n < 2 || hasNaN(x) || hasNaN(y) {
		return undefined(), math.NaN()
	}
	pool := newPlacements(x, y)
	chosen := make([]bool, m+n) // those of x
	for i, at := range pool.origin {
		chosen[i] = at < m
	}
	t, df := pool.statistic(chosen)
	if m < studentSize && n < studentSize {
		return pool.permute(t, m), math.NaN()
	}
	result = Result{Statistic: t}
	if math.IsInf(t, 0) {
		// 1/C(m+n, m) of all arrangements on either side.
		one := math.Exp(-logChoose(m+n, m))
		result.Less, result.Greater, result.TwoSided = 1, one, 2*one
		if t < 0 {
			result.Less, result.Greater = one, 1
		}
		return result, math.NaN()
	}
	result.Less, result.Greater = stat.StudentTail(-t, df), stat.StudentTail(t, df)
	result.TwoSided = min(1, 2*min(result.Less, result.Greater))
	return result, df
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// placements computes the statistic for any split of the pooled values.
type placements struct {
	// origin tells where in x and then y each of the sorted values comes from;
	// group ends are the indices after each run of equal values.
	origin []int
	ends   []int
}

func newPlacements(x, y []float64) placements {
	all := slices.Concat(x, y)
	p := placements{origin: make([]int, len(all))}
	for i := range p.origin {
		p.origin[i] = i
	}
	slices.SortFunc(p.origin, func(a, b int) int {
		switch {
		case all[a] < all[b]:
			return -1
		case all[a] > all[b]:
			return 1
		default:
			return 0
		}
	})
	for i, at := range p.origin {
		if i+1 == len(all) || all[p.origin[i+1]] != all[at] {
			p.ends = append(p.ends, i+1)
		}
	}
	return p
}

// statistic returns t and its degrees of freedom if the chosen values are the
// first sample. A value's placement is how many of the other sample lie below
// it, equal ones counting half; the variances of the placements make those of
// the difference of mean ranks.
func (p placements) statistic(chosen []bool) (t, df float64) {
	var m, n, sumX, sumY, squaresX, squaresY float64
	from := 0
	for _, to := range p.ends {
		var a, b float64 // of this run, chosen or not
		for _, c := range chosen[from:to] {
			if c {
				a++
			} else {
				b++
			}
		}
		px, py := n+b/2, m+a/2
		sumX += a * px
		squaresX += a * px * px
		sumY += b * py
		squaresY += b * py * py
		m, n, from = m+a, n+b, to
	}
	varX := max(squaresX-sumX*sumX/m, 0) / (m - 1)
	varY := max(squaresY-sumY*sumY/n, 0) / (n - 1)
	// The mean ranks differ by (P(x>y)-1/2)(m+n), and U = sumX.
	difference := (sumX/(m*n) - 0.5) * (m + n)
	a, b := m*varX, n*varY
	// Rounding leaves dust of squares of n where there is no variance.
	if a+b <= 1e-12*m*n*(m+n) {
		return math.Copysign(math.Inf(1), difference), math.NaN()
	}
	t = m * n * difference / ((m + n) * math.Sqrt(a+b))
	return t, (a + b) * (a + b) / (a*a/(m-1) + b*b/(n-1))
}

// permute compares t with the statistics of all splits: at most 48,620, of 18
// values.
func (p placements) permute(t float64, m int) Result {
	all := len(p.origin)
	chosen := make([]bool, all)
	subset := make([]int, m)
	for i := range subset {
		subset[i] = i
		chosen[i] = true
	}
	slack := 1e-9 * (1 + math.Abs(t)) // equal statistics round differently
	if math.IsInf(t, 0) {
		slack = 0
	}
	var splits, less, greater, beyond float64
	for {
		s, _ := p.statistic(chosen)
		splits++
		if s <= t+slack {
			less++
		}
		if s >= t-slack {
			greater++
		}
		if math.Abs(s) >= math.Abs(t)-slack {
			beyond++
		}
		// The next subset in lexicographic order.
		i := m - 1
		for i >= 0 && subset[i] == all-m+i {
			i--
		}
		if i < 0 {
			break
		}
		for _, at := range subset[i:] {
			chosen[at] = false
		}
		subset[i]++
		chosen[subset[i]] = true
		for j := i + 1; j < m; j++ {
			subset[j] = subset[j-1] + 1
			chosen[subset[j]] = true
		}
	}
	return Result{Statistic: t, Less: less / splits, Greater: greater / splits, TwoSided: beyond / splits, Exact: true}
}
