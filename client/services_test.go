package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

func TestConfigs(t *testing.T) {
	j := start(t, nil)
	c, ctx := j.client, t.Context()
	first, err := c.CreateConfig(ctx, config("checkout", 1), "the first")
	if err != nil || first.GetRevision() != 1 || first.GetComment() != "the first" {
		t.Fatalf("%v, %v", first, err)
	}
	changed := config("checkout", 2)
	second, err := c.UpdateConfig(ctx, changed, 1, "")
	if err != nil || second.GetRevision() != 2 {
		t.Fatalf("%v, %v", second, err)
	}
	var e *client.Error
	if _, err := c.UpdateConfig(ctx, changed, 1, ""); !errors.As(err, &e) || e.Code != connect.CodeAborted {
		t.Errorf("stale: %v", err)
	}
	if _, err := c.CreateConfig(ctx, changed, ""); !errors.As(err, &e) || e.Code != connect.CodeAlreadyExists {
		t.Errorf("twice: %v", err)
	}
	if got, err := c.GetConfig(ctx, "checkout", 1); err != nil || !proto.Equal(got.GetConfig(), first.GetConfig()) || got.GetRevision() != 1 {
		t.Errorf("%v, %v", got, err)
	}
	var revisions []int64
	for r, err := range c.ListRevisions(ctx, "checkout") {
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, r.GetRevision())
	}
	if fmt.Sprint(revisions) != "[2 1]" {
		t.Errorf("revisions %v", revisions)
	}
	if diff, err := c.DiffRevisions(ctx, "checkout", 0, 0); err != nil || !strings.Contains(diff.GetDiff(), "+  duration: 1200s") {
		t.Errorf("%v, %v", diff, err)
	}
	if v, err := c.ValidateConfig(ctx, "name: x"); err != nil || len(v.GetProblems()) == 0 {
		t.Errorf("%v, %v", v, err)
	}
	// More than a page, out and in again.
	var texts []string
	for i := range 120 {
		texts = append(texts, strings.Replace(shopYAML, "NAME", fmt.Sprintf("c-%03d", i), 1))
	}
	imported, err := c.ImportConfigs(ctx, &judgedv1.ImportConfigsRequest{Texts: texts})
	if err != nil || len(imported) != 120 || imported[119].GetChange() != "created" {
		t.Fatalf("%v, %v", imported, err)
	}
	var listed, exported []string
	for s, err := range c.ListConfigs(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, s.GetConfig().GetName())
	}
	texts = nil
	for f, err := range c.ExportConfigs(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		exported = append(exported, f.GetName())
		texts = append(texts, f.GetText())
	}
	if len(listed) != 121 || strings.Join(listed, " ") != strings.Join(exported, " ") {
		t.Errorf("listed %v, exported %v", listed, exported)
	}
	imported, err = c.ImportConfigs(ctx, &judgedv1.ImportConfigsRequest{Texts: texts})
	if err != nil || len(imported) != 121 {
		t.Fatal(err)
	}
	for _, i := range imported {
		if i.GetChange() != "unchanged" {
			t.Errorf("%v", i)
		}
	}
	n := 0
	for _, err := range c.ExportConfigs(ctx, "c-007", "checkout") {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 2 {
		t.Errorf("%d configs", n)
	}
	if err := c.DeleteConfig(ctx, "checkout"); err != nil {
		t.Error(err)
	}
	if _, err := c.GetConfig(ctx, "checkout", 0); !errors.As(err, &e) || e.Code != connect.CodeNotFound {
		t.Errorf("deleted: %v", err)
	}
	for _, err := range c.ListRevisions(ctx, "checkout") {
		if !errors.As(err, &e) || e.Code != connect.CodeNotFound {
			t.Errorf("deleted: %v", err)
		}
	}
}

const shopYAML = `name: NAME
metrics:
  - {name: latency, source: shop, query: "latency"}
scopes: {baseline: {v: "1"}, canary: {v: "2"}}
`

func TestAnalyses(t *testing.T) {
	j := start(t, nil)
	j.release.open()
	c, ctx := j.client, t.Context()
	var ids []string
	for range 7 {
		ids = append(ids, j.begin(t, 3))
	}
	for _, id := range ids {
		if _, err := c.WaitForVerdict(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for a, err := range c.ListAnalyses(ctx, &judgedv1.ListAnalysesRequest{PageSize: 2, Application: "shop"}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; a.GetId() != ids[len(ids)-n] {
			t.Errorf("entry %d is %s, want the newest first", n, a.GetId())
		}
	}
	if n != 7 {
		t.Errorf("%d analyses", n)
	}
	for a, err := range c.ListAnalyses(ctx, nil) {
		if err != nil || a.GetId() != ids[6] {
			t.Errorf("%v, %v", a, err)
		}
		break
	}
	for _, err := range c.ListAnalyses(ctx, &judgedv1.ListAnalysesRequest{PageToken: "rubbish"}) {
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != connect.CodeInvalidArgument {
			t.Errorf("%v", err)
		}
	}
	var numbers []int32
	for look, err := range c.ListLooks(ctx, ids[0]) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, look.GetNumber())
	}
	if fmt.Sprint(numbers) != "[1 2 3]" {
		t.Errorf("looks %v", numbers)
	}
	for _, err := range c.ListLooks(ctx, "nobody") {
		if err == nil {
			t.Error("looks of nobody")
		}
	}
	if r, err := c.GetRecording(ctx, ids[0]); err != nil || len(r.GetLooks()) != 3 || len(r.GetLooks()[0].GetPoints()) == 0 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestAdmin(t *testing.T) {
	j := start(t, nil)
	c, ctx := j.client, t.Context()
	for i := range 60 {
		if _, err := c.CreateConfig(ctx, config(fmt.Sprintf("c-%d", i), 1), ""); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for e, err := range c.ListAuditEvents(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.GetAction() != "configs.create" {
			t.Errorf("%v", e)
		}
	}
	if n != 60 {
		t.Errorf("%d events", n)
	}
	for e, err := range c.ListAuditEvents(ctx, &judgedv1.ListAuditEventsRequest{Object: "c-7"}) {
		if err != nil || e.GetObject() != "c-7" {
			t.Errorf("%v, %v", e, err)
		}
	}
	for d, err := range c.ListDeliveries(ctx, true) {
		t.Errorf("a dead letter of a server without channels: %v, %v", d, err)
	}
	for name, err := range map[string]error{"retry": c.RetryDelivery(ctx, "nobody"), "drop": c.DropDelivery(ctx, "nobody")} {
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != connect.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A list whose next page never comes to an end.
func TestPagesThatTurnInCircles(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"configs": [{"revision": "1"}], "nextPageToken": "again"}`)
	}))
	defer web.Close()
	c, err := client.New(web.URL, client.WithJSON())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range c.ListConfigs(t.Context()) {
		n++
	}
	if n != 3 || err == nil || !strings.Contains(err.Error(), "the same page") {
		t.Errorf("%d entries, %v", n, err)
	}
}

// What a caller may not do is said once, and not tried again.
func TestRefusals(t *testing.T) {
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{{Name: "readers", Allow: `action == "configs.list"`}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Sources: analysis.NewSources(), Authorization: rules})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	calls := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { web.Close(); s.Close() })
	c, err := client.New(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Hurry().ListAnalyses(t.Context(), nil) {
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != connect.CodePermissionDenied || calls != 1 {
			t.Errorf("after %d calls: %v", calls, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "99999999999": 0,
		"Sun, 01 Mar 2026 12:00:05 GMT": 5 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		e := connect.NewError(connect.CodeUnavailable, errors.New("x"))
		e.Meta().Set("Retry-After", text)
		if got := client.RetryAfter(e, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := client.RetryAfter(errors.New("x"), now); got != 0 {
		t.Error(got)
	}
}

// Pauses grow up to a bound, differ from each other, and are never shorter than
// a server asks for, up to a bound.
func TestPauses(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	busy := connect.NewError(connect.CodeUnavailable, errors.New("x"))
	asking := func(seconds string) error {
		e := connect.NewError(connect.CodeUnavailable, errors.New("x"))
		e.Meta().Set("Retry-After", seconds)
		return e
	}
	for name, c := range map[string]struct {
		attempt   int
		err       error
		low, high time.Duration
	}{
		"first":    {1, busy, 50 * time.Millisecond, 150 * time.Millisecond},
		"fourth":   {4, busy, 400 * time.Millisecond, 1200 * time.Millisecond},
		"30th":     {30, busy, 5 * time.Second, 15 * time.Second},
		"asked":    {1, asking("4"), 4 * time.Second, 5 * time.Second},
		"too long": {1, asking("3600"), time.Minute, 75 * time.Second},
		"at once":  {1, asking("0"), 50 * time.Millisecond, 150 * time.Millisecond},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			w := client.Wait(100*time.Millisecond, c.attempt, c.err, now)
			if seen[w] = true; w < c.low || w > c.high {
				t.Errorf("%s: %v, want %v to %v", name, w, c.low, c.high)
			}
		}
		if len(seen) < 100 {
			t.Errorf("%s: only %d different pauses of 200", name, len(seen))
		}
	}
}
