//go:build unix

package spool

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const writerVariable = "SPOOL_TEST_WRITER"

// TestMain is the writer that TestKill kills, if it is asked to be.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerVariable); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled says on its output what was confirmed.
func writeUntilKilled(dir string) {
	s, err := Open(Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d/%d/%d", os.Getpid(), w, i)
				if err := s.Append(context.Background(), "", []Entry{entry(time.Now(), text+" "+noise(40_000, uint64(i)))}); err != nil {
					panic(err)
				}
				fmt.Println(text)
			}
		}()
	}
	select {}
}

// Whenever the process is killed, all that was confirmed is there, each once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	confirmed := map[string]bool{}
	for round := range 4 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), writerVariable+"="+dir)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil { // what it was saying when it died, it has not said
				break
			}
			said.WriteString(line)
			if n == 40+30*round {
				if err := c.Process.Kill(); err != nil { // SIGKILL
					t.Fatal(err)
				}
			}
		}
		_ = c.Wait()
		for line := range strings.Lines(said.String()) {
			confirmed[strings.TrimSpace(line)] = true
		}
	}
	if len(confirmed) < 200 {
		t.Fatalf("only %d entries were confirmed", len(confirmed))
	}
	s := opened(t, Options{Dir: dir})
	root, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, p := range payloads(t, NewReader(dir), Query{After: root.from, Until: time.Now()}) {
		text, _, _ := strings.Cut(p, " ")
		seen[text]++
	}
	for text := range confirmed {
		if seen[text] != 1 {
			t.Errorf("%s was confirmed and is there %d times", text, seen[text])
		}
	}
	t.Logf("%d confirmed, %d there, %d torn", len(confirmed), len(seen), s.Stats().Torn)
	for _, path := range segments(t, dir) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var x index
		if err := x.extend(f); err != nil || x.rest != 0 {
			t.Errorf("%s has %d bytes that are no frame, %v", path, x.rest, err)
		}
		f.Close()
	}
}
