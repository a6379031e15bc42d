package judgetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
)

// rungs are the changes that one draw is given, from none to the largest.
var rungs = []float64{1, 1.05, 1.1, 1.2, 1.5, 2}

// monotoneSamples are enough to see a rung that loses more than it finds: 3
// standard errors are met by 9 losses without a gain.
const monotoneSamples = 150

// testMonotone checks that a larger change of the same draw is found at least
// as often. A few samples may be lost by chance where the draw itself must
// change, as with events: McNemar's standard error (Psychometrika 12 (1947)
// 153) tells how many.
func testMonotone(t testing.TB, j judge.Judge, w World) {
	samples, _ := Trials(monotoneSamples)
	lost, gained := make([]int, len(rungs)), make([]int, len(rungs))
	for i := range samples {
		r := w.source(i)
		before := false
		for k, s := range w.ladder(r) {
			s.Signal.Direction = judge.Increase
			found := j.Judge(s).Verdict == judge.Fail
			switch {
			case before && !found:
				lost[k]++
			case !before && found:
				gained[k]++
			}
			before = found
		}
	}
	for k, ratio := range rungs {
		l, g := float64(lost[k]), float64(gained[k])
		if l-g > 3*math.Sqrt(l+g) {
			t.Errorf("of %d samples a change of %g loses %d that the one before found, and finds %d more", samples, ratio, lost[k], gained[k])
		}
	}
}

// ladder returns one draw of w with each of the rungs. Levels are multiplied.
// Of events, each of the largest change's is kept with the probability that
// leaves the smaller one, so that every rung has those of the one before and
// more.
func (w World) ladder(r *rand.Rand) []judge.Sample {
	top := w.Draw(r, rungs[len(rungs)-1])
	out := make([]judge.Sample, len(rungs))
	for k := len(rungs) - 1; k >= 0; k-- {
		out[k] = top
		if k == len(rungs)-1 {
			continue
		}
		part := rungs[k] / rungs[k+1]
		values := mapped(out[k+1].Canary.Values, func(v float64) float64 {
			if w.Kind == judge.Gauge {
				return v * part
			}
			return distuv.Binomial{N: v, P: part, Src: r}.Rand()
		})
		out[k].Canary.Values = values
	}
	return out
}

// MonotonePValue tests what a judge of levels may promise beside Run: the
// larger the canary's levels of one sample, the smaller the P-value of an
// increase and the larger that of a decrease.
func MonotonePValue(t *testing.T, j judge.Judge, worlds ...World) {
	t.Helper()
	const samples = 20
	for _, w := range worlds {
		t.Run(w.Name, func(t *testing.T) { testMonotonePValue(t, j, w, samples) })
	}
}

func testMonotonePValue(t testing.TB, j judge.Judge, w World, samples int) {
	// P-values of neighbouring factors may be equal but for rounding.
	const rounding = 1e-9
	for i := range samples {
		s := w.Draw(w.source(i), 1)
		s.Signal.Margin.Relative, s.Signal.Tolerance.Relative = 0.05, 0.25
		for _, d := range []judge.Direction{judge.Increase, judge.Decrease} {
			s.Signal.Direction = d
			last := math.NaN()
			for _, factor := range []float64{0.5, 0.8, 0.95, 1, 1.02, 1.05, 1.1, 1.2, 1.4, 2, 4} {
				m := s
				m.Canary.Values = mapped(s.Canary.Values, func(v float64) float64 { return v * factor })
				p := j.Judge(m).PValue
				if d == judge.Increase && p > last+rounding || d == judge.Decrease && p < last-rounding {
					t.Errorf("sample %d, direction %v: the P-value goes from %g to %g as the canary's levels come to %g times what they were", i, d, last, p, factor)
					return
				}
				last = p
			}
		}
	}
}

// ShiftInvariant tests what a judge of differences may promise beside Run: in
// samples of both signs, without margins and with arms that are alike, adding
// one number to both sides changes nothing but levels.
func ShiftInvariant(t *testing.T, j judge.Judge, worlds ...World) {
	t.Helper()
	for _, w := range worlds {
		t.Run(w.Name, func(t *testing.T) { testShift(t, j, w) })
	}
}

func testShift(t testing.TB, j judge.Judge, w World) {
	// The added numbers cost up to 10 bits of the 53 of a difference.
	const rounding = 1e-9
	for i, ratio := range []float64{1, 1.1, 1.5, 0.5} {
		s := shifted(w.Draw(w.source(i), ratio))
		s.Assignment = judge.Randomized
		f := j.Judge(s)
		for _, by := range []float64{-0.25, 0.0625, 1} {
			g := j.Judge(mapSides(s, func(side judge.Side) judge.Side {
				return judge.Side{Values: mapped(side.Values, func(v float64) float64 { return v + by*s.Baseline.Values[1] })}
			}))
			if g.Effect.Measure != f.Effect.Measure {
				continue // all of one sign now: another scale
			}
			if g.Verdict != f.Verdict {
				t.Errorf("shifted: verdict %v, want %v", g.Verdict, f.Verdict)
			}
			for _, v := range [][2]float64{
				{g.Effect.Estimate, f.Effect.Estimate}, {g.Effect.Low, f.Effect.Low}, {g.Effect.High, f.Effect.High}, {g.PValue, f.PValue},
			} {
				if !near(v[0], v[1], rounding) {
					t.Errorf("shifted: got %v, want %v", v[0], v[1])
				}
			}
		}
	}
}
