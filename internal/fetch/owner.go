package fetch

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// WithOwner says on whose behalf queries are made: an analysis, by its ID.
// Owners who wait for the same source get their turns one after the other. All
// queries without an owner count as one owner's.
func WithOwner(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, ownersKey{}, &owners{ids: []string{id}})
}

type ownersKey struct{}

// mostOwners bounds who stands in line for one query; those who join later get
// the answer when the others do.
const mostOwners = 16

// owners are on whose behalf a query is made. Who joins a query of another
// owner stands in line for it as well: otherwise it would wait for all that the
// other had asked before.
type owners struct {
	mu      sync.Mutex
	ids     []string
	waiting map[*waiter]*Gate
}

func ownersOf(ctx context.Context) *owners {
	if o, ok := ctx.Value(ownersKey{}).(*owners); ok {
		return o
	}
	return &owners{ids: []string{""}}
}

// share returns owners to which others may be added, for a query that others
// may join.
func (o *owners) share() *owners {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &owners{ids: slices.Clone(o.ids)}
}

// add lets those of joining stand in line for what o waits for.
func (o *owners) add(joining *owners) {
	joining.mu.Lock()
	ids := joining.ids // only grows
	joining.mu.Unlock()
	for _, id := range ids {
		o.mu.Lock()
		if len(o.ids) >= mostOwners || slices.Contains(o.ids, id) {
			o.mu.Unlock()
			continue
		}
		o.ids = append(o.ids, id)
		gates := maps.Clone(o.waiting)
		o.mu.Unlock() // a gate takes this lock while it holds its own
		for w, g := range gates {
			g.enlist(w, id)
		}
	}
}

// wait notes what a gate holds back and returns for whom.
func (o *owners) wait(w *waiter, g *Gate) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == nil {
		o.waiting = map[*waiter]*Gate{}
	}
	o.waiting[w] = g
	return o.ids
}

func (o *owners) done(w *waiter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, w)
}

// areWaiting reports whether a gate holds the query back.
func (o *owners) areWaiting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) > 0
}
