// Package storefront is the shop itself: its routes, its cache in front of the inventory, its checkout in three
// versions and the settlement of orders behind it.
package storefront

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// Config is what a Server needs. All fields must be set.
type Config struct {
	Version   string // which checkout: v1, v2 or v3
	Instance  string // starts the numbers of the orders
	Inventory *inventory.Client
	CacheTTL  time.Duration
	Log       *slog.Logger
	Tracer    trace.Tracer
}

// Server is one instance of the shop.
type Server struct {
	catalogue  *catalogue
	inventory  *inventory.Client
	checkout   checkout
	settlement *settlement
	metrics    *metrics
	log        *slog.Logger
	tracer     trace.Tracer
}

// New returns a shop. It takes over config.Inventory's Observe.
func New(config Config) (*Server, error) {
	settlement := newSettlement(config.Inventory, config.Log, config.Tracer)
	metrics := newMetrics(settlement)
	settlement.metrics = metrics
	config.Inventory.Observe = metrics.backendCall
	checkout, err := newCheckout(config.Version, &orderDesk{
		instance:   config.Instance,
		inventory:  config.Inventory,
		settlement: settlement,
	}, config.Log)
	if err != nil {
		return nil, err
	}
	return &Server{
		catalogue:  newCatalogue(config.Inventory, config.CacheTTL, metrics, config.Tracer),
		inventory:  config.Inventory,
		checkout:   checkout,
		settlement: settlement,
		metrics:    metrics,
		log:        config.Log,
		tracer:     config.Tracer,
	}, nil
}

// Handler returns the shop's routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.Handle("GET /products", s.observe("/products", s.products))
	mux.Handle("GET /product/{id}", s.observe("/product/{id}", s.product))
	mux.Handle("POST /cart", s.observe("/cart", s.addToCart))
	mux.Handle("POST /checkout", s.observe("/checkout", s.placeOrder))
	return mux
}

// RunSettlement settles orders in the background until ctx ends, then once more.
func (s *Server) RunSettlement(ctx context.Context) { s.settlement.run(ctx) }

// maxBody is far above the largest cart, in bytes.
const maxBody = 1 << 16

// productView is what a customer sees of an item.
type productView struct {
	SKU   string `json:"sku"`
	Name  string `json:"name"`
	Cents int64  `json:"cents"`
	Stock int    `json:"stock"`
}

func (s *Server) products(r *http.Request) (any, error) {
	page := 0
	if text := r.URL.Query().Get("page"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil {
			return nil, &badRequestError{fmt.Errorf("page %q is not a number", text)}
		}
		page = number
	}
	items, err := s.catalogue.page(r.Context(), page)
	if err != nil {
		return nil, err
	}
	views := make([]productView, len(items))
	for i, item := range items {
		views[i] = productView{SKU: item.SKU, Name: item.Name, Cents: priceOf(item), Stock: item.Stock}
	}
	return views, nil
}

func (s *Server) product(r *http.Request) (any, error) {
	item, err := s.catalogue.item(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	// The stock is what changes; it is never served from the cache.
	stock, err := s.inventory.Stock(r.Context(), item.SKU)
	if err != nil {
		return nil, err
	}
	return productView{SKU: item.SKU, Name: item.Name, Cents: priceOf(item), Stock: stock}, nil
}

// cartLine is the answer to a line that is put into a cart. The cart itself is the customer's: it comes with the checkout.
type cartLine struct {
	inventory.Line
	Cents     int64 `json:"cents"` // for the whole line
	Available bool  `json:"available"`
}

func (s *Server) addToCart(r *http.Request) (any, error) {
	var line inventory.Line
	if err := json.NewDecoder(r.Body).Decode(&line); err != nil {
		return nil, &badRequestError{err}
	}
	if line.Quantity < 1 {
		return nil, &badRequestError{fmt.Errorf("quantity %d of %s is below 1", line.Quantity, line.SKU)}
	}
	item, err := s.catalogue.item(r.Context(), line.SKU)
	if err != nil {
		return nil, err
	}
	stock, err := s.inventory.Stock(r.Context(), line.SKU)
	if err != nil {
		return nil, err
	}
	return cartLine{
		Line:      line,
		Cents:     priceOf(item) * int64(line.Quantity),
		Available: stock >= line.Quantity,
	}, nil
}

func (s *Server) placeOrder(r *http.Request) (any, error) {
	var cart Cart
	if err := json.NewDecoder(r.Body).Decode(&cart); err != nil {
		return nil, &badRequestError{err}
	}
	if err := cart.validate(); err != nil {
		return nil, &badRequestError{err}
	}
	order, err := s.checkout.place(r.Context(), cart)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(r.Context(), "order placed", "order", order.Number,
		"lines", len(order.Lines), "total_cents", order.TotalCents)
	return order, nil
}

// badRequestError is the customer's mistake.
type badRequestError struct{ error }

func (e *badRequestError) Unwrap() error { return e.error }

func statusOf(err error) int {
	var bad *badRequestError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, inventory.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, inventory.ErrBusy), errors.Is(err, errQueueFull):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, context.Canceled):
		return 499 // nginx's code for a client that left
	}
	return http.StatusBadGateway
}
