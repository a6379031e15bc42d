package analysis

import (
	"fmt"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
	"github.com/judged-dev/judged/judge/distribution"
	"github.com/judged-dev/judged/judge/pods"
	"github.com/judged-dev/judged/judge/srm"
)

// choose returns the judge of an input: the one that was asked for, or the
// default for its kind and for what is known of its past, baseline and pods.
func (in Input) choose() judge.Judge {
	if in.Err != nil {
		return unreadable{err: in.Err, judge: in.unread}
	}
	if in.Logs != nil {
		return in.Logs
	}
	name := in.Judge
	if name == "" && in.Own {
		name = anomaly.Name
	}
	if name == "" {
		d := defaultJudge(in.Sample.Signal.Kind, in.SLO)
		if panel, ok := d.(judge.Panel); ok && in.Sample.Pods != nil {
			return withPods(panel)
		}
		return d
	}
	if err := fits(name, in.Sample.Signal.Kind); err != nil {
		return unreadable{err: err}
	}
	switch name {
	case distribution.Name:
		return distribution.Judge{Edge: in.SLO}
	case srm.Name:
		return srm.Judge{Share: in.Share}
	default:
		return judges[name]
	}
}

// fits returns an error if there is no such judge, or if it cannot read a kind of
// data at all.
func fits(name string, k judge.Kind) error {
	if _, err := JudgeByName(name); err != nil {
		return err
	}
	if (name == distribution.Name) != (k == judge.Distribution) {
		return fmt.Errorf("judge %s cannot judge a %v: %s is for kind histogram, and kind histogram for it", name, k, distribution.Name)
	}
	return nil
}

// choice says in words why an input has its judge.
func (in Input) choice() string {
	s := in.Sample
	switch {
	case in.Err != nil:
		return ""
	case in.Logs != nil:
		return in.Logs.String()
	case in.Share > 0:
		return "as a split of traffic: the canary should get " + judge.FormatPercent(in.Share) + " of the requests"
	case in.Judge != "":
		return "as asked (judge: " + in.Judge + ")"
	case in.Own:
		return "against its own past, since there is no baseline" + pastOf(s)
	}
	var text string
	switch s.Signal.Kind {
	case judge.Count:
		text = "as counts: " + judge.FormatNumber(events(s)) + " events"
	case judge.Ratio:
		text = "as a ratio: " + judge.FormatNumber(events(s)) + " events out of " + judge.FormatNumber(total(s.Baseline.Totals)+total(s.Canary.Totals))
	case judge.Distribution:
		text = "as histograms: " + judge.FormatNumber(observations(s.Baseline)+observations(s.Canary)) + " observations"
	default:
		text = fmt.Sprintf("as levels: %d intervals", s.Canary.Len())
	}
	text += pastOf(s)
	if s.Pods != nil && s.Signal.Kind != judge.Ratio && s.Signal.Kind != judge.Distribution {
		text = fmt.Sprintf("pod by pod: %d against %d; and %s", len(s.Pods.Canary), len(s.Pods.Baseline), text)
	}
	return text
}

func pastOf(s judge.Sample) string {
	if s.History == nil {
		return ", without history"
	}
	return fmt.Sprintf(", with %d intervals of history", s.History.Canary.Len())
}

func events(s judge.Sample) float64 { return total(s.Baseline.Values) + total(s.Canary.Values) }

// total sums what is finite.
func total(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		if v-v == 0 {
			sum += v
		}
	}
	return sum
}

func observations(s judge.Side) float64 {
	sum := 0.0
	for _, h := range s.Histograms {
		sum += h.Total()
	}
	return sum
}

// needsPods reports whether a judge looks at nothing but pods.
func needsPods(name string) bool { return name == pods.Name }
