package rank

import (
	"math"
	"sort"
)

// Distribution is the null distribution of a rank statistic: probabilities on
// a lattice. The zero value is undefined: its methods return NaN.
type Distribution struct {
	start, step float64
	// lower[i] is P(X <= start + i step), upper[i] is P(X >= start + i step):
	// either tail keeps its relative precision.
	lower, upper []float64
}

// exactSize is up to how many observations a sample's statistic has its exact
// distribution, as in R's wilcox.test.
const exactSize = 50

// maxCells bounds the work of a distribution, about 0.2 s.
const maxCells = 2e8

// newDistribution takes how often, or with what probability, each value comes.
func newDistribution(step float64, counts []float64) Distribution {
	d := Distribution{step: step, lower: make([]float64, len(counts)), upper: make([]float64, len(counts))}
	total := 0.0
	for i, c := range counts {
		total += c
		d.lower[i] = total
	}
	above := 0.0
	for i := len(counts) - 1; i >= 0; i-- {
		above += counts[i]
		d.upper[i] = above / total
		d.lower[i] /= total
	}
	return d
}

// CDF returns P(X <= x).
func (d Distribution) CDF(x float64) float64 {
	i := math.Floor((x-d.start)/d.step + 1e-9) // a midrank sum may round
	switch {
	case len(d.lower) == 0 || math.IsNaN(x):
		return math.NaN()
	case i < 0:
		return 0
	case i >= float64(len(d.lower)):
		return 1
	}
	return d.lower[int(i)]
}

// Survival returns P(X >= x).
func (d Distribution) Survival(x float64) float64 {
	i := math.Ceil((x-d.start)/d.step - 1e-9)
	switch {
	case len(d.upper) == 0 || math.IsNaN(x):
		return math.NaN()
	case i <= 0:
		return 1
	case i >= float64(len(d.upper)):
		return 0
	}
	return d.upper[int(i)]
}

// Quantile returns the least x with P(X <= x) >= p.
func (d Distribution) Quantile(p float64) float64 {
	if len(d.lower) == 0 || !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	p *= 1 - 1e-13 // sums of probabilities round
	i := sort.Search(len(d.lower)-1, func(i int) bool { return d.lower[i] >= p })
	return d.start + d.step*float64(i)
}

// MannWhitneyU returns the distribution of U, the number of pairs in which the
// first sample's value is larger, for samples of m and n values without ties if
// both come from one population. It is undefined for negative sizes and for
// samples so large (several hundred values) that it would take seconds; the
// normal distribution is as good there.
//
// U of m and n counts the same arrangements as that of m-1 and n with the
// largest value in the first sample, and of m and n-1 with it in the second
// (Mann, Whitney 1947).
func MannWhitneyU(m, n int) Distribution {
	if m < 0 || n < 0 || float64(m)*float64(m)*float64(n)*float64(n)/4 > maxCells {
		return Distribution{}
	}
	m, n = min(m, n), max(m, n)
	// counts[i] has U of i and j values, for j up to n. A step scales by
	// 1/2^m at most, far from underflow: C(m+n, m) itself fits a float64.
	counts := make([][]float64, m+1)
	for i := range counts {
		counts[i] = make([]float64, i*n+1)
		counts[i][0] = 1 // j = 0: one arrangement, U = 0
	}
	for j := 1; j <= n; j++ {
		for i := 1; i <= m; i++ {
			smaller := counts[i-1][:(i-1)*j+1]
			// The largest value is in the first sample: it beats all j.
			larger := counts[i][j : j+len(smaller)]
			for u, c := range smaller {
				larger[u] += c
			}
		}
	}
	return newDistribution(1, counts[m])
}

// SignedRankV returns the distribution of V, the sum of the ranks of the
// positive ones among n values without ties that are symmetric about 0 (Wilcoxon
// 1945). It is undefined for a negative n and beyond about 700.
func SignedRankV(n int) Distribution {
	if n < 0 || float64(n)*float64(n)*float64(n)/2 > maxCells {
		return Distribution{}
	}
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	return subsetSums(ranks, 1)
}

// subsetSums returns the distribution of step times the sum of those ranks
// that n fair coins choose.
func subsetSums(ranks []int, step float64) Distribution {
	total := 0
	for _, r := range ranks {
		total += r
	}
	p := make([]float64, total+1)
	p[0] = 1
	sum := 0
	for _, r := range ranks {
		sum += r
		for s := sum; s >= r; s-- {
			p[s] = (p[s] + p[s-r]) / 2
		}
		for s := min(r-1, sum); s >= 0; s-- {
			p[s] /= 2
		}
	}
	return newDistribution(step, p)
}

// chosenSums returns the distribution of step times the sum of m of the ranks
// above the least such sum, each choice being as likely (Streitberg, Roehmel
// 1986). Ranks must be sorted.
func chosenSums(ranks []int, m int, step float64) Distribution {
	n := len(ranks)
	before := make([]int, n+1) // before[i] is the sum of the first i ranks
	for i, r := range ranks {
		before[i+1] = before[i] + r
	}
	// rows[k] counts the choices of k ranks by their sum above the least one.
	rows := make([][]float64, m+1)
	for k := range rows {
		rows[k] = make([]float64, before[n]-before[n-k]-before[k]+1)
	}
	rows[0][0] = 1
	for i, r := range ranks {
		// The sums of k of the first i+1 ranks; fewer than m-(n-i-1) cannot grow
		// to m any more.
		for k := min(i+1, m); k >= max(1, m-(n-i-1)); k-- {
			most := before[i] - before[i-k+1] - before[k-1]
			up := r - ranks[k-1] // r in place of the k-th rank
			to := rows[k][up : up+most+1]
			for s, c := range rows[k-1][:most+1] {
				to[s] += c
			}
		}
	}
	return newDistribution(step, rows[m])
}
