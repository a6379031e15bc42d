package logs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/judged-dev/judged/metrics"
)

// Provider is one kind of backend of logs: how to open a source of it and how its
// query language quotes values.
type Provider struct {
	// Name is what settings call it: "loki".
	Name string
	// Expand fills a query's ${variables} with a scope's values. A value can never
	// change the shape of the query; one that cannot be put where the query wants
	// it is an error.
	Expand func(query string, variables map[string]string) (string, error)
	// Open returns a source. It may read files and environment variables named in
	// the settings; it does not connect.
	Open func(metrics.Settings) (Source, error)
}

var registry = struct {
	sync.RWMutex
	providers map[string]Provider
}{providers: map[string]Provider{}}

// Register makes a provider known. Drivers call it from init; a second provider
// of the same name is a programmer's error and panics.
func Register(p Provider) {
	registry.Lock()
	defer registry.Unlock()
	if p.Name == "" || p.Open == nil || p.Expand == nil {
		panic("logs: a provider needs a name, Open and Expand")
	}
	if _, ok := registry.providers[p.Name]; ok {
		panic("logs: provider registered twice: " + p.Name)
	}
	registry.providers[p.Name] = p
}

// Lookup returns the provider of that name.
func Lookup(name string) (Provider, error) {
	registry.RLock()
	defer registry.RUnlock()
	p, ok := registry.providers[name]
	if !ok {
		return Provider{}, &metrics.Error{
			Op: "open", Source: name, Reason: metrics.Misconfigured,
			Err:  fmt.Errorf("there is no provider of logs %q", name),
			Hint: "known providers of logs: " + strings.Join(slices.Sorted(maps.Keys(registry.providers)), ", "),
		}
	}
	return p, nil
}
