// Metrics measures the default judges on labelled pairs of recorded series and
// prints the tables of docs/evaluation.md.
//
//	go run ./evaluation/metrics DIRECTORY
//
// DIRECTORY holds aa, inject, history, pods and real_canary.jsonl.gz, cases in
// the format of docs/backtest.md. Rates of false alarms are means over source,
// pairing (or shape) and window, so that no source decides by its size; only
// arms that ran at the same time and are known to be alike count as healthy.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/backtest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./evaluation/metrics DIRECTORY")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "evaluation:", err)
		os.Exit(1)
	}
}

// alphas are the errors of the trade-off; the default stands first.
var alphas = []string{"0.05", "0.001", "0.01", "0.2", "0.5"}

func run(ctx context.Context, dir string, out io.Writer) error {
	var judges []backtest.Judge
	for _, alpha := range alphas {
		j, err := backtest.ParseJudge("default,alpha="+alpha, judge.DefaultAlpha)
		if err != nil {
			return err
		}
		judges = append(judges, j)
	}
	blind, history, pods := newTally(), newTally(), newTally()
	for _, f := range []struct {
		name string
		to   *tally
	}{
		{"aa", blind},
		{"inject", blind},
		{"history", history},
		{"pods", pods},
		{"real_canary", newTally()},
	} {
		_, err := backtest.Run(ctx, []string{filepath.Join(dir, f.name+".jsonl.gz")}, backtest.Options{
			Judges: judges,
			Each: func(r *backtest.Result) error {
				f.to.add(r)
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	headline(out, blind, history)
	detection(out, blind, history)
	pods.print(out)
	strata(out, blind, history)
	tradeOff(out, blind, history)
	return nil
}

// share counts verdicts.
type share struct{ fail, open, all int }

func (s *share) add(v judge.Verdict) {
	s.all++
	if v == judge.Fail {
		s.fail++
	}
	if v == judge.Inconclusive {
		s.open++
	}
}

func (s share) rate(of int) float64 { return 100 * float64(of) / float64(max(s.all, 1)) }

// key is one cell of a table.
type key struct {
	metrics int
	name    string
}

// tally keeps the shares of each judge.
type tally struct {
	healthy, faulty []map[key]*share
	types           map[string]bool
	must            map[string]bool
}

func newTally() *tally {
	t := &tally{types: map[string]bool{}, must: map[string]bool{}}
	for range alphas {
		t.healthy, t.faulty = append(t.healthy, map[key]*share{}), append(t.faulty, map[key]*share{})
	}
	return t
}

func (t *tally) add(r *backtest.Result) {
	group, name := r.Pairing, ""
	switch {
	case r.Family == "real_canary" && r.Faulty:
		name = "faulty release"
	case r.Family == "real_canary":
		group = "harmless release"
	case r.Shape != "" && strings.HasSuffix(r.Shape, "x1"):
		group = "n x 1"
	case r.Shape != "":
		group = "n x n"
	case group != "split" && group != "sibling" && group != "arms":
		return
	}
	if name == "" && r.Injected.Type != "" {
		name = r.Injected.String()
		if r.Shape != "" {
			name = group + ": " + name
		}
	}
	if r.Injected.Type == "gap" {
		return // reported by the backtest itself; neither an alarm of A/A nor a find
	}
	for i, o := range r.Outcomes {
		k, to := key{r.Asked, name}, t.faulty[i]
		if !r.Faulty {
			k.name, to = fmt.Sprintf("%s/%s/%d", group, r.Source, r.Window), t.healthy[i]
			if group == "harmless release" {
				k = key{0, group}
			}
		} else {
			if name == "faulty release" {
				k.metrics = 0
			}
			t.types[name] = true
			t.must[name] = r.Injected.MustCatch()
		}
		if to[k] == nil {
			to[k] = &share{}
		}
		to[k].add(o.Verdict)
	}
}

// alarms is the mean of the cells' rates whose names have one of the prefixes,
// and of INCONCLUSIVE; cells below the window are left out.
func (t *tally) alarms(judge, metrics, window int, prefixes ...string) (fail, open float64) {
	cells := 0
	for k, s := range t.healthy[judge] {
		if k.metrics != metrics || windowOf(k.name) < window {
			continue
		}
		for _, p := range prefixes {
			if strings.HasPrefix(k.name, p) {
				fail += s.rate(s.fail)
				open += s.rate(s.open)
				cells++
			}
		}
	}
	return fail / float64(max(cells, 1)), open / float64(max(cells, 1))
}

func windowOf(name string) int {
	n := 0
	_, _ = fmt.Sscanf(name[strings.LastIndex(name, "/")+1:], "%d", &n)
	return n
}

// found is the mean over the regressions that must be caught.
func (t *tally) found(judge, metrics int) float64 {
	sum, n := 0.0, 0
	for k, s := range t.faulty[judge] {
		if k.metrics == metrics && t.must[k.name] {
			sum += s.rate(s.fail)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

var (
	concurrent = []string{"split", "sibling", "arms"}
	asked      = []int{1, 5, 20}
)

func headline(out io.Writer, blind, history *tally) {
	fmt.Fprintln(out, "| | metrics | false alarms, all | split | siblings | groups of instances | split, 60 points and more: INCONCLUSIVE | must-catch found |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, f := range []struct {
		name string
		t    *tally
	}{{"no history", blind}, {"120 points of history", history}} {
		for _, m := range asked {
			all, _ := f.t.alarms(0, m, 0, concurrent...)
			fmt.Fprintf(out, "| %s | %d | %.1f %% |", f.name, m, all)
			for _, p := range concurrent {
				fail, _ := f.t.alarms(0, m, 0, p)
				fmt.Fprintf(out, " %.1f %% |", fail)
			}
			_, open := f.t.alarms(0, m, 60, "split")
			fmt.Fprintf(out, " %.0f %% | %.0f %% |\n", open, f.t.found(0, m))
		}
	}
	fmt.Fprintln(out)
}

// detection lists every injected regression.
func detection(out io.Writer, blind, history *tally) {
	fmt.Fprintln(out, "| found, % | no history, 1 | 5 | 20 metrics | history, 1 | 5 | 20 metrics | |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|---|")
	for _, name := range slices.Sorted(maps.Keys(blind.types)) {
		fmt.Fprintf(out, "| %s |", name)
		for _, t := range []*tally{blind, history} {
			for _, m := range asked {
				fmt.Fprintf(out, " %s |", cell(t.faulty[0][key{m, name}]))
			}
		}
		must := ""
		if blind.must[name] {
			must = "must-catch"
		}
		fmt.Fprintf(out, " %s |\n", must)
	}
	fmt.Fprintln(out)
}

func cell(s *share) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f", s.rate(s.fail))
}

// print is the table of cases with pods.
func (t *tally) print(out io.Writer) {
	fmt.Fprintln(out, "| pods | metrics | false alarms | INCONCLUSIVE, healthy | found, mean | of which |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|---|")
	for _, shape := range []string{"n x n", "n x 1"} {
		for _, m := range []int{1, 5} {
			fail, open := t.alarms(0, m, 0, shape)
			sum, n, each := 0.0, 0, []string{}
			for _, name := range slices.Sorted(maps.Keys(t.types)) {
				s := t.faulty[0][key{m, name}]
				if s == nil || !strings.HasPrefix(name, shape) {
					continue
				}
				if !strings.Contains(name, "onepod") {
					sum += s.rate(s.fail)
					n++
				}
				each = append(each, fmt.Sprintf("%s %s", strings.TrimPrefix(name, shape+": "), cell(s)))
			}
			fmt.Fprintf(out, "| %s | %d | %.1f %% | %.0f %% | %.0f %% | %s |\n", shape, m, fail, open, sum/float64(max(n, 1)), strings.Join(each, ", "))
		}
	}
	harmless, faulty := t.healthy[0][key{0, "harmless release"}], t.faulty[0][key{0, "faulty release"}]
	fmt.Fprintf(out, "\nReal releases: %d of %d harmless ones FAIL, %d of %d faulty ones (those that never reported included).\n\n",
		harmless.fail, harmless.all, faulty.fail, faulty.all)
}

// strata lists every cell of healthy cases that FAILed at all.
func strata(out io.Writer, blind, history *tally) {
	fmt.Fprintln(out, "| healthy cases that FAIL, of | 1 metric | 5 | 20 | history: 1 | 5 | 20 |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|")
	names := map[string]bool{}
	for _, t := range []*tally{blind, history} {
		for k := range t.healthy[0] {
			if slices.Contains(asked, k.metrics) {
				names[k.name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(out, "| %s |", strings.ReplaceAll(name, "/", " "))
		for _, t := range []*tally{blind, history} {
			for _, m := range asked {
				s := t.healthy[0][key{m, name}]
				if s == nil {
					fmt.Fprint(out, " – |")
					continue
				}
				fmt.Fprintf(out, " %d of %d |", s.fail, s.all)
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

// tradeOff shows what another alpha would give.
func tradeOff(out io.Writer, blind, history *tally) {
	fmt.Fprintln(out, "| alpha | no history: false alarms → found, 1 metric | 5 | 20 | history: 1 | 5 | 20 |")
	fmt.Fprintln(out, "|--:|--:|--:|--:|--:|--:|--:|")
	order := slices.Clone(alphas)
	slices.Sort(order)
	for _, alpha := range order {
		i := slices.Index(alphas, alpha)
		fmt.Fprintf(out, "| %s |", alpha)
		for _, t := range []*tally{blind, history} {
			for _, m := range asked {
				fail, _ := t.alarms(i, m, 0, concurrent...)
				fmt.Fprintf(out, " %.1f → %.0f |", fail, t.found(i, m))
			}
		}
		fmt.Fprintln(out)
	}
}
