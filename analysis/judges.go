package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/mannwhitney"
	"github.com/judged-dev/judged/judge/paired"
	"github.com/judged-dev/judged/judge/ratio"
)

// judges are those that a config can name, with default options.
var judges = func() map[string]judge.Judge {
	byName := map[string]judge.Judge{}
	for _, j := range []judge.Judge{paired.Judge{}, counts.Judge{}, ratio.Judge{}, mannwhitney.New(mannwhitney.Options{})} {
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

// DefaultJudge returns the judge for a kind of signal.
func DefaultJudge(k judge.Kind) judge.Judge {
	switch k {
	case judge.Count:
		return counts.Judge{}
	case judge.Ratio:
		return ratio.Judge{}
	case judge.Gauge:
		return paired.Judge{}
	default:
		return nil
	}
}
