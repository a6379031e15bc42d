package server_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// Texts that a database cannot hold are the caller's mistake, or nobody's name;
// they are never a failure of the database.
func TestTextsThatADatabaseRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i := start(t, server.Options{Store: kept})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		const zero = "a\x00b"
		labelled := inline(shopConfig("c"))
		labelled.Labels = map[string]string{"ticket": zero}
		keyed := inline(shopConfig("c"))
		keyed.IdempotencyKey = zero
		application := shopConfig("app")
		application.Application = zero
		ctx := t.Context()
		for name, try := range map[string]func() error{
			"id": func() error {
				_, err := i.analyses.GetAnalysis(ctx, connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: zero}))
				return err
			},
			"looks": func() error {
				_, err := i.analyses.ListLooks(ctx, connect.NewRequest(&judgedv1.ListLooksRequest{Id: zero}))
				return err
			},
			"cancel": func() error {
				_, err := i.analyses.CancelAnalysis(ctx, connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: zero}))
				return err
			},
			"key":   func() error { _, err := i.analyses.StartAnalysis(ctx, connect.NewRequest(keyed)); return err },
			"label": func() error { _, err := i.analyses.StartAnalysis(ctx, connect.NewRequest(labelled)); return err },
			"stored": func() error {
				_, err := i.analyses.StartAnalysis(ctx, connect.NewRequest(&judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: zero}}))
				return err
			},
			"filter": func() error {
				_, err := i.analyses.ListAnalyses(ctx, connect.NewRequest(&judgedv1.ListAnalysesRequest{Application: zero, Labels: map[string]string{zero: zero}}))
				return err
			},
			"config": func() error {
				_, err := i.configs.GetConfig(ctx, connect.NewRequest(&judgedv1.GetConfigRequest{Name: zero}))
				return err
			},
			"export": func() error {
				_, err := i.configs.ExportConfigs(ctx, connect.NewRequest(&judgedv1.ExportConfigsRequest{Names: []string{zero}}))
				return err
			},
			"application": func() error {
				_, err := i.analyses.StartAnalysis(ctx, connect.NewRequest(inline(application)))
				return err
			},
			"comment": func() error {
				_, err := i.configs.CreateConfig(ctx, connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("x"), Comment: zero}))
				return err
			},
			"audit": func() error {
				_, err := i.admin().ListAuditEvents(ctx, connect.NewRequest(&judgedv1.ListAuditEventsRequest{Caller: zero, Object: zero}))
				return err
			},
			"delivery": func() error {
				_, err := i.admin().DropDelivery(ctx, connect.NewRequest(&judgedv1.DropDeliveryRequest{Id: zero}))
				return err
			},
		} {
			if err := try(); err != nil && connect.CodeOf(err) != connect.CodeNotFound && connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, path := range []string{"/v1/analyses/%00/events", "/v1/analyses/%ff/events", "/v1/analyses/%00", "/v1/configs/%00", "/v1/analyses?application=%00"} {
			if got := i.send(t, http.MethodGet, path, "", nil); got.status >= 500 {
				t.Errorf("%s: status %d: %s", path, got.status, got.text)
			}
		}
		// Nobody stays out of the audit log with it.
		a := i.begin(t, inline(shopConfig("audited")))
		if _, err := i.analyses.CancelAnalysis(ctx, connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: a.GetId(), Reason: zero})); err != nil {
			t.Error(err)
		}
		if i.get(t, a.GetId()).GetState() == judgedv1.AnalysisState_CANCELED {
			events, err := i.admin().ListAuditEvents(ctx, connect.NewRequest(&judgedv1.ListAuditEventsRequest{Object: a.GetId()}))
			if err != nil || len(events.Msg.GetEvents()) != 2 || events.Msg.GetEvents()[0].GetAction() != "analyses.cancel" {
				t.Errorf("the audit log of a cancel: %v, %v", events, err)
			}
		}
		if strings.Contains(i.log.String(), `"level":"ERROR"`) {
			t.Error("it is in the log as an error of the server's")
		}
	})
}

// Everything that callers write has a bound, and says so.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	i := start(t, server.Options{})
	metricsOf := func(n int) []*judgedv1.Metric {
		var all []*judgedv1.Metric
		for m := range n {
			all = append(all, &judgedv1.Metric{Name: fmt.Sprint("m", m), Source: "shop", Query: fmt.Sprint("q", m, " ${version}")})
		}
		return all
	}
	many := map[string]string{}
	for n := range 33 {
		many[fmt.Sprint("l", n)] = "x"
	}
	bomb := "findings.exists(a, findings.exists(b, findings.exists(c, findings.exists(d, a.name + b.name + c.name + d.name == 'x'))))"
	deep := strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000)
	for name, c := range map[string]struct {
		change func(*judgedv1.StartAnalysisRequest, *judgedv1.CanaryConfig)
		text   string
	}{
		"1001 metrics": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) { c.Metrics = metricsOf(1001) }, "metrics"},
		"labels":       {func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) { r.Labels = many }, "labels"},
		"a long label": {func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
			r.Labels = map[string]string{"a": strings.Repeat("x", 254)}
		}, "labels"},
		"a label's name": {func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
			r.Labels = map[string]string{"../a": "x"}
		}, "label"},
		"a long key": {func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
			r.IdempotencyKey = strings.Repeat("x", 256)
		}, "idempotency_key"},
		"an address as the traffic's source": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Traffic = &judgedv1.Traffic{Source: "http://169.254.169.254/", Query: "q ${version}", Share: wrapperspb.Double(0.5)}
		}, "callers cannot point the server at an address"},
		"a rule too deep": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Decision = &judgedv1.Decision{Fail: deep}
		}, "decision.fail"},
		"a rule too long": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Decision = &judgedv1.Decision{Fail: strings.Repeat(" ", 5000)}
		}, "decision.fail"},
		"a malformed grace": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Schedule.Grace = &durationpb.Duration{Seconds: 2, Nanos: -1}
		}, "malformed duration"},
		"a malformed sliding window": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Schedule.Sliding = &durationpb.Duration{Seconds: 120, Nanos: -1}
		}, "malformed duration"},
		"looks for ever": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Schedule.Duration, c.Schedule.Interval, c.Schedule.LookEvery = durationpb.New(10000*time.Second), durationpb.New(time.Second), durationpb.New(time.Second)
		}, "looks"},
		"a start in the year 9000": {func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
			c.Schedule.Start.Seconds = 221845392000
		}, "an analysis waits for at most"},
		"an expiry next year": {func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
			r.ExpireAfter = durationpb.New(365 * 24 * time.Hour)
		}, "expireAfter"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := shopConfig("checkout")
			r := inline(config)
			c.change(r, config)
			_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(r))
			wantCode(t, err, connect.CodeInvalidArgument, c.text)
		})
	}
	// What is allowed and costs most: a thousand metrics and a rule over four of
	// them at a time, which is stopped.
	heavy := shopConfig("heavy")
	heavy.Metrics, heavy.Decision = metricsOf(1000), &judgedv1.Decision{Fail: bomb}
	a := i.last(t, i.begin(t, inline(heavy)).GetId())
	if j := a.GetJudgment(); len(j.GetFindings()) != 1000 || j.GetVerdict() != judgedv1.Verdict_ERROR || !strings.Contains(j.GetSummary()+strings.Join(j.GetReasons(), " "), "decision.fail") {
		t.Errorf("%d findings, %v: %s", len(j.GetFindings()), j.GetVerdict(), j.GetSummary())
	}
	request := samples(100, 12, 1)
	request.Decision = &judgedv1.Decision{Fail: bomb}
	judged, err := i.judge.Judge(t.Context(), connect.NewRequest(request))
	if err != nil || judged.Msg.GetJudgment().GetVerdict() != judgedv1.Verdict_ERROR {
		t.Errorf("a rule that costs too much: %v, %v", judged.Msg.GetJudgment().GetSummary(), err)
	}
	request.Decision = &judgedv1.Decision{Fail: "findings.exists(f, f.hihg)"}
	_, err = i.judge.Judge(t.Context(), connect.NewRequest(request))
	wantCode(t, err, connect.CodeInvalidArgument, "decision.fail", "hihg", "^")
}

// heap returns what is in use after a collection, in MiB.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}

// Pages of huge things are short: a caller who fills the store and lists it with
// the largest pages, from many connections, costs a bounded amount.
func TestListsOfHugeConfigs(t *testing.T) {
	const configs, size, callers = 14, 3 << 20, 8
	kept := opened(t, t.TempDir()+"/judged.db")
	i := start(t, server.Options{Store: kept})
	t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
	random := rand.NewChaCha8([32]byte{})
	text := func() string { // that cannot be compressed much
		b := make([]byte, 12000)
		_, _ = random.Read(b)
		return base64.StdEncoding.EncodeToString(b)
	}
	for n := range configs {
		c := shopConfig(fmt.Sprint("c", n))
		c.Metrics = nil
		for m := range size / 16000 {
			c.Metrics = append(c.Metrics, &judgedv1.Metric{Name: fmt.Sprint("m", m), Source: "shop", Query: text()})
		}
		i.create(t, c)
	}
	before := heap()
	var peak sync.Map
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		most := uint64(0)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-done:
				peak.Store("heap", int(most>>20))
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			page, err := i.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{PageSize: 500}))
			if err != nil || len(page.Msg.GetConfigs()) == 0 || page.Msg.GetNextPageToken() == "" {
				t.Errorf("%d configs, %v", len(page.Msg.GetConfigs()), err)
			}
		})
	}
	wg.Wait()
	close(done)
	<-stopped
	most, _ := peak.Load("heap")
	// A page is one of these configs, and the next one to see that it is too much:
	// 6 MiB, that are read, unpacked, encoded and, by the client in this process,
	// received and decoded; the collector lets it all grow to twice that. All of the
	// configs would be seven times as much.
	if grown, bound := most.(int)-before, callers*3*6*2; grown > bound {
		t.Errorf("%d lists took %d MiB, more than %d", callers, grown, bound)
	}
	t.Logf("in use before: %d MiB, at most: %d MiB", before, most)
}

// Thousands who watch cost the places that there are, and give them back.
func TestThousandsOfWatches(t *testing.T) {
	s, gate := gated(1)
	i, _ := ticking(t, s, server.Options{Limits: server.Limits{Watches: 200}})
	id := i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()
	before, goroutines := heap(), runtime.NumGoroutine()
	var (
		wg             sync.WaitGroup
		mu             sync.Mutex
		taken, refused int
	)
	for range 50 {
		wg.Go(func() {
			for range 40 {
				response, err := i.h2c.Get(i.url + "/v1/analyses/" + id + "/events")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if response.StatusCode == http.StatusOK {
					taken++
					defer response.Body.Close() // held until all have come
				} else {
					refused++
					_ = response.Body.Close()
				}
				mu.Unlock()
			}
		})
	}
	waited := make(chan struct{})
	go func() { wg.Wait(); close(waited) }()
	eventually(t, "all have come", func() bool { mu.Lock(); defer mu.Unlock(); return taken+refused == 2000 })
	<-waited
	if taken < 200 || refused == 0 {
		t.Errorf("%d watches were taken and %d refused", taken, refused)
	}
	i.get(t, id) // others are answered
	close(gate)
	i.last(t, id)
	i.h2c.CloseIdleConnections()
	eventually(t, "what served them has ended", func() bool { return runtime.NumGoroutine() < goroutines+100 })
	// 2000 watches would be 100 MiB at 50 KiB each; what remains is no more than
	// the buffers of the connections.
	if grown := heap() - before; grown > 20 {
		t.Errorf("2000 watches left %d MiB behind", grown)
	}
}
