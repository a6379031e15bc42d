package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/judged-dev/judged/metrics"
)

const (
	// maxAtOnce bounds how many lines of one moment are remembered, so that a read
	// that lost its place can go on without delivering one of them twice.
	maxAtOnce = 1 << 17
	// maxEmptyPages bounds how many pages without a line may follow each other.
	// Backends answer so while they search sparse data, some hundreds at a time.
	maxEmptyPages = 10_000
	maxWarnings   = 20
)

// ErrExpired is what a page's function returns, or wraps, when the backend no
// longer knows the cursor that it was asked with.
var ErrExpired = errors.New("the backend no longer knows the cursor")

// Expired marks an error of a source as [ErrExpired].
func Expired(err error) error {
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok {
		return fmt.Errorf("%w: %w", ErrExpired, err)
	}
	marked := *e
	marked.Err = fmt.Errorf("%w: %w", ErrExpired, e.Err)
	return &marked
}

// Delivery hands on the lines of one read, for sources whose backend sorts and
// answers page by page. It keeps what [Source] promises whatever the backend does:
// only lines of the window, none twice, at most MaxLines.
type Delivery struct {
	source  string
	query   Query
	each    func(*Record) error
	summary Summary

	// handed counts the lines that came from the backend, delivered or not.
	handed int64
	// last is the time of the newest line, and seen are the lines of that moment.
	last time.Time
	seen map[string]struct{}
	// flooded: there were more of them than are remembered.
	flooded bool
	// resumed is the moment from which lines are asked for again.
	resumed time.Time
}

// NewDelivery returns the delivery of one read of the source with that name. The
// error is a *metrics.Error: a backend cannot be asked for all there is.
func NewDelivery(source string, query Query, each func(*Record) error) (*Delivery, error) {
	if query.MaxLines <= 0 {
		query.MaxLines = DefaultMaxLines
	}
	d := &Delivery{source: source, query: query, each: each, seen: map[string]struct{}{}}
	if query.Window == (metrics.Window{}) {
		return nil, d.error(metrics.BadQuery, errors.New("the read has no window"), "only files can be read without a beginning and an end")
	}
	return d, nil
}

// Summary returns what was delivered so far, for the source to complete.
func (d *Delivery) Summary() *Summary { return &d.summary }

// Warn adds a warning of the backend to the summary, once.
func (d *Delivery) Warn(text string) {
	warnings := &d.summary.Warnings
	if text != "" && len(*warnings) < maxWarnings && !slices.Contains(*warnings, text) {
		*warnings = append(*warnings, text)
	}
}

// Line delivers a line that the backend dates at, whatever time the line itself
// tells. The id is the backend's own for it, unique among the lines of that
// moment; empty: the backend has none, and cannot lose its place either.
func (d *Delivery) Line(id string, at time.Time, rec *Record) error {
	d.handed++
	if w := d.query.Window; !at.After(w.Start) || at.After(w.End) || at.Before(d.resumed) {
		return nil
	}
	if id != "" && !d.first(id, at) {
		return nil
	}
	if d.summary.Lines == d.query.MaxLines {
		return d.error(metrics.TooLarge, fmt.Errorf("there are more than %d lines", d.query.MaxLines), "make the query narrower or its window shorter")
	}
	rec.Time = at.UTC()
	d.summary.Lines++
	d.summary.Bytes += int64(len(rec.Message))
	return d.each(rec)
}

// first reports whether the line was not there before, and remembers it.
func (d *Delivery) first(id string, at time.Time) bool {
	if at.After(d.last) {
		d.last, d.flooded = at, false
		if len(d.seen) > 64 {
			d.seen = map[string]struct{}{} // clearing costs as much as it once held
		} else {
			clear(d.seen)
		}
	}
	if !at.Equal(d.last) {
		return true
	}
	if _, there := d.seen[id]; there {
		return false
	}
	if len(d.seen) == maxAtOnce {
		d.flooded = true
		return true
	}
	d.seen[id] = struct{}{}
	return true
}

// Pages asks for page after page until there is no cursor for a next one. The
// function asks for lines not older than from, oldest first, hands them to Line
// and returns the next page's cursor, empty after the last page. If the backend
// no longer knows a cursor ([ErrExpired]), the lines are asked for again from the
// newest one on, and those that were delivered are left out; unless nothing was
// delivered since that happened last.
func (d *Delivery) Pages(ctx context.Context, page func(ctx context.Context, from time.Time, cursor string) (next string, err error)) error {
	from, cursor, empty := d.query.Window.Start, "", 0
	progress := int64(0) // lines delivered when the place was lost last
	if !d.query.Window.End.After(from) {
		return nil
	}
	for {
		before := d.handed
		next, err := page(ctx, from, cursor)
		switch {
		case errors.Is(err, ErrExpired) && cursor != "" && d.summary.Lines > progress && !d.flooded:
			progress = d.summary.Lines
			from, d.resumed, cursor = d.last, d.last, ""
			continue
		case err != nil:
			return err
		case next == "":
			return nil
		case next == cursor:
			return d.error(metrics.BadAnswer, errors.New("the next page has the cursor of this one, so the read would never end"), "is there a proxy that repeats answers?")
		}
		if empty++; d.handed > before {
			empty = 0
		}
		if empty == maxEmptyPages {
			return d.error(metrics.BadAnswer, fmt.Errorf("%d pages in a row have no line and promise more", empty), "make the query's window shorter")
		}
		cursor = next
	}
}

func (d *Delivery) error(reason metrics.Reason, err error, hint string) error {
	return &metrics.Error{Op: "query", Source: d.source, Query: d.query.Expr, Reason: reason, Err: err, Hint: hint}
}
