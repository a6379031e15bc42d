package compare

import (
	"time"

	"github.com/judged-dev/judged/logs/mine"
)

// Sides are the mined lines that are compared.
type Sides struct {
	Baseline, Canary *mine.Miner
	// History are lines of either side from before the release; nil if there are
	// none. What they hold is not new.
	History *mine.Miner
	// Share is the canary's part of the traffic, in (0, 1); 0 if nobody knows. It
	// matters where requests cannot be counted.
	Share float64
}

// Options say what is looked for and what it means. The zero value has the
// defaults.
type Options struct {
	// Severity says how bad a change is.
	Severity Severity
	// Ratio and Events are those of occurrences.Options.
	Ratio, Events float64
	// Tolerance is the share of the canary's requests (or of what the baseline logs)
	// that a new message may be in and a PASS not have noticed; 0 is
	// DefaultTolerance.
	Tolerance float64
	// SilenceFails makes a canary that logs nothing, while the baseline does, FAIL;
	// otherwise it is INCONCLUSIVE.
	SilenceFails bool
	// Looks and Last are those of occurrences.Options.
	Looks, Last bool
	// Clean is applied to every text that people will read; nil leaves them as they
	// are.
	Clean func(string) string
	// Now is the time by which pins expire.
	Now time.Time
}

// DefaultTolerance is the share of requests in which a new message may be
// overlooked.
const DefaultTolerance = 0.25
