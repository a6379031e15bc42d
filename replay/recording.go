package replay

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/judged-dev/judged/metrics"
)

// Options say how a recording is read and queried. The zero value is right
// for a recording of scraped metrics.
type Options struct {
	// Name is what errors and warnings call the recording; its path if empty.
	Name string
	// Lookback is how far back an instant selector looks for a sample; 5
	// minutes if 0, as in Prometheus.
	Lookback time.Duration
	// KeepVanished leaves out the stale markers, so that a series is seen for
	// the whole Lookback after its last sample. See the package's comment.
	KeepVanished bool
	// Timeout bounds one query; 30 seconds if 0.
	Timeout time.Duration
	// Limits bound what is read and held. A zero limit means its default.
	Limits Limits
}

// Limits bound what a recording, or a query on it, may cost.
type Limits struct {
	// Bytes of text after decompression; 2 GiB by default. The text is read in
	// pieces, so that this bounds time rather than memory.
	Bytes int64
	// Series in the recording; 200,000 by default.
	Series int
	// Samples in the recording; 20 million by default, which take 320 MB.
	Samples int
	// QuerySamples that one query may hold at a time, and steps that it may
	// have; 10 million by default, which take 160 MB.
	QuerySamples int
}

// withDefaults replaces zero limits.
func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:        cmp.Or(l.Bytes, 2<<30),
		Series:       cmp.Or(l.Series, 200_000),
		Samples:      cmp.Or(l.Samples, 20_000_000),
		QuerySamples: cmp.Or(l.QuerySamples, 10_000_000),
	}
}

const (
	// Prometheus' own default (its flag query.lookback-delta).
	defaultLookback = 5 * time.Minute
	// Prometheus allows 2 minutes; a recording is in memory, and what takes
	// longer than this is a mistake.
	defaultTimeout = 30 * time.Second
)

// Recording is recorded series in memory. It is safe for concurrent use.
type Recording struct {
	name         string
	manifest     *Manifest
	store        *store
	engine       *promql.Engine
	lookback     time.Duration
	querySamples int
}

var _ metrics.Source = (*Recording)(nil)

// Manifest tells what happened in a recording, from the manifest.json beside
// it. Other keys of the file are for people.
type Manifest struct {
	// Start and End of what was recorded.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Release is when the new version began to run.
	Release time.Time `json:"release"`
}

// Open reads a recording: a file of OpenMetrics text or, if its name ends in
// .csv or .csv.gz, of CSV; or a directory with such a file. Errors are
// *metrics.Error.
func Open(path string, o Options) (*Recording, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, openError(cmp.Or(o.Name, path), err)
	}
	if info.IsDir() {
		return openDirectory(path, o)
	}
	if strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".csv.gz") {
		return OpenCSV(path, o)
	}
	return openFile(path, o, Read)
}

// OpenCSV reads a recording from a CSV file, gzipped or not, whatever its
// name. Errors are *metrics.Error.
func OpenCSV(path string, o Options) (*Recording, error) { return openFile(path, o, ReadCSV) }

// Read reads a recording from OpenMetrics text, gzipped or not; name is what
// errors call it unless the options do. Errors are *metrics.Error.
func Read(name string, r io.Reader, o Options) (*Recording, error) {
	return read(name, r, o, readOpenMetrics)
}

// ReadCSV reads a recording from CSV, gzipped or not; name is what errors
// call it unless the options do. Errors are *metrics.Error.
func ReadCSV(name string, r io.Reader, o Options) (*Recording, error) {
	return read(name, r, o, readCSV)
}

// Window returns the times of the first and of the last sample. Unlike in
// other windows, there is a sample at its Start.
func (r *Recording) Window() metrics.Window {
	return metrics.Window{Start: time.UnixMilli(r.store.first).UTC(), End: time.UnixMilli(r.store.last).UTC()}
}

// Manifest returns the recording's manifest, if it was opened as a directory
// that has one.
func (r *Recording) Manifest() (Manifest, bool) {
	if r.manifest == nil {
		return Manifest{}, false
	}
	return *r.manifest, true
}

// Size returns how many series and samples the recording has.
func (r *Recording) Size() (series, samples int) { return len(r.store.series), r.store.samples }

// Close implements metrics.Source; there is nothing to release.
func (r *Recording) Close() error { return nil }

// The files that may hold a directory's samples.
var directoryFiles = []string{"metrics.om.gz", "metrics.om", "metrics.csv.gz", "metrics.csv"}

const manifestFile = "manifest.json"

func openDirectory(path string, o Options) (*Recording, error) {
	name := cmp.Or(o.Name, path)
	o.Name = name
	var found []string
	for _, file := range directoryFiles {
		if _, err := os.Stat(filepath.Join(path, file)); err == nil {
			found = append(found, file)
		}
	}
	if len(found) != 1 {
		err := fmt.Errorf("the directory has none of %s", strings.Join(directoryFiles, ", "))
		if len(found) > 1 {
			err = fmt.Errorf("the directory has %s", strings.Join(found, " and "))
		}
		return nil, &metrics.Error{Op: "open", Source: name, Reason: metrics.Misconfigured, Err: err, Hint: "name the file itself"}
	}
	manifest, err := readManifest(filepath.Join(path, manifestFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, openError(name, err)
	}
	r, err := Open(filepath.Join(path, found[0]), o)
	if err != nil {
		return nil, err
	}
	r.manifest = manifest
	return r, nil
}

// maxManifest bounds a manifest's file.
const maxManifest = 1 << 20

func readManifest(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxManifest {
		return nil, fmt.Errorf("%s: %w", manifestFile, overLimit(maxManifest, "bytes"))
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if !m.Start.IsZero() && !m.End.IsZero() && m.End.Before(m.Start) {
		return nil, fmt.Errorf("%s: the end %s is before the start %s", manifestFile, m.End.Format(time.RFC3339), m.Start.Format(time.RFC3339))
	}
	return &m, nil
}

func openFile(path string, o Options, read func(string, io.Reader, Options) (*Recording, error)) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(cmp.Or(o.Name, path), err)
	}
	defer f.Close()
	return read(path, f, o)
}

func read(name string, r io.Reader, o Options, parse func(io.Reader, *builder) error) (*Recording, error) {
	o.Name = cmp.Or(o.Name, name)
	o.Lookback = cmp.Or(o.Lookback, defaultLookback)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.Limits = o.Limits.withDefaults()
	if o.Lookback < time.Millisecond || o.Timeout < 0 {
		return nil, &metrics.Error{
			Op: "open", Source: o.Name, Reason: metrics.Misconfigured,
			Err: fmt.Errorf("lookback %s and timeout %s have to be positive, the lookback at least a millisecond", o.Lookback, o.Timeout),
		}
	}
	text, err := decompress(r, o.Limits.Bytes)
	if err != nil {
		return nil, openError(o.Name, err)
	}
	b := newBuilder(o.Limits)
	if err := parse(text, b); err != nil {
		return nil, openError(o.Name, err)
	}
	s, err := b.finish(!o.KeepVanished)
	if err != nil {
		return nil, openError(o.Name, err)
	}
	return &Recording{name: o.Name, store: s, engine: newEngine(o), lookback: o.Lookback, querySamples: o.Limits.QuerySamples}, nil
}

// limitError says that a recording is larger than allowed.
type limitError struct {
	limit int64
	of    string
}

func overLimit[T int | int64](limit T, of string) error { return limitError{int64(limit), of} }

func (e limitError) Error() string { return fmt.Sprintf("more than %d %s", e.limit, e.of) }

// openError sorts an error of reading a recording.
func openError(name string, err error) error {
	e := &metrics.Error{Op: "open", Source: name, Reason: metrics.BadAnswer, Err: err}
	switch {
	case errors.As(err, new(limitError)):
		e.Reason, e.Hint = metrics.TooLarge, "record fewer series or a shorter time, or raise the limit"
	case errors.Is(err, os.ErrPermission):
		e.Reason = metrics.Denied
	case errors.As(err, new(*os.PathError)):
		e.Reason = metrics.Misconfigured
	}
	return e
}
