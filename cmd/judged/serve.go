package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/store"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

type serveCommand struct {
	Config      string `short:"c" type:"existingfile" env:"JUDGED_CONFIG" placeholder:"FILE" help:"Settings file: sources, who may call, notifications and all else."`
	Listen      string `env:"JUDGED_LISTEN" placeholder:"ADDRESS" help:"Address to listen on. Default 127.0.0.1:8390."`
	Store       string `env:"JUDGED_STORE" placeholder:"URL" help:"Where analyses are kept: a file (SQLite), memory:, or postgres://user@host/name. Default a file in the state directory."`
	DebugListen string `env:"JUDGED_DEBUG_LISTEN" placeholder:"ADDRESS" help:"Private address for profiles and metrics."`
	PublicURL   string `env:"JUDGED_PUBLIC_URL" placeholder:"URL" help:"Where people reach this server, for links."`
	Replica     string `env:"JUDGED_REPLICA" placeholder:"NAME" help:"Name of this replica. Default the host's name."`
	LogFormat   string `enum:"text,json" default:"text" env:"JUDGED_LOG_FORMAT" help:"Log format: ${enum}."`
	LogLevel    string `enum:"debug,info,warn,error" default:"info" env:"JUDGED_LOG_LEVEL" help:"Least important log level: ${enum}."`
	PrintConfig bool   `help:"Print the settings that are in force, without secrets, and exit."`
}

// Help is shown by "judged serve --help".
func (serveCommand) Help() string {
	return `Runs analyses to their end, whatever happens to this process, and answers gRPC, gRPC-Web,
Connect and JSON over HTTP on one port, with gRPC health and reflection, /healthz,
/readyz and Prometheus metrics at /metrics. Configs name sources of the settings file;
callers can never point the server at an address.

A flag comes before its JUDGED_ variable, and that before the settings file. Without
"auth" in the settings nobody is asked who they are, which is refused on any address
but loopback.

Examples:
  judged serve
  judged serve --config judged.yaml --store postgres://judged@db/judged
  judged serve --config judged.yaml --print-config
  curl -d '{"signals":[{"name":"p99","direction":"INCREASE","baseline":{"values":[…]},
           "canary":{"values":[…]}}]}' -H 'content-type: application/json' \
       http://127.0.0.1:8390/v1/judge
  grpcurl -plaintext 127.0.0.1:8390 list`
}

// settings returns what is in force: flags, variables, the file, defaults.
func (c serveCommand) settings(w world) (*judgedv1.Settings, error) {
	s := &judgedv1.Settings{}
	if c.Config != "" {
		var err error
		if s, err = config.LoadServer(c.Config); err != nil {
			return nil, err
		}
	}
	s.Listen = cmp.Or(c.Listen, s.GetListen(), "127.0.0.1:8390")
	s.DebugListen = cmp.Or(c.DebugListen, s.GetDebugListen())
	s.PublicUrl = strings.TrimRight(cmp.Or(c.PublicURL, s.GetPublicUrl()), "/")
	s.Replica = cmp.Or(c.Replica, s.GetReplica())
	if s.GetReplica() == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("this host has no name: give the replica one (--replica): %w", err)
		}
		s.Replica = name
	}
	s.Store = cmp.Or(c.Store, s.GetStore())
	if s.GetStore() == "" {
		dir, err := stateDirectory(w)
		if err != nil {
			return nil, err
		}
		s.Store = filepath.Join(dir, "judged.db")
	}
	if err := placePushed(s, w); err != nil {
		return nil, err
	}
	if s.GetAuth() == nil {
		if err := mustBeLoopback(s.GetListen()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// stateDirectory returns where the user, or the systemd unit, keeps state.
func stateDirectory(w world) (string, error) {
	if dir := w.getenv("STATE_DIRECTORY"); dir != "" {
		first, _, _ := strings.Cut(dir, ":")
		return first, nil
	}
	if dir := w.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "judged"), nil
	}
	home := w.getenv("HOME")
	if home == "" {
		return "", errors.New("there is no home directory to keep analyses in: say where (--store FILE, or --store memory:)")
	}
	return filepath.Join(home, ".local", "state", "judged"), nil
}

func mustBeLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the address to listen on, %q, is none: it looks like 127.0.0.1:8390: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("on %s everybody in the network could call: say in the settings who is believed (auth, see docs/auth.md), let everybody in on purpose (auth: {anonymous: true}), or listen on 127.0.0.1", address)
}

// Run serves until the context ends.
func (c serveCommand) Run(ctx context.Context, w world) error {
	s, err := c.settings(w)
	if err != nil {
		return err
	}
	if err := checkRules(s); err != nil {
		return err
	}
	if c.PrintConfig {
		text, err := config.FormatSettings(s)
		if err != nil {
			return err
		}
		_, err = w.stdout.Write(text)
		return err
	}
	log, err := c.logger(w)
	if err != nil {
		return err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("telemetry", slog.Any("error", err)) }))
	sources := analysis.NewSources(config.Sources(s)...)
	defer closeSources(sources, w)
	tracer, flush, err := tracing(ctx, s, version())
	if err != nil {
		return err
	}
	defer flush()
	options, err := serverOptions(ctx, s, sources, log)
	if err != nil {
		return err
	}
	options.Tracer = tracer
	kept, err := openStore(ctx, s, log)
	if err != nil {
		return err
	}
	options.Store = kept
	served, err := server.New(options)
	if err != nil {
		return errors.Join(err, kept.Close())
	}
	err = c.serve(ctx, s, served, log)
	return errors.Join(err, served.Close(), kept.Close())
}

func (c serveCommand) logger(w world) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w.stderr, options)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(w.stderr, options)
	}
	return slog.New(withTrace{handler}), nil
}

// withTrace adds the trace's id to what is logged inside of one.
type withTrace struct{ slog.Handler }

// Handle implements slog.Handler.
func (h withTrace) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h withTrace) WithAttrs(a []slog.Attr) slog.Handler { return withTrace{h.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (h withTrace) WithGroup(name string) slog.Handler { return withTrace{h.Handler.WithGroup(name)} }

// startTimeout bounds how long a start waits for PostgreSQL.
const startTimeout = 2 * time.Minute

func openStore(ctx context.Context, s *judgedv1.Settings, log *slog.Logger) (*store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	password := secretOf(s.GetStorePassword())
	o := store.Options{
		URL: s.GetStore(), Replica: s.GetReplica() + "-" + shortID(), Connections: int(s.GetLimits().GetStoreConnections()),
	}
	if !password.IsZero() {
		o.Password = password.Read
	}
	kept, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	log.Info("store", "database", kept.Name(), "replicas", kept.Shared())
	return kept, nil
}

func (c serveCommand) serve(ctx context.Context, s *judgedv1.Settings, served *server.Server, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.GetListen())
	if err != nil {
		return err
	}
	if s.GetDebugListen() != "" {
		stop, err := serveDebug(ctx, s.GetDebugListen(), served.Handler(), log)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer stop()
	}
	log.Info("listening", "address", listener.Addr().String(), "tls", s.GetTls() != nil, "auth", s.GetAuth() != nil, "replica", s.GetReplica(), "version", version())
	return served.Serve(ctx, listener)
}

// serveDebug answers profiles, and the metrics once more, on a private address.
func serveDebug(ctx context.Context, address string, metrics http.Handler, log *slog.Logger) (stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", metrics)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	log.Info("debugging", "address", listener.Addr().String())
	go func() { _ = web.Serve(listener) }() // until stop
	return func() { _ = web.Close() }, nil
}
