package backtest

import (
	"encoding/json"
	"io"
	"math"
)

// JSON writes a report as one indented JSON object. Rates are fractions; null
// is a number that there is none of. The error is w's.
func JSON(w io.Writer, r *Report) error {
	out := reportJSON{
		Cases: r.Cases, Healthy: r.Healthy, Faulty: r.Faulty, NotScored: r.Unlike,
		Skipped: r.Skipped, Partial: r.Partial, LookEvery: r.LookEvery,
		Judges: r.Judges, Overall: rowsJSON(nil, r.Overall, r.LookEvery > 0), Tables: []tableJSON{},
	}
	for _, t := range r.Tables {
		out.Tables = append(out.Tables, tableJSON{t.By, rowsJSON(t.By, t.Rows, r.LookEvery > 0)})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

type reportJSON struct {
	Cases     int         `json:"cases"`
	Healthy   int         `json:"healthy"`
	Faulty    int         `json:"faulty"`
	NotScored int         `json:"not_scored"`
	Skipped   int         `json:"skipped"`
	Partial   bool        `json:"partial"`
	LookEvery int         `json:"look_every,omitempty"`
	Judges    []string    `json:"judges"`
	Overall   []rowJSON   `json:"overall"`
	Tables    []tableJSON `json:"tables"`
}

type tableJSON struct {
	By   []Dimension `json:"by"`
	Rows []rowJSON   `json:"rows"`
}

type rowJSON struct {
	Judge   string               `json:"judge"`
	Stratum map[Dimension]string `json:"stratum,omitempty"`
	Healthy groupJSON            `json:"healthy"`
	Faulty  groupJSON            `json:"faulty"`
	// The macro means.
	FalseAlarms macroJSON    `json:"false_alarms_macro"`
	MustCatch   macroJSON    `json:"must_catch"`
	AUC         *float64     `json:"auc"`
	ROC         [][2]float64 `json:"roc,omitempty"`
}

type groupJSON struct {
	Cases        int        `json:"cases"`
	Fail         int        `json:"fail"`
	Inconclusive int        `json:"inconclusive"`
	Pass         int        `json:"pass"`
	Error        int        `json:"error"`
	Rate         rateJSON   `json:"fail_rate"`
	Looks        *looksJSON `json:"looks,omitempty"`
}

type looksJSON struct {
	AnyLook   int      `json:"fail_at_any_look"`
	Rate      rateJSON `json:"fail_at_any_look_rate"`
	FirstFail int      `json:"median_first_fail"`
	Window    int      `json:"median_window"`
}

type rateJSON struct {
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

type macroJSON struct {
	Value *float64 `json:"value"`
	Cells int      `json:"cells"`
}

func rowsJSON(by []Dimension, rows []Row, looks bool) []rowJSON {
	out := make([]rowJSON, len(rows))
	for i, r := range rows {
		out[i] = rowJSON{
			Judge:   r.Judge,
			Healthy: toGroupJSON(r.Healthy, looks), Faulty: toGroupJSON(r.Faulty, looks),
			FalseAlarms: macroJSON{finite(r.FalseAlarms.Value), r.FalseAlarms.Cells},
			MustCatch:   macroJSON{finite(r.MustCatch.Value), r.MustCatch.Cells},
			AUC:         finite(r.AUC),
		}
		if len(by) > 0 {
			out[i].Stratum = make(map[Dimension]string, len(by))
			for d, name := range by {
				out[i].Stratum[name] = r.Stratum[d]
			}
			continue
		}
		for _, p := range r.ROC {
			out[i].ROC = append(out[i].ROC, [2]float64{p.FalseAlarms, p.Detection})
		}
	}
	return out
}

func toGroupJSON(g Group, looks bool) groupJSON {
	out := groupJSON{
		Cases: g.Cases(), Fail: g.Fail, Inconclusive: g.Inconclusive, Pass: g.Pass, Error: g.Error,
		Rate: toRateJSON(g.Failed()),
	}
	if looks {
		out.Looks = &looksJSON{g.AnyLook, toRateJSON(g.FailedAtAnyLook()), g.MedianFirstFail, g.MedianWindow}
	}
	return out
}

func toRateJSON(r Rate) rateJSON {
	low, high := r.Interval()
	return rateJSON{finite(r.Value()), finite(low), finite(high)}
}

// finite returns nil for what JSON has no number for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
