// Package datadog reads metrics from Datadog's timeseries query
// (GET /api/v1/query), in Datadog's own query language:
//
//	avg:trace.http.request.duration{service:checkout,version:${version}}.rollup(avg, 60)
//
// The source's URL is the API of the account's site: https://api.datadoghq.com
// (the default), https://api.datadoghq.eu, https://api.us5.datadoghq.com and so
// on. It needs both keys, api_key and app_key; the application key needs the
// scope timeseries_query.
//
// # Time
//
// Datadog answers with buckets: a point's time is the beginning of its bucket,
// and buckets begin at multiples of their width since 1970, whatever window
// was asked for. Here a point belongs to the moment at which its interval ends
// (see [metrics.Grid]), so a point gets the end of its bucket as its time.
// A bucket that reaches beyond the window holds time that was not asked for,
// and is left out with a warning: let windows begin and end at multiples of
// the bucket's width.
//
// Datadog chooses the width by the length of the window, at most 1,500 points
// a series, unless the query says .rollup(avg, 60). If it is coarser than the
// step asked for, the result says so in its Step and a warning.
//
// https://docs.datadoghq.com/dashboards/functions/rollup/
package datadog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

const (
	defaultURL = "https://api.datadoghq.com"
	// defaultMaxResponseBytes: the SDK decodes every object several times and
	// allocates 22 times the answer for it (BenchmarkDecode). 1,000 series of
	// 300 points are 10 MB.
	defaultMaxResponseBytes = 16 << 20
)

func init() {
	metrics.Register(metrics.Provider{Name: "datadog", Expand: Expand, Open: Open})
}

type source struct {
	http     *httpx.Client
	metrics  *datadogV1.MetricsApi
	keys     *datadogV1.AuthenticationApi
	settings metrics.Settings
}

// Open returns a source that asks the site at s.URL. It does not connect.
func Open(s metrics.Settings) (metrics.Source, error) {
	if err := checkSettings(s); err != nil {
		return nil, err
	}
	if s.MaxResponseBytes == 0 {
		s.MaxResponseBytes = defaultMaxResponseBytes
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
	// The SDK builds requests and decodes answers; keys, retries and limits
	// are httpx's.
	config := datadog.NewConfiguration()
	config.HTTPClient = client.HTTPClient()
	config.Servers = datadog.ServerConfigurations{{URL: client.URL("", nil).String()}}
	config.OperationServers = nil
	sdk := datadog.NewAPIClient(config)
	return &source{http: client, metrics: datadogV1.NewMetricsApi(sdk), keys: datadogV1.NewAuthenticationApi(sdk), settings: s}, nil
}

func checkSettings(s metrics.Settings) error {
	misconfigured := func(text, hint string) error {
		return &metrics.Error{Op: "open", Source: s.Name, Reason: metrics.Misconfigured, Err: errors.New(text), Hint: hint}
	}
	const where = "Datadog shows keys under Organization Settings; the application key needs the scope timeseries_query"
	switch {
	case s.APIKey.IsZero() && s.AppKey.IsZero():
		return misconfigured("Datadog needs two keys, and neither api_key nor app_key is set", where)
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

// Close implements metrics.Source.
func (s *source) Close() error { return s.http.Close() }

// Query implements metrics.Source.
func (s *source) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	if q.Grid.N <= 0 {
		return metrics.Result{}, nil
	}
	w := q.Grid.Window()
	to := w.End.Unix()
	if w.End.Nanosecond() > 0 {
		to++
	}
	answer, _, err := s.metrics.QueryMetrics(ctx, w.Start.Unix(), to, q.Expr) //nolint:bodyclose // the SDK closes it
	if err != nil {
		return metrics.Result{}, s.denied(ctx, s.http.Error(q.Expr, err))
	}
	result, err := decode(answer, q.Grid)
	if err != nil {
		return metrics.Result{}, s.http.Error(q.Expr, err)
	}
	return result, nil
}

// denied tells which key Datadog refuses: it answers a wrong one of either
// kind with the same 403, but has an endpoint that looks at the API key only.
func (s *source) denied(ctx context.Context, err error) error {
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok || e.Reason != metrics.Denied {
		return err
	}
	api, app := s.settings.APIKey, s.settings.AppKey
	valid, _, checkErr := s.keys.Validate(ctx) //nolint:bodyclose // the SDK closes it
	reason, refused := metrics.ReasonOf(checkErr)
	switch {
	case checkErr == nil && valid.GetValid():
		e.Hint = fmt.Sprintf("Datadog accepts the API key %s, so it is the application key %s that is wrong, revoked, of another organization, or lacks the scope timeseries_query", api, app)
	case checkErr == nil, refused && reason == metrics.Denied:
		e.Hint = fmt.Sprintf("Datadog refuses the API key %s: is it of this site, %s, and not revoked?", api, s.http.URL("", nil).Host)
	default:
		e.Hint = fmt.Sprintf("Datadog refuses the API key %s or the application key %s; which one could not be found out", api, app)
	}
	return e
}
