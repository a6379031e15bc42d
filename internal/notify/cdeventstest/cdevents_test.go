// Package cdeventstest holds the CDEvents that notify writes by itself
// against the CDEvents SDK and the schemas in it. It is a package of its own
// because the SDK compiles every schema when a program starts.
package cdeventstest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cdevents "github.com/cdevents/sdk-go/pkg/api"
	v05 "github.com/cdevents/sdk-go/pkg/api/v05"

	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/metrics"
)

func TestSchemas(t *testing.T) {
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	c, err := notify.Open(notify.Settings{Name: "cd", CloudEvents: &notify.CloudEvents{
		URL: metrics.Secret{Value: s.URL}, CDEvents: true, Environment: "production",
	}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC)
	score := 12.5
	full := notify.Event{
		ID: "ev-1", Time: at, Tenant: "shop", Analysis: "a-7", Config: "checkout-canary", Application: "checkout", Score: &score,
		Summary: "31 % slower", Findings: []notify.Finding{{Name: "latency"}}, Canary: map[string]string{"version": "v1.9.0"},
	}
	for _, kind := range []notify.Type{notify.AnalysisStarted, notify.Look, notify.Verdict, notify.AnalysisCanceled, notify.ConfigChanged} {
		for _, verdict := range []string{"", "PASS", "FAIL", "INCONCLUSIVE", "ERROR"} {
			for name, e := range map[string]notify.Event{"full": full, "bare": {ID: "a b", Time: at}} {
				t.Run(strings.Join([]string{string(kind), verdict, name}, " "), func(t *testing.T) {
					e.Type, e.Verdict = kind, verdict
					if err := c.Send(t.Context(), e); err != nil {
						t.Fatal(err)
					}
					got, err := receive(body)
					if err != nil {
						t.Fatalf("%v: %s", err, body)
					}
					if err := cdevents.Validate(got); err != nil {
						t.Errorf("%v: %s", err, body)
					}
					// The SDK knows every field: what it writes again is the same.
					again, err := cdevents.AsJsonBytes(got)
					if err != nil {
						t.Fatal(err)
					}
					if a, b := normal(t, body), normal(t, again); a != b {
						t.Errorf("sent %s, the SDK has %s", a, b)
					}
				})
			}
		}
	}
}

// receive reads an event into a new value: NewFromJsonBytes of the SDK v0.5.0
// reads all of a type into the same one, where fields of the one before stay.
func receive(body []byte) (cdevents.CDEvent, error) {
	var head struct {
		Context struct{ Type string }
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return nil, err
	}
	var out cdevents.CDEvent
	var err error
	if strings.HasPrefix(head.Context.Type, cdevents.CustomEventTypeRoot+".") {
		out, err = v05.NewCustomTypeEvent()
	} else {
		out, err = v05.NewCDEvent(head.Context.Type, "0.5.0")
	}
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(body, out)
}

// normal writes JSON with sorted keys.
func normal(t *testing.T, b []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
