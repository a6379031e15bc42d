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
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
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
	Timeout  time.Duration     `default:"5m" help:"Give up after this time."`
	credentials
	output
	policy
}

// Help is shown by "judged run --help".
func (runCommand) Help() string {
	return `Asks the sources of CONFIG for both sides, compares them and prints the verdict.
A metric's source is a name from --sources, the path of a recording (relative to
the config) or the http(s) URL of a Prometheus.

Examples:
  judged run examples/shop/canary.yaml
  judged run canary.yaml --sources judged.yaml --canary version=v1.9.0 --start 2026-11-21T10:00:00Z
  judged run canary.yaml --format junit > report.xml
  judged run canary.yaml --server https://judged.example.com
  judged run canary.yaml --on-inconclusive pass   # promote unless it is worse
  judged run --from 0198c0de-… --server URL       # the same data, judged again
  judged run --from 0198c0de-… --server URL canary.yaml   # with other margins or judges

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not judge.`
}

// Run judges here or on a server, prints the result and exits by the verdict.
func (c runCommand) Run(ctx context.Context, w world) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no judgment within %v (see --timeout)", c.Timeout))
	defer cancel()
	switch {
	case c.From != "":
		return judgeRecorded(ctx, w, c.From, c.Server, c.credentials, c.Config, c.output, c.policy)
	case c.Config == "":
		return errors.New("CONFIG is missing: the file that says what to compare (or --from, to judge a recording again)")
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	c.override(&cfg)
	judgeIt := c.here
	if c.Server != "" {
		judgeIt = c.there
	}
	result, err := judgeIt(ctx, cfg, w)
	if err != nil {
		return err
	}
	if err := c.print(w, result); err != nil {
		return err
	}
	return c.exit(result.Verdict)
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

func (c runCommand) here(ctx context.Context, cfg analysis.Config, w world) (*analysis.Result, error) {
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

func (c runCommand) there(ctx context.Context, cfg analysis.Config, w world) (*analysis.Result, error) {
	if c.Sources != "" {
		return nil, errors.New("--sources is for judging here; a server has its own")
	}
	server, err := c.connect(c.Server)
	if err != nil {
		return nil, err
	}
	message := wire.ConfigProto(cfg)
	if written, err := parseConfig(c.Config); err != nil {
		return nil, err
	} else if written.GetWindows() != nil {
		message.Windows = written.GetWindows() // for the server alone: here nothing is deployed
	}
	request := &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Inline{Inline: message}}
	if cfg.Schedule.Start.IsZero() {
		// Without a start a server would watch from now on; here the time until now
		// is judged, as it would be without a server.
		window, _, err := cfg.Schedule.Window(w.now())
		if err != nil {
			return nil, err
		}
		request.Window = wire.WindowProto(window)
	}
	started, err := server.StartAnalysis(ctx, request)
	if err != nil {
		return nil, err
	}
	ended, err := server.WaitForVerdict(ctx, started.GetId())
	if err != nil {
		return nil, err
	}
	return wire.Result(ended.GetJudgment()), nil
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
