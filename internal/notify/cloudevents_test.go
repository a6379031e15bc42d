package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/metrics"
)

// decode reads a request as a receiver with the SDK does.
func decode(t *testing.T, r received) (binding.Encoding, *event.Event) {
	t.Helper()
	m := cehttp.NewMessage(r.Header, io.NopCloser(strings.NewReader(string(r.body))))
	e, err := binding.ToEvent(context.Background(), m)
	if err != nil {
		t.Fatalf("%v: %v %s", err, r.Header, r.body)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	return m.ReadEncoding(), e
}

func TestCloudEvents(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]binding.Encoding{"": binding.EncodingBinary, "binary": binding.EncodingBinary, "structured": binding.EncodingStructured} {
		for _, kind := range types {
			t.Run(mode+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
				e := failEvent()
				e.Type = kind
				send(t, s.open(t, Settings{CloudEvents: &CloudEvents{
					URL: given(s.URL + "/events"), Mode: mode, Source: "https://judged.example.com", Headers: map[string]metrics.Secret{"X-Key": given("k")},
				}}), e)
				r := s.only(t)
				encoding, got := decode(t, r)
				if encoding != want || r.URL.Path != "/events" || r.Header.Get("X-Key") != "k" {
					t.Errorf("got %s, %s %v", encoding, r.URL, r.Header)
				}
				if got.SpecVersion() != "1.0" || got.ID() != "ev-1" || got.Type() != "dev.judged."+string(kind) || got.Source() != "https://judged.example.com" ||
					got.Subject() != "a-7" || !got.Time().Equal(eventTime) || got.DataContentType() != "application/json" {
					t.Errorf("got %s", got)
				}
				var data Event
				if err := got.DataAs(&data); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(e, data); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestCloudEventsHostile(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"binary", "structured"} {
		for _, cd := range []string{"", "production"} {
			s := newSink(t, nil)
			send(t, s.open(t, Settings{CloudEvents: &CloudEvents{URL: given(s.URL), Mode: mode, CDEvents: cd != "", Environment: cd}}), hostileEvent())
			r := s.only(t)
			_, got := decode(t, r)
			if r.Header.Get("Bcc") != "" || strings.ContainsAny(got.Subject()+got.ID(), "\r\n\x00\u202e") || !strings.Contains(string(got.Data()), `\u003cscript\u003e`) {
				t.Errorf("%s: got %s", mode, got)
			}
		}
	}
}

// What a CDEvents receiver sees. The folder cdeventstest holds the form
// against the CDEvents SDK and its schemas.
func TestCDEvents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind                   Type
		verdict                string
		want, outcome, subject string
	}{
		{AnalysisStarted, "", cdRunStarted, "", "a-7"},
		{Verdict, "PASS", cdRunFinished, "success", "a-7"},
		{Verdict, "FAIL", cdRunFinished, "failure", "a-7"},
		{Verdict, "ERROR", cdRunFinished, "error", "a-7"},
		{Verdict, "INCONCLUSIVE", cdRunFinished, "error", "a-7"},
		{AnalysisCanceled, "FAIL", cdRunFinished, "cancel", "a-7"},
		{Look, "FAIL", cdLook, "", "a-7"},
		{ConfigChanged, "", cdConfigChanged, "", "checkout-canary"},
	} {
		s := newSink(t, nil)
		e := failEvent()
		e.Type, e.Verdict = test.kind, test.verdict
		send(t, s.open(t, Settings{CloudEvents: &CloudEvents{URL: given(s.URL), CDEvents: true, Environment: "production"}}), e)
		_, got := decode(t, s.only(t))
		var data struct {
			Context struct{ Type, ID, Source, Specversion string }
			Subject struct {
				ID      string
				Content struct {
					Outcome, Reason string
					Environment     struct{ ID string }
					TestSuite       struct{ ID string }
				}
			}
			CustomData json.RawMessage
		}
		if err := got.DataAs(&data); err != nil {
			t.Fatal(err)
		}
		if got.Type() != test.want || data.Context.Type != test.want || got.Subject() != test.subject || data.Subject.ID != test.subject ||
			data.Context.ID != "ev-1" || data.Context.Source != "/judged" || data.Context.Specversion != "0.5.0" || data.Subject.Content.Outcome != test.outcome {
			t.Errorf("%s %s: got %s", test.kind, test.verdict, got)
		}
		if run := data.Subject.Content; strings.Contains(test.want, "testsuiterun") && (run.Environment.ID != "production" || run.TestSuite.ID != "checkout-canary" || len(data.CustomData) == 0) {
			t.Errorf("%s %s: got %s", test.kind, test.verdict, got)
		}
		if test.verdict == "INCONCLUSIVE" && !strings.HasPrefix(data.Subject.Content.Reason, "INCONCLUSIVE: ") {
			t.Errorf("the reason is %q", data.Subject.Content.Reason)
		}
	}
}
