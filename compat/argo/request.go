package argo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/config"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// measurement is the body of POST /argo/measure. Everything may be a text,
// because Argo fills in arguments only within texts.
type measurement struct {
	// Config is the name of a stored config, or a config as in a file.
	Config json.RawMessage `json:"config"`
	// Revision is the stored config's, 0 or "" for the latest.
	Revision number `json:"revision"`
	// Baseline and Canary are scopes, in place of the config's.
	Baseline map[string]string `json:"baseline"`
	Canary   map[string]string `json:"canary"`
	// Key tells this analysis from others of the same config and scopes, such as
	// those of other steps. With it one analysis runs live, and each call says what
	// it knows.
	Key *string `json:"key"`
	// Window is how much of the past is judged without a key.
	Window span `json:"window"`
	// Start is the moment of the release, with a key.
	Start time.Time `json:"start"`
	// Wait is how long the answer may take.
	Wait *span `json:"wait"`
	// Keep is how long the analysis of a key is answered from after its end.
	Keep *span `json:"keep"`
	// Labels are the analysis'.
	Labels map[string]string `json:"labels"`
}

// number is an integer that may be a text, "" for 0.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(text []byte) error {
	s := unquoted(text)
	if s == "" {
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%.100s is no whole number", text)
	}
	*n = number(v)
	return nil
}

// span is a duration as in Argo's own fields: 30m, 90s, 1h30m.
type span time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *span) UnmarshalJSON(text []byte) error {
	d, err := time.ParseDuration(unquoted(text))
	if err != nil {
		return fmt.Errorf("%.100s is no duration: it looks like 90s, 30m or 1h30m", text)
	}
	*s = span(d)
	return nil
}

// unquoted returns a scalar's text.
func unquoted(text []byte) string {
	var s string
	if json.Unmarshal(text, &s) != nil {
		return string(text)
	}
	return s
}

const (
	// maxBody bounds a request, in bytes: an object in Kubernetes, which a template
	// is, has at most 1.5 MiB (etcd's limit).
	maxBody = 2 << 20
	// maxSpan is the longest schedule that a config may have.
	maxSpan = 31 * 24 * time.Hour
	// maxWait is what the server lets one call wait.
	maxWait = time.Minute
	// defaultWait lies below the 10 s after which the provider gives up by default.
	defaultWait = 8 * time.Second
	// defaultKeep is longer than it takes Argo to ask again after an answer that it
	// lost (10 s, or the restart of a controller), and than what is left of the
	// measurements of a template whose count is a little too large.
	defaultKeep = 10 * time.Minute
)

// fields are what a body may have.
var fields = slices.Sorted(maps.Keys(func() map[string]bool {
	names := map[string]bool{}
	for f := range reflect.TypeFor[measurement]().Fields() {
		names[f.Tag.Get("json")] = true
	}
	return names
}()))

// read decodes a body. Its errors are the caller's mistakes.
func read(body []byte) (*measurement, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	m := &measurement{}
	if err := d.Decode(m); err != nil {
		return nil, notReadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body goes on after its JSON object: send one object")
	}
	return m, m.check()
}

func notReadable(err error) error {
	text := strings.TrimPrefix(err.Error(), "json: ")
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		place := cmp.Or(kind.Field, "the body")
		return fmt.Errorf("%s: a %s cannot stand here: put numbers that are texts into quotes", place, kind.Value)
	}
	switch {
	case errors.Is(err, io.EOF):
		return errors.New(`the body is empty: with method POST, put the request into the provider's jsonBody, such as {"config": "checkout", "canary": {"version": "v2"}}`)
	case strings.HasPrefix(text, "unknown field"):
		return fmt.Errorf("%s: the fields are %s", text, strings.Join(fields, ", "))
	case syntactic(err):
		return fmt.Errorf("the body is no JSON object: %s", text)
	default:
		return errors.New(text) // of a field's own form
	}
}

func syntactic(err error) bool {
	_, ok := errors.AsType[*json.SyntaxError](err)
	return ok || errors.Is(err, io.ErrUnexpectedEOF)
}

func (m *measurement) check() error {
	switch {
	case len(m.Config) == 0 || string(m.Config) == "null" || string(m.Config) == `""`:
		return errors.New("config is missing: name a stored config, or put one in")
	case m.Config[0] != '"' && m.Config[0] != '{':
		return errors.New("config is neither the name of a stored config nor an object")
	case (m.Baseline == nil) != (m.Canary == nil):
		return errors.New("baseline and canary: give both, or none if the config has them")
	case m.Window < 0 || time.Duration(m.Window) > maxSpan:
		return errors.New("window must be more than 0 and at most 31 days (744h)")
	case m.Wait != nil && (*m.Wait < 0 || time.Duration(*m.Wait) > maxWait):
		return errors.New("wait must be between 0s and 60s, and shorter than the provider's timeoutSeconds")
	case m.Keep != nil && (*m.Keep < 0 || time.Duration(*m.Keep) > maxSpan):
		return errors.New("keep must be between 0s and 31 days (744h)")
	case m.Key != nil && *m.Key == "":
		return errors.New("key is empty: give it a text, such as the step's name, or leave it out to judge the past window")
	case m.Key != nil && m.Window != 0:
		return errors.New("key and window: a window is judged at once, a key stands for an analysis that goes on; leave one of them out")
	case m.Key == nil && (!m.Start.IsZero() || m.Keep != nil):
		return errors.New("start and keep are of analyses that go on: they need a key")
	default:
		return nil
	}
}

// place is where config.Parse found a mistake: a line and a column of JSON that
// nobody has seen in that form.
var place = regexp.MustCompile(`^config:\d+(:\d+)? `)

// request returns what m asks of the analysis service, without a window.
func (m *measurement) request() (*judgedv1.StartAnalysisRequest, error) {
	r := &judgedv1.StartAnalysisRequest{ConfigRevision: int64(m.Revision), Labels: m.Labels}
	if m.Baseline != nil {
		r.Scopes = &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: m.Baseline}, Canary: &judgedv1.Scope{Variables: m.Canary}}
	}
	if !m.Start.IsZero() {
		r.Start = timestamppb.New(m.Start)
	}
	if m.Config[0] == '"' {
		r.Config = &judgedv1.StartAnalysisRequest_Stored{Stored: unquoted(m.Config)}
		return r, nil
	}
	inline, err := inlined(m.Config)
	if err != nil {
		return nil, err
	}
	r.Config = &judgedv1.StartAnalysisRequest_Inline{Inline: inline}
	return r, nil
}

// inlined reads a config as package config does, so that what stands in a file may
// stand in a template.
func inlined(text json.RawMessage) (*judgedv1.CanaryConfig, error) {
	// The pairs of escapes by which JSON may write a character are none in YAML.
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, notReadable(err)
	}
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, notReadable(err)
	}
	c, err := config.Parse(plain.Bytes(), "config")
	wrong, ok := errors.AsType[*config.ParseError](err)
	if !ok {
		return c, err
	}
	var problems []string
	for _, p := range wrong.Problems {
		first, _, _ := strings.Cut(p, "\n")
		problems = append(problems, place.ReplaceAllString(first, ""))
	}
	return nil, errors.New("config: " + strings.Join(problems, "; "))
}
