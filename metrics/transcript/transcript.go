package transcript

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// Transcript is what sources answered to one analysis. It is safe for
// concurrent use.
type Transcript struct {
	mu sync.Mutex
	// stretches in the order in which chunks first name them.
	stretches []*stretch
	known     map[question][]*stretch
	// learned is what Flush has not written yet.
	learned []*lesson
	// mined is what is known of logs.
	mined []*mined
}

// question is what one query asks, wherever its window begins.
type question struct {
	source, expr string
	step         time.Duration
	phase        time.Duration // of the grid within a step, counted from 1970
}

// stretch is the answer to a question over one unbroken stretch of time.
type stretch struct {
	question
	from, to time.Time
	// number is the place in Transcript.stretches; -1 before the first Flush.
	number int
	// coarse is the step of the answer, if it is coarser than asked for.
	coarse   time.Duration
	lines    []*line
	byLabels map[string]*line
	warnings []string
}

// line is one series.
type line struct {
	labels     metrics.Labels
	number     int // in stretch.lines as chunks name them; -1 before the first Flush
	points     []metrics.Point
	histograms []metrics.HistogramPoint
}

// lesson is what one answer added: everything after a moment.
type lesson struct {
	of       *stretch
	after    time.Time
	warnings []string
}

// New returns an empty transcript.
func New() *Transcript {
	return &Transcript{known: map[question][]*stretch{}}
}

// again is how many of the latest intervals are asked for once more at the
// next look: points that were late, and counters that were read too early.
const again = 3

// Through returns a source that asks s only for what the transcript does not
// know yet, and remembers the answers under the source's name. An answer that
// may be partial is passed on but not remembered, so that the next look asks
// again. Close closes s.
func (t *Transcript) Through(name string, s metrics.Source) metrics.Source {
	return &through{t, name, s}
}

type through struct {
	transcript *Transcript
	name       string
	source     metrics.Source
}

func (s *through) Close() error { return s.source.Close() }

// Query implements metrics.Source.
func (s *through) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	if q.Grid.Step <= 0 || q.Grid.N <= 0 {
		return s.source.Query(ctx, q) // it knows what to say
	}
	t := s.transcript
	asked := ask(s.name, q)
	t.mu.Lock()
	known := t.find(asked, q.Grid.Start)
	missing, ok := news(known, q.Grid)
	if !ok {
		defer t.mu.Unlock()
		return known.answer(q.Grid), nil
	}
	t.mu.Unlock()
	result, err := s.source.Query(ctx, metrics.Query{Expr: q.Expr, Grid: missing})
	if err != nil {
		return metrics.Result{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if result.Partial {
		return known.with(missing, result).answer(q.Grid), nil
	}
	return t.learn(asked, missing, result).answer(q.Grid), nil
}

func ask(source string, q metrics.Query) question {
	return question{source, q.Expr, q.Grid.Step, time.Duration(q.Grid.Start.UnixNano()) % q.Grid.Step}
}

// find returns the stretch that a grid from start continues, or nil.
func (t *Transcript) find(asked question, start time.Time) *stretch {
	for _, s := range t.known[asked] {
		if !start.Before(s.from) && !start.After(s.to) {
			return s
		}
	}
	return nil
}

// news returns the part of the grid that has to be asked for; false if there
// is none.
func news(known *stretch, g metrics.Grid) (metrics.Grid, bool) {
	end := g.Window().End
	switch {
	case known == nil:
		return g, true
	case !end.After(known.to):
		return metrics.Grid{}, false
	}
	// Both lie on one grid, so this is a whole number of steps.
	behind := max(again, int64((2*known.coarse+g.Step-1)/g.Step))
	start := known.to.Add(-time.Duration(behind * int64(g.Step)))
	if start.Before(known.from) {
		start = known.from
	}
	return metrics.NewGrid(metrics.Window{Start: start, End: end}, g.Step), true
}

// learn adds the answer about g to what is known.
func (t *Transcript) learn(asked question, g metrics.Grid, r metrics.Result) *stretch {
	s := t.find(asked, g.Start)
	if s == nil {
		s = newStretch(asked, g.Start)
		t.known[asked] = append(t.known[asked], s)
	}
	after := s.settled(g, r)
	s.replace(g.Start, g.Window().End, r)
	l := &lesson{of: s, after: after}
	for _, w := range r.Warnings {
		if !slices.Contains(s.warnings, w) && len(s.warnings) < mostWarnings {
			s.warnings = append(s.warnings, w)
			l.warnings = append(l.warnings, w)
		}
	}
	t.learned = append(t.learned, l)
	return s
}

const mostWarnings = 20

func newStretch(asked question, from time.Time) *stretch {
	return &stretch{question: asked, from: from, to: from, number: -1, byLabels: map[string]*line{}}
}

// settled returns the moment up to which the answer about g says what was known
// before: a chunk need not repeat it.
func (s *stretch) settled(g metrics.Grid, r metrics.Result) time.Time {
	if r.Step > s.coarse && s.coarse > 0 {
		return g.Start
	}
	answered := map[string]int{}
	for i, one := range r.Series {
		answered[one.Labels.String()] = i
	}
	for key, l := range s.byLabels {
		var now metrics.Series
		if i, ok := answered[key]; ok {
			now = r.Series[i]
		}
		if !slices.EqualFunc(between(l.points, g.Start, s.to), between(inOrder(now.Points), g.Start, s.to), samePoint) ||
			!slices.EqualFunc(within(l.histograms, g.Start, s.to), within(now.Histograms, g.Start, s.to), sameHistogram) {
			return g.Start
		}
		delete(answered, key)
	}
	for _, i := range answered { // series that were not known
		one := r.Series[i]
		if len(between(inOrder(one.Points), g.Start, s.to)) > 0 || len(within(one.Histograms, g.Start, s.to)) > 0 {
			return g.Start
		}
	}
	return s.to
}

func samePoint(a, b metrics.Point) bool {
	return a.Time.Equal(b.Time) && (a.Value == b.Value || a.Value != a.Value && b.Value != b.Value)
}

func sameHistogram(a, b metrics.HistogramPoint) bool {
	return a.Time.Equal(b.Time) && a.Histogram.Equal(b.Histogram)
}

// replace puts the answer in place of what was known after start.
func (s *stretch) replace(start, end time.Time, r metrics.Result) {
	s.cut(start)
	s.to, s.coarse = end, max(s.coarse, r.Step)
	for _, one := range r.Series {
		l := s.line(one.Labels)
		// Duplicates and contradictions stay: who aligns the points judges them.
		l.points = append(l.points, between(inOrder(one.Points), start, time.Time{})...)
		l.histograms = append(l.histograms, within(one.Histograms, start, time.Time{})...)
	}
}

// cut forgets what was known after start.
func (s *stretch) cut(start time.Time) {
	for _, l := range s.lines {
		if n := len(l.points); n > 0 && l.points[n-1].Time.After(start) {
			l.points = before(l.points, start)
		}
		if len(l.histograms) > 0 {
			l.histograms = slices.DeleteFunc(l.histograms, func(p metrics.HistogramPoint) bool { return p.Time.After(start) })
		}
	}
}

func (s *stretch) line(labels metrics.Labels) *line {
	key := labels.String()
	l, ok := s.byLabels[key]
	if !ok {
		l = &line{labels: labels, number: -1}
		s.byLabels[key] = l
		s.lines = append(s.lines, l)
	}
	return l
}

// with returns a copy that knows an answer as well; the receiver may be nil.
func (s *stretch) with(g metrics.Grid, r metrics.Result) *stretch {
	c := newStretch(question{step: g.Step}, g.Start)
	if s != nil {
		c.from, c.to, c.coarse, c.warnings = s.from, s.to, s.coarse, slices.Clone(s.warnings)
		for _, l := range s.lines {
			*c.line(l.labels) = line{labels: l.labels, number: -1, points: slices.Clone(l.points), histograms: slices.Clone(l.histograms)}
		}
	}
	c.replace(g.Start, g.Window().End, r)
	for _, w := range r.Warnings {
		if !slices.Contains(c.warnings, w) {
			c.warnings = append(c.warnings, w)
		}
	}
	return c
}

// answer returns what is known of the grid.
func (s *stretch) answer(g metrics.Grid) metrics.Result {
	w := g.Window()
	r := metrics.Result{Step: s.coarse, Warnings: slices.Clone(s.warnings)}
	for _, l := range s.lines {
		one := metrics.Series{
			Labels: l.labels,
			Points: slices.Clone(between(l.points, w.Start, w.End)), Histograms: slices.Clone(within(l.histograms, w.Start, w.End)),
		}
		if len(one.Points)+len(one.Histograms) > 0 {
			r.Series = append(r.Series, one)
		}
	}
	return r
}

// inOrder returns points by time; as they are if they are in order already.
func inOrder(points []metrics.Point) []metrics.Point {
	byTime := func(a, b metrics.Point) int { return a.Time.Compare(b.Time) }
	if slices.IsSortedFunc(points, byTime) {
		return points
	}
	points = slices.Clone(points)
	slices.SortStableFunc(points, byTime)
	return points
}

// between returns the points after start and not after end (zero: all).
func between(points []metrics.Point, start, end time.Time) []metrics.Point {
	points = points[len(before(points, start)):]
	if end.IsZero() {
		return points
	}
	return before(points, end)
}

// before returns the points up to and including at.
func before(points []metrics.Point, at time.Time) []metrics.Point {
	i, _ := slices.BinarySearchFunc(points, at, func(p metrics.Point, at time.Time) int {
		return cmp.Or(p.Time.Compare(at), -1)
	})
	return points[:i]
}

func within(points []metrics.HistogramPoint, start, end time.Time) []metrics.HistogramPoint {
	var in []metrics.HistogramPoint
	for _, p := range points {
		if p.Time.After(start) && (end.IsZero() || !p.Time.After(end)) {
			in = append(in, p)
		}
	}
	return in
}

// Recorded returns a source that answers what was asked of the source of that
// name, and nothing else.
func (t *Transcript) Recorded(name string) metrics.Source { return recorded{t, name} }

type recorded struct {
	transcript *Transcript
	name       string
}

func (recorded) Close() error { return nil }

// Query implements metrics.Source.
func (r recorded) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	t := r.transcript
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.Grid.Step > 0 && q.Grid.N > 0 {
		asked := ask(r.name, q)
		if s := t.find(asked, q.Grid.Start); s != nil && !q.Grid.Window().End.After(s.to) {
			return s.answer(q.Grid), nil
		}
	}
	return metrics.Result{}, &metrics.Error{
		Op: "query the recording of", Source: r.name, Query: q.Expr, Reason: metrics.BadQuery,
		Err:  errors.New("the analysis did not ask this, or not of this time"),
		Hint: "judge again with the same queries, scopes, interval and history, and a window inside the recorded one; margins, judges, kinds and the decision may change",
	}
}

// Sources returns the names of the sources that answered, sorted.
func (t *Transcript) Sources() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for asked := range t.known {
		if !slices.Contains(names, asked.source) {
			names = append(names, asked.source)
		}
	}
	for _, m := range t.mined {
		if !slices.Contains(names, m.source) {
			names = append(names, m.source)
		}
	}
	slices.Sort(names)
	return names
}
