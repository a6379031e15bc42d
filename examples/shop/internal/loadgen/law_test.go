package loadgen

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestLawSwingsAroundItsRate(t *testing.T) {
	law := Law{Rate: 200, Swing: 0.4, Period: 12 * time.Minute}
	for _, test := range []struct {
		at   time.Duration
		want float64
	}{
		{0, 200},
		{3 * time.Minute, 280},
		{6 * time.Minute, 200},
		{9 * time.Minute, 120},
		{15 * time.Minute, 280},
	} {
		if got := law.At(test.at); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("At(%s) = %v, want %v", test.at, got, test.want)
		}
	}
}

func TestBurstMultipliesTheRateWhileItLasts(t *testing.T) {
	law := Law{Rate: 100, Period: time.Minute, Bursts: []Burst{{Start: 10 * time.Second, Length: 5 * time.Second, Factor: 1.5}}}
	for at, want := range map[time.Duration]float64{
		9 * time.Second: 100, 10 * time.Second: 150, 14 * time.Second: 150, 15 * time.Second: 100,
	} {
		if got := law.At(at); got != want {
			t.Errorf("At(%s) = %v, want %v", at, got, want)
		}
	}
}

func TestPeakIsNeverExceeded(t *testing.T) {
	law := Law{Rate: 100, Swing: 0.4, Period: 2 * time.Minute, Bursts: []Burst{
		{Start: 10 * time.Second, Length: 30 * time.Second, Factor: 1.3},
		{Start: 25 * time.Second, Length: 30 * time.Second, Factor: 1.6}, // meets the first
		{Start: 3 * time.Minute, Length: time.Second, Factor: 1.7},
	}}
	for at := time.Duration(0); at < 4*time.Minute; at += 100 * time.Millisecond {
		if law.At(at) > law.peak() {
			t.Fatalf("At(%s) = %v exceeds the peak %v", at, law.At(at), law.peak())
		}
	}
}

func TestRandomBurstsNeverMeet(t *testing.T) {
	bursts := RandomBursts(20, 10*time.Hour)
	if n := len(bursts); n < 100 || n > 200 {
		t.Errorf("%d bursts in ten hours, want about 140", n)
	}
	for i, burst := range bursts {
		if burst.Factor < 1.3 || burst.Factor > 1.7 {
			t.Errorf("burst %d has the factor %v, want 1.3 to 1.7", i, burst.Factor)
		}
		if i > 0 && burst.Start < bursts[i-1].Start+bursts[i-1].Length {
			t.Errorf("burst %d starts at %s, before the one before it is over", i, burst.Start)
		}
	}
}

// The number of arrivals is Poisson: its variance is its mean, the integral of the rate.
func TestArrivalsFollowTheLaw(t *testing.T) {
	law := Law{Rate: 210, Swing: 0.4, Period: 12 * time.Minute, Bursts: RandomBursts(7, time.Hour)}
	const step = 100 * time.Millisecond
	minutes := [60]float64{}
	for at := time.Duration(0); at < time.Hour; at += step {
		minutes[at/time.Minute] += law.At(at) * step.Seconds()
	}
	schedule := newArrivals(law, rand.New(rand.NewPCG(7, 2)))
	counts := [60]float64{}
	last := time.Duration(0)
	for at := schedule.next(); at < time.Hour; at = schedule.next() {
		if at < last {
			t.Fatalf("arrival at %s comes after one at %s", at, last)
		}
		last = at
		counts[at/time.Minute]++
	}
	chiSquare := 0.0
	for i, want := range minutes {
		chiSquare += (counts[i] - want) * (counts[i] - want) / want
	}
	// qchisq(c(0.001, 0.999), 60) in R: 30.3, 99.6
	if chiSquare < 30.3 || chiSquare > 99.6 {
		t.Errorf("chi-square of the arrivals a minute = %.1f on 60 degrees of freedom", chiSquare)
	}
}

func TestValidateNamesTheMistake(t *testing.T) {
	good := Law{Rate: 1, Swing: 0.4, Period: time.Minute}
	if err := good.Validate(); err != nil {
		t.Errorf("a good law: %v", err)
	}
	for name, law := range map[string]Law{
		"no rate":         {Swing: 0.4, Period: time.Minute},
		"NaN rate":        {Rate: math.NaN(), Period: time.Minute},
		"swing above one": {Rate: 1, Swing: 1.5, Period: time.Minute},
		"no period":       {Rate: 1, Swing: 0.4},
	} {
		if law.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
