package storefront

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// orderDesk does what every version of the checkout does the same way once the prices are known.
type orderDesk struct {
	instance   string
	inventory  *inventory.Client
	settlement *settlement
	last       atomic.Int64
}

// accept reserves the priced lines, numbers the order and hands it to the settlement.
func (d *orderDesk) accept(ctx context.Context, cart Cart, lines []OrderLine) (Order, error) {
	if err := d.inventory.Reserve(ctx, cart.Lines); err != nil {
		return Order{}, err
	}
	order := Order{Number: fmt.Sprintf("%s-%06d", d.instance, d.last.Add(1)), Lines: lines}
	for _, line := range lines {
		order.TotalCents += line.Cents
	}
	if err := d.settlement.enqueue(order.Number); err != nil {
		return Order{}, err
	}
	return order, nil
}
