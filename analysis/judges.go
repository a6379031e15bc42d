package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/distribution"
	"github.com/judged-dev/judged/judge/mannwhitney"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/pods"
	"github.com/judged-dev/judged/judge/ratio"
	"github.com/judged-dev/judged/judge/shape"
	"github.com/judged-dev/judged/judge/srm"
)

// judges are those that a config can name, with default options.
var judges = func() map[string]judge.Judge {
	byName := map[string]judge.Judge{}
	for _, j := range []judge.Judge{
		paired.Judge{},
		counts.Judge{},
		ratio.Judge{},
		shape.Judge{},
		pods.Judge{},
		distribution.Judge{},
		anomaly.Judge{},
		srm.Judge{},
		mannwhitney.New(mannwhitney.Options{}),
	} {
		byName[j.Name()] = j
	}
	return byName
}()

// JudgeByName returns the judge that configs call name.
func JudgeByName(name string) (judge.Judge, error) {
	j, ok := judges[name]
	if !ok {
		return nil, fmt.Errorf("there is no judge %q (judges: %s)", name, strings.Join(slices.Sorted(maps.Keys(judges)), ", "))
	}
	return j, nil
}

// DefaultJudge returns the judge for a kind of signal: one for its level and,
// where single intervals say something, one for its shape.
func DefaultJudge(k judge.Kind) judge.Judge { return defaultJudge(k, 0) }

// defaultJudge is DefaultJudge with the threshold of a Distribution's objective.
func defaultJudge(k judge.Kind, slo float64) judge.Judge {
	switch k {
	case judge.Distribution:
		return distribution.Judge{Edge: slo}
	case judge.Count:
		return withShape(counts.Judge{})
	case judge.Ratio:
		return ratio.Judge{}
	case judge.Gauge:
		return withShape(paired.Judge{})
	default:
		return nil
	}
}

// withPods adds the pods, which show one sick pod and how much healthy pods
// differ, as no series of a whole arm does. Part of the error is left unspent:
// instances are few and their differences have heavier tails than any model.
func withPods(whole judge.Panel) judge.Panel {
	const share = 0.1
	panel := judge.Panel{}
	for _, m := range whole {
		panel = append(panel, judge.Member{Judge: m.Judge, Share: share * m.Share})
	}
	return append(panel, judge.Member{Judge: pods.Judge{}, Share: share})
}

// withShape gives the shape the larger part of the error, since it asks three
// questions: on recorded metrics most of what the level misses is a matter of
// shape.
func withShape(level judge.Judge) judge.Panel {
	return judge.Panel{{Judge: level, Share: 0.43}, {Judge: shape.Judge{}, Share: 0.57}}
}
