package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// An account is what Kayenta calls a configured backend or store.
type account struct {
	Name                 string   `json:"name"`
	Type                 string   `json:"type"`
	SupportedTypes       []string `json:"supportedTypes,omitempty"`
	Locations            []string `json:"locations"`
	RecommendedLocations []string `json:"recommendedLocations"`
}

// storeTypes are the types of queries that providers answer.
var storeTypes = map[string]string{
	"prometheus": "prometheus",
	"recording":  "prometheus", // recordings are asked in PromQL
	"datadog":    "datadog",
}

// metricsAccounts returns the sources that Kayenta's queries can ask, by name.
func (s *Service) metricsAccounts() []account {
	list := []account{}
	for _, name := range s.Sources.Names() {
		provider, err := s.Sources.Provider(name)
		if kind := storeTypes[provider.Name]; err == nil && kind != "" {
			list = append(list, account{Name: name, Type: kind, SupportedTypes: []string{"METRICS_STORE"}, Locations: []string{}, RecommendedLocations: []string{}})
		}
	}
	return list
}

// metricsAccount returns an account by its name; the first one if there is no
// name, as Kayenta does.
func (s *Service) metricsAccount(name string) (account, error) {
	list := s.metricsAccounts()
	if name == "" && len(list) > 0 {
		return list[0], nil
	}
	if i := slices.IndexFunc(list, func(a account) bool { return a.Name == name }); i >= 0 {
		return list[i], nil
	}
	if name == "" {
		return account{}, badRequest("This server has no source of metrics that Kayenta's queries can ask (prometheus or datadog).")
	}
	return account{}, badRequest("Unable to resolve account %.100s.", name)
}

// storageAccount checks that a name means the store.
func (s *Service) storageAccount(name string) error {
	if name != "" && !slices.Contains(s.StorageAccounts, name) {
		return badRequest("Unable to resolve account %.100s. Name the store as %s, or add the name to kayenta.storage_accounts in this server's settings.",
			name, strings.Join(s.StorageAccounts, " or "))
	}
	return nil
}

func (s *Service) listCredentials(r *http.Request) (any, error) {
	if err := s.Allow(r.Context(), Access{Action: "configs.list"}); err != nil {
		return nil, err
	}
	list := s.metricsAccounts()
	for _, name := range s.StorageAccounts {
		list = append(list, account{
			Name: name, Type: "judged", SupportedTypes: []string{"OBJECT_STORE", "CONFIGURATION_STORE"}, Locations: []string{}, RecommendedLocations: []string{},
		})
	}
	return list, nil
}

func (s *Service) listMetricsServices(r *http.Request) (any, error) {
	if err := s.Allow(r.Context(), Access{Action: "configs.list"}); err != nil {
		return nil, err
	}
	list := s.metricsAccounts()
	for i := range list {
		list[i].SupportedTypes = nil
	}
	return list, nil
}

// mostNames bounds the names of metrics in one answer.
const mostNames = 10_000

// listMetrics lists the names of an account's metrics that hold the filter's text.
// Only Prometheus is asked for them.
func (s *Service) listMetrics(r *http.Request) (any, error) {
	a, err := s.metricsAccount(r.URL.Query().Get("metricsAccountName"))
	if err != nil {
		return nil, err
	}
	if err := s.Allow(r.Context(), Access{Action: "analyses.start", Object: a.Name}); err != nil {
		return nil, err
	}
	if a.Type != "prometheus" {
		return []string{}, nil
	}
	if err := s.Check(r.Context(), Asked{Config: "names", Source: a.Name, Queries: map[string]string{"names": "group by (__name__) ({__name__!=\"\"})"}}); err != nil {
		return nil, err
	}
	names, err := s.metricNames(r.Context(), a.Name, r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	type named struct {
		Name string `json:"name"`
	}
	list := []named{}
	for _, name := range names[:min(len(names), mostNames)] {
		list = append(list, named{name})
	}
	return list, nil
}

// metricNames asks for the names by a query, which every server with PromQL
// answers.
func (s *Service) metricNames(ctx context.Context, name, filter string) ([]string, error) {
	source, err := s.Sources.Source(name)
	if err != nil {
		return nil, err
	}
	// Letters, digits, underscores and colons are all that names have.
	plain := strings.Map(func(c rune) rune {
		if c == '_' || c == ':' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return -1
	}, filter)
	if plain != filter {
		return nil, nil // no metric's name holds it
	}
	now := s.Now().Truncate(time.Second)
	result, err := source.Query(ctx, metrics.Query{
		Expr: `group by (__name__) ({__name__=~"(?i).*` + plain + `.*",__name__!=""})`,
		Grid: metrics.Grid{Start: now.Add(-time.Minute), Step: time.Minute, N: 1},
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, series := range result.Series {
		names = append(names, series.Labels["__name__"])
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
