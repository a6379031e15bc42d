package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/report"
)

type runCommand struct {
	Config   string            `arg:"" optional:"" placeholder:"CONFIG" help:"The CanaryConfig, YAML or JSON."`
	Sources  string            `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that the config names."`
	Baseline map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the baseline's scope."`
	Canary   map[string]string `mapsep:"," placeholder:"NAME=VALUE,..." help:"Replace variables of the canary's scope."`
	Start    time.Time         `placeholder:"TIME" help:"The moment of the release (RFC 3339) instead of the config's."`
	Duration time.Duration     `placeholder:"DURATION" help:"How long to look after the warm-up, instead of the config's."`
	Server   string            `placeholder:"URL" help:"Let this judged server judge: it asks its own sources."`
	From     string            `placeholder:"ID|FILE" help:"Judge again what an analysis of --server saw, or a saved recording."`
	Timeout  time.Duration     `placeholder:"DURATION" help:"Give up after this time. Default 5m; with --server when the analysis must have ended."`
	gate
	credentials
	output
	policy
}

// Help is shown by "judged run --help".
func (runCommand) Help() string {
	return `Asks the sources of CONFIG for both sides, compares them and prints the verdict.
A metric's source is a name from --sources, the path of a recording (relative to
the config) or the http(s) URL of a Prometheus; a log's is a name, or the path of a
file or a folder.

With --server a judged server does that, and this command is the gate of a pipeline:
it starts an analysis, prints a line a look on standard error, goes on when the
connection breaks or the server is restarted, and exits by the verdict. The time
until now is judged, unless --live or a start makes the server watch the release.
When the command is interrupted (SIGINT, SIGTERM) or --timeout is over, it cancels
its analysis, unless --keep is given; --wait lets go of it without that.

Examples:
  judged run examples/shop/canary.yaml
  judged run canary.yaml --sources judged.yaml --canary version=v1.9.0 --start 2026-11-21T10:00:00Z
  judged run canary.yaml --write junit=report.xml --write markdown=comment.md
  judged run canary.yaml --on-inconclusive pass   # promote unless it is worse

  judged run canary.yaml --server https://judged.example.com
  judged run --server URL --stored checkout@7 --canary version=v1.9.0 --live --key checkout-v1.9.0
  id=$(judged run --server URL --stored checkout --canary version=v1.9.0 --live --wait 0)
  judged run --server URL --analysis "$id"        # its verdict, later

  judged run --from 0198c0de-… --server URL       # the same data, judged again
  judged run --from 0198c0de-… --server URL canary.yaml   # with other margins or judges

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge; --wait 0: 0 started.
--on-error is also for a server that cannot be reached, a time that is over and an
analysis that expired. Files of --write are written then, too, and say ERROR.`
}

// localTimeout is how long judging without a server may take.
const localTimeout = 5 * time.Minute

// Run judges here or on a server, prints the result and exits by the verdict.
func (c runCommand) Run(ctx context.Context, w world) error {
	if err := c.complete(w); err != nil {
		return err
	}
	limit := c.Timeout
	if limit == 0 && (c.Server == "" || c.From != "") {
		limit = localTimeout
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, tooLateError{"no verdict within " + limit.String() + " (see --timeout)"})
		defer cancel()
	}
	if c.From != "" {
		return judgeRecorded(ctx, w, c.From, c.Server, c.credentials, c.Config, c.output, c.policy)
	}
	if c.Server != "" {
		return c.there(ctx, w)
	}
	result, err := c.here(ctx, w)
	if err != nil {
		return c.without(w, err, &judgedv1.Analysis{})
	}
	return c.with(w, result, report.Link{})
}

// complete checks that the command line makes sense as a whole.
func (c *runCommand) complete(w world) error {
	if c.Server == "" && (c.Stored != "" || c.Analysis != "") {
		c.Server = w.getenv("JUDGED_SERVER")
	}
	if c.From != "" {
		return c.gate.absent("--from judges a recording again")
	}
	named := 0
	for _, what := range []string{c.Config, c.Stored, c.Analysis} {
		if what != "" {
			named++
		}
	}
	switch {
	case c.Server == "" && (c.Stored != "" || c.Analysis != ""):
		return errors.New("--stored and --analysis need --server (or JUDGED_SERVER): the judged server that has them")
	case c.Server == "" && c.Config == "":
		return errors.New("CONFIG is missing: the file that says what to compare (or --from, to judge a recording again)")
	case c.Server == "":
		return c.gate.absent("there is no --server")
	case c.Sources != "":
		return errors.New("--sources is for judging here; a server has its own")
	case named != 1:
		return errors.New("what is to be judged? Give one of CONFIG, a file; --stored NAME, a config of the server; or --analysis ID, which was started before")
	default:
		return nil
	}
}

// with prints a result and exits by its verdict.
func (c runCommand) with(w world, r *analysis.Result, l report.Link) error {
	if err := c.printLinked(w, r, l); err != nil {
		return err
	}
	return c.exit(r.Verdict)
}

// override puts the command line's scopes and times into the config.
func (c runCommand) override(cfg *analysis.Config) {
	for name, value := range c.Baseline {
		set(&cfg.Scopes.Baseline, name, value)
	}
	for name, value := range c.Canary {
		set(&cfg.Scopes.Canary, name, value)
	}
	if !c.Start.IsZero() {
		cfg.Schedule.Start = c.Start
	}
	if c.Duration > 0 {
		cfg.Schedule.Duration = c.Duration
	}
}

func set(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

func (c runCommand) here(ctx context.Context, w world) (*analysis.Result, error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return nil, err
	}
	c.override(&cfg)
	sources, err := openSources(cfg, c.Config, c.Sources)
	if err != nil {
		return nil, err
	}
	defer closeSources(sources, w)
	window, history, err := cfg.Schedule.Window(w.now())
	if err != nil {
		return nil, err
	}
	return analysis.Run(ctx, cfg, sources, window, history)
}

// openSources returns the sources of a settings file and those that the
// config addresses directly, by path or URL.
func openSources(cfg analysis.Config, configPath, settingsPath string) (*analysis.Sources, error) {
	var settings []metrics.Settings
	if settingsPath != "" {
		var err error
		if settings, err = config.LoadSettings(settingsPath); err != nil {
			return nil, err
		}
	}
	known := map[string]bool{}
	for _, s := range settings {
		known[s.Name] = true
	}
	direct := map[string]metrics.Settings{}
	named := make([]string, 0, len(cfg.Metrics)+1)
	for _, m := range cfg.Metrics {
		named = append(named, m.Source)
	}
	if cfg.Traffic != nil {
		named = append(named, cfg.Traffic.Source)
	}
	for _, name := range named {
		if known[name] {
			continue
		}
		if s, ok := addressed(name, filepath.Dir(configPath)); ok {
			direct[name] = s
		}
	}
	for i := range cfg.Logs {
		if name := cfg.Logs[i].Source; !known[name] && direct[name].Name == "" {
			if s, ok := addressed(name, filepath.Dir(configPath)); ok && s.Provider == "recording" {
				s.Provider = "files"
				direct[name] = s
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(direct)) {
		settings = append(settings, direct[name])
	}
	return analysis.NewSources(settings...), nil
}

// closeSources says what went wrong; the verdict stands.
func closeSources(sources *analysis.Sources, w world) {
	if err := sources.Close(); err != nil {
		fmt.Fprintln(w.stderr, "judged: close:", err)
	}
}

// addressed recognises a source that is an address rather than a name.
func addressed(source, dir string) (metrics.Settings, bool) {
	if strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://") {
		return metrics.Settings{Name: source, Provider: "prometheus", URL: source}, true
	}
	path := source
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err == nil || strings.ContainsAny(source, `/\`) {
		return metrics.Settings{Name: source, Provider: "recording", URL: path}, true
	}
	return metrics.Settings{}, false
}
