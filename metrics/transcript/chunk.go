package transcript

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// A chunk is a format byte and the lessons of one look. Stretches and series
// are named once and have a number from there on, so that a look at forty
// queries costs some ten bytes a query. Moments are counted in steps from the
// stretch's beginning where they lie on its grid, as they nearly always do.
// Values are the exclusive-or with the value before, least significant byte
// last, so that equal and round numbers are short. After the lessons stands what
// was read of logs, if anything was.
const (
	formatPlain   = 1
	formatDeflate = 2
)

// deflateFrom is the size from which a chunk is compressed. A look at forty
// queries adds 1 KB, of which it would save a third, and every later look would
// have to inflate it again.
const deflateFrom = 4096

// Limits of a chunk, so that a damaged one costs bounded memory.
const (
	maxChunk  = 64 << 20
	maxNumber = 1 << 22 // of stretches and series
)

// Flush returns what was learned since the last Flush as a chunk, nil if that is
// nothing.
func (t *Transcript) Flush() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.learned) == 0 && !slices.ContainsFunc(t.mined, func(m *mined) bool { return m.learned }) {
		return nil
	}
	// Answers arrive in any order; chunks are the same for the same answers.
	slices.SortStableFunc(t.learned, func(a, b *lesson) int {
		return cmp.Or(cmp.Compare(a.of.source, b.of.source), cmp.Compare(a.of.expr, b.of.expr), cmp.Compare(a.of.step, b.of.step), a.of.from.Compare(b.of.from))
	})
	w := &writer{}
	w.uint(uint64(len(t.learned)))
	for _, l := range t.learned {
		t.write(w, l)
	}
	t.learned = nil
	t.writeMined(w)
	if len(w.bytes) < deflateFrom {
		return append([]byte{formatPlain}, w.bytes...)
	}
	packed := bytes.NewBuffer(append(make([]byte, 0, len(w.bytes)/2), formatDeflate))
	d := deflaters.Get().(*flate.Writer) //nolint:forcetypeassert,errcheck // New makes nothing else
	defer deflaters.Put(d)
	d.Reset(packed)
	_, _ = d.Write(w.bytes) // a bytes.Buffer takes everything
	_ = d.Close()
	return packed.Bytes()
}

func (t *Transcript) write(w *writer, l *lesson) {
	s := l.of
	if s.number < 0 {
		s.number = len(t.stretches)
		t.stretches = append(t.stretches, s)
		w.uint(uint64(s.number))
		w.text(s.source)
		w.text(s.expr)
		w.uint(uint64(s.step))
		w.int(s.from.UnixNano())
	} else {
		w.uint(uint64(s.number))
	}
	w.uint(uint64(s.coarse))
	w.moment(s, l.after)
	w.moment(s, s.to)
	w.uint(uint64(len(l.warnings)))
	for _, text := range l.warnings {
		w.text(text)
	}
	named := 0
	for _, one := range s.lines {
		if one.number >= 0 {
			named++
		}
	}
	var changed []*line
	for _, one := range s.lines {
		if len(between(one.points, l.after, time.Time{}))+len(within(one.histograms, l.after, time.Time{})) > 0 {
			changed = append(changed, one)
		}
	}
	w.uint(uint64(len(changed)))
	for _, one := range changed {
		if one.number < 0 {
			one.number = named
			named++
			w.uint(uint64(one.number))
			w.labels(one.labels)
		} else {
			w.uint(uint64(one.number))
		}
		w.points(s, between(one.points, l.after, time.Time{}))
		w.histograms(s, within(one.histograms, l.after, time.Time{}))
	}
}

// Apply adds a chunk that a Flush returned. Chunks follow each other in the
// order in which they were written. The error says what is damaged; the
// transcript is then of no use.
func (t *Transcript) Apply(chunk []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.learned) > 0 || slices.ContainsFunc(t.mined, func(m *mined) bool { return m.learned }) {
		return errors.New("a chunk is applied to a transcript that has learned something itself: apply all chunks first")
	}
	if len(chunk) == 0 {
		return errors.New("an empty chunk")
	}
	body := chunk[1:]
	switch chunk[0] {
	case formatPlain:
	case formatDeflate:
		var err error
		if body, err = inflate(body); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a chunk of format %d: this version of judged reads 1 and 2", chunk[0])
	}
	r := &reader{bytes: body}
	for range r.count() {
		t.read(r)
		if r.err != nil {
			break
		}
	}
	if r.err == nil && len(r.bytes) > 0 {
		t.readMined(r)
	}
	if r.err == nil && len(r.bytes) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.bytes))
	}
	if r.err != nil {
		return fmt.Errorf("a chunk is damaged: %w", r.err)
	}
	return nil
}

type inflater interface {
	io.Reader
	flate.Resetter
}

// deflaters hold some 600 KB each.
var deflaters = sync.Pool{New: func() any {
	d, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is a good one
	return d
}}

// inflaters hold 40 KB each, more than most chunks.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func inflate(packed []byte) ([]byte, error) {
	f := inflaters.Get().(inflater) //nolint:forcetypeassert,errcheck // New makes nothing else
	defer inflaters.Put(f)
	if err := f.Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(f, maxChunk+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("a chunk is damaged: %w", err)
	case len(body) > maxChunk:
		return nil, fmt.Errorf("a chunk has more than %d bytes", maxChunk)
	default:
		return body, nil
	}
}

func (t *Transcript) read(r *reader) {
	number := r.number()
	if number > len(t.stretches) {
		r.fail("stretch %d after %d", number, len(t.stretches))
	}
	if r.err != nil {
		return
	}
	if number == len(t.stretches) {
		asked := question{source: r.text(), expr: r.text(), step: time.Duration(r.uint())}
		from := time.Unix(0, r.int()).UTC()
		if asked.step <= 0 {
			r.fail("a step of %v", asked.step)
			return
		}
		asked.phase = time.Duration(from.UnixNano()) % asked.step
		s := newStretch(asked, from)
		s.number = number
		t.stretches = append(t.stretches, s)
		t.known[asked] = append(t.known[asked], s)
	}
	s := t.stretches[number]
	coarse := time.Duration(r.uint())
	after, to := r.moment(s), r.moment(s)
	if r.err == nil && (after.Before(s.from) || after.After(s.to) || to.Before(s.to) || coarse < 0) {
		r.fail("an answer about %v to %v", after, to)
	}
	for range r.count() {
		if text := r.text(); r.err == nil && len(s.warnings) < mostWarnings {
			s.warnings = append(s.warnings, text)
		}
	}
	if r.err != nil {
		return
	}
	s.cut(after)
	s.to, s.coarse = to, max(s.coarse, coarse)
	for range r.count() {
		at := r.number()
		if at > len(s.lines) {
			r.fail("series %d after %d", at, len(s.lines))
		}
		if r.err != nil {
			return
		}
		if at == len(s.lines) {
			labels := r.labels()
			if r.err == nil && s.byLabels[labels.String()] != nil {
				r.fail("two series %s", labels)
			}
			if r.err != nil {
				return
			}
			s.line(labels).number = at
		}
		l := s.lines[at]
		l.points = r.points(s, l.points)
		l.histograms = r.histograms(s, l.histograms)
	}
}

type writer struct{ bytes []byte }

func (w *writer) uint(v uint64) { w.bytes = binary.AppendUvarint(w.bytes, v) }
func (w *writer) int(v int64)   { w.bytes = binary.AppendVarint(w.bytes, v) }

func (w *writer) text(s string) {
	w.uint(uint64(len(s)))
	w.bytes = append(w.bytes, s...)
}

func (w *writer) labels(l metrics.Labels) {
	w.uint(uint64(len(l)))
	for _, name := range slices.Sorted(maps.Keys(l)) {
		w.text(name)
		w.text(l[name])
	}
}

// moment writes a time on the stretch's grid as an even number, another one as
// an odd one and its nanoseconds.
func (w *writer) moment(s *stretch, at time.Time) {
	since := at.Sub(s.from)
	if since >= 0 && since%s.step == 0 {
		w.uint(uint64(since/s.step) << 1)
		return
	}
	w.uint(1)
	w.int(at.UnixNano())
}

func (w *writer) points(s *stretch, points []metrics.Point) {
	w.uint(uint64(len(points)))
	var last uint64
	for _, p := range points {
		w.moment(s, p.Time)
		last = w.float(p.Value, last)
	}
}

func (w *writer) float(v float64, last uint64) uint64 {
	now := math.Float64bits(v)
	w.uint(bits.ReverseBytes64(now ^ last))
	return now
}

func (w *writer) histograms(s *stretch, points []metrics.HistogramPoint) {
	w.uint(uint64(len(points)))
	for _, p := range points {
		w.moment(s, p.Time)
		for _, list := range [][]float64{p.Histogram.Bounds, p.Histogram.Counts} {
			w.uint(uint64(len(list)))
			var last uint64
			for _, v := range list {
				last = w.float(v, last)
			}
		}
	}
}

type reader struct {
	bytes []byte
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.bytes)
	if r.err != nil || n <= 0 {
		r.fail("it ends too early")
		return 0
	}
	r.bytes = r.bytes[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.bytes)
	if r.err != nil || n <= 0 {
		r.fail("it ends too early")
		return 0
	}
	r.bytes = r.bytes[n:]
	return v
}

// count reads the length of a list, of whose entries each has a byte at least.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.bytes)) {
		r.fail("a list of %d", n)
		return 0
	}
	return int(n)
}

// number reads the number of a stretch or a series.
func (r *reader) number() int {
	n := r.uint()
	if n > maxNumber {
		r.fail("number %d", n)
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.bytes)) {
		r.fail("a text of %d bytes", n)
	}
	if r.err != nil {
		return ""
	}
	s := string(r.bytes[:n])
	r.bytes = r.bytes[n:]
	return s
}

func (r *reader) labels() metrics.Labels {
	n := r.count()
	l := metrics.Labels{}
	for range n {
		name := r.text()
		value := r.text()
		if r.err != nil {
			return nil
		}
		l[name] = value
	}
	return l
}

// farthest bounds the steps of a moment from the stretch's beginning, so that
// times do not overflow.
const farthest = 1 << 33

func (r *reader) moment(s *stretch) time.Time {
	v := r.uint()
	if v&1 == 1 {
		return time.Unix(0, r.int()).UTC()
	}
	if v>>1 > farthest || v>>1 > uint64(math.MaxInt64/int64(s.step)) {
		r.fail("a moment %d steps on", v>>1)
		return time.Time{}
	}
	return s.from.Add(time.Duration(v>>1) * s.step)
}

// points appends what it reads.
func (r *reader) points(s *stretch, points []metrics.Point) []metrics.Point {
	n := r.count()
	var last uint64
	for range n {
		at := r.moment(s)
		last ^= bits.ReverseBytes64(r.uint())
		if r.err != nil {
			return nil
		}
		points = append(points, metrics.Point{Time: at, Value: math.Float64frombits(last)})
	}
	return points
}

func (r *reader) floats() []float64 {
	n := r.count()
	var list []float64
	var last uint64
	for range n {
		last ^= bits.ReverseBytes64(r.uint())
		if r.err != nil {
			return nil
		}
		list = append(list, math.Float64frombits(last))
	}
	return list
}

func (r *reader) histograms(s *stretch, points []metrics.HistogramPoint) []metrics.HistogramPoint {
	n := r.count()
	for range n {
		p := metrics.HistogramPoint{Time: r.moment(s), Histogram: metrics.Histogram{Bounds: r.floats(), Counts: r.floats()}}
		if r.err != nil {
			return nil
		}
		points = append(points, p)
	}
	return points
}
