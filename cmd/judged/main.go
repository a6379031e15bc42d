// Judged answers one question: is this release worse than what runs now?
//
// It compares the metrics of a canary with those of the baseline and says
// PASS, FAIL or INCONCLUSIVE with the reason. Run "judged --help" for the
// commands, "judged COMMAND --help" for examples of each.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system())
	stop()
	os.Exit(code)
}
