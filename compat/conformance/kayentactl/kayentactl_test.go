package kayentactl_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

func TestMain(m *testing.M) { os.Exit(live.Main(m)) }

// Each end that "kayentactl analysis start" can have.
func TestAnalysis(t *testing.T) {
	c := clientOf(live.Start(t, ""))
	for _, one := range []struct {
		name, experiment string
		exit             int
		passed           bool
		scores           []float64
		message          string
		stages           []string
	}{
		{"pass", live.Better, 0, true, []float64{100, 100}, "Final canary score 100.0 met or exceeded the pass score threshold.", []string{"SUCCEEDED", "SUCCEEDED"}},
		// The command does not look at didPassThresholds.
		{"between", live.SlowIn(1), 0, false, []float64{75, 75}, "Final canary score 75.0 is below the pass score threshold.", []string{"SUCCEEDED", "SUCCEEDED"}},
		{"at the marginal threshold", live.SlowIn(2), 1, false, []float64{50}, "Final canary score 50.0 is not above the marginal score threshold.", []string{"TERMINAL", "NOT_STARTED"}},
		{"fail", live.SlowIn(4), 1, false, []float64{0}, "Final canary score 0.0 is not above the marginal score threshold.", []string{"TERMINAL", "NOT_STARTED"}},
		{"the source refuses", live.Broken, 1, false, []float64{}, "There is no final canary score: no judgment of the analysis succeeded.", []string{"TERMINAL", "NOT_STARTED"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			id, err := c.start(limited(t), configOf(4), requestOf("v1", one.experiment).inRetrospect(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			s := c.wait(t, id)
			if s.exit() != one.exit || s.Result.DidPassThresholds != one.passed || !slices.Equal(s.Result.CanaryScores, one.scores) || s.Result.CanaryScoreMessage != one.message || s.PipelineID != id {
				t.Errorf("%+v", s)
			}
			var stages []string
			for _, stage := range s.Stages {
				if strings.HasPrefix(stage.Name, "Run Canary #") {
					stages = append(stages, stage.Status)
					if (stage.ExecutionID == "") != (stage.Status == "NOT_STARTED") {
						t.Errorf("%+v", stage)
					}
				}
			}
			if !slices.Equal(stages, one.stages) {
				t.Errorf("stages %q, want %q", stages, one.stages)
			}
			if len(one.scores) == 0 {
				return
			}
			// The report is about the last judgment.
			last := s.Result.Executions[len(s.Result.Executions)-1].Result.JudgeResult
			if len(last.Results) != 4 || last.Results[0].Name == "" || last.Results[0].Classification == "" || !slices.Equal(last.Results[0].Groups, []string{"all"}) ||
				len(last.GroupScores) != 1 || last.GroupScores[0].Name != "all" || last.GroupScores[0].Score != one.scores[len(one.scores)-1] {
				t.Errorf("%+v", last)
			}
		})
	}
}

// The thresholds themselves, which come as strings.
func TestThresholds(t *testing.T) {
	t.Parallel()
	c := clientOf(live.Start(t, ""))
	for pass, want := range map[string]bool{"75": true, "75.0": true, "76": false} {
		r := requestOf("v1", live.SlowIn(1)).inRetrospect()
		r.Thresholds.Pass = pass
		id, err := c.start(limited(t), configOf(4), r, live.Source, "judged")
		if err != nil {
			t.Fatal(err)
		}
		if s := c.wait(t, id); s.Result.DidPassThresholds != want {
			t.Errorf("75 with the pass threshold %s: %+v", pass, s)
		}
	}
	r := requestOf("v1", "v2")
	r.Thresholds.Pass = "high"
	if _, err := c.start(limited(t), configOf(1), r, "", ""); !has(err, "400 : ", "thresholds.pass") {
		t.Errorf("%v", err)
	}
}

// A config is stored by others: kayentactl writes its applications under another
// key, so that Kayenta refuses all that it sends.
func TestConfigs(t *testing.T) {
	t.Parallel()
	server := live.Start(t, "")
	c, ctx := clientOf(server), limited(t)
	status, answer := server.Call(http.MethodPost, "/kayenta/canaryConfig", map[string]any{"name": "checkout", "applications": []any{"shop"}, "metrics": []any{}})
	id, _ := answer["canaryConfigId"].(string)
	if status != http.StatusOK || id == "" {
		t.Fatalf("%d %v", status, answer)
	}
	var list []canaryConfig
	if err := c.call(ctx, http.MethodGet, "/canaryConfig", nil, nil, &list, true); err != nil || len(list) != 1 || list[0].ID != id || list[0].Name != "checkout" {
		t.Errorf("%+v, %v", list, err)
	}
	const why = "Canary config must specify at least one application."
	config := configOf(1)
	config.Applications = []string{"shop"}
	var made map[string]string
	// Kayenta's own refusal is all strings, which its decoder takes for success.
	if err := c.call(ctx, http.MethodPost, "/canaryConfig", nil, config, &made, true); err == nil || made["canaryConfigId"] != "" {
		t.Errorf("created %v, %v", made, err)
	}
	config.ID = id
	if err := c.call(ctx, http.MethodPut, "/canaryConfig/"+id, nil, config, &made, false); !has(err, "400 : "+why) {
		t.Errorf("updated: %v", err)
	}
	var after map[string]any
	if _, after = server.Call(http.MethodGet, "/kayenta/canaryConfig/"+id, nil); after["metrics"] == nil || len(after["metrics"].([]any)) != 0 {
		t.Errorf("a refused update changed %v", after)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	c := clientOf(live.Start(t, ""))
	var list []struct {
		Name           string   `json:"name"`
		SupportedTypes []string `json:"supportedTypes"`
		Type           string   `json:"type"`
	}
	if err := c.call(limited(t), http.MethodGet, "/credentials", nil, nil, &list, true); err != nil || len(list) != 2 || list[0].Name != live.Source || list[0].Type != "prometheus" ||
		!slices.Equal(list[0].SupportedTypes, []string{"METRICS_STORE"}) || list[1].Name != "judged" {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is refused is said in the body's message, which the command prints.
func TestErrors(t *testing.T) {
	t.Parallel()
	server := live.Start(t, "")
	c, ctx := clientOf(server), limited(t)
	if _, err := c.get(ctx, "nobody"); !has(err, "404 : Could not find the execution 'nobody'") {
		t.Errorf("%v", err)
	}
	if _, err := c.start(ctx, configOf(1), requestOf("v1", "v2"), "nobody", ""); !has(err, "400 : Unable to resolve account nobody.") {
		t.Errorf("%v", err)
	}
	newrelic := configOf(1)
	newrelic.Metrics[0].Query = map[string]string{"type": "newrelic", "select": "SELECT count(*) FROM Metric"}
	if _, err := c.start(ctx, newrelic, requestOf("v1", "v2"), "", ""); !has(err, "400 : ", "newrelic", "this server cannot do yet") {
		t.Errorf("%v", err)
	}
	for name, stranger := range map[string]client{"nobody": {server.URL + "/kayenta"}, "somebody else": {strings.Replace(server.Login(), server.Token, strings.Repeat("x", 26), 1) + "/kayenta"}} {
		if _, err := stranger.get(ctx, "any"); !has(err, "401 : ") || strings.Contains(err.Error(), server.Token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An analysis as time goes by waits for its intervals, and can be cancelled,
// though not by kayentactl; its wait is over then.
func TestCancel(t *testing.T) {
	t.Parallel()
	server := live.Start(t, "")
	c := clientOf(server)
	id, err := c.start(limited(t), configOf(1), requestOf("v1", "v2"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	server.Kill() // in the first interval
	if _, err := c.get(limited(t), id); err == nil {
		t.Error("judged answers though it was killed")
	}
	server.Restart()
	s, err := c.get(limited(t), id)
	if err != nil || s.Complete || s.Status != "running" || len(s.Stages) != 12 || s.Stages[1].Name != "Interval Wait #1" || s.Stages[1].Status != "RUNNING" {
		t.Fatalf("%+v, %v", s, err)
	}
	if status, answer := server.Call(http.MethodPut, "/kayenta/pipelines/"+id+"/cancel", nil); status != http.StatusAccepted {
		t.Fatalf("%d %v", status, answer)
	}
	if s = c.wait(t, id); s.exit() != 1 || s.ExecutionStatus != "CANCELED" || s.Result.DidPassThresholds || s.Result.CanaryScoreMessage == "" {
		t.Errorf("%+v", s)
	}
}

// outages answers as Prometheus does, the same to all, unless it is down.
type outages struct {
	down  atomic.Bool
	asked atomic.Int32
}

func (o *outages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.asked.Add(1)
	start, err1 := strconv.ParseFloat(r.FormValue("start"), 64)
	end, err2 := strconv.ParseFloat(r.FormValue("end"), 64)
	if o.down.Load() || err1 != nil || err2 != nil || end-start > 1e5 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	values := [][2]any{}
	for at := start; at <= end; at += 60 {
		values = append(values, [2]any{at, strconv.Itoa(100 + int(at/60)%7)})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{
		"resultType": "matrix", "result": []any{map[string]any{"metric": map[string]string{}, "values": values}},
	}})
}

// An analysis whose process was killed while it judged is gone on with.
func TestRestart(t *testing.T) {
	t.Parallel()
	source := new(outages)
	source.down.Store(true)
	backend := httptest.NewServer(source)
	t.Cleanup(backend.Close)
	server := live.Start(t, fmt.Sprintf("  outages: {provider: prometheus, url: %q, attempts: 1}\n", backend.URL))
	c := clientOf(server)
	id, err := c.start(limited(t), configOf(2), requestOf("v1", "v2").inRetrospect(), "outages", "")
	if err != nil {
		t.Fatal(err)
	}
	for ctx := limited(t); source.asked.Load() == 0; {
		if ctx.Err() != nil {
			t.Fatal("the source was never asked")
		}
		if _, err := c.get(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	server.Kill()
	source.down.Store(false)
	server.Restart()
	if s := c.wait(t, id); s.exit() != 0 || !s.Result.DidPassThresholds || !slices.Equal(s.Result.CanaryScores, []float64{100, 100}) {
		t.Errorf("%+v", s)
	}
}
