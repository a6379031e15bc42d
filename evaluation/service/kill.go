package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store/storetest"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// killer treats replicas badly.
type killer struct {
	settings

	random    *rand.Rand
	processes []*process
	postgres  *storetest.Postgres
	proxy     *proxy
	disk      string // a small file system that can be filled, "" if there is none
	did       map[string]int
}

func kill(ctx context.Context, s settings) error {
	dir, remove, err := workspace(s)
	if err != nil {
		return err
	}
	defer remove()
	k := &killer{settings: s, random: rand.New(rand.NewPCG(s.seed, 1)), did: map[string]int{}}
	if k.binary == "" {
		if k.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	stop, err := k.begin(ctx, dir)
	defer stop()
	if err != nil {
		return err
	}
	begin := time.Now()
	ids, err := k.startAnalyses(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d analyses started in %v\n", len(ids), time.Since(begin).Round(time.Millisecond))
	if err := k.torment(ctx); err != nil {
		return err
	}
	return k.check(ctx, ids)
}

// begin starts the database and the replicas.
func (k *killer) begin(ctx context.Context, dir string) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, p := range k.processes {
			_ = p.signal(syscall.SIGCONT)
			_ = p.signal(syscall.SIGKILL)
		}
		for _, f := range slices.Backward(stops) {
			f()
		}
	}
	source, err := prometheus(ctx)
	if err != nil {
		return stop, err
	}
	replicas, url := 1, filepath.Join(dir, "judged.db")
	switch k.database {
	case "sqlite":
		if k.diskFull {
			disk := filepath.Join(dir, "disk")
			if err := errors.Join(os.MkdirAll(disk, 0o755), mount(disk)); err != nil {
				fmt.Fprintf(os.Stderr, "the disk is not filled: %v\n", err)
			} else {
				k.disk, url = disk, filepath.Join(disk, "judged.db")
				stops = append(stops, func() { _ = syscall.Unmount(disk, 0) })
			}
		}
	case "postgres":
		if k.postgres, err = storetest.StartPostgres(filepath.Join(dir, "postgres")); err != nil {
			return stop, err
		}
		stops = append(stops, func() { _ = k.postgres.Stop(syscall.SIGINT) })
		if k.proxy, err = newProxy(ctx, k.postgres.Address()); err != nil {
			return stop, err
		}
		if url, err = k.postgres.Database(ctx); err != nil {
			return stop, err
		}
		replicas, url = 3, strings.Replace(url, k.postgres.Address(), k.proxy.address, 1)
	default:
		return stop, fmt.Errorf("database %q: sqlite or postgres", k.database)
	}
	config := filepath.Join(dir, "judged.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "sources:\n  prod: {provider: prometheus, url: %q, timeout: 5s}\n", source), 0o600); err != nil {
		return stop, err
	}
	for i := range replicas {
		address, err := freeAddress(ctx)
		if err != nil {
			return stop, err
		}
		name := fmt.Sprint("replica-", i+1)
		p, err := newProcess(dir, name, nil, k.binary, "serve", "--config", config, "--listen", address, "--store", url, "--replica", name)
		if err != nil {
			return stop, err
		}
		p.address = address
		k.processes = append(k.processes, p)
		if err := errors.Join(p.start(), p.ready(ctx)); err != nil {
			return stop, err
		}
	}
	return stop, nil
}

// diskSize is room for the database and its log, and little more.
const diskSize = 256 << 20

func mount(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", diskSize))
}

func (k *killer) client(i int) judgedv1connect.AnalysisServiceClient {
	return judgedv1connect.NewAnalysisServiceClient(newHTTP(), "http://"+k.processes[i%len(k.processes)].address, connect.WithReadMaxBytes(256<<20))
}

func query(i int, version string) string {
	return fmt.Sprintf(`latency{app="a%d",version="%s"}`, i, version)
}

// startAnalyses starts them with keys, each twice, as deployers do that saw no
// answer.
func (k *killer) startAnalyses(ctx context.Context) ([]string, error) {
	ids := make([]string, k.analyses)
	errs := make([]error, k.analyses)
	start := time.Now().Add(3 * time.Second).Truncate(time.Second)
	var group sync.WaitGroup
	places := make(chan struct{}, 16)
	for i := range ids {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			request := &judgedv1.StartAnalysisRequest{
				Config: &judgedv1.StartAnalysisRequest_Inline{Inline: &judgedv1.CanaryConfig{
					Name: fmt.Sprint("a", i),
					Scopes: &judgedv1.Scopes{
						Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v1"}},
						Canary:   &judgedv1.Scope{Variables: map[string]string{"version": "v2"}},
					},
					Schedule: &judgedv1.Schedule{
						Start:    timestamppb.New(start.Add(time.Duration(i%1000) * time.Millisecond)),
						Duration: durationpb.New(k.duration), Interval: durationpb.New(time.Second), LookEvery: durationpb.New(time.Second),
						Grace: durationpb.New(0), Stop: judgedv1.Stop_AT_END,
					},
					Metrics: []*judgedv1.Metric{{Name: "latency", Source: "prod", Query: query(i, "${version}")}},
				}},
				IdempotencyKey: fmt.Sprint("release-", i),
			}
			for again := range 2 {
				answer, err := k.client(i+again).StartAnalysis(ctx, connect.NewRequest(request))
				if err != nil {
					errs[i] = err
					return
				}
				id := answer.Msg.GetAnalysis().GetId()
				if again == 1 && id != ids[i] {
					errs[i] = fmt.Errorf("one key started %s and %s", ids[i], id)
				}
				ids[i] = id
			}
		})
	}
	group.Wait()
	return ids, errors.Join(errs...)
}

// torment kills, stops, cuts, restarts and fills, evenly over the analyses'
// life.
func (k *killer) torment(ctx context.Context) error {
	pause := (k.duration - 10*time.Second) / time.Duration(k.kills)
	var background sync.WaitGroup
	defer background.Wait()
	next := time.Now().Add(4 * time.Second)
	for n := range k.kills {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return ctx.Err()
		}
		next = next.Add(pause)
		p := k.processes[k.random.IntN(len(k.processes))]
		if err := p.signal(syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill %s: %w", p.name, err)
		}
		k.did["kill -9"]++
		wait := time.Duration(k.random.IntN(600)) * time.Millisecond
		time.Sleep(min(wait, pause/3))
		if err := p.start(); err != nil {
			return err
		}
		switch {
		case n%10 == 3:
			// Another one freezes, with leases and perhaps inside a transaction.
			other := k.processes[k.random.IntN(len(k.processes))]
			if err := other.signal(syscall.SIGSTOP); err != nil {
				return err
			}
			k.did["SIGSTOP, SIGCONT"]++
			frozen := 500*time.Millisecond + time.Duration(k.random.IntN(1000))*time.Millisecond
			if k.postgres != nil {
				frozen *= 10 // longer than a lease, or than the database waits
				background.Go(func() {
					time.Sleep(frozen)
					_ = other.signal(syscall.SIGCONT) // killed meanwhile, perhaps
				})
			} else {
				time.Sleep(frozen)
				if err := other.signal(syscall.SIGCONT); err != nil {
					return err
				}
			}
		case n%10 == 6 && k.postgres != nil:
			how := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}[k.random.IntN(2)]
			if err := errors.Join(k.postgres.Stop(how), k.postgres.Start()); err != nil {
				return fmt.Errorf("restart PostgreSQL: %w", err)
			}
			k.did["database restarts"]++
		case n%5 == 2 && k.proxy != nil:
			k.proxy.cut()
			k.did["all connections cut"]++
		case n%25 == 12 && k.disk != "":
			if err := k.fill(4 * time.Second); err != nil {
				return err
			}
			k.did["disk full for 4 s"]++
		}
	}
	return nil
}

// fill takes all room that is left on the disk for some time.
func (k *killer) fill(d time.Duration) error {
	path := filepath.Join(k.disk, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for {
		if _, err := f.Write(block); err != nil {
			break // full
		}
	}
	time.Sleep(d)
	return errors.Join(f.Close(), os.Remove(path))
}

// check reads every analysis to its end and holds it against what should be
// there.
func (k *killer) check(ctx context.Context, ids []string) error {
	for _, p := range k.processes {
		_ = p.signal(syscall.SIGCONT)
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	looks := int(k.duration / time.Second)
	var (
		problems []string
		late     []time.Duration
		by       = map[string]int{}
		points   int
	)
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	deadline := time.Now().Add(2 * time.Minute)
	for i, id := range ids {
		client := k.client(i)
		var a *judgedv1.Analysis
		for {
			answer, err := client.GetAnalysis(ctx, connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id, AfterVersion: a.GetVersion(), Wait: durationpb.New(5 * time.Second)}))
			if err != nil {
				return err
			}
			if a = answer.Msg.GetAnalysis(); a.GetEndTime() != nil || time.Now().After(deadline) {
				break
			}
		}
		if a.GetState() != judgedv1.AnalysisState_COMPLETED || int(a.GetLooks()) != looks {
			problem("analysis %d is %v after %d of %d looks", i, a.GetState(), a.GetLooks(), looks)
		}
		list, err := client.ListLooks(ctx, connect.NewRequest(&judgedv1.ListLooksRequest{Id: id, PageSize: 2000}))
		if err != nil {
			return err
		}
		start := a.GetWindow().GetStart().AsTime()
		for n, l := range list.Msg.GetLooks() {
			if int(l.GetNumber()) != n+1 {
				problem("analysis %d: look %d stands where look %d should", i, l.GetNumber(), n+1)
			}
			if end := start.Add(time.Duration(l.GetNumber()) * time.Second); !l.GetWindow().GetEnd().AsTime().Equal(end) || !l.GetDueTime().AsTime().Equal(end) {
				problem("analysis %d: look %d judged until %v, want %v", i, l.GetNumber(), l.GetWindow().GetEnd().AsTime(), end)
			}
			if l.GetVerdict() == judgedv1.Verdict_ERROR {
				problem("analysis %d: look %d: %s", i, l.GetNumber(), l.GetSummary())
			}
			by[l.GetReplica()]++
			late = append(late, l.GetTakeTime().AsTime().Sub(l.GetDueTime().AsTime()))
		}
		if n := len(list.Msg.GetLooks()); n != looks {
			problem("analysis %d has %d looks, want %d", i, n, looks)
		}
		n, err := k.checkRecording(ctx, client, i, a)
		if err != nil {
			problem("analysis %d: %v", i, err)
		}
		points += n
	}
	slices.Sort(late)
	k.report(late, by, points)
	if worst := late[len(late)-1]; worst > k.late {
		problem("a look was %v late", worst)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(problems), strings.Join(problems[:min(len(problems), 20)], "\n  "))
	}
	return nil
}

// checkRecording holds what the looks saw against what the source says.
func (k *killer) checkRecording(ctx context.Context, client judgedv1connect.AnalysisServiceClient, i int, a *judgedv1.Analysis) (int, error) {
	answer, err := client.GetRecording(ctx, connect.NewRequest(&judgedv1.GetRecordingRequest{Id: a.GetId()}))
	if err != nil {
		return 0, err
	}
	heard := transcript.New()
	for _, l := range answer.Msg.GetLooks() {
		if len(l.GetPoints()) == 0 {
			continue
		}
		if err := heard.Apply(l.GetPoints()); err != nil {
			return 0, fmt.Errorf("look %d: %w", l.GetNumber(), err)
		}
	}
	n := 0
	w := metrics.Window{Start: a.GetWindow().GetStart().AsTime(), End: a.GetWindow().GetEnd().AsTime()}
	for _, version := range []string{"v1", "v2"} {
		expr := query(i, version)
		r, err := heard.Recorded("prod").Query(ctx, metrics.Query{Expr: expr, Grid: metrics.NewGrid(w, time.Second)})
		if err != nil {
			return n, err
		}
		if len(r.Series) != 1 || len(r.Series[0].Points) != int(w.Duration()/time.Second) {
			return n, fmt.Errorf("%s: recorded %d series, want one with a point a second", expr, len(r.Series))
		}
		for _, p := range r.Series[0].Points {
			if want := value(expr, p.Time); math.Abs(p.Value-want) > 1e-9 { // both are rounded to 3 digits
				return n, fmt.Errorf("%s at %v: recorded %v, the source says %v", expr, p.Time, p.Value, want)
			}
			n++
		}
	}
	return n, nil
}

func (k *killer) report(late []time.Duration, by map[string]int, points int) {
	fmt.Printf("%s, %d analyses x %d looks a second apart, seed %d\n\n", k.database, k.analyses, int(k.duration/time.Second), k.seed)
	fmt.Println("| what was done | times |\n|---|---|")
	for _, what := range []string{"kill -9", "SIGSTOP, SIGCONT", "database restarts", "all connections cut", "disk full for 4 s"} {
		if k.did[what] > 0 {
			fmt.Printf("| %s | %d |\n", what, k.did[what])
		}
	}
	q := func(p float64) time.Duration {
		return late[min(int(p*float64(len(late))), len(late)-1)].Round(time.Millisecond)
	}
	fmt.Printf("\n%d looks, %d recorded points as the source has them. Late by: median %v, 90 %% %v, 99 %% %v, most %v.\n", len(late), points, q(.5), q(.9), q(.99), q(1))
	if len(by) > 1 {
		fmt.Print("Looks by replica:")
		for _, p := range k.processes {
			fmt.Printf(" %s %d", p.name, by[p.name])
		}
		fmt.Println()
	}
}
