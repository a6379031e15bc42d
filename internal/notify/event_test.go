package notify

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEventJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(failEvent())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), `{"version":1,"id":"ev-1","time":"2026-03-02T14:05:06Z","type":"verdict",`) {
		t.Errorf("got %s", b)
	}
	var back Event
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(failEvent(), back); diff != "" {
		t.Error(diff)
	}
	// A field that a later judged added does not matter, another version does.
	if err := json.Unmarshal([]byte(`{"version":1,"id":"x","mood":"fine"}`), &back); err != nil || back.ID != "x" || back.Verdict != "" {
		t.Errorf("got %+v and %v", back, err)
	}
	for _, bad := range []string{`{"id":"x"}`, `{"version":2,"id":"x"}`, `{"version":1,"id":7}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestEventNoNumber(t *testing.T) {
	t.Parallel()
	for _, score := range []float64{math.NaN(), math.Inf(1)} {
		e := failEvent()
		e.Score = &score
		b, err := json.Marshal(e)
		if err != nil || strings.Contains(string(b), "score") {
			t.Errorf("score %g: %s, %v", score, b, err)
		}
	}
}

func TestEventBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 5000)
	e := failEvent()
	e.Summary, e.Application, e.URL = long, long, "https://example.com/"+long
	e.Findings, e.Reasons, e.Canary = nil, nil, map[string]string{}
	for i := range 100 {
		e.Findings = append(e.Findings, Finding{Name: fmt.Sprint(i), Effect: long})
		e.Reasons = append(e.Reasons, long)
		e.Canary[fmt.Sprintf("%02d", i)] = long
	}
	before := len(e.Findings[0].Effect)
	got := e.bounded()
	if len(got.Findings) != 10 || got.MoreFindings != 93 || len(got.Reasons) != 10 || len(got.Canary) != 16 || got.URL != "" {
		t.Errorf("got %d findings and %d more, %d reasons, %d variables, url %q", len(got.Findings), got.MoreFindings, len(got.Reasons), len(got.Canary), got.URL)
	}
	if got.Findings[9].Name != "9" || got.Canary["15"] == "" {
		t.Error("what comes first must stay")
	}
	if len(e.Findings[0].Effect) != before || len(e.Canary) != 100 {
		t.Error("bounded changed its event")
	}
	if again := got.bounded(); !reflect.DeepEqual(again, got) {
		t.Errorf("cut twice it differs:\n%s", cmp.Diff(got, again))
	}
	if b, err := json.Marshal(e); err != nil || len(b) > 64<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, n := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s")), rapid.IntRange(4, 20).Draw(t, "n")
		got := cut(s, n)
		if len(got) > n || !utf8.ValidString(got) {
			t.Fatalf("cut(%q, %d) = %q", s, n, got)
		}
		if utf8.ValidString(s) && len(s) <= n && got != s {
			t.Fatalf("cut(%q, %d) = %q", s, n, got)
		}
		if utf8.ValidString(s) && len(s) > n && (!strings.HasSuffix(got, "…") || !strings.HasPrefix(s, strings.TrimSuffix(got, "…"))) {
			t.Fatalf("cut(%q, %d) = %q", s, n, got)
		}
	})
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	if got := messageID(Event{ID: "01J_x-9"}); got != "01J_x-9" {
		t.Errorf("got %q", got)
	}
	seen := map[string]string{}
	for _, id := range []string{"a.b", "a b", "a\r\nb", "ä", strings.Repeat("a", 65), hostile} {
		got := messageID(Event{ID: id})
		if !ntfyTopic.MatchString(got) || got != messageID(Event{ID: id, Time: time.Now()}) {
			t.Errorf("%q: %q", id, got)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%q and %q have one id", id, other)
		}
		seen[got] = id
	}
}

func FuzzEvent(f *testing.F) {
	for _, e := range []Event{failEvent(), hostileEvent(), {ID: "x"}} {
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again Event
		if json.Unmarshal(b, &e) != nil {
			return
		}
		written, err := json.Marshal(e)
		if err != nil {
			t.Skip(err) // a year beyond 9999
		}
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(written) {
			t.Errorf("%s became %s, %v", written, second, err)
		}
	})
}
