package kayenta

import (
	"fmt"

	"github.com/judged-dev/judged/judge/mannwhitney"
)

// maxGroupBytes limits the names of groups in one result. Each pair repeats
// those of its metric, so that a small request could ask for a huge answer.
const maxGroupBytes = 64 << 20

// Judge judges the request as NetflixACAJudge-v1.0 does, whatever judge the
// config names. seed is as in mannwhitney.Config: 0 counts as DefaultSeed.
//
// An error is about the whole judgment: settings of a metric that Kayenta
// cannot read, or a pair of a metric that the config does not define.
func (r *Request) Judge(seed int64) (*Result, error) {
	config, err := r.resolve()
	if err != nil {
		return nil, err
	}
	config.Seed = seed
	pairs := make([]mannwhitney.Pair, len(r.Pairs))
	for i, p := range r.Pairs {
		pairs[i] = mannwhitney.Pair{Metric: p.Name, Control: p.Control, Experiment: p.Experiment}
	}
	j, err := config.Judge(pairs)
	if err != nil {
		return nil, err
	}
	return &Result{JudgeName: mannwhitney.JudgeName, Judgment: j, pairs: r.Pairs}, nil
}

// resolve builds the config of the metrics that pairs refer to. Kayenta looks
// at the settings of no others.
func (r *Request) resolve() (mannwhitney.Config, error) {
	config := mannwhitney.Config{
		Weights:  r.config.Classifier.GroupWeights,
		Pass:     *r.thresholds.Pass,
		Marginal: *r.thresholds.Marginal,
	}
	first := make(map[string]int, len(r.config.Metrics))
	for i, m := range r.config.Metrics {
		if _, known := first[m.Name]; !known && m.named {
			first[m.Name] = i
		}
	}
	groupBytes := make(map[string]int, len(first)) // of the metrics in use
	total := 0
	for _, p := range r.Pairs {
		if _, done := groupBytes[p.Name]; !done {
			i, known := first[p.Name]
			if !known {
				continue // the judge reports it
			}
			m, err := r.config.Metrics[i].resolve()
			if err != nil {
				return config, within("canaryConfig", within("metrics", withinElement(i, err)))
			}
			config.Metrics = append(config.Metrics, m)
			groupBytes[p.Name] = 0
			for _, g := range m.Groups {
				groupBytes[p.Name] += len(g) + len(`"",`)
			}
		}
		if total += groupBytes[p.Name]; total > maxGroupBytes {
			return config, fmt.Errorf("the groups of all pairs together are longer than %d bytes", maxGroupBytes)
		}
	}
	return config, nil
}

func (m *Metric) resolve() (mannwhitney.Metric, error) {
	s, err := settings(m.configurations)
	switch {
	case err != nil:
	case m.Groups == nil && !s.Muted: // Kayenta does not look at those of muted metrics
		err = missing("groups", "a list, which may be empty")
	case s.Outliers == mannwhitney.RemoveOutliers && !(s.OutlierFactor > 0):
		err = &fieldError{"analysisConfigurations.canary.outliers.outlierFactor", fmt.Errorf("is %v, want more than 0 with strategy remove", s.OutlierFactor)}
	}
	return mannwhitney.Metric{Name: m.Name, Groups: m.Groups, Settings: s}, err
}
