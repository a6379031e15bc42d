package analysis

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/pods"
)

// withSums returns in with the sides as a whole taken from their pods, if whoever
// brought the pods along did not bring them.
func (in Input) withSums() Input {
	s := &in.Sample
	if s.Pods == nil || in.Err != nil {
		return in
	}
	if in.Err = checkPods(s.Pods); in.Err == nil && s.Canary.Len() == 0 && s.Baseline.Len() == 0 {
		s.Pair, s.History = pods.Pool(s.Signal.Kind, s.Pods)
	}
	return in
}

// checkPods returns an error if pods do not lie on one grid: judges take value i
// of all for the same interval.
func checkPods(p *judge.Pods) error {
	n, past := -1, -1
	for _, side := range []struct {
		names         []string
		pods, history []judge.Side
	}{{p.BaselineNames, p.Baseline, p.BaselineHistory}, {p.CanaryNames, p.Canary, p.CanaryHistory}} {
		if side.history != nil && len(side.history) != len(side.pods) {
			return fmt.Errorf("%d pods with %d histories: give each pod its own, without values where it is new", len(side.pods), len(side.history))
		}
		for i, pod := range side.pods {
			name := strconv.Itoa(i + 1)
			if i < len(side.names) {
				name = cmp.Or(side.names[i], name)
			}
			if err := onGrid(pod, &n); err != nil {
				return fmt.Errorf("pod %q %w", name, err)
			}
			if side.history == nil || side.history[i].Len() == 0 {
				continue
			}
			if err := onGrid(side.history[i], &past); err != nil {
				return fmt.Errorf("the history of pod %q %w", name, err)
			}
		}
	}
	return nil
}

// onGrid returns an error if the side has not n values; the first one decides n,
// which is then negative.
func onGrid(s judge.Side, n *int) error {
	if *n < 0 {
		*n = len(s.Values)
	}
	switch {
	case s.Histograms != nil:
		return fmt.Errorf("has histograms, which are judged for sides as a whole")
	case len(s.Values) != *n:
		return fmt.Errorf("has %d values and others have %d: value i of all pods belongs to the same interval", len(s.Values), *n)
	case s.Totals != nil && len(s.Totals) != len(s.Values):
		return fmt.Errorf("has %d values and %d totals", len(s.Values), len(s.Totals))
	}
	return nil
}
