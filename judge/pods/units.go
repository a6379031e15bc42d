package pods

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/stat"
)

const (
	// minPoints is how many intervals a pod must have reported in the window,
	// minPast how many in the history, to be a unit.
	minPoints, minPast = 5, 4
	// floorShare of the mean level is added before logarithms, so that an idle
	// pod is not infinitely below a busy one.
	floorShare = 0.01
	// usualSpread is what the logarithms of healthy pods' levels differ by,
	// usualChange what those of their changes since the history do; priorDF is
	// how many pods' worth of evidence that is.
	usualSpread, usualChange = 0.12, 0.05
	priorDF                  = 3
)

// unit is one pod: the logarithm of its level, less that of its history where
// there is one.
type unit struct {
	// pod is its place on its side.
	pod    int
	change float64
}

// units are the pods of both sides that reported enough.
type units struct {
	baseline, canary []unit
	// since: the changes are those since the history.
	since bool
	// level is the mean level over all pods.
	level float64
}

// collect reduces every pod to one number. It differences against the history
// if both sides have one: a new pod has none.
func collect(p *judge.Pods) units {
	u := units{since: len(p.BaselineHistory) == len(p.Baseline) && len(p.CanaryHistory) == len(p.Canary)}
	if u.since && !(reported(p.CanaryHistory, minPast) > 0 && reported(p.BaselineHistory, minPast) > 0) {
		u.since = false
	}
	n := 0
	for _, side := range [][]judge.Side{p.Baseline, p.Canary} {
		for _, pod := range side {
			if m, points := mean(pod); points >= minPoints {
				u.level += math.Abs(m)
				n++
			}
		}
	}
	if n == 0 || u.level == 0 {
		return u
	}
	u.level /= float64(n)
	u.baseline = u.side(p.Baseline, p.BaselineHistory)
	u.canary = u.side(p.Canary, p.CanaryHistory)
	return u
}

func (u units) side(pods, history []judge.Side) []unit {
	var out []unit
	for i, pod := range pods {
		m, points := mean(pod)
		if points < minPoints || m < 0 || !busy(pod) {
			continue
		}
		change := u.log(m)
		if u.since {
			past, points := mean(history[i])
			if points < minPast || past < 0 || !busy(history[i]) {
				continue
			}
			change -= u.log(past)
		}
		out = append(out, unit{i, change})
	}
	return out
}

func (u units) log(level float64) float64 { return math.Log(level/u.level + floorShare) }

func reported(pods []judge.Side, points int) int {
	n := 0
	for _, pod := range pods {
		if _, k := mean(pod); k >= points {
			n++
		}
	}
	return n
}

// mean returns the mean level of a pod, per unit of exposure where it has one,
// and in how many intervals it reported.
func mean(s judge.Side) (level float64, points int) {
	sum, exposure := 0.0, 0.0
	if s.Totals != nil && len(s.Totals) != len(s.Values) {
		return math.NaN(), 0
	}
	for i, v := range s.Values {
		if !s.Has(i) {
			continue
		}
		sum += v
		if s.Totals != nil {
			exposure += s.Totals[i]
		} else {
			exposure++
		}
		points++
	}
	return sum / exposure, points
}

// busy reports whether enough intervals carry the pod's signal for its mean to
// be a level.
func busy(s judge.Side) bool {
	var values []float64
	for i, v := range s.Values {
		if s.Has(i) {
			values = append(values, v)
		}
	}
	return stat.Carriers(values) >= 1
}

// test is a comparison of units: an estimate with Student's t.
type test struct {
	estimate, err, df float64
	ok                bool
}

// arms compares the means of the sides (Welch 1947): pods are the units, so
// that many points of an unlucky pod are one witness. A lone canary pod is
// compared with the spread of the baseline's (Crawford, Howell 1998,
// Clinical Neuropsychologist 12:482-486).
func (u units) arms() test {
	b, c := changes(u.baseline), changes(u.canary)
	switch {
	case len(c) == 0 || len(b) == 0:
		return test{}
	case len(c) == 1:
		return u.one(c[0])
	}
	mb, mc := stat.Describe(b), stat.Describe(c)
	sb, dfb := u.spread(mb.Std, len(b))
	sc, dfc := u.spread(mc.Std, len(c))
	vb, vc := sb*sb/float64(len(b)), sc*sc/float64(len(c))
	df := (vb + vc) * (vb + vc) / (vb*vb/dfb + vc*vc/dfc)
	return test{estimate: mc.Mean - mb.Mean, err: math.Sqrt(vb + vc), df: df, ok: true}
}

// spread returns the standard deviation of k pods, drawn towards what pods
// usually differ by, and its degrees of freedom: two or three pods that happen
// to agree do not prove that all pods do (a scaled inverse chi-squared prior;
// Gelman et al., Bayesian Data Analysis, 2.6).
func (u units) spread(std float64, k int) (shrunk, df float64) {
	usual := usualSpread
	if u.since {
		usual = usualChange
	}
	own := float64(k - 1)
	df = own + priorDF
	return math.Sqrt((own*std*std + priorDF*usual*usual) / df), df
}

// one compares one canary pod with the baseline's pods.
func (u units) one(change float64) test {
	b := changes(u.baseline)
	m := stat.Describe(b)
	std, df := u.spread(m.Std, len(b))
	return test{estimate: change - m.Mean, err: std * math.Sqrt(1+1/float64(len(b))), df: df, ok: len(b) > 0}
}

func changes(units []unit) []float64 {
	out := make([]float64, len(units))
	for i, u := range units {
		out[i] = u.change
	}
	return out
}
