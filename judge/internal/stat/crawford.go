package stat

import "math"

// CrawfordHowell compares one case with a small sample of others: Student's t
// of a single new value, with the sample's own standard deviation (Sokal, Rohlf
// 1995, 9.5; Crawford, Howell 1998):
//
//	t = (x - mean) / (s sqrt(1 + 1/n)), df = n-1
//
// p is two-sided. Fewer than two others give NaN; others that are all equal
// give an infinite t, or 0 if x equals them.
func CrawfordHowell(x float64, others []float64) (t, df, p float64) {
	n := float64(len(others))
	if n < 2 || math.IsNaN(x) {
		return math.NaN(), math.NaN(), math.NaN()
	}
	m := Describe(others)
	t = (x - m.Mean) / (m.Std * math.Sqrt(1+1/n))
	if x == m.Mean {
		t = 0
	}
	df = n - 1
	return t, df, 2 * StudentTail(math.Abs(t), df)
}
