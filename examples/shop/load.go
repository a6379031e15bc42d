package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/judged-dev/judged/examples/shop/internal/loadgen"
)

// runLoad is the command `shop load`. It prints one line of counts a minute and a last one at the end.
func runLoad(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("shop load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	targets := flags.String("targets", "", "base URLs of the shop instances, separated by commas")
	rate := flags.Float64("rate", 210, "mean arrivals a second over all instances, bursts not counted")
	swing := flags.Float64("swing", 0.4, "how far the rate swings around its mean, as a share of it")
	period := flags.Duration("period", 12*time.Minute, "length of one swing: a day, accelerated")
	duration := flags.Duration("duration", time.Hour, "stop after this time")
	seed := flags.Uint64("seed", 1, "seed of the arrivals, bursts and requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *targets == "" {
		return errors.New("load: -targets is empty; give the base URLs of the shop instances")
	}
	law := loadgen.Law{Rate: *rate, Swing: *swing, Period: *period, Bursts: loadgen.RandomBursts(*seed, *duration)}
	if err := law.Validate(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	generator := loadgen.New(strings.Split(*targets, ","), law, *seed)
	return generator.Run(ctx, *duration, stdout)
}
