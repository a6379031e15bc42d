package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs/template"
)

// labelled returns the folder of labelled lines, which is not part of the repository.
func labelled(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "logs-traces")
	if _, err := os.Stat(filepath.Join(dir, "loghub-2k")); err != nil {
		tb.Skipf("no labelled lines: %v", err)
	}
	return dir
}

func TestGrouping(t *testing.T) {
	dir := labelled(t)
	r, err := grouping(dir, templates)
	if err != nil {
		t.Fatal(err)
	}
	d, err := grouping(dir, drainGroups)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-10s %13s %13s", "GA/FGA", "templates", "Drain")
	row := func(name string, a, b groupingScore) {
		t.Logf("%-10s %.3f / %.3f %.3f / %.3f", name, a.GA, a.FGA, b.GA, b.FGA)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Loghub.Sets)) {
		row(name, r.Loghub.Sets[name], d.Loghub.Sets[name])
	}
	row("mean", r.Loghub.groupingScore, d.Loghub.groupingScore)
	row("call site", r.Callsite, d.Callsite)
	// The project promises .93 and .80 on sets that were not looked at. On these,
	// which were, .975/.986 and .890/.886 were measured: what falls below these
	// bounds, a point under, has lost a whole kind of lines.
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"loghub-2k GA", r.Loghub.GA, 0.965},
		{"loghub-2k FGA", r.Loghub.FGA, 0.976},
		{"call site GA", r.Callsite.GA, 0.88},
		{"call site FGA", r.Callsite.FGA, 0.876},
	} {
		if c.got < c.want {
			t.Errorf("%s is %.3f, below %.3f", c.name, c.got, c.want)
		}
	}
}

func TestScore(t *testing.T) {
	lines := []labelledLine{{truth: "a"}, {truth: "a"}, {truth: "b"}, {truth: "c"}, {truth: "c"}}
	for _, c := range []struct {
		name   string
		groups []int
		want   groupingScore
	}{
		{"right", []int{7, 7, 8, 9, 9}, groupingScore{1, 1}},
		// a is right; b and c are one group: 2 of 5 lines; 1 group of 2, of 3 true.
		{"merged", []int{1, 1, 2, 2, 2}, groupingScore{0.4, 2. / 5}},
		// a and b are right; c is two groups: 3 of 5 lines; 2 groups of 4, of 3 true.
		{"split", []int{1, 1, 2, 3, 4}, groupingScore{0.6, 4. / 7}},
	} {
		if got := score(lines, c.groups); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestGroupingOfNothing(t *testing.T) {
	if _, err := grouping(t.TempDir(), templates); err == nil || !strings.Contains(err.Error(), "loghub-2k") {
		t.Errorf("an empty folder: %v", err)
	}
}

// BenchmarkRival compares what a known line costs here with what it costs Drain,
// which has seen all lines before it is timed.
func BenchmarkRival(b *testing.B) {
	dir := labelled(b)
	files, err := filepath.Glob(filepath.Join(dir, "loghub-2k", "*.tsv.gz"))
	if err != nil {
		b.Fatal(err)
	}
	var messages [][]byte
	size := 0
	for _, f := range files {
		lines, err := readLabelled(f, "event_corr", "content")
		if err != nil {
			b.Fatal(err)
		}
		for _, line := range lines {
			messages = append(messages, []byte(line.message))
			size += len(line.message)
		}
	}
	run := func(name string, each func([]byte)) float64 {
		var rate float64
		b.Run(name, func(b *testing.B) {
			for _, m := range messages {
				each(m)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, m := range messages {
					each(m)
				}
			}
			rate = float64(len(messages)) * float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate/1e6, "Mlines/s")
		})
		return rate
	}
	var s template.Scanner
	counts := map[uint64]int{}
	ours := run("skeleton", func(m []byte) {
		s.Scan(m)
		counts[s.Hash()]++
	})
	d := newDrain()
	rival := run("drain", func(m []byte) { d.add(string(bytes.TrimSpace(m))) })
	b.Logf("%.1f times Drain's lines a second", ours/rival)
}
