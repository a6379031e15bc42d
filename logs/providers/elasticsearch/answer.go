package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// hit is a document of a page.
type hit struct {
	id     string // unique in the cluster
	time   time.Time
	place  position
	source json.RawMessage
}

// cause is an error as Elasticsearch writes it.
type cause struct {
	Type   string  `json:"type"`
	Reason string  `json:"reason"`
	Roots  []cause `json:"root_cause"`
	Shards []struct {
		Reason cause `json:"reason"`
	} `json:"failed_shards"`
}

// text returns the most telling part: what a shard says, where the whole search
// only says that all of them failed.
func (c cause) text() string {
	if len(c.Roots) > 0 {
		c = c.Roots[0]
	} else if len(c.Shards) > 0 {
		c = c.Shards[0].Reason
	}
	return strings.TrimPrefix(c.Type+": "+c.Reason, ": ")
}

// explain reads error answers: {"error": {"type", "reason", "root_cause"}}, or
// {"error": "text"}.
func explain(_ int, body []byte) httpx.Explanation {
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == nil {
		return httpx.Explanation{}
	}
	var text string
	if json.Unmarshal(said.Error, &text) == nil {
		return httpx.Explanation{Message: text}
	}
	var c cause
	if json.Unmarshal(said.Error, &c) != nil {
		return httpx.Explanation{}
	}
	says := httpx.Explanation{Message: c.text()}
	switch {
	case strings.HasPrefix(says.Message, "index_not_found_exception"):
		says.Hint = "is there an index, data stream or alias of this name, and may the credentials see it?"
	case strings.Contains(says.Message, "Failed to parse query"):
		says.Hint = `what follows the indices is in Lucene's query syntax: service.name:"checkout" AND NOT message:"healthz"`
	}
	return says
}

// decodeAnswer reads a page, and the name of its point in time if it has one.
func decodeAnswer(got *httpx.Answer) (hits []hit, pit string, err error) {
	var said struct {
		PIT      string `json:"pit_id"`
		TimedOut bool   `json:"timed_out"`
		Shards   struct {
			Failed   int `json:"failed"`
			Failures []struct {
				Reason cause `json:"reason"`
			} `json:"failures"`
		} `json:"_shards"`
		Clusters struct {
			Skipped int `json:"skipped"`
		} `json:"_clusters"`
		Hits struct {
			Hits *[]struct {
				Index  string          `json:"_index"`
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
				Sort   []json.Number   `json:"sort"`
				Fields struct {
					Time []string `json:"@timestamp"`
				} `json:"fields"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(got.Body, &said); err != nil {
		return nil, "", badAnswer("the answer has another shape than Elasticsearch documents: " + httpx.Printable(err.Error()))
	}
	switch {
	case said.TimedOut:
		return nil, "", partial("the search ran out of its time, so lines may be missing")
	case said.Shards.Failed > 0:
		text := ""
		if len(said.Shards.Failures) > 0 {
			text = ": " + httpx.Printable(said.Shards.Failures[0].Reason.text())
		}
		return nil, "", partial(fmt.Sprintf("%d shards did not answer, so lines may be missing%s", said.Shards.Failed, text))
	case said.Clusters.Skipped > 0:
		return nil, "", partial(fmt.Sprintf("%d remote clusters did not answer, so lines may be missing", said.Clusters.Skipped))
	case said.Hits.Hits == nil:
		return nil, "", badAnswer("the answer has no list of documents")
	}
	hits = make([]hit, len(*said.Hits.Hits))
	for i, h := range *said.Hits.Hits {
		at := time.Time{}
		if len(h.Fields.Time) > 0 {
			at, err = time.Parse(time.RFC3339Nano, h.Fields.Time[0])
		}
		switch {
		case len(h.Fields.Time) == 0 || err != nil:
			return nil, "", badAnswer("a document of the answer has no @timestamp that can be read: is it a date in all of the indices?")
		case len(h.Source) == 0 || h.Source[0] != '{':
			return nil, "", badAnswer("a document of the answer has no _source: the index does not keep it, or the credentials may not see it")
		case len(h.Sort) < 2:
			return nil, "", badAnswer("a document of the answer does not say how it was sorted")
		}
		doc, err := h.Sort[1].Int64()
		if err != nil {
			return nil, "", badAnswer("a document of the answer is not numbered")
		}
		hits[i] = hit{id: h.Index + "/" + h.ID, time: at, place: position{h.Sort[0].String(), doc}, source: h.Source}
	}
	return hits, said.PIT, nil
}

func badAnswer(text string) error {
	return &metrics.Error{Op: "query", Reason: metrics.BadAnswer, Err: errors.New(text), Hint: "is this the address of Elasticsearch or OpenSearch?"}
}

func partial(text string) error {
	return &metrics.Error{Op: "query", Reason: metrics.Unavailable, Err: errors.New(text), Hint: "is the cluster healthy? a narrower query or a shorter window takes it less time"}
}
