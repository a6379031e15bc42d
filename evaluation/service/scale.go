package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store/storetest"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// scale runs many analyses at one-minute looks and says what they cost.
func scale(ctx context.Context, s settings) error {
	dir, remove, err := workspace(s)
	if err != nil {
		return err
	}
	defer remove()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	url := filepath.Join(dir, "judged.db")
	if s.database == "postgres" {
		postgres, err := storetest.StartPostgres(filepath.Join(dir, "postgres"))
		if err != nil {
			return err
		}
		defer func() { _ = postgres.Stop(syscall.SIGINT) }()
		if url, err = postgres.Database(ctx); err != nil {
			return err
		}
	} else if s.replicas > 1 {
		return errors.New("several replicas need -database postgres")
	}
	var replicas []*process
	for i := range s.replicas {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		name := fmt.Sprint("replica-", i+1)
		args := []string{self, "replica", "-listen", address, "-store", url, "-name", name}
		if i == 0 && s.profile != "" {
			args = append(args, "-cpuprofile", s.profile)
		}
		p, err := newProcess(dir, name, []string{fmt.Sprint("GOMEMLIMIT=", s.memory)}, args...)
		if err != nil {
			return err
		}
		p.address = address
		defer func() { _ = p.signal(syscall.SIGTERM) }()
		if err := errors.Join(p.start(), p.ready(ctx)); err != nil {
			return err
		}
		replicas = append(replicas, p)
	}
	began := time.Now()
	ids, err := startScale(ctx, s, replicas)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d analyses started in %v\n", len(ids), time.Since(began).Round(time.Second))
	before, err := use(replicas)
	if err != nil {
		return err
	}
	from := time.Now()
	// All are live now. The last look of the last one is due a minute after the
	// others'.
	select {
	case <-time.After(time.Duration(s.minutes) * time.Minute):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := use(replicas)
	if err != nil {
		return err
	}
	to := time.Now()
	late, by, err := looksBetween(ctx, replicas[0], ids, from, to)
	if err != nil {
		return err
	}
	reportScale(s, late, by, replicas, before, after, to.Sub(from))
	return nil
}

type used struct {
	cpu time.Duration
	rss int64
}

func use(replicas []*process) ([]used, error) {
	var all []used
	for _, p := range replicas {
		cpu, rss, err := p.usage()
		if err != nil {
			return nil, err
		}
		all = append(all, used{cpu, rss})
	}
	return all, nil
}

func startScale(ctx context.Context, s settings, replicas []*process) ([]string, error) {
	ids, errs := make([]string, s.analyses), make([]error, s.analyses)
	clients := make([]judgedv1connect.AnalysisServiceClient, len(replicas))
	for i, p := range replicas {
		clients[i] = judgedv1connect.NewAnalysisServiceClient(newKeepingHTTP(), "http://"+p.address)
	}
	var group sync.WaitGroup
	places := make(chan struct{}, 8)
	for i := range ids {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			var list []*judgedv1.Metric
			for m := range s.signals {
				list = append(list, &judgedv1.Metric{Name: fmt.Sprint("signal-", m), Source: "prod", Query: fmt.Sprintf("signal_%d{app=%d,version=${version}}", m, i), Direction: judgedv1.Direction_INCREASE})
			}
			answer, err := clients[i%len(clients)].StartAnalysis(ctx, connect.NewRequest(&judgedv1.StartAnalysisRequest{
				Config: &judgedv1.StartAnalysisRequest_Inline{Inline: &judgedv1.CanaryConfig{
					Name: fmt.Sprint("a", i), Application: fmt.Sprint("app-", i),
					Scopes: &judgedv1.Scopes{
						Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v1"}},
						Canary:   &judgedv1.Scope{Variables: map[string]string{"version": "v2"}},
					},
					Schedule: &judgedv1.Schedule{
						// Looks of different analyses are due at different moments of the minute.
						Start:    timestamppb.New(time.Now().Add(-time.Duration(i*61%60000) * time.Millisecond)),
						Duration: durationpb.New(2 * time.Hour), Interval: durationpb.New(s.interval), LookEvery: durationpb.New(time.Minute),
						Grace: durationpb.New(0), Stop: judgedv1.Stop_AT_END,
					},
					Metrics: list,
				}},
			}))
			if err != nil {
				errs[i] = err
				return
			}
			ids[i] = answer.Msg.GetAnalysis().GetId()
		})
	}
	group.Wait()
	return ids, errors.Join(errs...)
}

// looksBetween returns how late the looks were that were due in a time, and who
// took them. Looks that were due and are not there are an error.
func looksBetween(ctx context.Context, p *process, ids []string, from, to time.Time) (late []time.Duration, by map[string]int, err error) {
	by = map[string]int{}
	worst := map[int]time.Duration{} // by the ten seconds in which they were due
	client := judgedv1connect.NewAnalysisServiceClient(newKeepingHTTP(), "http://"+p.address, connect.WithReadMaxBytes(64<<20))
	for _, id := range ids {
		answer, err := client.ListLooks(ctx, connect.NewRequest(&judgedv1.ListLooksRequest{Id: id}))
		if err != nil {
			return nil, nil, err
		}
		for _, l := range answer.Msg.GetLooks() {
			due := l.GetDueTime().AsTime()
			if due.Before(from) || due.After(to) {
				continue
			}
			d := l.GetTakeTime().AsTime().Sub(due)
			late = append(late, d)
			bucket := int(due.Sub(from) / (10 * time.Second))
			worst[bucket] = max(worst[bucket], d)
			by[l.GetReplica()]++
			if l.GetVerdict() == judgedv1.Verdict_ERROR {
				return nil, nil, fmt.Errorf("analysis %s: look %d: %s", id, l.GetNumber(), l.GetSummary())
			}
		}
	}
	if len(late) == 0 {
		return nil, nil, errors.New("no look was due: give it more -minutes")
	}
	slices.Sort(late)
	fmt.Fprint(os.Stderr, "the latest of each ten seconds:")
	for _, b := range slices.Sorted(maps.Keys(worst)) {
		fmt.Fprint(os.Stderr, " ", worst[b].Round(100*time.Millisecond))
	}
	fmt.Fprintln(os.Stderr)
	return late, by, nil
}

func reportScale(s settings, late []time.Duration, by map[string]int, replicas []*process, before, after []used, took time.Duration) {
	q := func(p float64) time.Duration {
		return late[min(int(p*float64(len(late))), len(late)-1)].Round(time.Millisecond)
	}
	var cpu time.Duration
	var most int64
	for i := range after {
		cpu += after[i].cpu - before[i].cpu
		most = max(most, after[i].rss)
	}
	fmt.Println("| database | replicas | analyses | signals | looks | late by: median | 99 % | most | CPU a look | of one core | most memory |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	fmt.Printf("| %s | %d | %d | %d | %d | %v | %v | %v | %.2f ms | %.0f %% | %d MB |\n", s.database, len(replicas), s.analyses, s.signals, len(late),
		q(.5), q(.99), q(1), cpu.Seconds()*1000/float64(len(late)), 100*cpu.Seconds()/took.Seconds(), most>>20)
	if len(replicas) > 1 {
		fmt.Print("\nLooks by replica:")
		for _, p := range replicas {
			fmt.Printf(" %s %.1f %%", p.name, 100*float64(by[p.name])/float64(len(late)))
		}
		fmt.Println()
	}
}
