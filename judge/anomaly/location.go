package anomaly

import (
	"errors"
	"fmt"
	"math"

	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// minHistory is the least number of history points with data: below it
	// neither noise nor autocorrelation is known. The history is also at least as
	// long as the window.
	minHistory = 30
	// minWindow is that of judge/paired. minEffective independent points are the
	// least that the history must be worth: fewer leave Student's t no degrees of
	// freedom. Five instead refuse 46 and not 39 % of recorded incidents, at 3.2 and
	// not 3.4 % false alarms.
	minWindow, minEffective = 10, 3
	// maxRho bounds the autocorrelation as in judge/paired; a history of
	// longHistory points may come closer to 1.
	maxRho, maxRhoLong, longHistory = 0.95, 0.97, 240
	// resolution is the smallest difference that is taken for one, relative to
	// the numbers compared.
	resolution = 0x1p-40
)

// Location is where a window lies against what its history lets expect. All
// numbers are in the unit of the series.
type Location struct {
	// Value is the robust mean of the window less what was expected; StdErr is
	// its standard error with DF degrees of freedom of Student's t.
	Value, StdErr, DF float64
	// Expected is what was expected of each interval of the window.
	Expected []float64
	// N points of the window with data, worth EffectiveN independent ones.
	N          int
	EffectiveN float64
	// Season is the length of the season that was taken off, 0 for none, and
	// Seasons how many of it there were.
	Season, Seasons int
	// Windows is how many stretches of the history, as long as the window, were
	// forecast in the same way to learn how wrong a forecast is; 0 if the history
	// was too short for that.
	Windows int
	// Trend says that a linear trend was continued.
	Trend bool

	// fixed is the part of StdErr that a longer window would not lower.
	fixed float64
	// exact: neither history nor window varies.
	exact bool
	// past is how many independent points the history is worth.
	past float64
	// history and window are what is left of them without their season.
	history, window []float64
}

// PValue returns the two-sided p-value of no change.
func (l Location) PValue() float64 {
	if l.exact {
		if l.Value == 0 {
			return 1
		}
		return math.Ldexp(1, 1-l.N)
	}
	return min(1, 2*stat.StudentTail(math.Abs(l.Value)/l.StdErr, l.DF))
}

// Locate compares a window with the history that it follows without a gap, both
// oldest first, NaN where there are no data. season is the length of a season
// in intervals, 0 for none; see DetectSeason. Values should be on a scale on
// which noise is alike everywhere: take logarithms of latencies.
//
// The window's robust mean (Huber) is held against that of the history, and its
// standard error comes from the history alone: from AR(1) noise around its
// level, or, where it is eight windows long or longer, from how wrong forecasts
// of its own windows were. See the package comment.
//
// An error says what there is too little of: 10 points in the window, 30 in
// the history and as many as in the window, two seasons.
func Locate(history, window []float64, season int) (Location, error) {
	past, now := usable(history), usable(window)
	switch {
	case now < minWindow:
		return Location{}, fmt.Errorf("anomaly: %d of the %d intervals with data that are needed", now, minWindow)
	case past < minHistory:
		return Location{}, fmt.Errorf("anomaly: a history of %d intervals with data, %d are needed", past, minHistory)
	case past < now:
		return Location{}, fmt.Errorf("anomaly: a history of %d intervals with data, shorter than the window of %d", past, now)
	}
	l := Location{N: now, Expected: make([]float64, len(window))}
	if season > 0 {
		s, err := newSeasons(history, season)
		if err != nil {
			return Location{}, err
		}
		shape := s.shape()
		history = s.residuals()
		rest := make([]float64, len(window))
		for i, v := range window {
			l.Expected[i] = shape[i%season]
			rest[i] = v - l.Expected[i]
		}
		window = rest
		l.Season, l.Seasons = season, s.count
		l.N = usable(window)
		if rest := usable(history); l.N < minWindow || rest < max(minHistory, l.N) {
			return Location{}, errors.New("anomaly: too few intervals have data in the same phase of other seasons to judge so long a window")
		}
	}
	l.history, l.window = history, window
	l.against(history, window)
	if !finite(l.Value) || !l.exact && !(l.StdErr > 0 && finite(l.StdErr)) {
		return Location{}, errors.New("anomaly: the numbers are too large or too small to square; give them in another unit")
	}
	return l, nil
}

func usable(x []float64) int {
	n := 0
	for _, v := range x {
		if finite(v) {
			n++
		}
	}
	return n
}
