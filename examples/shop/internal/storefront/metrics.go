package storefront

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// durationBuckets are upper bounds in seconds. Where requests are, neighbours are a factor of 1.2 to 1.5 apart, so that a
// quantile that is interpolated inside a bucket is a good one.
var durationBuckets = []float64{
	.0001, .00025, .0005, .001, .002, .003, .004, .006, .008, .010, .012, .016, .020, .024, .032, .040, .048, .064, .096, .128,
	.25, .5, 2,
}

// runtimeMetrics are the ones kept of what the process and Go collectors offer.
var runtimeMetrics = []string{
	"go_goroutines",
	"go_memstats_alloc_bytes_total",
	"go_memstats_heap_inuse_bytes",
	"process_cpu_seconds_total",
	"process_resident_memory_bytes",
}

type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec
	cacheLookups *prometheus.CounterVec
	backendCalls *prometheus.CounterVec
	workerJobs   *prometheus.CounterVec
}

func newMetrics(queue *settlement) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_http_requests_total",
			Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "shop_http_request_duration_seconds",
			Help:    "Time from a request's arrival to its answer, by route.",
			Buckets: durationBuckets,
		}, []string{"route"}),
		cacheLookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_cache_lookups_total",
			Help: "Lookups in the catalogue cache, by result: hit or miss.",
		}, []string{"result"}),
		backendCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_backend_calls_total",
			Help: "Calls of the inventory, by operation and result: ok or error.",
		}, []string{"operation", "result"}),
		workerJobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_worker_jobs_total",
			Help: "Orders the settlement worker handled, by result: settled or put_back.",
		}, []string{"result"}),
	}
	// A series that starts with its first error hides that error from rate(): give the known ones their zero.
	for _, route := range []string{"/products", "/product/{id}", "/cart", "/checkout"} {
		m.requests.WithLabelValues(route, "200")
		m.requests.WithLabelValues(route, "500")
		m.requests.WithLabelValues(route, "503")
	}
	for _, result := range []string{"settled", "put_back"} {
		m.workerJobs.WithLabelValues(result)
	}
	m.registry.MustRegister(m.requests, m.durations, m.cacheLookups, m.backendCalls, m.workerJobs,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "shop_worker_queue_length",
			Help: "Orders that wait for their settlement.",
		}, func() float64 { return float64(queue.length()) }),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector())
	return m
}

// handler serves the metrics, without most of the runtime's: the recording should stay small.
func (m *metrics) handler() http.Handler {
	kept := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := m.registry.Gather()
		return slices.DeleteFunc(families, func(family *dto.MetricFamily) bool {
			name := family.GetName()
			return !strings.HasPrefix(name, "shop_") && !slices.Contains(runtimeMetrics, name)
		}), err
	})
	return promhttp.HandlerFor(kept, promhttp.HandlerOpts{})
}

func (m *metrics) request(route string, status int, duration time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route).Observe(duration.Seconds())
}

func (m *metrics) cacheLookup(hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	m.cacheLookups.WithLabelValues(result).Inc()
}

func (m *metrics) backendCall(operation string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.backendCalls.WithLabelValues(operation, result).Inc()
}
