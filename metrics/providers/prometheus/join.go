package prometheus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// joiner collects the answers of consecutive parts of a grid into one result.
type joiner struct {
	result  metrics.Result
	index   map[string]int // of a series in the result, by its labels
	samples int
	shifted bool
}

func newJoiner() *joiner { return &joiner{index: map[string]int{}} }

// notes keeps the server's warnings and infos, each once.
func (j *joiner) notes(warnings v1.Warnings, infos v1.Infos) {
	for _, w := range warnings {
		// The engine's own are about the query. The others come from storage, such
		// as a store that did not answer (Thanos, Cortex, remote read).
		j.result.Partial = j.result.Partial || !strings.HasPrefix(w, "PromQL warning")
		j.warn(httpx.Printable(w))
	}
	for _, i := range infos {
		j.warn("info: " + httpx.Printable(i))
	}
}

func (j *joiner) warn(text string) {
	if !slices.Contains(j.result.Warnings, text) {
		j.result.Warnings = append(j.result.Warnings, text)
	}
}

// add appends one part's series. NaN and infinite values stay what they are:
// what they mean is for the alignment to say.
func (j *joiner) add(matrix model.Matrix, asked v1.Range) error {
	seen := make(map[string]bool, len(matrix))
	for _, stream := range matrix {
		labels := make(metrics.Labels, len(stream.Metric))
		for name, value := range stream.Metric {
			labels[string(name)] = string(value)
		}
		key := labels.String()
		if seen[key] {
			return badAnswer("two series of the answer have the same labels "+key, "")
		}
		seen[key] = true
		at, known := j.index[key]
		if !known {
			at = len(j.result.Series)
			j.index[key] = at
			j.result.Series = append(j.result.Series, metrics.Series{Labels: labels})
		}
		if len(j.result.Series) > maxSeries {
			return tooManySeries()
		}
		if j.samples += len(stream.Values); j.samples > maxSamples {
			return tooLarge(fmt.Sprintf("the query returns more than %d points", maxSamples), "aggregate it, make its step coarser or its window shorter")
		}
		series := &j.result.Series[at]
		series.Points = slices.Grow(series.Points, len(stream.Values))
		for _, v := range stream.Values {
			t := v.Timestamp.Time().UTC()
			if err := j.checkTime(t, asked); err != nil {
				return err
			}
			series.Points = append(series.Points, metrics.Point{Time: t, Value: float64(v.Value)})
		}
		if err := j.addHistograms(series, stream.Histograms, asked); err != nil {
			return err
		}
	}
	return nil
}

func tooManySeries() error {
	return tooLarge(fmt.Sprintf("the query returns more than %d series", maxSeries), "aggregate it, e.g. with sum(...) or sum by (pod) (...)")
}

// addHistograms appends native histograms. Their buckets count as samples.
func (j *joiner) addHistograms(series *metrics.Series, pairs []model.SampleHistogramPair, asked v1.Range) error {
	for _, p := range pairs {
		t := p.Timestamp.Time().UTC()
		if j.samples += 1 + len(p.Histogram.Buckets); j.samples > maxSamples {
			return tooLarge(fmt.Sprintf("the query returns histograms of more than %d buckets together", maxSamples), "aggregate it, make its step coarser or its window shorter")
		}
		h, err := histogramOf(p.Histogram)
		if err != nil {
			return badAnswer(fmt.Sprintf("the histogram of %s at %s: %v", series.Labels, t.Format(time.RFC3339), err), "")
		}
		if err := j.checkTime(t, asked); err != nil {
			return err
		}
		series.Histograms = append(series.Histograms, metrics.HistogramPoint{Time: t, Histogram: h})
	}
	return nil
}

// checkTime warns, once, when the server evaluated the query at other moments
// than asked: query frontends of Thanos and Mimir may align them to the step.
// That moves them by less than a step; what lies further away is the answer to
// another question, from a cache or by a wrong clock.
func (j *joiner) checkTime(t time.Time, asked v1.Range) error {
	if t.Before(asked.Start.Add(-asked.Step)) || t.After(asked.End.Add(asked.Step)) {
		return badAnswer(fmt.Sprintf("the server answered for %s, which is outside of the time asked for (%s to %s)",
			t.Format(time.RFC3339Nano), asked.Start.UTC().Format(time.RFC3339Nano), asked.End.UTC().Format(time.RFC3339Nano)),
			"does a proxy or cache before it answer other queries, or change their times?")
	}
	if off := t.Sub(asked.Start) % asked.Step; off == 0 || j.shifted {
		return nil
	}
	j.shifted = true
	j.warn(fmt.Sprintf("the server answered for %s, which is not one of the moments asked for (%s and every %s after): does a query frontend align queries with their step?",
		t.UTC().Format(time.RFC3339Nano), asked.Start.UTC().Format(time.RFC3339Nano), asked.Step))
	return nil
}
