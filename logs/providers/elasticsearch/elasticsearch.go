// Package elasticsearch reads logs from Elasticsearch (7.10 and later) and
// OpenSearch (2.4 and later). A query names the indices, then what to look for in
// Lucene's syntax, whose words all have to match:
//
//	logs-*: service.name:"checkout" AND version:"${version}"
//
// Indices, data streams and aliases may be several, with commas between and * in
// them; "logs-*: *" is all of them. The field @timestamp is the time of a line.
//
// The source's URL is the address of the cluster. An API key of Elasticsearch goes
// into the header Authorization, as "ApiKey ...". The credentials need the right to
// read the indices.
//
// # Lines
//
// The text of a line is its document's field message, body or the like, and the
// document is read as a line of JSON is (see package decode): names of Elastic's
// common schema (log.level, kubernetes.pod.name, trace.id) and of OpenTelemetry's.
// A document without such a field is a line of JSON itself.
//
// # Pages
//
// Lines are read oldest first, 5,000 at a time. What fits on one page takes one
// search. More of them are read from a point in time, so that pages fit together
// while indices are written to and replicas answer in turns. The order of lines of
// one moment is that of Lucene's documents (_doc), which every version can sort by.
// It is not unique: documents of several shards may have the same number. So each
// page begins one document earlier than the last one ended, and lines that were
// there before are left out. (_shard_doc is unique, but OpenSearch has it only since
// 3.3, and sorting by _id takes memory of the cluster's for every document.)
//
// https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
// https://docs.opensearch.org/latest/search-plugins/searching-data/point-in-time/
package elasticsearch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

func init() {
	logs.Register(logs.Provider{Name: "elasticsearch", Expand: Expand, Open: Open})
}

type source struct {
	name string
	http *httpx.Client

	mu sync.Mutex
	// api is how this server opens points in time; nil until that is known.
	api *pointInTimeAPI
}

// Open returns a source that asks the cluster at s.URL. It does not connect.
func Open(s metrics.Settings) (logs.Source, error) {
	client, err := httpx.New(s, httpx.Options{JSON: true, Explain: explain})
	if err != nil {
		return nil, err
	}
	return &source{name: s.Name, http: client}, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.http.Close() }

// separator is between the indices and what to look for. Names of remote clusters
// end in a colon too, eu:logs-*, without a space.
const separator = ": "

// indexNames: no slash, question mark or other letter that would change a request's
// path. https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create
var indexNames = regexp.MustCompile(`^[A-Za-z0-9_.*,:+-]+$`)

// split takes a query apart.
func split(expr string) (indices, query string, err error) {
	indices, query, ok := strings.Cut(expr, separator)
	indices, query = strings.TrimSpace(indices), strings.TrimSpace(query)
	const hint = `write it as INDICES: QUERY, for example logs-*: service.name:"checkout"`
	switch {
	case !ok || query == "":
		return "", "", badQuery(errors.New("the query does not name indices and what to look for"), hint)
	case !indexNames.MatchString(indices) || strings.Trim(indices, ".") == "":
		return "", "", badQuery(fmt.Errorf("%q are no names of indices", httpx.Printable(indices)), hint)
	}
	return indices, query, nil
}

func badQuery(err error, hint string) error {
	return &metrics.Error{Op: "query", Reason: metrics.BadQuery, Err: err, Hint: hint}
}
