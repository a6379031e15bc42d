// Package spinnaker_test calls a running judged as Spinnaker does: each request of
// Orca's and Gate's clients for Kayenta, with what they require of the answers,
// Orca's canary stage, and what Deck's report and spin read. The requests and types
// are those of spinnaker/spinnaker of August 2026 and of Orca and Gate 1.26 to 1.38.
package spinnaker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

func TestMain(m *testing.M) { os.Exit(live.Main(m)) }

// caller sends what a Retrofit client sends. Retrofit's clients do not make
// credentials of a URL; the token stands for the proxy that adds it.
type caller struct{ base, token string }

func callerOf(s *live.Server) caller { return caller{s.URL + "/kayenta/", s.Token} }

// refusal is an answer with a status from 400 on.
type refusal struct {
	code int
	body struct {
		Message string  `json:"message"`
		Error   *string `json:"error"` // Orca shows it as the error's title
	}
}

func (r *refusal) Error() string {
	return fmt.Sprintf("Status: %d, Message: %s", r.code, r.body.Message)
}

// do sends a request without the parameters that are empty, as Retrofit leaves out
// those that are null, and decodes the answer into v if it is not nil.
func (c caller) do(ctx context.Context, method, path string, query url.Values, body, v any) error {
	u := c.base + path
	query = given(query)
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, u, content)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	r.Header.Set("X-Spinnaker-User", "jane")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		refused := &refusal{code: answer.StatusCode}
		if err := decode(text, &refused.body); err != nil {
			return fmt.Errorf("the body of a %d: %w", answer.StatusCode, err)
		}
		return refused
	}
	if v == nil {
		return nil
	}
	return decode(text, v)
}

// given leaves out empty parameters.
func given(query url.Values) url.Values {
	out := url.Values{}
	for name, values := range query {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

// orca is Orca's client.
type orca struct{ caller }

type canaryScope struct {
	Scope               *string            `json:"scope"`
	Location            *string            `json:"location"`
	Start               time.Time          `json:"start"`
	End                 time.Time          `json:"end"`
	Step                int64              `json:"step"`
	ExtendedScopeParams map[string]*string `json:"extendedScopeParams"`
}

type canaryScopes struct {
	ControlScope    canaryScope `json:"controlScope"`
	ExperimentScope canaryScope `json:"experimentScope"`
}

type thresholds struct {
	Pass     integer `json:"pass"`
	Marginal integer `json:"marginal"`
}

type canaryExecutionRequest struct {
	Scopes     map[string]canaryScopes `json:"scopes"`
	Thresholds thresholds              `json:"thresholds"`
	SiteLocal  *map[string]any         `json:"siteLocal"` // has a default
}

type canaryResults struct {
	Complete               bool                    `json:"complete"`
	Status                 string                  `json:"status"`
	Result                 *canaryResult           `json:"result"`
	BuildTime              *time.Time              `json:"buildTimeIso"`
	StartTime              *time.Time              `json:"startTimeIso"`
	EndTime                *time.Time              `json:"endTimeIso"`
	StorageAccountName     *string                 `json:"storageAccountName"`
	Application            string                  `json:"application"`
	CanaryExecutionRequest *canaryExecutionRequest `json:"canaryExecutionRequest"`
	Exception              *map[string]any         `json:"exception"`
}

type canaryResult struct {
	JudgeResult struct {
		Score struct {
			Score                integer `json:"score"`
			Classification       string  `json:"classification"`
			ClassificationReason string  `json:"classificationReason"`
		} `json:"score"`
		Results []struct {
			ControlMetadata struct {
				Stats struct {
					Count integer `json:"count"`
				} `json:"stats"`
			} `json:"controlMetadata"`
		} `json:"results"`
	} `json:"judgeResult"`
	CanaryDuration *duration `json:"canaryDuration"`
}

// executionStatuses are Orca's, which it looks up in upper case.
var executionStatuses = []string{
	"NOT_STARTED", "RUNNING", "PAUSED", "SUSPENDED", "SUCCEEDED", "FAILED_CONTINUE", "TERMINAL", "CANCELED", "REDIRECT", "STOPPED", "SKIPPED", "BUFFERED",
}

func (o orca) create(ctx context.Context, configID, application, parent string, s *stage, scopes map[string]canaryScopes) (string, error) {
	var answer map[string]string
	err := o.do(ctx, http.MethodPost, "canary/"+url.PathEscape(configID), url.Values{
		"application": {application}, "parentPipelineExecutionId": {parent}, "metricsAccountName": {s.MetricsAccountName},
		"configurationAccountName": {s.ConfigurationAccountName}, "storageAccountName": {s.StorageAccountName},
	}, canaryExecutionRequest{Scopes: scopes, Thresholds: s.ScoreThresholds, SiteLocal: &map[string]any{}}, &answer)
	if err == nil && answer["canaryExecutionId"] == "" {
		err = fmt.Errorf("no canaryExecutionId in %v", answer)
	}
	return answer["canaryExecutionId"], err
}

func (o orca) results(ctx context.Context, id, storageAccount string) (canaryResults, error) {
	var r canaryResults
	if err := o.do(ctx, http.MethodGet, "canary/"+url.PathEscape(id), url.Values{"storageAccountName": {storageAccount}}, nil, &r); err != nil {
		return r, err
	}
	if r.Status = strings.ToUpper(r.Status); !slices.Contains(executionStatuses, r.Status) {
		return r, fmt.Errorf("there is no status %q", r.Status)
	}
	return r, nil
}

func (o orca) cancel(ctx context.Context, id string) error {
	return o.do(ctx, http.MethodPut, "pipelines/"+url.PathEscape(id)+"/cancel", nil, "", nil)
}

type credential struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (o orca) credentials(ctx context.Context) (list []credential, err error) {
	return list, o.do(ctx, http.MethodGet, "credentials", nil, nil, &list)
}

type listedConfig struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	UpdatedTimestamp *int64   `json:"updatedTimestamp"`
	Applications     []string `json:"applications"`
}

func (o orca) configs(ctx context.Context) (list []listedConfig, err error) {
	return list, o.do(ctx, http.MethodGet, "canaryConfig", nil, nil, &list)
}

// retried says what Orca's queue tries again: on 503 everything, and what has no
// effect when it is done twice on network errors, 502, 504 and 429.
func retried(method string, err error) bool {
	refused, ok := errors.AsType[*refusal](err)
	if ok && refused.code == http.StatusServiceUnavailable {
		return true
	}
	if method == http.MethodPost {
		return false
	}
	if ok {
		return slices.Contains([]int{http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests}, refused.code)
	}
	_, network := errors.AsType[*url.Error](err)
	return network
}
