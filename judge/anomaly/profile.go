package anomaly

import (
	"fmt"
	"math"
	"slices"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// minSeasons is how many seasons make a profile: of two the one is the
	// other's only witness.
	minSeasons = 2
	// mostSeasons is how many of the latest seasons a profile knows: half a year
	// of days, beyond which they say little of this one and cost time.
	mostSeasons = 200
	// spreadPoints is how many points a phase's spread is taken from at least,
	// together with its neighbours': the MAD of less is too uncertain to divide by.
	spreadPoints = 40
)

// Profile is what a series does in the course of a season, a day or a week.
type Profile struct {
	// Level and Spread of each phase: the median over the seasons, and 1.4826
	// times the median absolute deviation of each season from the median of the
	// others, over neighbouring phases together. Phase 0 is that of the first
	// interval after the history. A phase without data is NaN.
	Level, Spread []float64
	// Seasons that it was taken from.
	Seasons int
}

// NewProfile takes the profile of a history, oldest first, that ends where the
// window begins; NaN marks an interval without data. season is its length in
// intervals. The seasons' own levels (their medians) do not enter the shape, so
// that a trend does not blur it, and the profile has the level of them all. At
// most the last 200 seasons count.
//
// An error says that the history does not hold two seasons.
func NewProfile(history []float64, season int) (Profile, error) {
	s, err := newSeasons(history, season)
	if err != nil {
		return Profile{}, err
	}
	return s.profile(), nil
}

// At returns level and spread expected of interval i after the history.
func (p Profile) At(i int) (level, spread float64) {
	phase := i % len(p.Level)
	return p.Level[phase], p.Spread[phase]
}

// Scores returns by how many spreads each interval after the history is off the
// profile, signed. It is NaN without data or profile, and infinite where the
// history did not vary.
func (p Profile) Scores(window []float64) []float64 {
	scores := make([]float64, len(window))
	for i, v := range window {
		level, spread := p.At(i)
		scores[i] = (v - level) / spread
		if v == level {
			scores[i] = 0
		}
	}
	return scores
}

// seasons are the whole seasons at the end of a history, oldest first.
type seasons struct {
	length, count int
	// values are the seasons one after the other, levels their medians.
	values, levels []float64
	level          float64
}

func newSeasons(history []float64, season int) (seasons, error) {
	if season < 2 {
		return seasons{}, fmt.Errorf("anomaly: a season has at least 2 intervals, got %d", season)
	}
	count := min(len(history)/season, mostSeasons)
	if count < minSeasons {
		return seasons{}, fmt.Errorf("anomaly: %d intervals of history are less than %d seasons of %d", len(history), minSeasons, season)
	}
	s := seasons{length: season, count: count, values: history[len(history)-count*season:]}
	s.levels = make([]float64, count)
	scratch := make([]float64, 0, season)
	known := make([]float64, 0, count)
	for k := range count {
		scratch = scratch[:0]
		for _, v := range s.season(k) {
			if finite(v) {
				scratch = append(scratch, v)
			}
		}
		s.levels[k] = stat.Median(scratch)
		if len(scratch) > 0 {
			known = append(known, s.levels[k])
		}
	}
	s.level = stat.Median(known)
	return s, nil
}

func (s seasons) season(k int) []float64 { return s.values[k*s.length : (k+1)*s.length] }

// gather writes the deviations of a phase from their seasons' levels to out.
func (s seasons) gather(phase int, out []float64) []float64 {
	out = out[:0]
	for k := range s.count {
		if v := s.values[k*s.length+phase] - s.levels[k]; finite(v) {
			out = append(out, v)
		}
	}
	return out
}

// residuals returns what is left of the seasons after taking off the shape that
// the other seasons have: what they would have shown as a window. Levels and
// trend stay in. NaN where a phase has no other season.
func (s seasons) residuals() []float64 {
	out := make([]float64, len(s.values))
	sorted := make([]float64, 0, s.count)
	for phase := range s.length {
		sorted = s.gather(phase, sorted)
		slices.Sort(sorted)
		for k := range s.count {
			i := k*s.length + phase
			out[i] = s.values[i] - medianWithout(sorted, s.values[i]-s.levels[k])
		}
	}
	return out
}

// medianWithout returns the median of sorted but for one value v of it, NaN if
// nothing is left or v is not a number.
func medianWithout(sorted []float64, v float64) float64 {
	rest := len(sorted) - 1
	if rest < 1 || !finite(v) {
		return math.NaN()
	}
	at, _ := slices.BinarySearch(sorted, v)
	value := func(i int) float64 {
		if i >= at {
			i++
		}
		return sorted[i]
	}
	if rest%2 == 1 {
		return value(rest / 2)
	}
	low, high := value(rest/2-1), value(rest/2)
	return low + (high-low)/2
}

// shape returns the profile of a phase without the level.
func (s seasons) shape() []float64 {
	out := make([]float64, s.length)
	scratch := make([]float64, 0, s.count)
	for phase := range out {
		out[phase] = stat.Median(s.gather(phase, scratch))
	}
	return out
}

func (s seasons) profile() Profile {
	p := Profile{Level: s.shape(), Spread: make([]float64, s.length), Seasons: s.count}
	for phase := range p.Level {
		p.Level[phase] += s.level
	}
	residuals := s.residuals()
	// The residuals keep their season's level: a day that differs as a whole is
	// spread as well.
	reach := min((spreadPoints/s.count)/2, (s.length-1)/2)
	scratch := make([]float64, 0, s.count*(2*reach+1))
	for phase := range p.Spread {
		scratch = scratch[:0]
		for k := range s.count {
			for near := phase - reach; near <= phase+reach; near++ {
				if v := residuals[k*s.length+(near+s.length)%s.length]; finite(v) {
					scratch = append(scratch, math.Abs(v-s.level))
				}
			}
		}
		p.Spread[phase] = stat.MADScale * stat.Median(scratch)
	}
	return p
}
