// Package loadgen sends requests to the shop the way customers do: when they please, not when the shop is ready.
package loadgen

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Law says how many requests arrive when: a mean rate that swings like a day, and bursts on top.
type Law struct {
	Rate   float64       // mean arrivals a second, bursts not counted
	Swing  float64       // 0..1: how far the rate swings around its mean
	Period time.Duration // of one swing
	Bursts []Burst
}

// Burst multiplies the rate for a while.
type Burst struct {
	Start, Length time.Duration
	Factor        float64 // at least 1
}

// Validate says what is wrong with the law.
func (l Law) Validate() error {
	switch {
	case !(l.Rate > 0):
		return errors.New("the rate must be positive")
	case !(l.Swing >= 0 && l.Swing < 1):
		return errors.New("the swing must be at least 0 and below 1")
	case l.Period <= 0:
		return errors.New("the period must be positive")
	}
	return nil
}

// At returns the arrivals a second at a time since the start.
func (l Law) At(t time.Duration) float64 {
	rate := l.Rate * (1 + l.Swing*math.Sin(2*math.Pi*t.Seconds()/l.Period.Seconds()))
	for _, burst := range l.Bursts {
		if t >= burst.Start && t < burst.Start+burst.Length {
			rate *= burst.Factor
		}
	}
	return rate
}

// peak is a rate that At never exceeds.
func (l Law) peak() float64 {
	factor := 1.0
	for i, burst := range l.Bursts {
		together := burst.Factor
		for _, other := range l.Bursts[:i] {
			if other.Start < burst.Start+burst.Length && burst.Start < other.Start+other.Length {
				together *= other.Factor
			}
		}
		factor = max(factor, together)
	}
	return l.Rate * (1 + l.Swing) * factor
}

// RandomBursts returns bursts of 10 to 25 seconds and 1.3 to 1.7 times the rate, four minutes apart in the mean.
func RandomBursts(seed uint64, until time.Duration) []Burst {
	random := rand.New(rand.NewPCG(seed, 1))
	var bursts []Burst
	for t := time.Duration(0); ; {
		t += time.Minute + time.Duration(random.ExpFloat64()*float64(3*time.Minute))
		if t >= until {
			return bursts
		}
		extra := time.Duration(random.Float64() * float64(15*time.Second))
		burst := Burst{Start: t, Length: 10*time.Second + extra, Factor: 1.3 + 0.4*random.Float64()}
		bursts = append(bursts, burst)
		t += burst.Length
	}
}

// arrivals draws a Poisson process of the law's rate by thinning: arrivals at the peak rate, each kept with the
// probability rate/peak (Lewis and Shedler 1979, https://doi.org/10.1002/nav.3800260304).
type arrivals struct {
	law    Law
	peak   float64
	random *rand.Rand
	t      time.Duration
}

func newArrivals(law Law, random *rand.Rand) *arrivals {
	return &arrivals{law: law, peak: law.peak(), random: random}
}

// next returns the time of the next arrival since the start.
func (a *arrivals) next() time.Duration {
	for {
		a.t += time.Duration(a.random.ExpFloat64() / a.peak * float64(time.Second))
		if a.random.Float64()*a.peak < a.law.At(a.t) {
			return a.t
		}
	}
}
