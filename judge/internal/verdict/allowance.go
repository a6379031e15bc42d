package verdict

import "math"

// Healthy instances differ, with heavy tails: how far a share alpha of them
// stands apart grows like 1/alpha, how far it drifts a little faster. The
// constants are fitted to recorded metrics (docs/evaluation.md). A judge with
// half the error of a signal that is alone adds 2 % to its margin where nothing
// is known of the instances and 0.2 % where a history shows their difference;
// for one of twenty signals it is 44 % and 10 %.
const (
	referenceAlpha = 0.05
	offsetFloor    = 0.011
	offsetOfNoise  = 0.022
	driftFloor     = 0.0006
	driftPower     = 1.4
	// mostAllowance: a change of half the level is never put down to unlike
	// instances, however many signals there are.
	mostAllowance = 0.5
)

// OffsetAllowance returns what is added to a margin, as a share of the level,
// because the arms may differ by a standing offset that nothing shows. noise
// is the standard deviation of the logarithm of the arms' ratio from interval
// to interval: instances whose difference wanders more also stand further
// apart. alpha is the error over all looks.
func OffsetAllowance(alpha, noise float64) float64 {
	return min((offsetFloor+offsetOfNoise*noise)*referenceAlpha/alpha, mostAllowance)
}

// DriftAllowance is the same where a history shows the offset, which may have
// drifted since.
func DriftAllowance(alpha float64) float64 {
	return min(driftFloor*math.Pow(referenceAlpha/alpha, driftPower), mostAllowance)
}
