package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/judged-dev/judged/metrics"
)

// Sources is the set of backends that configs can name. Each is opened when
// it is first asked, so one broken source harms only its own metrics.
type Sources struct {
	mu       sync.Mutex
	settings map[string]metrics.Settings
	open     map[string]openSource
}

type openSource struct {
	source metrics.Source
	err    error
}

// NewSources returns the set of these sources, by their Name.
func NewSources(settings ...metrics.Settings) *Sources {
	s := &Sources{settings: map[string]metrics.Settings{}, open: map[string]openSource{}}
	for _, one := range settings {
		s.settings[one.Name] = one
	}
	return s
}

// Names returns the configured names, sorted.
func (s *Sources) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.settings))
}

// Provider returns the provider of a source without opening it.
func (s *Sources) Provider(name string) (metrics.Provider, error) {
	s.mu.Lock()
	settings, ok := s.settings[name]
	s.mu.Unlock()
	if !ok {
		return metrics.Provider{}, s.unknown(name)
	}
	return metrics.Lookup(settings.Provider)
}

// Use makes an already open source known under a name; the set closes it.
func (s *Sources) Use(name string, provider metrics.Provider, source metrics.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings[name] = metrics.Settings{Name: name, Provider: provider.Name}
	s.open[name] = openSource{source: source}
}

// Source opens a source, once.
func (s *Sources) Source(name string) (metrics.Source, error) {
	provider, err := s.Provider(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.open[name]; ok {
		return o.source, o.err
	}
	source, err := provider.Open(s.settings[name])
	s.open[name] = openSource{source: source, err: err}
	return source, err
}

// Close closes every open source.
func (s *Sources) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first error
	for _, o := range s.open {
		if o.source == nil {
			continue
		}
		if err := o.source.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.open = map[string]openSource{}
	return first
}

func (s *Sources) unknown(name string) error {
	hint := "no source is configured"
	if names := s.Names(); len(names) > 0 {
		hint = "configured sources: " + strings.Join(names, ", ")
	}
	return &metrics.Error{
		Op: "open", Source: name, Reason: metrics.Misconfigured,
		Err:  fmt.Errorf("%w %q", metrics.ErrUnknownSource, name),
		Hint: hint,
	}
}
