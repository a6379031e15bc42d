package backtest

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge"
)

// ResultWriter writes results as JSON lines, one for each case and judge:
//
//	{"id", "label", "judge", "verdict", "score", "suspicion", "first_fail", "findings": [
//	  {"metric", "judge", "verdict", "classification", "measure", "effect", "low", "high", "p", "reason"}]}
//
// "judge" of the case is there if there are several, "first_fail" if looks were
// replayed: the intervals until the first FAIL, null without one. "p" is adjusted for
// the number of metrics. null is a number that is unknown or unbounded.
//
// Wrap w in a bufio.Writer if it is a file.
type ResultWriter struct {
	w      io.Writer
	judges []string
	line   []byte
}

// NewResultWriter returns a writer of the results of these judges.
func NewResultWriter(w io.Writer, judges []Judge) *ResultWriter {
	rw := &ResultWriter{w: w}
	for _, j := range judges {
		rw.judges = append(rw.judges, j.Name())
	}
	return rw
}

// Write writes one result. The error is that of the underlying writer.
func (rw *ResultWriter) Write(r *Result) error {
	for i := range r.Outcomes {
		b := rw.line[:0]
		b = appendText(append(b, `{"id":`...), r.ID)
		if r.Faulty {
			b = append(b, `,"label":"fail"`...)
		} else {
			b = append(b, `,"label":"pass"`...)
		}
		if len(rw.judges) > 1 {
			b = appendText(append(b, `,"judge":`...), rw.judges[i])
		}
		o := &r.Outcomes[i]
		b = appendText(append(b, `,"verdict":`...), o.Verdict.String())
		b = appendNumber(append(b, `,"score":`...), o.Score)
		b = appendNumber(append(b, `,"suspicion":`...), o.Suspicion)
		if r.Looks != nil {
			b = append(b, `,"first_fail":`...)
			if first := r.Looks[i].FirstFail; first > 0 {
				b = strconv.AppendInt(b, int64(first), 10)
			} else {
				b = append(b, "null"...)
			}
		}
		b = append(b, `,"findings":[`...)
		for k := range o.Findings {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendFinding(b, &o.Findings[k])
		}
		b = append(b, "]}\n"...)
		rw.line = b
		if _, err := rw.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func appendFinding(b []byte, f *judge.Finding) []byte {
	b = appendText(append(b, `{"metric":`...), f.Signal.Name)
	b = appendText(append(b, `,"judge":`...), f.Judge)
	b = appendText(append(b, `,"verdict":`...), f.Verdict.String())
	b = appendText(append(b, `,"classification":`...), f.Classification.String())
	b = appendText(append(b, `,"measure":`...), string(f.Effect.Measure))
	b = appendNumber(append(b, `,"effect":`...), f.Effect.Estimate)
	b = appendNumber(append(b, `,"low":`...), f.Effect.Low)
	b = appendNumber(append(b, `,"high":`...), f.Effect.High)
	b = appendNumber(append(b, `,"p":`...), f.AdjustedPValue)
	b = appendText(append(b, `,"reason":`...), f.Reason)
	return append(b, '}')
}

func appendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string has JSON
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
