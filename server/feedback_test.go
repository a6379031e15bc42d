package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

func (i *instance) feedback() judgedv1connect.FeedbackServiceClient {
	return judgedv1connect.NewFeedbackServiceClient(i.h2c, i.url)
}

func (i *instance) pin(t testing.TB, p *judgedv1.Pin) *judgedv1.SetPinResponse {
	t.Helper()
	answer, err := i.feedback().SetPin(t.Context(), connect.NewRequest(&judgedv1.SetPinRequest{Application: "shop", Pin: p}))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Msg
}

func (i *instance) unpin(t testing.TB, template string) *judgedv1.DeletePinResponse {
	t.Helper()
	answer, err := i.feedback().DeletePin(t.Context(), connect.NewRequest(&judgedv1.DeletePinRequest{Application: "shop", Template: template}))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Msg
}

func (i *instance) pinsOf(t testing.TB, application string) []*judgedv1.Pin {
	t.Helper()
	answer, err := i.feedback().ListPins(t.Context(), connect.NewRequest(&judgedv1.ListPinsRequest{Application: application}))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Msg.GetPins()
}

func ignored(template string) *judgedv1.Pin {
	return &judgedv1.Pin{Template: template, As: judgedv1.Severity_SEVERITY_IGNORED, Note: "SHOP-4711"}
}

func atEnd(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }

// What people say of a template makes new analyses pass and judges past ones again,
// which keep what they said; taken back, all is as it was.
func TestFeedback(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := hire(t, nil, "ann@alpha", "bob@alpha")
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i, c := writing(t, &written{}, server.Options{Store: kept, Authenticator: s.authenticator})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		ann, bob := i.as(s.tokens["ann@alpha"]), i.as(s.tokens["bob@alpha"])
		failed := ann.last(t, ann.begin(t, inline(logsConfig("v2-bad", atEnd))).GetId())
		healthy := ann.last(t, ann.begin(t, inline(logsConfig("v2", atEnd))).GetId())
		other := logsConfig("v2-bad", atEnd)
		other.Application = "blog"
		others := ann.last(t, ann.begin(t, inline(other)).GetId())
		template := refusal(t, failed.GetJudgment()).GetId()
		c.set(release.Add(time.Hour))

		pin := ignored(template)
		pin.By = "somebody else"
		said := bob.pin(t, pin)
		if said.GetPin().GetBy() != "bob" || said.GetPin().GetNote() != "SHOP-4711" {
			t.Errorf("the pin is %v", said.GetPin())
		}
		want := &judgedv1.RescoredAnalysis{
			Id: failed.GetId(), VerdictBefore: judgedv1.Verdict_FAIL, ScoreBefore: proto.Float64(0), Verdict: judgedv1.Verdict_PASS, Score: proto.Float64(100),
		}
		if len(said.GetRescored()) != 1 || !proto.Equal(said.GetRescored()[0], want) || said.GetNextPageToken() != "" {
			t.Errorf("judged again were %v", said.GetRescored())
		}
		again := ann.get(t, failed.GetId())
		if !proto.Equal(again.GetJudgment(), failed.GetJudgment()) || again.GetState() != failed.GetState() || again.GetVersion() != failed.GetVersion()+1 {
			t.Errorf("the original judgment became %v", again)
		}
		if r := again.GetRescored(); r.GetVerdict() != judgedv1.Verdict_PASS || !proto.Equal(r.GetWindow(), failed.GetJudgment().GetWindow()) ||
			refusal(t, r).GetWhy() != "pinned as ignored by bob: SHOP-4711" || len(changesOf(r)) != len(changesOf(failed.GetJudgment())) {
			t.Errorf("judged again it is %v", r)
		}
		if by := again.GetRescoredBy(); by.GetBy() != "bob" || !by.GetTime().AsTime().Equal(c.now()) || !proto.Equal(by.GetPin(), said.GetPin()) || by.GetDeleted() {
			t.Errorf("it was judged again by %v", by)
		}
		for _, a := range []*judgedv1.Analysis{healthy, others} {
			if now := ann.get(t, a.GetId()); !proto.Equal(now, a) {
				t.Errorf("an analysis that it is not about became %v", now)
			}
		}
		if _, page := ann.page(t, "/analyses/"+failed.GetId()); !strings.Contains(page, "judged again with the feedback since then, PASS: ") || !strings.Contains(page, "FAIL: the canary is worse") {
			t.Errorf("the page is\n%s", page)
		}
		// The list tells both, and finds it by the verdict that deployers got.
		list, err := ann.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{Application: "shop", Verdict: judgedv1.Verdict_FAIL}))
		if err != nil || len(list.Msg.GetAnalyses()) != 1 || !proto.Equal(list.Msg.GetAnalyses()[0], again) {
			t.Errorf("listed is %v, %v", list, err)
		}
		// Said again, it changes nothing.
		if twice := bob.pin(t, pin); len(twice.GetRescored()) != 1 || twice.GetRescored()[0].GetVerdictBefore() != judgedv1.Verdict_PASS || !proto.Equal(ann.get(t, failed.GetId()), again) {
			t.Errorf("the second time: %v", twice)
		}
		// New analyses heed it, of this application.
		c.set(release)
		fresh := ann.last(t, ann.begin(t, inline(logsConfig("v2-bad", atEnd))).GetId())
		if fresh.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS || fresh.GetRescored() != nil || len(fresh.GetPins()) != 1 {
			t.Errorf("a new analysis is %v with the pins %v", fresh.GetJudgment().GetSummary(), fresh.GetPins())
		}
		if replayed := ann.replayed(t, fresh, 10); !proto.Equal(replayed, fresh.GetJudgment()) {
			t.Errorf("from the recording\n%v\nit was\n%v", replayed, fresh.GetJudgment())
		}
		if b := ann.last(t, ann.begin(t, inline(other)).GetId()); b.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL || len(b.GetPins()) != 0 {
			t.Errorf("another application's is %v", b.GetJudgment().GetSummary())
		}
		// The config's own pin comes first.
		own := logsConfig("v2-bad", atEnd)
		own.Logs[0].Pins = []*judgedv1.Pin{{Template: template, As: judgedv1.Severity_SEVERITY_CRITICAL}}
		if b := ann.last(t, ann.begin(t, inline(own)).GetId()); b.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL {
			t.Errorf("with a pin of its own it is %v", b.GetJudgment().GetSummary())
		}
		if all := ann.pinsOf(t, "shop"); len(all) != 1 || !proto.Equal(all[0], said.GetPin()) || len(ann.pinsOf(t, "blog")) != 0 {
			t.Errorf("the pins are %v", all)
		}
		// Taken back.
		c.set(release.Add(2 * time.Hour))
		gone := ann.unpin(t, template)
		if !proto.Equal(gone.GetPin(), said.GetPin()) || len(ann.pinsOf(t, "shop")) != 0 {
			t.Errorf("deleted was %v", gone.GetPin())
		}
		now := ann.get(t, failed.GetId())
		if now.GetRescored() != nil || now.GetRescoredBy() != nil || !proto.Equal(now.GetJudgment(), failed.GetJudgment()) {
			t.Errorf("taken back, it is %v", now)
		}
		if a := ann.get(t, fresh.GetId()); a.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS || a.GetRescored().GetVerdict() != judgedv1.Verdict_FAIL || !a.GetRescoredBy().GetDeleted() || a.GetRescoredBy().GetBy() != "ann" {
			t.Errorf("an analysis that passed by the pin is %v by %v", a.GetRescored(), a.GetRescoredBy())
		}
		if twice := ann.unpin(t, template); twice.GetPin() != nil || len(twice.GetRescored()) != 3 {
			t.Errorf("deleted twice: %v", twice)
		}
		var audited []string
		events, err := ann.admin().ListAuditEvents(t.Context(), connect.NewRequest(&judgedv1.ListAuditEventsRequest{Object: "shop/" + template}))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events.Msg.GetEvents() {
			audited = append(audited, e.GetCaller()+" "+e.GetAction()+" "+e.GetDetail())
		}
		if !slices.Equal(audited, []string{
			"ann feedback.delete as SEVERITY_IGNORED: SHOP-4711", "bob feedback.set as SEVERITY_IGNORED: SHOP-4711", "bob feedback.set as SEVERITY_IGNORED: SHOP-4711",
		}) {
			t.Errorf("the audit log has %q", audited)
		}
	})
}

// The config's own rules, and its deployment windows, decide again, too, on what they
// knew at the look.
func TestFeedbackAndRules(t *testing.T) {
	t.Parallel()
	i, _ := writing(t, &written{}, server.Options{})
	of := func(change func(*judgedv1.CanaryConfig)) *judgedv1.Analysis {
		return i.last(t, i.begin(t, inline(logsConfig("v2-bad", func(c *judgedv1.CanaryConfig) {
			atEnd(c)
			change(c)
		}))).GetId())
	}
	rule := of(func(c *judgedv1.CanaryConfig) {
		c.Decision = &judgedv1.Decision{Fail: "look.number == 10 && application == 'shop' && canary.version == 'v2-bad' && findings.exists(f, f.changes.exists(c, c.severity != 'ignored'))"}
	})
	closed := of(func(c *judgedv1.CanaryConfig) {
		// Open since long at the time of the feedback.
		c.Windows = &judgedv1.DeploymentWindows{Deny: []string{"now < timestamp('2026-03-01T12:30:00Z')"}}
	})
	kept := of(func(c *judgedv1.CanaryConfig) { c.Decision = &judgedv1.Decision{Fail: "look.number == 10"} })
	i.pin(t, ignored(refusal(t, rule.GetJudgment()).GetId()))
	for _, c := range []struct {
		a    *judgedv1.Analysis
		want judgedv1.Verdict
		says string
	}{
		{rule, judgedv1.Verdict_PASS, "PASS"},
		{closed, judgedv1.Verdict_INCONCLUSIVE, "the release looks good, but not now"},
		{kept, judgedv1.Verdict_FAIL, "decision.fail"},
	} {
		if r := i.get(t, c.a.GetId()).GetRescored(); r.GetVerdict() != c.want || !strings.Contains(r.GetSummary(), c.says) {
			t.Errorf("%s\nbecame %q, want %q", c.a.GetJudgment().GetSummary(), r.GetSummary(), c.says)
		}
	}
}

// A pin for a time holds for what was logged before its end, whenever that is judged.
func TestFeedbackUntil(t *testing.T) {
	t.Parallel()
	i, c := writing(t, &written{}, server.Options{})
	failed := i.last(t, i.begin(t, inline(logsConfig("v2-bad", atEnd))).GetId())
	template := refusal(t, failed.GetJudgment()).GetId()
	set := func(until time.Time) (*judgedv1.SetPinResponse, error) {
		pin := ignored(template)
		pin.Until = timestamppb.New(until)
		answer, err := i.feedback().SetPin(t.Context(), connect.NewRequest(&judgedv1.SetPinRequest{Application: "shop", Pin: pin}))
		if err != nil {
			return nil, err
		}
		return answer.Msg, nil
	}
	// Said before the end of the window, at which it does not hold any more.
	early, err := set(release.Add(5 * time.Minute))
	if err != nil || early.GetRescored()[0].GetVerdict() != judgedv1.Verdict_FAIL || i.get(t, failed.GetId()).GetRescored() != nil {
		t.Errorf("a pin that ends in the window: %v, %v", early, err)
	}
	c.set(release.Add(time.Hour))
	if known, err := set(release.Add(24 * time.Hour)); err != nil || known.GetRescored()[0].GetVerdict() != judgedv1.Verdict_PASS {
		t.Errorf("a pin that ends tomorrow: %v, %v", known, err)
	}
	_, err = set(release.Add(59 * time.Minute))
	wantCode(t, err, connect.CodeInvalidArgument, "pin.until: 2026-03-01T12:59:00Z is past")
	// An analysis after its end does not heed it, although it is still listed.
	c.set(release.Add(48 * time.Hour))
	late := logsConfig("v2-bad", atEnd)
	late.Schedule.Start = timestamppb.New(release.Add(48 * time.Hour))
	r := inline(late)
	r.Window = &judgedv1.Window{Start: timestamppb.New(release.Add(47 * time.Hour)), End: timestamppb.New(release.Add(48 * time.Hour))}
	if a := i.last(t, i.begin(t, r).GetId()); a.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL || len(i.pinsOf(t, "shop")) != 1 {
		t.Errorf("after its end: %s", a.GetJudgment().GetSummary())
	}
}

// What is said while the last look reads is not lost between the look and the end.
func TestFeedbackDuringTheLastLook(t *testing.T) {
	t.Parallel()
	reached, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := &written{fails: func(ctx context.Context, q logs.Query) error {
		if q.Expr == "app v2-bad" && q.Window.End.Equal(release.Add(10*time.Minute)) && q.Window.Duration() == time.Minute {
			once.Do(func() { close(reached) })
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}}
	i, _ := writing(t, w, server.Options{})
	known := i.pastLogs(t, "v2-bad", nil)
	template := refusal(t, known.GetJudgment()).GetId()
	id := i.begin(t, inline(logsConfig("v2-bad", atEnd))).GetId()
	<-reached
	said := i.pin(t, ignored(template))
	close(gate)
	if len(said.GetRescored()) != 1 || said.GetRescored()[0].GetId() != known.GetId() {
		t.Errorf("judged again were %v", said.GetRescored())
	}
	eventually(t, "the analysis is judged again", func() bool {
		a := i.get(t, id)
		return a.GetJudgment().GetVerdict() == judgedv1.Verdict_FAIL && a.GetRescored().GetVerdict() == judgedv1.Verdict_PASS
	})
}

// Several people at once: whoever writes last knows what all said.
func TestFeedbackOfMany(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i, _ := writing(t, &written{}, server.Options{Store: kept})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		a := i.pastLogs(t, "v2-bad", nil)
		template := refusal(t, a.GetJudgment()).GetId()
		severities := []judgedv1.Severity{
			judgedv1.Severity_SEVERITY_IGNORED, judgedv1.Severity_SEVERITY_INFO, judgedv1.Severity_SEVERITY_WARN, judgedv1.Severity_SEVERITY_CRITICAL,
		}
		var all sync.WaitGroup
		for _, as := range severities {
			all.Go(func() {
				pin := &judgedv1.Pin{Template: template, As: as}
				if _, err := i.feedback().SetPin(t.Context(), connect.NewRequest(&judgedv1.SetPinRequest{Application: "shop", Pin: pin})); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		last := i.pinsOf(t, "shop")
		if len(last) != 1 {
			t.Fatalf("the pins are %v", last)
		}
		now := i.get(t, a.GetId())
		if got := refusal(t, now.GetRescored()).GetSeverity(); got != last[0].GetAs() {
			t.Errorf("the pin says %v, the analysis %v", last[0].GetAs(), got)
		}
	})
}

// Feedback is bounded, and says what is wrong with it.
func TestFeedbackMistakes(t *testing.T) {
	t.Parallel()
	kept, err := store.Open(t.Context(), store.Options{URL: "memory:", Replica: "test"})
	if err != nil {
		t.Fatal(err)
	}
	i, _ := writing(t, &written{}, server.Options{Store: kept})
	t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
	good := func() *judgedv1.SetPinRequest {
		return &judgedv1.SetPinRequest{Application: "shop", Pin: ignored("0123456789abcdef")}
	}
	for says, change := range map[string]func(*judgedv1.SetPinRequest){
		"feedback needs the application":     func(r *judgedv1.SetPinRequest) { r.Application = "" },
		"16 hexadecimal digits":              func(r *judgedv1.SetPinRequest) { r.Pin.Template = "the third one" },
		"how bad a template's changes are":   func(r *judgedv1.SetPinRequest) { r.Pin.As = 0 },
		"pin.as":                             func(r *judgedv1.SetPinRequest) { r.Pin.As = 17 },
		"pin: value is required":             func(r *judgedv1.SetPinRequest) { r.Pin = nil },
		"rescoreDays is between 0 and 90":    func(r *judgedv1.SetPinRequest) { r.RescoreDays = proto.Int32(91) },
		"no moment between the years":        func(r *judgedv1.SetPinRequest) { r.Pin.Until = &timestamppb.Timestamp{Seconds: 1 << 60} },
		"pin.note":                           func(r *judgedv1.SetPinRequest) { r.Pin.Note = strings.Repeat("x", 1025) },
		"pageToken: send nextPageToken":      func(r *judgedv1.SetPinRequest) { r.PageToken = "x" },
		"there is no pin of template 012345": func(r *judgedv1.SetPinRequest) { r.PageToken, r.Pin.Template = "x", "0123456789abcde0" },
	} {
		r := good()
		if strings.HasPrefix(says, "pageToken") {
			i.pin(t, good().GetPin())
		}
		change(r)
		_, err := i.feedback().SetPin(t.Context(), connect.NewRequest(r))
		wantCode(t, err, connect.CodeOf(err), says)
		if code := connect.CodeOf(err); code != connect.CodeInvalidArgument && code != connect.CodeNotFound {
			t.Errorf("%s: %v", says, err)
		}
	}
	// An invalid moment in a config's own pins could not be shown to anybody.
	c := logsConfig("v2", nil)
	c.Logs[0].Pins = []*judgedv1.Pin{{Template: "0123456789abcdef", As: judgedv1.Severity_SEVERITY_INFO, Until: &timestamppb.Timestamp{Nanos: -1}}}
	_, err = i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(c)))
	wantCode(t, err, connect.CodeInvalidArgument, "ends at no moment")
	// As many pins as there may be.
	i.unpin(t, "0123456789abcdef")
	var documents []store.Document
	for n := range 1000 {
		documents = append(documents, store.Document{Kind: "pin", ID: fmt.Sprintf("full/%04d", n), Scope: "full", Summary: []byte{1}, Created: release, Updated: release})
	}
	if err := kept.PutDocuments(t.Context(), documents, 0); err != nil {
		t.Fatal(err)
	}
	r := good()
	r.Application = "full"
	_, err = i.feedback().SetPin(t.Context(), connect.NewRequest(r))
	wantCode(t, err, connect.CodeResourceExhausted, `application "full" has 1000 pins, which is the limit`)
	if _, err := i.feedback().SetPin(t.Context(), connect.NewRequest(good())); err != nil {
		t.Errorf("another application: %v", err)
	}
}

// Who may say something of an application is told only of the analyses that they may
// see.
func TestFeedbackRights(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "root@", "ann@")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{
		{Name: "root", Allow: "caller.name == 'root'"},
		{Name: "feedback", Allow: "action.startsWith('feedback.') && application == 'shop'"},
		{Name: "see", Allow: "action == 'analyses.get' && config == 'open'"},
	})
	if err != nil {
		t.Fatal(err)
	}
	i, _ := writing(t, &written{}, server.Options{Authenticator: s.authenticator, Authorization: rules})
	root, ann := i.as(s.tokens["root@"]), i.as(s.tokens["ann@"])
	open := root.pastLogs(t, "v2-bad", func(c *judgedv1.CanaryConfig) { c.Name = "open" })
	secret := root.pastLogs(t, "v2-bad", func(c *judgedv1.CanaryConfig) { c.Name = "secret" })
	template := refusal(t, open.GetJudgment()).GetId()
	said := ann.pin(t, ignored(template))
	if len(said.GetRescored()) != 1 || said.GetRescored()[0].GetId() != open.GetId() {
		t.Errorf("she is told of %v", said.GetRescored())
	}
	if root.get(t, secret.GetId()).GetRescored() == nil {
		t.Error("the analysis that she may not see was not judged again")
	}
	_, err = ann.feedback().SetPin(t.Context(), connect.NewRequest(&judgedv1.SetPinRequest{Application: "blog", Pin: ignored(template)}))
	wantCode(t, err, connect.CodePermissionDenied, "feedback.set of blog/"+template)
	_, err = ann.feedback().ListPins(t.Context(), connect.NewRequest(&judgedv1.ListPinsRequest{Application: "blog"}))
	wantCode(t, err, connect.CodePermissionDenied, "feedback.list of blog")
}
