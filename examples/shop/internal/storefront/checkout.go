package storefront

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// maxLines is the longest cart that can be checked out.
const maxLines = 20

// Cart is what a customer wants to buy.
type Cart struct {
	Lines []inventory.Line `json:"lines"`
}

func (c Cart) validate() error {
	if len(c.Lines) == 0 {
		return errors.New("the cart is empty")
	}
	if len(c.Lines) > maxLines {
		return fmt.Errorf("the cart has %d lines, the most is %d", len(c.Lines), maxLines)
	}
	for _, line := range c.Lines {
		if line.Quantity < 1 {
			return fmt.Errorf("quantity %d of %s is below 1", line.Quantity, line.SKU)
		}
	}
	return nil
}

// Order is a cart that was bought. Money is in cents.
type Order struct {
	Number     string      `json:"number"`
	Lines      []OrderLine `json:"lines"`
	TotalCents int64       `json:"total_cents"`
}

// OrderLine is one priced line of an order.
type OrderLine struct {
	inventory.Line
	Cents       int64 `json:"cents"`        // for the whole line
	Backordered bool  `json:"back_ordered"` // comes with the next delivery, at the list price
}

// checkout turns a valid cart into an order. Prices are never taken from the cache: they are what the customer pays.
type checkout interface {
	place(ctx context.Context, cart Cart) (Order, error)
}

// newCheckout returns the checkout of a version of the shop.
func newCheckout(version string, desk *orderDesk, log *slog.Logger) (checkout, error) {
	switch version {
	case "v1":
		return &checkoutV1{desk: desk, log: log}, nil
	case "v2":
		return &checkoutV2{desk: desk}, nil
	case "v3":
		return &checkoutV3{desk: desk, log: log}, nil
	}
	return nil, fmt.Errorf("there is no version %q of the shop; use v1, v2 or v3", version)
}
