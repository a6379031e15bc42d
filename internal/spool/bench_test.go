package spool

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// lines are log lines as one entry has them.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "2026-11-03T12:00:%02d INFO order %d was placed by user%d@example.com in %d ms\n", i%60, i*7919, i%1000, i%200)
	}
	return b.String()
}

func BenchmarkAppend(b *testing.B) {
	c := newClock(noon)
	s := opened(b, Options{Dir: b.TempDir(), Now: c.now})
	payload := []byte(lines(3000)) // 200 KB, as a collector's batch
	entries := make([]Entry, 0, 16)
	for i := range 16 {
		entries = append(entries, Entry{First: noon, Last: noon, Attributes: Attributes{service(fmt.Sprint(i))}, Payload: payload})
	}
	b.SetBytes(int64(len(payload) * len(entries)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Append(b.Context(), "", entries); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads all of a spool, and one service in sixteen; both count the
// bytes of all.
func BenchmarkRead(b *testing.B) {
	dir, c := b.TempDir(), newClock(noon)
	s, r := opened(b, Options{Dir: dir, Now: c.now}), NewReader(dir)
	at := noon.Add(time.Second)
	payload, total := []byte(lines(1500)), 0
	for range 10 {
		var entries []Entry
		for i := range 16 {
			entries = append(entries, Entry{First: at, Last: at, Attributes: Attributes{service(fmt.Sprint(i))}, Payload: payload})
			total += len(payload)
		}
		keep(b, s, "", entries...)
	}
	for name, match := range map[string]func(Attributes) bool{
		"all":         nil,
		"one service": func(a Attributes) bool { return a.Get("service.name") == "7" },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(total))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				if err := r.Read(b.Context(), Query{After: noon, Until: at, Match: match}, func(p []byte) error { n += len(p); return nil }); err != nil || n == 0 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
