package anomaly

import (
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

// line is a straight line through points in time.
type line struct{ level, slope, center float64 }

func (l line) at(t float64) float64 { return l.level + l.slope*(t-l.center) }

// robustLine fits values at times index by Huber's M-estimate: least squares
// with what lies more than 1.345 scales off drawn in to there (Huber, Ronchetti,
// Robust Statistics (2009), section 7.8).
func robustLine(values []float64, index []int) line {
	n := float64(len(values))
	var center, spread float64
	for _, t := range index {
		center += float64(t) / n
	}
	for _, t := range index {
		d := float64(t) - center
		spread += d * d
	}
	l := line{center: center, level: stat.Median(append([]float64(nil), values...))}
	if spread == 0 {
		return l
	}
	scratch := make([]float64, len(values))
	// Each round draws in less; ten change a slope by no more than a hundredth
	// of its standard error.
	for range 10 {
		for i, v := range values {
			scratch[i] = v - l.at(float64(index[i]))
		}
		limit := stat.HuberK * stat.MADScale * stat.MAD(scratch, 0)
		if limit == 0 {
			limit = math.Inf(1)
		}
		var level, slope float64
		for i, v := range values {
			d := float64(index[i]) - center
			r := min(max(v-l.at(float64(index[i])), -limit), limit)
			level += r / n
			slope += r * d / spread
		}
		l.level += level
		l.slope += slope
		if math.Abs(level)+math.Abs(slope)*math.Sqrt(spread/n) <= 1e-6*limit {
			break
		}
	}
	return l
}
