package calibrate

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/judged-dev/judged/replay/backtest"
)

// JSON writes a report as one indented JSON object. Rates, margins and changes
// are fractions, times are seconds; null is a number that there is none of. The
// error is w's.
func JSON(w io.Writer, r *Report) error {
	out := reportJSON{
		Config: r.Config, Alpha: r.Alpha, Target: r.Target,
		Windows: r.Verdicts.All(), Skipped: r.Skipped, Silent: r.Silent,
		Verdicts: verdictsOf(r.Verdicts), Signals: []signalJSON{}, YAML: YAML(r),
	}
	if r.Span.Duration() > 0 {
		out.From, out.Until = r.Span.Start.UTC().Format(time.RFC3339), r.Span.End.UTC().Format(time.RFC3339)
		l := layoutOf(r.Layout)
		out.Layout = &l
	}
	out.Suggested.Verdicts = verdictsOf(r.Suggested.Verdicts)
	out.Suggested.HeldOut = rateOf(r.Suggested.HeldOut)
	for _, s := range r.Signals {
		out.Signals = append(out.Signals, signalJSON{
			Metric: s.Signal.Name, Judge: s.Judge, Decides: s.Decides, Verdicts: verdictsOf(s.Verdicts), NoData: s.NoData, Problem: s.Problem,
			Largest: finite(s.Largest), Margin: s.Signal.Margin.Relative, Needed: s.Needed, Stay: s.Stay,
			Alone: rateOf(s.Alone), AloneNeeded: rateOf(s.AloneNeeded), Found: finite(s.Found), FoundNeeded: finite(s.FoundNeeded), Injected: s.Tried,
		})
	}
	for _, s := range r.Schedules {
		out.Schedules = append(out.Schedules, scheduleJSON{layoutOf(s.Layout), s.Current, verdictsOf(s.Verdicts), finite(s.Shift)})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

type reportJSON struct {
	Config    string       `json:"config,omitempty"`
	Alpha     float64      `json:"alpha"`
	Target    float64      `json:"target"`
	From      string       `json:"from,omitempty"`
	Until     string       `json:"until,omitempty"`
	Layout    *layoutJSON  `json:"layout,omitempty"`
	Windows   int          `json:"windows"`
	Skipped   int          `json:"skipped"`
	Silent    int          `json:"silent"`
	Verdicts  verdictsJSON `json:"verdicts"`
	Signals   []signalJSON `json:"signals"`
	Suggested struct {
		Verdicts verdictsJSON `json:"verdicts"`
		HeldOut  rateJSON     `json:"held_out"`
	} `json:"suggested"`
	Schedules []scheduleJSON `json:"schedules,omitempty"`
	YAML      string         `json:"yaml"`
}

type layoutJSON struct {
	Warmup    float64 `json:"warmup_seconds"`
	Duration  float64 `json:"duration_seconds"`
	History   float64 `json:"history_seconds"`
	LookEvery float64 `json:"look_every_seconds"`
	Stride    float64 `json:"stride_seconds"`
}

func layoutOf(l Layout) layoutJSON {
	return layoutJSON{l.Warmup.Seconds(), l.Duration.Seconds(), l.History.Seconds(), l.LookEvery.Seconds(), l.stride().Seconds()}
}

type verdictsJSON struct {
	Fail         int      `json:"fail"`
	Inconclusive int      `json:"inconclusive"`
	Pass         int      `json:"pass"`
	Error        int      `json:"error"`
	Rate         rateJSON `json:"fail_rate"`
}

func verdictsOf(v Verdicts) verdictsJSON {
	return verdictsJSON{v.Fail, v.Inconclusive, v.Pass, v.Error, rateOf(v.Failed())}
}

type rateJSON struct {
	Hits  int      `json:"hits"`
	Of    int      `json:"of"`
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

func rateOf(r backtest.Rate) rateJSON {
	low, high := r.Interval()
	return rateJSON{r.Hits, r.Cases, finite(r.Value()), finite(low), finite(high)}
}

type signalJSON struct {
	Metric      string       `json:"metric"`
	Judge       string       `json:"judge"`
	Decides     bool         `json:"decides"`
	Verdicts    verdictsJSON `json:"verdicts"`
	NoData      int          `json:"no_data"`
	Problem     string       `json:"problem,omitempty"`
	Largest     *float64     `json:"largest_change"`
	Margin      float64      `json:"margin"`
	Needed      float64      `json:"needed_margin"`
	Stay        int          `json:"stay"`
	Alone       rateJSON     `json:"alone"`
	AloneNeeded rateJSON     `json:"alone_with_needed_margin"`
	Found       *float64     `json:"finds"`
	FoundNeeded *float64     `json:"finds_with_needed_margin"`
	Injected    int          `json:"injected_windows"`
}

type scheduleJSON struct {
	Layout   layoutJSON   `json:"layout"`
	Current  bool         `json:"current"`
	Verdicts verdictsJSON `json:"verdicts"`
	Finds    *float64     `json:"finds"`
}

// finite returns nil for what JSON has no number for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
