package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// series is one series: times in milliseconds since 1970, ascending, and the
// value at each.
type series struct {
	labels labels.Labels
	times  []int64
	values []float64
}

// builder collects samples, checks them and bounds them.
type builder struct {
	limits     Limits
	byLabels   map[string]*series
	all        []*series
	samples    int
	labelBytes int
}

func newBuilder(l Limits) *builder { return &builder{limits: l, byLabels: map[string]*series{}} }

const (
	// maxSeriesLabels bounds one series' labels; real ones have hundreds of
	// bytes.
	maxSeriesLabels = 64 << 10
	// maxLabels bounds all labels, so that few samples with long labels do not
	// take more memory than many samples.
	maxLabels = 256 << 20
)

// add returns the series with these labels, a new one if there is none yet.
func (b *builder) add(l labels.Labels) (*series, error) {
	l = l.WithoutEmpty() // an empty label is the same as none
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return nil, fmt.Errorf("label %s twice in %s", name, l)
	}
	size := int(l.ByteSize())
	if size > maxSeriesLabels {
		return nil, overLimit(maxSeriesLabels, "bytes of labels in one series")
	}
	key := string(l.Bytes(nil))
	if s := b.byLabels[key]; s != nil {
		return s, nil
	}
	if len(b.all) >= b.limits.Series {
		return nil, overLimit(b.limits.Series, "series")
	}
	if b.labelBytes += size; b.labelBytes > maxLabels {
		return nil, overLimit(maxLabels, "bytes of labels")
	}
	s := &series{labels: l}
	b.byLabels[key] = s
	b.all = append(b.all, s)
	return s, nil
}

// The times of recordings and queries, in milliseconds. A time.Duration spans
// 292 years, and the engine counts nanoseconds since 1970 in as many bits.
var (
	minTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTime = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// append adds a sample. Times of a series only grow; the same sample again
// changes nothing.
func (b *builder) append(s *series, t int64, v float64) error {
	if n := len(s.times); n > 0 && t <= s.times[n-1] {
		switch last := s.values[n-1]; {
		case t < s.times[n-1]:
			return fmt.Errorf("the sample at %s comes after the one at %s of the same series: samples have to be in the order of time", text(t), text(s.times[n-1]))
		case v == last || math.IsNaN(v) && math.IsNaN(last):
			return nil
		default:
			return fmt.Errorf("two values for one moment, %v and %v at %s", last, v, text(t))
		}
	}
	if t < minTime || t > maxTime {
		return errors.New("the timestamp is not between the years 1900 and 2100: OpenMetrics has seconds, not milliseconds, since 1970")
	}
	if b.samples >= b.limits.Samples {
		return overLimit(b.limits.Samples, "samples")
	}
	b.samples++
	s.times = append(s.times, t)
	s.values = append(s.values, v)
	return nil
}

// text renders milliseconds since 1970 as in the recording's own text, with a
// date for people.
func text(ms int64) string {
	return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) + " (" + moment(ms) + ")"
}

// moment renders milliseconds since 1970 as a date.
func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00") }

// finish returns what was collected, with stale markers if markVanished.
func (b *builder) finish(markVanished bool) (*store, error) {
	if b.samples == 0 {
		return nil, errors.New("it holds no samples")
	}
	slices.SortFunc(b.all, func(x, y *series) int { return labels.Compare(x.labels, y.labels) })
	s := &store{series: b.all, samples: b.samples, first: math.MaxInt64, last: math.MinInt64}
	for _, one := range b.all {
		if len(one.times) > 0 {
			s.first = min(s.first, one.times[0])
			s.last = max(s.last, one.times[len(one.times)-1])
		}
	}
	s.interval = usualInterval(b.all)
	if markVanished {
		for _, one := range b.all {
			one.markVanished(s.interval, s.last)
		}
	}
	s.index()
	return s, nil
}
