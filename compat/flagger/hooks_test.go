package flagger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/compat/flagger"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// service keeps analyses as the server does, and judges nothing: tests say what an
// analysis found.
type service struct {
	mu   sync.Mutex
	all  []*judgedv1.Analysis // oldest first
	keys map[string]string    // id by idempotency key
	fail error
	now  time.Time
}

func (s *service) StartAnalysis(_ context.Context, r *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	if r.Msg.GetStored() == "unknown" {
		return nil, connect.NewError(connect.CodeNotFound, errors.New(`there is no config "unknown"`))
	}
	if id := s.keys[r.Msg.GetIdempotencyKey()]; id != "" {
		return connect.NewResponse(&judgedv1.StartAnalysisResponse{Analysis: s.find(id)}), nil
	}
	a := &judgedv1.Analysis{
		Id: fmt.Sprint("a", len(s.all)+1), State: judgedv1.AnalysisState_PENDING, Labels: r.Msg.GetLabels(),
		Config: &judgedv1.CanaryConfig{Name: r.Msg.GetStored(), Scopes: r.Msg.GetScopes()}, PlannedLooks: 30,
		NextLookTime: timestamppb.New(time.Date(2026, 3, 1, 12, 1, 10, 0, time.UTC)),
	}
	s.all = append(s.all, a)
	s.keys[r.Msg.GetIdempotencyKey()] = a.GetId()
	return connect.NewResponse(&judgedv1.StartAnalysisResponse{Analysis: proto.CloneOf(a)}), nil
}

func (s *service) find(id string) *judgedv1.Analysis {
	for _, a := range s.all {
		if a.GetId() == id {
			return proto.CloneOf(a)
		}
	}
	return nil
}

func (s *service) GetAnalysis(context.Context, *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	return nil, connect.NewError(connect.CodeUnimplemented, errors.New("no hook waits"))
}

func (s *service) ListAnalyses(ctx context.Context, r *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("a hook must not wait for ever")
	}
	if s.fail != nil {
		return nil, s.fail
	}
	response := &judgedv1.ListAnalysesResponse{}
	for _, a := range slices.Backward(s.all) {
		matches := true
		for name, value := range r.Msg.GetLabels() {
			matches = matches && a.GetLabels()[name] == value
		}
		if matches && len(response.GetAnalyses()) < int(r.Msg.GetPageSize()) {
			response.Analyses = append(response.Analyses, proto.CloneOf(a))
		}
	}
	return connect.NewResponse(response), nil
}

func (s *service) CancelAnalysis(_ context.Context, r *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if a.GetId() == r.Msg.GetId() {
			if a.GetEndTime() == nil {
				a.State, a.CancelReason, a.EndTime = judgedv1.AnalysisState_CANCELED, r.Msg.GetReason(), timestamppb.New(s.now)
			}
			return connect.NewResponse(&judgedv1.CancelAnalysisResponse{Analysis: proto.CloneOf(a)}), nil
		}
	}
	return nil, connect.NewError(connect.CodeNotFound, errors.New("no such analysis"))
}

// becomes changes the newest analysis.
func (s *service) becomes(change func(*judgedv1.Analysis)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[len(s.all)-1]
	change(a)
	switch a.GetState() {
	case judgedv1.AnalysisState_COMPLETED, judgedv1.AnalysisState_EXPIRED, judgedv1.AnalysisState_CANCELED:
		a.EndTime = timestamppb.New(s.now)
	default:
	}
}

func (s *service) states() []string {
	var all []string
	for _, a := range s.all {
		all = append(all, a.GetState().String())
	}
	return all
}

func found(state judgedv1.AnalysisState, v judgedv1.Verdict) func(*judgedv1.Analysis) {
	return func(a *judgedv1.Analysis) {
		a.State, a.Looks = state, 7
		if v != judgedv1.Verdict_VERDICT_UNSPECIFIED {
			a.Judgment = &judgedv1.Judgment{Verdict: v, Summary: "said after look 7"}
		}
	}
}

const (
	running   = judgedv1.AnalysisState_RUNNING
	completed = judgedv1.AnalysisState_COMPLETED
	expired   = judgedv1.AnalysisState_EXPIRED
	canceled  = judgedv1.AnalysisState_CANCELED

	none         = judgedv1.Verdict_VERDICT_UNSPECIFIED
	pass         = judgedv1.Verdict_PASS
	fail         = judgedv1.Verdict_FAIL
	inconclusive = judgedv1.Verdict_INCONCLUSIVE
	broken       = judgedv1.Verdict_ERROR
)

// hooks is a handler over a service of its own.
type hooks struct {
	http.Handler

	service *service
	events  []flagger.Event
}

func newHooks() *hooks {
	h := &hooks{service: &service{keys: map[string]string{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	h.Handler = flagger.New(flagger.Options{
		Service: h.service, Now: func() time.Time { return h.service.now },
		Link:   func(id string) string { return "https://judged.example.com/analyses/" + id },
		Record: func(_ context.Context, e flagger.Event) { h.events = append(h.events, e) },
	})
	return h
}

// call calls a hook and checks what holds for the answers of all.
func (h *hooks) call(t *testing.T, hook, checksum string, metadata map[string]string) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": checksum, "metadata": metadata})
	if err != nil {
		t.Fatal(err)
	}
	return h.post(t, hook, string(body))
}

func (h *hooks) post(t testing.TB, hook, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/flagger/"+hook, strings.NewReader(body)))
	text := w.Body.String()
	if w.Code != http.StatusOK && w.Code != http.StatusConflict {
		t.Errorf("%s answers %d, which is neither 200 nor 409: %s", hook, w.Code, text)
	}
	if len(text) == 0 || len(text) > 500 || strings.ContainsAny(text, "\r\n\x00") {
		t.Errorf("%s does not answer with one line of at most 500 bytes: %q", hook, text)
	}
	return w.Code, text
}

func shop(more ...string) map[string]string {
	m := map[string]string{"config": "shop"}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// The table of docs/integrations/flagger.md: which hook says 200 to what.
func TestVerdicts(t *testing.T) {
	const rollout, traffic, promotion, back = 1, 2, 4, 8
	names := map[int]string{rollout: "rollout", traffic: "confirm-traffic-increase", promotion: "confirm-promotion", back: "rollback"}
	cases := []struct {
		name     string
		state    judgedv1.AnalysisState
		verdict  judgedv1.Verdict
		metadata map[string]string
		trouble  string
		ok       int // who says 200
	}{
		{name: "no look yet", state: judgedv1.AnalysisState_PENDING, ok: rollout | traffic},
		{name: "undecided so far", state: running, verdict: inconclusive, ok: rollout | traffic},
		{name: "good so far", state: running, verdict: pass, ok: rollout | traffic},
		{name: "FAIL before the end", state: running, verdict: fail, ok: back},
		{name: "a look without an answer", state: running, verdict: broken},
		{name: "trouble at the last look", state: running, verdict: inconclusive, trouble: "prod: no answer"},
		{name: "PASS", state: completed, verdict: pass, ok: rollout | traffic | promotion},
		{name: "FAIL", state: completed, verdict: fail, ok: back},
		{name: "INCONCLUSIVE", state: completed, verdict: inconclusive},
		{name: "ERROR", state: completed, verdict: broken},
		{name: "expired", state: expired, verdict: pass},
		{name: "expired with FAIL", state: expired, verdict: fail, ok: back},
		{name: "expired without a look", state: expired},
		{name: "cancelled", state: canceled, verdict: pass},
		{name: "cancelled after FAIL", state: canceled, verdict: fail},

		{name: "all need PASS, good so far", state: running, verdict: pass, metadata: shop("require", "pass")},
		{name: "all need PASS, PASS", state: completed, verdict: pass, metadata: shop("require", "pass"), ok: rollout | traffic | promotion},
		{name: "none needs PASS, good so far", state: running, verdict: inconclusive, metadata: shop("require", "no-fail"), ok: rollout | traffic | promotion},
		{name: "none needs PASS, INCONCLUSIVE", state: completed, verdict: inconclusive, metadata: shop("require", "no-fail")},
		{name: "none needs PASS, FAIL", state: completed, verdict: fail, metadata: shop("require", "no-fail"), ok: back},

		{name: "promote, undecided so far", state: running, verdict: inconclusive, metadata: shop("onInconclusive", "promote"), ok: rollout | traffic},
		{name: "promote, INCONCLUSIVE", state: completed, verdict: inconclusive, metadata: shop("onInconclusive", "promote"), ok: rollout | traffic | promotion},
		{name: "promote, FAIL", state: completed, verdict: fail, metadata: shop("onInconclusive", "promote"), ok: back},
		{name: "promote, ERROR", state: completed, verdict: broken, metadata: shop("onInconclusive", "promote")},
		{name: "promote, expired", state: expired, verdict: inconclusive, metadata: shop("onInconclusive", "promote")},
		{name: "promote, cancelled", state: canceled, verdict: pass, metadata: shop("onInconclusive", "promote")},
		{name: "roll back, undecided so far", state: running, verdict: inconclusive, metadata: shop("onInconclusive", "rollback"), ok: rollout | traffic},
		{name: "roll back, INCONCLUSIVE", state: completed, verdict: inconclusive, metadata: shop("onInconclusive", "rollback"), ok: back},
		{name: "roll back, PASS", state: completed, verdict: pass, metadata: shop("onInconclusive", "rollback"), ok: rollout | traffic | promotion},
		{name: "roll back, ERROR", state: completed, verdict: broken, metadata: shop("onInconclusive", "rollback")},
		{name: "roll back, expired", state: expired, verdict: inconclusive, metadata: shop("onInconclusive", "rollback")},
		{name: "roll back, cancelled", state: canceled, metadata: shop("onInconclusive", "rollback")},
		{name: "hold, INCONCLUSIVE", state: completed, verdict: inconclusive, metadata: shop("onInconclusive", "hold")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHooks()
			if status, text := h.call(t, "start", "c1", shop()); status != 200 {
				t.Fatalf("start: %d %s", status, text)
			}
			h.service.becomes(found(c.state, c.verdict))
			h.service.becomes(func(a *judgedv1.Analysis) { a.Trouble = c.trouble })
			if c.metadata == nil {
				c.metadata = shop()
			}
			for which, hook := range names {
				want := http.StatusConflict
				if c.ok&which != 0 {
					want = http.StatusOK
				}
				status, text := h.call(t, hook, "c1", c.metadata)
				if status != want {
					t.Errorf("%s: %d, want %d: %s", hook, status, want, text)
				}
				if !strings.HasSuffix(text, " https://judged.example.com/analyses/a1") {
					t.Errorf("%s: the link is not the last word of %q", hook, text)
				}
			}
			if len(h.service.all) != 1 {
				t.Errorf("asking started analyses: %v", h.service.all)
			}
		})
	}
}

func TestStart(t *testing.T) {
	h := newHooks()
	metadata := shop("baseline.version", "v1", "canary.version", "v2", "canary.target", "podinfo-canary")
	status, text := h.call(t, "start", "c1", metadata)
	if status != 200 || text != "started analysis a1 of config shop https://judged.example.com/analyses/a1" {
		t.Errorf("%d %s", status, text)
	}
	a := h.service.all[0]
	if diff := cmp.Diff(map[string]string{"judged.dev/key": "flagger/test/podinfo", "flagger.app/checksum": "c1"}, a.GetLabels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"namespace": "test", "target": "podinfo-primary", "version": "v1"}, a.GetConfig().GetScopes().GetBaseline().GetVariables()); diff != "" {
		t.Errorf("baseline (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"namespace": "test", "target": "podinfo-canary", "version": "v2"}, a.GetConfig().GetScopes().GetCanary().GetVariables()); diff != "" {
		t.Errorf("canary (-want +got):\n%s", diff)
	}
	// Flagger calls again: a retry, or another pre-rollout hook refused.
	if status, text := h.call(t, "start", "c1", metadata); status != 200 || !strings.HasPrefix(text, "analysis a1 was started before: INCONCLUSIVE: the first look is due at 2026-03-01T12:01:10Z") {
		t.Errorf("%d %s", status, text)
	}
	// Another cluster's canary of the same name is another one.
	if status, text := h.call(t, "start", "c1", shop("cluster", "eu-1")); status != 200 || !strings.HasPrefix(text, "started analysis a2") {
		t.Errorf("%d %s", status, text)
	}
	if got := h.service.all[1].GetLabels()["judged.dev/key"]; got != "flagger/eu-1/test/podinfo" {
		t.Errorf("key %s", got)
	}
	if len(h.service.all) != 2 {
		t.Errorf("%d analyses", len(h.service.all))
	}
}

// A hook that no start came before starts the analysis itself; rollback and finish
// do not.
func TestStartsItself(t *testing.T) {
	for hook, want := range map[string]int{"rollout": 200, "confirm-traffic-increase": 200, "confirm-promotion": 409} {
		h := newHooks()
		status, text := h.call(t, hook, "c1", shop())
		if status != want || !strings.HasPrefix(text, "no hook started an analysis before, so this one did: INCONCLUSIVE: the first look is due") {
			t.Errorf("%s: %d %s", hook, status, text)
		}
		if len(h.service.all) != 1 {
			t.Errorf("%s: %d analyses", hook, len(h.service.all))
		}
	}
	for hook, want := range map[string]int{"rollback": 409, "finish": 200} {
		h := newHooks()
		status, text := h.call(t, hook, "c1", shop())
		if status != want || !strings.Contains(text, "there is no analysis of test/podinfo with checksum c1") {
			t.Errorf("%s: %d %s", hook, status, text)
		}
		if len(h.service.all) != 0 {
			t.Errorf("%s started an analysis", hook)
		}
	}
}

// The FAIL of one revision does not roll back the next, its PASS does not promote
// it, and what is still looking at it ends.
func TestNewRevision(t *testing.T) {
	h := newHooks()
	h.call(t, "start", "c1", shop())
	h.service.becomes(found(completed, fail))
	if status, text := h.call(t, "rollback", "c2", shop()); status != 409 {
		t.Errorf("rollback by an older revision's FAIL: %s", text)
	}
	h.call(t, "start", "c2", shop())
	h.service.becomes(found(completed, pass))
	if status, text := h.call(t, "confirm-promotion", "c3", shop()); status != 409 {
		t.Errorf("promotion by an older revision's PASS: %s", text)
	}
	// c3 lives, c4 comes.
	if status, text := h.call(t, "start", "c4", shop()); status != 200 {
		t.Error(text)
	}
	if diff := cmp.Diff([]string{"COMPLETED", "COMPLETED", "CANCELED", "PENDING"}, h.service.states()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := h.service.all[2].GetCancelReason(); got != "Flagger has a new revision of test/podinfo: checksum c4" {
		t.Error(got)
	}
	// An old revision that is deployed again is judged again: what it did then
	// says nothing of now.
	if status, text := h.call(t, "confirm-promotion", "c2", shop()); status != 409 || len(h.service.all) != 5 {
		t.Errorf("%d analyses, %d %s", len(h.service.all), status, text)
	}
}

func TestConfirmRollout(t *testing.T) {
	h := newHooks()
	const hook = "confirm-rollout"
	expect := func(want int, parts ...string) {
		t.Helper()
		status, text := h.call(t, hook, "c1", shop("baseline.zone", "a"))
		if status != want {
			t.Errorf("%d, want %d: %s", status, want, text)
		}
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
	}
	expect(409, "the first look is due")
	scopes := h.service.all[0].GetConfig().GetScopes()
	if diff := cmp.Diff(map[string]string{"namespace": "test", "target": "podinfo-primary", "zone": "a"}, scopes.GetCanary().GetVariables()); diff != "" || len(scopes.GetBaseline().GetVariables()) > 0 {
		t.Errorf("it compares %v: the baseline should be compared with its own past", scopes)
	}
	h.service.becomes(found(running, inconclusive))
	expect(409, "INCONCLUSIVE: look 7 of 30")
	h.service.becomes(found(completed, fail))
	expect(409, "a2", "before: FAIL: said after look 7")
	h.service.becomes(found(completed, pass))
	expect(200, "PASS")
	h.service.now = h.service.now.Add(10 * time.Minute)
	expect(200, "PASS")
	// That was the last rollout's.
	h.service.now = h.service.now.Add(time.Second)
	expect(409, "a3")
	// The release's own analysis is another one.
	if _, text := h.call(t, "start", "c1", shop()); !strings.HasPrefix(text, "started analysis a4") {
		t.Error(text)
	}
	expect(409, "a3")
	if status, text := h.call(t, hook, "c1", nil); status != 409 || !strings.Contains(text, "metadata.config") {
		t.Errorf("%d %s", status, text)
	}
}

func TestFinish(t *testing.T) {
	for phase, want := range map[string]string{
		"Succeeded":   "Flagger: the release of test/podinfo promoted",
		"Failed":      "Flagger: the release of test/podinfo failed and was rolled back",
		"Terminating": "Flagger: the release of test/podinfo ended with phase Terminating",
	} {
		h := newHooks()
		h.call(t, "start", "c1", shop())
		body := fmt.Sprintf(`{"name":"podinfo","namespace":"test","phase":%q,"checksum":"c1"}`, phase)
		// Flagger has gone on to another revision: that one is not over.
		if status, text := h.post(t, "finish", strings.ReplaceAll(body, "c1", "c0")); status != 200 || h.service.all[0].GetEndTime() != nil {
			t.Errorf("%d %s", status, text)
		}
		if status, text := h.post(t, "finish", body); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%d %s", status, text)
		}
		if got := h.service.all[0].GetCancelReason(); got != want {
			t.Errorf("cancelled because %q, want %q", got, want)
		}
		if status, text := h.post(t, "finish", body); status != 200 || !strings.HasPrefix(text, "it had ended: INCONCLUSIVE: the analysis was cancelled") {
			t.Errorf("%d %s", status, text)
		}
	}
}

// Whatever is wrong, a hook refuses and says why; rollback above all.
func TestRefusals(t *testing.T) {
	good := `{"name":"podinfo","namespace":"test","checksum":"c1","metadata":{"config":"shop"}}`
	for name, c := range map[string]struct{ body, want string }{
		"no JSON":            {"podinfo", "the body is not what Flagger sends"},
		"empty":              {"", "the body is not what Flagger sends"},
		"a number":           {strings.Replace(good, `"shop"`, "1", 1), "metadata of strings"},
		"too long":           {good + strings.Repeat(" ", 64<<10), "more than 65536 bytes"},
		"no name":            {strings.Replace(good, "podinfo", "", 1), `name: "" is no name of Kubernetes`},
		"a slash":            {strings.Replace(good, "podinfo", "a/b", 1), `name: "a/b" is no name of Kubernetes`},
		"no namespace":       {strings.Replace(good, "test", "", 1), "namespace:"},
		"no checksum":        {strings.Replace(good, "c1", "", 1), "checksum:"},
		"unknown key":        {strings.Replace(good, "config", "cofnig", 1), `metadata: judged knows no "cofnig": only config,`},
		"unknown policy":     {strings.Replace(good, `"shop"`, `"shop","onInconclusive":"pass"`, 1), "say hold, promote or rollback"},
		"unknown require":    {strings.Replace(good, `"shop"`, `"shop","require":"PASS"`, 1), "say no-fail or pass"},
		"unreadable cluster": {strings.Replace(good, `"shop"`, `"shop","cluster":"A B"`, 1), "metadata.cluster"},
	} {
		for _, hook := range []string{"start", "confirm-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback", "finish"} {
			h := newHooks()
			if status, text := h.post(t, hook, c.body); status != 409 || !strings.Contains(text, c.want) {
				t.Errorf("%s, %s: %d %s, want %q", hook, name, status, text, c.want)
			}
		}
	}
	for _, hook := range []string{"start", "confirm-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion"} {
		h := newHooks()
		if status, text := h.call(t, hook, "c1", nil); status != 409 || !strings.Contains(text, "set metadata.config to the name of a stored config") {
			t.Errorf("%s: %d %s", hook, status, text)
		}
		if status, text := h.call(t, hook, "c1", map[string]string{"config": "unknown"}); status != 409 || text != `there is no config "unknown"` {
			t.Errorf("%s: %d %s", hook, status, text)
		}
	}
	for _, code := range []connect.Code{connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodePermissionDenied, connect.CodeInternal} {
		for _, hook := range []string{"start", "confirm-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback", "finish"} {
			h := newHooks()
			h.call(t, "start", "c1", shop())
			h.service.becomes(found(completed, fail))
			h.service.fail = connect.NewError(code, errors.New("this server's database failed\n\n"+strings.Repeat("é", 400)))
			status, text := h.call(t, hook, "c1", shop())
			if status != 409 || !strings.HasPrefix(text, "this server's database failed é") || !strings.HasSuffix(text, "é…") {
				t.Errorf("%s, %v: %d %s", hook, code, status, text)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	h := newHooks()
	if status, text := h.call(t, "event", "c1", map[string]string{
		"eventMessage": "Advance podinfo.test\ncanary weight 10", "eventType": "Normal", "timestamp": "1772366400123", "of our own": "anything",
	}); status != 200 || text != "recorded" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := h.post(t, "event", "no JSON"); status != 200 {
		t.Errorf("an event that cannot be read: %d", status)
	}
	if status, _ := h.post(t, "event", `{"name":"A","namespace":"/","metadata":{"timestamp":"99999999999999999"}}`); status != 200 {
		t.Errorf("an event of nobody: %d", status)
	}
	want := []flagger.Event{
		{Canary: "test/podinfo", Phase: "Progressing", Checksum: "c1", Type: "Normal", Message: "Advance podinfo.test canary weight 10", Time: time.UnixMilli(1772366400123)},
		{Time: h.service.now},
	}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(h.service.all) != 0 {
		t.Error("an event started an analysis")
	}
}

func TestPaths(t *testing.T) {
	h := newHooks()
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{http.MethodPost, "/flagger/confirm", 404, "confirm-traffic-increase"},
		{http.MethodPost, "/flagger/", 404, "judged's webhooks are"},
		{http.MethodGet, "/flagger/rollback", 405, "with POST"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

func TestWriteError(t *testing.T) {
	want := map[connect.Code]int{connect.CodeUnauthenticated: 401, connect.CodePermissionDenied: 403}
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		w := httptest.NewRecorder()
		flagger.WriteError(w, connect.NewError(code, errors.New("the token\nhas expired")))
		status := want[code]
		if status == 0 {
			status = 409
		}
		if w.Code != status || w.Body.String() != "the token has expired" {
			t.Errorf("%v: %d %s, want %d", code, w.Code, w.Body, status)
		}
	}
}

// Calls that come at the same time, as when Flagger retries what it thinks lost,
// are about one analysis.
func TestCallsAtTheSameTime(t *testing.T) {
	for range 20 {
		h := newHooks()
		h.call(t, "start", "c0", shop())
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { h.call(t, "start", "c1", shop()) })
		}
		group.Wait()
		if diff := cmp.Diff([]string{"CANCELED", "PENDING"}, h.service.states()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func FuzzHooks(f *testing.F) {
	f.Add("rollback", `{"name":"podinfo","namespace":"test","phase":"Progressing","checksum":"c1","metadata":{"config":"shop"}}`)
	f.Add("start", `{"name":"podinfo","namespace":"test","checksum":"c1","metadata":{"config":"shop","canary.version":"v2","baseline.":""}}`)
	f.Add("event", `{"metadata":{"eventMessage":"x","timestamp":"-1"}}`)
	f.Add("confirm-promotion", "{\"name\":\"a\u2028b\"}")
	all := slices.Collect(maps.Keys(map[string]bool{
		"start": true, "confirm-rollout": true, "rollout": true, "confirm-traffic-increase": true, "confirm-promotion": true, "rollback": true, "finish": true, "event": true,
	}))
	f.Fuzz(func(t *testing.T, hook, body string) {
		if !slices.Contains(all, hook) {
			hook = "rollback"
		}
		h := newHooks()
		status, text := h.post(t, hook, body)
		if hook == "rollback" && status == http.StatusOK {
			t.Errorf("%q rolls back: %s", body, text)
		}
	})
}
