package replay

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// fleetText is a histogram of 20 buckets and 4 routes on 9 instances, scraped
// every 5 seconds for 25 minutes, and as many counters: 320,000 samples, in
// the order a recorder writes them.
func fleetText() string {
	var b strings.Builder
	const scrapes = 300
	b.WriteString("# TYPE http_request_duration_seconds histogram\n")
	each := func(write func(labels string)) {
		for instance := range 9 {
			for route := range 4 {
				write(fmt.Sprintf(`instance="shop-%d",job="shop",route="/r%d",version="v%d"`, instance, route, 1+instance/5))
			}
		}
	}
	each(func(labels string) {
		for scrape := range scrapes {
			at := 1795257011.849 + 5*float64(scrape)
			for bucket := range 20 {
				bound := fmt.Sprint(0.001 * float64(int(1)<<bucket))
				if bucket == 19 {
					bound = "+Inf"
				}
				fmt.Fprintf(&b, "http_request_duration_seconds_bucket{%s,le=\"%s\"} %d %.3f\n", labels, bound, scrape*(bucket+3)*7, at)
			}
			fmt.Fprintf(&b, "http_request_duration_seconds_count{%s} %d %.3f\n", labels, scrape*22*7, at)
			fmt.Fprintf(&b, "http_request_duration_seconds_sum{%s} %g %.3f\n", labels, float64(scrape)*0.137, at)
		}
	})
	b.WriteString("# TYPE http_requests counter\n")
	each(func(labels string) {
		for _, code := range []string{"200", "404", "500", "502", "503", "301", "302", "400"} {
			for scrape := range scrapes {
				fmt.Fprintf(&b, "http_requests_total{code=\"%s\",%s} %d %.3f\n", code, labels, scrape*31, 1795257011.849+5*float64(scrape))
			}
		}
	})
	return b.String() + "# EOF\n"
}

func BenchmarkOpen(b *testing.B) {
	text := fleetText()
	for name, data := range map[string][]byte{"text": []byte(text), "gzip": gzipped(b, text)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			samples := 0
			for b.Loop() {
				r, err := Read("fleet", bytes.NewReader(data), Options{})
				if err != nil {
					b.Fatal(err)
				}
				_, samples = r.Size()
			}
			b.ReportMetric(float64(samples)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// benchmarkQuery asks for 60 steps of half the recording.
func benchmarkQuery(b *testing.B, r *Recording, expr string) {
	b.Helper()
	w := r.Window()
	grid := metrics.Grid{Start: w.Start.Add(w.Duration() / 4).Truncate(time.Second), Step: (w.Duration() / 120).Truncate(time.Second), N: 60}
	b.ReportAllocs()
	for b.Loop() {
		result, err := r.Query(b.Context(), metrics.Query{Expr: expr, Grid: grid})
		if err != nil {
			b.Fatal(err)
		}
		if len(result.Series) == 0 || len(result.Series[0].Points) != grid.N {
			b.Fatalf("%d series", len(result.Series))
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	r := open(b, fleetText(), Options{})
	for name, expr := range map[string]string{
		"quantile of 9 instances x 20 buckets":            `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{route="/r1"}[1m])))`,
		"quantile of 9 instances x 4 routes x 20 buckets": `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))`,
		"rate of one series":                              `rate(http_requests_total{code="500",instance="shop-3",route="/r0"}[1m])`,
		"select one series":                               `http_requests_total{code="500",instance="shop-3",route="/r0"}`,
	} {
		b.Run(name, func(b *testing.B) { benchmarkQuery(b, r, expr) })
	}
}

// shopPath is the demo's recording.
const shopPath = "../testdata/fixtures/shop"

func BenchmarkShop(b *testing.B) {
	if _, err := os.Stat(shopPath + "/metrics.om.gz"); err != nil {
		b.Skip("the demo is not recorded: run examples/shop/record.sh")
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		samples := 0
		for b.Loop() {
			r, err := Open(shopPath, Options{})
			if err != nil {
				b.Fatal(err)
			}
			_, samples = r.Size()
		}
		b.ReportMetric(float64(samples), "samples")
	})
	r, err := Open(shopPath, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("quantile", func(b *testing.B) {
		benchmarkQuery(b, r, `histogram_quantile(0.99, sum by (le) (rate(shop_http_request_duration_seconds_bucket{track="canary",route="/checkout"}[1m])))`)
	})
}
