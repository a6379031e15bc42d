package decode

import (
	"reflect"
	"testing"

	"github.com/judged-dev/judged/logs"
)

func messages(all []want) []string {
	out := []string{}
	for _, w := range all {
		out = append(out, w.message)
	}
	return out
}

func TestCRI(t *testing.T) {
	got, s := decodeSummary(t, `2026-01-02T15:04:05.123456789Z stdout F {"level":"warn","time":"2000-01-01T00:00:00Z","msg":"json within"}
2026-01-02T15:04:06.123456789+01:00 stdout P one 
2026-01-02T15:04:06.2Z stderr F of the other stream
2026-01-02T15:04:06.3Z stdout P line
2026-01-02T15:04:06.4Z stdout F  in three
2026-01-02T15:04:07Z stderr F 2026-01-02 15:04:07,001 ERROR a.B: failed
2026-01-02T15:04:07Z stderr F 	at a.B.f(B.java:1)
2026-01-02T15:04:07Z stdout F 	at no.such.Trace(B.java:1)
2026-01-02T15:04:07Z stderr F 	at a.B.g(B.java:2)
2026-01-02T15:04:08Z stdout F
2026-01-02T15:04:08Z stdout F:x tags
not in an envelope
`, Options{})
	w := []string{
		"json within", "of the other stream", "one line in three", "failed\n\tat a.B.f(B.java:1)",
		"at no.such.Trace(B.java:1)", "at a.B.g(B.java:2)", "tags", "not in an envelope",
	}
	if !reflect.DeepEqual(messages(got), w) {
		t.Errorf("got %q\nwant %q", messages(got), w)
	}
	if got[0].time != "2026-01-02T15:04:05.123456789Z" || got[0].level != logs.Warn {
		t.Errorf("the runtime's time should count, and the line's level: %+v", got[0])
	}
	if s.Malformed != 1 || s.Undated != 1 || s.Lines != int64(len(w)) {
		t.Errorf("summary %+v, want 1 malformed, 1 undated, %d lines", s, len(w))
	}
}

func TestDocker(t *testing.T) {
	got, s := decodeSummary(t, `{"log":"{\"level\":\"warn\",\"msg\":\"say \\\"hi\\\"\"}\n","stream":"stdout","time":"2026-01-02T15:04:05.5Z"}
{"log":"one ","stream":"stdout","time":"2026-01-02T15:04:06Z"}
{"log":"line\n","stream":"stdout","time":"2026-01-02T15:04:06Z"}
{"log":"2026-01-02 15:04:07 ERROR a.B: failed\r\n","stream":"stderr","time":"2026-01-02T15:04:07Z"}
{"log":"\tat a.B.f(B.java:1)\n","stream":"stderr","time":"2026-01-02T15:04:07Z"}
{"log":"\n","stream":"stderr","time":"2026-01-02T15:04:07Z"}
{"log":"the end is missing","stream":"stderr","time":"2026-01-02T15:04:08Z"}
`, Options{})
	w := []string{`say "hi"`, "one line", "failed\n\tat a.B.f(B.java:1)", "the end is missing"}
	if !reflect.DeepEqual(messages(got), w) {
		t.Errorf("got %q\nwant %q", messages(got), w)
	}
	if got[0].time != "2026-01-02T15:04:05.5Z" || got[0].level != logs.Warn || s.Malformed != 0 {
		t.Errorf("got %+v, %+v", got[0], s)
	}
}
