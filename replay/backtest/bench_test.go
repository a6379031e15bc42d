package backtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// benchmarkLine is a case with so many metrics and points.
func benchmarkLine(metrics, points int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := []byte(`{"id":"bench","source":"simulated","pairing":"split","family":"aa","window":60,"m_asked":1,"label":"pass","injected":null,"metrics":[`)
	for m := range metrics {
		if m > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"name":"m%d","kind":"gauge","direction":"increase","step_seconds":60,"start":1700000000,"baseline_start":1700000000`, m)
		for _, arm := range []string{"baseline", "canary"} {
			b = fmt.Appendf(b, `,%q:[`, arm)
			for i := range points {
				if i > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendFloat(b, 100*math.Exp(0.2*r.NormFloat64()), 'g', 6, 64)
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}

// BenchmarkDecode compares the decoder with encoding/json into structs, where a
// point that may be null is a pointer.
func BenchmarkDecode(b *testing.B) {
	for _, points := range []int{60, 1440} {
		line := benchmarkLine(1, points)
		b.Run(fmt.Sprintf("points=%d/encoding-json", points), func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				var c struct {
					ID      string `json:"id"`
					Source  string `json:"source"`
					Pairing string `json:"pairing"`
					Label   string `json:"label"`
					Window  int    `json:"window"`
					Metrics []struct {
						Name     string     `json:"name"`
						Kind     string     `json:"kind"`
						Baseline []*float64 `json:"baseline"`
						Canary   []*float64 `json:"canary"`
					} `json:"metrics"`
				}
				if err := json.Unmarshal(line, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("points=%d/decoder", points), func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			var d Decoder
			var c Case
			for b.Loop() {
				if err := d.Decode(line, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRun is the whole way of cases with one metric of 60 points, results
// written. The metric is cases a second.
func BenchmarkRun(b *testing.B) {
	const cases = 500
	text := bytes.Repeat(benchmarkLine(1, 60), cases)
	for _, spec := range []string{"default", "kayenta", "threshold=1.1"} {
		b.Run(spec, func(b *testing.B) {
			judges, err := ParseJudges([]string{spec}, judge.DefaultAlpha)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				out := NewResultWriter(io.Discard, judges)
				r, err := Run(b.Context(), []string{"-"}, Options{Judges: judges, Stdin: bytes.NewReader(text), Each: out.Write, By: [][]Dimension{{ByPairing, ByWindow}}})
				if err != nil || r.Cases != cases {
					b.Fatal(r.Cases, err)
				}
			}
			b.ReportMetric(float64(cases*b.N)/b.Elapsed().Seconds(), "cases/s")
		})
	}
}
