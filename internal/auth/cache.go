package auth

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// What the cache holds at most. The claims of a token, decoded, take about
// five times as much memory as the token: 40 MB altogether.
const (
	cachedTokens = 4096
	cachedBytes  = 8 << 20
)

// verification is a token that was found to be good.
type verification struct {
	hash   [sha256.Size]byte
	size   int // of the token, in bytes
	caller *Caller
	// until is when it is good no longer, the clock's tolerance included.
	until time.Time
	// It holds only as long as the issuer publishes these keys.
	provider *provider
	keys     *keySet
}

// cache remembers verified tokens, those that were used last. It knows hashes
// only: no token stays in memory.
type cache struct {
	maxTokens, maxBytes int

	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*list.Element
	order  *list.List // of *verification, the last used in front
	bytes  int
}

func newCache(maxTokens, maxBytes int) *cache {
	return &cache{maxTokens: maxTokens, maxBytes: maxBytes, byHash: map[[sha256.Size]byte]*list.Element{}, order: list.New()}
}

// get returns whose token this is, or nil.
func (c *cache) get(hash [sha256.Size]byte, now time.Time) *Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	place := c.byHash[hash]
	if place == nil {
		return nil
	}
	v, _ := place.Value.(*verification)
	if now.After(v.until) || v.provider.keys.Load() != v.keys {
		c.remove(place)
		return nil
	}
	c.order.MoveToFront(place)
	return v.caller
}

func (c *cache) put(v *verification) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.byHash[v.hash]; place != nil { // two requests verified it
		c.remove(place)
	}
	c.byHash[v.hash] = c.order.PushFront(v)
	c.bytes += v.size
	for c.order.Len() > c.maxTokens || c.bytes > c.maxBytes {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(place *list.Element) {
	v, _ := c.order.Remove(place).(*verification)
	delete(c.byHash, v.hash)
	c.bytes -= v.size
}
