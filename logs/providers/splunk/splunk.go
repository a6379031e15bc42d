/*
Package splunk reads events from Splunk Enterprise (9.0.1 or later) and Splunk
Cloud by their search export. A query is what follows the command search:

	index=prod sourcetype=kube:container:checkout version="${version}"
	index=prod app=checkout ("timed out" OR level=error) host="${pod}"

It selects events and does nothing else: pipes, subsearches, comments and the time
modifiers earliest and latest are refused, since what is read are the events
themselves, of the window that is judged. Macros may be used if they expand to
search terms.

A source's settings are the address of the management port, not of Splunk Web, and
an authentication token, or a user's name and password:

	name: splunk
	provider: splunk
	url: https://splunk.example.com:8089
	bearer: {env: SPLUNK_TOKEN}

The user needs the capabilities search and rest_properties_get, access to the
indexes, and a search time range and disk quota (srchTimeWin, srchDiskQuota) that
cover the window. Splunk Cloud opens the port on request only.

# How it is read

Splunk finds the newest events first, and cannot be asked to go on from a page. So
the window is cut into slices of time, and each one is a search of its own that
returns at most 10,000 events, oldest first, and how many there are. A slice with
more is cut smaller. A slice that fails is asked for again; what was delivered
before is not. Of the events of one millisecond at most 50,000 can be read.

# Costs

Each slice is an ad-hoc search and takes one of the search head's and the user's
places for searches (srchJobsQuota); if none is free Splunk answers 503, and is
asked again. A million events of 200 bytes are about 150 searches of a second or
two. On Splunk Cloud with workload pricing, searches use the units paid for.

# Time

Splunk's _time is a record's time, whatever the line itself says. Events without a
time of their own got one when they were indexed. The instance is the field
k8s.pod.name, pod_name or pod, else host.

https://help.splunk.com/en/splunk-enterprise/leverage-rest-apis/rest-api-reference
(search endpoints, search/v2/jobs/export)
*/
package splunk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

func init() {
	logs.Register(logs.Provider{Name: "splunk", Expand: Expand, Open: Open})
}

type source struct {
	http     *httpx.Client
	name     string
	maxBytes int64
	// slice and moment are how many events a slice of time may have, and a
	// millisecond.
	slice, moment int
}

// Open returns a source that asks the management port at s.URL. It does not
// connect.
func Open(s metrics.Settings) (logs.Source, error) {
	client, err := httpx.New(s, httpx.Options{Explain: explain})
	if err != nil {
		return nil, err
	}
	return &source{http: client, name: s.Name, maxBytes: cmp.Or(s.MaxResponseBytes, httpx.DefaultMaxResponseBytes), slice: sliceEvents, moment: momentEvents}, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.http.Close() }

const (
	// sliceEvents is how many events a slice of time may have.
	sliceEvents = 10_000
	// momentEvents is how many a millisecond may have: what Splunk's limits let one
	// search return (maxresultrows of limits.conf).
	momentEvents = 50_000
)

// Read implements logs.Source.
func (s *source) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	lines := decode.NewDecoder(decode.Options{}, each)
	d, err := logs.NewDelivery(s.name, query, func(rec *logs.Record) error { return lines.Line(rec.Message, rec) })
	if err != nil {
		return logs.Summary{}, err
	}
	if err := check(query.Expr); err != nil {
		return logs.Summary{}, s.fail(query, metrics.BadQuery, err, "a query is what follows the command search, and only selects events")
	}
	err = s.slices(ctx, query, d)
	if err == nil {
		err = lines.Flush()
	}
	summary := lines.Summary()
	summary.Warnings = append(summary.Warnings, d.Summary().Warnings...)
	return summary, err
}

// slices reads the window slice by slice.
func (s *source) slices(ctx context.Context, query logs.Query, d *logs.Delivery) error {
	if !query.Window.End.After(query.Window.Start) {
		return nil
	}
	// Milliseconds, from included, end not. What the first and the last hold
	// beyond the window is left out by the delivery.
	from, end := query.Window.Start.UnixMilli(), query.Window.End.UnixMilli()+1
	for width := end - from; from < end; {
		to := min(from+width, end)
		found, err := s.ask(ctx, query.Expr, from, to)
		reason, _ := metrics.ReasonOf(err)
		switch {
		case err != nil && (reason != metrics.TooLarge || to-from == 1):
			return s.http.Error(query.Expr, err)
		case found.more && to-from == 1:
			return s.fail(query, metrics.TooLarge, fmt.Errorf("the millisecond %s has more than %d events, which one search cannot return",
				time.UnixMilli(from).UTC().Format("2006-01-02T15:04:05.000Z"), s.moment), "make the query narrower")
		case err != nil || found.more:
			width = narrower(found.events, to-from)
			continue
		}
		for _, text := range found.warnings {
			d.Warn(text)
		}
		for _, e := range found.events {
			rec := logs.Record{Instance: []byte(e.instance), Message: []byte(e.raw)}
			if err := d.Line("", e.time, &rec); err != nil {
				return err
			}
		}
		fill := max(float64(len(found.events))/float64(s.slice), float64(found.bytes)/float64(s.maxBytes))
		from, width = to, max(1, int64(float64(to-from)*min(most, half/fill)))
	}
	return nil
}

const (
	// half full is what the next slice should be, if events go on as in this one,
	// which leaves room for some more.
	half = 0.5
	// most is how many times wider than this one it may be.
	most = 8
)

// narrower returns the width in milliseconds of a slice that should be half full,
// judged by the newest events of the one that has more. Without any, because the
// answer was too long, it is much less: getting wider again costs little.
func narrower(newest []event, width int64) int64 {
	if len(newest) == 0 {
		return max(1, width/100)
	}
	spans := newest[len(newest)-1].time.Sub(newest[0].time).Milliseconds()
	return max(1, min(width/4, spans/2))
}

// ask asks for the events of some milliseconds.
func (s *source) ask(ctx context.Context, expr string, from, to int64) (slice, error) {
	limit := s.slice
	if to-from == 1 {
		limit = s.moment
	}
	body := form(expr, from, to, limit).Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL("/services/search/v2/jobs/export", nil).String(), strings.NewReader(body))
	if err != nil {
		return slice{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.http.Do(httpx.Reads(req))
	if err != nil {
		return slice{}, err
	}
	return parse(answer, from, to, limit)
}

func (s *source) fail(query logs.Query, reason metrics.Reason, err error, hint string) error {
	return &metrics.Error{Op: "query", Source: s.name, Query: query.Expr, Reason: reason, Err: err, Hint: hint}
}

// explain reads the messages of an error answer.
func explain(status int, body []byte) httpx.Explanation {
	var says struct {
		Messages []message `json:"messages"`
	}
	var texts []string
	if json.Unmarshal(body, &says) == nil {
		for _, m := range says.Messages {
			texts = append(texts, m.Text)
		}
	}
	out := httpx.Explanation{Message: strings.Join(texts, "; ")}
	switch status {
	case http.StatusForbidden:
		out.Hint = "the user needs the capability search, and access to the indexes"
	case http.StatusNotFound:
		out.Hint = "is the url that of the management port (8089), of Splunk 9.0.1 or later?"
	}
	return out
}
