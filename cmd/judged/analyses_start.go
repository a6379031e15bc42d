package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type analysesStartCommand struct {
	Config   string            `arg:"" optional:"" placeholder:"CONFIG" help:"A CanaryConfig, YAML or JSON; its sources are names that the server knows."`
	Stored   string            `placeholder:"NAME" help:"A config of the server instead."`
	Revision int64             `placeholder:"N" help:"Its revision; the latest if left out."`
	Baseline map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the baseline's scope."`
	Canary   map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the canary's scope."`
	Start    time.Time         `placeholder:"TIME" help:"The moment of the release (RFC 3339) instead of the config's, or of now."`
	Key      string            `placeholder:"TEXT" help:"The release and step that this is for: started again with the same key, it is the same analysis."`
	Label    map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"What to find the analysis by: release, pipeline, ticket."`
	Wait     bool              `help:"Wait for the verdict, print it and exit by it."`
	remote
	output
	policy
}

// Help is shown by "judged analyses start --help".
func (analysesStartCommand) Help() string {
	return `Starts an analysis and prints its id. The server takes its looks whatever happens to this
command; "judged analyses watch ID" follows it, or waits again.

Examples:
  judged analyses start canary.yaml --server https://judged.example.com --canary version=v1.9.0
  judged analyses start --stored checkout --canary version=v1.9.0 --key checkout-v1.9.0 --wait
  judged analyses start canary.yaml --wait --format junit > report.xml

Exit codes: 0 started, 3 not; with --wait 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge,
was cancelled or expired.`
}

// Run starts, and waits if asked to.
func (c analysesStartCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	request, err := c.request(ctx, server)
	if err != nil {
		return err
	}
	started, err := server.StartAnalysis(ctx, request)
	if err != nil {
		return err
	}
	if !c.Wait {
		_, err := fmt.Fprintln(w.stdout, started.GetId())
		return err
	}
	fmt.Fprintf(w.stderr, "analysis %s: %d looks, the first at %s\n", started.GetId(), started.GetPlannedLooks(), moment(started.GetNextLookTime()))
	return finish(ctx, w, server, started.GetId(), c.output, c.policy)
}

func (c analysesStartCommand) request(ctx context.Context, server *client.Client) (*judgedv1.StartAnalysisRequest, error) {
	// Without a key, a call whose answer is lost could not be sent again.
	request := &judgedv1.StartAnalysisRequest{IdempotencyKey: cmp.Or(c.Key, "cli-"+uuid.NewString()), Labels: c.Label, ConfigRevision: c.Revision}
	if !c.Start.IsZero() {
		request.Start = timestamppb.New(c.Start)
	}
	var scopes *judgedv1.Scopes
	switch {
	case (c.Config == "") == (c.Stored == ""):
		return nil, errors.New("what is to be analysed? Give either CONFIG, a file, or --stored NAME, a config of the server")
	case c.Config != "":
		parsed, err := parseConfig(c.Config)
		if err != nil {
			return nil, err
		}
		request.Config = &judgedv1.StartAnalysisRequest_Inline{Inline: parsed}
		scopes = parsed.GetScopes()
	default:
		request.Config = &judgedv1.StartAnalysisRequest_Stored{Stored: c.Stored}
		if len(c.Baseline)+len(c.Canary) == 0 {
			return request, nil
		}
		stored, err := server.GetConfig(ctx, c.Stored, c.Revision)
		if err != nil {
			return nil, err
		}
		scopes = stored.GetConfig().GetScopes()
		request.ConfigRevision = stored.GetRevision() // that the scopes were read of
	}
	if len(c.Baseline)+len(c.Canary) > 0 {
		request.Scopes = &judgedv1.Scopes{Baseline: overridden(scopes.GetBaseline(), c.Baseline), Canary: overridden(scopes.GetCanary(), c.Canary)}
	}
	return request, nil
}

func overridden(scope *judgedv1.Scope, with map[string]string) *judgedv1.Scope {
	variables := maps.Clone(scope.GetVariables())
	if variables == nil {
		variables = map[string]string{}
	}
	maps.Copy(variables, with)
	return &judgedv1.Scope{Variables: variables}
}

// parseConfig reads a config's file as the message that it is.
func parseConfig(path string) (*judgedv1.CanaryConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return config.Parse(text, path)
}

// finish waits for an analysis, prints its judgment and exits by its verdict.
func finish(ctx context.Context, w world, server *client.Client, id string, o output, p policy) error {
	a, err := server.WaitForVerdict(ctx, id)
	if err != nil {
		return goesOn(ctx, id, err)
	}
	result := wire.Result(a.GetJudgment())
	if err := o.print(w, result); err != nil {
		return err
	}
	return p.exit(result.Verdict)
}

// goesOn says that whoever stops waiting for an analysis has not stopped it.
func goesOn(ctx context.Context, id string, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w\nThe analysis goes on: judged analyses watch %s waits for it again, judged analyses cancel %s ends it", err, id, id)
}

type analysesWatchCommand struct {
	ID string `arg:"" placeholder:"ID" help:"The analysis."`
	remote
	policy
}

// Help is shown by "judged analyses watch --help".
func (analysesWatchCommand) Help() string {
	return `Prints a line for every change of an analysis, until it has ended. It goes on when the
connection breaks or the server is restarted.

Examples:
  judged analyses watch ID --server https://judged.example.com

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge, was cancelled or expired.`
}

// Run prints changes and exits by the verdict.
func (c analysesWatchCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	// Watch is patient with a server that is away; a misspelt address need not be
	// waited for.
	last, err := server.GetAnalysis(ctx, c.ID)
	if err != nil {
		return err
	}
	printChange(w, last)
	for a, err := range server.Watch(ctx, c.ID, last.GetVersion()) {
		if err != nil {
			return goesOn(ctx, c.ID, err)
		}
		if a.GetVersion() != last.GetVersion() { // an end that is printed already comes again
			printChange(w, a)
		}
		last = a
	}
	if err := client.Verdict(last); err != nil {
		return err
	}
	return c.exit(wire.Verdict(last.GetJudgment().GetVerdict()))
}

// printChange prints a line about an analysis.
func printChange(w world, a *judgedv1.Analysis) {
	text := a.GetJudgment().GetSummary()
	switch {
	case a.GetTrouble() != "":
		text = "tried again at " + rfc3339(a.GetNextLookTime()) + ": " + a.GetTrouble()
	case a.GetState() == judgedv1.AnalysisState_CANCELED:
		text = strings.TrimSpace(a.GetCanceledBy() + " " + a.GetCancelReason())
	case a.GetJudgment() == nil:
		text = "first look due at " + rfc3339(a.GetNextLookTime())
	}
	fmt.Fprintf(w.stdout, "%s  %-9s  %9s  %-12s  %s\n", rfc3339(a.GetUpdateTime()), a.GetState(), looksOf(a), cell(verdictOf(a.GetJudgment())), cell(text))
}
