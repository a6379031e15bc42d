/*
Package gcp reads log entries from Google Cloud Logging (entries:list, version 2),
by its query language:

	resource.type="k8s_container" labels."k8s-pod/app"="checkout" labels."k8s-pod/version"="${version}"
	resource.type="cloud_run_revision" resource.labels.revision_name="checkout-${version}" severity>=WARNING

A source's settings are the address of a project, folder, organization, billing
account or log view below version 2 of the API:

	name: google
	provider: gcp
	url: https://logging.googleapis.com/v2/projects/shop-prod

	url: https://logging.googleapis.com/v2/projects/shop-prod/locations/global/buckets/_Default/views/_AllLogs

Credentials are the first of these that is there:

  - bearer: an access token, for example a file that something else renews;
  - basic_user and basic_password: a service account's e-mail address and its key,
    the JSON file that Google gives: basic_password: {file: /run/secrets/key.json};
  - GOOGLE_APPLICATION_CREDENTIALS: the path of such a file;
  - the metadata server of Compute Engine, GKE (Workload Identity) and Cloud Run.

Not read are the credentials of gcloud and of workload identity federation: let
`gcloud auth print-access-token` fill the bearer token's file there. The account
needs the role roles/logging.viewer on the resource (permission
logging.logEntries.list), for a log view roles/logging.viewAccessor.

# Limits

A page has at most 1,000 entries. A project may list entries 60 times a minute, so a
source asks once a second unless its requests_per_second says otherwise: 60,000
entries a minute at best, less with entries of many kilobytes. Google searches the
window piece by piece and may answer pages without an entry meanwhile. Reading is
free of charge. A query has at most 20,000 characters.

# Time

Google keeps nanoseconds. An entry's timestamp is a record's time, severity its
level, and the instance the label pod_name, instance_id or instanceId.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
*/
package gcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

const (
	// defaultRate is the quota of a project: 60 requests a minute.
	defaultRate = 1
	// pageEntries is the most that Google puts into one page.
	pageEntries = 1000
	// shrink is how much smaller a page is than one that was over the limit of an
	// answer. The smallest has 2.5 MB of entries as large as Google takes them.
	shrink       = 10
	smallestPage = 10
)

func init() {
	logs.Register(logs.Provider{Name: "gcp", Expand: Expand, Open: Open})
}

type source struct {
	http     *httpx.Client
	name     string
	resource string
	// tokens is nil if the settings hold one.
	tokens *tokens
}

// resourceOf finds the resource at the end of an address.
var resourceOf = regexp.MustCompile(`^([^?#]*?)/((?:projects|folders|organizations|billingAccounts)/[^?#]+?)/?$`)

// Open returns a source of the resource that s.URL names. It does not connect.
func Open(s metrics.Settings) (logs.Source, error) {
	misconfigured := func(err error, hint string) error {
		return &metrics.Error{Op: "open", Source: s.Name, Reason: metrics.Misconfigured, Err: err, Hint: hint}
	}
	plain := s
	plain.BasicUser, plain.BasicPassword = "", metrics.Secret{} // exchanged for a token, not sent
	plain.RequestsPerSecond = cmp.Or(s.RequestsPerSecond, defaultRate)
	m := resourceOf.FindStringSubmatch(s.URL)
	if m != nil {
		plain.URL = m[1]
	}
	client, err := httpx.New(plain, httpx.Options{JSON: true, Explain: explain})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, misconfigured(errors.New("the source's url names no project"), "an address looks like https://logging.googleapis.com/v2/projects/NAME")
	}
	src := &source{http: client, name: s.Name, resource: m[2]}
	if s.Bearer.IsZero() {
		src.tokens, err = newTokens(s)
	} else if s.BasicUser != "" || !s.BasicPassword.IsZero() {
		err = errors.New("bearer and basic_user cannot be used together")
	}
	if _, ok := errors.AsType[*metrics.Error](err); err != nil && !ok {
		err = misconfigured(err, "")
	}
	if err != nil {
		return nil, err
	}
	return src, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.http.Close() }

type request struct {
	ResourceNames []string `json:"resourceNames"`
	Filter        string   `json:"filter"`
	OrderBy       string   `json:"orderBy"`
	PageSize      int      `json:"pageSize"`
	PageToken     string   `json:"pageToken,omitempty"`
}

// Read implements logs.Source.
func (s *source) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	lines := decode.NewDecoder(decode.Options{}, each)
	d, err := logs.NewDelivery(s.name, query, func(rec *logs.Record) error { return lines.Line(rec.Message, rec) })
	if err != nil {
		return logs.Summary{}, err
	}
	ask := request{ResourceNames: []string{s.resource}, OrderBy: "timestamp asc", PageSize: pageEntries}
	var c converter
	err = d.Pages(ctx, func(ctx context.Context, from time.Time, cursor string) (string, error) {
		ask.Filter, ask.PageToken = filter(query.Expr, from, query.Window.End), cursor
		p, err := s.page(ctx, ask)
		for ; tooLarge(err) && ask.PageSize > smallestPage; p, err = s.page(ctx, ask) {
			ask.PageSize /= shrink
		}
		if err != nil {
			return "", s.http.Error(query.Expr, err)
		}
		for i := range p.Entries {
			e := &p.Entries[i]
			if err := d.Line(e.LogName+" "+e.InsertID, e.Timestamp, c.record(e)); err != nil {
				return "", err
			}
		}
		return p.NextPageToken, nil
	})
	if err == nil {
		err = lines.Flush()
	}
	summary := lines.Summary()
	summary.Warnings = append(summary.Warnings, d.Summary().Warnings...)
	return summary, err
}

// filter adds the bounds of time to a query. It stands on lines of its own, so
// that a comment at its end ends there.
func filter(expr string, from, to time.Time) string {
	at := func(t time.Time) string { return `"` + t.UTC().Format(time.RFC3339Nano) + `"` }
	bounds := "timestamp>=" + at(from) + " AND timestamp<=" + at(to)
	if strings.TrimSpace(expr) == "" {
		return bounds
	}
	return bounds + " AND (\n" + expr + "\n)"
}

type page struct {
	Entries       []entry `json:"entries"` // left out if there are none
	NextPageToken string  `json:"nextPageToken"`
}

// page asks for one page, once more with a new token if the old one is refused.
func (s *source) page(ctx context.Context, ask request) (page, error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return page{}, err
	}
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL("/entries:list", nil).String(), bytes.NewReader(body))
		if err != nil {
			return page{}, err
		}
		req.Header.Set("Content-Type", "application/json")
		token := ""
		if s.tokens != nil {
			if token, err = s.tokens.get(ctx); err != nil {
				return page{}, err
			}
			req.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := s.http.Do(httpx.Reads(req))
		switch {
		case err == nil:
			p, err := parse(answer)
			return p, logs.Withhold(err, token)
		case answer != nil && answer.Status == http.StatusUnauthorized && s.tokens != nil && try == 1:
			s.tokens.forget(token)
			continue
		case answer != nil && answer.Status == http.StatusBadRequest && ask.PageToken != "" && pageToken.Match(answer.Body):
			err = logs.Expired(err)
		}
		return page{}, logs.Withhold(err, token)
	}
}

func tooLarge(err error) bool {
	reason, _ := metrics.ReasonOf(err)
	return reason == metrics.TooLarge
}

// pageToken finds what a refusal of a page token says; tokens hold for a day.
var pageToken = regexp.MustCompile(`(?i)page[_ ]?token`)

func parse(answer *httpx.Answer) (page, error) {
	bad := func(text string, err error) (page, error) {
		return page{}, answer.Fail(metrics.BadAnswer, text, err, "is this the address of Cloud Logging?")
	}
	var p page
	if err := json.Unmarshal(answer.Body, &p); err != nil {
		return bad("it is not a list of log entries: "+err.Error(), err)
	}
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Timestamp.IsZero() || e.InsertID == "" {
			return bad(fmt.Sprintf("entry %d has no timestamp or no insertId", i), nil)
		}
	}
	return p, nil
}

// explain reads the error of an answer.
//
// https://cloud.google.com/apis/design/errors
func explain(status int, body []byte) httpx.Explanation {
	var says struct {
		Error struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &says) != nil || says.Error.Message == "" {
		return httpx.Explanation{}
	}
	out := httpx.Explanation{Message: strings.TrimPrefix(says.Error.Status+": "+says.Error.Message, ": ")}
	switch status {
	case http.StatusForbidden:
		out.Hint = "the account needs the role roles/logging.viewer on the url's resource, for a log view roles/logging.viewAccessor"
	case http.StatusTooManyRequests:
		out.Hint = "a project may list log entries 60 times a minute, and others do too: lower the source's requests_per_second, or have the quota raised"
	}
	return out
}
