package spinnaker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// stage is the canaryConfig of a pipeline's stage "kayentaCanary", as Orca reads
// it: the numbers may be strings, which Deck writes.
type stage struct {
	MetricsAccountName           string
	ConfigurationAccountName     string
	StorageAccountName           string
	CanaryConfigID               string
	CanaryConfigName             string
	Scopes                       []stageScope
	ScoreThresholds              thresholds
	LifetimeDuration             string
	BeginCanaryAnalysisAfterMins integer
	BaselineAnalysisOffsetInMins integer
	LookbackMins                 integer
	CanaryAnalysisIntervalMins   integer
}

type stageScope struct {
	ScopeName           string
	ControlScope        string
	ControlLocation     string
	ExperimentScope     string
	ExperimentLocation  string
	StartTimeIso        time.Time
	EndTimeIso          time.Time
	Step                int64
	ExtendedScopeParams map[string]string
}

// readStage reads a stage and sets Orca's defaults.
func readStage(t testing.TB, text string) *stage {
	t.Helper()
	s := &stage{ScoreThresholds: thresholds{Pass: 75, Marginal: 50}}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	for i := range s.Scopes {
		if scope := &s.Scopes[i]; scope.Step == 0 {
			scope.Step = 60
		}
	}
	return s
}

// outcome is what is left of a stage.
type outcome struct {
	status     string // SUCCEEDED or TERMINAL
	message    string
	scores     []int
	executions []string
	warnings   []string
	waited     time.Duration
}

// pollEvery is how often the model asks; Orca does each second.
const pollEvery = 20 * time.Millisecond

// run carries out a stage as Orca does: a wait for the warm-up, then for each
// interval a wait and a canary, of which one whose score is not above marginal ends
// the stage. planned is the moment at which Orca plans it; the waits are not waited
// for, so that it lies in the past.
func (s *stage) run(ctx context.Context, o orca, application string, planned time.Time) outcome {
	var out outcome
	first := s.Scopes[0]
	live := first.EndTimeIso.IsZero()
	start := planned
	if !first.StartTimeIso.IsZero() {
		start = first.StartTimeIso
	}
	var lifetime time.Duration
	if live {
		var err error
		if lifetime, err = time.ParseDuration(strings.ToLower(strings.TrimPrefix(s.LifetimeDuration, "PT"))); err != nil {
			return outcome{status: "TERMINAL", message: "Canary stage configuration must include either `endTime` or `lifetimeDuration`."}
		}
	} else {
		lifetime = first.EndTimeIso.Sub(start).Truncate(time.Minute)
	}
	interval := time.Duration(s.CanaryAnalysisIntervalMins) * time.Minute
	if interval == 0 || interval > lifetime {
		interval = lifetime
	}
	warmup := time.Duration(s.BeginCanaryAnalysisAfterMins) * time.Minute
	out.waited = warmup
	id := s.CanaryConfigID
	for i := 1; i <= int(lifetime/interval); i++ {
		window := [2]time.Time{start, start.Add(time.Duration(i) * interval)}
		if live {
			out.waited += interval
			window = [2]time.Time{window[0].Add(warmup), window[1].Add(warmup)}
		}
		if s.LookbackMins > 0 {
			window[0] = window[1].Add(-time.Duration(s.LookbackMins) * time.Minute)
		}
		if id == "" {
			var err error
			if id, err = s.resolve(ctx, o, application); err != nil {
				return out.terminal(err.Error())
			}
		}
		if !s.canary(ctx, o, application, id, window, &out) {
			return out
		}
	}
	final := out.scores[len(out.scores)-1]
	switch {
	case final <= int(s.ScoreThresholds.Marginal):
		return out.terminal(fmt.Sprintf("Final canary score %d.0 is not above the marginal score threshold.", final))
	case final < int(s.ScoreThresholds.Pass):
		return out.terminal(fmt.Sprintf("Final canary score %d.0 is below the pass score threshold.", final))
	}
	out.status, out.message = "SUCCEEDED", fmt.Sprintf("Final canary score %d.0 met or exceeded the pass score threshold.", final)
	return out
}

func (out outcome) terminal(message string) outcome {
	out.status, out.message = "TERMINAL", message
	return out
}

// resolve finds the config's id by its name.
func (s *stage) resolve(ctx context.Context, o orca, application string) (string, error) {
	list, err := o.configs(ctx)
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(c listedConfig) bool {
		return c.Name != s.CanaryConfigName || !slices.Contains(c.Applications, application)
	})
	switch len(list) {
	case 0:
		return "", fmt.Errorf("Couldn't find a canary configId for configName %s and application %s", s.CanaryConfigName, application)
	case 1:
		return list[0].ID, nil
	default:
		return "", fmt.Errorf("Found more than one canary configId for configName %s and application %s", s.CanaryConfigName, application)
	}
}

// canary runs one interval's canary and reports whether the stage goes on.
func (s *stage) canary(ctx context.Context, o orca, application, config string, window [2]time.Time, out *outcome) bool {
	offset := time.Duration(s.BaselineAnalysisOffsetInMins) * time.Minute
	scopes := map[string]canaryScopes{}
	for _, scope := range s.Scopes {
		extended := map[string]*string{}
		for name, value := range scope.ExtendedScopeParams {
			extended[name] = &value
		}
		name := scope.ScopeName
		if name == "" {
			name = "default"
		}
		scopes[name] = canaryScopes{
			ControlScope:    canaryScope{&scope.ControlScope, &scope.ControlLocation, window[0].Add(-offset), window[1].Add(-offset), s.Scopes[0].Step, extended},
			ExperimentScope: canaryScope{&scope.ExperimentScope, &scope.ExperimentLocation, window[0], window[1], s.Scopes[0].Step, extended},
		}
	}
	id, err := o.create(ctx, config, application, "01JPIPELINE", s, scopes)
	for ; err != nil && retried(http.MethodPost, err); id, err = o.create(ctx, config, application, "01JPIPELINE", s, scopes) {
		time.Sleep(pollEvery)
	}
	if err != nil {
		*out = out.terminal(err.Error())
		return false
	}
	out.executions = append(out.executions, id)
	return s.monitor(ctx, o, id, out)
}

// monitor asks until a canary has ended.
func (s *stage) monitor(ctx context.Context, o orca, id string, out *outcome) bool {
	for {
		r, err := o.results(ctx, id, s.StorageAccountName)
		switch {
		case ctx.Err() != nil:
			*out = out.terminal(fmt.Sprintf("it has not ended: %+v", r))
			return false
		case err != nil && retried(http.MethodGet, err), err == nil && !halted(r.Status):
			time.Sleep(pollEvery)
			continue
		case err != nil:
			*out = out.terminal(err.Error())
			return false
		case r.Status == "CANCELED":
			*out = out.terminal("Canary execution was canceled.")
			return false
		case r.Status != "SUCCEEDED":
			*out = out.terminal(fmt.Sprint(r.Exception))
			if r.Exception != nil {
				details, _ := (*r.Exception)["details"].(map[string]any)
				*out = out.terminal(fmt.Sprint(details["errors"]))
			}
			return false
		case r.Result == nil:
			*out = out.terminal("SUCCEEDED without a result")
			return false
		}
		if err := s.warn(ctx, o, r.Result, out); err != nil {
			*out = out.terminal(err.Error())
			return false
		}
		score := r.Result.JudgeResult.Score.Score
		out.scores = append(out.scores, int(score))
		if score <= s.ScoreThresholds.Marginal {
			*out = out.terminal("Canary score is not above the marginal score threshold.")
			return false
		}
		return true
	}
}

func halted(status string) bool {
	return slices.Contains([]string{"SUCCEEDED", "TERMINAL", "CANCELED", "STOPPED"}, status)
}

// warn looks for controls of few points, which Orca does not mind of Datadog.
func (s *stage) warn(ctx context.Context, o orca, r *canaryResult, out *outcome) error {
	list, err := o.credentials(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Name == s.MetricsAccountName && c.Type == "datadog" {
			return nil
		}
	}
	for _, one := range r.JudgeResult.Results {
		if one.ControlMetadata.Stats.Count < 50 {
			out.warnings = append(out.warnings, "One of the metrics returned fewer than 50 data points, which can reduce confidence in the final canary score.")
			return nil
		}
	}
	return nil
}
