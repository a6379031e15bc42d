package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
)

const (
	// atOnce is the most requests under way. An arrival on top of them is counted as dropped: an open loop does not wait.
	atOnce = 256
	// requestTimeout is how long a customer waits.
	requestTimeout = 5 * time.Second
)

// Generator sends requests to instances of the shop. Every request goes to an instance chosen at random, so that all
// instances see the same law of load.
type Generator struct {
	targets []string
	law     Law
	random  *rand.Rand
	items   *rand.Zipf
	client  *http.Client

	sent, dropped, failed, serverErrors atomic.Int64
}

// New returns a generator for the shop instances at the base URLs. The same seed sends the same requests at the same times.
func New(targets []string, law Law, seed uint64) *Generator {
	random := rand.New(rand.NewPCG(seed, 2))
	return &Generator{
		targets: targets,
		law:     law,
		random:  random,
		// Few items sell often, most sell rarely: the best seller takes about 2 % of the clicks.
		items: rand.NewZipf(random, 1.1, 20, inventory.CatalogueSize-1),
		client: &http.Client{
			Timeout:   requestTimeout,
			Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, IdleConnTimeout: 90 * time.Second},
		},
	}
}

// Run sends requests for the duration, or until ctx ends, and reports counts to w.
func (g *Generator) Run(ctx context.Context, duration time.Duration, w io.Writer) error {
	start := time.Now()
	schedule := newArrivals(g.law, g.random)
	slots := make(chan struct{}, atOnce)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	nextReport := time.Minute
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		at := schedule.next()
		// The request is drawn before anything can depend on how the shop is doing: the seed alone decides.
		request, err := g.draw(ctx)
		if err != nil {
			return err
		}
		if at >= duration {
			underWay.Wait()
			return g.report(w, duration)
		}
		if at >= nextReport {
			if err := g.report(w, nextReport); err != nil {
				return err
			}
			nextReport += time.Minute
		}
		if pause := time.Until(start.Add(at)); pause > 0 {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return g.report(w, time.Since(start))
			case <-timer.C:
			}
		}
		select {
		case slots <- struct{}{}:
			underWay.Go(func() {
				defer func() { <-slots }()
				g.send(request)
			})
		default:
			g.dropped.Add(1)
		}
	}
}

func (g *Generator) send(request *http.Request) {
	g.sent.Add(1)
	response, err := g.client.Do(request)
	if err != nil {
		g.failed.Add(1)
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode >= http.StatusInternalServerError {
		g.serverErrors.Add(1)
	}
}

func (g *Generator) report(w io.Writer, at time.Duration) error {
	_, err := fmt.Fprintf(w, "load: %s: sent %d, answered 5xx %d, not answered %d, dropped %d\n",
		at.Round(time.Second), g.sent.Load(), g.serverErrors.Load(), g.failed.Load(), g.dropped.Load())
	return err
}

// draw makes one request of the mix: mostly looking, sometimes buying.
func (g *Generator) draw(ctx context.Context) (*http.Request, error) {
	target := g.targets[g.random.IntN(len(g.targets))]
	switch choice := g.random.Float64(); {
	case choice < 0.20:
		// Customers rarely turn more than a few pages.
		page := min(int(g.random.ExpFloat64()*3), inventory.CatalogueSize/inventory.PageSize-1)
		return http.NewRequestWithContext(ctx, http.MethodGet, target+"/products?page="+strconv.Itoa(page), nil)
	case choice < 0.68:
		return http.NewRequestWithContext(ctx, http.MethodGet, target+"/product/"+g.sku(), nil)
	case choice < 0.85:
		return post(ctx, target+"/cart", g.line())
	default:
		return post(ctx, target+"/checkout", g.cart())
	}
}

func (g *Generator) sku() string { return inventory.SKU(int(g.items.Uint64())) }

func (g *Generator) line() inventory.Line {
	return inventory.Line{SKU: g.sku(), Quantity: 1 + g.random.IntN(3)}
}

// cart has 1 to 7 lines, 4 in the mean.
func (g *Generator) cart() any {
	lines := make([]inventory.Line, 1+g.random.IntN(4)+g.random.IntN(4))
	for i := range lines {
		lines[i] = g.line()
	}
	return struct {
		Lines []inventory.Line `json:"lines"`
	}{lines}
}

func post(ctx context.Context, url string, body any) (*http.Request, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the body of %s: %w", url, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}
