package transcript_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
)

// minute returns the window of so many minutes from a start.
func minute(from, to int) metrics.Window {
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	return metrics.Window{Start: start.Add(time.Duration(from) * time.Minute), End: start.Add(time.Duration(to) * time.Minute)}
}

// log is a Read of a line a second, which notes what it was asked.
func log(asked *[]metrics.Window) mine.Read {
	return func(_ context.Context, expr string, w metrics.Window) (*mine.Miner, error) {
		*asked = append(*asked, w)
		m := mine.New(mine.Options{})
		for at := w.Start.Add(time.Second); !at.After(w.End); at = at.Add(time.Second) {
			m.Add(&logs.Record{
				Time: at, Level: logs.Info, Trace: []byte(fmt.Sprint(at.Unix() / 3)), Message: []byte("a line of " + expr + " with secret=" + at.Format("150405")),
			})
		}
		return m, nil
	}
}

// Each look reads only what is new, in whatever process, and what it gets is the
// same as all at once.
func TestLooksReadOnlyNewLines(t *testing.T) {
	clean := func(s string) string { return strings.Split(s, "secret=")[0] }
	var asked []metrics.Window
	var chunks [][]byte
	var last *mine.Miner
	for look := 1; look <= 4; look++ {
		heard := transcript.New()
		for _, c := range chunks {
			if err := heard.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		m, err := heard.Mined("loki", mine.Options{}, clean, log(&asked))(t.Context(), "x", minute(0, look))
		if err != nil {
			t.Fatal(err)
		}
		if m.Lines != uint64(60*look) {
			t.Errorf("look %d: %d lines", look, m.Lines)
		}
		last = m
		chunk := heard.Flush()
		if bytes.Contains(chunk, []byte("secret=10")) {
			t.Error("the secret is kept")
		}
		chunks = append(chunks, chunk)
	}
	for i, w := range asked {
		if w != minute(i, i+1) {
			t.Errorf("look %d asked for %v", i+1, w)
		}
	}
	var once []metrics.Window
	whole, err := transcript.New().Mined("loki", mine.Options{}, clean, log(&once))(t.Context(), "x", minute(0, 4))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Lines != last.Lines || whole.Len() != last.Len() || whole.Requests.Count() != last.Requests.Count() {
		t.Errorf("%d lines, %d skeletons, %v requests in pieces; %d, %d, %v at once", last.Lines, last.Len(), last.Requests.Count(), whole.Lines, whole.Len(), whole.Requests.Count())
	}

	heard := transcript.New()
	for _, c := range chunks {
		if err := heard.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	again, err := heard.RecordedLogs("loki", mine.Options{})(t.Context(), "x", minute(0, 4))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.AppendBinary(nil, nil), last.AppendBinary(nil, nil)) {
		t.Error("what is recalled is not what was judged")
	}
	for _, other := range []struct {
		source, expr string
		window       metrics.Window
	}{{"splunk", "x", minute(0, 4)}, {"loki", "y", minute(0, 4)}, {"loki", "x", minute(0, 5)}, {"loki", "x", minute(-1, 4)}} {
		_, err := heard.RecordedLogs(other.source, mine.Options{})(t.Context(), other.expr, other.window)
		if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.BadQuery {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if names := heard.Sources(); len(names) != 1 || names[0] != "loki" {
		t.Errorf("sources %v", names)
	}
}
