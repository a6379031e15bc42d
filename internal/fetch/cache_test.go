package fetch

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

func resultOf(points int, labels ...string) metrics.Result {
	s := metrics.Series{Labels: metrics.Labels{}, Points: make([]metrics.Point, points)}
	for _, l := range labels {
		s.Labels[l] = "value of " + l
	}
	return metrics.Result{Series: []metrics.Series{s}}
}

func TestCache(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	k := func(i int) key { return key{expr: fmt.Sprint(i)} }
	one := 1 + sizeOf(resultOf(100))
	c := newCache(3 * one)
	for i := range 3 {
		c.put(k(i), answer{result: resultOf(100)}, now.Add(time.Minute))
	}
	if _, ok := c.get(k(0), now); !ok {
		t.Error("the first is gone")
	}
	c.put(k(3), answer{result: resultOf(100)}, now.Add(2*time.Minute))
	for i, want := range []bool{true, false, true, true} {
		if _, ok := c.get(k(i), now); ok != want {
			t.Errorf("answer %d is kept: %v, want %v: the least recently used one goes", i, ok, want)
		}
	}
	c.put(k(4), answer{result: resultOf(1000)}, now.Add(time.Minute))
	if _, ok := c.get(k(4), now); ok || c.recent.Len() != 3 {
		t.Error("an answer over the limit is kept, or cost others their place")
	}
	c.put(k(3), answer{result: resultOf(50)}, now.Add(2*time.Minute))
	if c.recent.Len() != 3 || c.bytes >= 3*one {
		t.Errorf("%d answers of %d bytes, want the old one replaced", c.recent.Len(), c.bytes)
	}
	if _, ok := c.get(k(0), now.Add(time.Minute)); ok {
		t.Error("got what is too old")
	}
	c.expire(now.Add(time.Minute))
	if c.recent.Len() != 1 || len(c.byKey) != 1 {
		t.Errorf("%d answers are left, want the last one", c.recent.Len())
	}
	c.expire(now.Add(time.Hour))
	if c.bytes != 0 || len(c.byKey) != 0 {
		t.Errorf("%d bytes of nothing", c.bytes)
	}
}

// What the cache counts is what it holds: within a factor of 1.5, since a map
// has free room and the allocator rounds up.
func TestSizeOf(t *testing.T) {
	for name, result := range map[string]func(int) metrics.Result{
		"one series": func(int) metrics.Result { return resultOf(60) },
		"many labels": func(i int) metrics.Result {
			r := metrics.Result{}
			for s := range 10 {
				r.Series = append(r.Series, metrics.Series{Labels: metrics.Labels{
					"pod": fmt.Sprint("shop-5d4f8c7b9-", i, s), "namespace": fmt.Sprint("production-", i), "version": fmt.Sprint("v1.9.", i),
				}})
			}
			return r
		},
		"nothing": func(int) metrics.Result { return metrics.Result{} },
	} {
		const n = 2000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := newCache(1 << 40)
		for i := range n {
			c.put(key{expr: fmt.Sprint(i)}, answer{result: result(i)}, time.Unix(1, 0))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := float64(after.HeapAlloc-before.HeapAlloc) / float64(c.bytes)
		runtime.KeepAlive(c)
		if held > 1.5 || held < 1/1.5/1.5 {
			t.Errorf("%s: holds %.2f times what it counts (%d bytes)", name, held, c.bytes/n)
		}
	}
}
