package sourcetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/providertest"
)

// asMetrics runs the suite for sources of metrics: a line is a point of the
// series of its instance, and its last word is the value.
func (s suite) asMetrics(t *testing.T) {
	lacks := []providertest.Feature{providertest.Infinity, providertest.Warnings, providertest.Histograms, providertest.Order}
	if s.lacks(AnyInstance) {
		lacks = append(lacks, providertest.AnyLabel)
	}
	if s.lacks(EmptyObject) {
		lacks = append(lacks, providertest.EmptyObject)
	}
	providertest.Run(t, providertest.Harness{
		Provider: metrics.Provider{
			Name: s.Provider.Name, Expand: s.Provider.Expand,
			Open: func(set metrics.Settings) (metrics.Source, error) {
				src, err := s.Provider.Open(set)
				if err != nil {
					return nil, err
				}
				return counted{src}, nil
			},
		},
		Query: s.Query,
		Wire: &providertest.Wire{
			Answer:  func(a providertest.Answer) []byte { return s.Answer(linesOf(a)) },
			Refusal: s.Refusal, ErrorInSuccess: s.ErrorInSuccess,
			Endless: s.Endless, LargeTries: s.LargeTries, Credentials: s.Credentials,
		},
		Lacks: lacks, Templates: s.Templates,
	})
}

// linesOf writes an answer's points as lines.
func linesOf(a providertest.Answer) []Line {
	lines := []Line{}
	for _, series := range a.Series {
		instance := cmp.Or(series.Labels["pod"], "le="+series.Labels["le"])
		for _, p := range series.Points {
			lines = append(lines, Line{
				Time: p.Time, Level: logs.Info, Instance: instance,
				Message: "counted " + strconv.FormatFloat(p.Value, 'g', -1, 64),
			})
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	return lines
}

// counted is a source of logs seen as one of metrics.
type counted struct{ logs.Source }

// Query implements metrics.Source.
func (c counted) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	bySeries := map[string]int{}
	var out metrics.Result
	_, err := c.Read(ctx, logs.Query{Expr: q.Expr, Window: q.Grid.Window()}, func(rec *logs.Record) error {
		words := strings.Fields(string(rec.Message))
		if len(words) == 0 {
			return fmt.Errorf("a line without a message at %s", rec.Time)
		}
		value, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil {
			return fmt.Errorf("the line %q became %q: %w", "counted <number>", rec.Message, err)
		}
		instance := string(rec.Instance)
		i, ok := bySeries[instance]
		if !ok {
			i = len(out.Series)
			bySeries[instance] = i
			labels := metrics.Labels{"pod": instance, "app": "shop"}
			if le, ok := strings.CutPrefix(instance, "le="); ok {
				labels = metrics.Labels{"le": le}
			}
			out.Series = append(out.Series, metrics.Series{Labels: labels})
		}
		out.Series[i].Points = append(out.Series[i].Points, metrics.Point{Time: rec.Time, Value: value})
		return nil
	})
	if err != nil {
		return metrics.Result{}, err
	}
	return out, nil
}
