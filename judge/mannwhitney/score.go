package mannwhitney

import (
	"math"
	"strconv"
)

// ScoreClassification is the verdict on a score.
type ScoreClassification string

// Classifications of a score, by the thresholds of the Config.
const (
	ScorePass     ScoreClassification = "Pass"
	ScoreMarginal ScoreClassification = "Marginal"
	ScoreFail     ScoreClassification = "Fail"
)

// Score is the summary of a judgment: 0 to 100, unless the weights do not add
// up to 100.
type Score struct {
	Value          float64
	Classification ScoreClassification
	// Reason says why the score is 0, if a rule made it so.
	Reason string
}

// GroupScore is the percentage of a group's results that pass, of those that
// count: not Nodata and not Error.
type GroupScore struct {
	Group string
	Value float64
	// NoData says that no result counts. Value is 0 then, but the group
	// enters the summary with 100.
	NoData bool
}

// score scores all results that are not muted.
func (c Config) score(results []Result) ([]GroupScore, Score) {
	groups := groupScores(results)
	s := c.summarize(groups, results)
	switch {
	case s.Value >= c.Pass:
		s.Classification = ScorePass
	case s.Value >= c.Marginal:
		s.Classification = ScoreMarginal
	default:
		s.Classification = ScoreFail
	}
	return groups, s
}

// groupScores returns the groups in Kayenta's order.
func groupScores(results []Result) []GroupScore {
	type tally struct{ passed, counted int }
	tallies := map[string]*tally{}
	var names []string
	for i := range results {
		r := &results[i]
		if r.Muted {
			continue
		}
		for _, name := range r.Groups {
			t, known := tallies[name]
			if !known {
				t = new(tally)
				tallies[name] = t
				names = append(names, name)
			}
			switch r.Label {
			case Pass:
				t.passed++
				t.counted++
			case High, Low, NodataFailMetric:
				t.counted++
			case Nodata, Error:
				// In neither number: Kayenta's own gap.
			}
		}
	}
	groups := make([]GroupScore, 0, len(names))
	for _, name := range groupOrder(names) {
		t := tallies[name]
		g := GroupScore{Group: name, NoData: t.counted == 0}
		if !g.NoData {
			g.Value = float64(t.passed) / float64(t.counted) * 100
		}
		groups = append(groups, g)
	}
	return groups
}

// summarize returns the score without its classification.
func (c Config) summarize(groups []GroupScore, results []Result) Score {
	scored, nodata := 0, 0
	for i := range results {
		r := &results[i]
		if r.Muted {
			continue
		}
		if r.Critical && r.Label != Pass {
			reason := r.Reason
			if reason == "" {
				reason = "null"
			}
			return Score{Reason: "Canary Failed: " + reason}
		}
		scored++
		if r.Label == Nodata {
			nodata++
		}
	}
	if float64(nodata)/float64(scored)*100 >= 50 {
		return Score{Reason: "Canary Failed: 50% or more metrics returned NODATA"}
	}
	return Score{Value: roundCents(c.weigh(groups))}
}

// weigh is the weighted sum of the groups' scores, in Kayenta's order.
func (c Config) weigh(groups []GroupScore) float64 {
	weights := make(map[string]float64, len(c.Weights))
	var names []string
	for _, w := range c.Weights {
		if _, known := weights[w.Group]; !known {
			names = append(names, w.Group)
		}
		weights[w.Group] = w.Weight
	}
	total := 0.0
	for _, name := range mapOrder(names) {
		total += weights[name]
	}
	without := 0
	for _, g := range groups {
		if _, known := weights[g.Group]; !known {
			without++
		}
	}
	rest := 0.0
	if without > 0 {
		rest = (100 - total) / float64(without)
	}
	sum := 0.0
	for _, g := range groups {
		weight, known := weights[g.Group]
		if !known {
			weight = rest
		}
		value := g.Value
		if g.NoData {
			value = 100
		}
		sum += float64(value * (weight / 100))
	}
	return sum
}

// roundCents rounds v to two decimals, half away from zero, starting from the
// shortest decimal that reads as v: commons-math3's Precision.round(v, 2).
func roundCents(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	text := strconv.AppendFloat(nil, math.Abs(v), 'f', -1, 64)
	point := len(text)
	for i, c := range text {
		if c == '.' {
			point = i
		}
	}
	if len(text) <= point+3 {
		return v
	}
	up := text[point+3] >= '5'
	text = text[:point+3]
	for i := len(text) - 1; up && i >= 0; i-- {
		switch text[i] {
		case '.':
		case '9':
			text[i] = '0'
		default:
			text[i]++
			up = false
		}
	}
	if up {
		text = append([]byte{'1'}, text...)
	}
	rounded, _ := strconv.ParseFloat(string(text), 64) // cannot fail: a decimal
	return math.Copysign(rounded, v)
}
