package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write puts each text into a file of its own.
func write(t *testing.T, texts ...string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// merge runs a command on the first minute of 2026.
func merge(t *testing.T, command string, paths []string) (string, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.gz")
	args := append([]string{command, "-from", "2026-01-01T00:00:00Z", "-to", "2026-01-01T00:01:00Z", "-out", out}, paths...)
	if err := run(t.Context(), args, io.Discard, io.Discard); err != nil {
		return "", err
	}
	return gunzip(t, out), nil
}

func TestLogsAreMergedInTheOrderOfTime(t *testing.T) {
	got, err := merge(t, "logs", write(t,
		`{"time":"2025-12-31T23:59:59.9Z","msg":"too early"}
{"time":"2026-01-01T00:00:01Z","msg":"a"}
{"time":"2026-01-01T00:00:30.25Z","msg":"c"}
`,
		`{"time":"2026-01-01T00:00:02.5Z","msg":"b"}
{"time":"2026-01-01T00:01:00.001Z","msg":"too late"}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-01-01T00:00:01Z","msg":"a"}
{"time":"2026-01-01T00:00:02.5Z","msg":"b"}
{"time":"2026-01-01T00:00:30.25Z","msg":"c"}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABrokenLineIsNamed(t *testing.T) {
	_, err := merge(t, "logs", write(t, "{\"time\":\"2026-01-01T00:00:01Z\"}\n{oops\n"))
	if err == nil || !strings.Contains(err.Error(), "0.jsonl:2:") {
		t.Errorf("error %v does not name the line", err)
	}
}

// span is one span of a trace, from a to b seconds after the start of 2026.
func span(trace string, a, b int) string {
	const newYear = 1767225600
	return fmt.Sprintf(`{"traceId":"%s","name":"x","startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000"}`,
		trace, newYear+a, newYear+b)
}

func request(spans ...string) string {
	return `{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"shop"},"spans":[` +
		strings.Join(spans, ",") + `]}]}]}` + "\n"
}

func TestSpansOfWholeTracesAreKept(t *testing.T) {
	got, err := merge(t, "spans", write(t,
		request(span("cc", 30, 31))+request(span("aa", 1, 3), span("early", 0, 1)),
		request(span("aa", 2, 3), span("late", 59, 60))+request(span("early", -1, 0))+request(span("late", 60, 61)),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := request(span("aa", 1, 3)) + request(span("aa", 2, 3)) + request(span("cc", 30, 31))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAWindowIsNeeded(t *testing.T) {
	err := run(t.Context(), []string{"logs", "-out", "x"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("error %v does not ask for the window", err)
	}
}
