package backtest

import "math"

// Rate is how often something happened.
type Rate struct{ Hits, Cases int }

func (r *Rate) add(hit bool) {
	r.Cases++
	if hit {
		r.Hits++
	}
}

// Value is the share; NaN without cases.
func (r Rate) Value() float64 { return float64(r.Hits) / float64(r.Cases) }

// Interval returns Wilson's 95 % score interval (Wilson 1927, J. Am. Stat.
// Assoc. 22:209-212), which unlike the normal one holds its level near 0 and 1
// and with few cases. It takes the cases for independent; those that share
// machines or times are not, and the truth is then wider. NaN without cases.
func (r Rate) Interval() (low, high float64) {
	const z = 1.959963984540054 // 97.5 % quantile of the normal distribution
	n, p := float64(r.Cases), r.Value()
	center := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high = max(0, center-half), min(1, center+half)
	if r.Hits == 0 && r.Cases > 0 {
		low = 0 // rounding
	}
	if r.Hits == r.Cases && r.Cases > 0 {
		high = 1
	}
	return low, high
}

// Macro is the mean of the rates of several cells, whatever their sizes.
type Macro struct {
	// Value is NaN without cells.
	Value float64
	Cells int
}
