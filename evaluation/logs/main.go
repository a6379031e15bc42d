// Logs measures what judged makes of logs, on labelled data, and prints the tables
// of docs/evaluation.md.
//
//	go run ./evaluation/logs [-format markdown|json] [-told] DIRECTORY
//	go run ./evaluation/logs memory [-lines 100000000] [-skeletons 1000000]
//
// DIRECTORY holds loghub-2k, trainticket-callsite-2023 and nezha-trainticket-logs,
// each as its README says; what is missing is an error. Everything is measured with
// one configuration, the default one. -told lists each finding of a healthy service
// and what was said of each fault.
//
// memory mines made-up lines of many different skeletons and prints the most
// memory that the process held.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "evaluation:", err)
		os.Exit(1)
	}
}

// results are everything that was measured.
type results struct {
	Grouping   groupingReport        `json:"grouping"`
	Concurrent tally                 `json:"aa_concurrent"`
	Timeshift  tally                 `json:"aa_timeshift"`
	Faults     map[string]faultTally `json:"faults"`
	Throughput throughputReport      `json:"throughput"`
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "memory" {
		return memory(ctx, args[1:], out)
	}
	flags := flag.NewFlagSet("logs", flag.ContinueOnError)
	format := flags.String("format", "markdown", "markdown or json")
	told := flags.Bool("told", false, "list the findings")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 1 {
		// Flags may stand behind the directory, too.
		dir := flags.Arg(0)
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
		args = []string{dir}
	} else {
		args = flags.Args()
	}
	if len(args) != 1 || flags.NArg() > 1 || *format != "markdown" && *format != "json" {
		return fmt.Errorf("usage: go run ./evaluation/logs [-format markdown|json] [-told] DIRECTORY")
	}
	r, lines, err := measure(ctx, args[0])
	if err != nil {
		return err
	}
	if *format == "json" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", b)
		return err
	}
	r.markdown(out)
	if *told {
		fmt.Fprintln(out)
		for _, line := range lines {
			fmt.Fprintln(out, line)
		}
	}
	return nil
}

func measure(ctx context.Context, dir string) (results, []string, error) {
	var r results
	var err error
	if r.Grouping, err = grouping(dir, templates); err != nil {
		return r, nil, err
	}
	compared, err := nezha(ctx, dir)
	if err != nil {
		return r, nil, err
	}
	r.Concurrent, r.Timeshift, r.Faults = compared.Concurrent, compared.Timeshift, compared.Faults
	r.Throughput, err = throughput(ctx, dir)
	return r, compared.Told, err
}

func (r results) markdown(out io.Writer) {
	fmt.Fprintln(out, "| lines grouped | GA | FGA |\n|:--|--:|--:|")
	for _, set := range slices.Sorted(maps.Keys(r.Grouping.Loghub.Sets)) {
		s := r.Grouping.Loghub.Sets[set]
		fmt.Fprintf(out, "| %s | %.3f | %.3f |\n", set, s.GA, s.FGA)
	}
	fmt.Fprintf(out, "| **loghub-2k, mean** | **%.3f** | **%.3f** |\n", r.Grouping.Loghub.GA, r.Grouping.Loghub.FGA)
	fmt.Fprintf(out, "| **call sites** | **%.3f** | **%.3f** |\n\n", r.Grouping.Callsite.GA, r.Grouping.Callsite.FGA)

	fmt.Fprintln(out, "| healthy services | compared | any finding | share |\n|:--|--:|--:|--:|")
	for _, row := range []struct {
		name string
		t    tally
	}{{"at the same time", r.Concurrent}, {"against earlier windows", r.Timeshift}} {
		fmt.Fprintf(out, "| %s | %d | %d | %.1f%% |\n", row.name, row.t.Cases, row.t.WithFinding, 100*float64(row.t.WithFinding)/float64(max(row.t.Cases, 1)))
	}
	fmt.Fprintln(out, "\n| fault | cases | found |\n|:--|--:|--:|")
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(out, "| %s | %d | %d |\n", kind, r.Faults[kind].Cases, r.Faults[kind].Detected)
	}
	fmt.Fprintln(out)
	r.Throughput.markdown(out)
}
