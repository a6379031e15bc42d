package longrun

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// Estimate is the mean of a series and what is known of its error.
type Estimate struct {
	// N points have this mean.
	N    int
	Mean float64
	// Variance is the long-run variance, in squared units of the series.
	Variance float64
	// StdErr of the mean, the root of Variance/N.
	StdErr float64
	// EffectiveN is how many independent points would tell as much. It may
	// exceed N if neighbours tend to lie on opposite sides of the mean.
	EffectiveN float64
	// DF are the degrees of freedom of Student's t of the mean, +Inf where the
	// method's theory is that of the normal.
	DF float64
}

// Interval returns the confidence interval of the mean at level 1-alpha.
func (e Estimate) Interval(alpha float64) (low, high float64) {
	q := stat.StudentQuantile(alpha/2, e.DF) * e.StdErr
	return e.Mean - q, e.Mean + q
}

// TwoSided returns the two-sided p value of the hypothesis that the mean is mu.
func (e Estimate) TwoSided(mu float64) float64 {
	if e.Mean == mu {
		return 1
	}
	return 2 * stat.StudentTail(math.Abs(e.Mean-mu)/e.StdErr, e.DF)
}

// newEstimate finishes an estimate from the long-run variance.
func newEstimate(s stat.Series, variance, df float64) Estimate {
	n := float64(s.N)
	e := Estimate{N: s.N, Mean: s.Mean, Variance: variance, StdErr: math.Sqrt(variance / n), EffectiveN: n, DF: df}
	if s.Variance > 0 {
		e.EffectiveN = n * s.Variance / variance
	}
	return e
}

func undefined(n int) Estimate {
	nan := math.NaN()
	return Estimate{N: n, Mean: nan, Variance: nan, StdErr: nan, EffectiveN: nan, DF: nan}
}

// describe returns what is known of x and x minus its mean; ok is false if it
// has fewer than least points or is not finite.
func describe(x []float64, least int) (s stat.Series, d []float64, ok bool) {
	s = stat.NewSeries(x)
	// The variance of what is not finite, or too large to square, is neither.
	if len(x) < least || math.IsNaN(s.Variance) || math.IsInf(s.Variance, 0) {
		return s, nil, false
	}
	return s, centered(x, s.Mean), true
}

func centered(x []float64, mean float64) []float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = v - mean
	}
	return d
}
