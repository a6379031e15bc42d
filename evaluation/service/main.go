// Command service measures judged serve: that it forgets nothing however it is
// treated, and how much it carries.
//
//	go run ./evaluation/service kill                       # SQLite, one process
//	go run ./evaluation/service kill -database postgres    # three replicas
//	go run ./evaluation/service scale -analyses 10000
//	go run ./evaluation/service scale -database postgres -replicas 3
//	go run ./evaluation/service hooks                      # Flagger's, answered from state
//
// kill exits with 1 if a look is missing, doubled, invented or late. All print
// Markdown for docs/evaluation.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	database  string
	analyses  int
	seed      uint64
	kills     int
	duration  time.Duration
	replicas  int
	signals   int
	interval  time.Duration
	binary    string
	minutes   int
	diskFull  bool
	late      time.Duration
	memory    int64
	directory string
	profile   string
	rate      int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what: kill, scale or hooks (-h lists what can be set)")
	}
	var s settings
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.StringVar(&s.database, "database", "sqlite", "sqlite or postgres")
	f.Uint64Var(&s.seed, "seed", 1, "of everything that is random")
	f.StringVar(&s.directory, "dir", "", "where to keep the files (default a temporary directory)")
	f.StringVar(&s.binary, "binary", "", "the judged to run (default: built from this tree)")
	switch args[0] {
	case "kill":
		f.IntVar(&s.analyses, "analyses", 200, "how many, each with a look a second")
		f.IntVar(&s.kills, "kills", 50, "how many kill -9")
		f.DurationVar(&s.duration, "duration", 100*time.Second, "of each analysis")
		f.DurationVar(&s.late, "late", 30*time.Second, "the latest that a look may be")
		f.BoolVar(&s.diskFull, "full", true, "SQLite: fill the disk for some seconds (needs leave to mount a tmpfs)")
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		return kill(ctx, s)
	case "scale":
		f.IntVar(&s.analyses, "analyses", 10000, "live ones")
		f.IntVar(&s.signals, "signals", 20, "of each")
		f.IntVar(&s.replicas, "replicas", 1, "processes (PostgreSQL)")
		f.IntVar(&s.minutes, "minutes", 5, "looks of each analysis, one a minute")
		f.DurationVar(&s.interval, "interval", 5*time.Second, "of the grid")
		f.StringVar(&s.profile, "cpuprofile", "", "file for the first replica's CPU profile")
		f.Int64Var(&s.memory, "memory", 900<<20, "GOMEMLIMIT of each replica")
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		return scale(ctx, s)
	case "hooks":
		f.IntVar(&s.analyses, "analyses", 2000, "live ones, each of one canary, with a look a minute")
		f.IntVar(&s.signals, "signals", 5, "of each")
		f.IntVar(&s.rate, "rate", 200, "hooks a second")
		f.DurationVar(&s.duration, "duration", time.Minute, "of the calls")
		if err := f.Parse(args[1:]); err != nil {
			return err
		}
		return hooks(ctx, s)
	case "replica":
		return replica(ctx, args[1:])
	default:
		return fmt.Errorf("there is no %q: kill, scale or hooks", args[0])
	}
}
