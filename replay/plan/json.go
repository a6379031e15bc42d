package plan

import (
	"encoding/json"
	"io"
	"math"
)

// JSON writes a report as one indented JSON object. Changes and margins are
// fractions; null is a number that there is none of. The error is w's.
func JSON(w io.Writer, r *Report) error {
	out := reportJSON{
		Title: r.Title, Alpha: r.Alpha, Power: r.Options.Power, Signals: r.Signals, Looks: r.Looks,
		Interval: r.Interval.Seconds(), Planned: r.Planned.Seconds(), Metrics: []answerJSON{},
	}
	for _, a := range r.Answers {
		s := a.Signal
		one := answerJSON{
			Metric: s.Name, Kind: s.Kind.String(), Problem: a.Problem, Notes: a.Notes, Noise: s.Noise, Rho: s.Rho, Events: s.Events, Weight: s.weight(),
			Dispersion: s.dispersion(), Margin: s.Margin, MustExclude: a.Margin, Alpha: a.Alpha, Detectable: finite(a.Detectable),
			Needed: []needJSON{}, Curve: []pointJSON{},
		}
		for i, n := range a.Needed {
			one.Needed = append(one.Needed, needJSON{
				r.Changes[i], n.Intervals, r.duration(n.Intervals).Seconds(), n.Expected, n.Events, n.AtLeast,
				s.Requests * float64(n.Intervals),
			})
		}
		for _, p := range a.Curve {
			one.Curve = append(one.Curve, pointJSON{p.Intervals, finite(p.Change)})
		}
		out.Metrics = append(out.Metrics, one)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

type reportJSON struct {
	Title    string       `json:"title"`
	Alpha    float64      `json:"alpha"`
	Power    float64      `json:"power"`
	Signals  int          `json:"signals"`
	Looks    int          `json:"looks"`
	Interval float64      `json:"interval_seconds"`
	Planned  float64      `json:"planned_seconds"`
	Metrics  []answerJSON `json:"metrics"`
}

type answerJSON struct {
	Metric      string      `json:"metric"`
	Kind        string      `json:"kind"`
	Problem     string      `json:"problem,omitempty"`
	Notes       []string    `json:"notes,omitempty"`
	Noise       float64     `json:"noise,omitempty"`
	Rho         float64     `json:"rho,omitempty"`
	Events      float64     `json:"baseline_events_per_interval,omitempty"`
	Weight      float64     `json:"canary_to_baseline_traffic"`
	Dispersion  float64     `json:"dispersion"`
	Margin      float64     `json:"margin"`
	MustExclude float64     `json:"must_exclude"`
	Alpha       float64     `json:"alpha"`
	Needed      []needJSON  `json:"needed"`
	Detectable  *float64    `json:"planned_finds"`
	Curve       []pointJSON `json:"curve"`
}

type needJSON struct {
	Change    float64 `json:"change"`
	Intervals int     `json:"intervals"` // 0: never
	Seconds   float64 `json:"seconds"`
	Expected  float64 `json:"expected_intervals"`
	Events    float64 `json:"events,omitempty"`
	AtLeast   float64 `json:"events_any_test_needs,omitempty"`
	Requests  float64 `json:"requests,omitempty"`
}

type pointJSON struct {
	Intervals int      `json:"intervals"`
	Change    *float64 `json:"change"`
}

// finite returns nil for what JSON has no number for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
