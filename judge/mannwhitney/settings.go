package mannwhitney

import "github.com/judged-dev/judged/judge"

// NaNStrategy says what becomes of a value that is not a number.
type NaNStrategy int

const (
	// RemoveNaN drops it.
	RemoveNaN NaNStrategy = iota
	// ReplaceNaN counts it as 0.
	ReplaceNaN
)

// OutlierStrategy says whether outliers are judged.
type OutlierStrategy int

const (
	// KeepOutliers judges all values.
	KeepOutliers OutlierStrategy = iota
	// RemoveOutliers drops values beyond the quartiles by more than
	// OutlierFactor interquartile ranges, but never any between the 1st and
	// the 99th percentile.
	RemoveOutliers
)

// EffectMeasure names the number that the thresholds filter on.
type EffectMeasure int

const (
	// MeanRatio is mean(experiment) / mean(control); 1 is no change.
	MeanRatio EffectMeasure = iota
	// CommonLanguage is the share of pairs in which the experiment's value is
	// the larger ("cles", Vargha and Delaney 2000); 0.5 is no change.
	CommonLanguage
)

// noChange is the value that Kayenta uses where a threshold is not set.
func (m EffectMeasure) noChange() float64 {
	if m == CommonLanguage {
		return 0.5
	}
	return 1
}

// Thresholds filter what the test has found: an increase counts only if the
// effect is at least Increase, a decrease only if it is at most Decrease. They
// do not widen the test itself, as users often expect (kayenta#744).
type Thresholds struct{ Increase, Decrease float64 }

// Settings are Kayenta's analysisConfigurations.canary of one metric. Start
// from DefaultSettings: zero thresholds are not the default but let nothing
// but negative effects through as decreases.
type Settings struct {
	Direction judge.Direction
	NaN       NaNStrategy
	Outliers  OutlierStrategy
	// OutlierFactor must be positive if Outliers is RemoveOutliers.
	OutlierFactor float64
	// Critical metrics fail the whole judgment when they fail.
	Critical bool
	// MustHaveData makes missing data count as a failed metric rather than
	// not at all. It has no effect on a Critical metric.
	MustHaveData bool
	// Muted metrics are judged and reported but not scored.
	Muted  bool
	Effect EffectMeasure
	// Allowed is what a change must exceed to be reported, CriticalEffect
	// what it must exceed to fail the judgment if the metric is Critical.
	Allowed, CriticalEffect Thresholds
}

// DefaultSettings are Kayenta's defaults for a metric without settings.
func DefaultSettings(effect EffectMeasure) Settings {
	none := Thresholds{Increase: effect.noChange(), Decrease: effect.noChange()}
	return Settings{OutlierFactor: 3, Effect: effect, Allowed: none, CriticalEffect: none}
}
