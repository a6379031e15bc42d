package providertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Harness tells the suite about one driver.
type Harness struct {
	Provider metrics.Provider
	// Query is one that the driver can send.
	Query string
	// Wire is how the backend writes what it answers. Nil for a source that is
	// not asked over HTTP; then Memory is set, and the tests of failing servers
	// are skipped.
	Wire *Wire
	// Memory opens a source that holds this answer.
	Memory func(t *testing.T, a Answer) metrics.Source
	// Lacks names what the backend cannot express.
	Lacks []Feature
	// Templates are queries to put hostile values into.
	Templates []Template
}

// Feature is something that not every backend can express.
type Feature string

const (
	// Infinity: values that are infinite.
	Infinity Feature = "infinite values"
	// Warnings in an answer.
	Warnings Feature = "warnings"
	// AnyLabel: label values of any characters.
	AnyLabel Feature = "label values of any characters"
	// Histograms in place of numbers: Prometheus' native ones.
	Histograms Feature = "native histograms"
	// Order: points in another order than that of time.
	Order Feature = "points out of order"
	// EmptyObject: answers in which an empty object is a mistake and not nothing.
	EmptyObject Feature = "telling an empty object from an empty answer"
)

// Answer is what the imitated backend has to say.
type Answer struct {
	Grid metrics.Grid
	// Series have at most one point an interval, at its end. NaN stands for
	// whatever the backend writes when it computed no number.
	Series   []metrics.Series
	Warnings []string
}

// Wire is a backend's protocol as far as the suite needs it: bodies of JSON or
// whatever the backend speaks.
type Wire struct {
	// Answer is the body of a success.
	Answer func(Answer) []byte
	// Refusal is the body of an error answer with this message.
	Refusal func(message string) []byte
	// ErrorInSuccess is the body of a 200 that means an error; nil if the
	// backend has no such thing.
	ErrorInSuccess func(message string) []byte
	// Endless is how a success begins, and a piece of it that can be repeated
	// for ever.
	Endless func() (head, piece []byte)
	// LargeTries is how often a driver asks when answers are too large: one that
	// reads pages asks for smaller ones before it gives up. 0: once.
	LargeTries int64
	// Credentials are the ways to authenticate. The suite sets all that have
	// Always before every test, and each one alone to see it arrive.
	Credentials []Credential
}

// Credential is one secret of a source.
type Credential struct {
	Name string
	// Always: the driver refuses to open without it.
	Always bool
	// Set puts the secret into the settings.
	Set func(*metrics.Settings, metrics.Secret)
	// Sent returns the secret that a request brought.
	Sent func(*http.Request) string
}

// Template is a query with ${value} in it.
type Template struct {
	Query string
	// Check returns an error unless expanded is Query with the value taken
	// literally: the same shape, and exactly this value where ${value} was.
	Check func(value, expanded string) error
	// Accepts are values that must not be refused.
	Accepts []string
}

// grid is what the suite asks for: ten minutes, aligned to all rollups in use.
func grid() metrics.Grid {
	return metrics.Grid{Start: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Step: time.Minute, N: 10}
}
