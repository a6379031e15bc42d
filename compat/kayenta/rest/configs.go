package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/store"
)

// The kinds of documents.
const (
	configs       = "kayenta/config"
	canaries      = "kayenta/canary"
	standalones   = "kayenta/standalone"
	comparisons   = "kayenta/comparison"
	metricSets    = "kayenta/metric-sets"
	metricPairs   = "kayenta/metric-pairs"
	archives      = "kayenta/archive"
	mostDocuments = 100_000 // of one kind and tenant
)

// allowed checks an action on everything that an object belongs to.
func (s *Service) allowed(ctx context.Context, a Access, applications []string) error {
	if len(applications) == 0 {
		return s.Allow(ctx, a)
	}
	for _, application := range applications {
		a.Application = application
		if err := s.Allow(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) listConfigs(r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := s.storageAccount(q.Get("configurationAccountName")); err != nil {
		return nil, err
	}
	applications := slices.DeleteFunc(slices.Clone(q["application"]), func(a string) bool { return a == "" })
	if err := s.allowed(r.Context(), Access{Action: "configs.list"}, applications); err != nil {
		return nil, err
	}
	all, err := s.summaries(r.Context())
	if err != nil {
		return nil, err
	}
	list := []kayenta.ConfigSummary{}
	for _, c := range all {
		if len(applications) == 0 || slices.ContainsFunc(applications, func(a string) bool { return slices.Contains(c.Applications, a) }) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b kayenta.ConfigSummary) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (s *Service) summaries(ctx context.Context) ([]kayenta.ConfigSummary, error) {
	documents, err := s.Store.Documents(ctx, s.Tenant(ctx), configs, nil, nil, 0, mostDocuments)
	if err != nil {
		return nil, err
	}
	list := make([]kayenta.ConfigSummary, len(documents))
	for i, d := range documents {
		if err := json.Unmarshal(d.Summary, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// config returns a stored config that the caller may do something to.
func (s *Service) config(ctx context.Context, action, account, id string) (*kayenta.Config, store.Document, error) {
	if err := s.storageAccount(account); err != nil {
		return nil, store.Document{}, err
	}
	d, err := s.Store.Document(ctx, s.Tenant(ctx), configs, id)
	if errors.Is(err, store.ErrNotFound) {
		if err := s.Allow(ctx, Access{Action: action, Object: id}); err != nil {
			return nil, d, err // not even that it does not exist
		}
		return nil, d, notFound("Could not find canary config '%.100s'.", id)
	}
	if err != nil {
		return nil, d, err
	}
	c, err := kayenta.DecodeConfig(d.Content)
	if err != nil {
		return nil, d, err
	}
	return c, d, s.allowed(ctx, Access{Action: action, Config: c.Name, Object: id}, c.Applications)
}

func (s *Service) getConfig(r *http.Request) (any, error) {
	c, _, err := s.config(r.Context(), "configs.get", r.URL.Query().Get("configurationAccountName"), r.PathValue("id"))
	return c, err
}

func (s *Service) createConfig(r *http.Request) (any, error) {
	c, err := s.readConfig(r)
	if err != nil {
		return nil, err
	}
	c.Create(uuid.NewString(), s.Now())
	return s.writeConfig(r.Context(), c, store.Document{}, "configs.create")
}

func (s *Service) updateConfig(r *http.Request) (any, error) {
	c, err := s.readConfig(r)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	_, before, err := s.config(r.Context(), "configs.update", r.URL.Query().Get("configurationAccountName"), id)
	if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound {
		return nil, badRequest("Canary config '%.100s' does not exist.", id)
	}
	if err != nil {
		return nil, err
	}
	c.Update(id, s.Now())
	return s.writeConfig(r.Context(), c, before, "configs.update")
}

func (s *Service) readConfig(r *http.Request) (*kayenta.Config, error) {
	if err := s.storageAccount(r.URL.Query().Get("configurationAccountName")); err != nil {
		return nil, err
	}
	data, err := body(r, kayenta.MaxDocument)
	if err != nil {
		return nil, err
	}
	c, err := kayenta.DecodeConfig(data)
	if err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func (s *Service) writeConfig(ctx context.Context, c *kayenta.Config, before store.Document, action string) (any, error) {
	what := Access{Action: action, Config: c.Name, Object: c.ID}
	if err := s.allowed(ctx, what, c.Applications); err != nil {
		return nil, err
	}
	// Within this process two writers cannot both find that a name is free.
	s.names.Lock()
	defer s.names.Unlock()
	others, err := s.summaries(ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		shared := slices.IndexFunc(c.Applications, func(a string) bool { return slices.Contains(other.Applications, a) })
		if other.ID != c.ID && other.Name == c.Name && shared >= 0 {
			return nil, badRequest("Canary config with name '%s' already exists in the scope of applications %v: its id is %s.", c.Name, other.Applications, other.ID)
		}
	}
	d := store.Document{Tenant: s.Tenant(ctx), Kind: configs, ID: c.ID, Version: before.Version, Created: before.Created, Updated: s.Now()}
	if before.Version == 0 {
		d.Created = d.Updated
	}
	if d.Content, err = json.Marshal(c); err != nil {
		return nil, err
	}
	if d.Summary, err = json.Marshal(c.Summary()); err != nil {
		return nil, err
	}
	err = s.Store.PutDocuments(ctx, []store.Document{d}, s.Configs)
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, badRequest("Canary config '%.100s' already exists.", c.ID)
	case errors.Is(err, store.ErrConflict):
		return nil, &failure{http.StatusConflict, "Somebody else changed canary config '" + c.ID + "' at the same moment: read it again."}
	case errors.Is(err, store.ErrTooMany):
		return nil, &failure{http.StatusTooManyRequests, "There are as many canary configs as this server allows: delete some, or raise limits.configs."}
	case err != nil:
		return nil, err
	}
	s.Audit(ctx, what, c.Name)
	return map[string]string{"canaryConfigId": c.ID}, nil
}

func (s *Service) deleteConfig(r *http.Request) (any, error) {
	id := r.PathValue("id")
	c, _, err := s.config(r.Context(), "configs.delete", r.URL.Query().Get("configurationAccountName"), id)
	if f, ok := errors.AsType[*failure](err); ok && f.code == http.StatusNotFound {
		return nil, badRequest("Canary config '%.100s' does not exist.", id)
	}
	if err != nil {
		return nil, err
	}
	if err := s.Store.DeleteDocument(r.Context(), s.Tenant(r.Context()), configs, id); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	s.Audit(r.Context(), Access{Action: "configs.delete", Config: c.Name, Object: id}, c.Name)
	return status{code: http.StatusNoContent}, nil
}
