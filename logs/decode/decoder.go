package decode

import (
	"bytes"
	"fmt"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

const (
	// maxText is how much of a message's first line is kept: no person reads
	// more, and templates are found in its beginning.
	maxText = 16 << 10
	// maxRecord and maxRecordLines bound a message with its stack trace.
	maxRecord      = 64 << 10
	maxRecordLines = 500
	// maxName bounds the logger, the instance and the trace.
	maxName = 256
)

// Options say how lines are read. The zero value recognises everything.
type Options struct {
	// Format is how the lines are written; Auto if it is not given.
	Format Format
	// Instance is that of records that do not name theirs.
	Instance string
	// Now gives the year or the date to times without one: when the lines were
	// written, such as a file's last change. nil: time.Now.
	Now func() time.Time
	// Window leaves out the records whose time is not after Start and up to End.
	// The zero window leaves out none.
	Window metrics.Window
	// Where leaves out the lines that one of the matchers does not select, with the
	// lines that continue them; at most MaxMatchers.
	Where []Matcher
}

// Decoder decodes lines one at a time and delivers their records. It keeps one
// record until the next line shows that it is complete. It is for one
// goroutine.
type Decoder struct {
	o    Options
	now  clock
	each func(*logs.Record) error

	summary  logs.Summary
	timeless int64 // records without any time, which are in no window
	input    int64 // lines so far
	format   votes
	wrapped  votes // JSON stands for lines in an envelope, Plain for others

	pending   pending
	last      time.Time
	fields    fields
	where     *where
	partial   [2]partial // of stdout and stderr
	unwrapped []byte
	coloured  []byte
	scratch   []byte
}

// pending is the record that may go on. Its slices are its own.
type pending struct {
	open                      bool
	undated                   bool
	header                    bool // it began with a time or a level
	dropped                   bool // the matchers do not select it
	trace                     trace
	stream                    byte
	lines                     int // of the message
	first, last               int64
	label                     []byte // the instance that its line came with
	rec                       logs.Record
	message                   []byte
	logger, instance, traceID []byte
}

// partial is a line that a container runtime cut into pieces, so far.
type partial struct {
	text  []byte
	first int64
	cut   bool
}

// NewDecoder returns a Decoder that delivers records to each, whose error ends
// the call that led to it and is returned as it is. More than MaxMatchers in the
// options are a programmer's error and panic.
func NewDecoder(o Options, each func(*logs.Record) error) *Decoder {
	d := &Decoder{o: o, now: o.Now, each: each, where: newWhere(o.Where)}
	if d.now == nil {
		d.now = time.Now
	}
	return d
}

// Line decodes one line and delivers the records that are complete with it.
// labels, which may be nil, is what the backend says about the line: its time
// counts before one in the line, which may lack a zone; level, logger, site,
// instance and trace where the line has none. A line continues a record only if both
// came with the same instance, so that a stack trace is found among the lines
// of one pod if these are handed in together.
func (d *Decoder) Line(line []byte, labels *logs.Record) error {
	return d.add(line, labels, false)
}

// Flush delivers what is left at the end of a stream.
func (d *Decoder) Flush() error {
	for i := range d.partial {
		if p := &d.partial[i]; p.first > 0 {
			text := p.text
			in := input{envelope: envelope{stream: "oe"[i]}, first: p.first, cut: p.cut}
			p.first, p.text, p.cut = 0, p.text[:0], false
			if err := d.text(text, in); err != nil {
				return err
			}
		}
	}
	return d.deliver()
}

// Summary is about what was delivered so far.
func (d *Decoder) Summary() logs.Summary {
	s := d.summary
	if d.timeless > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d log records have no time, and none is before them: they are in no window and were left out", d.timeless))
	}
	return s
}

// input is what is known of a text besides itself.
type input struct {
	envelope
	labels *logs.Record
	stack  []byte // a stack trace that came in a field of its own
	first  int64  // the number of its first line
	cut    bool
	batch  bool // it came in a batch and cannot be one
	// dropped: the matchers do not select it, of a batch, whose attributes they are
	// about. Others are selected by their fields.
	dropped bool
	// malformed: it is not in an envelope as its neighbours are, or not whole.
	malformed bool
}

// reset forgets the fields of the line before.
func (d *Decoder) reset() {
	d.fields.reset()
	if d.where != nil {
		d.where.reset()
	}
}

func (d *Decoder) add(line []byte, labels *logs.Record, cut bool) error {
	d.input++
	if len(line) > maxLine && !cut {
		if limit := lineLimit(line); len(line) > limit {
			line, cut = line[:limit], true
		}
	}
	if d.input == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	for len(line) > 0 && (line[len(line)-1] == '\r' || line[len(line)-1] == '\n') {
		line = line[:len(line)-1]
	}
	in := input{labels: labels, first: d.input, cut: cut}
	if d.o.Format == Plain {
		return d.text(line, in)
	}
	if e, text, ok := cri(line, d.now); ok {
		d.wrapped[JSON]++
		in.envelope = e
		return d.piece(text, in)
	}
	if len(line) > 2 && line[0] == '{' && d.o.Format != Logfmt {
		d.reset()
		ok := scanObject(line, &d.fields, d.where) || cut
		if e, text, wrapped := docker(&d.fields, d.now); ok && wrapped {
			d.wrapped[JSON]++
			in.envelope = e
			d.unwrapped = appendUnescaped(d.unwrapped[:0], text.raw)
			return d.piece(bytes.TrimSuffix(d.unwrapped, []byte{'\n'}), in)
		}
		if ok {
			d.wrapped[Plain]++
			return d.structured(line, in)
		}
	}
	in.malformed = d.wrapped.winner() == JSON
	d.wrapped[Plain]++
	return d.text(line, in)
}

// piece puts the pieces of a line together that a runtime cut.
func (d *Decoder) piece(text []byte, in input) error {
	p := &d.partial[0]
	if in.stream == 'e' {
		p = &d.partial[1]
	}
	if p.first == 0 && !in.partial {
		return d.text(bytes.TrimSuffix(text, []byte{'\r'}), in)
	}
	if p.first == 0 {
		p.first = in.first
	}
	if room := maxLine - len(p.text); len(text) > room {
		text, p.cut = text[:room], true
	}
	p.text = append(p.text, text...)
	p.cut = p.cut || in.cut
	if in.partial {
		return nil
	}
	text, in.first, in.cut = p.text, p.first, p.cut
	p.first, p.text, p.cut = 0, p.text[:0], false
	return d.text(bytes.TrimSuffix(text, []byte{'\r'}), in)
}

// text decodes what is in an envelope, or a line without one.
func (d *Decoder) text(text []byte, in input) error {
	if len(in.stack) == 0 && (len(text) == 0 || isSpace(text[0]) && len(trimSpace(text)) == 0) {
		return nil
	}
	if d.o.Format != Plain && d.o.Format != Logfmt && len(text) > 0 && text[0] == '{' {
		d.reset()
		if scanObject(text, &d.fields, d.where) || in.cut {
			return d.structured(text, in)
		}
		in.malformed = in.malformed || len(text) > 1 && text[1] == '"' // nothing but JSON begins so
	}
	if bytes.IndexByte(text, 0x1b) >= 0 {
		// Colours would hide the parts of a header.
		d.coloured = appendClean(d.coloured[:0], text)
		text = d.coloured
	}
	if kind, ok := d.continues(text, in); ok {
		d.extend(text, kind, in)
		return nil
	}
	if err := d.deliver(); err != nil {
		return err
	}
	d.begin(in)
	if f := d.o.Format; (f == Logfmt || f == Auto) && startsWithPair(text) {
		d.reset()
		if scanLogfmt(text, &d.fields, d.where, f == Logfmt || d.format.winner() == Logfmt) {
			d.format[Logfmt]++
			d.selectLine(in)
			d.setFields(text, in)
			return nil
		}
	}
	expected := d.o.Format
	if expected == Auto {
		expected = d.format.winner()
	}
	if in.malformed || expected != Auto && expected != Plain {
		d.summary.Malformed++
	}
	d.format[Plain]++
	if d.where != nil {
		d.where.reset() // it may have looked like logfmt or JSON
		d.selectLine(in)
	}
	h := plain(text, d.now)
	d.pending.header = h.dated || h.level != logs.NoLevel
	d.pending.rec.Level = h.level
	d.setLogger(h.logger, false)
	d.setName(&d.pending.instance, h.instance, false)
	d.setName(&d.pending.traceID, traceID(h.trace), false)
	cut := d.setMessage(value{kind: textValue, raw: h.message}) || in.cut
	d.finish(h.time, h.dated, cut, in)
	return nil
}

// structured makes the record of a line whose fields are found.
func (d *Decoder) structured(line []byte, in input) error {
	if v := d.fields[otlpField]; v.kind == arrayValue && !in.batch {
		if ok, err := d.batchLine(line, in); ok || err != nil {
			d.format[OTLP]++
			return err
		}
		d.summary.Malformed++
	}
	if err := d.deliver(); err != nil {
		return err
	}
	d.begin(in)
	d.format[JSON]++
	d.selectLine(in)
	d.setFields(line, in)
	return nil
}

// begin makes room for a record.
func (d *Decoder) begin(in input) {
	p := &d.pending
	p.open, p.undated, p.header, p.dropped, p.trace = true, false, false, false, noTrace
	p.stream, p.first, p.last = in.stream, in.first, d.input
	p.rec = logs.Record{}
	p.label = p.label[:0]
	if in.labels != nil {
		p.label = append(p.label, in.labels.Instance...)
	}
}

// selectLine asks the matchers about the line of the record that was begun.
func (d *Decoder) selectLine(in input) {
	switch {
	case d.where == nil:
	case in.batch:
		d.pending.dropped = in.dropped
	default:
		d.pending.dropped = !d.where.selects()
	}
}

// setFields fills the record from the fields of a line.
func (d *Decoder) setFields(line []byte, in input) {
	p, f := &d.pending, &d.fields
	p.rec.Level = f.level()
	name := f[loggerField]
	if name.kind == noValue {
		name = f[callerField]
	}
	d.setLogger(name.raw, name.escaped)
	if p.rec.Site == 0 {
		p.rec.Site = f.site()
	}
	d.setName(&p.instance, f[instanceField].raw, f[instanceField].escaped)
	d.setName(&p.traceID, traceID(f[traceField].raw), f[traceField].escaped)

	message := f[messageField]
	failure, stack := f[errorField], f[stackField]
	if message.kind == noValue && failure.kind != noValue {
		message, failure = failure, value{}
	}
	if message.kind == noValue {
		message = value{raw: line, kind: objectValue}
	}
	cut := d.setMessage(message) || in.cut
	switch {
	case stack.kind == textValue:
		cut = d.addText(stack) || cut
	case stack.kind == arrayValue:
		c := cursor{b: stack.raw, i: 1}
		for range maxRecordLines + 1 {
			v, ok := c.value()
			if !ok {
				break
			}
			if v.kind == textValue {
				cut = d.addText(v) || cut
			}
			if !c.take(',') {
				break
			}
		}
	case failure.kind == textValue:
		// What went wrong is the part that differs between two failures of one
		// statement.
		cut = d.addFailure(failure) || cut
	}
	var t time.Time
	dated := false
	if in.time.IsZero() && (in.labels == nil || in.labels.Time.IsZero()) {
		t, dated = f.time(d.now)
	}
	d.finish(t, dated, cut, in)
}

// finish sets what every record has, from the line, its envelope or its
// labels.
func (d *Decoder) finish(t time.Time, dated, cut bool, in input) {
	p := &d.pending
	if len(in.stack) > 0 {
		cut = d.addText(value{kind: textValue, raw: in.stack}) || cut
	}
	if labels := in.labels; labels != nil {
		if !labels.Time.IsZero() {
			t, dated = labels.Time, true
		}
		if p.rec.Level == logs.NoLevel {
			p.rec.Level = labels.Level
		}
		if len(p.logger) == 0 {
			d.setLogger(labels.Logger, false)
		}
		if p.rec.Site == 0 {
			p.rec.Site = labels.Site
		}
		if len(p.instance) == 0 {
			d.setName(&p.instance, labels.Instance, false)
		}
		if len(p.traceID) == 0 {
			d.setName(&p.traceID, traceID(labels.Trace), false)
		}
	}
	if !in.time.IsZero() {
		t, dated = in.time, true
	}
	if len(p.instance) == 0 {
		p.instance = append(p.instance, d.o.Instance...)
	}
	if dated {
		d.last = t
	} else {
		t, p.undated = d.last, true
	}
	p.rec.Time = t
	if p.trace == noTrace && p.lines == 1 {
		p.trace = opens(p.message)
	}
	if cut {
		d.summary.Cut++
	}
}

// continues reports whether a text continues the pending record.
func (d *Decoder) continues(text []byte, in input) (trace, bool) {
	p := &d.pending
	if !p.open || p.stream != in.stream {
		return noTrace, false
	}
	if in.labels == nil && len(p.label) > 0 || in.labels != nil && !bytes.Equal(p.label, in.labels.Instance) {
		return noTrace, false
	}
	kind, ok := continues(text, p.trace, p.header, p.rec.Level >= logs.Warn)
	if ok && p.trace == noTrace && kind == noTrace {
		// Some programs indent their lines, times and all.
		if head := trimSpace(text[:min(len(text), maxMarker)]); isDigit(head[0]) {
			_, n := timestamp(head, d.now)
			ok = n == 0
		}
	}
	return kind, ok
}

// extend appends a text to the pending record.
func (d *Decoder) extend(text []byte, kind trace, in input) {
	p := &d.pending
	p.trace, p.last = kind, d.input
	end := len(text)
	for end > 0 && isSpace(text[end-1]) {
		end--
	}
	if d.addText(value{kind: textValue, raw: text[:end]}) || in.cut {
		d.summary.Cut++
	}
}

// deliver hands the pending record on.
func (d *Decoder) deliver() error {
	p := &d.pending
	if !p.open {
		return nil
	}
	p.open = false
	if p.dropped {
		return nil
	}
	if len(p.message) == 0 {
		p.message = append(p.message, p.logger...) // all that the line has
	}
	if len(p.message) == 0 {
		return nil // nothing but what cannot be seen
	}
	if w := d.o.Window; w != (metrics.Window{}) {
		if p.rec.Time.IsZero() {
			d.timeless++
			return nil
		}
		if !p.rec.Time.After(w.Start) || p.rec.Time.After(w.End) {
			return nil
		}
	}
	p.rec.Message, p.rec.Logger, p.rec.Instance, p.rec.Trace = p.message, p.logger, p.instance, p.traceID
	if err := d.each(&p.rec); err != nil {
		return err
	}
	d.summary.Lines++
	d.summary.Bytes += int64(len(p.message))
	if p.undated {
		d.summary.Undated++
	}
	return nil
}

// setMessage sets the message and reports whether it had to be cut.
func (d *Decoder) setMessage(v value) bool {
	p := &d.pending
	p.message, p.lines = d.appendValue(p.message[:0], v), 1
	// Trimmed in place: the buffer is used again.
	p.message = p.message[:copy(p.message, trimSpace(p.message))]
	first := bytes.IndexByte(p.message, '\n')
	if first < 0 {
		first = len(p.message)
	}
	if first > maxText {
		p.message, _ = cutText(p.message, maxText)
		return true
	}
	return d.bound(0)
}

// addText appends further lines and reports whether they had to be cut.
func (d *Decoder) addText(v value) bool {
	p := &d.pending
	if p.lines >= maxRecordLines || len(p.message) >= maxRecord {
		return true
	}
	if len(p.message) == 0 {
		return d.setMessage(v) // the header had a line of its own
	}
	before := len(p.message)
	p.message = d.appendValue(append(p.message, '\n'), v)
	for len(p.message) > before && isSpace(p.message[len(p.message)-1]) {
		p.message = p.message[:len(p.message)-1]
	}
	return d.bound(before)
}

// addFailure appends an error's text to the message, unless it is in there.
func (d *Decoder) addFailure(v value) bool {
	p := &d.pending
	before := len(p.message)
	p.message = d.appendValue(append(p.message, ": "...), v)
	if bytes.Contains(p.message[:before], p.message[before+len(": "):]) {
		p.message = p.message[:before]
		return false
	}
	if before < maxText && len(p.message) > maxText && bytes.IndexByte(p.message[:maxText], '\n') < 0 {
		p.message, _ = cutText(p.message, maxText)
		return true
	}
	return d.bound(before)
}

// bound counts the message's lines from an offset on and cuts what is too much.
func (d *Decoder) bound(from int) bool {
	p := &d.pending
	var cut bool
	p.message, cut = cutText(p.message, maxRecord)
	from = min(from, len(p.message))
	for {
		n := bytes.IndexByte(p.message[from:], '\n')
		if n < 0 {
			return cut
		}
		if p.lines == maxRecordLines {
			p.message = p.message[:from+n]
			return true
		}
		p.lines++
		from += n + 1
	}
}

// appendValue appends a value's text, clean.
func (d *Decoder) appendValue(dst []byte, v value) []byte {
	if v.escaped {
		d.scratch = appendUnescaped(d.scratch[:0], v.raw)
		v.raw = d.scratch
	}
	return appendClean(dst, v.raw)
}

// setLogger sets the logger, and the number of the statement that its name
// ends in.
func (d *Decoder) setLogger(name []byte, escaped bool) {
	name, site := trimSourceLine(name)
	if site > 0 {
		d.pending.rec.Site = site
	}
	d.setName(&d.pending.logger, name, escaped)
}

// setName sets one of the short texts of a record.
func (d *Decoder) setName(dst *[]byte, text []byte, escaped bool) {
	if len(text) == 0 {
		*dst = (*dst)[:0]
		return
	}
	text, _ = cutText(text, 4*maxName) // an escape is at most 6 bytes; names have none
	*dst, _ = cutText(d.appendValue((*dst)[:0], value{raw: text, escaped: escaped}), maxName)
}
