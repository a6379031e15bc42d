package fetch

import (
	"container/list"
	"time"
	"unsafe"

	"github.com/judged-dev/judged/metrics"
)

// key is a query as a map's key. A time.Time is none: the same moment differs
// by its location.
type key struct {
	expr    string
	seconds int64
	nanos   int
	step    time.Duration
	n       int
}

func keyOf(q metrics.Query) key {
	g := q.Grid
	return key{q.Expr, g.Start.Unix(), g.Start.Nanosecond(), g.Step, g.N}
}

// answer is what a source said: a result or an error.
type answer struct {
	result metrics.Result
	err    error
}

// cache keeps answers until they are too old, or too many bytes: then those go
// that were not asked for longest.
type cache struct {
	limit, bytes int64
	byKey        map[key]*list.Element
	recent       *list.List // of *kept, the last asked for in front
}

type kept struct {
	key   key
	value answer
	until time.Time
	bytes int64
}

func newCache(limit int64) cache {
	return cache{limit: limit, byKey: map[key]*list.Element{}, recent: list.New()}
}

func (c *cache) get(k key, now time.Time) (answer, bool) {
	e := c.byKey[k]
	if e == nil {
		return answer{}, false
	}
	held := entry(e)
	if !now.Before(held.until) {
		c.drop(e)
		return answer{}, false
	}
	c.recent.MoveToFront(e)
	return held.value, true
}

// put keeps an answer, unless it alone is over the limit.
func (c *cache) put(k key, a answer, until time.Time) {
	if e := c.byKey[k]; e != nil {
		c.drop(e)
	}
	n := int64(len(k.expr)) + sizeOf(a.result)
	if n > c.limit {
		return
	}
	c.byKey[k] = c.recent.PushFront(&kept{k, a, until, n})
	for c.bytes += n; c.bytes > c.limit; {
		c.drop(c.recent.Back())
	}
}

// expire drops what is too old.
func (c *cache) expire(now time.Time) {
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if !now.Before(entry(e).until) {
			c.drop(e)
		}
		e = next
	}
}

func (c *cache) drop(e *list.Element) {
	held := entry(e)
	c.recent.Remove(e)
	delete(c.byKey, held.key)
	c.bytes -= held.bytes
}

func entry(e *list.Element) *kept {
	held, _ := e.Value.(*kept) // nothing else is put in
	return held
}

// sizeOf estimates the bytes of a result. A map's entry costs about twice its
// two string headers, for its hash and free room.
func sizeOf(r metrics.Result) int64 {
	const (
		// entryBytes are those of a kept answer itself: key, element, map.
		entryBytes = 512
		labelBytes = 64
	)
	n := int64(entryBytes)
	for _, s := range r.Series {
		n += int64(unsafe.Sizeof(s)) + int64(cap(s.Points))*int64(unsafe.Sizeof(metrics.Point{}))
		for name, value := range s.Labels {
			n += labelBytes + int64(len(name)+len(value))
		}
		for _, h := range s.Histograms {
			n += int64(unsafe.Sizeof(h)) + 8*int64(cap(h.Histogram.Bounds)+cap(h.Histogram.Counts))
		}
	}
	for _, w := range r.Warnings {
		n += int64(len(w))
	}
	return n
}
