package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"sync"
	"time"

	"github.com/judged-dev/judged/examples/shop/internal/inventory"
	"github.com/judged-dev/judged/examples/shop/internal/storefront"
	"github.com/judged-dev/judged/examples/shop/internal/telemetry"
)

// runServe is the command `shop serve`. Logs go to stdout, spans to the file named by -spans.
func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("shop serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	version := flags.String("version", "v1", "which code serves /checkout: v1, v2 or v3")
	instance := flags.String("instance", "shop-1", "name of this instance in logs and spans")
	track := flags.String("track", "stable", "which track of the release this instance belongs to")
	listen := flags.String("listen", "127.0.0.1:19111", "address to serve on")
	inventoryURL := flags.String("inventory", "http://127.0.0.1:19100", "base URL of the inventory")
	spans := flags.String("spans", "", "file that spans are appended to as OTLP/JSON lines (default: no spans)")
	ratio := flags.Float64("trace-ratio", 0.04, "share of the traces that is recorded")
	if err := flags.Parse(args); err != nil {
		return err
	}

	identity := telemetry.Identity{Service: "shop", Version: *version, Instance: *instance, Track: *track}
	log := telemetry.NewLogger(stdout, identity)
	tracing, err := telemetry.StartTracing(*spans, *ratio, identity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tracing.Close()) }()

	server, err := storefront.New(storefront.Config{
		Version:   *version,
		Instance:  *instance,
		Inventory: inventory.NewClient(*inventoryURL, tracing.Tracer()),
		CacheTTL:  30 * time.Second,
		Log:       log,
		Tracer:    tracing.Tracer(),
	})
	if err != nil {
		return err
	}

	// The settlement outlives the HTTP server, so that orders taken by the last requests are settled too.
	settle, stopSettlement := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { server.RunSettlement(settle) })
	log.InfoContext(ctx, "shop is up")
	err = listenAndServe(ctx, *listen, server.Handler())
	stopSettlement()
	background.Wait()
	log.InfoContext(ctx, "shop is down")
	return err
}
