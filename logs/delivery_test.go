package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

var (
	begin   = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	tenMins = metrics.Window{Start: begin, End: begin.Add(10 * time.Minute)}
)

// line is one that a backend holds.
type line struct {
	id string
	at time.Duration
}

// collect returns a delivery and what it delivers.
func collect(t *testing.T, maxLines int64) (*Delivery, *[]string) {
	t.Helper()
	var got []string
	d, err := NewDelivery("src", Query{Expr: "q", Window: tenMins, MaxLines: maxLines}, func(rec *Record) error {
		got = append(got, fmt.Sprintf("%s@%s", rec.Message, rec.Time.Sub(begin)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, &got
}

func (d *Delivery) hand(l line) error {
	return d.Line(l.id, begin.Add(l.at), &Record{Message: []byte("m" + l.id)})
}

func wantReason(t *testing.T, err error, reason metrics.Reason) {
	t.Helper()
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok || e.Reason != reason || e.Source != "src" || e.Query != "q" {
		t.Errorf("got %v, want %s of src about q", err, reason)
	}
}

func TestDeliveryLine(t *testing.T) {
	t.Parallel()
	d, got := collect(t, 0)
	for _, l := range []line{
		{"early", -1}, {"start", 0}, {"a", 1}, {"a", 1}, {"b", 1}, {"a", 2}, {"", 2}, {"", 2}, {"end", 10 * time.Minute}, {"late", 10*time.Minute + 1},
	} {
		if err := d.hand(l); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"ma@1ns", "mb@1ns", "ma@2ns", "m@2ns", "m@2ns", "mend@10m0s"}
	if !slices.Equal(*got, want) || d.Summary().Lines != 6 || d.Summary().Bytes != 12 {
		t.Errorf("got %q and %+v, want %q", *got, *d.Summary(), want)
	}
}

func TestDeliveryMaxLines(t *testing.T) {
	t.Parallel()
	d, got := collect(t, 2)
	for i := range 2 {
		if err := d.hand(line{strconv.Itoa(i), 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.hand(line{"1", 1}); err != nil {
		t.Errorf("a line that was there is not one too many: %v", err)
	}
	wantReason(t, d.hand(line{"2", 1}), metrics.TooLarge)
	if len(*got) != 2 {
		t.Errorf("%d lines were delivered, want 2", len(*got))
	}
}

func TestDeliveryWarn(t *testing.T) {
	t.Parallel()
	d, _ := collect(t, 0)
	for i := range 100 {
		d.Warn("")
		d.Warn("the same")
		d.Warn(strconv.Itoa(i))
	}
	if w := d.Summary().Warnings; len(w) != maxWarnings || w[0] != "the same" || w[1] != "0" {
		t.Errorf("the warnings are %q", w)
	}
}

func TestDeliveryNeedsWindow(t *testing.T) {
	t.Parallel()
	_, err := NewDelivery("src", Query{Expr: "q"}, nil)
	wantReason(t, err, metrics.BadQuery)
}

// TestPages reads a backend that forgets its cursors, in floods of 70 lines of one
// moment.
func TestPages(t *testing.T) {
	t.Parallel()
	var held []line
	for i := range 300 {
		held = append(held, line{strconv.Itoa(i), time.Duration(1 + i/70)})
	}
	for _, test := range []struct {
		size, forgets int // lines of a page; which request's cursor is not known any more
		whole         bool
	}{
		{1, 0, true},
		{70, 0, true},
		{300, 0, true},
		{301, 2, true},
		{71, 2, true},
		{70, 3, true},
		{10, 10, true},
		// Less than one moment can be read before the place is lost: that is an
		// error, and not a read without end.
		{70, 2, false},
		{7, 10, false},
		{1, 3, false},
	} {
		d, got := collect(t, 0)
		asked := 0
		err := d.Pages(t.Context(), func(_ context.Context, from time.Time, cursor string) (string, error) {
			if asked++; test.forgets > 0 && asked%test.forgets == 0 && cursor != "" {
				return "", Expired(&metrics.Error{Op: "query", Source: "src", Query: "q", Reason: metrics.BadQuery, Err: errors.New("gone")})
			}
			var selected []line
			for _, l := range held {
				if !begin.Add(l.at).Before(from) {
					selected = append(selected, l)
				}
			}
			first, _ := strconv.Atoi(cursor)
			end := min(first+test.size, len(selected))
			for _, l := range selected[first:end] {
				if err := d.hand(l); err != nil {
					return "", err
				}
			}
			if end == len(selected) {
				return "", nil
			}
			return strconv.Itoa(end), nil
		})
		if !test.whole {
			wantReason(t, err, metrics.BadQuery)
			if !errors.Is(err, ErrExpired) || asked > 30 {
				t.Errorf("%+v: %d pages and %v", test, asked, err)
			}
		} else if err != nil || len(*got) != len(held) {
			t.Errorf("%+v: %d lines and %v, want %d", test, len(*got), err, len(held))
			continue
		}
		for i, l := range *got {
			if want := fmt.Sprintf("m%s@%s", held[i].id, held[i].at); l != want {
				t.Fatalf("%+v: line %d is %s, want %s", test, i, l, want)
			}
		}
	}
}

func TestPagesEnd(t *testing.T) {
	t.Parallel()
	d, _ := collect(t, 0)
	wantReason(t, d.Pages(t.Context(), func(context.Context, time.Time, string) (string, error) { return "same", nil }), metrics.BadAnswer)
	n := 0
	wantReason(t, d.Pages(t.Context(), func(context.Context, time.Time, string) (string, error) { n++; return strconv.Itoa(n), nil }), metrics.BadAnswer)
	if n != maxEmptyPages {
		t.Errorf("%d pages without a line, want %d", n, maxEmptyPages)
	}
	full := errors.New("full")
	if err := d.Pages(t.Context(), func(context.Context, time.Time, string) (string, error) { return "", full }); err != full { //nolint:errorlint // as it is
		t.Errorf("got %v, want the page's error as it is", err)
	}
	d.query.Window.End = d.query.Window.Start
	if err := d.Pages(t.Context(), func(context.Context, time.Time, string) (string, error) { return "", full }); err != nil {
		t.Errorf("an empty window is not asked for: %v", err)
	}
}

// TestFlood: what is remembered of one moment is bounded, and a place in a larger
// one cannot be found again.
func TestFlood(t *testing.T) {
	t.Parallel()
	d, got := collect(t, 0)
	pages := 0
	err := d.Pages(t.Context(), func(context.Context, time.Time, string) (string, error) {
		if pages++; pages == 2 {
			return "", Expired(errors.New("gone"))
		}
		for i := range maxAtOnce + 1 {
			if err := d.hand(line{strconv.Itoa(i), 1}); err != nil {
				return "", err
			}
		}
		return "next", nil
	})
	if !errors.Is(err, ErrExpired) || pages != 2 || len(*got) != maxAtOnce+1 || len(d.seen) != maxAtOnce {
		t.Errorf("%d pages, %d lines, %d remembered: %v", pages, len(*got), len(d.seen), err)
	}
}

func BenchmarkDelivery(b *testing.B) {
	d, err := NewDelivery("src", Query{Window: tenMins, MaxLines: 1 << 40}, func(*Record) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	rec := Record{Message: []byte("order 17 placed by customer 4 in 17 ms")}
	b.SetBytes(int64(len(rec.Message)))
	b.ReportAllocs()
	at := begin.Add(1)
	for i := 0; b.Loop(); i++ {
		if i%10 == 0 && at.Before(tenMins.End) {
			at = at.Add(1)
		}
		if err := d.Line(ids[i%len(ids)], at, &rec); err != nil {
			b.Fatal(err)
		}
	}
}

var ids = func() (out [10]string) {
	for i := range out {
		out[i] = fmt.Sprintf("AAAAAWgN8Xwgr1vKDQAAAABBV2dOOFh3ZzZobm1mWXJFYTR0%d", i)
	}
	return out
}()
