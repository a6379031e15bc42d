package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
	"github.com/judged-dev/judged/examples/shop/internal/telemetry"
)

// runInventory is the command `shop inventory`. It records a span whenever its caller records one.
func runInventory(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("shop inventory", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:19100", "address to serve on")
	seed := flags.Uint64("seed", 1, "seed of the storage's waiting times, faults and deliveries")
	spans := flags.String("spans", "", "file that spans are appended to as OTLP/JSON lines (default: no spans)")
	if err := flags.Parse(args); err != nil {
		return err
	}

	// One inventory serves all tracks and is not part of the release, hence a track and a version of its own.
	identity := telemetry.Identity{Service: "inventory", Version: "1.4.2", Instance: "inventory-1", Track: "shared"}
	log := telemetry.NewLogger(stdout, identity)
	tracing, err := telemetry.StartTracing(*spans, 0, identity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tracing.Close()) }()

	log.InfoContext(ctx, "inventory is up")
	return listenAndServe(ctx, *listen, inventory.NewServer(inventory.NewStorage(*seed), tracing.Tracer(), log))
}
