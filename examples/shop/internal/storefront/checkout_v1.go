package storefront

import (
	"context"
	"log/slog"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// checkoutV1 asks for the prices of all lines in one call.
type checkoutV1 struct {
	desk *orderDesk
	log  *slog.Logger
}

func (c *checkoutV1) place(ctx context.Context, cart Cart) (Order, error) {
	skus := make([]string, len(cart.Lines))
	for i, line := range cart.Lines {
		skus[i] = line.SKU
	}
	items, err := c.desk.inventory.Items(ctx, skus)
	if err != nil {
		return Order{}, err
	}
	lines := make([]OrderLine, len(items))
	for i, item := range items {
		lines[i] = c.priceLine(ctx, cart.Lines[i], item)
	}
	return c.desk.accept(ctx, cart, lines)
}

func (c *checkoutV1) priceLine(ctx context.Context, line inventory.Line, item inventory.Item) OrderLine {
	backordered := item.PriceCents == nil
	if backordered {
		c.log.InfoContext(ctx, "item is out of stock, line is back-ordered", "sku", item.SKU)
	}
	return OrderLine{Line: line, Cents: priceOf(item) * int64(line.Quantity), Backordered: backordered}
}
