package storefront

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

const (
	// settleEvery is the mean pause between two settlements.
	settleEvery = 2 * time.Second
	// settleAtOnce is the most orders that are settled in one call.
	settleAtOnce = 50
	// queueLimit is the most orders that may wait; the checkout refuses what comes on top.
	queueLimit = 10000
)

var errQueueFull = errors.New("too many orders wait for their settlement")

// settlement books orders in the background, several at once.
type settlement struct {
	inventory *inventory.Client
	log       *slog.Logger
	tracer    trace.Tracer
	metrics   *metrics

	mu      sync.Mutex // guards waiting
	waiting []string   // order numbers, the oldest first
}

func newSettlement(client *inventory.Client, log *slog.Logger, tracer trace.Tracer) *settlement {
	return &settlement{inventory: client, log: log, tracer: tracer}
}

func (s *settlement) enqueue(order string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= queueLimit {
		return errQueueFull
	}
	s.waiting = append(s.waiting, order)
	return nil
}

func (s *settlement) length() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// run settles until ctx ends, then settles what is left.
func (s *settlement) run(ctx context.Context) {
	for {
		// The pause varies by half of itself, or the instances would settle in step, and a scrape every few seconds would
		// always see the queue at the same point of its life.
		pause := time.NewTimer(settleEvery/2 + rand.N(settleEvery))
		select {
		case <-ctx.Done():
			pause.Stop()
			s.settle(context.WithoutCancel(ctx))
			return
		case <-pause.C:
			s.settle(ctx)
		}
	}
}

// settle books the oldest orders. What cannot be booked waits for the next time.
func (s *settlement) settle(ctx context.Context) {
	s.mu.Lock()
	orders := s.waiting[:min(len(s.waiting), settleAtOnce)]
	s.waiting = append([]string(nil), s.waiting[len(orders):]...)
	s.mu.Unlock()
	if len(orders) == 0 {
		return
	}

	ctx, span := s.tracer.Start(ctx, "settle orders", trace.WithAttributes(attribute.Int("orders", len(orders))))
	defer span.End()
	if err := s.inventory.Settle(ctx, orders); err != nil {
		span.SetStatus(codes.Error, err.Error())
		s.metrics.workerJobs.WithLabelValues("put_back").Add(float64(len(orders)))
		s.log.WarnContext(ctx, "orders could not be settled, will try again", "orders", len(orders), "error", err.Error())
		s.mu.Lock()
		s.waiting = append(orders, s.waiting...)
		s.mu.Unlock()
		return
	}
	s.metrics.workerJobs.WithLabelValues("settled").Add(float64(len(orders)))
	s.log.InfoContext(ctx, "orders settled", "orders", len(orders))
}
