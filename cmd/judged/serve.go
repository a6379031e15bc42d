package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/server"
)

type serveCommand struct {
	Listen    string `default:"127.0.0.1:8390" placeholder:"ADDRESS" help:"Address to listen on."`
	Sources   string `type:"existingfile" placeholder:"FILE" help:"Settings file with the sources that configs may name."`
	LogFormat string `enum:"text,json" default:"text" help:"Log format: ${enum}."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least important log level: ${enum}."`
}

// Help is shown by "judged serve --help".
func (serveCommand) Help() string {
	return `Answers gRPC, gRPC-Web, Connect and JSON over HTTP on one port, with gRPC health and
reflection, /healthz, /readyz and Prometheus metrics at /metrics. Configs name sources
of the settings file; callers can never point the server at an address.

There is no authentication yet: listen on loopback, or behind a proxy that has it.

Examples:
  judged serve
  judged serve --listen 127.0.0.1:8390 --sources judged.yaml
  curl -d '{"signals":[{"name":"p99","direction":"INCREASE","baseline":{"values":[…]},
           "canary":{"values":[…]}}]}' -H 'content-type: application/json' \
       http://127.0.0.1:8390/v1/judge
  grpcurl -plaintext 127.0.0.1:8390 list`
}

// Run serves until the context ends.
func (c serveCommand) Run(ctx context.Context, w world) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w.stderr, options)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(w.stderr, options)
	}
	log := slog.New(handler)

	var settings []metrics.Settings
	if c.Sources != "" {
		var err error
		if settings, err = config.LoadSettings(c.Sources); err != nil {
			return err
		}
	}
	sources := analysis.NewSources(settings...)
	defer closeSources(sources, w)
	s, err := server.New(server.Options{Sources: sources, Version: version(), Logger: log})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String(), "sources", sources.Names(), "version", version())
	return s.Serve(ctx, listener)
}
