package analysis

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
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
	mined   func(name string, read mine.Read) mine.Read
	logs    map[string]*openLog
}

// openLog is a source of logs that has been asked for.
type openLog struct {
	provider logs.Provider
	open     func() (mine.Read, io.Closer, error) // once
}

type openSource struct {
	open   func() (metrics.Source, error) // once
	opened atomic.Bool                    // open has returned
}

// NewSources returns the set of these sources, by their Name.
func NewSources(settings ...metrics.Settings) *Sources {
	s := &Sources{settings: map[string]metrics.Settings{}, open: map[string]*openSource{}, logs: map[string]*openLog{}}
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

// MinedThrough returns a set of the same sources that reads logs through what mined
// makes of how each is read, by the source's name. It shares the open sources with
// s.
func (s *Sources) MinedThrough(mined func(name string, read mine.Read) mine.Read) *Sources {
	return &Sources{
		beneath: s, wrap: func(_ string, source metrics.Source) metrics.Source { return source },
		mined: mined, open: map[string]*openSource{},
	}
}

// UseLogs makes a source of logs known under a name: how it is read, and how its
// queries are expanded.
func (s *Sources) UseLogs(name string, provider logs.Provider, read mine.Read) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[name] = &openLog{provider, func() (mine.Read, io.Closer, error) { return read, nil, nil }}
}

// LogProvider returns the provider of a source of logs without opening it.
func (s *Sources) LogProvider(name string) (logs.Provider, error) {
	if s.beneath != nil {
		return s.beneath.LogProvider(name)
	}
	s.mu.Lock()
	o, used := s.logs[name]
	settings, ok := s.settings[name]
	s.mu.Unlock()
	switch {
	case used:
		return o.provider, nil
	case !ok:
		return logs.Provider{}, s.unknown(name)
	default:
		return logs.Lookup(settings.Provider)
	}
}

// Mine returns how the logs of a source are read. The source is opened once.
func (s *Sources) Mine(name string) (mine.Read, error) {
	if s.beneath != nil {
		read, err := s.beneath.Mine(name)
		if err == nil && s.mined != nil {
			read = s.mined(name, read)
		}
		return read, err
	}
	provider, err := s.LogProvider(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	o, ok := s.logs[name]
	if !ok {
		o = &openLog{provider, onceRead(provider, s.settings[name])}
		s.logs[name] = o
	}
	s.mu.Unlock()
	read, _, err := o.open()
	return read, err
}

// onceRead opens a source of logs when it is first called.
func onceRead(provider logs.Provider, settings metrics.Settings) func() (mine.Read, io.Closer, error) {
	source := sync.OnceValues(func() (logs.Source, error) { return provider.Open(settings) })
	return func() (mine.Read, io.Closer, error) {
		s, err := source()
		if err != nil {
			return nil, nil, err
		}
		return mine.Reading(s, MineOptions()), s, nil
	}
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
	for _, o := range s.logs {
		if _, source, err := o.open(); err == nil && source != nil {
			errs = append(errs, source.Close())
		}
	}
	s.open, s.logs = map[string]*openSource{}, map[string]*openLog{}
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
