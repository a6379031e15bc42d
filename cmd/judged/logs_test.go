package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/files"
)

// manyLines FILE: writes lines of which no two are of one template.
func manyLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: manylines FILE")
	}
	var b bytes.Buffer
	for i := range 20_000 {
		word := strings.Map(func(r rune) rune { return 'a' + r - '0' }, fmt.Sprint(i))
		fmt.Fprintf(&b, "2026-11-21 10:05:00 INFO %s%s is %s\n", word, word, word)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func TestPinFlag(t *testing.T) {
	var p pin
	if err := p.UnmarshalText([]byte("0f3a9c2e77d01b44=critical,until=2026-12-01")); err != nil {
		t.Fatal(err)
	}
	if want := (pin{Template: "0f3a9c2e77d01b44", As: judge.Grave, Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}); p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	for _, bad := range []string{"", "0f3a9c2e77d01b44", "0F3A9C2E77D01B44=info", "0f3a9c2e77d01b44=", "0f3a9c2e77d01b44=info,until=", "0f3a9c2e77d01b44=info,for=3d"} {
		if err := p.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a pin: %+v", bad, p)
		}
	}
}

// Records may be delivered out of order, and several may be of one line.
func TestLineHashes(t *testing.T) {
	l, err := newLineHashes(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, r := range []struct {
		file       string
		line, span int
		hash       uint64
	}{
		{"a", 2, 1, 10}, // line 1 is empty
		{"a", 4, 1, 20}, // within the pieces of the next
		{"a", 3, 3, 30},
		{"a", 6, 1, 40},
		{"a", 6, 1, 50}, // another of the same line
		{"b", 2, 2, 60},
	} {
		l.add(files.Position{File: r.file, Line: int64(r.line), Span: r.span}, r.hash)
	}
	if err := l.out.Flush(); err != nil || l.err != nil {
		t.Fatal(err, l.err)
	}
	text, err := os.ReadFile(l.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for ; len(text) > 0; text = text[hashBytes:] {
		got = append(got, binary.LittleEndian.Uint64(text))
	}
	if want := []uint64{0, 10, 30, 20, 30, 40, 0, 60, 60}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestLineHashesAreBounded(t *testing.T) {
	l, err := newLineHashes(10 * hashBytes)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		l.add(files.Position{File: "a", Line: int64(i) + 1, Span: 1}, 7)
	}
	if err := l.write(io.Discard, mine.New(mine.Options{}), nil); err == nil || !strings.Contains(err.Error(), "more than 10 lines") {
		t.Errorf("11 lines where 10 are allowed: %v", err)
	}
	l.close()
	if _, err := os.Stat(l.file.Name()); !os.IsNotExist(err) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

// What was read before an interruption is shown, and said to be a part.
func TestLogsTemplatesInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	in, feed := io.Pipe()
	defer in.Close()
	var out, errs strings.Builder
	w := system()
	w.stdin, w.stdout, w.stderr = in, &out, &errs
	go func() {
		for i := 0; ; i++ {
			if i == 1000 {
				interrupt()
			}
			// It ends when the command no longer reads.
			if _, err := fmt.Fprintf(feed, "2026-11-21 10:05:00 INFO line %d %s\n", i, strings.Repeat("x ", 500)); err != nil {
				return
			}
		}
	}()
	if code := run(ctx, []string{"logs", "templates"}, w); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(out.String(), "line <*> x") || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("stdout:\n%s\nstderr:\n%s", out.String(), errs.String())
	}
}

func TestSoFar(t *testing.T) {
	for want, c := range map[string]struct {
		what        string
		lines, read int64
		elapsed     time.Duration
	}{
		"0 lines":                               {},
		"canary: 1.2M lines, 120 MiB, 60 MiB/s": {"canary", 1_200_000, 120 << 20, 2 * time.Second},
		"12 lines, 1 KiB":                       {"", 12, 1024, time.Millisecond},
	} {
		if got := soFar(c.what, c.lines, c.read, c.elapsed); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDoubts(t *testing.T) {
	m := mine.New(mine.Options{})
	m.Overflow.Lines[0], m.First = 5, 1
	got := strings.Join(doubts(logs.Summary{Undated: 1, Malformed: 2, Cut: 3, Warnings: []string{"four"}}, m), "\n")
	for _, want := range []string{"5 lines found no room", "1 line without a time", "2 lines not written", "3 lines too long", "four"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	// Logs without any time need no word about it a line.
	if got := doubts(logs.Summary{Undated: 7}, mine.New(mine.Options{})); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
