package judge

import (
	"strings"
	"testing"
)

func TestChangeSentence(t *testing.T) {
	requests := func(events, exposure float64) Tally { return Tally{Events: events, Exposure: exposure} }
	for want, c := range map[string]Change{
		`new error in 12 of 40 requests (baseline: 0 of 160): "connection refused"`: {
			Kind: New, Level: "error", Name: "connection refused", Canary: requests(12, 40), Baseline: requests(0, 160),
		},
		`new critical message on one instance only in 1 line (baseline: 0): "out of memory at Cart.total"`: {
			Kind: New, Level: "critical", Name: "out of memory\nat Cart.total", Canary: Tally{Events: 1}, Single: true,
		},
		`more often: message in 1.2M lines (baseline: 900): "tick"`: {Kind: Up, Name: "tick", Canary: Tally{Events: 1.2e6}, Baseline: Tally{Events: 900}},
		`lost: info message in 0 of 40 requests (baseline: 141 of 160): "mailed"`: {
			Kind: Lost, Level: "info", Name: "mailed", Canary: requests(0, 40), Baseline: requests(141, 160),
		},
		`less often: message in 3 lines (baseline: 90): "tick"`: {Kind: Down, Name: "tick", Canary: Tally{Events: 3}, Baseline: Tally{Events: 90}},
		`error in other words: "is"`:                            {Kind: Renamed, Level: "error", Name: "is", Was: "was"},
		`other values in "took <*>": p50 was 1, is 2`:           {Kind: SlotShift, Name: "took <*>", Was: "p50 was 1, is 2"},
		`"operation"`: {Name: "operation"},
	} {
		if got := c.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	long := Change{Kind: SlotShift, Name: strings.Repeat("é", 200)}.Sentence()
	if len(long) > sentenceName+40 || !strings.Contains(long, "é…") {
		t.Errorf("a long name gives %d bytes: %s", len(long), long)
	}
}

func TestSeverityNames(t *testing.T) {
	for s, want := range map[Severity]string{-1: "ignored", Ignored: "ignored", Info: "info", Warn: "warn", Serious: "error", Grave: "critical", 9: "critical"} {
		if got := s.String(); got != want {
			t.Errorf("severity %d is called %q, want %q", int(s), got, want)
		}
	}
}
