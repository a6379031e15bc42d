package storefront

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

// fakeInventory answers at once. Its items cost 100 cents a piece on the list and 90 today; sku-out is out of stock.
type fakeInventory struct {
	mu    sync.Mutex
	calls []string // method and path
	busy  bool     // answer 503
}

func (f *fakeInventory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	busy := f.busy
	f.mu.Unlock()
	if busy {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	var body any = struct{}{}
	switch sku, isItem := strings.CutPrefix(r.URL.Path, "/items/"); {
	case r.URL.Path == "/items/batch":
		var request struct {
			SKUs []string `json:"skus"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		items := []inventory.Item{}
		for _, sku := range request.SKUs {
			items = append(items, fakeItem(sku))
		}
		body = items
	case isItem && sku == "sku-unknown":
		http.NotFound(w, r)
		return
	case isItem:
		body = fakeItem(sku)
	case r.URL.Path == "/items":
		body = []inventory.Item{fakeItem("sku-a"), fakeItem("sku-out")}
	case strings.HasPrefix(r.URL.Path, "/stock/"):
		body = map[string]int{"stock": 7}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func fakeItem(sku string) inventory.Item {
	item := inventory.Item{SKU: sku, Name: "the " + sku, ListCents: 100}
	if sku != "sku-out" {
		item.PriceCents, item.Stock = new(int64(90)), 8
	}
	return item
}

func (f *fakeInventory) takeCalls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

type shop struct {
	*Server
	handler   http.Handler
	inventory *fakeInventory
	log       *bytes.Buffer
}

func newShop(t *testing.T, version string) *shop {
	t.Helper()
	backend := &fakeInventory{}
	network := httptest.NewServer(backend)
	t.Cleanup(network.Close)
	tracer := noop.NewTracerProvider().Tracer("")
	log := new(bytes.Buffer)
	server, err := New(Config{
		Version:   version,
		Instance:  "shop-1",
		Inventory: inventory.NewClient(network.URL, tracer),
		CacheTTL:  time.Minute,
		Log:       slog.New(slog.NewJSONHandler(log, nil)),
		Tracer:    tracer,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &shop{server, server.Handler(), backend, log}
}

func (s *shop) do(method, path, body string) (int, string) {
	response := httptest.NewRecorder()
	s.handler.ServeHTTP(response, httptest.NewRequest(method, path, strings.NewReader(body)))
	return response.Code, strings.TrimSpace(response.Body.String())
}

var versions = []string{"v1", "v2", "v3"}

// What must be the same in every version.
func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/products", "", 200, `[{"sku":"sku-a","name":"the sku-a","cents":90,"stock":8},{"sku":"sku-out","name":"the sku-out","cents":100,"stock":0}]`},
		{"GET", "/products?page=x", "", 400, "Bad Request"},
		{"GET", "/product/sku-a", "", 200, `{"sku":"sku-a","name":"the sku-a","cents":90,"stock":7}`},
		{"GET", "/product/sku-unknown", "", 404, "Not Found"},
		{"POST", "/cart", `{"sku":"sku-a","quantity":2}`, 200, `{"sku":"sku-a","quantity":2,"cents":180,"available":true}`},
		{"POST", "/cart", `{"sku":"sku-a","quantity":9}`, 200, `{"sku":"sku-a","quantity":9,"cents":810,"available":false}`},
		{"POST", "/cart", `{"sku":"sku-a"}`, 400, "Bad Request"},
		{
			"POST", "/checkout", `{"lines":[{"sku":"sku-a","quantity":2},{"sku":"sku-b","quantity":1}]}`, 200,
			`{"number":"shop-1-000001","lines":[{"sku":"sku-a","quantity":2,"cents":180,"back_ordered":false},` +
				`{"sku":"sku-b","quantity":1,"cents":90,"back_ordered":false}],"total_cents":270}`,
		},
		{"POST", "/checkout", `{"lines":[]}`, 400, "Bad Request"},
		{"POST", "/checkout", `{"lines":[{"sku":"sku-a"}]}`, 400, "Bad Request"},
		{"POST", "/checkout", `{`, 400, "Bad Request"},
	} {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s%s%s", version, test.method, test.path, test.body), func(t *testing.T) {
				status, body := newShop(t, version).do(test.method, test.path, test.body)
				if status != test.status {
					t.Errorf("status %d, want %d", status, test.status)
				}
				if diff := cmp.Diff(test.want, body); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
			})
		}
	}
}

const threeLines = `{"lines":[{"sku":"sku-a","quantity":1},{"sku":"sku-b","quantity":1},{"sku":"sku-c","quantity":1}]}`

func TestCallsOfACheckout(t *testing.T) {
	batch := []string{"POST /items/batch", "POST /reservations"}
	for version, want := range map[string][]string{
		"v1": batch,
		"v2": {"GET /items/sku-a", "GET /items/sku-b", "GET /items/sku-c", "POST /reservations"}, // N+1
		"v3": batch,
	} {
		shop := newShop(t, version)
		if status, body := shop.do("POST", "/checkout", threeLines); status != 200 {
			t.Fatalf("%s: %d %s", version, status, body)
		}
		if diff := cmp.Diff(want, shop.inventory.takeCalls()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", version, diff)
		}
	}
}

func TestCheckoutOfAnItemThatIsOutOfStock(t *testing.T) {
	const cart = `{"lines":[{"sku":"sku-a","quantity":1},{"sku":"sku-out","quantity":2}]}`
	const backordered = `{"number":"shop-1-000001","lines":[{"sku":"sku-a","quantity":1,"cents":90,"back_ordered":false},` +
		`{"sku":"sku-out","quantity":2,"cents":200,"back_ordered":true}],"total_cents":290}`
	for _, version := range []string{"v1", "v3"} {
		status, body := newShop(t, version).do("POST", "/checkout", cart)
		if status != 200 {
			t.Errorf("%s: status %d", version, status)
		}
		if diff := cmp.Diff(backordered, body); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", version, diff)
		}
	}

	// The regression: v2 panics, the shop goes on, and its log says where.
	shop := newShop(t, "v2")
	if status, _ := shop.do("POST", "/checkout", cart); status != 500 {
		t.Errorf("v2: status %d, want 500", status)
	}
	for _, want := range []string{`"level":"ERROR"`, "nil pointer dereference", `"at":"(*checkoutV2).priceLine checkout_v2.go:`} {
		if !strings.Contains(shop.log.String(), want) {
			t.Errorf("v2: the log misses %q:\n%s", want, shop.log)
		}
	}
	if status, body := shop.do("POST", "/checkout", threeLines); status != 200 {
		t.Errorf("v2: the checkout after the panic: %d %s", status, body)
	}
}

func TestABusyInventoryIsA503(t *testing.T) {
	for _, version := range versions {
		shop := newShop(t, version)
		shop.inventory.busy = true
		if status, _ := shop.do("POST", "/checkout", threeLines); status != 503 {
			t.Errorf("%s: status %d, want 503", version, status)
		}
		if !strings.Contains(shop.log.String(), `"msg":"request failed"`) {
			t.Errorf("%s: no error in the log:\n%s", version, shop.log)
		}
	}
}

func TestTheCacheSavesCalls(t *testing.T) {
	shop := newShop(t, "v1")
	now := time.Now()
	shop.catalogue.items.now = func() time.Time { return now }
	const item, stock = "GET /items/sku-a", "GET /stock/sku-a"
	for _, want := range [][]string{{item, stock}, {stock}} {
		shop.do("GET", "/product/sku-a", "")
		if diff := cmp.Diff(want, shop.inventory.takeCalls()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
	now = now.Add(time.Minute)
	shop.do("GET", "/product/sku-a", "")
	if diff := cmp.Diff([]string{item, stock}, shop.inventory.takeCalls()); diff != "" {
		t.Errorf("calls after the time to live (-want +got):\n%s", diff)
	}
}

func TestSettlementPutsBackWhatFailed(t *testing.T) {
	shop := newShop(t, "v1")
	shop.do("POST", "/checkout", threeLines)
	shop.do("POST", "/checkout", threeLines)
	if n := shop.settlement.length(); n != 2 {
		t.Fatalf("%d orders wait, want 2", n)
	}
	shop.inventory.busy = true
	shop.settlement.settle(t.Context())
	if diff := cmp.Diff([]string{"shop-1-000001", "shop-1-000002"}, shop.settlement.waiting); diff != "" {
		t.Errorf("waiting after a failure (-want +got):\n%s", diff)
	}
	shop.inventory.busy = false
	shop.settlement.settle(t.Context())
	if n := shop.settlement.length(); n != 0 {
		t.Errorf("%d orders wait after the settlement", n)
	}
}

func TestMetrics(t *testing.T) {
	shop := newShop(t, "v1")
	shop.do("GET", "/product/sku-a", "")
	shop.do("GET", "/product/sku-a", "")
	shop.do("GET", "/product/sku-unknown", "")
	shop.do("POST", "/checkout", threeLines)
	status, text := shop.do("GET", "/metrics", "")
	if status != 200 {
		t.Fatal(status, text)
	}
	for _, want := range []string{
		`shop_http_requests_total{code="200",route="/product/{id}"} 2`,
		`shop_http_requests_total{code="404",route="/product/{id}"} 1`,
		`shop_http_requests_total{code="503",route="/checkout"} 0`,
		`shop_http_request_duration_seconds_count{route="/product/{id}"} 3`,
		`shop_cache_lookups_total{result="hit"} 1`,
		`shop_cache_lookups_total{result="miss"} 2`,
		`shop_backend_calls_total{operation="items",result="ok"} 1`,
		`shop_backend_calls_total{operation="item",result="error"} 1`,
		`shop_worker_queue_length 1`,
		"process_cpu_seconds_total ",
		"process_resident_memory_bytes ",
		"go_goroutines ",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("the metrics miss %s", want)
		}
	}
	if strings.Contains(text, "go_gc_") {
		t.Error("the metrics have the Go collector's whole set")
	}
}

func TestUnknownVersion(t *testing.T) {
	_, err := newCheckout("v9", &orderDesk{}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), `"v9"`) {
		t.Errorf("error %v does not name the version", err)
	}
}
