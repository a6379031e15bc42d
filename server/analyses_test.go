package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

func TestAnalysisLife(t *testing.T) {
	i := start(t, server.Options{})
	a := i.begin(t, inline(shopConfig("checkout")))
	if a.GetState() != judgedv1.AnalysisState_PENDING || a.GetVersion() != 1 || a.GetJudgment() != nil || a.GetId() == "" {
		t.Errorf("started: %v", a)
	}
	states := i.wait(t, a.GetId(), 0)
	last := states[len(states)-1]
	if last.GetState() != judgedv1.AnalysisState_COMPLETED || last.GetVersion() != 2 || last.GetLooks() != 1 || last.GetEndTime() == nil {
		t.Errorf("ended: %v", last)
	}
	j := last.GetJudgment()
	if j.GetVerdict() != judgedv1.Verdict_FAIL || j.GetConfig() != "checkout" || j.GetJudgedVersion() != "test" {
		t.Errorf("judgment: %v", j)
	}
	if got := j.GetFindings()[0].GetEvidence().GetCanaryQuery(); got != "latency of v2-slow" {
		t.Errorf("the canary's query is %q", got)
	}
	if got := last.GetWindow().GetEnd().AsTime(); !got.Equal(time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)) {
		t.Errorf("the window ends at %v", got)
	}
	for n := 1; n < len(states); n++ {
		if states[n].GetVersion() <= states[n-1].GetVersion() {
			t.Errorf("versions %d, %d do not count up", states[n-1].GetVersion(), states[n].GetVersion())
		}
	}
	// A watcher who knows the last state is told nothing new.
	if again := i.wait(t, a.GetId(), last.GetVersion()); len(again) != 0 {
		t.Errorf("after version %d: %v", last.GetVersion(), again)
	}
}

// Requests that cannot become an analysis, and what their senders read.
func TestStartAnalysisRefuses(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	i := start(t, server.Options{Now: func() time.Time { return now }})
	with := func(change func(*judgedv1.StartAnalysisRequest, *judgedv1.CanaryConfig)) *judgedv1.StartAnalysisRequest {
		c := shopConfig("checkout")
		r := inline(c)
		change(r, c)
		return r
	}
	for name, c := range map[string]struct {
		request *judgedv1.StartAnalysisRequest
		code    connect.Code
		text    []string
	}{
		"nothing": {&judgedv1.StartAnalysisRequest{}, connect.CodeInvalidArgument, []string{"exactly one field is required"}},
		"a stored config that is not": {
			&judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "nobody"}},
			connect.CodeNotFound,
			[]string{`no config "nobody"`},
		},
		"an empty name": {
			&judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{}},
			connect.CodeInvalidArgument,
			[]string{"name of the config is empty"},
		},
		"a revision of an inline config": {
			with(func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) { r.ConfigRevision = 2 }),
			connect.CodeInvalidArgument,
			[]string{"inline config has no revisions"},
		},
		"an address": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Metrics[0].Source = "http://169.254.169.254/latest"
			}),
			connect.CodeInvalidArgument,
			[]string{"169.254", "sources are named in the server's settings; callers cannot point the server at an address"},
		},
		"a path": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Metrics[0].Source = "../secret.txt"
			}),
			connect.CodeInvalidArgument,
			[]string{"callers cannot point the server at an address"},
		},
		"an unknown source": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) { c.Metrics[0].Source = "ship" }),
			connect.CodeInvalidArgument,
			[]string{`unknown source "ship"`, "configured sources: shop"},
		},
		"no scopes": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) { c.Scopes = nil }),
			connect.CodeInvalidArgument,
			[]string{"${version}", "send scopes"},
		},
		"a margin wider than the tolerance": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				wide, narrow := 0.5, 0.1
				c.Metrics[0].Margin, c.Metrics[0].Tolerance = &judgedv1.Margin{Relative: &wide}, &judgedv1.Margin{Relative: &narrow}
			}),
			connect.CodeInvalidArgument,
			[]string{"latency", "tolerance"},
		},
		"a window that is not past": {
			with(func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
				r.Window = &judgedv1.Window{Start: timestamppb.New(now.Add(-time.Hour)), End: timestamppb.New(now.Add(time.Minute))}
			}),
			connect.CodeFailedPrecondition,
			[]string{"ends at 2026-06-01T12:01:00Z, in 1m0s", "schedule.start"},
		},
		"a window backwards": {
			with(func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
				r.Window = &judgedv1.Window{Start: timestamppb.New(now), End: timestamppb.New(now.Add(-time.Hour))}
			}),
			connect.CodeInvalidArgument,
			[]string{"is not after its start"},
		},
		"half a window": {
			with(func(r *judgedv1.StartAnalysisRequest, _ *judgedv1.CanaryConfig) {
				r.Window = &judgedv1.Window{Start: timestamppb.New(now.Add(-time.Hour))}
			}),
			connect.CodeInvalidArgument,
			[]string{"needs a start and an end"},
		},
		"a window shorter than an interval": {
			with(func(r *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Schedule.Interval = durationpb.New(time.Hour)
				c.Schedule.Duration = nil
				r.Window = &judgedv1.Window{Start: timestamppb.New(now.Add(-time.Minute)), End: timestamppb.New(now)}
			}),
			connect.CodeInvalidArgument,
			[]string{"interval"},
		},
		"a moment that no calendar has": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Schedule.Start = &timestamppb.Timestamp{Seconds: 1 << 60}
			}),
			connect.CodeInvalidArgument,
			[]string{"schedule.start"},
		},
		"a schedule next year": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Schedule.Start = timestamppb.New(now.AddDate(1, 0, 0))
			}),
			connect.CodeInvalidArgument,
			[]string{"waits for at most"},
		},
		"two metrics of one name": {
			with(func(_ *judgedv1.StartAnalysisRequest, c *judgedv1.CanaryConfig) {
				c.Metrics = append(c.Metrics, c.Metrics[0])
			}),
			connect.CodeInvalidArgument,
			[]string{"two metrics have the same name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(c.request))
			wantCode(t, err, c.code, c.text...)
		})
	}
	list, err := i.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{}))
	if err != nil || len(list.Msg.GetAnalyses()) != 0 {
		t.Errorf("refused requests left %d analyses, %v", len(list.Msg.GetAnalyses()), err)
	}
}

func TestScopesAndWindowOverride(t *testing.T) {
	i := start(t, server.Options{})
	r := inline(shopConfig("checkout"))
	r.Scopes = &judgedv1.Scopes{
		Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v7"}},
		Canary:   &judgedv1.Scope{Variables: map[string]string{"version": "v8"}},
	}
	begin := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	r.Window = &judgedv1.Window{Start: timestamppb.New(begin), End: timestamppb.New(begin.Add(time.Hour))}
	a := i.begin(t, r)
	states := i.wait(t, a.GetId(), 0)
	last := states[len(states)-1]
	f := last.GetJudgment().GetFindings()[0]
	if f.GetEvidence().GetBaselineQuery() != "latency of v7" || f.GetCanary().GetCount() != 60 {
		t.Errorf("the finding is of %d intervals of %v", f.GetCanary().GetCount(), f.GetEvidence())
	}
	if c := last.GetConfig(); c.GetScopes().GetCanary().GetVariables()["version"] != "v8" || !c.GetSchedule().GetStart().AsTime().Equal(begin) {
		t.Errorf("the config is not as it was used: %v", c)
	}
	if last.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS {
		t.Errorf("verdict %v: %s", last.GetJudgment().GetVerdict(), last.GetJudgment().GetSummary())
	}
}

// A stored config keeps its analyses as they were started.
func TestStoredConfig(t *testing.T) {
	i := start(t, server.Options{})
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("checkout")})); err != nil {
		t.Fatal(err)
	}
	changed := shopConfig("checkout")
	changed.Metrics[0].Query = "other ${version}"
	if _, err := i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: changed, ExpectedRevision: 1})); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[int64]string{0: "other v1", 1: "latency of v1", 2: "other v1"} {
		a := i.begin(t, &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "checkout"}, ConfigRevision: asked})
		states := i.wait(t, a.GetId(), 0)
		last := states[len(states)-1]
		if got := last.GetJudgment().GetFindings()[0].GetEvidence().GetBaselineQuery(); got != want {
			t.Errorf("revision %d asked %q, want %q", asked, got, want)
		}
		if asked != 0 && last.GetConfigRevision() != asked {
			t.Errorf("revision %d, want %d", last.GetConfigRevision(), asked)
		}
	}
}

// A source that fails is an ERROR finding; the others are judged and the
// analysis ends.
func TestSourceErrorIsAFinding(t *testing.T) {
	i := start(t, server.Options{Sources: sourcesOf(map[string]metrics.Source{
		"shop": source{levels},
		"down": source{func(context.Context, metrics.Query) (metrics.Result, error) {
			return metrics.Result{}, &metrics.Error{Op: "query", Source: "down", Reason: metrics.Unavailable, Err: errors.New("connection refused"), Hint: "is it running?"}
		}},
	})})
	c := shopConfig("checkout")
	c.Scopes.Canary.Variables["version"] = "v2"
	c.Metrics = append(c.Metrics, &judgedv1.Metric{Name: "errors", Source: "down", Query: "errors of ${version}"})
	states := i.wait(t, i.begin(t, inline(c)).GetId(), 0)
	last := states[len(states)-1]
	j := last.GetJudgment()
	if last.GetState() != judgedv1.AnalysisState_COMPLETED || j.GetVerdict() != judgedv1.Verdict_ERROR || len(j.GetFindings()) != 2 {
		t.Fatalf("%v with %v", last.GetState(), j)
	}
	f := j.GetFindings()[0]
	if f.GetClassification() != judgedv1.Classification_FAILED || !strings.Contains(f.GetReason(), "connection refused (is it running?)") {
		t.Errorf("the first finding is %v: %s", f.GetClassification(), f.GetReason())
	}
	if v := j.GetFindings()[1].GetVerdict(); v != judgedv1.Verdict_PASS {
		t.Errorf("the other finding is %v", v)
	}
	_, page := i.page(t, "/metrics")
	for _, want := range []string{
		`judged_source_failures_total{source="down"} 1`, `judged_verdicts_total{origin="analysis",verdict="ERROR"} 1`,
		"judged_look_duration_seconds_count 1", `judged_analyses_live{state="PENDING"} 0`, `judged_build_info{version="test"} 1`,
		`rpc_server_call_duration_seconds_count{`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	i := start(t, server.Options{})
	request := func(key string) *judgedv1.StartAnalysisRequest {
		r := inline(shopConfig("checkout"))
		r.IdempotencyKey = key
		return r
	}
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for n := range ids {
		wg.Go(func() {
			response, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(request("deploy-7/step-2")))
			if err != nil {
				t.Error(err)
				return
			}
			ids[n] = response.Msg.GetAnalysis().GetId()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("analyses %s and %s of one key", ids[0], id)
		}
	}
	i.wait(t, ids[0], 0)
	if a := i.begin(t, request("deploy-7/step-2")); a.GetId() != ids[0] || a.GetJudgment() == nil {
		t.Errorf("after its end the key gives %s with %v", a.GetId(), a.GetJudgment())
	}
	other := request("deploy-7/step-2")
	other.GetInline().Metrics[0].Query = "another ${version}"
	_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(other))
	wantCode(t, err, connect.CodeAlreadyExists, `"deploy-7/step-2"`, ids[0])
	if a, b := i.begin(t, request("")), i.begin(t, request("")); a.GetId() == b.GetId() {
		t.Error("two requests without a key are one analysis")
	}
}

func TestCancelWhileRunning(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	defer close(release)
	i := start(t, server.Options{Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(asked, release)}), Limits: server.Limits{Looks: 1}})
	id := i.begin(t, inline(shopConfig("checkout"))).GetId()
	waiting := i.begin(t, inline(shopConfig("waits"))).GetId() // for the only worker
	<-asked
	watched := make(chan []*judgedv1.Analysis, 1)
	go func() { watched <- i.wait(t, id, 0) }()
	cancelRequest := connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id, Reason: "rolled back by hand"})
	response, err := i.analyses.CancelAnalysis(t.Context(), cancelRequest)
	if err != nil {
		t.Fatal(err)
	}
	a := response.Msg.GetAnalysis()
	if a.GetState() != judgedv1.AnalysisState_CANCELED || a.GetCancelReason() != "rolled back by hand" || a.GetEndTime() == nil {
		t.Errorf("cancelled: %v", a)
	}
	states := <-watched
	if last := states[len(states)-1]; last.GetState() != judgedv1.AnalysisState_CANCELED {
		t.Errorf("the watcher saw %v last", last.GetState())
	}
	// Again changes nothing, whatever the reason.
	again, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id, Reason: "other"}))
	if err != nil || again.Msg.GetAnalysis().GetVersion() != a.GetVersion() || again.Msg.GetAnalysis().GetCancelReason() != "rolled back by hand" {
		t.Errorf("cancelled again: %v, %v", again.Msg.GetAnalysis(), err)
	}
	// Its worker is free for the next one.
	<-asked
	if _, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: waiting})); err != nil {
		t.Error(err)
	}
	_, err = i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: "nobody"}))
	wantCode(t, err, connect.CodeNotFound, "nobody")
}

// A look that takes too long is an ERROR, not a hang.
func TestAnalysisTimeout(t *testing.T) {
	i := start(t, server.Options{
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(nil, nil)}),
		Limits:  server.Limits{AnalysisTimeout: 50 * time.Millisecond},
	})
	states := i.wait(t, i.begin(t, inline(shopConfig("checkout"))).GetId(), 0)
	last := states[len(states)-1]
	if j := last.GetJudgment(); last.GetState() != judgedv1.AnalysisState_COMPLETED || j.GetVerdict() != judgedv1.Verdict_ERROR || !strings.Contains(j.GetSummary(), "longer than 50ms") {
		t.Errorf("%v: %v", last.GetState(), j)
	}
}

// An analysis whose schedule is not over waits for its end.
func TestWaitsForTheSchedule(t *testing.T) {
	i := start(t, server.Options{})
	c := shopConfig("checkout")
	begin := time.Now().Add(-5 * time.Second)
	c.Schedule = &judgedv1.Schedule{
		Start: timestamppb.New(begin), Duration: durationpb.New(6 * time.Second), Interval: durationpb.New(time.Second), LookEvery: durationpb.New(6 * time.Second),
	}
	a := i.begin(t, inline(c))
	if a.GetState() != judgedv1.AnalysisState_PENDING {
		t.Fatalf("%v", a.GetState())
	}
	_, page := i.page(t, "/metrics")
	if !strings.Contains(page, `judged_analyses_live{state="PENDING"} 1`) {
		t.Error("it is not counted as pending")
	}
	states := i.wait(t, a.GetId(), 0)
	last := states[len(states)-1]
	if end := last.GetEndTime().AsTime(); end.Before(begin.Add(6 * time.Second)) {
		t.Errorf("it ended %v before its window did", begin.Add(6*time.Second).Sub(end))
	}
	if got := last.GetJudgment().GetFindings()[0].GetCanary(); got.GetCount()+got.GetMissing() != 6 {
		t.Errorf("judged %v", got)
	}
}

func TestTooManyAnalyses(t *testing.T) {
	release := make(chan struct{})
	i := start(t, server.Options{
		Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(nil, release)}),
		Limits:  server.Limits{LiveAnalyses: 3, Looks: 1},
	})
	var ids []string
	for n := range 3 {
		ids = append(ids, i.begin(t, inline(shopConfig(fmt.Sprint("c", n)))).GetId())
	}
	_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(shopConfig("one-more"))))
	e := wantCode(t, err, connect.CodeResourceExhausted, "3 analyses are pending or running")
	if e.Meta().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	status, answer, header := i.call(t, "POST", "/v1/analyses", `{"inline": {"name": "x", "scopes": {"baseline": {"variables": {"v": "1"}}, "canary": {"variables": {"v": "2"}}}, "metrics": [{"name": "a", "source": "shop", "query": "q ${v}"}]}}`)
	if status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("REST: status %d, Retry-After %q: %v", status, header.Get("Retry-After"), answer)
	}
	close(release)
	for _, id := range ids {
		i.wait(t, id, 0)
	}
	i.begin(t, inline(shopConfig("one-more")))
}

func TestListAnalyses(t *testing.T) {
	i := start(t, server.Options{})
	var ids []string
	for n := range 7 {
		a := i.begin(t, inline(shopConfig([]string{"even", "odd"}[n%2])))
		i.wait(t, a.GetId(), 0)
		ids = append(ids, a.GetId())
	}
	list := func(r *judgedv1.ListAnalysesRequest) []string {
		t.Helper()
		var got []string
		for pages := 0; ; pages++ {
			response, err := i.analyses.ListAnalyses(t.Context(), connect.NewRequest(r))
			if err != nil || pages > 10 {
				t.Fatal(pages, err)
			}
			for _, a := range response.Msg.GetAnalyses() {
				got = append(got, a.GetId())
			}
			if r.PageToken = response.Msg.GetNextPageToken(); r.GetPageToken() == "" {
				return got
			}
		}
	}
	for size := range int32(9) {
		got := list(&judgedv1.ListAnalysesRequest{PageSize: size})
		if len(got) != 7 || got[0] != ids[6] || got[6] != ids[0] {
			t.Errorf("pages of %d: got %v, want the newest first of %v", size, got, ids)
		}
		if got := list(&judgedv1.ListAnalysesRequest{PageSize: size, Config: "odd"}); len(got) != 3 || got[2] != ids[1] {
			t.Errorf("pages of %d, odd ones: %v", size, got)
		}
	}
	if got := list(&judgedv1.ListAnalysesRequest{Verdict: judgedv1.Verdict_PASS}); len(got) != 0 {
		t.Errorf("passed: %v", got)
	}
	if got := list(&judgedv1.ListAnalysesRequest{State: judgedv1.AnalysisState_COMPLETED, Verdict: judgedv1.Verdict_FAIL, Config: "even"}); len(got) != 4 {
		t.Errorf("even ones that failed: %v", got)
	}
	first, err := i.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{PageSize: 2}))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*judgedv1.ListAnalysesRequest{
		{PageToken: "garbage"},
		{PageToken: first.Msg.GetNextPageToken(), Config: "odd"}, // of another filter
	} {
		_, err := i.analyses.ListAnalyses(t.Context(), connect.NewRequest(r))
		wantCode(t, err, connect.CodeInvalidArgument, "pageToken")
	}
}

// A client that leaves frees its watch; the run never waits for one that
// does not read.
func TestWatchersDoNotHoldTheRun(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	i := start(t, server.Options{Sources: sourcesOf(map[string]metrics.Source{"shop": blocking(asked, release)})})
	id := i.begin(t, inline(shopConfig("checkout"))).GetId()
	for name, client := range map[string]judgedv1connect.AnalysisServiceClient{
		"connect": judgedv1connect.NewAnalysisServiceClient(i.http, i.url),
		"gRPC":    judgedv1connect.NewAnalysisServiceClient(i.h2c, i.url, connect.WithGRPC()),
		"web":     judgedv1connect.NewAnalysisServiceClient(i.http, i.url, connect.WithGRPCWeb()),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := client.WatchAnalysis(ctx, connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
		if err != nil || !stream.Receive() {
			t.Fatal(name, err)
		}
		if name == "web" {
			cancel() // leaves; the others stay and do not read
			_ = stream.Close()
		}
	}
	eventually(t, "the watch that left is logged", func() bool {
		return strings.Contains(i.log.String(), `"procedure":"/judged.v1.AnalysisService/WatchAnalysis","protocol":"grpcweb","code":"canceled"`)
	})
	<-asked
	close(release)
	states := i.wait(t, id, 0)
	if last := states[len(states)-1]; last.GetState() != judgedv1.AnalysisState_COMPLETED {
		t.Errorf("ended as %v", last.GetState())
	}
}

// Everything at once, for the race detector.
func TestConcurrentLoad(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{Looks: 4}})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for m := range 10 {
				a, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(shopConfig(fmt.Sprint("load", n)))))
				if err != nil {
					t.Error(err)
					return
				}
				id := a.Msg.GetAnalysis().GetId()
				if m%3 == 0 {
					if _, err := i.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: id})); err != nil && connect.CodeOf(err) != connect.CodeNotFound {
						t.Error(err)
					}
				}
				stream, err := i.analyses.WatchAnalysis(t.Context(), connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: id}))
				if err != nil {
					t.Error(err)
					return
				}
				for stream.Receive() {
				}
				if err := stream.Err(); err != nil && connect.CodeOf(err) != connect.CodeNotFound {
					t.Error(err)
				}
				if _, err := i.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{PageSize: 5})); err != nil {
					t.Error(err)
				}
				if _, err := i.judge.Judge(t.Context(), connect.NewRequest(samples(3, 30, 1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, page := i.page(t, "/metrics")
	if !strings.Contains(page, `judged_analyses_live{state="RUNNING"} 0`) || !strings.Contains(page, `judged_analyses_live{state="PENDING"} 0`) {
		t.Error("analyses are left over")
	}
}
