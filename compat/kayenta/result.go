package kayenta

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge/mannwhitney"
)

// Result is a CanaryJudgeResult. Request.Judge makes it.
type Result struct {
	JudgeName string
	mannwhitney.Judgment
	pairs []Pair // of Judgment.Results
}

// MarshalJSON returns the result as Kayenta writes it.
func (r *Result) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// AppendJSON appends the result to b as Kayenta writes it: fields that are
// null are left out, and numbers are in the form of Java's Double.toString, of
// which not-a-number and the infinities are the strings "NaN", "Infinity" and
// "-Infinity". groupScores are in the order of Kayenta's hash map, which is
// the same for the same groups.
func (r *Result) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"judgeName":`...), r.JudgeName)
	b = append(b, `,"results":[`...)
	for i := range r.Results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, &r.Results[i], &r.pairs[i])
	}
	b = append(b, `],"groupScores":[`...)
	for i, g := range r.Groups {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"name":`...), g.Group)
		b = appendDouble(append(b, `,"score":`...), g.Value)
		b = append(b, `,"classification":"","classificationReason":""}`...)
	}
	b = appendDouble(append(b, `],"score":{"score":`...), r.Score.Value)
	b = appendString(append(b, `,"classification":`...), string(r.Score.Classification))
	b = appendString(append(b, `,"classificationReason":`...), r.Score.Reason)
	return append(b, "}}"...)
}

// appendResult appends a CanaryAnalysisResult.
func appendResult(b []byte, r *mannwhitney.Result, p *Pair) []byte {
	b = appendString(append(b, `{"name":`...), r.Name)
	if p.Tags != nil {
		b = appendTags(append(b, `,"tags":`...), p.Tags)
	}
	if p.ID != nil {
		b = appendString(append(b, `,"id":`...), *p.ID)
	}
	b = appendString(append(b, `,"classification":`...), string(r.Label))
	if r.Reason != "" {
		b = appendString(append(b, `,"classificationReason":`...), r.Reason)
	}
	if r.Groups != nil {
		b = append(b, `,"groups":[`...)
		for i, g := range r.Groups {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, g)
		}
		b = append(b, ']')
	}
	b = appendStats(append(b, `,"experimentMetadata":`...), r.Experiment)
	b = appendStats(append(b, `,"controlMetadata":`...), r.Control)
	if r.Label != mannwhitney.Error {
		b = appendDouble(append(b, `,"resultMetadata":{"ratio":`...), r.Ratio)
		b = append(b, '}')
	}
	b = strconv.AppendBool(append(b, `,"critical":`...), r.Critical)
	b = strconv.AppendBool(append(b, `,"muted":`...), r.Muted)
	return append(b, '}')
}

func appendTags(b []byte, tags map[string]string) []byte { return appendMap(b, tags, appendString) }

// appendMap appends an object with its names sorted.
func appendMap[T any](b []byte, m map[string]T, value func([]byte, T) []byte) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = value(append(appendString(b, name), ':'), m[name])
	}
	return append(b, '}')
}

func appendStats(b []byte, s mannwhitney.Stats) []byte {
	b = strconv.AppendInt(append(b, `{"stats":{"count":`...), int64(s.Count), 10)
	b = appendDouble(append(b, `,"mean":`...), s.Mean)
	b = appendDouble(append(b, `,"min":`...), s.Min)
	b = appendDouble(append(b, `,"std":`...), s.Std)
	b = appendDouble(append(b, `,"max":`...), s.Max)
	return append(b, "}}"...)
}

// appendDouble appends v in the form of Double.toString, which keeps the sign
// of zero: Java reads -0 as the integer 0.
func appendDouble(b []byte, v float64) []byte {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	case a == 0 || a >= 1e-3 && a < 1e7:
		start := len(b)
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
		if !slices.Contains(b[start:], '.') {
			b = append(b, ".0"...)
		}
		return b
	}
	// Go writes 1.5e-05, Java 1.5E-5.
	start := len(b)
	b = strconv.AppendFloat(b, v, 'e', -1, 64)
	e := start + slices.Index(b[start:], 'e')
	exponent, _ := strconv.Atoi(string(b[e+1:]))
	fraction := slices.Contains(b[start:e], '.')
	b = b[:e]
	if !fraction {
		b = append(b, ".0"...)
	}
	return strconv.AppendInt(append(b, 'E'), int64(exponent), 10)
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		default: // U+FFFD for what is not UTF-8
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}
