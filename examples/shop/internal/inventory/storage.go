package inventory

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrBusy is the storage's answer when it could not get a lock in time.
var ErrBusy = errors.New("storage is busy")

// ErrUnknown says that there is no item of that name.
var ErrUnknown = errors.New("no such item")

// Storage stands for the database behind an inventory. The items are in memory; every operation waits as long as a
// small database on another machine would let it wait. The waits are the only thing here that is modelled: callers
// see them through real HTTP calls.
type Storage struct {
	seed uint64
	now  func() time.Time

	mu     sync.Mutex // guards random
	random *rand.Rand
}

// NewStorage returns a storage whose waits, faults and deliveries follow from the seed.
func NewStorage(seed uint64) *Storage {
	return &Storage{seed: seed, now: time.Now, random: rand.New(rand.NewPCG(seed, 0))}
}

// wait is the law of an operation's duration: lognormal around median plus perRow for each row after the first.
type wait struct {
	median, perRow time.Duration
}

var (
	waitItem    = wait{median: 2500 * time.Microsecond}
	waitStock   = wait{median: 1500 * time.Microsecond}
	waitItems   = wait{median: 3500 * time.Microsecond, perRow: 250 * time.Microsecond}
	waitPage    = wait{median: 6 * time.Millisecond}
	waitReserve = wait{median: 6 * time.Millisecond}
	waitSettle  = wait{median: 8 * time.Millisecond, perRow: 100 * time.Microsecond}
)

const (
	// spread is the standard deviation of the logarithm of a wait: its 99th percentile is 2.3 times its median.
	spread = 0.35
	// busyOneIn: one operation in so many ends with ErrBusy.
	busyOneIn = 2500
	// bestSellers never run out: their deliveries come daily.
	bestSellers = 60
	// deliveryEvery is how long an item that ran out stays out of stock.
	deliveryEvery = 20 * time.Second
	// outOfStockPerMille is the share of the slow sellers that is out of stock at any time.
	outOfStockPerMille = 6
)

// access waits for one operation on so many rows.
func (s *Storage) access(ctx context.Context, w wait, rows int) error {
	s.mu.Lock()
	factor := math.Exp(spread * s.random.NormFloat64())
	busy := s.random.IntN(busyOneIn) == 0
	s.mu.Unlock()

	duration := time.Duration(factor * float64(w.median+time.Duration(max(rows-1, 0))*w.perRow))
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	if busy {
		return ErrBusy
	}
	return nil
}

// Item reads one item.
func (s *Storage) Item(ctx context.Context, sku string) (Item, error) {
	rank, err := rankOf(sku)
	if err != nil {
		return Item{}, err
	}
	if err := s.access(ctx, waitItem, 1); err != nil {
		return Item{}, err
	}
	return s.item(rank), nil
}

// Items reads several items in one operation, in the order they were asked for.
func (s *Storage) Items(ctx context.Context, skus []string) ([]Item, error) {
	ranks := make([]int, len(skus))
	for i, sku := range skus {
		rank, err := rankOf(sku)
		if err != nil {
			return nil, err
		}
		ranks[i] = rank
	}
	if err := s.access(ctx, waitItems, len(ranks)); err != nil {
		return nil, err
	}
	items := make([]Item, len(ranks))
	for i, rank := range ranks {
		items[i] = s.item(rank)
	}
	return items, nil
}

// Page reads one page of the catalogue; pages count from 0.
func (s *Storage) Page(ctx context.Context, page int) ([]Item, error) {
	first := page * PageSize
	if page < 0 || first >= CatalogueSize {
		return nil, ErrUnknown
	}
	if err := s.access(ctx, waitPage, 1); err != nil {
		return nil, err
	}
	items := make([]Item, 0, PageSize)
	for rank := first; rank < min(first+PageSize, CatalogueSize); rank++ {
		items = append(items, s.item(rank))
	}
	return items, nil
}

// Stock reads how much of one item is left.
func (s *Storage) Stock(ctx context.Context, sku string) (int, error) {
	rank, err := rankOf(sku)
	if err != nil {
		return 0, err
	}
	if err := s.access(ctx, waitStock, 1); err != nil {
		return 0, err
	}
	return s.item(rank).Stock, nil
}

// Reserve puts the lines aside for an order.
func (s *Storage) Reserve(ctx context.Context, lines []Line) error {
	return s.access(ctx, waitReserve, len(lines))
}

// Settle books orders that were shipped.
func (s *Storage) Settle(ctx context.Context, orders []string) error {
	return s.access(ctx, waitSettle, len(orders))
}

func (s *Storage) item(rank int) Item {
	item := Item{
		SKU:       SKU(rank),
		Name:      "Item no. " + strconv.Itoa(rank),
		ListCents: 499 + int64(rank*7919%12000),
	}
	if s.outOfStock(rank) {
		return item
	}
	price := item.ListCents * 9 / 10
	item.PriceCents = &price
	item.Stock = 5 + rank%40
	return item
}

// outOfStock follows from the seed and the time only, so that all callers see the same shelves.
func (s *Storage) outOfStock(rank int) bool {
	if rank < bestSellers {
		return false
	}
	delivery := s.now().UnixNano() / int64(deliveryEvery)
	hash := fnv.New64a()
	hash.Write(strconv.AppendUint(nil, s.seed, 10))
	hash.Write([]byte{'/'})
	hash.Write(strconv.AppendInt(nil, delivery, 10))
	hash.Write([]byte{'/'})
	hash.Write(strconv.AppendInt(nil, int64(rank), 10))
	return rand.New(rand.NewPCG(hash.Sum64(), 0)).IntN(1000) < outOfStockPerMille
}

func rankOf(sku string) (int, error) {
	digits, ok := strings.CutPrefix(sku, "sku-")
	if !ok {
		return 0, ErrUnknown
	}
	rank, err := strconv.Atoi(digits)
	if err != nil || rank < 0 || rank >= CatalogueSize {
		return 0, ErrUnknown
	}
	return rank, nil
}
