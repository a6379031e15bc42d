package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/judged-dev/judged/metrics"
)

const (
	// keepAlive is how long the cluster keeps a point in time after a page: longer
	// than all tries of one request take.
	keepAlive = "5m"
	// closing bounds how long a read waits for a point in time to be closed. It ends
	// by itself too.
	closing = 5 * time.Second
)

// pointInTimeAPI is where a product keeps its points in time.
type pointInTimeAPI struct {
	path string
	// id is what a point's name is called when it is opened and when it is closed.
	id string
	// many: it is closed by a list of names.
	many bool
	// needs is the right that opening takes.
	needs string
}

var (
	elasticsearch = pointInTimeAPI{path: "/_pit", id: "id", needs: "the privilege read"}
	openSearch    = pointInTimeAPI{path: "/_search/point_in_time", id: "pit_id", many: true, needs: "the permission indices:data/read/point_in_time/create"}
)

// open opens a point in time.
func (r *reading) open(ctx context.Context) error {
	api, err := r.pointInTime(ctx)
	if err != nil {
		return err
	}
	got, err := r.post(ctx, "/"+r.indices+api.path, url.Values{"keep_alive": {keepAlive}}, nil)
	if err != nil {
		if e, ok := errors.AsType[*metrics.Error](err); ok && (e.Reason == metrics.Denied || e.Reason == metrics.BadQuery || e.Reason == metrics.Misconfigured) {
			e.Hint = "more than a page of lines is read from a point in time: that takes Elasticsearch 7.10, or OpenSearch 2.4, and " + api.needs + " on the indices"
		}
		return err
	}
	var said map[string]json.RawMessage
	if json.Unmarshal(got.Body, &said) != nil || json.Unmarshal(said[api.id], &r.pit) != nil || r.pit == "" {
		return badAnswer("the answer to opening a point in time has no " + api.id)
	}
	return nil
}

// close closes the point in time, even if the read was given up. That it fails
// changes nothing: the cluster closes it by itself.
func (r *reading) close(ctx context.Context) {
	if r.pit == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if api, err := r.pointInTime(ctx); err == nil {
		var id any = r.pit
		if api.many {
			id = []string{r.pit}
		}
		_, _ = r.send(ctx, http.MethodDelete, api.path, nil, object{api.id: id})
	}
	r.pit = ""
}

// pointInTime asks once which product it is.
func (s *source) pointInTime(ctx context.Context) (*pointInTimeAPI, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.api != nil {
		return s.api, nil
	}
	got, err := s.send(ctx, http.MethodGet, "/", nil, nil)
	if reason, _ := metrics.ReasonOf(err); err != nil && (reason != metrics.Denied || got == nil || got.Status != http.StatusForbidden) {
		return nil, err
	}
	var said struct {
		Version struct {
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	s.api = &elasticsearch
	// Whoever may only read indices may not ask for the version. Elasticsearch tells
	// its name in the header of every answer, since 7.14.
	if json.Unmarshal(got.Body, &said) == nil && said.Version.Distribution == "opensearch" || err != nil && got.Header.Get("X-Elastic-Product") == "" {
		s.api = &openSearch
	}
	return s.api, nil
}
