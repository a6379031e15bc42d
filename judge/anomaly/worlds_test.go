package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
)

// world is a kind of series. Sizes are standard deviations of logarithms.
type world struct {
	// history and window are numbers of intervals of a quarter of an hour.
	history, window int
	// noise is an AR(1) with autocorrelation rho, heavy from Student's t with 3
	// degrees of freedom.
	noise, rho float64
	heavy      bool
	// swing is the amplitude of a day with two humps, weekend by how much its
	// last two days of seven are lower.
	swing, weekend float64
	// trend is the growth a day, days a day's own level, walk a random walk's
	// step an hour.
	trend, days, walk float64
}

const day = 96 // quarters of an hour

func (w world) draw(r *rand.Rand, ratio float64) judge.Sample {
	noise := r.NormFloat64
	if w.heavy {
		noise = distuv.StudentsT{Sigma: 1 / math.Sqrt(3), Nu: 3, Src: r}.Rand
	}
	start := r.IntN(7 * day)
	var level, walk float64
	last := noise()
	x := make([]float64, w.history+w.window)
	for i := range x {
		if (start+i)%day == 0 || i == 0 {
			level = w.days * r.NormFloat64()
		}
		walk += w.walk / 2 * r.NormFloat64()
		last = w.rho*last + math.Sqrt(1-w.rho*w.rho)*noise()
		phase := 2 * math.Pi * float64((start+i)%day) / day
		v := w.swing*(math.Sin(phase)+0.5*math.Sin(2*phase)) + level + walk + w.trend*float64(i)/day + w.noise*last
		if (start+i)%(7*day) >= 5*day {
			v -= w.weekend
		}
		x[i] = 0.2 * math.Exp(v)
		if i >= w.history {
			x[i] *= ratio
		}
	}
	return judge.Sample{
		Signal:  judge.Signal{Kind: judge.Gauge, Unit: "s"},
		Pair:    judge.Pair{Canary: judge.Side{Values: x[w.history:]}},
		History: &judge.Pair{Canary: judge.Side{Values: x[:w.history]}},
		Step:    15 * time.Minute,
	}
}

// TestWorlds measures false alarms and power at alpha 0.05 without margin.
func TestWorlds(t *testing.T) {
	samples := 160
	if testing.Short() {
		samples = 50
	}
	for _, c := range []struct {
		name  string
		world world
		// most false alarms, where they are known to exceed 5 %.
		most float64
		// power asked for at change: measured, less some ten points.
		change, power float64
	}{
		{"independent", world{history: 480, window: 60, noise: 0.2}, 0.05, 1.1, 0.5},
		{"AR 0.3, heavy tails", world{history: 480, window: 60, noise: 0.2, rho: 0.3, heavy: true}, 0.05, 1.1, 0.5},
		{"AR 0.6", world{history: 480, window: 60, noise: 0.2, rho: 0.6}, 0.05, 1.2, 0.5},
		{"AR 0.9", world{history: 480, window: 60, noise: 0.2, rho: 0.9}, 0.05, 1.5, 0.4},
		{"AR 0.6, history of 120", world{history: 120, window: 60, noise: 0.2, rho: 0.6}, 0.05, 1.5, 0.4},
		{"AR 0.3, history as long as the window", world{history: 60, window: 60, noise: 0.1, rho: 0.3}, 0.05, 1.2, 0.6},
		{"wandering level", world{history: 960, window: 48, noise: 0.1, rho: 0.3, walk: 0.02}, 0.05, 1.3, 0.5},
		{"growing 5 % a day, 10 days", world{history: 960, window: 48, noise: 0.1, rho: 0.3, trend: 0.05}, 0.05, 1.1, 0.6},
		{"growing 20 % a day, 2 days", world{history: 192, window: 48, noise: 0.1, rho: 0.3, trend: 0.2}, 0.05, 1.3, 0.1},
		{"days, 3 of them", world{history: 3 * day, window: 24, noise: 0.1, rho: 0.6, swing: 0.5}, 0.05, 1.2, 0.5},
		{"days, 14 of them", world{history: 14 * day, window: 24, noise: 0.1, rho: 0.6, swing: 0.5}, 0.05, 1.15, 0.8},
		{"days that differ by 5 %", world{history: 14 * day, window: 24, noise: 0.1, rho: 0.6, swing: 0.5, days: 0.05}, 0.05, 1.2, 0.6},
		{"days, growing 2 % a day", world{history: 14 * day, window: 24, noise: 0.1, rho: 0.6, swing: 0.5, trend: 0.02}, 0.05, 1.2, 0.6},
		{"weeks, 4 of them", world{history: 28 * day, window: 24, noise: 0.1, rho: 0.6, swing: 0.5, weekend: 0.3}, 0.05, 1.2, 0.6},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		rate := func(ratio float64, samples int) float64 {
			failed := 0
			for range samples {
				s := c.world.draw(r, ratio)
				f := anomaly.Judge{}.Judge(s)
				consistent(t, s, f)
				if f.Verdict == judge.Fail {
					failed++
				}
			}
			return float64(failed) / float64(samples)
		}
		alarms, found := rate(1, samples), rate(c.change, samples/4)
		se := math.Sqrt(c.most * (1 - c.most) / float64(samples))
		t.Logf("%-40s A/A %4.1f %% (se %.1f)   x%.2g: %5.1f %%", c.name, 100*alarms, 100*se, c.change, 100*found)
		if alarms > c.most+3*se {
			t.Errorf("%s: %.1f %% false alarms, want at most %.1f %%", c.name, 100*alarms, 100*(c.most+3*se))
		}
		if found < c.power {
			t.Errorf("%s: a change of %g is found in %.1f %%, want %.1f %%", c.name, c.change, 100*found, 100*c.power)
		}
	}
}

// consistent tests that a finding does not contradict itself.
func consistent(t *testing.T, s judge.Sample, f judge.Finding) {
	t.Helper()
	e := f.Effect
	alpha := s.Alpha
	if alpha == 0 {
		alpha = judge.DefaultAlpha
	}
	decided := f.Verdict == judge.Pass || f.Verdict == judge.Fail
	switch {
	case f.Reason == "" || f.Judge != anomaly.Name:
	case e.Low > e.Estimate || e.Estimate > e.High:
	case decided && (math.IsNaN(e.Low) || math.IsNaN(e.High) || math.IsNaN(f.PValue)):
	case !math.IsNaN(f.PValue) && (f.PValue <= alpha) != (f.Verdict == judge.Fail):
	case f.Needed < 0 || f.Needed > 0 && f.Verdict != judge.Inconclusive:
	case f.Verdict == judge.Fail && f.Classification != judge.High && f.Classification != judge.Low:
	case f.Verdict == judge.Fail && f.Classification == judge.High && s.Signal.Direction == judge.Decrease:
	case f.Verdict == judge.Fail && f.Classification == judge.Low && s.Signal.Direction == judge.Increase:
	case f.Verdict == judge.Inconclusive && f.Classification != judge.Unclear && f.Classification != judge.NoData:
	case f.Verdict == judge.Error && f.Classification != judge.Failed:
	default:
		return
	}
	t.Errorf("the finding contradicts itself: %+v", f)
}
