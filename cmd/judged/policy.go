package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	_ "time/tzdata" // rules name time zones, and a container may have none

	"github.com/judged-dev/judged/policy/suite"
)

type policyCommand struct {
	Test policyTestCommand `cmd:"" help:"Run the unit tests of rules."`
}

type policyTestCommand struct {
	Files []string `arg:"" name:"file" placeholder:"FILE" help:"YAML files with rules and cases."`
}

// Help is shown by "judged policy test --help".
func (policyTestCommand) Help() string {
	return `Compiles the rules of each FILE, runs its cases and prints a line for each. A file
holds rules for decisions, deployment windows, authorization, constraints and the
routes of notifications, as configs and the server's settings do; docs/policy.md
teaches them.

Examples:
  judged policy test policy.yaml
  judged policy test policies/*.yaml

Exit codes: 0 all cases are as wanted, 1 some are not, 3 a file cannot be read.`
}

// Run prints what came of each case.
func (c policyTestCommand) Run(ctx context.Context, w world) error {
	cases, failed, unread := 0, 0, 0
	for _, path := range c.Files {
		s, err := readSuite(path)
		if err != nil {
			unread++
			fmt.Fprintf(w.stderr, "judged: %v\n", err)
			continue
		}
		if cases > 0 {
			fmt.Fprintln(w.stdout)
		}
		results := s.Run(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the cases of %s were not run to the end: %w", path, err)
		}
		fmt.Fprintln(w.stdout, path)
		cases += len(results)
		failed += printResults(w.stdout, results)
	}
	switch {
	case unread > 0:
		fmt.Fprintf(w.stderr, "judged: %d of %s cannot be used\n", unread, plural(len(c.Files), "file"))
		return verdictError{exitError}
	case failed > 0:
		fmt.Fprintf(w.stdout, "\n%d of %s failed\n", failed, plural(cases, "case"))
		return verdictError{exitFail}
	default:
		fmt.Fprintf(w.stdout, "\n%s ok\n", plural(cases, "case"))
		return nil
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func readSuite(path string) (*suite.Suite, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, suite.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return suite.Parse(text, path)
}

func printResults(w io.Writer, results []suite.Result) (failed int) {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Policy))
	}
	for _, r := range results {
		word := "ok"
		if !r.OK {
			word = "FAIL"
			failed++
		}
		fmt.Fprintf(w, "  %-4s  %-*s  %s\n", word, width, r.Policy, r.Case)
		if !r.OK {
			indent := strings.Repeat(" ", width+10)
			fmt.Fprintln(w, indent+strings.ReplaceAll(r.Message, "\n", "\n"+indent))
		}
	}
	return failed
}
