// Package kayentactl_test calls a running judged as armory-io/kayentactl does: the
// requests of its Go client (pkg/kayenta), field by field as it writes them, with
// its mistakes, and what it reads of the answers. The client itself is no
// dependency: the tests need nothing but the standard library.
package kayentactl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// client is kayentactl's, which knows of judged only a URL: the token is in it.
type client struct{ base string }

func clientOf(s *live.Server) client { return client{s.Login() + "/kayenta"} }

type canaryConfig struct {
	Name             string   `json:"name"`
	ID               string   `json:"id"`
	Applications     []string `json:"canaryConfig"` // the wrong key is its own
	ConfigVersion    string   `json:"configVersion"`
	CreatedTimestamp int      `json:"createdTimestamp"`
	Judge            struct {
		Name string `json:"name"`
	} `json:"judge"`
	Metrics    []metric `json:"metrics"`
	Classifier struct {
		GroupWeights map[string]int `json:"groupWeights"`
	} `json:"classifier"`
}

type metric struct {
	Groups                 []string          `json:"groups"`
	Name                   string            `json:"name"`
	Query                  map[string]string `json:"query"`
	ScopeName              string            `json:"scopeName"`
	AnalysisConfigurations map[string]any    `json:"analysisConfigurations"`
}

type scope struct {
	ScopeName              string            `json:"scopeName"`
	ControlScope           string            `json:"controlScope"`
	ControlLocation        string            `json:"controlLocation"`
	ControlOffsetInMinutes int               `json:"controlOffsetInMinutes"`
	ExperimentScope        string            `json:"experimentScope"`
	ExperimentLocation     string            `json:"experimentLocation"`
	Step                   int               `json:"step"` // the command line leaves it 0
	StartTimeIso           string            `json:"startTimeIso,omitempty"`
	EndTimeIso             string            `json:"endTimeIso,omitempty"`
	ExtendedScopeParams    map[string]string `json:"extendedScopeParams"` // and this null
}

type executionRequest struct {
	Scopes               []scope `json:"scopes"`
	LifetimeDurationMins int     `json:"lifetimeDurationMins"`
	BeginAfterMins       int     `json:"beginAfterMins"`
	AnalysisIntervalMins int     `json:"analysisIntervalMins"`
	Thresholds           struct {
		Marginal string `json:"marginal"`
		Pass     string `json:"pass"`
	} `json:"thresholds"`
}

// status is what it reads of an analysis, and report prints.
type status struct {
	Status          string `json:"status"`
	ExecutionStatus string `json:"executionStatus"`
	PipelineID      string `json:"pipelineId"`
	Complete        bool   `json:"complete"`
	Stages          []struct {
		Type        string `json:"type"`
		Name        string `json:"name"`
		Status      string // matched without regard to case: its tags are broken
		ExecutionID string
	} `json:"stageStatus"`
	Result struct {
		DidPassThresholds  bool      `json:"didPassThresholds"`
		HasWarnings        bool      `json:"hasWarnings"`
		CanaryScoreMessage string    `json:"canaryScoreMessage"`
		CanaryScores       []float64 `json:"canaryScores"`
		Executions         []struct {
			Result struct {
				JudgeResult struct {
					JudgeName string `json:"judgeName"`
					Results   []struct {
						Name           string   `json:"name"`
						Classification string   `json:"classification"`
						Reason         string   `json:"classificationReason"`
						Groups         []string `json:"groups"`
					} `json:"results"`
					GroupScores []struct {
						Name  string  `json:"name"`
						Score float64 `json:"score"`
					} `json:"groupScores"`
				} `json:"judgeResult"`
				CanaryDuration string `json:"canaryDuration"`
			} `json:"result"`
		} `json:"canaryExecutionResults"`
	} `json:"canaryAnalysisExecutionResult"`
}

// exit is the command's exit code.
func (s status) exit() int {
	if s.Status == "succeeded" {
		return 0
	}
	return 1
}

// call sends a request. From 400 on the error is kayentactl's: the status and the
// body's message; with unchecked, as some of its calls are, the body of a refusal is
// decoded into v like any other.
func (c client) call(ctx context.Context, method, path string, query url.Values, body, v any, unchecked bool) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	u := c.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, u, content)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json") // also where there is no body
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	decoder := json.NewDecoder(answer.Body)
	if answer.StatusCode >= http.StatusBadRequest && !unchecked {
		var refused struct {
			Message string `json:"message"`
		}
		if err := decoder.Decode(&refused); err != nil {
			return err
		}
		return fmt.Errorf("%d : %s", answer.StatusCode, refused.Message)
	}
	return decoder.Decode(v)
}

func (c client) start(ctx context.Context, config canaryConfig, request executionRequest, metrics, storage string) (string, error) {
	var answer struct {
		ID string `json:"canaryAnalysisExecutionId"`
	}
	query := url.Values{}
	for name, value := range map[string]string{"metricsAccountName": metrics, "storageAccountName": storage} {
		if value != "" {
			query.Set(name, value)
		}
	}
	err := c.call(ctx, http.MethodPost, "/standalone_canary_analysis", query, map[string]any{"canaryConfig": config, "executionRequest": request}, &answer, false)
	return answer.ID, err
}

func (c client) get(ctx context.Context, id string) (s status, err error) {
	return s, c.call(ctx, http.MethodGet, "/standalone_canary_analysis/"+id, nil, nil, &s, false)
}

// wait asks until an analysis has ended; it gives up at the first error.
func (c client) wait(t *testing.T, id string) status {
	t.Helper()
	for {
		s, err := c.get(limited(t), id)
		if err != nil {
			t.Fatal(err)
		}
		if s.Complete {
			return s
		}
		time.Sleep(20 * time.Millisecond) // it does every 5 s
	}
}

// configOf is a config of n metrics in one group, so that each is worth 100/n.
func configOf(n int) canaryConfig {
	c := canaryConfig{Name: "checkout", ConfigVersion: "1"}
	c.Judge.Name = "NetflixACAJudge-v1.0"
	c.Classifier.GroupWeights = map[string]int{"all": 100}
	for i := 1; i <= n; i++ {
		c.Metrics = append(c.Metrics, metric{
			Groups: []string{"all"}, Name: fmt.Sprint("part ", i), ScopeName: "default",
			Query:                  map[string]string{"type": "prometheus", "customInlineTemplate": "PromQL:" + live.Part(i, "${scope}")},
			AnalysisConfigurations: map[string]any{"canary": map[string]any{"direction": "increase"}},
		})
	}
	return c
}

// requestOf asks for a judgment each minute of the next five, as the command does
// without flags.
func requestOf(control, experiment string) executionRequest {
	r := executionRequest{
		Scopes:               []scope{{ScopeName: "default", ControlScope: control, ControlLocation: "eu", ExperimentScope: experiment, ExperimentLocation: "eu"}},
		LifetimeDurationMins: 5, AnalysisIntervalMins: 1,
	}
	r.Thresholds.Marginal, r.Thresholds.Pass = "50", "90"
	return r
}

// inRetrospect moves a request to the past hour, with two judgments.
func (r executionRequest) inRetrospect() executionRequest {
	end := time.Now().Truncate(time.Minute)
	r.Scopes[0].StartTimeIso, r.Scopes[0].EndTimeIso = end.Add(-time.Hour).UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339)
	r.AnalysisIntervalMins = 30
	return r
}

// limited is for a machine that does much else.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// has reports whether an error says all parts.
func has(err error, parts ...string) bool {
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			return false
		}
	}
	return true
}
