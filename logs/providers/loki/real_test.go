package loki

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

// address is that of a Loki, of any version, whose data may be written to:
//
//	JUDGED_TEST_LOKI=http://127.0.0.1:3100 go test ./logs/providers/loki -run 'Real|Recorded' -record
//
// It has to accept old lines, and 20 MB in half a minute: limits_config has
// reject_old_samples: false and ingestion_rate_mb: 64.
func address(t *testing.T) string {
	t.Helper()
	at := os.Getenv("JUDGED_TEST_LOKI")
	if at == "" {
		t.Skip("needs a real Loki, at the address JUDGED_TEST_LOKI; Debian has none")
	}
	return at
}

// push writes streams and has them flushed, since Loki looks for old lines in its
// store only.
func push(t *testing.T, at string, streams ...map[string]any) {
	t.Helper()
	post := func(path string, body []byte) {
		resp, err := http.Post(at+path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 300 {
			says, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
			t.Fatalf("%s: %s: %s", path, resp.Status, says)
		}
	}
	post("/loki/api/v1/push", mustJSON(map[string]any{"streams": streams}))
	post("/flush", nil)
	time.Sleep(3 * time.Second) // it does not say when it has flushed
}

func at(offset time.Duration) string {
	return strconv.FormatInt(start.Add(offset).UnixNano(), 10)
}

// TestRecorded asks what Loki 3.7.8 answered when it was recorded.
func TestRecorded(t *testing.T) {
	t.Parallel()
	src := open(t, providertest.Tape(t, "../../../testdata/fixtures/loki/query_range.json", func() string {
		to := address(t)
		own := func(level, trace string) map[string]string {
			return map[string]string{"detected_level": level, "trace_id": trace}
		}
		push(
			t, to,
			map[string]any{
				"stream": map[string]string{"app": "recorded", "version": "v1", "pod": "checkout-a"},
				"values": [][]any{
					{at(0), "at the start of the window"},
					{at(1), `{"level":"error","msg":"payment refused: \"card\" expired","order":17}`, own("error", "4bf92f3577b34da6a3ce929d0e0e4736")},
					{at(20 * time.Second), "level=warn msg=\"queue is 80% full\""},
					{at(time.Minute), "at the end of the window"},
					{at(time.Minute + 1), "after the window"},
				},
			},
			map[string]any{
				"stream": map[string]string{"app": "recorded", "version": "v1", "pod": "checkout-b"},
				"values": [][]any{
					{at(20 * time.Second), "order 18 placed", own("info", "0af7651916cd43dd8448eb211c80319c")},
					{at(20 * time.Second), "order 19 placed", own("info", "0af7651916cd43dd8448eb211c80319d")},
					{at(20*time.Second + 1), "panic: ünïcode\n\tgoroutine 1"},
				},
			},
		)
		return to
	}))
	expr, err := Expand("{app=\"recorded\", version=\"${v}\"} |~ `.` != \"${v}\"", map[string]string{"v": "v1"})
	if err != nil {
		t.Fatal(err)
	}
	got, summary, err := read(t, src, expr, window)
	want := []string{
		`00.000000001 error checkout-a 4bf92f3577b34da6a3ce929d0e0e4736 payment refused: "card" expired`,
		`20.000000000 warn checkout-a  queue is 80% full`,
		`20.000000000 info checkout-b 0af7651916cd43dd8448eb211c80319c order 18 placed`,
		`20.000000000 info checkout-b 0af7651916cd43dd8448eb211c80319d order 19 placed`,
		"20.000000001  checkout-b  panic: ünïcode\n\tgoroutine 1",
		`00.000000000   checkout-a  at the end of the window`,
	}
	if err != nil {
		t.Fatal(err)
	}
	if summary.Lines != int64(len(got)) || len(got) != len(want) {
		t.Errorf("the summary is %+v", summary)
	}
	for i := range min(len(got), len(want)) {
		if strings.Join(strings.Fields(got[i]), " ") != strings.Join(strings.Fields(want[i]), " ") {
			t.Errorf("got  %q\nwant %q", got[i], want[i])
		}
	}
	for expr, says := range map[string]string{
		`{app="recorded"`:                 "parse error at line 1, col 16: syntax error: unexpected $end, expecting } or ,",
		`rate({app="recorded"}[1m])`:      "the query computes numbers, a matrix",
		`{app=~".*"}`:                     "queries require at least one regexp or equality matcher",
		`{app="recorded"} | json | x="`:   "literal not terminated",
		`{app="recorded"} |= "a" "b" "c"`: "syntax error",
	} {
		_, _, err := read(t, src, expr, window)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.BadQuery || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want a BadQuery error that says %q", expr, err, says)
		}
	}
	if got, _, err := read(t, src, `{app="no such"}`, window); err != nil || len(got) != 0 {
		t.Errorf("got %q and %v, want neither", got, err)
	}
}

// TestReal reads many pages of a real server: lines of one nanosecond at a seam, and
// lines that are longer than its parts may tell each other by default.
func TestReal(t *testing.T) {
	t.Parallel()
	to := address(t)
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	const n = 2*pageLines + 700
	var streams []map[string]any
	want := map[string]bool{}
	for _, pod := range []string{"a", "b"} {
		var values [][]any
		for i := range n / 2 {
			offset := time.Duration(i+1) * time.Millisecond
			if i >= pageLines/2-300 && i < pageLines/2+300 {
				offset = time.Duration(pageLines/2) * time.Millisecond
			}
			line := fmt.Sprintf("order %d of %s placed", i, pod)
			want[line] = true
			values = append(values, []any{at(offset), line})
		}
		streams = append(streams, map[string]any{"stream": map[string]string{"app": "many-" + run, "pod": pod}, "values": values})
	}
	long := [][]any{}
	for i := range 600 {
		long = append(long, []any{at(time.Duration(i+1) * time.Millisecond), fmt.Sprint(i, strings.Repeat(" long", 4_000))})
	}
	crowd := [][]any{}
	for i := range pageLines + 1 {
		crowd = append(crowd, []any{at(time.Second), fmt.Sprint("order ", i)})
	}
	streams = append(
		streams,
		map[string]any{"stream": map[string]string{"app": "crowd-" + run}, "values": crowd},
	)
	for part := range slices.Chunk(long, 100) { // 2 MB, of the 4 MB that a request may have
		push(t, to, map[string]any{"stream": map[string]string{"app": "long-" + run}, "values": part})
	}
	push(t, to, streams...)
	src := open(t, to)
	began := time.Now()
	times := []time.Time{}
	_, err := src.Read(t.Context(), logs.Query{Expr: `{app="many-` + run + `"}`, Window: window}, func(rec *logs.Record) error {
		times = append(times, rec.Time)
		if !want[string(rec.Message)] {
			t.Errorf("unexpected or twice: %q", rec.Message)
		}
		delete(want, string(rec.Message))
		return nil
	})
	if err != nil || len(want) > 0 || !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Errorf("got %d lines and %v; %d are missing", len(times), err, len(want))
	}
	t.Logf("%d lines in %s", len(times), time.Since(began))
	if got, _, err := read(t, src, `{app="long-`+run+`"}`, window); err != nil || len(got) != 600 {
		t.Errorf("got %d long lines and %v, want 600", len(got), err)
	}
	_, _, err = read(t, src, `{app="crowd-`+run+`"}`, window)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.TooLarge || !strings.Contains(err.Error(), "same nanosecond") {
		t.Errorf("got %v, want a TooLarge error", err)
	}
}
