package kayenta

import (
	"fmt"
	"strconv"
	"time"
)

// instant renders t as Java's Instant.toString does: in UTC, the fraction of
// a second with 0, 3, 6 or 9 digits.
func instant(t time.Time) string {
	layout := "2006-01-02T15:04:05Z"
	switch ns := t.Nanosecond(); {
	case ns == 0:
	case ns%1e6 == 0:
		layout = "2006-01-02T15:04:05.000Z"
	case ns%1e3 == 0:
		layout = "2006-01-02T15:04:05.000000Z"
	default:
		layout = "2006-01-02T15:04:05.000000000Z"
	}
	return t.UTC().Format(layout)
}

// millisIso renders a time in milliseconds since 1970, "" for nil.
func millisIso(ms *int64) string {
	if ms == nil {
		return ""
	}
	return instant(time.UnixMilli(*ms))
}

// Years that times may have: between them, differences fit into a
// time.Duration, also after a shift of some years.
const (
	firstYear = 1970
	lastYear  = 2200
)

// parseInstant reads an ISO time, the zero time from "".
func parseInstant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("is the string %q, want a time like 2024-01-31T15:04:05Z", shorten(s))
	}
	if t = t.UTC(); t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, fmt.Errorf("is %s, want a time from %d to %d", shorten(s), firstYear, lastYear)
	}
	return t, nil
}

// instant reads a time, the zero time for null and "".
func (p *parser) instant() (time.Time, error) {
	if p.null() {
		return time.Time{}, nil
	}
	if p.peek() != '"' {
		return time.Time{}, p.wrongType("a time like \"2024-01-31T15:04:05Z\"")
	}
	s, err := p.text()
	if err != nil {
		return time.Time{}, err
	}
	return parseInstant(s)
}

// isoDuration renders d as Java's Duration.toString does: PT1H30M.
func isoDuration(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	b := []byte("PT")
	if h := d / time.Hour; h != 0 {
		b = append(strconv.AppendInt(b, int64(h), 10), 'H')
	}
	if m := d % time.Hour / time.Minute; m != 0 {
		b = append(strconv.AppendInt(b, int64(m), 10), 'M')
	}
	if s := d % time.Minute; s != 0 {
		b = append(strconv.AppendFloat(b, s.Seconds(), 'f', -1, 64), 'S')
	}
	return string(b)
}

// millisAndIso returns both forms of t, neither for the zero time.
func millisAndIso(t time.Time) (int64, string) {
	if t.IsZero() {
		return 0, ""
	}
	return t.UnixMilli(), instant(t)
}

func isoOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instant(t)
}
