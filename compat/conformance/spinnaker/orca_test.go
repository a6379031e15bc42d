package spinnaker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// patience is for a machine that does much else.
const patience = time.Minute

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// config is a canary config of n metrics in one group, so that each is worth 100/n.
// A query is live.Part of its number, or what query returns.
func config(name, judge string, n int, query func(i int) string) map[string]any {
	metrics := []any{}
	for i := 1; i <= n; i++ {
		text := live.Part(i, "${scope}")
		if query != nil {
			text = query(i)
		}
		metrics = append(metrics, map[string]any{
			"name": fmt.Sprint("part ", i), "groups": []any{"all"}, "scopeName": "default",
			"query": map[string]any{"type": "prometheus", "serviceType": "prometheus", "customInlineTemplate": "PromQL:" + text},
			"analysisConfigurations": map[string]any{
				"canary": map[string]any{"direction": "increase"},
				"judged": map[string]any{"margin": 0.15, "tolerance": 0.15},
			},
		})
	}
	return map[string]any{
		"name": name, "description": "of a test", "configVersion": "1", "applications": []any{"shop"}, "metrics": metrics, "templates": map[string]any{},
		"judge":      map[string]any{"name": judge, "judgeConfigurations": map[string]any{}},
		"classifier": map[string]any{"groupWeights": map[string]any{"all": 100}},
	}
}

// stored stores a config as Gate does and returns its id.
func stored(t testing.TB, c caller, config map[string]any) string {
	t.Helper()
	var answer struct {
		ID string `json:"canaryConfigId"`
	}
	if err := c.do(limited(t), http.MethodPost, "canaryConfig", nil, config, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

const (
	netflix = "NetflixACAJudge-v1.0"
	ours    = "judged-v1.0"
)

// Each end that Orca's stage can have.
func TestOrcaVerdicts(t *testing.T) {
	server, _ := start(t, "")
	o := orca{callerOf(server)}
	planned := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	parts := stored(t, o.caller, config("parts", netflix, 4, nil))
	few := stored(t, o.caller, config("few", ours, 1, func(int) string { return `few{version="${scope}"}` }))
	latency := stored(t, o.caller, config("latency", ours, 1, func(int) string { return `latency{version="${scope}"}` }))
	const (
		notAbove = "Canary score is not above the marginal score threshold."
		below    = "Final canary score %d.0 is below the pass score threshold."
		passed   = "Final canary score %d.0 met or exceeded the pass score threshold."
	)
	for _, c := range []struct {
		name, config, canary string
		pass, marginal       int
		status, message      string
		scores               []int
	}{
		{"pass", parts, live.Better, 75, 50, "SUCCEEDED", fmt.Sprintf(passed, 100), []int{100, 100, 100}},
		{"at the pass threshold", parts, live.SlowIn(1), 75, 50, "SUCCEEDED", fmt.Sprintf(passed, 75), []int{75, 75, 75}},
		{"between", parts, live.SlowIn(1), 90, 50, "TERMINAL", fmt.Sprintf(below, 75), []int{75, 75, 75}},
		{"at the marginal threshold", parts, live.SlowIn(2), 75, 50, "TERMINAL", notAbove, []int{50}},
		{"above the marginal threshold", parts, live.SlowIn(2), 50, 49, "SUCCEEDED", fmt.Sprintf(passed, 50), []int{50, 50, 50}},
		{"fail", parts, live.SlowIn(4), 75, 50, "TERMINAL", notAbove, []int{0}},
		{"no data", parts, live.Silent, 75, 50, "TERMINAL", notAbove, []int{0}},
		{"PASS", latency, live.Better, 75, 50, "SUCCEEDED", fmt.Sprintf(passed, 100), []int{100, 100, 100}},
		{"INCONCLUSIVE", few, live.Better, 75, 50, "TERMINAL", fmt.Sprintf(below, 62), []int{62, 62, 62}},
		{"FAIL", latency, live.Slow, 75, 50, "TERMINAL", notAbove, []int{0}},
		{"FAIL, with a marginal threshold of 0", latency, live.Slow, 75, 0, "TERMINAL", notAbove, []int{-1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := 60
			if c.config == few {
				step = 1800 // two points, three, four
			}
			s := readStage(t, fmt.Sprintf(`{"metricsAccountName": %q, "storageAccountName": "judged", "canaryConfigId": %q,
				"scopes": [{"scopeName": "default", "controlScope": %q, "controlLocation": "eu", "experimentScope": %q, "experimentLocation": "eu", "step": %d, "extendedScopeParams": {"team": "a"}}],
				"scoreThresholds": {"pass": "%d", "marginal": "%d"}, "lifetimeDuration": "PT1H30M", "canaryAnalysisIntervalMins": "30", "beginCanaryAnalysisAfterMins": "5"}`,
				live.Source, c.config, live.Good, c.canary, step, c.pass, c.marginal))
			out := s.run(limited(t), o, "shop", planned)
			if out.status != c.status || out.message != c.message || !slices.Equal(out.scores, c.scores) {
				t.Errorf("%s %q, scores %v; want %s %q, %v", out.status, out.message, out.scores, c.status, c.message, c.scores)
			}
			if want := 5*time.Minute + time.Duration(len(c.scores))*30*time.Minute; out.waited != want {
				t.Errorf("waited for %v, want %v", out.waited, want)
			}
			want := 1 // 31 points, then 61 and 91
			if c.config == few {
				want = len(c.scores)
			}
			if len(out.warnings) != want {
				t.Errorf("%d warnings of few points, want %d: %v", len(out.warnings), want, out.warnings)
			}
		})
	}
}

// The windows that Orca asks for are those that are judged.
func TestOrcaWindows(t *testing.T) {
	server, _ := start(t, "")
	o := orca{callerOf(server)}
	id := stored(t, o.caller, config("parts", netflix, 1, nil))
	planned := time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	at := func(minutes int) time.Time { return planned.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		stage           string
		control, canary [][2]time.Time
	}{
		"growing": {
			`"lifetimeDuration": "PT1H", "canaryAnalysisIntervalMins": 25, "beginCanaryAnalysisAfterMins": 10`,
			[][2]time.Time{{at(10), at(35)}, {at(10), at(60)}},
			[][2]time.Time{{at(10), at(35)}, {at(10), at(60)}},
		},
		"sliding": {
			`"lifetimeDuration": "PT1H", "canaryAnalysisIntervalMins": 30, "lookbackMins": 20`,
			[][2]time.Time{{at(10), at(30)}, {at(40), at(60)}},
			[][2]time.Time{{at(10), at(30)}, {at(40), at(60)}},
		},
		"against the hour before": {
			`"lifetimeDuration": "PT30M", "baselineAnalysisOffsetInMins": 60`,
			[][2]time.Time{{at(-60), at(-30)}},
			[][2]time.Time{{at(0), at(30)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := readStage(t, fmt.Sprintf(`{"canaryConfigId": %q, "scopes": [{"controlScope": "v1", "experimentScope": "v2"}], %s}`, id, c.stage))
			check(t, o, s.run(limited(t), o, "shop", planned), c.control, c.canary)
		})
	}
	t.Run("in retrospect", func(t *testing.T) {
		s := readStage(t, fmt.Sprintf(`{"canaryConfigId": %q, "canaryAnalysisIntervalMins": 30, "beginCanaryAnalysisAfterMins": 10,
			"scopes": [{"controlScope": "v1", "experimentScope": "v2", "startTimeIso": %q, "endTimeIso": %q}]}`, id, at(-60).Format(time.RFC3339), at(0).Format(time.RFC3339)))
		windows := [][2]time.Time{{at(-60), at(-30)}, {at(-60), at(0)}}
		check(t, o, s.run(limited(t), o, "shop", planned), windows, windows)
	})
}

// check compares the windows of a stage's canaries, as judged tells them.
func check(t *testing.T, o orca, out outcome, control, canary [][2]time.Time) {
	t.Helper()
	if out.status != "SUCCEEDED" || len(out.executions) != len(control) {
		t.Fatalf("%+v, want %d canaries", out, len(control))
	}
	for i, id := range out.executions {
		r, err := o.results(limited(t), id, "")
		if err != nil {
			t.Fatal(err)
		}
		scopes := r.CanaryExecutionRequest.Scopes["default"]
		if got := [2]time.Time{scopes.ControlScope.Start, scopes.ControlScope.End}; !got[0].Equal(control[i][0]) || !got[1].Equal(control[i][1]) {
			t.Errorf("control %d: %v, want %v", i+1, got, control[i])
		}
		if got := [2]time.Time{scopes.ExperimentScope.Start, scopes.ExperimentScope.End}; !got[0].Equal(canary[i][0]) || !got[1].Equal(canary[i][1]) {
			t.Errorf("experiment %d: %v, want %v", i+1, got, canary[i])
		}
		length := fmt.Sprintf("PT%dM", int(canary[i][1].Sub(canary[i][0]).Minutes()))
		if length == "PT60M" {
			length = "PT1H"
		}
		if d := r.Result.CanaryDuration; d == nil || string(*d) != length {
			t.Errorf("canaryDuration %v, want %s", d, length)
		}
		if r.Application != "shop" || r.BuildTime == nil || r.StartTime == nil || r.EndTime == nil {
			t.Errorf("%+v", r)
		}
	}
}

// past is a stage of one judgment of a past half an hour.
func past(t testing.TB, account, config, control, experiment string) *stage {
	t.Helper()
	end := time.Now().Truncate(time.Minute)
	return readStage(t, fmt.Sprintf(`{"metricsAccountName": %q, "canaryConfigId": %q, "scopes": [{"controlScope": %q, "experimentScope": %q, "startTimeIso": %q, "endTimeIso": %q}]}`,
		account, config, control, experiment, end.Add(-30*time.Minute).Format(time.RFC3339), end.Format(time.RFC3339)))
}

// What keeps a canary from being judged is said where Deck shows it.
func TestOrcaTerminal(t *testing.T) {
	server, _ := start(t, "")
	o := orca{callerOf(server)}
	parts := stored(t, o.caller, config("parts", netflix, 2, nil))
	elsewhere := config("elsewhere", netflix, 1, nil)
	elsewhere["metrics"].([]any)[0].(map[string]any)["query"] = map[string]any{"type": "stackdriver", "metricType": "cpu"}
	google := stored(t, o.caller, elsewhere)
	good := past(t, live.Source, parts, "v1", "v2")
	named := func(name, application string) *stage {
		s := *good
		s.CanaryConfigID, s.CanaryConfigName, s.StorageAccountName = "", name, application
		return &s
	}
	otherScope := *good
	otherScope.Scopes = slices.Clone(good.Scopes)
	otherScope.Scopes[0].ScopeName = "other"
	for name, c := range map[string]struct {
		stage    *stage
		canaries int
		message  []string
	}{
		"the source refuses":   {past(t, live.Source, parts, "v1", live.Broken), 1, []string{"part 1", "this query is broken"}},
		"an unknown store":     {past(t, live.Source, google, "v1", "v2"), 0, []string{"Status: 400", "stackdriver", "prometheus"}},
		"an unknown config":    {past(t, live.Source, "nobody", "v1", "v2"), 0, []string{"Status: 404", "'nobody'"}},
		"an unknown account":   {past(t, "nobody", parts, "v1", "v2"), 0, []string{"Status: 400", "Unable to resolve account nobody."}},
		"an unknown storage":   {named("parts", "bucket"), 0, []string{"Status: 400", "Unable to resolve account bucket.", "kayenta.storage_accounts"}},
		"an unknown name":      {named("nobody", ""), 0, []string{"Couldn't find a canary configId for configName nobody"}},
		"no scope of the name": {&otherScope, 0, []string{"Status: 400", "scopes which were not provided", "default"}},
		"a scope of operators": {past(t, live.Source, parts, "v1", `v2"} or vector(1) or x{a="`), 0, []string{"Status: 400", "would change the query"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := c.stage.run(limited(t), o, "shop", time.Now())
			for _, part := range c.message {
				if out.status != "TERMINAL" || len(out.executions) != c.canaries || !strings.Contains(out.message, part) {
					t.Errorf("%+v, want TERMINAL after %d canaries with %q", out, c.canaries, part)
				}
			}
		})
	}
	if out := named("parts", "").run(limited(t), o, "shop", time.Now()); out.status != "SUCCEEDED" {
		t.Errorf("by the config's name: %+v", out)
	}
}

// inOutage starts a canary whose source is out of order.
func inOutage(t *testing.T) (*live.Server, *backend, orca, *stage, *outcome) {
	t.Helper()
	server, b := start(t, "")
	b.down.Store(true)
	o := orca{callerOf(server)}
	s := past(t, outages, stored(t, o.caller, config("parts", netflix, 2, nil)), "v1", "v2")
	window := [2]time.Time{s.Scopes[0].StartTimeIso, s.Scopes[0].EndTimeIso}
	out := new(outcome)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // Orca's stage is stopped when the canary is there and under way
		defer cancel()
		for ctx.Err() == nil {
			var list []struct {
				Status string `json:"status"`
			}
			if err := o.do(ctx, http.MethodGet, "canary/executions", map[string][]string{"application": {"shop"}}, nil, &list); err == nil && len(list) == 1 && list[0].Status == "running" {
				return
			}
			time.Sleep(pollEvery)
		}
	}()
	s.canary(ctx, o, "shop", s.CanaryConfigID, window, out)
	if len(out.executions) != 1 {
		t.Fatalf("%+v", out)
	}
	return server, b, o, s, out
}

// A canary that Orca cancels, because a person cancels the pipeline, has ended.
func TestOrcaCancel(t *testing.T) {
	t.Parallel()
	_, _, o, s, out := inOutage(t)
	id := out.executions[0]
	for range 2 { // Orca may say it twice
		if err := o.cancel(limited(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if s.monitor(limited(t), o, id, out); out.message != "Canary execution was canceled." {
		t.Errorf("%+v", out)
	}
	refused, ok := errors.AsType[*refusal](o.cancel(limited(t), "nobody"))
	if !ok || refused.code != http.StatusNotFound {
		t.Errorf("cancel nobody: %v", refused)
	}
}

// A canary goes on when judged is killed and starts again, and Orca, which finds
// nobody in between, with it.
func TestOrcaRestart(t *testing.T) {
	t.Parallel()
	server, b, o, s, out := inOutage(t)
	id := out.executions[0]
	server.Kill()
	if _, err := o.results(limited(t), id, ""); err == nil || !retried(http.MethodGet, err) {
		t.Fatalf("judged is down: %v", err)
	}
	// A POST is not repeated, so that a stage that begins now is lost.
	if out := past(t, outages, "any", "v1", "v2").run(limited(t), o, "shop", time.Now()); out.status != "TERMINAL" || len(out.executions) != 0 || !strings.Contains(out.message, "refused") {
		t.Errorf("started while judged is down: %+v", out)
	}
	done := make(chan bool)
	go func() { done <- s.monitor(limited(t), o, id, out) }()
	b.down.Store(false)
	server.Restart()
	if ok := <-done; !ok || !slices.Equal(out.scores, []int{100}) {
		t.Errorf("%+v", out)
	}
}

// Two canaries at a time are each other's business where judged allows one: Orca
// waits for its turn.
func TestOrcaWaitsItsTurn(t *testing.T) {
	t.Parallel()
	server, b := start(t, "limits: {live_analyses: 1}\n")
	o := orca{callerOf(server)}
	id := stored(t, o.caller, config("parts", netflix, 1, nil))
	b.down.Store(true)
	first := past(t, outages, id, "v1", "v2")
	version := "v1"
	scope := canaryScope{Scope: &version, Start: first.Scopes[0].StartTimeIso, End: first.Scopes[0].EndTimeIso, Step: 60}
	scopes := map[string]canaryScopes{"default": {ControlScope: scope, ExperimentScope: scope}}
	blocking, err := o.create(limited(t), id, "shop", "01JPIPELINE", first, scopes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.create(limited(t), id, "shop", "01JPIPELINE", first, scopes)
	if refused, ok := errors.AsType[*refusal](err); !ok || !retried(http.MethodPost, err) || !strings.Contains(refused.Error(), "running") {
		t.Fatalf("a second one: %v", err)
	}
	if err := o.cancel(limited(t), blocking); err != nil {
		t.Fatal(err)
	}
	if out := past(t, live.Source, id, "v1", "v2").run(limited(t), o, "shop", time.Now()); out.status != "SUCCEEDED" {
		t.Errorf("%+v", out)
	}
}
