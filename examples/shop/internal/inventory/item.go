// Package inventory is the shop's backend: what there is to buy, at which price, and how much of it is left. All shop
// instances share one process of it and reach it over HTTP.
package inventory

import "fmt"

// CatalogueSize is the number of different items.
const CatalogueSize = 500

// PageSize is the number of items on one page of the catalogue.
const PageSize = 20

// SKU is the name of the item with the given popularity rank, 0 being the best seller.
func SKU(rank int) string { return fmt.Sprintf("sku-%04d", rank) }

// Item is one thing that can be bought. Money is in cents.
type Item struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	ListCents int64  `json:"list_cents"`
	// PriceCents is today's price. It is null while the item is out of stock: buyers then pay the list price and
	// wait for the delivery.
	PriceCents *int64 `json:"price_cents"`
	Stock      int    `json:"stock"`
}

// Line is a quantity of one item.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}
