package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// The actions on data in the words of judged's own interface: what was recorded is
// read, samples are brought along.
const (
	readData  = "analyses.recording"
	writeData = "judge"
)

// listed is a document in a list.
type listed struct {
	ID                  string `json:"id"`
	UpdatedTimestamp    int64  `json:"updatedTimestamp"`
	UpdatedTimestampIso string `json:"updatedTimestampIso"`
}

// ofKind are the names of a kind of documents.
var ofKind = map[string]struct {
	what string // in messages
	id   string // of the answer to POST
	read func(data []byte) ([]byte, error)
}{
	metricSets: {"metric set list", "metricSetListId", func(data []byte) ([]byte, error) {
		sets, err := kayenta.DecodeMetricSets(data)
		if err != nil {
			return nil, err
		}
		return array(len(sets), func(b []byte, i int) []byte { return sets[i].AppendJSON(b) }), nil
	}},
	metricPairs: {"metric set pair list", "metricSetPairListId", func(data []byte) ([]byte, error) {
		pairs, err := kayenta.DecodeMetricSetPairs(data)
		if err != nil {
			return nil, err
		}
		return pairList(pairs), nil
	}},
	archives: {"canary result archive", "pipelineId", func(data []byte) ([]byte, error) {
		var out bytes.Buffer
		if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) || json.Compact(&out, data) != nil {
			return nil, badRequest("The request's body is not a JSON object.")
		}
		return out.Bytes(), nil
	}},
}

// array writes a list of n elements.
func array(n int, appendOne func(b []byte, i int) []byte) []byte {
	b := []byte{'['}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, i)
	}
	return append(b, ']')
}

func pairList(pairs []kayenta.MetricSetPair) []byte {
	return array(len(pairs), func(b []byte, i int) []byte { return pairs[i].AppendJSON(b) })
}

// accountOf returns the account that a request for a document names: Gate passes it
// by another name than Kayenta's own clients.
func accountOf(r *http.Request) string {
	q := r.URL.Query()
	return cmp.Or(q.Get("accountName"), q.Get("storageAccountName"))
}

// may checks the account and the right to do something to documents.
func (s *Service) may(r *http.Request, action, id string) error {
	if err := s.storageAccount(accountOf(r)); err != nil {
		return err
	}
	return s.Allow(r.Context(), Access{Action: action, Object: id})
}

func (s *Service) listDocuments(kind string) action {
	return func(r *http.Request) (any, error) {
		if err := s.may(r, readData, ""); err != nil {
			return nil, err
		}
		kinds := []string{kind}
		if kind == archives {
			kinds = append(kinds, canaries) // each is archived by itself when it has ended
		}
		list := []listed{}
		for _, kind := range kinds {
			var states []string
			if kind == canaries {
				states = endedStates
			}
			documents, err := s.Store.Documents(r.Context(), s.Tenant(r.Context()), kind, nil, states, 0, mostDocuments)
			if err != nil {
				return nil, err
			}
			for _, d := range documents {
				list = append(list, listed{d.ID, d.Updated.UnixMilli(), kayenta.NewTimes(d.Updated, time.Time{}, time.Time{}).BuildTimeIso})
			}
		}
		return list, nil
	}
}

func (s *Service) createDocument(kind string) action {
	return func(r *http.Request) (any, error) {
		id := uuid.NewString()
		if kind == archives {
			if id = r.URL.Query().Get("pipelineId"); id == "" || len(id) > 128 {
				return nil, badRequest("The parameter pipelineId is required: the id, of at most 128 bytes, under which the archive is kept.")
			}
		}
		if err := s.may(r, writeData, id); err != nil {
			return nil, err
		}
		d, err := s.readDocument(r, kind, id)
		if err != nil {
			return nil, err
		}
		switch err := s.Store.PutDocuments(r.Context(), []store.Document{d}, mostDocuments); {
		case errors.Is(err, store.ErrExists):
			return nil, badRequest("The %s '%.100s' already exists.", ofKind[kind].what, id)
		case errors.Is(err, store.ErrTooMany):
			return nil, &failure{http.StatusTooManyRequests, fmt.Sprintf("There are %d of them already, as many as this server keeps: delete some.", mostDocuments)}
		case err != nil:
			return nil, err
		}
		return map[string]string{ofKind[kind].id: id}, nil
	}
}

func (s *Service) readDocument(r *http.Request, kind, id string) (store.Document, error) {
	data, err := body(r, kayenta.MaxMetricSets)
	if err != nil {
		return store.Document{}, err
	}
	content, err := ofKind[kind].read(data)
	now := s.Now()
	return store.Document{Tenant: s.Tenant(r.Context()), Kind: kind, ID: id, Created: now, Updated: now, Expires: s.expiry(), Content: content}, err
}

// find returns a document that the caller may do something to.
func (s *Service) find(r *http.Request, kind, action, id string) (store.Document, error) {
	if err := s.may(r, action, id); err != nil {
		return store.Document{}, err
	}
	d, err := s.Store.Document(r.Context(), s.Tenant(r.Context()), kind, id)
	if errors.Is(err, store.ErrNotFound) {
		return d, notFound("Could not find %s '%.100s'.", ofKind[kind].what, id)
	}
	return d, err
}

func (s *Service) getDocument(kind string) action {
	return func(r *http.Request) (any, error) {
		d, err := s.find(r, kind, readData, r.PathValue("id"))
		if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound && kind == archives {
			if canary, _, missing := s.execution(r.Context(), canaries, "analyses.get", r.PathValue("id")); missing == nil && canary.Status.Complete() {
				return canaryStatus(canary)
			}
		}
		if err != nil {
			return nil, err
		}
		return raw(d.Content), nil
	}
}

func (s *Service) deleteDocument(kind string) action {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		if _, err := s.find(r, kind, writeData, id); err != nil {
			return nil, err
		}
		if err := s.Store.DeleteDocument(r.Context(), s.Tenant(r.Context()), kind, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		s.Audit(r.Context(), Access{Action: "kayenta.data.delete", Object: id}, ofKind[kind].what)
		return status{code: http.StatusNoContent}, nil
	}
}

// getPair returns one pair of a list.
func (s *Service) getPair(r *http.Request) (any, error) {
	d, err := s.find(r, metricPairs, readData, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	pairs, err := kayenta.DecodeMetricSetPairs(d.Content)
	if err != nil {
		return nil, err
	}
	for i := range pairs {
		if id := pairs[i].ID; id != nil && *id == r.PathValue("pair") {
			return raw(pairs[i].AppendJSON(nil)), nil
		}
	}
	return nil, notFound("The metric set pair list '%.100s' has no pair '%.100s'.", d.ID, r.PathValue("pair"))
}

// putArchive replaces an archive.
func (s *Service) putArchive(r *http.Request) (any, error) {
	id := r.PathValue("id")
	before, err := s.find(r, archives, writeData, id)
	if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound {
		return nil, badRequest("The canary result archive '%.100s' does not exist.", id)
	}
	if err != nil {
		return nil, err
	}
	d, err := s.readDocument(r, archives, id)
	if err != nil {
		return nil, err
	}
	d.Version = before.Version
	if err := s.Store.PutDocuments(r.Context(), []store.Document{d}, 0); err != nil {
		return nil, err
	}
	return map[string]string{"pipelineId": id}, nil
}
