package server_test

import (
	"bytes"
	"compress/gzip"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
)

// BenchmarkCompression compresses an answer of some 64 KiB. saved-us is what
// the saved bytes take on a network of 1 Gbit/s.
func BenchmarkCompression(b *testing.B) {
	request := samples(75, 60, 1.01)
	answer, err := protojson.Marshal(wire.JudgmentProto(analysis.Judge(wire.Inputs(request), 0.05), "bench"))
	if err != nil {
		b.Fatal(err)
	}
	for name, level := range map[string]int{"fastest": gzip.BestSpeed, "default": gzip.DefaultCompression} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			var out bytes.Buffer
			z, err := gzip.NewWriterLevel(&out, level)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				out.Reset()
				z.Reset(&out)
				if _, err := z.Write(answer); err != nil {
					b.Fatal(err)
				}
				if err := z.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(answer)-out.Len())*8/1000, "saved-us")
		})
	}
}
