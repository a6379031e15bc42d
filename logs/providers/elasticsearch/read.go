package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

const (
	// pageLines is below 10,000, the default of index.max_result_window.
	pageLines = 5_000
	// smallestPage of documents fits into the default limit of an answer if they
	// have less than 1 MiB.
	smallestPage = 50
	// shrink is how much smaller a page is than one that was too large.
	shrink = 10

	timestamp = "@timestamp"
	// nanos is a format of dates with as many digits as they have.
	nanos = "strict_date_optional_time_nanos"
)

// Read implements logs.Source.
func (s *source) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	indices, text, err := split(query.Expr)
	if err != nil {
		return logs.Summary{}, s.http.Error(query.Expr, err)
	}
	lines := decode.NewDecoder(decode.Options{}, each)
	d, err := logs.NewDelivery(s.name, query, func(rec *logs.Record) error { return lines.Line(rec.Message, rec) })
	if err != nil {
		return logs.Summary{}, err
	}
	r := reading{source: s, query: query, indices: indices, text: text, delivery: d, size: pageLines}
	r.document = decode.NewDecoder(decode.Options{Format: decode.JSON}, func(rec *logs.Record) error { r.found = rec; return nil })
	err = d.Pages(ctx, r.page)
	r.close(ctx)
	if err == nil {
		err = lines.Flush()
	}
	return lines.Summary(), err
}

// reading is one read on its way.
type reading struct {
	*source
	query         logs.Query
	indices, text string
	delivery      *logs.Delivery
	// document reads a document, and found is what is in it.
	document *decode.Decoder
	found    *logs.Record
	// size is how many lines the next page may have.
	size  int
	pages int

	// pit is the point in time that pages are read from; empty before the second.
	pit string
	// last is the place of the last line, and at are the ids of the lines there.
	last position
	at   map[string]bool
}

// position is what lines are sorted by.
type position struct {
	time string // a number: of milliseconds or nanoseconds, as the index has them
	doc  int64
}

// page delivers a page and returns the cursor of the next: its number, since the
// place is kept here.
func (r *reading) page(ctx context.Context, from time.Time, cursor string) (string, error) {
	if cursor == "" {
		r.close(ctx)
		r.last, r.at = position{}, nil
	}
	hits, err := r.search(ctx, from)
	if err != nil {
		return "", r.http.Error(r.query.Expr, err)
	}
	full, end := len(hits) == r.size, position{}
	if full {
		end = hits[len(hits)-1].place
	}
	at, fresh := map[string]bool{}, false
	for i := range hits {
		h := &hits[i]
		if full && r.pit == "" && h.place.time == end.time {
			break // lines of the last moment are read again, from the point in time
		}
		if h.place == end {
			at[h.id] = true
		}
		if h.place == r.last && r.at[h.id] {
			continue
		}
		fresh = true
		if err := r.deliver(h); err != nil {
			return "", err
		}
	}
	switch {
	case !full:
		return "", nil
	case r.pit == "":
		if err := r.open(ctx); err != nil {
			return "", r.http.Error(r.query.Expr, err)
		}
		end.doc = 0 // search begins before it
		at = nil
	case !fresh:
		return "", r.http.Error(r.query.Expr, &metrics.Error{
			Op: "query", Reason: metrics.TooLarge, Err: fmt.Errorf("%d lines have the same place in the order of lines, which is a page", r.size),
			Hint: "name fewer indices",
		})
	}
	r.last, r.at = end, at
	r.pages++
	return strconv.Itoa(r.pages), nil
}

// deliver hands on a document as a line.
func (r *reading) deliver(h *hit) error {
	r.found = nil
	err := r.document.Line(h.source, nil)
	if err == nil {
		err = r.document.Flush()
	}
	if err != nil {
		return err
	}
	if r.found == nil { // a document of white space is none
		return r.http.Error(r.query.Expr, badAnswer("a document of the answer is no object"))
	}
	if len(r.found.Instance) == 0 {
		r.found.Instance = podOf(h.source)
	}
	return r.delivery.Line(h.id, h.time, r.found)
}

// podOf returns the pod's name where Fluent Bit and Fluentd write it. With their
// fields log and stream a document looks like a line of Docker's, of which only the
// text counts.
func podOf(document []byte) []byte {
	if !bytes.Contains(document, []byte(`"pod_name"`)) {
		return nil
	}
	var said struct {
		Kubernetes struct {
			Pod string `json:"pod_name"`
		} `json:"kubernetes"`
	}
	if json.Unmarshal(document, &said) != nil {
		return nil // pod_name is something else there
	}
	return []byte(said.Kubernetes.Pod)
}

type object = map[string]any

// search gets one page, a smaller one if it is too large.
func (r *reading) search(ctx context.Context, from time.Time) ([]hit, error) {
	for {
		path := "/" + r.indices + "/_search"
		// Half an answer is no answer; nor is one of no index, where a name is misspelt.
		params := url.Values{"allow_partial_search_results": {"false"}, "allow_no_indices": {"false"}}
		body := object{
			"size": r.size, "track_total_hits": false,
			"query": object{"bool": object{"filter": []object{
				{"range": object{timestamp: object{"gte": stamp(from), "lte": stamp(r.query.Window.End), "format": nanos}}},
				{"query_string": object{"query": r.text, "default_operator": "AND"}},
			}}},
			"sort":            []object{{timestamp: object{"order": "asc", "unmapped_type": "date"}}, {"_doc": object{"order": "asc"}}},
			"docvalue_fields": []object{{"field": timestamp, "format": nanos}},
		}
		if r.pit != "" {
			path = "/_search"
			delete(params, "allow_no_indices")
			body["pit"] = object{"id": r.pit, "keep_alive": keepAlive}
			// One document earlier, see the package comment.
			body["search_after"] = []any{json.Number(r.last.time), r.last.doc - 1}
		}
		got, err := r.post(ctx, path, params, body)
		switch {
		case err == nil:
			hits, pit, err := decodeAnswer(got)
			if r.pit != "" && pit != "" {
				r.pit = pit // it may be another one each time
			}
			return hits, err
		case r.size > smallestPage && tooLarge(got, err):
			r.size /= shrink
		case r.pit != "" && got != nil && bytes.Contains(got.Body, []byte("search_context_missing_exception")):
			r.pit = ""
			if e, ok := errors.AsType[*metrics.Error](err); ok {
				e.Err = fmt.Errorf("%w: %w", logs.ErrExpired, e.Err)
			}
			return nil, err
		default:
			return nil, err
		}
	}
}

// stamp writes a time as nanos reads it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// post sends a request that only reads.
func (s *source) post(ctx context.Context, path string, params url.Values, body object) (*httpx.Answer, error) {
	return s.send(ctx, http.MethodPost, path, params, body)
}

func (s *source) send(ctx context.Context, method, path string, params url.Values, body object) (*httpx.Answer, error) {
	text := []byte(nil)
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.http.URL(path, params).String(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return s.http.Do(httpx.Reads(req))
}

// tooLarge reports whether a smaller page may succeed.
func tooLarge(got *httpx.Answer, err error) bool {
	if reason, _ := metrics.ReasonOf(err); reason == metrics.TooLarge {
		return true
	}
	return got != nil && strings.Contains(string(got.Body), "Result window is too large")
}
