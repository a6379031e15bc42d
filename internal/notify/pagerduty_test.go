package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PagerDuty/go-pagerduty"
)

func TestPagerDuty(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind             Type
		verdict          string
		action, severity string
	}{
		{Verdict, "FAIL", "trigger", "critical"},
		{Verdict, "ERROR", "trigger", "error"},
		{Verdict, "PASS", "resolve", ""},
		{Verdict, "INCONCLUSIVE", "", ""},
		{Look, "FAIL", "trigger", "critical"},
		{Look, "PASS", "", ""}, // the analysis goes on
		{AnalysisStarted, "", "", ""},
		{AnalysisCanceled, "FAIL", "", ""},
		{ConfigChanged, "", "", ""},
	} {
		t.Run(string(test.kind)+" "+test.verdict, func(t *testing.T) {
			t.Parallel()
			s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusAccepted)
				fmt.Fprint(w, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
			})
			e := failEvent()
			e.Type, e.Verdict = test.kind, test.verdict
			send(t, s.open(t, Settings{PagerDuty: &PagerDuty{RoutingKey: given("R0SECRET"), URL: s.URL + "/"}}), e)
			if test.action == "" {
				if s.count() != 0 {
					t.Error("something was sent")
				}
				return
			}
			got := s.only(t)
			var sent pagerduty.V2Event
			if err := json.Unmarshal(got.body, &sent); err != nil {
				t.Fatal(err)
			}
			if got.URL.Path != "/v2/enqueue" || sent.RoutingKey != "R0SECRET" || sent.Action != test.action || sent.DedupKey != "judged/shop/checkout-canary/checkout" {
				t.Errorf("got %s %s", got.URL, got.body)
			}
			if test.action == "resolve" {
				return
			}
			if p := sent.Payload; p == nil || p.Severity != test.severity || p.Source != "checkout" || p.Timestamp != "2026-03-02T14:05:06Z" ||
				!strings.HasPrefix(p.Summary, test.verdict+": checkout") || !strings.HasSuffix(p.Summary, ": latency-p99 is 31 % higher than the baseline.") {
				t.Errorf("got %s", got.body)
			}
			if sent.ClientURL != e.URL || len(sent.Links) != 1 {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

func TestPagerDutyFailures(t *testing.T) {
	t.Parallel()
	status, body := 0, ""
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	c := s.open(t, Settings{PagerDuty: &PagerDuty{RoutingKey: given("R0SECRET"), URL: s.URL}})
	for _, test := range []struct {
		status int
		body   string
		reason Reason
		want   string
	}{
		{400, `{"status":"invalid event","errors":["R0SECRET is not a routing key"]}`, Permanent, "[secret] is not a routing key"},
		{429, "", Throttled, "asks to wait 3s"},
		{500, "", Temporary, "500"},
	} {
		status, body = test.status, test.body
		wantError(t, c.Send(t.Context(), failEvent()), test.reason, test.want, "POST "+s.URL)
	}
	status, body = 202, "not JSON"
	send(t, c, failEvent()) // it was taken
}

func TestPagerDutyHostile(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	send(t, s.open(t, Settings{PagerDuty: &PagerDuty{RoutingKey: given("x"), URL: s.URL}}), hostileEvent())
	var sent pagerduty.V2Event
	if err := json.Unmarshal(s.only(t).body, &sent); err != nil {
		t.Fatal(err)
	}
	if len(sent.DedupKey) > 255 || sent.ClientURL != "" || len(sent.Links) != 0 || strings.ContainsAny(sent.Payload.Summary+sent.Payload.Source, "\r\n\u202e") || len(sent.Payload.Summary) > 1024 {
		t.Errorf("got %+v", sent)
	}
	a, b := Event{Config: "x/y", Application: "z"}, Event{Config: "x", Application: "y/z"}
	if dedupKey(a) == dedupKey(b) {
		t.Error("two configs share an incident")
	}
}
