package analysis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/judged-dev/judged/metrics"
)

// Sources is the set of backends that configs can name. Each is opened when
// it is first asked, so one broken source harms only its own metrics.
type Sources struct {
	mu       sync.Mutex
	settings map[string]metrics.Settings
	open     map[string]*openSource
	// beneath is the set that opens sources for this one, wrap what it asks them
	// through.
	beneath *Sources
	wrap    func(name string, source metrics.Source) metrics.Source
}

type openSource struct {
	open   func() (metrics.Source, error) // once
	opened atomic.Bool                    // open has returned
}

// NewSources returns the set of these sources, by their Name.
func NewSources(settings ...metrics.Settings) *Sources {
	s := &Sources{settings: map[string]metrics.Settings{}, open: map[string]*openSource{}}
	for _, one := range settings {
		s.settings[one.Name] = one
	}
	return s
}

// Names returns the configured names, sorted.
func (s *Sources) Names() []string {
	if s.beneath != nil {
		return s.beneath.Names()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.settings))
}

// Provider returns the provider of a source without opening it.
func (s *Sources) Provider(name string) (metrics.Provider, error) {
	if s.beneath != nil {
		return s.beneath.Provider(name)
	}
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
	o := &openSource{open: func() (metrics.Source, error) { return source, nil }}
	o.opened.Store(true)
	s.open[name] = o
}

// Source opens a source, once. One that takes long to open holds up nobody but
// those who ask for it.
func (s *Sources) Source(name string) (metrics.Source, error) {
	provider, err := s.Provider(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	o, ok := s.open[name]
	if !ok {
		settings := s.settings[name]
		o = &openSource{open: sync.OnceValues(func() (metrics.Source, error) {
			if s.beneath == nil {
				return provider.Open(settings)
			}
			source, err := s.beneath.Source(name)
			if err != nil {
				return nil, err
			}
			return s.wrap(name, source), nil
		})}
		s.open[name] = o
	}
	s.mu.Unlock()
	source, err := o.open()
	o.opened.Store(true)
	return source, err
}

// Loads returns how busy the sources are that have been opened and can tell, by
// name.
func (s *Sources) Loads() map[string]metrics.Load {
	if s.beneath != nil {
		return s.beneath.Loads()
	}
	loads := map[string]metrics.Load{}
	for name, o := range s.opened() {
		if source, err := o.open(); err == nil {
			if limited, ok := source.(metrics.Limited); ok {
				loads[name] = limited.Load()
			}
		}
	}
	return loads
}

// opened returns the sources that have been opened.
func (s *Sources) opened() map[string]*openSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[string]*openSource{}
	for name, o := range s.open {
		if o.opened.Load() {
			open[name] = o
		}
	}
	return open
}

// Through returns a set of the same sources that asks each through what wrap
// makes of it, by name. It shares the open sources with s, which stays the one to
// close.
func (s *Sources) Through(wrap func(name string, source metrics.Source) metrics.Source) *Sources {
	return &Sources{beneath: s, wrap: wrap, open: map[string]*openSource{}}
}

// Close closes every open source.
func (s *Sources) Close() error {
	if s.beneath != nil {
		return nil
	}
	var errs []error
	for _, o := range s.opened() {
		if source, err := o.open(); err == nil {
			errs = append(errs, source.Close())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = map[string]*openSource{}
	return errors.Join(errs...)
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
