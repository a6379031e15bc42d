package storefront

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// catalogue reads what there is to buy, through a cache.
type catalogue struct {
	inventory *inventory.Client
	items     *cache[string, inventory.Item]
	pages     *cache[int, []inventory.Item]
	metrics   *metrics
	tracer    trace.Tracer
}

func newCatalogue(client *inventory.Client, ttl time.Duration, metrics *metrics, tracer trace.Tracer) *catalogue {
	return &catalogue{
		inventory: client,
		items:     newCache[string, inventory.Item](ttl),
		pages:     newCache[int, []inventory.Item](ttl),
		metrics:   metrics,
		tracer:    tracer,
	}
}

func (c *catalogue) item(ctx context.Context, sku string) (inventory.Item, error) {
	return through(ctx, c, c.items, sku, c.inventory.Item)
}

func (c *catalogue) page(ctx context.Context, page int) ([]inventory.Item, error) {
	return through(ctx, c, c.pages, page, c.inventory.Page)
}

// through answers from the cache, or asks and remembers.
func through[K comparable, V any](
	ctx context.Context, c *catalogue, cache *cache[K, V], key K, ask func(context.Context, K) (V, error),
) (V, error) {
	ctx, span := c.tracer.Start(ctx, "cache.get")
	defer span.End()
	value, hit := cache.get(key)
	c.metrics.cacheLookup(hit)
	span.SetAttributes(attribute.Bool("cache.hit", hit))
	if hit {
		return value, nil
	}
	value, err := ask(ctx, key)
	if err == nil {
		cache.put(key, value)
	}
	return value, err
}

// priceOf is what one piece costs today, in cents.
func priceOf(item inventory.Item) int64 {
	if item.PriceCents == nil { // out of stock: see inventory.Item
		return item.ListCents
	}
	return *item.PriceCents
}
