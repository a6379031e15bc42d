package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/judged-dev/judged/internal/store"
)

// keeper forgets what has ended long ago, on one replica at a time.
type keeper struct {
	store     *store.Store
	retention Retention
	now       func() time.Time
	log       *slog.Logger
}

const (
	keepKind  = "keep"
	keepTask  = "keep"
	keepEvery = time.Minute
	keepBatch = 200
)

// planKeeping adds the one task of the keeper, if no replica has yet.
func planKeeping(ctx context.Context, s *store.Store, now time.Time, log *slog.Logger) {
	if err := s.Add(ctx, store.Task{ID: keepTask, Kind: keepKind, Due: now}); err != nil {
		log.Error("nothing is forgotten until the next start", slog.Any("error", err))
	}
}

// keep forgets a bounded number, so that it never holds the database for long,
// and comes back soon if there was more.
func (k *keeper) keep(ctx context.Context, t store.Task) error {
	next, forgotten := keepEvery, 0
	if k.retention.Analyses > 0 {
		var err error
		if forgotten, err = k.store.Forget(ctx, k.now().Add(-k.retention.Analyses), keepBatch); err != nil {
			return err
		}
		if forgotten == keepBatch {
			next = time.Second
		}
	}
	documents, err := k.store.ForgetDocuments(ctx, k.now(), keepBatch)
	if err != nil {
		return err
	}
	if documents == keepBatch {
		next = time.Second
	}
	if k.retention.Audit > 0 {
		if err := k.store.ForgetEvents(ctx, k.now().Add(-k.retention.Audit), 10*keepBatch); err != nil {
			return err
		}
	}
	if forgotten > 0 {
		k.log.Debug("forgotten", slog.Int("analyses", forgotten))
	}
	return k.store.Later(ctx, t.Lease, k.now().Add(next))
}
