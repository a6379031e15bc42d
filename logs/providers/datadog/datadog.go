/*
Package datadog reads logs from Datadog's log search (POST
/api/v2/logs/events/search), in Datadog's own search syntax:

	service:checkout version:"${version}"
	service:checkout env:prod @http.status_code:[500 TO 599] -host:${canary}
	index:main service:checkout

A source's settings are the API of the account's site and both keys; the
application key needs the scope logs_read_data, its user the permissions
logs_read_data and logs_read_index_data:

	name: datadog-logs
	provider: datadog
	url: https://api.datadoghq.eu
	api_key: {env: DD_API_KEY}
	app_key: {env: DD_APP_KEY}

Only indexed logs are found, in all indexes unless the query names one: what an
exclusion filter or sampling kept out of the index is not compared.

# Limits

A page has 1,000 logs. Datadog limits how often an organization may search, often
to 300 requests in an hour, so that some hundred thousand lines an hour can be
read: for more, compare what a narrower query selects, or read the logs where they
are kept before Datadog gets them. What the answer's header X-RateLimit-Reset asks
to wait for is waited for, up to a minute; requests_per_second of the source (0.08
for 300 an hour) spreads the requests, and requests_per_day keeps some for others.
Searching is free of charge beside that.

# Time

Datadog keeps milliseconds. A log's timestamp is a record's time; its instance is
the tag pod_name, else kube_pod_name, pod, container_id or the host.

https://docs.datadoghq.com/api/latest/logs/#search-logs-post
*/
package datadog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

const (
	defaultURL = "https://api.datadoghq.com"
	// pageLogs is the most that Datadog puts into one page.
	pageLogs = 1000
	// shrink is how much smaller a page is than one that was over the limit of an
	// answer. The smallest has 10 MB of logs as large as Datadog takes them.
	shrink       = 10
	smallestPage = 10
)

func init() {
	logs.Register(logs.Provider{Name: "datadog", Expand: Expand, Open: Open})
}

type source struct {
	http *httpx.Client
	name string
}

// Open returns a source that asks the site at s.URL. It does not connect.
func Open(s metrics.Settings) (logs.Source, error) {
	if err := checkSettings(s); err != nil {
		return nil, err
	}
	client, err := httpx.New(s, httpx.Options{
		DefaultURL:  defaultURL,
		Headers:     map[string]metrics.Secret{"DD-API-KEY": s.APIKey, "DD-APPLICATION-KEY": s.AppKey},
		JSON:        true,
		Explain:     explain,
		ResetHeader: "X-RateLimit-Reset",
	})
	if err != nil {
		return nil, err
	}
	return &source{http: client, name: s.Name}, nil
}

func checkSettings(s metrics.Settings) error {
	misconfigured := func(text, hint string) error {
		return &metrics.Error{Op: "open", Source: s.Name, Reason: metrics.Misconfigured, Err: errors.New(text), Hint: hint}
	}
	const where = "Datadog shows keys under Organization Settings; the application key needs the scope logs_read_data"
	switch {
	case s.APIKey.IsZero():
		return misconfigured("Datadog needs two keys, and api_key is not set", where)
	case s.AppKey.IsZero():
		return misconfigured("Datadog needs two keys, and app_key is not set", where)
	case strings.HasPrefix(s.URL, "https://app."):
		return misconfigured("the url is the address of Datadog's web pages", "use the site's API, https://api."+strings.TrimPrefix(s.URL, "https://app."))
	case strings.Contains(s.URL, "?"):
		return misconfigured("the url has a query (?...), which Datadog's API does not take", "")
	default:
		return nil
	}
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
	var ask request
	ask.Filter.Query = query.Expr
	// One millisecond more than asked for: whether Datadog means its bounds to
	// include is not documented, and what is outside is left out by the delivery.
	ask.Filter.To = strconv.FormatInt(query.Window.End.UnixMilli()+1, 10)
	ask.Page.Limit, ask.Sort = pageLogs, "timestamp"
	var c converter
	err = d.Pages(ctx, func(ctx context.Context, from time.Time, cursor string) (string, error) {
		ask.Filter.From, ask.Page.Cursor = strconv.FormatInt(from.UnixMilli(), 10), cursor
		p, err := s.page(ctx, ask)
		for ; tooLarge(err) && ask.Page.Limit > smallestPage; p, err = s.page(ctx, ask) {
			ask.Page.Limit /= shrink
		}
		if err != nil {
			return "", s.http.Error(query.Expr, err)
		}
		for _, w := range p.Meta.Warnings {
			d.Warn(httpx.Printable(strings.Trim(w.Title+": "+w.Detail, ": ")))
		}
		for i := range *p.Data {
			l := &(*p.Data)[i]
			if err := d.Line(l.ID, *l.Attributes.Timestamp, c.record(l)); err != nil {
				return "", err
			}
		}
		return p.Meta.Page.After, nil
	})
	if err == nil {
		err = lines.Flush()
	}
	summary := lines.Summary()
	summary.Warnings = append(summary.Warnings, d.Summary().Warnings...)
	return summary, err
}

type request struct {
	Filter struct {
		Query string `json:"query"`
		From  string `json:"from"` // ms
		To    string `json:"to"`   // ms
	} `json:"filter"`
	Page struct {
		Cursor string `json:"cursor,omitempty"`
		Limit  int    `json:"limit"`
	} `json:"page"`
	Sort string `json:"sort"`
}

type page struct {
	Data *[]entry `json:"data"`
	Meta struct {
		Page struct {
			After string `json:"after"`
		} `json:"page"`
		Status   string `json:"status"`
		Warnings []struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		} `json:"warnings"`
	} `json:"meta"`
}

func (s *source) page(ctx context.Context, ask request) (page, error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return page{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL("/api/v2/logs/events/search", nil).String(), bytes.NewReader(body))
	if err != nil {
		return page{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(httpx.Reads(req))
	if err != nil {
		if answer != nil && answer.Status == http.StatusBadRequest && ask.Page.Cursor != "" && bytes.Contains(bytes.ToLower(answer.Body), []byte("cursor")) {
			return page{}, logs.Expired(err)
		}
		return page{}, err
	}
	bad := func(reason metrics.Reason, text, hint string) (page, error) {
		return page{}, answer.Fail(reason, text, nil, hint)
	}
	const hint = "is this the address of Datadog's API?"
	var p page
	if err := json.Unmarshal(answer.Body, &p); err != nil {
		return bad(metrics.BadAnswer, "it is not a page of logs: "+err.Error(), hint)
	}
	switch {
	case p.Meta.Status == "timeout":
		return bad(metrics.Unavailable, "the search took too long, so these are only part of the logs", "make the query narrower or its window shorter")
	case p.Data == nil:
		return bad(metrics.BadAnswer, "it has no list of logs", hint)
	}
	for i, l := range *p.Data {
		if l.ID == "" || l.Attributes.Timestamp == nil {
			return bad(metrics.BadAnswer, fmt.Sprintf("log %d has no id or no timestamp", i), hint)
		}
	}
	return p, nil
}

func tooLarge(err error) bool {
	reason, _ := metrics.ReasonOf(err)
	return reason == metrics.TooLarge
}

// explain reads the errors of an answer: texts, or objects of JSON:API.
func explain(status int, body []byte) httpx.Explanation {
	var says struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &says) != nil {
		return httpx.Explanation{}
	}
	var texts []string
	for _, raw := range says.Errors {
		var text string
		var object struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		if json.Unmarshal(raw, &text) != nil && json.Unmarshal(raw, &object) == nil {
			text = strings.Trim(object.Title+": "+object.Detail, ": ")
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	out := httpx.Explanation{Message: strings.Join(texts, "; ")}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		out.Hint = "are both keys of this site and not revoked, and has the application key the scope logs_read_data?"
	case http.StatusTooManyRequests:
		out.Hint = "Datadog limits how often an organization may search its logs: make the query narrower, or have the limit raised"
	}
	return out
}
