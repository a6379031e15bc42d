package calibrate

import (
	"sync"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// bench judges windows: at once, or look by look where they ask for it. It is
// the one place that knows of looks, and safe for concurrent use.
type bench struct {
	mu sync.Mutex
	// planned are the looks by the window's length and their distance.
	planned map[[2]int]*analysis.RegularLooks
}

// judge returns the judgment of all inputs: the first look that FAILs, else the
// last one.
func (b *bench) judge(inputs []analysis.Input, every int, alpha float64) (judge.Judgment, error) {
	n := 0
	for i := range inputs {
		n = max(n, len(inputs[i].Sample.Baseline.Values))
	}
	if every <= 0 || n == 0 {
		return analysis.Judge(inputs, alpha), nil
	}
	looks, err := b.looks(n, every)
	if err != nil {
		return judge.Judgment{}, err
	}
	prefix := make([]analysis.Input, len(inputs))
	for at := every; ; at += every {
		if at > n-every {
			at = n // the last look is at the end
		}
		for i, in := range inputs {
			prefix[i] = first(in, at)
		}
		j, err := looks.Judge(prefix, at, alpha)
		if err != nil || j.Verdict == judge.Fail || at >= n {
			return j, err
		}
	}
}

func (b *bench) looks(n, every int) (*analysis.RegularLooks, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := [2]int{n, every}
	if l := b.planned[key]; l != nil {
		return l, nil
	}
	l, err := analysis.NewRegularLooks(n, every)
	if err != nil {
		return nil, err
	}
	// Cases may have any length; what is planned for one is cheap to plan again.
	if b.planned == nil || len(b.planned) >= 64 {
		b.planned = map[[2]int]*analysis.RegularLooks{}
	}
	b.planned[key] = l
	return l, nil
}

// first returns the input as it was after n intervals.
func first(in analysis.Input, n int) analysis.Input {
	s := &in.Sample
	s.Pair = cut(s.Pair, 0, n)
	if s.Pods != nil {
		p := *s.Pods
		p.Baseline, p.Canary = firstOfEach(p.Baseline, n), firstOfEach(p.Canary, n)
		s.Pods = &p
	}
	return in
}

func firstOfEach(sides []judge.Side, n int) []judge.Side {
	out := make([]judge.Side, len(sides))
	for i, s := range sides {
		out[i] = cut(judge.Pair{Baseline: s}, 0, n).Baseline
	}
	return out
}
