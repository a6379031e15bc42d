package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/distribution"
	"github.com/judged-dev/judged/metrics"
)

// single returns the one series of a result; nil if there is none.
func single(r metrics.Result) ([]metrics.Point, error) {
	switch len(r.Series) {
	case 0:
		return nil, nil
	case 1:
		return numbers(r.Series[0])
	default:
		return nil, severalSeries(r.Series, "one series a side is compared: aggregate them, for example with sum(...) or avg(...), or say which label tells instances apart (pods: instance)")
	}
}

// numbers returns the points of a series without histograms.
func numbers(s metrics.Series) ([]metrics.Point, error) {
	if len(s.Histograms) > 0 {
		return nil, fmt.Errorf("the query gives native histograms, not numbers (%s): judge them as they are (kind: histogram), or take a number from them with histogram_quantile(0.99, ...), histogram_fraction(...) or histogram_avg(...)", s.Labels)
	}
	return s.Points, nil
}

func severalSeries(series []metrics.Series, but string) error {
	var names []string
	for _, s := range series[:min(3, len(series))] {
		names = append(names, s.Labels.String())
	}
	return fmt.Errorf("the query gave %d series (%s, …), but %s", len(series), strings.Join(names, ", "), but)
}

// podColumns returns the values of each pod on the grid, by the value of the
// label that tells pods apart.
func podColumns(r metrics.Result, label string, g metrics.Grid, fold metrics.Fold) (byPod map[string][]float64, warnings []string, err error) {
	byPod = make(map[string][]float64, len(r.Series))
	for _, s := range r.Series {
		name, ok := s.Labels[label]
		if !ok || name == "" {
			return nil, nil, fmt.Errorf("the series %s has no label %q, which should tell the pods apart: keep it, for example with sum by (%s) (...)", s.Labels, label, label)
		}
		if _, twice := byPod[name]; twice {
			return nil, nil, fmt.Errorf("two series of the pod %s=%q: aggregate them, for example with sum by (%s) (...)", label, name, label)
		}
		points, err := numbers(s)
		if err != nil {
			return nil, nil, err
		}
		aligned, err := metrics.Align(points, g, fold)
		if err != nil {
			return nil, nil, fmt.Errorf("pod %q: %w", name, err)
		}
		byPod[name] = aligned.Values
		warnings = append(warnings, aligned.Warnings...)
	}
	return byPod, warnings, nil
}

// bucketLabel is Prometheus' label of a classic bucket's upper end.
const bucketLabel = "le"

// histograms returns one histogram an interval, from a native histogram or from
// one series for each classic bucket.
func histograms(r metrics.Result, g metrics.Grid) ([]judge.Histogram, []string, error) {
	out := make([]judge.Histogram, g.N)
	if len(r.Series) == 0 {
		return out, nil, nil
	}
	for _, s := range r.Series {
		if _, ok := s.Labels[bucketLabel]; ok {
			return classic(r.Series, g)
		}
	}
	s := r.Series[0]
	switch {
	case len(r.Series) > 1:
		return nil, nil, severalSeries(r.Series, "one histogram a side is compared: aggregate them, sum(...) for native histograms and sum by (le) (...) for buckets")
	case len(s.Points) > 0:
		return nil, nil, fmt.Errorf("the query gives a number and no histogram (%s): ask for the buckets, sum by (le) (increase(..._bucket[1m])), or for a native histogram", s.Labels)
	}
	aligned, err := metrics.AlignHistograms(s.Histograms, g)
	if err != nil {
		return nil, nil, err
	}
	for i, in := range aligned.Intervals {
		all := make([]judge.Histogram, len(in))
		for k, p := range in {
			all[k] = judge.Histogram(p.Histogram)
		}
		switch len(all) {
		case 0:
		case 1:
			out[i] = all[0]
		default:
			out[i] = distribution.Merge(all...)
		}
	}
	return out, aligned.Warnings, nil
}

// bucket is the cumulative counts of one upper end.
type bucket struct {
	le     float64
	counts []float64
}

// classic puts the buckets of each interval together. Ends that are written
// differently, 1 and 1.0, are the same one: versions of a client write them so,
// and each counts what its instances saw.
func classic(series []metrics.Series, g metrics.Grid) ([]judge.Histogram, []string, error) {
	if err := oneHistogram(series); err != nil {
		return nil, nil, err
	}
	byEnd := map[float64]*bucket{}
	var warnings []string
	for _, s := range series {
		le, err := strconv.ParseFloat(s.Labels[bucketLabel], 64)
		if err != nil || math.IsNaN(le) {
			return nil, nil, fmt.Errorf("the label le=%q of a bucket is no number", s.Labels[bucketLabel])
		}
		points, err := numbers(s)
		if err != nil {
			return nil, nil, err
		}
		aligned, err := metrics.Align(points, g, metrics.Sum)
		if err != nil {
			return nil, nil, fmt.Errorf("bucket le=%q: %w", s.Labels[bucketLabel], err)
		}
		warnings = append(warnings, aligned.Warnings...)
		b := byEnd[le]
		if b == nil {
			byEnd[le] = &bucket{le, aligned.Values}
			continue
		}
		for i, v := range aligned.Values {
			if math.IsNaN(b.counts[i]) {
				b.counts[i] = v
			} else if !math.IsNaN(v) {
				b.counts[i] += v
			}
		}
	}
	buckets := slices.SortedFunc(maps.Values(byEnd), func(a, b *bucket) int { return cmp.Compare(a.le, b.le) })
	if !math.IsInf(buckets[len(buckets)-1].le, 1) {
		return nil, nil, fmt.Errorf("the bucket le=\"+Inf\" is missing; without it nobody knows how many observations lie above %v", buckets[len(buckets)-1].le)
	}
	return assembleClassic(buckets, g.N, warnings)
}

// oneHistogram reports series that differ in more than the bucket's end, or have
// none.
func oneHistogram(series []metrics.Series) error {
	rest := func(s metrics.Series) metrics.Labels {
		l := maps.Clone(s.Labels)
		delete(l, bucketLabel)
		return l
	}
	first := rest(series[0])
	for _, s := range series {
		if _, ok := s.Labels[bucketLabel]; !ok {
			return fmt.Errorf("the series %s has no label le, but others have: aggregate the buckets, sum by (le) (...)", s.Labels)
		}
		if !maps.Equal(first, rest(s)) {
			return severalSeries(series, "buckets of one histogram differ in their label le alone: aggregate them, sum by (le) (increase(..._bucket[1m]))")
		}
	}
	return nil
}

func assembleClassic(buckets []*bucket, n int, warnings []string) ([]judge.Histogram, []string, error) {
	out := make([]judge.Histogram, n)
	ends, counts := make([]float64, 0, len(buckets)), make([]float64, 0, len(buckets))
	endless := 0
	for i := range n {
		ends, counts = ends[:0], counts[:0]
		for _, b := range buckets {
			if !math.IsNaN(b.counts[i]) {
				ends, counts = append(ends, b.le), append(counts, b.counts[i])
			}
		}
		if len(ends) == 0 {
			continue
		}
		if !math.IsInf(ends[len(ends)-1], 1) {
			endless++
			continue
		}
		h, err := distribution.Classic(ends, counts)
		if err != nil {
			return nil, nil, fmt.Errorf("interval %d: %w", i, err)
		}
		out[i] = h
	}
	if endless > 0 {
		warnings = append(warnings, fmt.Sprintf("%d intervals have no bucket le=\"+Inf\" and were treated as missing", endless))
	}
	return out, warnings, nil
}
