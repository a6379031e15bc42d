package backtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/judged-dev/judged/judge"
)

// Decoder decodes cases. Nearly all of a case are arrays of numbers, which
// encoding/json decodes an order of magnitude slower than judges judge them
// (BenchmarkDecode); everything that is rare is left to encoding/json.
//
// A Decoder reuses its memory and is not safe for concurrent use. Its zero
// value is ready.
type Decoder struct {
	line []byte
	pos  int
	// numbers and series are the memory behind a case's series. Growing moves
	// what is appended later; what was cut off before stays where it is.
	numbers []float64
	series  [][]float64
	names   map[string]string
}

// SyntaxError is a mistake in a line.
type SyntaxError struct {
	// Column is where, from 1, in bytes; 0 if the mistake is not at one place.
	Column int
	Err    error
}

// Error implements error.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Decode decodes the JSON object in line into c, whose old content is lost and
// whose memory is reused. The series of c are valid until the next call.
//
// Keys are case-sensitive; one that stands twice is an error, unknown ones are
// skipped, and null is the same as no key. The error is a *SyntaxError.
func (d *Decoder) Decode(line []byte, c *Case) error {
	d.line, d.pos = line, 0
	d.numbers, d.series = d.numbers[:0], d.series[:0]
	*c = Case{Metrics: c.Metrics[:0]}
	if err := d.caseObject(c); err != nil {
		return d.located(err)
	}
	if d.space(); d.pos < len(d.line) {
		return d.located(errors.New("there is more behind the object: give one object a line"))
	}
	if err := c.complete(); err != nil {
		return &SyntaxError{Err: err}
	}
	return nil
}

func (d *Decoder) located(err error) error {
	return &SyntaxError{Column: d.pos + 1, Err: err}
}

var caseKeys = []string{
	"id", "source", "service", "pairing", "family", "shape", "assignment", "window", "m_asked", "label", "injected", "incident", "metrics",
}

func (d *Decoder) caseObject(c *Case) error {
	labelled := false
	err := d.object(caseKeys, func(key int) error {
		switch caseKeys[key] {
		case "id":
			s, err := d.text()
			c.ID = string(s)
			return err
		case "source":
			return d.name(&c.Source)
		case "service":
			return d.name(&c.Service)
		case "pairing":
			return d.name(&c.Pairing)
		case "family":
			return d.name(&c.Family)
		case "shape":
			return d.name(&c.Shape)
		case "assignment":
			return d.assignment(c)
		case "window":
			return d.whole(&c.Window)
		case "m_asked":
			return d.whole(&c.Asked)
		case "label":
			labelled = true
			return d.label(c)
		case "injected":
			return d.injected(&c.Injected)
		case "incident":
			return d.object(incidentKeys, func(int) error { return d.name(&c.Incident) })
		default:
			return d.metrics(c)
		}
	})
	if err == nil && !labelled {
		return errors.New(`the case has no label: say "pass" or "fail"`)
	}
	return err
}

func (d *Decoder) assignment(c *Case) error {
	start := d.pos
	s, err := d.text()
	if err != nil {
		return err
	}
	switch string(s) {
	case "instances":
		c.Randomized = false
	case "randomized":
		c.Randomized = true
	default:
		d.pos = start
		return fmt.Errorf(`the assignment is %s, not "instances" or "randomized"`, shown(string(s)))
	}
	return nil
}

func (d *Decoder) label(c *Case) error {
	start := d.pos
	s, err := d.text()
	if err != nil {
		return err
	}
	switch string(s) {
	case "pass":
		c.Faulty = false
	case "fail":
		c.Faulty = true
	default:
		d.pos = start
		return fmt.Errorf(`the label is %s, not "pass" or "fail"`, shown(string(s)))
	}
	return nil
}

var (
	incidentKeys = []string{"kind"}
	injectedKeys = []string{"type", "size", "scope"}
)

func (d *Decoder) injected(to *Injection) error {
	return d.object(injectedKeys, func(key int) (err error) {
		switch injectedKeys[key] {
		case "type":
			return d.name(&to.Type)
		case "size":
			to.Size, err = d.number()
			return err
		default:
			return d.name(&to.Scope)
		}
	})
}

func (d *Decoder) metrics(c *Case) error {
	return d.array(func(i int) error {
		if i >= MaxMetrics {
			return fmt.Errorf("the case has more than %d metrics", MaxMetrics)
		}
		c.Metrics = append(c.Metrics, Metric{Max: math.NaN()})
		return d.metric(&c.Metrics[i])
	})
}

var metricKeys = []string{
	"name", "kind", "direction", "step_seconds", "start", "baseline_start", "max",
	"baseline", "canary", "baseline_history", "canary_history",
	"baseline_totals", "canary_totals", "baseline_history_totals", "canary_history_totals",
	"baseline_pods", "canary_pods", "baseline_pods_history", "canary_pods_history",
}

func (d *Decoder) metric(m *Metric) error {
	started, baselineStarted := false, false
	err := d.object(metricKeys, func(key int) (err error) {
		switch metricKeys[key] {
		case "name":
			return d.name(&m.Name)
		case "kind":
			return d.kind(&m.Kind)
		case "direction":
			return d.direction(&m.Direction)
		case "step_seconds":
			start := d.pos
			v, err := d.number()
			if err != nil {
				return err
			}
			if m.Step, err = seconds(v); err != nil {
				d.pos = start
			}
			return err
		case "start":
			started = true
			m.Start, err = d.number()
		case "baseline_start":
			baselineStarted = true
			m.BaselineStart, err = d.number()
		case "max":
			m.Max, err = d.number()
		case "baseline":
			m.Baseline, err = d.points()
		case "canary":
			m.Canary, err = d.points()
		case "baseline_history":
			m.BaselineHistory, err = d.points()
		case "canary_history":
			m.CanaryHistory, err = d.points()
		case "baseline_totals":
			m.BaselineTotals, err = d.points()
		case "canary_totals":
			m.CanaryTotals, err = d.points()
		case "baseline_history_totals":
			m.BaselineHistoryTotals, err = d.points()
		case "canary_history_totals":
			m.CanaryHistoryTotals, err = d.points()
		case "baseline_pods":
			m.BaselinePods, err = d.pods()
		case "canary_pods":
			m.CanaryPods, err = d.pods()
		case "baseline_pods_history":
			m.BaselinePodsHistory, err = d.pods()
		default:
			m.CanaryPodsHistory, err = d.pods()
		}
		return err
	})
	// Arms that say nothing of their time ran together.
	switch {
	case !started:
		m.Start = m.BaselineStart
	case !baselineStarted:
		m.BaselineStart = m.Start
	}
	return err
}

func (d *Decoder) kind(to *Kind) error {
	start := d.pos
	s, err := d.text()
	if err != nil {
		return err
	}
	i := slices.Index(kindNames[:], string(s))
	if i < 0 {
		d.pos = start
		return fmt.Errorf("the kind is %s; there are gauge, latency, ratio and counter", shown(string(s)))
	}
	*to = Kind(i)
	return nil
}

func (d *Decoder) direction(to *judge.Direction) error {
	start := d.pos
	s, err := d.text()
	if err != nil {
		return err
	}
	switch string(s) {
	case "either":
		*to = judge.Either
	case "increase":
		*to = judge.Increase
	case "decrease":
		*to = judge.Decrease
	default:
		d.pos = start
		return fmt.Errorf("the direction is %s; there are increase, decrease and either", shown(string(s)))
	}
	return nil
}

// pods reads a list of series.
func (d *Decoder) pods() ([][]float64, error) {
	first := len(d.series)
	err := d.array(func(i int) error {
		if i >= MaxPods {
			return fmt.Errorf("an arm has more than %d pods", MaxPods)
		}
		points, err := d.points()
		d.series = append(d.series, points)
		return err
	})
	if d.series == nil {
		return [][]float64{}, err // an arm without pods is not one that is not there
	}
	return d.series[first:len(d.series):len(d.series)], err
}

// points reads an array of numbers and nulls; it is never nil.
func (d *Decoder) points() ([]float64, error) {
	if err := d.open('[', "an array of numbers"); err != nil {
		return nil, err
	}
	first := len(d.numbers)
	if d.space(); d.next() == ']' {
		d.pos++
		return []float64{}, nil
	}
	for {
		d.space()
		v := math.NaN()
		if d.next() == 'n' {
			if err := d.word("null"); err != nil {
				return nil, err
			}
		} else {
			var err error
			if v, err = d.number(); err != nil {
				return nil, err
			}
		}
		if len(d.numbers)-first >= MaxPoints {
			return nil, fmt.Errorf("a series has more than %d points", MaxPoints)
		}
		d.numbers = append(d.numbers, v)
		switch d.space(); d.next() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			return d.numbers[first:len(d.numbers):len(d.numbers)], nil
		default:
			return nil, d.unexpected("a comma or the end of the array")
		}
	}
}

// powers of ten that are exact as doubles.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// number reads a number, rounded as strconv.ParseFloat does. Up to 2^53 times
// or by a power of ten that is exact, one operation rounds correctly
// (Clinger 1990, "How to read floating point numbers accurately"); that is
// nearly every number that a monitoring system writes.
func (d *Decoder) number() (float64, error) {
	line, start := d.line, d.pos
	i := start
	if i < len(line) && line[i] == '-' {
		i++
	}
	mantissa, digits, scale := uint64(0), 0, 0
	first := i
	for ; i < len(line) && line[i]-'0' <= 9; i++ {
		mantissa = 10*mantissa + uint64(line[i]-'0')
		digits++
	}
	if i == first || line[first] == '0' && i > first+1 {
		return 0, d.unexpected("a number")
	}
	if i < len(line) && line[i] == '.' {
		i++
		first = i
		for ; i < len(line) && line[i]-'0' <= 9; i++ {
			mantissa = 10*mantissa + uint64(line[i]-'0')
			digits++
		}
		if scale = first - i; scale == 0 {
			d.pos = i
			return 0, d.unexpected("a digit")
		}
	}
	simple := digits <= 19 && mantissa < 1<<53 && scale >= -22
	if i < len(line) && line[i]|0x20 == 'e' {
		simple = false
		i++
		if i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		first = i
		for i < len(line) && line[i]-'0' <= 9 {
			i++
		}
		if i == first {
			d.pos = i
			return 0, d.unexpected("a digit")
		}
	}
	if !simple {
		v, err := strconv.ParseFloat(string(line[start:i]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s is too large", shown(string(line[start:i])))
		}
		d.pos = i
		return v, nil
	}
	d.pos = i
	v := float64(mantissa) / powers[-scale]
	if line[start] == '-' {
		v = -v
	}
	return v, nil
}

// whole reads a number without fraction that is not negative.
func (d *Decoder) whole(to *int) error {
	start := d.pos
	v, err := d.number()
	if err != nil {
		return err
	}
	if v < 0 || v > math.MaxInt32 || v != math.Trunc(v) {
		d.pos = start
		return fmt.Errorf("%v is no count", v)
	}
	*to = int(v)
	return nil
}

// Limits of the names that are kept: a file has few, millions of times.
const (
	maxNames      = 10_000
	maxNameLength = 100
)

// name reads a string that stands in many cases.
func (d *Decoder) name(to *string) error {
	s, err := d.text()
	if err != nil {
		return err
	}
	known, ok := d.names[string(s)]
	if !ok {
		known = string(s)
		if d.names == nil {
			d.names = map[string]string{}
		}
		if len(d.names) < maxNames && len(known) <= maxNameLength {
			d.names[known] = known
		}
	}
	*to = known
	return nil
}

// text reads a string. The bytes are valid as long as the line.
func (d *Decoder) text() ([]byte, error) {
	if err := d.open('"', "a string"); err != nil {
		return nil, err
	}
	start := d.pos
	for plain := true; d.pos < len(d.line); d.pos++ {
		switch c := d.line[d.pos]; {
		case c == '"':
			raw := d.line[start:d.pos]
			d.pos++
			if plain {
				return raw, nil
			}
			var s string
			if err := json.Unmarshal(d.line[start-1:d.pos], &s); err != nil {
				d.pos = start - 1
				return nil, errors.New("the string has an invalid escape")
			}
			return []byte(s), nil
		case c == '\\':
			plain = false
			d.pos++ // the next may be a quotation mark
		case c < ' ':
			return nil, errors.New("a control character stands in a string")
		case c >= 0x80:
			plain = false // may be invalid
		}
	}
	d.pos = start - 1
	return nil, errors.New("a string has no end")
}

// object reads an object and calls value, which must read it, for each known
// key whose value is not null.
func (d *Decoder) object(keys []string, value func(key int) error) error {
	if err := d.open('{', "an object"); err != nil {
		return err
	}
	if d.space(); d.next() == '}' {
		d.pos++
		return nil
	}
	for seen := uint32(0); ; {
		d.space()
		start := d.pos
		name, err := d.text()
		if err != nil {
			return err
		}
		key := index(keys, name)
		if key >= 0 {
			if seen&(1<<key) != 0 {
				d.pos = start
				return fmt.Errorf("%q stands twice", keys[key])
			}
			seen |= 1 << key
		}
		d.space()
		if err := d.open(':', "a colon"); err != nil {
			return err
		}
		d.space()
		switch {
		case d.next() == 'n':
			err = d.word("null")
		case key < 0:
			err = d.skip(0)
		default:
			err = value(key)
		}
		if err != nil {
			return err
		}
		switch d.space(); d.next() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			return nil
		default:
			return d.unexpected("a comma or the end of the object")
		}
	}
}

func index(keys []string, name []byte) int {
	for i, k := range keys {
		if k == string(name) {
			return i
		}
	}
	return -1
}

// array reads an array and calls element, which must read it, for each.
func (d *Decoder) array(element func(i int) error) error {
	if err := d.open('[', "an array"); err != nil {
		return err
	}
	if d.space(); d.next() == ']' {
		d.pos++
		return nil
	}
	for i := 0; ; i++ {
		d.space()
		if err := element(i); err != nil {
			return err
		}
		switch d.space(); d.next() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			return nil
		default:
			return d.unexpected("a comma or the end of the array")
		}
	}
}

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 1000

// skip reads any value.
func (d *Decoder) skip(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("values are nested deeper than %d", maxDepth)
	}
	switch c := d.next(); {
	case c == '"':
		_, err := d.text()
		return err
	case c == '{':
		return d.skipObject(depth)
	case c == '[':
		return d.array(func(int) error { return d.skip(depth + 1) })
	case c == 't':
		return d.word("true")
	case c == 'f':
		return d.word("false")
	case c == 'n':
		return d.word("null")
	case c == '-' || c-'0' <= 9:
		_, err := d.number()
		return err
	default:
		return d.unexpected("a value")
	}
}

func (d *Decoder) skipObject(depth int) error {
	d.pos++
	if d.space(); d.next() == '}' {
		d.pos++
		return nil
	}
	for {
		d.space()
		if _, err := d.text(); err != nil {
			return err
		}
		d.space()
		if err := d.open(':', "a colon"); err != nil {
			return err
		}
		d.space()
		if err := d.skip(depth + 1); err != nil {
			return err
		}
		switch d.space(); d.next() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			return nil
		default:
			return d.unexpected("a comma or the end of the object")
		}
	}
}

func (d *Decoder) word(w string) error {
	if len(d.line)-d.pos < len(w) || string(d.line[d.pos:d.pos+len(w)]) != w {
		return d.unexpected(w)
	}
	d.pos += len(w)
	return nil
}

func (d *Decoder) open(c byte, want string) error {
	d.space()
	if d.next() != c {
		return d.unexpected(want)
	}
	d.pos++
	return nil
}

func (d *Decoder) space() {
	for d.pos < len(d.line) {
		switch d.line[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next is the byte at the position; 0, which stands nowhere in JSON, at the end.
func (d *Decoder) next() byte {
	if d.pos >= len(d.line) {
		return 0
	}
	return d.line[d.pos]
}

func (d *Decoder) unexpected(want string) error {
	if d.pos >= len(d.line) {
		return fmt.Errorf("the line ends where there should be %s", want)
	}
	end := min(d.pos+10, len(d.line))
	return fmt.Errorf("found %s where there should be %s", shown(string(d.line[d.pos:end])), want)
}
