package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// store is all series of a recording, ready to be queried. It never changes.
type store struct {
	// series are sorted by their labels.
	series []*series
	// samples counts what was recorded, without stale markers.
	samples int
	// first and last sample, and the usual distance of samples, in
	// milliseconds.
	first, last, interval int64
	// postings holds, for a label and its value, the positions in series of
	// those that have it, ascending.
	postings map[labels.Label][]int32
	// labelSizes is the longest value of each label.
	labelSizes labelSizes
}

// index fills postings and labelSizes.
func (s *store) index() {
	s.postings = map[labels.Label][]int32{}
	s.labelSizes = labelSizes{}
	for i, one := range s.series {
		one.labels.Range(func(l labels.Label) {
			s.postings[l] = append(s.postings[l], int32(i))
			s.labelSizes[l.Name] = max(s.labelSizes[l.Name], len(l.Value))
		})
	}
}

// match returns the series that match all of matchers, sorted. It looks at
// those that the rarest label=value has.
func (s *store) match(matchers []*labels.Matcher) []*series {
	var candidates []int32
	narrowed := false
	for _, m := range matchers {
		if m.Type != labels.MatchEqual || m.Value == "" {
			continue
		}
		have := s.postings[labels.Label{Name: m.Name, Value: m.Value}]
		if !narrowed || len(have) < len(candidates) {
			candidates, narrowed = have, true
		}
	}
	if !narrowed {
		return filter(slices.Values(s.series), matchers)
	}
	return filter(func(yield func(*series) bool) {
		for _, i := range candidates {
			if !yield(s.series[i]) {
				return
			}
		}
	}, matchers)
}

func filter(from func(func(*series) bool), matchers []*labels.Matcher) []*series {
	var matched []*series
	for one := range from {
		if matches(one.labels, matchers) {
			matched = append(matched, one)
		}
	}
	return matched
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) { // a label that is not there is empty
			return false
		}
	}
	return true
}

// between returns the part of the series from mint to maxt, both included.
func (s *series) between(mint, maxt int64) *series {
	from, _ := slices.BinarySearch(s.times, mint)
	to, found := slices.BinarySearch(s.times, maxt)
	if found {
		to++
	}
	to = max(from, to)
	return &series{labels: s.labels, times: s.times[from:to], values: s.values[from:to]}
}

// querier implements storage.Queryable and storage.Querier for one query.
type querier struct {
	store    *store
	lookback int64
	name     string
}

var (
	_ storage.Queryable = (*querier)(nil)
	_ storage.Querier   = (*querier)(nil)
)

// Querier implements storage.Queryable. The bounds are those of all selectors
// together; Select has each one's own.
func (q *querier) Querier(_, _ int64) (storage.Querier, error) { return q, nil }

// Select implements storage.Querier. Its result is sorted and within the
// hints' times; a warning says if the recording does not cover them.
func (q *querier) Select(_ context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{at: -1}
	if warning := q.coverage(hints); warning != nil {
		set.warnings.Add(warning)
	}
	for _, s := range q.store.match(matchers) {
		if part := s.between(hints.Start, hints.End); len(part.times) > 0 {
			set.series = append(set.series, part)
		}
	}
	return set
}

// coverage returns a warning if a selector is evaluated at times that were
// not recorded, else nil. A range or lookback that reaches back before the
// recording is no reason: that happens at every beginning.
func (q *querier) coverage(hints *storage.SelectHints) error {
	reach := q.lookback
	if hints.Range > 0 {
		reach = hints.Range
	}
	from, to := hints.Start+reach-1, hints.End
	covers := fmt.Sprintf("the recording %s covers %s to %s", q.name, moment(q.store.first), moment(q.store.last))
	slack := 2 * q.store.interval
	switch {
	case hints.End < q.store.first || hints.Start > q.store.last:
		return fmt.Errorf("%s; the query looks at %s to %s, of which nothing is recorded", covers, moment(from), moment(to))
	case from < q.store.first-slack || to > q.store.last+slack:
		return fmt.Errorf("%s, but the query looks at %s to %s: the rest has no data", covers, moment(from), moment(to))
	}
	return nil
}

// LabelValues implements storage.Querier. The engine does not ask.
func (q *querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("replay: label values are not implemented")
}

// LabelNames implements storage.Querier. The engine does not ask.
func (q *querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, fmt.Errorf("replay: label names are not implemented")
}

// Close implements storage.Querier.
func (q *querier) Close() error { return nil }

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	series   []*series
	at       int
	warnings annotations.Annotations
}

func (s *seriesSet) Next() bool {
	s.at++
	return s.at < len(s.series)
}

func (s *seriesSet) At() storage.Series                { return s.series[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return s.warnings }

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	it, ok := reuse.(*iterator)
	if !ok {
		it = &iterator{}
	}
	*it = iterator{times: s.times, values: s.values, at: -1}
	return it
}

// iterator implements chunkenc.Iterator.
type iterator struct {
	times  []int64
	values []float64
	at     int
}

func (it *iterator) Next() chunkenc.ValueType {
	if it.at < len(it.times) {
		it.at++
	}
	return it.valueType()
}

// millis are milliseconds since 1970. The alias keeps vet from taking Seek for
// a misspelt io.Seeker.
type millis = int64

func (it *iterator) Seek(t millis) chunkenc.ValueType {
	it.at = max(it.at, 0)
	if it.at < len(it.times) && it.times[it.at] < t {
		skip, _ := slices.BinarySearch(it.times[it.at:], t)
		it.at += skip
	}
	return it.valueType()
}

func (it *iterator) valueType() chunkenc.ValueType {
	if it.at >= len(it.times) {
		return chunkenc.ValNone
	}
	return chunkenc.ValFloat
}

func (it *iterator) At() (int64, float64) { return it.times[it.at], it.values[it.at] }
func (it *iterator) AtT() int64           { return it.times[it.at] }
func (it *iterator) AtST() int64          { return 0 }
func (it *iterator) Err() error           { return nil }

func (it *iterator) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	panic("replay: recordings have no native histograms")
}

func (it *iterator) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	panic("replay: recordings have no native histograms")
}
