package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/judged-dev/judged/judge"
	_ "github.com/judged-dev/judged/logs/providers/all"    // links every driver of logs
	_ "github.com/judged-dev/judged/metrics/providers/all" // and of metrics
	_ "github.com/judged-dev/judged/replay"                // the "recording" provider
)

// Exit codes: what a deployer or a CI job branches on.
const (
	exitPass         = 0
	exitFail         = 1
	exitInconclusive = 2
	exitError        = 3
)

// world is what the command touches outside itself.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

func system() world {
	return world{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}
}

// commands is the command line. Each field's command has a file of its own.
type commands struct {
	Run       runCommand       `cmd:"" help:"Judge a release: ask the sources of a config and compare both sides."`
	Judge     judgeCommand     `cmd:"" help:"Judge samples from standard input or a file."`
	Logs      logsCommand      `cmd:"" help:"Templates of logs, and what a canary logs that the baseline does not."`
	Lint      lintCommand      `cmd:"" help:"Check a config and say what it would ask of whom."`
	Backtest  backtestCommand  `cmd:"" help:"Measure judges on labelled cases: false alarms and detections."`
	Calibrate calibrateCommand `cmd:"" help:"Measure a config's false alarms on healthy time and find the margins it needs."`
	Plan      planCommand      `cmd:"" help:"How long must a canary live, and with how much traffic, to find a regression?"`
	Convert   convertCommand   `cmd:"" help:"Make a config of those of Kayenta, Keptn and Argo Rollouts."`
	Serve     serveCommand     `cmd:"" help:"Run analyses to their end, and answer over gRPC, Connect and HTTP."`
	Analyses  analysesCommand  `cmd:"" help:"Start, follow and list the analyses of a server."`
	Configs   configsCommand   `cmd:"" help:"Keep configs on a server."`
	Feedback  feedbackCommand  `cmd:"" help:"Say what log templates are, and judge past analyses again by it."`
	Token     tokenCommand     `cmd:"" help:"Make a token for a server's callers."`
	Policy    policyCommand    `cmd:"" help:"Test the rules of configs and settings."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

const about = `Is this release worse than what runs now? judged compares the metrics of a canary
with those of the baseline and says PASS, FAIL or INCONCLUSIVE, with the reason.

  judged run canary.yaml            # judge a release as its config says
  judged lint canary.yaml           # what would that ask, and of whom?
  judged judge < samples.json       # judge numbers that you bring along
  judged logs diff old.log new.log  # what does the canary log that the baseline does not?
  judged backtest cases.jsonl.gz    # how often is a judge wrong?
  judged calibrate canary.yaml      # how often would it FAIL without a release?
  judged plan canary.yaml           # how long must a canary live to find 10 %?
  judged serve --config judged.yaml

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge.`

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, w world) int {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("judged"),
		kong.Description(about),
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
	)
	if err != nil {
		fmt.Fprintln(w.stderr, "judged:", err)
		return exitError
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		fmt.Fprintf(w.stderr, "judged: %v\nRun \"judged --help\" for the commands.\n", err)
		return exitError
	}
	err = command.Run()
	var verdict verdictError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &verdict):
		return verdict.code
	default:
		fmt.Fprintln(w.stderr, "judged:", strings.TrimRight(err.Error(), "\n"))
		return exitError
	}
}

// verdictError carries a verdict that was printed already to the exit code.
type verdictError struct{ code int }

func (e verdictError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// policy says which exit code a verdict without a decision has.
type policy struct {
	OnInconclusive string `enum:"exit,pass,fail" default:"exit" help:"Exit code of INCONCLUSIVE: ${enum}; exit is 2."`
	OnError        string `enum:"exit,pass,fail" default:"exit" help:"Exit code when a metric could not be judged: ${enum}; exit is 3."`
}

// exit returns the error for a verdict, nil for success.
func (p policy) exit(v judge.Verdict) error {
	choose := func(choice string, code int) error {
		switch choice {
		case "pass":
			return nil
		case "fail":
			return verdictError{exitFail}
		default:
			return verdictError{code}
		}
	}
	switch v {
	case judge.Pass:
		return nil
	case judge.Fail:
		return verdictError{exitFail}
	case judge.Inconclusive:
		return choose(p.OnInconclusive, exitInconclusive)
	default:
		return choose(p.OnError, exitError)
	}
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(w world) error {
	_, err := fmt.Fprintln(w.stdout, "judged", version())
	return err
}

// version is what the build knows about itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
