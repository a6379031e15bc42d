package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

const (
	// maxLine bounds one line.
	maxLine = 1 << 20
	// endOfFile is OpenMetrics' last line, without which text is incomplete.
	endOfFile = "# EOF"
)

// readOpenMetrics adds the samples of OpenMetrics text to b.
func readOpenMetrics(r io.Reader, b *builder) error {
	in := bufio.NewReaderSize(r, maxLine)
	reader := openMetricsReader{builder: b, byText: map[string]*writtenSeries{}, before: &writtenSeries{}}
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && string(line) == endOfFile:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: the file is incomplete: it ends without %q", number, endOfFile)
		case errors.Is(err, bufio.ErrBufferFull):
			err = overLimit(maxLine, "bytes in one line")
		case err != nil:
		case string(line) == endOfFile+"\n":
			_, err = in.ReadByte()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = fmt.Errorf("there is text after %q", endOfFile)
			}
		default:
			err = reader.line(line)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

// openMetricsReader reads text line by line. Prometheus' parser reads the
// first line of each series and whatever is unusual; the many lines that
// repeat a series with another value and time take a shorter way to the same
// result.
type openMetricsReader struct {
	builder *builder
	// typeLine is the # TYPE line of the current family, in whose light the
	// parser reads a line.
	typeLine []byte
	// byText finds the series of the current family.
	byText map[string]*writtenSeries
	// before is the series of the line before.
	before *writtenSeries
	// timeText is the timestamp of the line before and time what it means: the
	// series of one scrape share it.
	timeText []byte
	time     int64
	// scratch is the parser's input.
	scratch []byte
}

// writtenSeries is a series as it is written. The buckets of a histogram take
// turns in the same order again and again, so each remembers which one
// followed, and that is where the next line is looked for first.
type writtenSeries struct {
	text   string
	series *series
	after  *writtenSeries
}

// line reads one line, which ends with a line break.
func (r *openMetricsReader) line(line []byte) error {
	if s, rest := r.find(line); s != nil {
		if v, at, ok := r.valueAndTime(rest); ok {
			return r.sample(s, at, v)
		}
	}
	return r.parse(line)
}

// find returns the series that a line repeats, and the rest of the line, or
// nil.
func (r *openMetricsReader) find(line []byte) (*writtenSeries, []byte) {
	if s := r.before.after; s != nil && len(line) > len(s.text) && line[len(s.text)] == ' ' && string(line[:len(s.text)]) == s.text {
		return s, line[len(s.text)+1:]
	}
	end := bytes.LastIndexByte(line, ' ')
	end = bytes.LastIndexByte(line[:max(end, 0)], ' ')
	if end < 0 {
		return nil, nil
	}
	return r.byText[string(line[:end])], line[end+1:]
}

// valueAndTime reads "value timestamp\n" as the parser does. What is neither
// is left to it.
func (r *openMetricsReader) valueAndTime(rest []byte) (v float64, at int64, ok bool) {
	value, timestamp, ok := bytes.Cut(rest[:len(rest)-1], []byte(" "))
	if !ok || len(timestamp) == 0 || bytes.ContainsAny(rest, "pP_") { // the parser takes no such numbers
		return 0, 0, false
	}
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil || math.IsNaN(v) {
		return 0, 0, false
	}
	if !bytes.Equal(timestamp, r.timeText) {
		seconds, err := strconv.ParseFloat(string(timestamp), 64)
		if err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) {
			return 0, 0, false
		}
		r.timeText, r.time = append(r.timeText[:0], timestamp...), int64(seconds*1000)
	}
	return v, r.time, true
}

// parse reads one line with Prometheus' parser.
func (r *openMetricsReader) parse(line []byte) error {
	r.scratch = append(append(append(r.scratch[:0], r.typeLine...), line...), endOfFile...)
	parser := textparse.NewOpenMetricsParser(r.scratch, labels.NewSymbolTable())
	if len(r.typeLine) > 0 {
		if _, err := parser.Next(); err != nil {
			return err // it was read before, so this does not happen
		}
	}
	entry, err := parser.Next()
	if err != nil {
		return explain(err, line)
	}
	switch entry {
	case textparse.EntryType:
		// The text of a series is forgotten, since the type has a say in its
		// labels: a histogram's le="1" is le="1.0".
		r.typeLine = append(r.typeLine[:0], line...)
		clear(r.byText)
		r.before = &writtenSeries{}
	case textparse.EntryHistogram:
		return errNativeHistogram
	case textparse.EntrySeries:
		text, at, v := parser.Series()
		if at == nil {
			return fmt.Errorf("the sample of %s has no timestamp: a recording needs one on every sample", quote(text))
		}
		s := r.byText[string(text)]
		if s == nil {
			var l labels.Labels
			parser.Labels(&l)
			stored, err := r.builder.add(l)
			if err != nil {
				return err
			}
			s = &writtenSeries{text: string(text), series: stored}
			r.byText[s.text] = s
		}
		if err := r.sample(s, *at, v); err != nil {
			return err
		}
	}
	if _, err := parser.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("it is not one line of OpenMetrics text: %s", quote(line))
	}
	return nil
}

// sample adds a sample and remembers its series for the next line.
func (r *openMetricsReader) sample(s *writtenSeries, at int64, v float64) error {
	r.before.after = s
	r.before = s
	if err := r.builder.append(s.series, at, v); err != nil {
		return fmt.Errorf("%s: %w", quote([]byte(s.text)), err)
	}
	return nil
}

var errNativeHistogram = errors.New("a native histogram, which OpenMetrics text cannot hold: record its classic buckets")

// explain turns the parser's error about a line into one for people.
func explain(err error, line []byte) error {
	if bytes.Contains(line, []byte(" {count:")) {
		return errNativeHistogram
	}
	if len(err.Error()) > 400 { // it quotes the line, however long
		return fmt.Errorf("it is not OpenMetrics text: %s", quote(line))
	}
	return err
}

// quote quotes the beginning of b.
func quote(b []byte) string {
	const enough = 200
	if len(b) > enough {
		return fmt.Sprintf("%q…", b[:enough])
	}
	return fmt.Sprintf("%q", b)
}
