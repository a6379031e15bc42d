package template

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

// sharedData is where labelled lines lie, if they are there at all.
const sharedData = "../../../shared/data/logs-traces"

// column reads one column of a compressed table without quotes.
func column(tb testing.TB, file, name string) [][]byte {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Skipf("%v: the labelled lines are not part of the repository", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	var lines [][]byte
	at := -1
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		if at < 0 {
			for i, f := range fields {
				if f == name {
					at = i
				}
			}
			if at < 0 {
				tb.Fatalf("%s has no column %s", file, name)
			}
			continue
		}
		lines = append(lines, []byte(fields[at]))
	}
	return lines
}

// generated are lines such as services write, for machines without the labelled ones.
func generated(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	lines := make([][]byte, n)
	for i := range lines {
		switch r.IntN(6) {
		case 0:
			lines[i] = fmt.Appendf(nil, "GET /api/v1/orders/%d from 10.0.%d.%d answered 200 in %d ms", r.IntN(1e6), r.IntN(256), r.IntN(256), r.IntN(900))
		case 1:
			lines[i] = fmt.Appendf(nil, "user %x signed in, session=%016x device=phone", r.Uint32(), r.Uint64())
		case 2:
			lines[i] = fmt.Appendf(nil, "cache miss for key order:%d, loading it from the database", r.IntN(1e6))
		case 3:
			lines[i] = []byte("connection pool exhausted, waiting for a free connection")
		case 4:
			lines[i] = fmt.Appendf(nil, "Order(id=%d, customer=%d, items=[Item(sku=a%d, count=%d), Item(sku=b%d, count=%d)]) accepted", r.IntN(1e6), r.IntN(1e5), r.IntN(99), r.IntN(9), r.IntN(99), r.IntN(9))
		default:
			lines[i] = fmt.Appendf(nil, "retry %d of request %016x to payments.internal:8443 after connection reset by peer", r.IntN(5), r.Uint64())
		}
	}
	return lines
}

var sink uint64

func benchmarkScan(b *testing.B, lines [][]byte) {
	b.Helper()
	total := 0
	for _, line := range lines {
		total += len(line)
	}
	var s Scanner
	s.Scan(make([]byte, MaxBytes)) // its buffer
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			s.Scan(line)
			sink += s.Hash()
		}
	}
	b.ReportMetric(float64(len(lines))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

// BenchmarkScan is what every line costs: its masked text and its identity.
func BenchmarkScan(b *testing.B) {
	b.Run("generated", func(b *testing.B) { benchmarkScan(b, generated(2000)) })
	files, _ := filepath.Glob(filepath.Join(sharedData, "loghub-2k", "*.tsv.gz"))
	for _, f := range files {
		b.Run(strings.TrimSuffix(filepath.Base(f), ".tsv.gz"), func(b *testing.B) { benchmarkScan(b, column(b, f, "content")) })
	}
	b.Run("trainticket", func(b *testing.B) {
		benchmarkScan(b, column(b, filepath.Join(sharedData, "trainticket-callsite-2023", "lines.tsv.gz"), "message"))
	})
}

// longSkeletons have 200 tokens each.
func longSkeletons(n int) []Skeleton {
	r := rand.New(rand.NewPCG(3, 4))
	skeletons := make([]Skeleton, n)
	for i := range skeletons {
		var t strings.Builder
		fmt.Fprintf(&t, "statement w%c of program:", 'a'+i%20)
		for t.Len() < 750 {
			fmt.Fprintf(&t, " part %c%c, Item(id=<*>, name=%c)", 'a'+r.IntN(3), 'a'+r.IntN(26), 'a'+r.IntN(26))
		}
		skeletons[i] = Skeleton{Text: t.String(), Level: logs.Info, Logger: "bench"}
	}
	return skeletons
}

func shortSkeletons(n int) []Skeleton {
	r := rand.New(rand.NewPCG(5, 6))
	word := func() string {
		w := make([]byte, 5)
		for i := range w {
			w[i] = byte('a' + r.IntN(26))
		}
		return string(w)
	}
	skeletons := make([]Skeleton, n)
	for i := range skeletons {
		skeletons[i] = Skeleton{Text: "session of " + word() + " at <*> ended after <*> requests with state " + word(), Level: logs.Info}
	}
	return skeletons
}

func BenchmarkMerge(b *testing.B) {
	for _, c := range []struct {
		name      string
		skeletons []Skeleton
	}{
		{"1000-long", longSkeletons(1000)},
		{"10000-short", shortSkeletons(10_000)},
		{"100000-short", shortSkeletons(100_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			bytes := 0
			for _, s := range c.skeletons {
				bytes += len(s.Text)
			}
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				sink += uint64(len(Merge(c.skeletons)))
			}
		})
	}
}
