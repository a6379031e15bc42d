package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Type says what happened.
type Type string

// The types of events.
const (
	AnalysisStarted  Type = "analysis.started"
	Look             Type = "look"
	Verdict          Type = "verdict"
	AnalysisCanceled Type = "analysis.canceled"
	ConfigChanged    Type = "config.changed"
)

var types = []Type{AnalysisStarted, Look, Verdict, AnalysisCanceled, ConfigChanged}

// Event is something that happened to an analysis or a config. It is stored
// as JSON until it is delivered; the JSON carries a version.
//
// What is longer than the limits here is cut, in JSON and in every message:
// 10 findings, 10 reasons and 16 variables a scope; texts of 1000 bytes,
// names, ids and words of 200; a URL of more than 2000 bytes is left out.
type Event struct {
	// ID names the event: the same event sent again has the same ID.
	ID string `json:"id"`
	// Time is when it happened, not when it is sent.
	Time   time.Time `json:"time"`
	Type   Type      `json:"type"`
	Tenant string    `json:"tenant,omitempty"`
	// Analysis is the analysis' id.
	Analysis    string `json:"analysis,omitempty"`
	Config      string `json:"config,omitempty"`
	Application string `json:"application,omitempty"`
	// Verdict is PASS, FAIL, INCONCLUSIVE or ERROR; empty if there is none yet.
	Verdict string `json:"verdict,omitempty"`
	// PreviousVerdict is the verdict of the look before.
	PreviousVerdict string `json:"previous_verdict,omitempty"`
	// Score is from 0 to 100; nil if there is none.
	Score *float64 `json:"score,omitempty"`
	// Summary is the one sentence.
	Summary string   `json:"summary,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	// Findings are the ones that matter, the worst first.
	Findings []Finding `json:"findings,omitempty"`
	// MoreFindings is how many findings were left out.
	MoreFindings int `json:"more_findings,omitempty"`
	// Baseline and Canary are the variables of the two scopes.
	Baseline map[string]string `json:"baseline,omitempty"`
	Canary   map[string]string `json:"canary,omitempty"`
	// Window is the time that was judged.
	Window Window `json:"window,omitzero"`
	// URL leads to the analysis; empty if the server has no public address.
	URL string `json:"url,omitempty"`
}

// Finding is the short form of what was found for one signal.
type Finding struct {
	Name string `json:"name"`
	// Classification is how the signal was judged, e.g. "high".
	Classification string `json:"classification,omitempty"`
	// Effect is the size of the change in words, with unit and interval.
	Effect string `json:"effect,omitempty"`
}

// Window is a stretch of time: after Start, up to End.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Limits of an event, in elements or bytes.
const (
	maxFindings  = 10
	maxReasons   = 10
	maxVariables = 16
	maxName      = 200
	maxText      = 1000
	maxURL       = 2000
)

// eventVersion is the version of an event's JSON. It rises when a reader of
// the old form would misread the new one, not when a field is added.
const eventVersion = 1

// fields has an Event's fields without its methods.
type fields Event

// MarshalJSON writes the event, cut to its limits, with its version.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Version int `json:"version"`
		fields
	}{eventVersion, fields(e.bounded())})
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses versions that it
// does not know.
func (e *Event) UnmarshalJSON(b []byte) error {
	var read struct {
		Version int `json:"version"`
		fields
	}
	if err := json.Unmarshal(b, &read); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	if read.Version != eventVersion {
		return fmt.Errorf("read an event: its version is %d, this judged reads version %d; it may have been stored by another release", read.Version, eventVersion)
	}
	*e = Event(read.fields).bounded()
	return nil
}

// check says what keeps the event from being sent.
func (e Event) check() error {
	switch {
	case e.ID == "":
		return fmt.Errorf("the event of type %q has no id", e.Type)
	case !slices.Contains(types, e.Type):
		return fmt.Errorf("the event %s has the unknown type %q", cut(e.ID, maxName), cut(string(e.Type), maxName))
	case e.Time.IsZero():
		return fmt.Errorf("the event %s has no time", cut(e.ID, maxName))
	default:
		return nil
	}
}

// bounded returns the event cut to its limits. It shares nothing with e that
// it changes.
func (e Event) bounded() Event {
	for _, s := range []*string{&e.Tenant, &e.Analysis, &e.Config, &e.Application, &e.Verdict, &e.PreviousVerdict} {
		*s = cut(*s, maxName)
	}
	e.Summary = cut(e.Summary, maxText)
	if e.Score != nil && (math.IsNaN(*e.Score) || math.IsInf(*e.Score, 0)) {
		e.Score = nil // JSON has no such numbers
	}
	if len(e.Reasons) > 0 {
		e.Reasons = slices.Clone(e.Reasons[:min(len(e.Reasons), maxReasons)])
		for i, s := range e.Reasons {
			e.Reasons[i] = cut(s, maxText)
		}
	}
	e.MoreFindings = max(e.MoreFindings, 0) + max(len(e.Findings)-maxFindings, 0)
	if len(e.Findings) > 0 {
		e.Findings = slices.Clone(e.Findings[:min(len(e.Findings), maxFindings)])
		for i, f := range e.Findings {
			e.Findings[i] = Finding{Name: cut(f.Name, maxName), Classification: cut(f.Classification, maxName), Effect: cut(f.Effect, maxText)}
		}
	}
	e.Baseline, e.Canary = boundedScope(e.Baseline), boundedScope(e.Canary)
	if len(e.URL) > maxURL {
		e.URL = "" // a cut link leads elsewhere
	}
	return e
}

func boundedScope(scope map[string]string) map[string]string {
	if len(scope) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(scope), maxVariables))
	for _, name := range slices.Sorted(maps.Keys(scope)) {
		if len(out) == maxVariables {
			break
		}
		out[cut(name, maxName)] = cut(scope[name], maxName)
	}
	return out
}

// cut shortens s to n bytes at a rune's boundary and marks the cut. What is
// not UTF-8 becomes U+FFFD, since no format here can carry it.
func cut(s string, n int) string {
	const mark = "…"
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= n {
		return s
	}
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// messageID is the event's id in a form that every header and protocol here
// takes (letters, digits, - and _, at most 64): itself if it is one, else its
// hash.
func messageID(e Event) string {
	plain := len(e.ID) <= 64 && strings.IndexFunc(e.ID, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
	if plain {
		return e.ID
	}
	sum := sha256.Sum256([]byte(e.ID))
	return hex.EncodeToString(sum[:])
}
