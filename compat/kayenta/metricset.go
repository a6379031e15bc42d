package kayenta

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// MetricSet is one series of one side, as Kayenta stores it.
type MetricSet struct {
	// Name is that of the metric of the config.
	Name string
	Tags map[string]string
	// StartTimeMillis and EndTimeMillis are milliseconds since 1970.
	StartTimeMillis, EndTimeMillis int64
	// StepMillis is 0 if it is not known.
	StepMillis int64
	// Values are one step apart, NaN where there is none.
	Values []float64
	// Attributes hold the query.
	Attributes map[string]string
}

// MetricSetPair is a metric's series of both sides, ready to be judged. Mix
// makes it.
type MetricSetPair struct {
	Pair
	// Scopes are named control and experiment, as Attributes are.
	Scopes     map[string]MetricSetScope
	Attributes map[string]map[string]string
}

// MetricSetScope is where the series of a MetricSetPair begins.
type MetricSetScope struct {
	StartTimeIso    string `json:"startTimeIso"`
	StartTimeMillis int64  `json:"startTimeMillis"`
	StepMillis      int64  `json:"stepMillis"`
}

// MaxMetricSets is the longest list of series that DecodeMetricSets and
// DecodeMetricSetPairs read, in bytes.
const MaxMetricSets = DefaultMaxLine

// DecodeMetricSets reads a list. The error is an *Error of the kind Malformed
// that names the field.
func DecodeMetricSets(data []byte) ([]MetricSet, error) {
	return decodeUpTo(MaxMetricSets, data, func(p *parser) ([]MetricSet, error) { return list(p, p.metricSet) })
}

// DecodeMetricSetPairs reads a list. The error is an *Error of the kind
// Malformed that names the field.
func DecodeMetricSetPairs(data []byte) ([]MetricSetPair, error) {
	return decodeUpTo(MaxMetricSets, data, func(p *parser) ([]MetricSetPair, error) { return list(p, p.metricSetPair) })
}

func (p *parser) metricSet() (MetricSet, error) {
	s := MetricSet{Tags: map[string]string{}, Values: []float64{}, Attributes: map[string]string{}}
	err := p.fields(func(name string) (err error) {
		switch name {
		case "name":
			s.Name, _, err = p.stringValue()
		case "tags":
			s.Tags, err = p.presentTags()
		case "attributes":
			s.Attributes, err = p.presentTags()
		case "startTimeMillis":
			s.StartTimeMillis, err = p.presentMillis()
		case "endTimeMillis":
			s.EndTimeMillis, err = p.presentMillis()
		case "stepMillis":
			s.StepMillis, err = p.presentMillis()
		case "values":
			if s.Values, err = p.series(); s.Values == nil {
				s.Values = []float64{}
			}
		default:
			err = p.skip()
		}
		return err
	})
	switch {
	case err != nil:
	case s.Name == "":
		err = missing("name", "the name of a metric of the config")
	case s.StepMillis < 0:
		err = &fieldError{"stepMillis", fmt.Errorf("is %d, want 0 or more", s.StepMillis)}
	}
	return s, err
}

// presentTags reads an object of strings, empty for null.
func (p *parser) presentTags() (map[string]string, error) {
	tags, err := p.tags()
	if tags == nil {
		tags = map[string]string{}
	}
	return tags, err
}

// presentMillis reads a time in milliseconds, 0 for null.
func (p *parser) presentMillis() (int64, error) {
	ms, err := p.millis()
	if ms == nil {
		return 0, err
	}
	return *ms, nil
}

func (p *parser) metricSetPair() (MetricSetPair, error) {
	var pair MetricSetPair
	hasName := false
	err := p.fields(func(name string) (err error) {
		switch name {
		case "name":
			pair.Name, hasName, err = p.stringValue()
		case "scopes":
			pair.Scopes = nil
			if p.null() {
				return nil
			}
			pair.Scopes = map[string]MetricSetScope{}
			return p.fields(func(side string) error {
				if err := p.item(); err != nil {
					return err
				}
				s, err := p.metricSetScope()
				pair.Scopes[side] = s
				return err
			})
		case "attributes":
			pair.Attributes = nil
			if p.null() {
				return nil
			}
			pair.Attributes = map[string]map[string]string{}
			return p.fields(func(side string) error {
				if err := p.item(); err != nil {
					return err
				}
				a, err := p.presentTags()
				pair.Attributes[side] = a
				return err
			})
		default:
			err = pair.field(p, name)
		}
		return err
	})
	if err == nil {
		err = pair.complete(hasName)
	}
	return pair, err
}

func (p *parser) metricSetScope() (MetricSetScope, error) {
	var s MetricSetScope
	err := p.fields(func(name string) (err error) {
		switch name {
		case "startTimeMillis":
			s.StartTimeMillis, err = p.presentMillis()
		case "stepMillis":
			s.StepMillis, err = p.presentMillis()
		default:
			err = p.skip()
		}
		return err
	})
	s.StartTimeIso = millisIso(&s.StartTimeMillis)
	return s, err
}

// MarshalJSON implements json.Marshaler.
func (s *MetricSet) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends the series to b as Kayenta writes it: not-a-number and
// the infinities are strings.
func (s *MetricSet) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"name":`...), s.Name)
	b = appendTags(append(b, `,"tags":`...), s.Tags)
	b = strconv.AppendInt(append(b, `,"startTimeMillis":`...), s.StartTimeMillis, 10)
	b = appendString(append(b, `,"startTimeIso":`...), millisIso(&s.StartTimeMillis))
	b = strconv.AppendInt(append(b, `,"endTimeMillis":`...), s.EndTimeMillis, 10)
	b = appendString(append(b, `,"endTimeIso":`...), millisIso(&s.EndTimeMillis))
	b = strconv.AppendInt(append(b, `,"stepMillis":`...), s.StepMillis, 10)
	b = appendDoubles(append(b, `,"values":`...), s.Values)
	b = appendTags(append(b, `,"attributes":`...), s.Attributes)
	return append(b, '}')
}

// MarshalJSON implements json.Marshaler.
func (p *MetricSetPair) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendJSON appends the pair to b as Kayenta writes it: what is nil is left
// out, not-a-number and the infinities are strings.
func (p *MetricSetPair) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"name":`...), p.Name)
	if p.ID != nil {
		b = appendString(append(b, `,"id":`...), *p.ID)
	}
	if p.Tags != nil {
		b = appendTags(append(b, `,"tags":`...), p.Tags)
	}
	b = appendDoubles(append(b, `,"values":{"control":`...), p.Control)
	b = appendDoubles(append(b, `,"experiment":`...), p.Experiment)
	b = append(b, '}')
	if p.Scopes != nil {
		b = appendMap(append(b, `,"scopes":`...), p.Scopes, func(b []byte, s MetricSetScope) []byte {
			b = appendString(append(b, `{"startTimeIso":`...), s.StartTimeIso)
			b = strconv.AppendInt(append(b, `,"startTimeMillis":`...), s.StartTimeMillis, 10)
			b = strconv.AppendInt(append(b, `,"stepMillis":`...), s.StepMillis, 10)
			return append(b, '}')
		})
	}
	if p.Attributes != nil {
		b = appendMap(append(b, `,"attributes":`...), p.Attributes, appendTags)
	}
	return append(b, '}')
}

func appendDoubles(b []byte, values []float64) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDouble(b, v)
	}
	return append(b, ']')
}

// MetricSets makes Kayenta's series of what a store answered to query, which
// is that of metric for the scope.
//
// Prometheus' series keep their labels as tags, without the metric's name. A
// series begins at its first value, its step is the distance to the second in
// whole seconds, and its end is that many steps later: gaps make it shorter and
// move what follows. Datadog's series have no tags, are as far apart as the
// store says, and have NaN in gaps, from the first value to the last; see
// Scope.Grid. Where there is no series, there is one without values, tags and
// data in its place, over the whole scope.
//
// The error is about an answer that Kayenta could not read either.
func MetricSets(metric, store, query string, s *Scope, answer metrics.Result) ([]MetricSet, error) {
	var sets []MetricSet
	for _, series := range answer.Series {
		if len(series.Histograms) > 0 {
			return nil, fmt.Errorf("metric '%s': the series %s consists of native histograms, and Kayenta judges numbers: use histogram_quantile or histogram_avg in the query",
				shorten(metric), shortenTo(series.Labels.String(), 200))
		}
		if len(series.Points) == 0 {
			continue
		}
		for i := 1; i < len(series.Points); i++ {
			if !series.Points[i].Time.After(series.Points[i-1].Time) {
				return nil, fmt.Errorf("metric '%s': the points of the series %s are not in the order of their times", shorten(metric), shortenTo(series.Labels.String(), 200))
			}
		}
		set := MetricSet{Name: metric, Tags: map[string]string{}, Attributes: map[string]string{"query": query}, StartTimeMillis: series.Points[0].Time.UnixMilli()}
		if store == datadogStore {
			if err := set.fillGrid(series.Points, answer.Step); err != nil {
				return nil, fmt.Errorf("metric '%s': %w", shorten(metric), err)
			}
		} else {
			for name, value := range series.Labels {
				if name != "__name__" {
					set.Tags[name] = value
				}
			}
			set.fillDense(series.Points)
		}
		sets = append(sets, set)
	}
	if sets != nil {
		return sets, nil
	}
	step := s.Step * 1000
	if store == datadogStore {
		step = 1000
	}
	return []MetricSet{{
		Name: metric, Tags: map[string]string{}, Attributes: map[string]string{"query": query},
		StartTimeMillis: s.Start.UnixMilli(), EndTimeMillis: s.End.UnixMilli(), StepMillis: step, Values: []float64{},
	}}, nil
}

// fillDense takes all points as they follow each other.
func (s *MetricSet) fillDense(points []metrics.Point) {
	if len(points) > 1 {
		s.StepMillis = (points[1].Time.UnixMilli() - s.StartTimeMillis) / 1000 * 1000
	}
	s.EndTimeMillis = s.StartTimeMillis + int64(len(points))*s.StepMillis
	s.Values = make([]float64, len(points))
	for i, p := range points {
		s.Values[i] = p.Value
	}
}

// fillGrid puts points, whose times are the ends of their intervals, onto a
// grid of the step that the store chose. If that is not known, or that of
// another series, it is the least distance between two.
func (s *MetricSet) fillGrid(points []metrics.Point, step time.Duration) error {
	for i := 1; i < len(points); i++ {
		if d := points[i].Time.Sub(points[i-1].Time); step <= 0 || d < step {
			step = d
		}
	}
	if step = step.Truncate(time.Millisecond); step <= 0 {
		step = time.Second
	}
	span := points[len(points)-1].Time.Sub(points[0].Time)
	n := int64(span/step) + 1
	if n > maxValues {
		return fmt.Errorf("%d points %s apart are more than fit into one series, %d", n, step, maxValues)
	}
	s.StepMillis = step.Milliseconds()
	s.StartTimeMillis -= s.StepMillis
	s.EndTimeMillis = s.StartTimeMillis + n*s.StepMillis
	s.Values = make([]float64, n)
	for i := range s.Values {
		s.Values[i] = math.NaN()
	}
	for _, p := range points {
		s.Values[p.Time.Sub(points[0].Time)/step] = p.Value
	}
	return nil
}
