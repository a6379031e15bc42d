package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/judge/mannwhitney"
)

// judges are those that configs can name, by their names.
var judges = []struct {
	name  string
	judge func(c *kayenta.Config, t *kayenta.Thresholds, pairs []kayenta.MetricSetPair) (*kayenta.Result, error)
}{
	{mannwhitney.JudgeName, func(c *kayenta.Config, t *kayenta.Thresholds, pairs []kayenta.MetricSetPair) (*kayenta.Result, error) {
		return kayenta.Judge(c, t, pairs, 0)
	}},
	{JudgeName, judgeOurs},
}

// judge judges pairs by the judge of a name; no name is Kayenta's.
func (s *Service) judge(name string, c *kayenta.Config, t *kayenta.Thresholds, pairs []kayenta.MetricSetPair) (*kayenta.Result, error) {
	for _, j := range judges {
		if j.name == name || name == "" {
			return j.judge(c, t, pairs)
		}
	}
	return nil, unknownJudge(name)
}

func unknownJudge(name string) error {
	return badRequest("Unable to resolve canary judge '%.100s'.", name)
}

// checkJudge says before an execution begins what it would end with.
func checkJudge(name string) error {
	for _, j := range judges {
		if j.name == name || name == "" {
			return nil
		}
	}
	return unknownJudge(name)
}

// checkOptions does the same for the settings that only judged's own judge reads.
func checkOptions(name string, c *kayenta.Config) error {
	if name != JudgeName {
		return nil
	}
	for i := range c.Metrics {
		if _, err := optionsOf(&c.Metrics[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) listJudges(r *http.Request) (any, error) {
	if err := s.Allow(r.Context(), Access{Action: "configs.list"}); err != nil {
		return nil, err
	}
	type listed struct {
		Name    string `json:"name"`
		Visible bool   `json:"visible"`
	}
	list := []listed{}
	for _, j := range judges {
		list = append(list, listed{j.name, true})
	}
	return list, nil
}

// remoteJudge is what a Kayenta that judges elsewhere calls
// (kayenta.remoteJudge.endpoint.baseUrl + /judge). Its config always names the
// remote judge, so the path says which is meant: /kayenta/judge is Kayenta's own,
// /kayenta/judges/NAME/judge any.
func (s *Service) remoteJudge(r *http.Request) (any, error) {
	if err := s.Allow(r.Context(), Access{Action: "judge"}); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if err := checkJudge(name); err != nil {
		return nil, err
	}
	data, err := body(r, kayenta.DefaultMaxLine)
	if err != nil {
		return nil, err
	}
	if name == "" || name == mannwhitney.JudgeName {
		request, err := kayenta.DecodeRequest(data)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		result, err := request.Judge(0)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		return raw(result.AppendJSON(nil)), nil
	}
	var parts struct {
		CanaryConfig      json.RawMessage `json:"canaryConfig"`
		ScoreThresholds   json.RawMessage `json:"scoreThresholds"`
		MetricSetPairList json.RawMessage `json:"metricSetPairList"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return nil, badRequest("The request's body cannot be read: %v", err)
	}
	if parts.CanaryConfig == nil || parts.ScoreThresholds == nil || parts.MetricSetPairList == nil {
		return nil, badRequest("The request's body needs canaryConfig, scoreThresholds and metricSetPairList.")
	}
	c, err := kayenta.DecodeConfig(parts.CanaryConfig)
	if err != nil {
		return nil, err
	}
	request, err := kayenta.DecodeExecutionRequest(slices.Concat([]byte(`{"thresholds":`), parts.ScoreThresholds, []byte("}")))
	if err != nil {
		return nil, err
	}
	pairs, err := kayenta.DecodeMetricSetPairs(parts.MetricSetPairList)
	if err != nil {
		return nil, err
	}
	result, err := s.judge(name, c, request.Thresholds, pairs)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return raw(result.AppendJSON(nil)), nil
}

// stored is a judgment of data that are stored already.
type stored struct {
	config     *kayenta.Config
	thresholds *kayenta.Thresholds
	pairs      []kayenta.MetricSetPair
}

func (s *Service) readStored(r *http.Request) (stored, error) {
	q := r.URL.Query()
	var out stored
	for _, name := range []string{"canaryConfigId", "metricSetPairListId", "passThreshold", "marginalThreshold"} {
		if q.Get(name) == "" {
			return out, badRequest("Required request parameter '%s' is not present.", name)
		}
	}
	number := func(name string) *float64 {
		v, err := strconv.ParseFloat(q.Get(name), 64)
		if err != nil {
			return nil
		}
		return &v
	}
	out.thresholds = &kayenta.Thresholds{Pass: number("passThreshold"), Marginal: number("marginalThreshold")}
	if out.thresholds.Pass == nil || out.thresholds.Marginal == nil {
		return out, badRequest("The parameters passThreshold and marginalThreshold are numbers.")
	}
	var err error
	if out.config, _, err = s.config(r.Context(), "configs.get", q.Get("configurationAccountName"), q.Get("canaryConfigId")); err != nil {
		return out, err
	}
	d, err := s.find(r, metricPairs, readData, q.Get("metricSetPairListId"))
	if err != nil {
		return out, err
	}
	out.pairs, err = kayenta.DecodeMetricSetPairs(d.Content)
	return out, err
}

func (s *Service) judgeStored(r *http.Request) (any, error) {
	in, err := s.readStored(r)
	if err != nil {
		return nil, err
	}
	if err := s.Allow(r.Context(), Access{Action: "judge", Config: in.config.Name}); err != nil {
		return nil, err
	}
	result, err := s.judge(in.config.JudgeName(), in.config, in.thresholds, in.pairs)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return raw(result.AppendJSON(nil)), nil
}

// comparison is what a comparison of two judges is about, and what it found.
type comparison struct {
	Judges [2]string `json:"judges"`
	Pairs  string    `json:"pairs"`
	Pass   float64   `json:"pass"`
	Margin float64   `json:"marginal"`
	// Results are of both judges, in the end.
	Results json.RawMessage `json:"results,omitempty"`
}

func (s *Service) compareJudges(r *http.Request) (any, error) {
	in, err := s.readStored(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	input := &comparison{Pairs: q.Get("metricSetPairListId"), Pass: *in.thresholds.Pass, Margin: *in.thresholds.Marginal}
	for i, name := range []string{"overrideCanaryJudge1", "overrideCanaryJudge2"} {
		input.Judges[i] = q.Get(name)
		if input.Judges[i] == "" {
			input.Judges[i] = in.config.JudgeName()
		}
		if err := checkJudge(input.Judges[i]); err != nil {
			return nil, err
		}
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	now := s.Now()
	e := &execution{
		ID: id, Application: q.Get("application"), ConfigID: q.Get("canaryConfigId"), Config: in.config, Comparison: input, Status: kayenta.NotStarted,
		Stages: []stage{{Name: "judge1"}, {Name: "judge2"}, {Name: "compareJudgeResults"}}, Build: now, Due: now,
	}
	if err := s.begin(r.Context(), comparisons, e); err != nil {
		return nil, err
	}
	return map[string]string{"canaryExecutionId": id}, nil
}

func (s *Service) runComparison(ctx context.Context, tenant string, e *execution) error {
	d, err := s.Store.Document(ctx, tenant, metricPairs, e.Comparison.Pairs)
	if err != nil {
		return err
	}
	pairs, err := kayenta.DecodeMetricSetPairs(d.Content)
	if err != nil {
		e.fail("judge1", s.Now(), err)
		return nil
	}
	thresholds := &kayenta.Thresholds{Pass: &e.Comparison.Pass, Marginal: &e.Comparison.Margin}
	var results [2]*kayenta.Result
	for i, name := range e.Comparison.Judges {
		at := fmt.Sprintf("judge%d", i+1)
		if results[i], err = s.judge(name, e.Config, thresholds, pairs); err != nil {
			e.fail(at, s.Now(), err)
			return nil
		}
		e.stage(at).Status = kayenta.Succeeded
	}
	e.stage("compareJudgeResults").Status = kayenta.Succeeded
	e.Status, e.End = kayenta.Succeeded, s.Now()
	e.Comparison.Results, err = json.Marshal(struct {
		Judge1Result *kayenta.Result `json:"judge1Result"`
		Judge2Result *kayenta.Result `json:"judge2Result"`
	}{results[0], results[1]})
	return err
}

func (s *Service) getComparison(r *http.Request) (any, error) {
	e, _, err := s.execution(r.Context(), comparisons, "analyses.get", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"status": e.Status, "complete": e.Status.Complete(), "stageStatus": stageStatus(e), "exceptions": map[string]any{}}
	if e.Comparison.Results != nil {
		answer["comparisonResult"] = e.Comparison.Results
	}
	if e.Problem != nil {
		answer["exceptions"] = map[string]any{e.Problem.Operation: e.Problem}
	}
	return answer, nil
}

func stageStatus(e *execution) map[string]kayenta.Status {
	out := map[string]kayenta.Status{}
	for _, s := range e.Stages {
		out[s.Name] = s.Status
		if s.Status == "" {
			out[s.Name] = kayenta.NotStarted
		}
	}
	return out
}
