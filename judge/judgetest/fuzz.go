package judgetest

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// Fuzz feeds j samples made of arbitrary bits and checks that its findings
// neither panic nor contradict themselves or their sample.
func Fuzz(f *testing.F, j judge.Judge, kind judge.Kind) {
	var seed []byte
	for _, v := range []float64{1, 2, 0, -1, 3.37, 1e308, 5e-324, math.Inf(1), math.NaN(), 100, 40, 1e-9} {
		seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(v))
	}
	f.Add(seed, byte(0))
	f.Add(append(append(seed, seed...), seed...), byte(0xff))
	f.Fuzz(func(t *testing.T, data []byte, options byte) {
		var x []float64
		for ; len(data) >= 8; data = data[8:] {
			x = append(x, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		}
		s := judge.Sample{Signal: judge.Signal{Kind: kind, Direction: judge.Direction(options % 3)}}
		s.Signal.Margin = judge.Margin{Relative: 0.05}
		s.Signal.Tolerance = judge.Margin{Relative: 0.25}
		if options&4 != 0 {
			s.Signal.Tolerance.Absolute = 0.001
		}
		if options&8 != 0 {
			s.Signal.Margin.Absolute = 1e-4
		}
		sides := 2
		if options&16 != 0 || kind == judge.Ratio {
			sides = 4
		}
		n := len(x) / sides
		s.Baseline.Values, s.Canary.Values = x[:n:n], x[n:2*n:2*n]
		if sides == 4 {
			s.Baseline.Totals, s.Canary.Totals = x[2*n:3*n:3*n], x[3*n:4*n:4*n]
		}
		if options&32 != 0 {
			s.History = &judge.Pair{Baseline: s.Canary, Canary: s.Baseline}
		}
		if options&64 != 0 {
			s.Alpha = 1e-6
		}
		if options&128 != 0 {
			s.Look = func(alpha float64) float64 { return alpha / 7 }
		}
		checkFinding(t, j, s, judgeTwice(t, j, s))
	})
}
