package storefront

import (
	"context"
	"log/slog"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// checkoutV3 is v1 taken apart: a quote knows the prices of a cart, the checkout turns a quote into an order. The
// inventory is asked for each item once, even if the customer has it in two lines.
type checkoutV3 struct {
	desk *orderDesk
	log  *slog.Logger
}

func (c *checkoutV3) place(ctx context.Context, cart Cart) (Order, error) {
	prices, err := c.quote(ctx, cart)
	if err != nil {
		return Order{}, err
	}
	lines := make([]OrderLine, len(cart.Lines))
	for i, line := range cart.Lines {
		lines[i] = prices.line(line)
		if lines[i].Backordered {
			c.log.InfoContext(ctx, "item is out of stock, line is back-ordered", "sku", line.SKU)
		}
	}
	return c.desk.accept(ctx, cart, lines)
}

// quote holds an item for each SKU of a cart, with today's prices.
type quote map[string]inventory.Item

func (c *checkoutV3) quote(ctx context.Context, cart Cart) (quote, error) {
	prices := make(quote, len(cart.Lines))
	skus := make([]string, 0, len(cart.Lines))
	for _, line := range cart.Lines {
		if _, asked := prices[line.SKU]; !asked {
			prices[line.SKU] = inventory.Item{}
			skus = append(skus, line.SKU)
		}
	}
	items, err := c.desk.inventory.Items(ctx, skus)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		prices[item.SKU] = item
	}
	return prices, nil
}

func (q quote) line(line inventory.Line) OrderLine {
	item := q[line.SKU]
	return OrderLine{
		Line:        line,
		Cents:       priceOf(item) * int64(line.Quantity),
		Backordered: item.PriceCents == nil,
	}
}
