package sourcetest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

// Harness tells the suite about one driver.
type Harness struct {
	Provider logs.Provider
	// Query is one that the driver can send.
	Query string
	// Answer is the body with which the backend answers the driver's first
	// request if it has these lines, few enough for one page.
	Answer func(lines []Line) []byte
	// Server imitates a backend that holds these lines, oldest first: it answers
	// the driver's requests for a window and a page as the backend's documentation
	// says. It is asked by several goroutines.
	Server func(lines []Line) http.Handler
	// PageLines is how many lines the driver asks for at once.
	PageLines int
	// Resolution of the backend's times; 0: nanoseconds.
	Resolution time.Duration
	// Refusal, ErrorInSuccess, Endless, LargeTries and Credentials are those of
	// providertest.Wire.
	Refusal, ErrorInSuccess func(message string) []byte
	Endless                 func() (head, piece []byte)
	LargeTries              int64
	Credentials             []providertest.Credential
	// Templates are queries to put hostile values into.
	Templates []providertest.Template
	// Lacks names what the backend, or the driver, cannot do.
	Lacks []Feature
}

// Feature is something that not every backend can do.
type Feature string

const (
	// AnyInstance: names of instances of any characters.
	AnyInstance Feature = "instances of any name"
	// ManyAtOnce: more lines of one moment than a page holds. A backend that
	// lacks it must refuse with TooLarge.
	ManyAtOnce Feature = "more lines of one moment than a page has"
	// SmallerPages: a page that is too large is asked for again, smaller.
	SmallerPages Feature = "smaller pages where lines are long"
	// EmptyObject: answers in which an empty object is a mistake and not nothing.
	EmptyObject Feature = "telling an empty object from an empty answer"
)

// Line is a log line of the imitated backend.
type Line struct {
	Time     time.Time
	Level    logs.Level
	Instance string
	// Trace is a W3C trace id or empty.
	Trace   string
	Message string
}

// Run puts the driver to every test of the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Answer == nil || h.Server == nil || h.PageLines == 0 {
		t.Fatal("sourcetest: a harness has Answer, Server and PageLines")
	}
	s := suite{h}
	t.Run("AsMetrics", s.asMetrics)
	t.Run("Reading", s.reading)
	t.Run("Pages", s.pages)
	t.Run("Failing", s.failing)
	t.Run("Memory", s.memory)
}

type suite struct{ Harness }

func (s suite) lacks(f Feature) bool { return slices.Contains(s.Lacks, f) }

// start is the beginning of all windows.
var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func window() metrics.Window { return metrics.Window{Start: start, End: start.Add(10 * time.Minute)} }

const (
	sourceName = "the-source"
	// basePath is part of every source's URL, as behind a proxy.
	basePath = "/base/path"
)

// settings are those of a source at that address, with the credentials that it
// cannot do without.
func (s suite) settings(address string) metrics.Settings {
	set := metrics.Settings{Name: sourceName, Provider: s.Provider.Name, URL: address + basePath, Timeout: time.Minute} // the race detector is slow
	for _, c := range s.Credentials {
		if c.Always {
			c.Set(&set, metrics.Secret{Value: "hunter2-" + c.Name})
		}
	}
	return set
}

// open returns a source in front of the handler, which sees the backend's own
// paths.
func (s suite) open(t *testing.T, handler http.Handler, change func(*metrics.Settings)) logs.Source {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix(basePath, handler))
	t.Cleanup(server.Close)
	set := s.settings(server.URL)
	if change != nil {
		change(&set)
	}
	src, err := s.Provider.Open(set)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return src
}

// read collects all that a source delivers.
func (s suite) read(t *testing.T, src logs.Source, change func(*logs.Query)) ([]Line, logs.Summary, error) {
	t.Helper()
	query := logs.Query{Expr: s.Query, Window: window()}
	if change != nil {
		change(&query)
	}
	var got []Line
	summary, err := src.Read(t.Context(), query, func(rec *logs.Record) error {
		got = append(got, lineOf(rec))
		return nil
	})
	return got, summary, err
}

// lineOf copies a record.
func lineOf(rec *logs.Record) Line {
	return Line{Time: rec.Time.UTC(), Level: rec.Level, Instance: string(rec.Instance), Trace: string(rec.Trace), Message: string(rec.Message)}
}
