package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// callTimeout is the longest one call may take.
const callTimeout = time.Second

// Client calls an inventory. Every method is one network call.
type Client struct {
	base   string
	http   *http.Client
	tracer trace.Tracer
	// Observe, when set, is told of every call that ended: which one, and whether it failed.
	Observe func(operation string, err error)
}

// NewClient returns a client of the inventory at the base URL.
func NewClient(base string, tracer trace.Tracer) *Client {
	transport := &http.Transport{
		// The default of 2 would open a connection for nearly every call of a busy instance.
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
	}
	return &Client{
		base:   strings.TrimSuffix(base, "/"),
		http:   &http.Client{Transport: transport, Timeout: callTimeout},
		tracer: tracer,
	}
}

// Item reads one item.
func (c *Client) Item(ctx context.Context, sku string) (Item, error) {
	var item Item
	err := c.call(ctx, "item", http.MethodGet, "/items/"+url.PathEscape(sku), nil, &item)
	return item, err
}

// Items reads several items in one call, in the order they were asked for.
func (c *Client) Items(ctx context.Context, skus []string) ([]Item, error) {
	var items []Item
	if err := c.call(ctx, "items", http.MethodPost, "/items/batch", batchRequest{skus}, &items); err != nil {
		return nil, err
	}
	if len(items) != len(skus) {
		return nil, fmt.Errorf("inventory items: asked for %d, got %d", len(skus), len(items))
	}
	return items, nil
}

// Page reads one page of the catalogue; pages count from 0.
func (c *Client) Page(ctx context.Context, page int) ([]Item, error) {
	var items []Item
	err := c.call(ctx, "page", http.MethodGet, "/items?page="+strconv.Itoa(page), nil, &items)
	return items, err
}

// Stock reads how much of one item is left.
func (c *Client) Stock(ctx context.Context, sku string) (int, error) {
	var stock stockResponse
	err := c.call(ctx, "stock", http.MethodGet, "/stock/"+url.PathEscape(sku), nil, &stock)
	return stock.Stock, err
}

// Reserve puts the lines of an order aside.
func (c *Client) Reserve(ctx context.Context, lines []Line) error {
	return c.call(ctx, "reserve", http.MethodPost, "/reservations", reserveRequest{lines}, nil)
}

// Settle books the orders of these numbers.
func (c *Client) Settle(ctx context.Context, orders []string) error {
	return c.call(ctx, "settle", http.MethodPost, "/settlements", settleRequest{orders}, nil)
}

// call makes one HTTP call inside a client span. in and out are JSON; nil means no body, or that it does not matter.
func (c *Client) call(ctx context.Context, operation, method, path string, in, out any) error {
	ctx, span := c.tracer.Start(ctx, "inventory."+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("peer.service", "inventory")))
	defer span.End()
	err := c.exchange(ctx, method, path, in, out)
	if err != nil {
		err = fmt.Errorf("inventory %s: %w", operation, err)
		span.SetStatus(codes.Error, err.Error())
	}
	if c.Observe != nil {
		c.Observe(operation, err)
	}
	return err
}

func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return ErrUnknown
	case http.StatusServiceUnavailable:
		return ErrBusy
	default:
		return fmt.Errorf("answered %s", response.Status)
	}
	if out != nil {
		if err := json.NewDecoder(response.Body).Decode(out); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
	}
	// Read to the end, or the connection cannot be used again.
	_, _ = io.Copy(io.Discard, response.Body)
	return nil
}
