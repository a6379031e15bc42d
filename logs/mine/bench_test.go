package mine

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
)

// shared is where labelled lines lie, if they are there at all.
const shared = "../../../shared/data/logs-traces"

// messages returns the messages of the loghub-2k sets, or lines such as services
// write where they are not there.
func messages(b *testing.B) [][]byte {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(shared, "loghub-2k", "*.tsv.gz"))
	if err != nil {
		b.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		all = append(all, column(b, file, "content")...)
	}
	if len(all) > 0 {
		return all
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 16_000 {
		switch i % 4 {
		case 0:
			all = append(all, fmt.Appendf(nil, "GET /api/v1/orders/%d from 10.0.%d.%d answered 200 in %d ms", r.IntN(1e6), r.IntN(256), r.IntN(256), r.IntN(900)))
		case 1:
			all = append(all, fmt.Appendf(nil, "user %x signed in, session=%016x device=phone", r.Uint32(), r.Uint64()))
		case 2:
			all = append(all, []byte("connection pool exhausted, waiting for a free connection"))
		default:
			all = append(all, fmt.Appendf(nil, "retry %d of request %016x to payments.internal:8443 after connection reset by peer", r.IntN(5), r.Uint64()))
		}
	}
	return all
}

// column reads one column of a compressed table without quotes.
func column(b *testing.B, file, name string) [][]byte {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	at := -1
	var lines [][]byte
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		if at < 0 {
			for i, field := range fields {
				if field == name {
					at = i
				}
			}
			continue
		}
		lines = append(lines, []byte(fields[at]))
	}
	return lines
}

// traffic makes records of messages: requests of four lines each, on eight
// instances, a thousand lines a second.
func traffic(messages [][]byte, traced bool) (records []logs.Record, bytes int64) {
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	loggers := [...]string{"com.shop.order.OrderService", "com.shop.cart.CartController", "com.shop.pay.PaymentClient"}
	records = make([]logs.Record, len(messages))
	for i, m := range messages {
		records[i] = logs.Record{
			Time: start.Add(time.Duration(i) * time.Millisecond), Level: logs.Info,
			Logger: []byte(loggers[i%len(loggers)]), Instance: fmt.Appendf(nil, "shop-7d9f8c6b54-%05d", i/4%8), Message: m,
		}
		if traced {
			records[i].Trace = fmt.Appendf(nil, "%016x%016x", uint64(i/4)*golden, uint64(i/4))
		}
		bytes += int64(len(m))
	}
	return records, bytes
}

// BenchmarkKnownLines is what a line costs whose skeleton is known: with what time,
// level, logger, instance and trace id add to it. Drain, the usual miner, takes 175
// thousand lines a second in Python and 0.2 to 1.6 million in Go (see
// docs/evaluation.md).
func BenchmarkKnownLines(b *testing.B) {
	lines := messages(b)
	for _, c := range []struct {
		name   string
		traced bool
	}{{"traced", true}, {"untraced", false}} {
		b.Run(c.name, func(b *testing.B) {
			records, bytes := traffic(lines, c.traced)
			m := New(Options{})
			for i := range records {
				m.Add(&records[i])
			}
			pass := time.Duration(len(records)) * time.Millisecond
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				for i := range records {
					records[i].Time = records[i].Time.Add(pass) // lines come in the order of time
					m.Add(&records[i])
				}
			}
			b.ReportMetric(float64(len(records))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
		})
	}
}

// BenchmarkMillionSkeletons adds five million lines of a million distinct skeletons
// and reports the largest heap on the way, in MB: it must stay below 256.
func BenchmarkMillionSkeletons(b *testing.B) {
	const skeletons, lines = 1_000_000, 5_000_000
	b.ReportAllocs()
	var peak uint64
	for b.Loop() {
		peak = max(peak, flood(skeletons, lines))
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

// flood mines lines of so many skeletons, each with a trace id, and returns the
// largest heap that was seen.
func flood(skeletons, lines uint64) (peak uint64) {
	m := New(Options{})
	message := make([]byte, 0, 128)
	trace := make([]byte, 0, 32)
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	var stats runtime.MemStats
	for i := range lines {
		message = append(message[:0], "the state of the machine "...)
		for n := i % skeletons * golden; n > 0; n /= 26 { // words of letters: nothing to mask
			message = append(message, byte('a'+n%26))
		}
		message = append(message, " became unknown after 17 attempts of the controller"...)
		trace = fmt.Appendf(trace[:0], "%016x", i*golden)
		m.Add(&logs.Record{
			Time: start.Add(time.Duration(i) * 100 * time.Microsecond), Level: logs.Warn, Logger: []byte("controller"),
			Instance: []byte("pod-1"), Trace: trace, Message: message,
		})
		if i%(1<<16) == 0 {
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapInuse)
		}
	}
	runtime.KeepAlive(m)
	return peak
}

// BenchmarkMerge merges two sides of ten thousand skeletons.
func BenchmarkMerge(b *testing.B) {
	one := filled(10_000)
	b.ReportAllocs()
	for b.Loop() {
		m := New(Options{})
		m.Merge(one)
		m.Merge(one)
	}
}

func BenchmarkCodec(b *testing.B) {
	one := filled(10_000)
	bytes := one.AppendBinary(nil, nil)
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(bytes)))
		b.ReportAllocs()
		for b.Loop() {
			bytes = one.AppendBinary(bytes[:0], nil)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(bytes)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(bytes, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// filled returns a Miner of so many skeletons, of ten lines each.
func filled(skeletons int) *Miner {
	m := New(Options{})
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	for i := range 10 * skeletons {
		m.Add(&logs.Record{
			Time: start.Add(time.Duration(i) * time.Millisecond), Level: logs.Info, Instance: []byte("pod-1"),
			Trace: fmt.Appendf(nil, "%x", i/3), Message: fmt.Appendf(nil, "step %s took %d ms", letters(i%skeletons), i%97),
		})
	}
	return m
}

// letters writes a number in letters, so that it is no variable part.
func letters(n int) string {
	var b []byte
	for ; n > 0 || len(b) == 0; n /= 26 {
		b = append(b, byte('a'+n%26))
	}
	return "w" + string(b)
}
