package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/server"
)

// replica serves with a source that is generated in the process: what scale
// starts.
func replica(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("replica", flag.ContinueOnError)
	listen := f.String("listen", "", "address")
	url := f.String("store", "", "database")
	name := f.String("name", "", "of the replica")
	profile := f.String("cpuprofile", "", "file")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		out, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	metrics.Register(generator)
	kept, err := store.Open(ctx, store.Options{URL: *url, Replica: *name})
	if err != nil {
		return err
	}
	s, err := server.New(server.Options{
		Sources: analysis.NewSources(metrics.Settings{Name: "prod", Provider: generator.Name}), Store: kept, Replica: *name, Version: "scale",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	return errors.Join(s.Serve(ctx, l), kept.Close())
}
