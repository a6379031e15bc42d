// Metrics measures the default judges on labelled pairs of recorded series:
// how many healthy canaries fail, and how many bad ones are found.
//
//	go run ./evaluation/metrics DIRECTORY
//
// DIRECTORY holds aa.jsonl.gz, inject.jsonl.gz and history.jsonl.gz, a case a
// line: {pairing, source, window, m_asked, label, injected: {type, size},
// metrics: [{kind, direction, baseline, canary, baseline_history,
// canary_history}]}; null is a missing value. The table is Markdown, in
// percent: the rate of FAIL over healthy cases ("false alarms", the mean over
// source x window, so that no source decides by its size) and over cases with
// an injected regression that must be caught.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./evaluation/metrics DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "evaluation:", err)
		os.Exit(1)
	}
}

func run(dir string, out io.Writer) error {
	without, with := newTable(), newTable()
	for _, f := range []struct {
		name string
		to   *table
	}{{"aa.jsonl.gz", without}, {"inject.jsonl.gz", without}, {"history.jsonl.gz", with}} {
		if err := eachCase(filepath.Join(dir, f.name), f.to.add); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "| | metrics | false alarms: split | siblings | groups of instances | INCONCLUSIVE, healthy | must-catch found |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|")
	without.print(out, "no history")
	with.print(out, "120 points of history")
	return nil
}

// record is one case of the files.
type record struct {
	Source   string `json:"source"`
	Pairing  string `json:"pairing"`
	Window   int    `json:"window"`
	Asked    int    `json:"m_asked"`
	Label    string `json:"label"`
	Injected *struct {
		Type string  `json:"type"`
		Size float64 `json:"size"`
	} `json:"injected"`
	Metrics []struct {
		Name            string     `json:"name"`
		Kind            string     `json:"kind"`
		Direction       string     `json:"direction"`
		StepSeconds     float64    `json:"step_seconds"`
		Baseline        []*float64 `json:"baseline"`
		Canary          []*float64 `json:"canary"`
		BaselineHistory []*float64 `json:"baseline_history"`
		CanaryHistory   []*float64 `json:"canary_history"`
	} `json:"metrics"`
}

func eachCase(path string, do func(*record)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		do(&r)
	}
	return lines.Err()
}

// mustCatch says which regressions a judge has to find.
func (r *record) mustCatch() bool {
	size := r.Injected.Size
	switch r.Injected.Type {
	case "shift", "drop":
		return size >= 0.1
	case "ramp":
		return size >= 0.2
	case "count":
		return size >= 0.5
	case "tail", "dark":
		return true
	default:
		return false
	}
}

// judge returns what the default judges say of the case.
func (r *record) judge() judge.Verdict {
	var inputs []analysis.Input
	for i, m := range r.Metrics {
		s := judge.Signal{Name: fmt.Sprintf("%d %s", i, m.Name)}
		if m.Kind == "counter" {
			s.Kind = judge.Count
		}
		switch m.Direction {
		case "increase":
			s.Direction = judge.Increase
		case "decrease":
			s.Direction = judge.Decrease
		}
		sample := judge.Sample{Step: time.Duration(m.StepSeconds * float64(time.Second))}
		// Arms of unlike length have no common grid beyond the shorter.
		n := min(len(m.Baseline), len(m.Canary))
		sample.Baseline.Values, sample.Canary.Values = values(m.Baseline[:n]), values(m.Canary[:n])
		if m.BaselineHistory != nil {
			sample.History = &judge.Pair{Baseline: judge.Side{Values: values(m.BaselineHistory)}, Canary: judge.Side{Values: values(m.CanaryHistory)}}
		}
		sample.Signal = analysis.DefaultMargins(s, analysis.Given{})
		inputs = append(inputs, analysis.Input{Sample: sample})
	}
	return analysis.Judge(inputs, judge.DefaultAlpha).Verdict
}

func values(points []*float64) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = math.NaN()
		if p != nil {
			out[i] = *p
		}
	}
	return out
}

// share counts hits.
type share struct{ hits, all int }

func (s *share) add(hit bool) {
	s.all++
	if hit {
		s.hits++
	}
}

type stratum struct {
	pairing, source string
	window          int
}

// cell is one number of metrics.
type cell struct {
	alarms       map[stratum]*share
	inconclusive share
	found        share
}

type table struct{ cells map[int]*cell }

func newTable() *table { return &table{cells: map[int]*cell{}} }

func (t *table) add(r *record) {
	// Arms that are not concurrent, or known to be unlike, test another judge.
	if r.Pairing != "split" && r.Pairing != "sibling" && r.Pairing != "arms" {
		return
	}
	c := t.cells[r.Asked]
	if c == nil {
		c = &cell{alarms: map[stratum]*share{}}
		t.cells[r.Asked] = c
	}
	switch {
	case r.Label == "pass":
		verdict := r.judge()
		key := stratum{r.Pairing, r.Source, r.Window}
		if c.alarms[key] == nil {
			c.alarms[key] = &share{}
		}
		c.alarms[key].add(verdict == judge.Fail)
		c.inconclusive.add(verdict == judge.Inconclusive)
	case r.Injected != nil && r.mustCatch():
		c.found.add(r.judge() == judge.Fail)
	}
}

func (t *table) print(out io.Writer, name string) {
	for _, m := range []int{1, 5, 20} {
		c := t.cells[m]
		if c == nil {
			continue
		}
		fmt.Fprintf(out, "| %s | %d | %s | %s | %s | %.0f %% | %.0f %% |\n", name, m,
			c.macro("split"), c.macro("sibling"), c.macro("arms"), c.inconclusive.percent(), c.found.percent())
	}
}

// macro is the mean of the strata's rates.
func (c *cell) macro(pairing string) string {
	sum, n, cases := 0.0, 0, 0
	for key, s := range c.alarms {
		if key.pairing == pairing {
			sum += s.percent()
			n++
			cases += s.all
		}
	}
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% of %d", sum/float64(n), cases)
}

func (s share) percent() float64 {
	if s.all == 0 {
		return math.NaN()
	}
	return 100 * float64(s.hits) / float64(s.all)
}
