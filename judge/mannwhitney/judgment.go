package mannwhitney

import "fmt"

// JudgeName is the name by which Kayenta and its users know this judge.
const JudgeName = "NetflixACAJudge-v1.0"

// Metric is one metric of a canary config.
type Metric struct {
	Name string
	// Groups are those that the metric's results are scored in, once for each
	// mention.
	Groups   []string
	Settings Settings
}

// GroupWeight is the weight, in percent, of one group in the score.
type GroupWeight struct {
	Group  string
	Weight float64
}

// Config is what a judgment needs to know besides the data.
type Config struct {
	// Metrics have unique names; of equal ones the first counts.
	Metrics []Metric
	// Weights of groups share the score. Groups of results without a weight
	// get equal parts of what is missing to 100; weights of other groups are
	// lost. The order matters only for rounding.
	Weights []GroupWeight
	// Pass and Marginal are the least scores for these classifications.
	Pass, Marginal float64
	// Seed seeds the noise that is added where both sides of a metric are
	// constant. 0 counts as DefaultSeed. Kayenta's own noise is different in
	// every process.
	Seed int64
}

// Pair is the data of one metric: one pair of time series. A metric may have
// several, one for each set of tags.
type Pair struct {
	// Metric is the name of the metric.
	Metric              string
	Control, Experiment []float64
}

// Judgment is the result for all pairs.
type Judgment struct {
	// Results are in the order of the pairs.
	Results []Result
	Groups  []GroupScore
	Score   Score
}

// Judge judges the pairs as Kayenta does: each alone and in order, then their
// labels together. The same input gives the same result. It does not change
// the pairs' slices, nor does it keep them.
//
// The error, if any, is about the whole judgment: a pair whose metric is not
// in the config, or settings that cannot be used.
func (c Config) Judge(pairs []Pair) (Judgment, error) {
	w := workers.Get().(*worker) //nolint:errcheck,forcetypeassert // the pool makes nothing else
	defer workers.Put(w)
	seed := c.Seed
	if seed == 0 {
		seed = DefaultSeed
	}
	w.noise.seed(seed)

	metrics := make(map[string]*Metric, len(c.Metrics))
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if _, known := metrics[m.Name]; !known {
			metrics[m.Name] = m
		}
	}
	j := Judgment{Results: make([]Result, 0, len(pairs))}
	for i, p := range pairs {
		m, known := metrics[p.Metric]
		if !known {
			return Judgment{}, fmt.Errorf("pair %d is of metric %q, which the config does not define", i, p.Metric)
		}
		r, err := w.judge(m, p.Control, p.Experiment)
		if err != nil {
			return Judgment{}, err
		}
		j.Results = append(j.Results, r)
	}
	j.Groups, j.Score = c.score(j.Results)
	return j, nil
}
