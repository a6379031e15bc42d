package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/replay/backtest"
)

const shopCases = "../../testdata/fixtures/cases/shop.jsonl"

// What was judged before an interrupt is printed and says that it is partial.
func TestBacktestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	text, err := os.ReadFile(shopCases)
	if err != nil {
		t.Fatal(err)
	}
	in, feed := io.Pipe()
	defer in.Close()
	var out, errs strings.Builder
	w := system()
	w.stdin, w.stdout, w.stderr = in, &out, &errs
	go func() {
		// The input goes on until the run stops reading it; by then it has
		// passed more on than buffers hold.
		for i := 0; ; i++ {
			if i == 100 {
				interrupt()
			}
			if _, err := feed.Write(text); err != nil {
				return
			}
		}
	}()
	code := run(ctx, []string{"backtest", "-", "--judge", "threshold=1.1"}, w)
	if code != exitError || !strings.HasPrefix(out.String(), "PARTIAL") || !strings.Contains(errs.String(), "interrupted after") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, errs.String(), out.String())
	}
}

func TestProgressText(t *testing.T) {
	b := &progressBar{ascii: true}
	for _, c := range []struct {
		progress backtest.Progress
		elapsed  time.Duration
		want     string
	}{
		{backtest.Progress{Cases: 5}, time.Millisecond, "5 cases"},
		{backtest.Progress{Cases: 500}, 2 * time.Second, "500 cases, 250/s"},
		{backtest.Progress{Cases: 500, Read: 1, Total: 4}, 10 * time.Second, " 25% #####............... 500 cases, 50/s, 30 seconds left"},
		{backtest.Progress{Cases: 500, Read: 4, Total: 4}, 10 * time.Second, "100% #################### 500 cases, 50/s"},
	} {
		if got := b.text(c.progress.Read, c.progress.Total, casesSoFar(c.progress.Cases, c.elapsed), c.elapsed); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// A line of the bar never breaks: what breaks cannot be taken back.
func TestProgressBarFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	now := time.Unix(100, 0)
	b := &progressBar{to: &out, columns: func() int { return 30 }, now: func() time.Time { return now }}
	b.show(1, 2, func(time.Duration) string { return strings.Repeat("x", 100) })
	if got, want := out.String(), "\r\x1b[K 50% ██████████░░░░░░░░░░ xxx"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	now = now.Add(redrawn / 2)
	b.show(2, 2, func(time.Duration) string { t.Error("drawn again too soon"); return "" })
	out.Reset()
	b.clear()
	if got, want := out.String(), "\r\x1b[K"; got != want {
		t.Errorf("clear: got %q, want %q", got, want)
	}
}

// The document's cases can be read and its commands run.
func TestBacktestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/backtest.md")
	if err != nil {
		t.Fatal(err)
	}
	cases := filepath.Join(t.TempDir(), "cases.jsonl")
	var lines strings.Builder
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for _, b := range blocks {
		var c json.RawMessage
		if err := json.Unmarshal([]byte(b[1]), &c); err != nil {
			t.Fatalf("%v in %s", err, b[1])
		}
		lines.WriteString(strings.ReplaceAll(b[1], "\n", " ") + "\n")
	}
	if err := os.WriteFile(cases, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^judged backtest cases\.jsonl(.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 || len(commands) == 0 {
		t.Fatalf("%d cases and %d commands", len(blocks), len(commands))
	}
	t.Chdir(filepath.Dir(cases))
	for _, c := range commands {
		line, _, _ := strings.Cut(c[0], "2>") // the shell's part
		var out, errs strings.Builder
		w := system()
		w.stdout, w.stderr = &out, &errs
		if code := run(t.Context(), strings.Fields(line)[1:], w); code != exitPass || out.Len() == 0 {
			t.Errorf("%s: exit code %d: %s", line, code, errs.String())
		}
	}
}

// The document shows what the command prints.
func TestBacktestDocumentOutput(t *testing.T) {
	text, err := os.ReadFile("../../docs/backtest.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	w := system()
	w.stdout = &out
	if code := run(t.Context(), []string{"backtest", shopCases, "--judge", "kayenta=95", "--judge", "threshold=1.25", "--look-every", "7", "--by", "injected"}, w); code != exitPass {
		t.Fatalf("exit code %d", code)
	}
	if !strings.Contains(string(text), strings.TrimSpace(out.String())) {
		t.Errorf("docs/backtest.md shows something else than the command prints:\n%s", out.String())
	}
}
