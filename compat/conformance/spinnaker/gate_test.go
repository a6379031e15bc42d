package spinnaker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// gate is Gate's client, which passes on what Deck, spin and Gate's own tools ask.
type gate struct{ caller }

func (g gate) startCanary(ctx context.Context, configID string, request any, application, metrics, storage string) (string, error) {
	path, query := "canary", url.Values{"application": {application}, "metricsAccountName": {metrics}, "storageAccountName": {storage}}
	if configID != "" {
		path += "/" + configID
	}
	var answer struct {
		ID string `json:"canaryExecutionId"`
	}
	return answer.ID, g.do(ctx, http.MethodPost, path, query, request, &answer)
}

// What Deck reads. Its types say string where a verdict without a reason has none,
// and have a median, which Kayenta never sent either.
type (
	deckConfig struct {
		Applications        []string     `json:"applications"`
		ID                  string       `json:"id"`
		CreatedTimestamp    integer64    `json:"createdTimestamp"`
		UpdatedTimestamp    integer64    `json:"updatedTimestamp"`
		CreatedTimestampIso time.Time    `json:"createdTimestampIso"`
		UpdatedTimestampIso time.Time    `json:"updatedTimestampIso"`
		Name                string       `json:"name"`
		Description         string       `json:"description"`
		ConfigVersion       string       `json:"configVersion"`
		Metrics             []deckMetric `json:"metrics"`
		Templates           textByName   `json:"templates"`
		Classifier          struct {
			GroupWeights map[string]float64 `json:"groupWeights"`
		} `json:"classifier"`
		Judge struct {
			Name                string         `json:"name"`
			JudgeConfigurations map[string]any `json:"judgeConfigurations"`
		} `json:"judge"`
	}
	deckMetric struct {
		Name  string `json:"name"`
		Query struct {
			Type        string `json:"type"`
			ServiceType string `json:"serviceType"`
		} `json:"query"`
		Groups                 []string       `json:"groups"`
		AnalysisConfigurations map[string]any `json:"analysisConfigurations"`
		ScopeName              string         `json:"scopeName"`
	}
	deckSummary struct {
		ID                  string    `json:"id"`
		Name                string    `json:"name"`
		UpdatedTimestamp    integer64 `json:"updatedTimestamp"`
		UpdatedTimestampIso time.Time `json:"updatedTimestampIso"`
		Applications        []string  `json:"applications"`
	}
	deckRun struct {
		CanaryConfigID  string      `json:"canaryConfigId"`
		Complete        bool        `json:"complete"`
		Status          string      `json:"status"`
		Result          *deckResult `json:"result"`
		Exception       *deckError  `json:"exception"`
		StageStatus     textByName  `json:"stageStatus"`
		StartTimeIso    time.Time   `json:"startTimeIso"`
		EndTimeIso      *time.Time  `json:"endTimeIso"` // when it has ended
		Application     string      `json:"application"`
		PipelineID      string      `json:"pipelineId"`
		Parent          *string     `json:"parentPipelineExecutionId"` // of those that Orca started
		PairList        *string     `json:"metricSetPairListId"`       // when there is one
		MetricsAccount  string      `json:"metricsAccountName"`
		StorageAccount  string      `json:"storageAccountName"`
		Config          deckConfig  `json:"config"`
		CanaryExecution struct {
			Thresholds struct {
				Pass     float64 `json:"pass"`
				Marginal float64 `json:"marginal"`
			} `json:"thresholds"`
			Scopes map[string]struct {
				Control    deckScope `json:"controlScope"`
				Experiment deckScope `json:"experimentScope"`
			} `json:"scopes"`
		} `json:"canaryExecutionRequest"`
	}
	deckScope struct {
		Scope    string     `json:"scope"`
		Location string     `json:"location"`
		Start    time.Time  `json:"start"`
		End      time.Time  `json:"end"`
		Step     integer64  `json:"step"`
		Extended textByName `json:"extendedScopeParams"`
	}
	deckError struct {
		ExceptionType string         `json:"exceptionType"`
		Operation     string         `json:"operation"`
		Details       map[string]any `json:"details"`
		Timestamp     integer64      `json:"timestamp"`
	}
	deckResult struct {
		JudgeResult struct {
			JudgeName   string        `json:"judgeName"`
			Results     []deckFinding `json:"results"`
			GroupScores []deckScore   `json:"groupScores"`
			Score       deckScore     `json:"score"`
		} `json:"judgeResult"`
	}
	deckFinding struct {
		Name           string     `json:"name"`
		ID             string     `json:"id"`
		Tags           textByName `json:"tags"`
		Classification string     `json:"classification"`
		Reason         *string    `json:"classificationReason"`
		Groups         []string   `json:"groups"`
		Experiment     struct {
			Stats deckStats `json:"stats"`
		} `json:"experimentMetadata"`
		Control struct {
			Stats deckStats `json:"stats"`
		} `json:"controlMetadata"`
		ResultMetadata *map[string]any `json:"resultMetadata"`
	}
	deckStats struct {
		Count integer64 `json:"count"`
		Mean  float64   `json:"mean"`
		Min   float64   `json:"min"`
		Max   float64   `json:"max"`
	}
	deckScore struct {
		Name           *string `json:"name"` // of a group
		Score          float64 `json:"score"`
		Classification string  `json:"classification"`
		Reason         string  `json:"classificationReason"`
	}
	deckPair struct {
		Name       string     `json:"name"`
		ID         string     `json:"id"`
		Tags       textByName `json:"tags"`
		Attributes struct {
			Control    textByName `json:"control"`
			Experiment textByName `json:"experiment"`
		} `json:"attributes"`
		Values struct {
			Control    []any `json:"control"`
			Experiment []any `json:"experiment"`
		} `json:"values"`
		Scopes struct {
			Control    deckSeries `json:"control"`
			Experiment deckSeries `json:"experiment"`
		} `json:"scopes"`
	}
	deckSeries struct {
		StartTimeIso    time.Time `json:"startTimeIso"`
		StartTimeMillis integer64 `json:"startTimeMillis"`
		StepMillis      integer64 `json:"stepMillis"`
	}
	deckAccount struct {
		Name           string    `json:"name"`
		Type           string    `json:"type"`
		SupportedTypes []string  `json:"supportedTypes"`
		MetricsStore   *string   `json:"metricsStoreType"`
		Locations      *[]string `json:"locations"`
		Recommended    *[]string `json:"recommendedLocations"`
	}
	textByName = map[string]string
)

// integer64 is a number of JavaScript's without a fraction.
type integer64 int64

func (i *integer64) UnmarshalJSON(text []byte) error {
	var v float64
	if err := json.Unmarshal(text, &v); err != nil || v != math.Trunc(v) {
		return fmt.Errorf("%s is no whole number", text)
	}
	*i = integer64(v)
	return nil
}

// Deck's editor of configs: list, create, read, change, delete.
func TestGateConfigs(t *testing.T) {
	t.Parallel()
	server, _ := start(t, "")
	g, ctx := gate{callerOf(server)}, limited(t)
	c := config("from-deck", netflix, 2, nil)
	c["templates"] = map[string]any{"by version": `version="${scope}"`}
	id := stored(t, g.caller, c)

	var list []deckSummary
	if err := g.do(ctx, http.MethodGet, "canaryConfig", url.Values{"application": {"shop"}, "configurationAccountName": {"judged"}}, nil, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].ID != id || list[0].Name != "from-deck" || !slices.Equal(list[0].Applications, []string{"shop"}) {
		t.Errorf("listed: %+v", list)
	}
	if err := g.do(ctx, http.MethodGet, "canaryConfig", url.Values{"application": {"other"}}, nil, &list); err != nil || len(list) != 0 {
		t.Errorf("another application: %+v, %v", list, err)
	}

	// What is read is what was written, and what the server sets.
	var typed deckConfig
	if err := g.do(ctx, http.MethodGet, "canaryConfig/"+id, nil, nil, &typed); err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := g.do(ctx, http.MethodGet, "canaryConfig/"+id, nil, nil, &read); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var wrote map[string]any
	if err := json.Unmarshal(before, &wrote); err != nil {
		t.Fatal(err)
	}
	for name, want := range wrote {
		if !reflect.DeepEqual(read[name], want) {
			t.Errorf("%s: %v, want %v", name, read[name], want)
		}
	}

	read["description"] = "changed" // Deck sends all of it back
	var answer struct {
		ID string `json:"canaryConfigId"`
	}
	if err := g.do(ctx, http.MethodPut, "canaryConfig/"+id, nil, read, &answer); err != nil || answer.ID != id {
		t.Fatalf("%+v, %v", answer, err)
	}
	var after deckConfig
	if err := g.do(ctx, http.MethodGet, "canaryConfig/"+id, nil, nil, &after); err != nil || after.Description != "changed" || after.CreatedTimestamp != typed.CreatedTimestamp {
		t.Errorf("%+v, %v", after, err)
	}
	delete(read, "id") // a copy under the same name
	if err := g.do(ctx, http.MethodPost, "canaryConfig", nil, read, &answer); err == nil {
		t.Errorf("two configs of one name and application: %+v", answer)
	}
	if err := g.do(ctx, http.MethodDelete, "canaryConfig/"+id, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := g.do(ctx, http.MethodGet, "canaryConfig/"+id, nil, nil, &after); fmt.Sprint(err) != "Status: 404, Message: Could not find canary config '"+id+"'." {
		t.Errorf("deleted: %v", err)
	}
}

// What Deck offers in its forms.
func TestGateChoices(t *testing.T) {
	t.Parallel()
	server, _ := start(t, "kayenta: {storage_accounts: [my-bucket, judged]}\n")
	g, ctx := gate{callerOf(server)}, limited(t)
	var accounts []deckAccount
	if err := g.do(ctx, http.MethodGet, "credentials", nil, nil, &accounts); err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]string{}
	for _, a := range accounts {
		kinds[a.Name+": "+a.Type] = a.SupportedTypes
	}
	store := []string{"OBJECT_STORE", "CONFIGURATION_STORE"}
	if want := map[string][]string{
		"prod: prometheus": {"METRICS_STORE"}, "outages: prometheus": {"METRICS_STORE"}, "my-bucket: judged": store, "judged: judged": store,
	}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("accounts %v, want %v", kinds, want)
	}
	var judges []struct {
		Name    string `json:"name"`
		Visible bool   `json:"visible"`
	}
	if err := g.do(ctx, http.MethodGet, "judges", nil, nil, &judges); err != nil || len(judges) != 2 || judges[0].Name != netflix || judges[1].Name != ours || !judges[0].Visible || !judges[1].Visible {
		t.Errorf("%+v, %v", judges, err)
	}
	var names []struct {
		Name string `json:"name"`
	}
	if err := g.do(ctx, http.MethodGet, "metadata/metricsService", url.Values{"filter": {"HTTP"}, "metricsAccountName": {outages}}, nil, &names); err != nil ||
		len(names) != 2 || names[0].Name != "http_errors_total" || names[1].Name != "http_requests_total" {
		t.Errorf("%+v, %v", names, err)
	}
	// The button that tests a query has no body.
	var answer map[string]string
	query := url.Values{
		"metricsAccountName": {outages}, "storageAccountName": {"my-bucket"}, "metricSetName": {"errors"}, "metricName": {"http_errors_total"},
		"scope": {"v2"}, "location": {"eu"}, "start": {"2026-03-01T10:00:00Z"}, "end": {"2026-03-01T11:00:00Z"}, "step": {"60"}, "customFilter": {`version="${scope}"`}, "dryRun": {"true"},
	}
	if err := g.do(ctx, http.MethodPost, "fetch/prometheus/query", query, nil, &answer); err != nil || answer["query"] != `avg(http_errors_total{version="v2"})` {
		t.Errorf("%v, %v", answer, err)
	}
	query.Set("dryRun", "false")
	if err := g.do(ctx, http.MethodPost, "fetch/prometheus/query", query, nil, &answer); err != nil || answer["metricSetListId"] == "" {
		t.Errorf("%v, %v", answer, err)
	}
}

// ended asks for a run as Deck does until it has ended.
func (g gate) ended(t *testing.T, path string) deckRun {
	t.Helper()
	ctx := limited(t)
	for {
		// What has not begun has no start; Deck shows nothing of it but its status.
		var begun struct {
			Start *time.Time `json:"startTimeIso"`
		}
		if err := g.do(ctx, http.MethodGet, path, url.Values{"storageAccountName": {"judged"}}, nil, &begun); err != nil {
			t.Fatal(err)
		}
		if begun.Start != nil {
			var run deckRun
			if err := g.do(ctx, http.MethodGet, path, url.Values{"storageAccountName": {"judged"}}, nil, &run); err != nil {
				t.Fatal(err)
			}
			if run.Complete {
				return run
			}
		}
		time.Sleep(pollEvery)
	}
}

// request is an execution request as Deck's "Start analysis" sends it.
func request(control, experiment string) map[string]any {
	end := time.Now().Truncate(time.Minute)
	scope := func(name string) map[string]any {
		return map[string]any{
			"scope": name, "location": "eu", "start": end.Add(-time.Hour), "end": end, "step": 60, "extendedScopeParams": map[string]string{"team": "a"},
		}
	}
	return map[string]any{
		"thresholds": map[string]any{"pass": 95, "marginal": 75},
		"scopes":     map[string]any{"default": map[string]any{"controlScope": scope(control), "experimentScope": scope(experiment)}},
	}
}

// Deck's report of a run, whatever it found, with both judges.
func TestDeckReport(t *testing.T) {
	server, _ := start(t, "")
	g, ctx := gate{callerOf(server)}, limited(t)
	for _, judge := range []string{netflix, ours} {
		id := stored(t, g.caller, config(judge[:6], judge, 2, nil))
		silent := "Nodata"
		if judge == ours {
			silent = "High" // a canary that fell silent fails
		}
		for _, c := range []struct {
			canary, status, score, first string
			values                       int // of the canary
		}{
			{live.Better, "succeeded", "Pass", "Pass", 61},
			{live.SlowIn(1), "succeeded", "Fail", "High", 61},
			{live.Silent, "succeeded", "Fail", silent, 60}, // as Kayenta fills a side that is missing
			{live.Broken, "terminal", "", "", 0},
		} {
			t.Run(judge+" "+c.canary, func(t *testing.T) {
				execution, err := g.startCanary(ctx, id, request("v1", c.canary), "shop", live.Source, "judged")
				if err != nil {
					t.Fatal(err)
				}
				run := g.ended(t, "canary/"+id+"/"+execution)
				if run.PipelineID != execution || run.CanaryConfigID != id || run.Status != c.status || run.EndTimeIso == nil || run.Config.ID != id {
					t.Errorf("%+v", run)
				}
				if c.score == "" {
					if run.Result != nil || run.Exception == nil {
						t.Errorf("%+v", run)
					}
					return
				}
				g.report(t, run, c.score, c.first, c.values)
			})
		}
	}
	var runs []deckRun
	if err := g.do(ctx, http.MethodGet, "canary/executions", url.Values{"application": {"shop"}, "limit": {"3"}, "page": {"1"}, "statuses": {"SUCCEEDED,TERMINAL"}}, nil, &runs); err != nil || len(runs) != 3 {
		t.Fatalf("%d executions, %v", len(runs), err)
	}
	if runs[0].Status != "terminal" || runs[1].Config.Judge.Name != ours || runs[0].StartTimeIso.Before(runs[2].StartTimeIso) {
		t.Errorf("the newest first: %+v", runs)
	}
}

// report checks what the report's tables and plots show.
func (g gate) report(t *testing.T, run deckRun, score, first string, values int) {
	t.Helper()
	result := run.Result.JudgeResult
	if result.JudgeName != run.Config.Judge.Name || result.Score.Classification != score || len(result.GroupScores) != 1 || result.GroupScores[0].Name == nil || len(result.Results) != 2 {
		t.Fatalf("%+v", result)
	}
	slices.SortFunc(result.Results, func(a, b deckFinding) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
	if got := result.Results[0]; got.Classification != first || got.Control.Stats.Count != 61 || got.Control.Stats.Mean < 95 || got.Control.Stats.Mean > 105 {
		t.Errorf("%+v", got)
	}
	var pairs []deckPair
	if err := g.do(limited(t), http.MethodGet, "metricSetPairList/"+*run.PairList, url.Values{"accountName": {"judged"}}, nil, &pairs); err != nil {
		t.Fatal(err)
	}
	for _, finding := range result.Results { // Deck looks the pair up by the finding's id
		i := slices.IndexFunc(pairs, func(p deckPair) bool { return p.ID == finding.ID })
		if i < 0 {
			t.Fatalf("no pair has the id of %s", finding.Name)
		}
		p := pairs[i]
		if p.Name != finding.Name || len(p.Values.Control) != 61 || len(p.Values.Experiment) != values || p.Scopes.Control.StepMillis != 60000 ||
			p.Scopes.Control.StartTimeIso.UnixMilli() != int64(p.Scopes.Control.StartTimeMillis) || p.Attributes.Control["query"] == "" {
			t.Errorf("%+v", p)
		}
	}
}

// spin's "canary-config retro" brings its config and no application, has no
// parameters of scopes unless it is told some, and reads the classification.
func TestSpinRetro(t *testing.T) {
	t.Parallel()
	server, _ := start(t, "")
	g, ctx := gate{callerOf(server)}, limited(t)
	for canary, want := range map[string]string{live.Better: "Pass", live.SlowIn(1): "Marginal", live.SlowIn(4): "Fail"} {
		ask := request("v1", canary)
		ask["thresholds"] = map[string]any{"pass": 95, "marginal": 75}
		for _, scope := range ask["scopes"].(map[string]any)["default"].(map[string]any) {
			scope.(map[string]any)["extendedScopeParams"] = nil
			scope.(map[string]any)["step"] = 10
		}
		execution, err := g.startCanary(ctx, "", map[string]any{"canaryConfig": config("retro", netflix, 4, nil), "executionRequest": ask}, "", live.Source, "judged")
		if err != nil {
			t.Fatal(err)
		}
		for {
			var answer struct {
				Complete bool            `json:"complete"`
				Result   *map[string]any `json:"result"`
			}
			if err := g.do(ctx, http.MethodGet, "canary/"+execution, url.Values{"storageAccountName": {"judged"}}, nil, &answer); err != nil {
				t.Fatal(err)
			}
			if !answer.Complete {
				time.Sleep(pollEvery)
				continue
			}
			judged, _ := (*answer.Result)["judgeResult"].(map[string]any)
			score, _ := judged["score"].(map[string]any)
			if score["classification"] != want {
				t.Errorf("%s: %v, want %s", canary, score, want)
			}
			break
		}
	}
}
