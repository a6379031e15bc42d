package metrics

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Provider is one kind of backend: how to open a source of it and how its
// query language quotes values.
type Provider struct {
	// Name is what settings call it: "prometheus".
	Name string
	// Expand fills a query's ${variables} with a scope's values. A value can
	// never change the shape of the query; one that cannot be put where the
	// query wants it is an error.
	Expand func(query string, variables map[string]string) (string, error)
	// Open returns a source. It may read files and environment variables
	// named in the settings; it does not connect.
	Open func(Settings) (Source, error)
}

var registry = struct {
	sync.RWMutex
	providers map[string]Provider
}{providers: map[string]Provider{}}

// Register makes a provider known. Drivers call it from init; a second
// provider of the same name is a programmer's error and panics.
func Register(p Provider) {
	registry.Lock()
	defer registry.Unlock()
	if p.Name == "" || p.Open == nil || p.Expand == nil {
		panic("metrics: a provider needs a name, Open and Expand")
	}
	if _, ok := registry.providers[p.Name]; ok {
		panic("metrics: provider registered twice: " + p.Name)
	}
	registry.providers[p.Name] = p
}

// Lookup returns the provider of that name.
func Lookup(name string) (Provider, error) {
	registry.RLock()
	defer registry.RUnlock()
	p, ok := registry.providers[name]
	if !ok {
		return Provider{}, &Error{
			Op: "open", Source: name, Reason: Misconfigured,
			Err:  fmt.Errorf("there is no provider %q", name),
			Hint: "known providers: " + strings.Join(slices.Sorted(maps.Keys(registry.providers)), ", "),
		}
	}
	return p, nil
}

// ErrUnknownSource is wrapped by errors about a source's name that nothing
// was configured for.
var ErrUnknownSource = errors.New("unknown source")
