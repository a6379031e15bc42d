package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/template"
)

// speed is how fast lines were taken in, on one core.
type speed struct {
	LinesPerSecond     float64 `json:"lines_per_s"`
	MegabytesPerSecond float64 `json:"mb_per_s"`
}

// throughputReport is how fast each step is.
type throughputReport struct {
	// Known is counting the messages of lines whose skeletons are known, by set and
	// over all lines together.
	Known map[string]speed `json:"known_lines"`
	All   speed            `json:"known_lines_all"`
	// JSON is decoding and counting JSON lines.
	JSON speed `json:"json"`
	// FNV is a loop that hashes byte by byte (FNV-1a), which tells how fast the
	// machine is.
	FNV float64 `json:"fnv_mb_per_s"`
	// MergeMilliseconds is merging 1,000 skeletons of some 200 words.
	MergeMilliseconds float64 `json:"merge_1000_ms"`
}

// throughput measures on one core: the best of some rounds, since what else runs on
// the machine only makes it slower.
func throughput(ctx context.Context, dir string) (throughputReport, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := throughputReport{Known: map[string]speed{}}
	files, err := filepath.Glob(filepath.Join(dir, "loghub-2k", "*.tsv.gz"))
	if err != nil {
		return r, err
	}
	var seconds, lines, size float64
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		labelled, err := readLabelled(file, "event_corr", "content")
		if err != nil {
			return r, err
		}
		records := make([]logs.Record, len(labelled))
		bytes := 0
		for i, l := range labelled {
			records[i] = logs.Record{Level: logs.Info, Message: []byte(l.message), Time: time.Unix(1_700_000_000+int64(i/10), 0)}
			bytes += len(l.message)
		}
		m := mine.New(mine.Options{})
		took := best(func() {
			for i := range records {
				m.Add(&records[i])
			}
		})
		r.Known[strings.TrimSuffix(filepath.Base(file), ".tsv.gz")] = rate(len(records), bytes, took)
		seconds, lines, size = seconds+took.Seconds(), lines+float64(len(records)), size+float64(bytes)
	}
	r.All = speed{lines / seconds, size / seconds / 1e6}
	if r.JSON, err = jsonSpeed(ctx, dir); err != nil {
		return r, err
	}
	r.MergeMilliseconds = best(mergeLong()).Seconds() * 1e3
	r.FNV = fnvSpeed()
	return r, nil
}

func rate(lines, bytes int, took time.Duration) speed {
	return speed{float64(lines) / took.Seconds(), float64(bytes) / took.Seconds() / 1e6}
}

// best returns the shortest of some rounds, for a second.
func best(round func()) time.Duration {
	round()
	shortest := time.Duration(1 << 62)
	for start := time.Now(); time.Since(start) < time.Second; {
		began := time.Now()
		round()
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}

// jsonSpeed decodes and counts the JSON lines of all windows.
func jsonSpeed(ctx context.Context, dir string) (speed, error) {
	files, err := filepath.Glob(filepath.Join(dir, "nezha-trainticket-logs", "windows", "*.jsonl.gz"))
	if err != nil {
		return speed{}, err
	}
	var text []byte
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return speed{}, err
		}
		z, err := gzip.NewReader(f)
		if err == nil {
			var b []byte
			b, err = io.ReadAll(z)
			text = append(text, b...)
		}
		f.Close()
		if err != nil {
			return speed{}, fmt.Errorf("%s: %w", file, err)
		}
		if len(text) > 64<<20 {
			break
		}
	}
	m := mine.New(mine.Options{})
	var failed error
	took := best(func() {
		_, err := decode.New(bytes.NewReader(text), decode.Options{}).Read(ctx, func(r *logs.Record) error {
			m.Add(r)
			return nil
		})
		if err != nil {
			failed = err
		}
	})
	return rate(bytes.Count(text, []byte("\n")), len(text), took), failed
}

// fnvSpeed returns how many megabytes a second a plain loop over bytes hashes.
func fnvSpeed() float64 {
	text := bytes.Repeat([]byte("request to the service took 12 ms\n"), 1<<15)
	sum := uint64(0)
	took := best(func() {
		h := uint64(14695981039346656037)
		for _, c := range text {
			h = (h ^ uint64(c)) * 1099511628211
		}
		sum += h
	})
	if sum == 0 {
		return 0 // not reached: the sum keeps the loop
	}
	return float64(len(text)) / took.Seconds() / 1e6
}

// mergeLong returns the merging of 1,000 skeletons of 200 words, variants of ten
// statements.
func mergeLong() func() {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		return fmt.Sprintf("w%c%c%c", 'a'+random.IntN(26), 'a'+random.IntN(26), 'a'+random.IntN(26))
	}
	all := make([]template.Skeleton, 1000)
	var statement []string
	for i := range all {
		if i%100 == 0 {
			statement = make([]string, 200)
			for k := range statement {
				statement[k] = word()
			}
		}
		words := slices.Clone(statement)
		for range 5 {
			words[random.IntN(len(words))] = word()
		}
		all[i] = template.Skeleton{Text: strings.Join(words, " "), Level: logs.Info}
	}
	return func() { template.Merge(all) }
}

func (r throughputReport) markdown(out io.Writer) {
	fmt.Fprintln(out, "| one core | lines/s | MB/s |\n|:--|--:|--:|")
	for _, set := range slices.Sorted(maps.Keys(r.Known)) {
		fmt.Fprintf(out, "| known lines, %s | %.2f M | %.0f |\n", set, r.Known[set].LinesPerSecond/1e6, r.Known[set].MegabytesPerSecond)
	}
	fmt.Fprintf(out, "| **known lines, all** | **%.2f M** | **%.0f** |\n", r.All.LinesPerSecond/1e6, r.All.MegabytesPerSecond)
	fmt.Fprintf(out, "| **JSON lines, decoded and counted** | **%.2f M** | **%.0f** |\n\n", r.JSON.LinesPerSecond/1e6, r.JSON.MegabytesPerSecond)
	fmt.Fprintf(out, "A loop that hashes byte by byte, for scale: %.0f MB/s.\n", r.FNV)
	fmt.Fprintf(out, "Merging 1,000 skeletons of 200 words: %.1f ms.\n", r.MergeMilliseconds)
}
