package decode

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

// benchLines writes n lines whose fields differ as those of a service do.
func benchLines(n int, line func(i int) string) []byte {
	var b bytes.Buffer
	for i := range n {
		b.WriteString(line(i))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func jsonLine(i int) string {
	return fmt.Sprintf(`{"level":"info","ts":"2026-01-02T15:%02d:%02d.%06dZ","logger":"com.example.orders.OrderService","caller":"orders/service.go:%d","msg":"order placed for customer %d","trace_id":"4bf92f3577b34da6a3ce929d0e%06x","span_id":"00f067aa0ba902b7","amount":%d,"currency":"EUR"}`,
		i/60%60, i%60, i%1000000, i%300, i*7919, i, i%977)
}

func logfmtLine(i int) string {
	return fmt.Sprintf(`time=2026-01-02T15:%02d:%02d.%06dZ level=info logger=orders caller=orders/service.go:%d msg="order placed for customer %d" trace_id=4bf92f3577b34da6a3ce929d0e%06x amount=%d currency=EUR`,
		i/60%60, i%60, i%1000000, i%300, i*7919, i, i%977)
}

func plainLine(i int) string {
	return fmt.Sprintf("2026-01-02 15:%02d:%02d,%03d INFO [http-exec-%d] com.example.orders.OrderService: order placed for customer %d amount %d EUR from basket %d",
		i/60%60, i%60, i%1000, i%20, i*7919, i%977, i)
}

func benchmark(b *testing.B, text []byte, o Options) {
	b.Helper()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	lines := bytes.Count(text, []byte{'\n'})
	in := bytes.NewReader(text)
	r := New(in, o)
	for b.Loop() {
		in.Reset(text)
		r.lines = rewound(r.lines, in)
		if _, err := r.Read(context.Background(), func(*logs.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

// rewound keeps the buffer of a stream for the next one.
func rewound(l lines, in *bytes.Reader) lines { return lines{r: in, buf: l.buf} }

const benchCount = 10_000

func BenchmarkJSON(b *testing.B)   { benchmark(b, benchLines(benchCount, jsonLine), Options{}) }
func BenchmarkLogfmt(b *testing.B) { benchmark(b, benchLines(benchCount, logfmtLine), Options{}) }
func BenchmarkPlain(b *testing.B)  { benchmark(b, benchLines(benchCount, plainLine), Options{}) }

func BenchmarkCRIJSON(b *testing.B) {
	benchmark(b, benchLines(benchCount, func(i int) string { return "2026-01-02T15:04:05.123456789Z stdout F " + jsonLine(i) }), Options{})
}

func BenchmarkDockerJSON(b *testing.B) {
	benchmark(b, benchLines(benchCount, func(i int) string {
		return `{"log":"` + strings.ReplaceAll(jsonLine(i), `"`, `\"`) + `\n","stream":"stdout","time":"2026-01-02T15:04:05.123456789Z"}`
	}), Options{})
}
