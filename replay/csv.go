package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// readCSV adds the samples of a table to b.
func readCSV(r io.Reader, b *builder) error {
	bounded := &recordLimit{r: skipByteOrderMark(r)}
	table := csv.NewReader(bounded)
	table.ReuseRecord = true
	header, err := table.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: its first line has to name the columns")
	}
	if err != nil {
		return csvError(err)
	}
	columns, err := csvColumns(header, b)
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	for {
		bounded.begin()
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		if err := csvRecord(record, columns, b); err != nil {
			at, _ := table.FieldPos(0)
			return fmt.Errorf("line %d, %w", at, err)
		}
	}
}

// csvColumns returns the series of each column after the first.
func csvColumns(header []string, b *builder) ([]*series, error) {
	if strings.TrimSpace(header[0]) != "time" {
		hint := ""
		if strings.ContainsAny(header[0], ";\t") {
			hint = " (columns are separated by commas)"
		}
		return nil, fmt.Errorf("the first column is %s, but it has to be \"time\"%s", quote([]byte(header[0])), hint)
	}
	if len(header) == 1 {
		return nil, errors.New("there is no column besides \"time\"")
	}
	columns := make([]*series, len(header)-1)
	taken := map[*series]int{}
	for i, title := range header[1:] {
		l, err := promQL.ParseMetric(strings.TrimSpace(title))
		if err == nil && l.IsEmpty() {
			err = errors.New("it is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("column %d: %s does not name a series: write name or name{label=\"value\"}: %w", i+2, quote([]byte(title)), err)
		}
		s, err := b.add(l)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i+2, err)
		}
		if before, twice := taken[s]; twice {
			return nil, fmt.Errorf("columns %d and %d both are %s", before, i+2, quote([]byte(title)))
		}
		taken[s] = i + 2
		columns[i] = s
	}
	return columns, nil
}

// csvRecord adds one line's samples.
func csvRecord(record []string, columns []*series, b *builder) error {
	at, err := csvTime(record[0])
	if err != nil {
		return fmt.Errorf("column 1: %w", err)
	}
	for i, s := range columns {
		cell := strings.TrimSpace(record[i+1])
		if cell == "" {
			continue
		}
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return fmt.Errorf("column %d: %s is not a number", i+2, quote([]byte(cell)))
		}
		if math.IsNaN(v) {
			v = math.NaN() // always the same one, never a stale marker's
		}
		if err := b.append(s, at, v); err != nil {
			return fmt.Errorf("column %d: %w", i+2, err)
		}
	}
	return nil
}

// milliseconds is from where on a number means milliseconds since 1970 and
// not seconds: as seconds this is the year 5138, as milliseconds 1973.
const milliseconds = 1e11

// csvTime returns a cell's time in milliseconds since 1970.
func csvTime(cell string) (int64, error) {
	cell = strings.TrimSpace(cell)
	if t, err := time.Parse(time.RFC3339, cell); err == nil {
		return t.UnixMilli(), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > float64(maxTime) {
		return 0, fmt.Errorf("%s is neither an RFC 3339 time (2026-11-21T10:30:00Z) nor seconds or milliseconds since 1970", quote([]byte(cell)))
	}
	if math.Abs(v) < milliseconds {
		v *= 1000
	}
	return int64(math.Round(v)), nil
}

// csvError shortens what encoding/csv says.
func csvError(err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(e.Err, csv.ErrFieldCount) {
			return fmt.Errorf("line %d: another number of columns than in the first line", e.Line)
		}
		return fmt.Errorf("line %d, byte %d: %w", e.Line, e.Column, e.Err)
	}
	return err
}

// skipByteOrderMark skips the mark that spreadsheets put before UTF-8 text.
func skipByteOrderMark(r io.Reader) io.Reader {
	buffered := bufio.NewReader(r)
	if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	return buffered
}

// recordLimit bounds one record: a quote that is never closed would make the
// rest of the file one cell.
type recordLimit struct {
	r    io.Reader
	read int
}

// begin begins a record.
func (l *recordLimit) begin() { l.read = 0 }

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.read > maxLine {
		return 0, overLimit(maxLine, "bytes in one line (is a quote not closed?)")
	}
	n, err := l.r.Read(p)
	l.read += n
	return n, err
}
