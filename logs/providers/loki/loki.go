// Package loki reads logs from Grafana Loki's HTTP API, in its own language,
// LogQL:
//
//	{app="checkout", version="${version}"} |= "order" != "healthz"
//
// The source's URL is what /loki/api/v1/query_range is appended to,
// http://loki:3100 or a gateway's address; a tenant goes into the header
// X-Scope-OrgID.
//
// # Lines
//
// The time of a line is the one that Loki keeps it at. Labels and structured
// metadata say what the line itself does not: the instance (pod, instance, host,
// container), the level (detected_level, level, severity) and the trace
// (trace_id).
//
// # Pages
//
// Lines are read oldest first, up to 5,000 at a time, which is what servers allow
// unless their limit max_entries_limit_per_query says otherwise. Loki has no
// cursor: the next page begins at the nanosecond of the last line, and the lines
// of that nanosecond that were there before are left out. So Loki cannot be read
// beyond a nanosecond with more lines than a page; that is an error.
//
// The first page is small, and the next ones are as large as makes about 2 MiB:
// Loki's parts may send each other 4 MiB unless grpc_server_max_recv_msg_size says
// otherwise, and Loki 3.7 never answers a query whose page has more.
//
// https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time
package loki

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

const (
	// pageLines: Loki's default max_entries_limit_per_query.
	pageLines = 5_000
	// firstPage of lines is below Loki's default limit of 4 MiB if they have less
	// than 40 KB.
	firstPage = 100
	// smallestPage is below it even if they have 256 KB, the longest that Loki takes
	// by default.
	smallestPage = 10
	// grow is how much larger a page is than the one before, at most, and how much
	// smaller than one that was too large.
	grow = 10
	// pageBytes is what a page should have: half of what Loki can send.
	pageBytes = 2 << 20
)

func init() {
	logs.Register(logs.Provider{Name: "loki", Expand: Expand, Open: Open})
}

type source struct {
	name string
	http *httpx.Client
}

// Open returns a source that asks the server at s.URL. It does not connect.
func Open(s metrics.Settings) (logs.Source, error) {
	client, err := httpx.New(s, httpx.Options{JSON: true, Explain: explain})
	if err != nil {
		return nil, err
	}
	return &source{name: s.Name, http: client}, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.http.Close() }

// Read implements logs.Source.
func (s *source) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	lines := decode.NewDecoder(decode.Options{}, each)
	d, err := logs.NewDelivery(s.name, query, func(rec *logs.Record) error { return lines.Line(rec.Message, rec) })
	if err != nil {
		return logs.Summary{}, err
	}
	r := reading{source: s, query: query, delivery: d, limit: firstPage, most: pageLines}
	if err = d.Pages(ctx, r.page); err == nil {
		err = lines.Flush()
	}
	summary := lines.Summary()
	summary.Warnings = append(summary.Warnings, r.warnings...)
	return summary, err
}

// reading is one read on its way.
type reading struct {
	*source
	query    logs.Query
	delivery *logs.Delivery
	// limit is how many lines the next page may have, and most how many the server
	// was not yet seen to refuse.
	limit, most int
	warnings    []string
	rec         logs.Record
}

// page delivers the lines from the nanosecond that the cursor names on and
// returns that of the last of them.
func (r *reading) page(ctx context.Context, from time.Time, cursor string) (string, error) {
	start := from.UnixNano() + 1 // Loki's ranges include their start, and not their end
	if cursor != "" {
		var err error
		if start, err = strconv.ParseInt(cursor, 10, 64); err != nil {
			return "", err
		}
	}
	end := r.query.Window.End.UnixNano() + 1
	a, err := r.ask(ctx, start, end)
	for range 3 { // from the smallest page to the largest
		if err != nil || !a.full || a.first() != a.last() || r.limit == r.most {
			break
		}
		r.limit = min(r.limit*grow, r.most)
		a, err = r.ask(ctx, start, end)
	}
	if err != nil {
		return "", r.http.Error(r.query.Expr, err)
	}
	last := a.last()
	for i := range a.entries {
		if err := r.deliver(&a.entries[i], start, last); err != nil {
			return "", err
		}
	}
	for _, text := range a.warnings {
		if !slices.Contains(r.warnings, text) && len(r.warnings) < maxWarnings {
			r.warnings = append(r.warnings, text)
		}
	}
	if !a.full {
		return "", nil
	}
	if a.first() == last {
		return "", r.http.Error(r.query.Expr, &metrics.Error{
			Op: "query", Reason: metrics.TooLarge,
			Err:  fmt.Errorf("there are %d lines or more of the same nanosecond, %s, and Loki cannot be read beyond them", r.limit, time.Unix(0, last).UTC().Format(time.RFC3339Nano)),
			Hint: "make the query narrower, or have times written with more digits",
		})
	}
	each := a.bytes/len(a.entries) + 1
	r.limit = min(max(smallestPage, min(r.limit*grow, pageBytes/each)), r.most)
	return strconv.FormatInt(last, 10), nil
}

// ask gets one page, a smaller one if it is too large for somebody on its way.
func (r *reading) ask(ctx context.Context, start, end int64) (answer, error) {
	for {
		u := r.http.URL("/loki/api/v1/query_range", url.Values{
			"query": {r.query.Expr}, "direction": {"forward"}, "limit": {strconv.Itoa(r.limit)},
			"start": {strconv.FormatInt(start, 10)}, "end": {strconv.FormatInt(end, 10)},
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return answer{}, err
		}
		// Labels of single lines are written at the lines: as part of the stream's
		// they would make each line a stream of its own.
		req.Header.Set("X-Loki-Response-Encoding-Flags", "categorize-labels")
		got, err := r.http.Do(req)
		switch {
		case err == nil:
			a, err := decodeAnswer(got)
			a.full, a.bytes = len(a.entries) >= r.limit, len(got.Body)
			return a, err
		case r.limit > smallestPage && tooLarge(got, err):
			r.limit = max(smallestPage, r.limit/grow)
			r.most = r.limit
		default:
			return answer{}, err
		}
	}
}

// deliver hands on a line. Only lines of the page's first and last moment can be
// on another page too.
func (r *reading) deliver(e *entry, start, last int64) error {
	id := ""
	if e.at == start || e.at == last {
		id = e.id()
	}
	r.rec = logs.Record{
		Level: decode.Level([]byte(e.label(levelLabels))), Instance: []byte(e.label(instanceLabels)), Trace: []byte(e.label(traceLabels)), Message: []byte(e.line),
	}
	return r.delivery.Line(id, time.Unix(0, e.at), &r.rec)
}

// Texts of Loki's for a page that is too large: of the query's limits, and of the
// messages between its parts.
const (
	overLimit   = "max entries limit per query exceeded"
	overMessage = "received message larger than max"
)

// tooLarge reports whether a smaller page may succeed.
func tooLarge(got *httpx.Answer, err error) bool {
	if reason, _ := metrics.ReasonOf(err); reason == metrics.TooLarge {
		return true
	}
	return got != nil && (bytes.Contains(got.Body, []byte(overLimit)) || bytes.Contains(got.Body, []byte(overMessage)))
}

// explain adds what Loki's answers, which are plain text, do not say.
func explain(_ int, body []byte) httpx.Explanation {
	switch text := string(body); {
	case strings.Contains(text, overMessage):
		return httpx.Explanation{Final: true, Hint: "lines are too long for Loki's own limits: raise grpc_server_max_recv_msg_size"}
	case strings.Contains(text, "no org id"):
		return httpx.Explanation{Hint: "name the tenant in the source's header X-Scope-OrgID"}
	default:
		return httpx.Explanation{}
	}
}

// What collectors call these things, the most telling first: promtail, Alloy,
// Fluent Bit, the OpenTelemetry collector.
var (
	instanceLabels = []string{
		"pod", "k8s_pod_name", "kubernetes_pod_name", "pod_name", "service_instance_id", "instance", "host", "hostname", "host_name",
		"container", "container_name", "container_id",
	}
	levelLabels = []string{"detected_level", "level", "severity", "severity_text"}
	traceLabels = []string{"trace_id", "traceID", "traceId", "traceid", "trace"}
)

func badAnswer(text string) error {
	return &metrics.Error{Op: "query", Reason: metrics.BadAnswer, Err: errors.New(text), Hint: "is this the address of Loki's API?"}
}
