// Service starts an analysis on a judged server and waits for its verdict.
//
//	go run ./examples/service [-server URL] [-token-file FILE] [-request FILE]
//
// Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/judged-dev/judged/client"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	verdict, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
	}
	switch verdict {
	case judgedv1.Verdict_PASS:
		os.Exit(0)
	case judgedv1.Verdict_FAIL:
		os.Exit(1)
	case judgedv1.Verdict_INCONCLUSIVE:
		os.Exit(2)
	default:
		os.Exit(3)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (judgedv1.Verdict, error) {
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	server := flags.String("server", "http://127.0.0.1:8390", "the judged server")
	token := flags.String("token-file", "", "file with the bearer token to send")
	path := flags.String("request", "examples/service/start.json", "the StartAnalysisRequest, as JSON")
	if err := flags.Parse(args); err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	text, err := os.ReadFile(*path)
	if err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	// With its idempotency key the request can be sent again: after a crash of this
	// program, too, which then finds the analysis that it started.
	request := &judgedv1.StartAnalysisRequest{}
	if err := protojson.Unmarshal(text, request); err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	var options []client.Option
	if *token != "" {
		options = append(options, client.WithToken(client.FileToken(*token)))
	}
	c, err := client.New(*server, options...)
	if err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	started, err := c.StartAnalysis(ctx, request)
	if err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	fmt.Fprintln(out, "analysis", started.GetId())

	// It waits as long as the analysis takes, over restarts of the server.
	ended, err := c.WaitForVerdict(ctx, started.GetId())
	if canceled, ok := errors.AsType[*client.CanceledError](err); ok {
		return judgedv1.Verdict_ERROR, fmt.Errorf("somebody stopped the release: %s", canceled.Reason)
	}
	if err != nil {
		return judgedv1.Verdict_ERROR, err
	}
	fmt.Fprintln(out, ended.GetJudgment().GetSummary())
	return ended.GetJudgment().GetVerdict(), nil
}
