package kayenta

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// body returns a request of one metric with n points a side, as Kayenta sends
// it: latencies with all of their digits.
func body(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	side := func() []byte {
		b := []byte{'['}
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, 100*math.Exp(r.NormFloat64()/2), 'g', -1, 64)
		}
		return append(b, ']')
	}
	return fmt.Appendf(nil, `{"canaryConfig":{"name":"bench","metrics":[{"name":"latency","groups":["all"],"analysisConfigurations":{"canary":{"direction":"increase"}},"query":{"type":"prometheus","metricName":"m"}}],"classifier":{"groupWeights":{"all":100}}},"scoreThresholds":{"pass":95,"marginal":75},"metricSetPairList":[{"name":"latency","id":"1","tags":{},"values":{"control":%s,"experiment":%s},"scopes":{}}]}`, side(), side())
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, n := range []int{60, 1440, 10000} {
		data := body(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeRequest(data); err != nil {
					b.Fatal(err)
				}
			}
		})
		// What encoding/json takes for the arrays alone.
		b.Run(fmt.Sprintf("encoding-json/n=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var v struct {
					MetricSetPairList []struct{ Values map[string][]float64 }
				}
				if err := json.Unmarshal(data, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJudgeLines is the whole way of a line: read, decoded, judged,
// encoded, on all processors.
func BenchmarkJudgeLines(b *testing.B) {
	for _, n := range []int{60, 1440, 10000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			line := append(body(n), '\n')
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			in := bytes.NewReader(bytes.Repeat(line, b.N))
			b.ResetTimer()
			if err := JudgeLines(context.Background(), in, io.Discard, LinesOptions{}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "judgments/s")
		})
	}
}
