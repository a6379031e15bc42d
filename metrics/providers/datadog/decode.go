package datadog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// maxSeries bounds a result: a signal is a handful of series.
const maxSeries = 1_000

// explain reads Datadog's error answers: {"errors": ["..."]} and
// {"status": "error", "error": "..."}.
func explain(_ int, body []byte) httpx.Explanation {
	var said struct {
		Errors []string `json:"errors"`
		Error  string   `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return httpx.Explanation{}
	}
	if said.Error != "" {
		said.Errors = append(said.Errors, said.Error)
	}
	return httpx.Explanation{Message: strings.Join(said.Errors, "; ")}
}

// decode puts an answer onto the time axis of the grid, see the package
// comment. The SDK leaves what it cannot decode in UnparsedObject and reports
// no error.
func decode(answer datadogV1.MetricsQueryResponse, g metrics.Grid) (metrics.Result, error) {
	if answer.UnparsedObject != nil {
		return metrics.Result{}, fail(metrics.BadAnswer, "the answer has another shape than Datadog documents", "")
	}
	if said := httpx.Printable(answer.GetError()); said != "" {
		reason := metrics.BadQuery
		if strings.Contains(strings.ToLower(said), "timeout") || strings.Contains(strings.ToLower(said), "timed out") {
			reason = metrics.Unavailable
		}
		return metrics.Result{}, fail(reason, "Datadog answers: "+said, "")
	}
	if status := answer.GetStatus(); status != "ok" {
		return metrics.Result{}, fail(metrics.BadAnswer, fmt.Sprintf("the answer's status is %q, not \"ok\"", httpx.Printable(status)), "is this the address of Datadog's API?")
	}
	if len(answer.Series) > maxSeries {
		return metrics.Result{}, fail(metrics.TooLarge, fmt.Sprintf("the query returns %d series, more than %d", len(answer.Series), maxSeries), "group by fewer tags")
	}
	var out metrics.Result
	if said := httpx.Printable(answer.GetMessage()); said != "" {
		out.Warnings = append(out.Warnings, said)
	}
	seen := make(map[string]bool, len(answer.Series))
	window, cut := g.Window(), 0
	for i := range answer.Series {
		in := &answer.Series[i]
		if in.UnparsedObject != nil {
			return metrics.Result{}, fail(metrics.BadAnswer, fmt.Sprintf("series %d of the answer has another shape than Datadog documents", i), "")
		}
		labels := labelsOf(in)
		if seen[labels.String()] {
			// Several queries at once, or arithmetic over one metric.
			labels["query"] = fmt.Sprintf("%d: %s", in.GetQueryIndex(), in.GetExpression())
		}
		if seen[labels.String()] {
			return metrics.Result{}, fail(metrics.BadAnswer, "two series of the answer have the same labels "+labels.String(), "")
		}
		seen[labels.String()] = true
		starts, err := bucketStarts(in.Pointlist)
		if err != nil {
			return metrics.Result{}, err
		}
		width := bucketWidth(in, starts, g.Step)
		if width > g.Step {
			out.Step = max(out.Step, width)
		}
		series := metrics.Series{Labels: labels, Points: make([]metrics.Point, 0, len(starts))}
		for n, pair := range in.Pointlist {
			start, end := starts[n], starts[n].Add(width)
			if start.Before(window.Start) || end.After(window.End) {
				if start.Before(window.End) && end.After(window.Start) && pair[1] != nil {
					cut++
				}
				continue
			}
			if pair[1] != nil {
				series.Points = append(series.Points, metrics.Point{Time: end, Value: *pair[1]})
			}
		}
		out.Series = append(out.Series, series)
	}
	if out.Step > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("Datadog answered with one point every %s where one every %s was asked for; add .rollup(avg, %d) to the query, or shorten the window", out.Step, g.Step, int(max(1, g.Step/time.Second))))
	}
	if cut > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d points were left out, since their buckets reach beyond %s; Datadog's buckets begin at multiples of their width", cut, window))
	}
	return out, nil
}

// labelsOf returns a series' tags and its metric's name.
func labelsOf(in *datadogV1.MetricsQueryMetadata) metrics.Labels {
	labels := metrics.Labels{}
	if name := in.GetMetric(); name != "" {
		labels["__name__"] = name
	}
	for _, tag := range in.TagSet {
		key, value, _ := strings.Cut(tag, ":")
		if before, ok := labels[key]; ok {
			value = before + "," + value // a tag may have several values
		}
		labels[key] = value
	}
	return labels
}

// bucketStarts returns the times of a point list: pairs of milliseconds and
// a value that may be null.
func bucketStarts(points [][]*float64) ([]time.Time, error) {
	starts := make([]time.Time, len(points))
	for i, pair := range points {
		if len(pair) != 2 || pair[0] == nil || math.Abs(*pair[0]) > 1e15 {
			return nil, fail(metrics.BadAnswer, fmt.Sprintf("point %d of the answer is not a pair of a time and a value", i), "")
		}
		starts[i] = time.UnixMilli(int64(*pair[0])).UTC()
	}
	return starts, nil
}

// bucketWidth returns how much time a point stands for. Datadog documents
// "interval" as milliseconds and sends seconds: in the answer that
// datadog-api-client-go records of the real API (Feature_Metrics, "Query
// timeseries points returns OK response") it is 300 and points are 300,000 ms
// apart. Where points are closer than that many seconds, it is milliseconds.
func bucketWidth(in *datadogV1.MetricsQueryMetadata, starts []time.Time, step time.Duration) time.Duration {
	const longest = 400 * 24 * time.Hour
	closest := longest
	for i := 1; i < len(starts); i++ {
		if d := starts[i].Sub(starts[i-1]).Abs(); d > 0 {
			closest = min(closest, d)
		}
	}
	interval := in.GetInterval()
	for _, unit := range []time.Duration{time.Second, time.Millisecond} {
		if interval > 0 && interval <= int64(closest/unit) {
			return time.Duration(interval) * unit
		}
	}
	if closest < longest {
		return closest
	}
	return step
}

func fail(reason metrics.Reason, text, hint string) error {
	return &metrics.Error{Op: "query", Reason: reason, Err: errors.New(text), Hint: hint}
}
