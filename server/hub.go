package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/judged-dev/judged/internal/store"
)

// hub tells those who watch an analysis that it has changed. Changes of this
// replica come at once, those of others when the store is asked next.
type hub struct {
	store *store.Store
	log   *slog.Logger
	// stopping is closed when watchers should go elsewhere.
	stopping chan struct{}
	stopped  sync.Once

	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{}
	seen     map[string]int64
}

func newHub(s *store.Store, log *slog.Logger) *hub {
	return &hub{store: s, log: log, stopping: make(chan struct{}), watchers: map[string]map[chan struct{}]struct{}{}, seen: map[string]int64{}}
}

// watch returns a channel that gets something after every change, and the way to
// end it. Several changes may come as one.
func (h *hub) watch(id string) (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[id] == nil {
		h.watchers[id] = map[chan struct{}]struct{}{}
	}
	h.watchers[id][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers[id], c)
		if len(h.watchers[id]) == 0 {
			delete(h.watchers, id)
			delete(h.seen, id)
		}
	}
}

// changed wakes those who watch an analysis.
func (h *hub) changed(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers[id] {
		select {
		case c <- struct{}{}:
		default: // it has not looked since the change before
		}
	}
}

// stop sends everybody who watches elsewhere.
func (h *hub) stop() { h.stopped.Do(func() { close(h.stopping) }) }

// askEvery is how long a change of another replica may stay unseen.
const askEvery = 500 * time.Millisecond

// run asks the store for changes of other replicas until ctx ends.
func (h *hub) run(ctx context.Context) {
	if !h.store.Shared() {
		return
	}
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		h.mu.Lock()
		ids := make([]string, 0, len(h.watchers))
		for id := range h.watchers {
			ids = append(ids, id)
		}
		h.mu.Unlock()
		if len(ids) == 0 {
			continue
		}
		slices.Sort(ids)
		versions, err := h.store.Versions(ctx, ids)
		if err != nil {
			h.log.Debug("changes of other replicas cannot be seen", slog.Any("error", err))
			continue
		}
		for id, v := range versions {
			h.mu.Lock()
			news := h.seen[id] != v
			if h.watchers[id] != nil {
				h.seen[id] = v
			}
			h.mu.Unlock()
			if news {
				h.changed(id)
			}
		}
	}
}
