package inventory

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
)

// newTestClient returns a client of a real server, and the storage behind it, on 2026-01-01.
func newTestClient(t *testing.T) (*Client, *Storage) {
	t.Helper()
	storage := NewStorage(1)
	storage.now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	tracer := noop.NewTracerProvider().Tracer("")
	server := httptest.NewServer(NewServer(storage, tracer, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	return NewClient(server.URL, tracer), storage
}

func TestOneByOneIsTheSameAsABatch(t *testing.T) {
	client, _ := newTestClient(t)
	skus := []string{"sku-0003", "sku-0499", "sku-0000"}
	batch, err := client.Items(t.Context(), skus)
	if err != nil {
		t.Fatal(err)
	}
	for i, sku := range skus {
		item, err := client.Item(t.Context(), sku)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(item, batch[i]); diff != "" {
			t.Errorf("%s differs in the batch (-alone +batch):\n%s", sku, diff)
		}
	}
}

func TestPagesCoverTheCatalogue(t *testing.T) {
	client, _ := newTestClient(t)
	page, err := client.Page(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(page) != PageSize || page[0].SKU != SKU(PageSize) {
		t.Errorf("page 1 has %d items and starts with %s", len(page), page[0].SKU)
	}
	if _, err := client.Page(t.Context(), CatalogueSize/PageSize); !errors.Is(err, ErrUnknown) {
		t.Errorf("the page after the last: %v, want %v", err, ErrUnknown)
	}
}

func TestWhatDoesNotExistIsUnknown(t *testing.T) {
	client, _ := newTestClient(t)
	for _, sku := range []string{"sku-9999", "sku--001", "shoe"} {
		if _, err := client.Item(t.Context(), sku); !errors.Is(err, ErrUnknown) {
			t.Errorf("item %s: %v, want %v", sku, err, ErrUnknown)
		}
		if _, err := client.Stock(t.Context(), sku); !errors.Is(err, ErrUnknown) {
			t.Errorf("stock of %s: %v, want %v", sku, err, ErrUnknown)
		}
	}
}

func TestReserveAndSettle(t *testing.T) {
	client, _ := newTestClient(t)
	var calls []string
	client.Observe = func(operation string, err error) {
		if err != nil {
			operation += " failed"
		}
		calls = append(calls, operation)
	}
	if err := client.Reserve(t.Context(), []Line{{SKU: "sku-0001", Quantity: 2}}); err != nil {
		t.Error(err)
	}
	if err := client.Settle(t.Context(), []string{"a-1", "a-2"}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"reserve", "settle"}, calls); diff != "" {
		t.Errorf("observed calls (-want +got):\n%s", diff)
	}
}

func TestOutOfStockHasNoPriceUntilTheDelivery(t *testing.T) {
	_, storage := newTestClient(t)
	rank := -1
	without := 0
	for r := range CatalogueSize {
		item := storage.item(r)
		if (item.PriceCents == nil) != (item.Stock == 0) {
			t.Errorf("%s has the stock %d and the price %v", item.SKU, item.Stock, item.PriceCents)
		}
		if item.PriceCents == nil {
			rank = r
			without++
		}
	}
	if without == 0 || without > 15 {
		t.Fatalf("%d items are out of stock, want a few", without)
	}
	if rank < bestSellers {
		t.Errorf("the best seller %d is out of stock", rank)
	}
	later := storage.now().Add(deliveryEvery)
	storage.now = func() time.Time { return later }
	if storage.item(rank).PriceCents == nil {
		t.Errorf("item %d is still out of stock after the delivery", rank)
	}
}

func TestWaitsEndWithTheCaller(t *testing.T) {
	_, storage := newTestClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := storage.access(ctx, wait{median: time.Hour}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestOneOperationInManyFindsTheStorageBusy(t *testing.T) {
	storage := NewStorage(1)
	const n = 100 * busyOneIn
	busy := 0
	for range n {
		if err := storage.access(t.Context(), wait{}, 1); errors.Is(err, ErrBusy) {
			busy++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(float64(busy)-100) > 4*math.Sqrt(100) {
		t.Errorf("%d of %d operations were busy, want about 100", busy, n)
	}
}
