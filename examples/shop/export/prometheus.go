package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// prometheus reads from Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).
type prometheus struct {
	base   string
	client *http.Client
}

func newPrometheus(base string) *prometheus {
	return &prometheus{base: strings.TrimSuffix(base, "/"), client: &http.Client{Timeout: 2 * time.Minute}}
}

// series is one time series as it is stored.
type series struct {
	name    string
	labels  map[string]string // without the name
	samples []sample
}

type sample struct {
	milliseconds int64  // since 1970
	value        string // as Prometheus writes it, so that no digit is lost
}

// fetch reads all samples of the selected series in the window, grouped into families. Series Prometheus makes up
// about its own scrapes are left out, except `up`.
func (p *prometheus) fetch(ctx context.Context, selector string, w *window) ([]family, error) {
	types, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	err = p.get(ctx, "/api/v1/label/__name__/values", url.Values{
		"match[]": {selector},
		"start":   {w.from.Format(time.RFC3339Nano)},
		"end":     {w.to.Format(time.RFC3339Nano)},
	}, &names)
	if err != nil {
		return nil, err
	}
	var all []series
	for _, name := range names {
		if strings.HasPrefix(name, "scrape_") {
			continue
		}
		found, err := p.rawSamples(ctx, name, selector, w)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return group(all, types)
}

// metadata is what the scraped targets said about a metric.
type metadata struct {
	Type string `json:"type"`
	Help string `json:"help"`
}

func (p *prometheus) metadata(ctx context.Context) (map[string]metadata, error) {
	var reply map[string][]metadata
	if err := p.get(ctx, "/api/v1/metadata", nil, &reply); err != nil {
		return nil, err
	}
	types := make(map[string]metadata, len(reply))
	for name, versions := range reply {
		if len(versions) > 0 {
			types[name] = versions[0]
		}
	}
	// Prometheus writes this one itself and has no metadata for it.
	types["up"] = metadata{Type: "gauge", Help: "Whether the target could be scraped."}
	return types, nil
}

// rawSamples asks for a range selector, evaluated once: that returns the samples with the timestamps they were stored
// with. A range query would return values interpolated to its steps.
func (p *prometheus) rawSamples(ctx context.Context, name, selector string, w *window) ([]series, error) {
	inside := strings.TrimSuffix(strings.TrimPrefix(selector, "{"), "}")
	query := fmt.Sprintf(`{__name__=%q,%s}[%dms]`, name, inside, w.to.Sub(w.from).Milliseconds())
	var reply struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric map[string]string `json:"metric"`
			Values [][2]any          `json:"values"`
		} `json:"result"`
	}
	err := p.get(ctx, "/api/v1/query", url.Values{"query": {query}, "time": {w.to.Format(time.RFC3339Nano)}}, &reply)
	if err != nil {
		return nil, err
	}
	if reply.ResultType != "matrix" {
		return nil, fmt.Errorf("prometheus: query %s: the answer is a %s, not a matrix", query, reply.ResultType)
	}
	found := make([]series, len(reply.Result))
	for i, result := range reply.Result {
		delete(result.Metric, "__name__")
		found[i] = series{name: name, labels: result.Metric, samples: make([]sample, len(result.Values))}
		for j, pair := range result.Values {
			seconds, isNumber := pair[0].(float64)
			value, isText := pair[1].(string)
			if !isNumber || !isText {
				return nil, fmt.Errorf("prometheus: query %s: sample %v is not [seconds, \"value\"]", query, pair)
			}
			// Stored timestamps are whole milliseconds, which a float64 of seconds holds until far beyond our time.
			found[i].samples[j] = sample{milliseconds: int64(math.Round(seconds * 1000)), value: value}
		}
	}
	return found, nil
}

// get decodes the data of one API call into data.
func (p *prometheus) get(ctx context.Context, path string, parameters url.Values, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path+"?"+parameters.Encode(), nil)
	if err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	defer response.Body.Close()
	var reply struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
		return fmt.Errorf("prometheus: GET %s answered %s: %w", path, response.Status, err)
	}
	if reply.Status != "success" {
		return fmt.Errorf("prometheus: GET %s answered %s: %s", path, response.Status, reply.Error)
	}
	if err := json.Unmarshal(reply.Data, data); err != nil {
		return fmt.Errorf("prometheus: GET %s: %w", path, err)
	}
	return nil
}
