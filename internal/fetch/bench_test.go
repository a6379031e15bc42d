package fetch

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// sixty is a source that answers sixty points at once.
func sixty() *source {
	r := resultOf(60, "pod")
	return &source{answer: func(context.Context, metrics.Query) (metrics.Result, error) { return r, nil }}
}

// BenchmarkShare is what sharing adds to one query, beside a call of the source.
func BenchmarkShare(b *testing.B) {
	b.Run("kept", func(b *testing.B) {
		s := Share(sixty(), Options{})
		defer s.Close()
		for b.Loop() {
			_, _ = s.Query(b.Context(), up("up"))
		}
	})
	b.Run("asked", func(b *testing.B) {
		s := Share(sixty(), Options{Keep: -1})
		defer s.Close()
		for b.Loop() {
			_, _ = s.Query(b.Context(), up("up"))
		}
	})
	b.Run("asked and kept", func(b *testing.B) {
		s := Share(sixty(), Options{})
		defer s.Close()
		q := up("up")
		for b.Loop() {
			q.Grid.Start = q.Grid.Start.Add(1)
			_, _ = s.Query(b.Context(), q)
		}
	})
}

func BenchmarkGate(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		g := NewGate(Limits{Concurrency: 8, PerSecond: 1e12, PerDay: 1e12})
		for b.Loop() {
			leave, err := g.Enter(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			leave(true)
		}
	})
	b.Run("10000 owners wait", func(b *testing.B) {
		const n = 10_000
		for b.Loop() {
			g := NewGate(Limits{Concurrency: 1})
			first, _ := g.Enter(b.Context())
			var all sync.WaitGroup
			for i := range n {
				ctx := WithOwner(b.Context(), fmt.Sprint(i))
				all.Go(func() {
					leave, err := g.Enter(ctx)
					if err != nil {
						b.Error(err)
						return
					}
					leave(true)
				})
			}
			for g.Load().Waiting < n {
				time.Sleep(time.Millisecond)
			}
			first(true)
			all.Wait()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/turn")
	})
}

// Benchmark10000Callers ask 100 queries, and no answer comes before all have
// asked.
func Benchmark10000Callers(b *testing.B) {
	const n = 10_000
	asked := 0
	for b.Loop() {
		src, everybody := sixty(), make(chan struct{})
		answer := src.answer
		src.answer = func(ctx context.Context, q metrics.Query) (metrics.Result, error) {
			<-everybody
			return answer(ctx, q)
		}
		s := Share(src, Options{})
		var all sync.WaitGroup
		for i := range n {
			ctx := WithOwner(b.Context(), fmt.Sprint(i))
			all.Go(func() { _, _ = s.Query(ctx, up(fmt.Sprint(i%100))) })
		}
		for s.Stats().Queries < n {
			time.Sleep(time.Millisecond)
		}
		close(everybody)
		all.Wait()
		s.Close()
		asked = src.count()
	}
	if asked != 100 {
		b.Errorf("asked %d times, want 100", asked)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/caller")
}
