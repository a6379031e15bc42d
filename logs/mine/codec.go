package mine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"github.com/judged-dev/judged/logs"
)

// version is the first byte of a Miner's bytes.
const version = 1

// AppendBinary appends the Miner to b, for Decode to read. clean is applied to
// every line that is kept to be read; nil keeps them as they are. The same Miner
// gives the same bytes.
func (m *Miner) AppendBinary(b []byte, clean func(string) string) []byte {
	if clean == nil {
		clean = func(s string) string { return s }
	}
	w := writer{append(b, version)}
	w.uint(uint64(m.Cell/time.Second), m.Lines, m.Traced, m.Cut, m.Bytes, uint64(m.First), uint64(m.Last), uint64(m.floor))
	w.distinct(&m.Requests)
	w.cells(m.Cells)
	for l := range m.Overflow.Lines {
		w.uint(m.Overflow.Lines[l])
		w.distinct(&m.Overflow.Requests[l])
	}
	flags := uint64(0)
	if m.Overflow.Instances {
		flags |= 1
	}
	if m.Overflow.seen != nil {
		flags |= 2
	}
	if m.Overflow.merged {
		flags |= 4
	}
	w.uint(flags)
	for _, word := range m.Overflow.seen {
		w.b = binary.LittleEndian.AppendUint64(w.b, word)
	}
	for _, list := range [][]string{m.instances.list, m.loggers.list} {
		w.uint(uint64(len(list) - 1)) // the first is ""
		for _, name := range list[1:] {
			w.text(name)
		}
	}
	w.uint(uint64(m.n))
	for i := range m.n {
		w.skeleton(m.At(i), clean)
	}
	return w.b
}

type writer struct{ b []byte }

func (w *writer) uint(values ...uint64) {
	for _, v := range values {
		w.b = binary.AppendUvarint(w.b, v)
	}
}

func (w *writer) text(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) distinct(d *Distinct) {
	hashes := d.hashes()
	w.uint(uint64(d.Level), uint64(len(hashes)))
	for _, h := range hashes {
		w.b = binary.LittleEndian.AppendUint64(w.b, h)
	}
}

func (w *writer) cells(c Cells) {
	w.uint(uint64(len(c)))
	at := int32(0)
	for _, one := range c {
		w.uint(uint64(uint32(one.At-at)), uint64(one.Instance), uint64(one.Lines))
		at = one.At
	}
}

func (w *writer) skeleton(s *Skeleton, clean func(string) string) {
	w.b = binary.LittleEndian.AppendUint64(w.b, s.Hash)
	w.text(s.Text)
	shape := uint64(s.Level) << 1
	if s.Cut {
		shape |= 1
	}
	w.uint(shape, uint64(s.Site), uint64(s.logger), s.Lines, s.Traced, uint64(s.First), uint64(s.Last))
	w.distinct(&s.Requests)
	w.cells(s.Cells)
	w.uint(uint64(len(s.detail.samples)))
	for i := range s.detail.samples {
		one := &s.detail.samples[i]
		w.uint(uint64(unixNano(one.Time)))
		w.text(one.Instance)
		w.text(one.Trace)
		w.text(clean(one.Text))
	}
	w.uint(uint64(len(s.detail.slots)))
	for i := range s.detail.slots {
		w.slot(&s.detail.slots[i])
	}
}

func (w *writer) slot(s *Slot) {
	flags := uint64(0)
	if s.free {
		flags |= 1
	}
	if s.Sketch != nil {
		flags |= 2
	}
	w.uint(s.Values, s.Numbers, flags, uint64(len(s.Words)))
	for _, word := range s.words() {
		w.text(word)
		w.uint(*s.Words[word])
	}
	if s.Sketch != nil {
		var sketch []byte
		s.Sketch.Encode(&sketch, true)
		w.text(string(sketch))
	}
}

// ErrCorrupt is wrapped by errors about bytes that are no Miner's.
var ErrCorrupt = errors.New("these are not the bytes of mined logs")

// Decode reads what AppendBinary wrote, bounded by o, however hostile the bytes.
func Decode(b []byte, o Options) (*Miner, error) {
	m := New(o)
	r := reader{b: b}
	if v := r.byte(); v != version && r.err == nil {
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrCorrupt, v, version)
	}
	cell := r.uint(1 << 32)
	m.Lines, m.Traced, m.Cut, m.Bytes = r.uint(math.MaxUint64), r.uint(math.MaxUint64), r.uint(math.MaxUint64), r.uint(math.MaxUint64)
	m.First, m.Last = int64(r.uint(math.MaxInt64)), int64(r.uint(math.MaxInt64))
	m.floor = uint8(r.uint(63))
	if cell < uint64(minCell/time.Second) {
		r.fail("its cells are too short")
	}
	m.Cell = time.Duration(cell) * time.Second
	r.distinct(&m.Requests, maxAllRequests)
	all := r.cells(maxInstances)
	for l := range m.Overflow.Lines {
		m.Overflow.Lines[l] = r.uint(math.MaxUint64)
		r.distinct(&m.Overflow.Requests[l], maxAllRequests)
	}
	flags := r.uint(7)
	m.Overflow.Instances, m.Overflow.merged = flags&1 != 0, flags&4 != 0
	if flags&2 != 0 {
		if bits := r.take(bloomBits / 8); bits != nil {
			m.Overflow.seen = make([]uint64, bloomBits/64)
			for i := range m.Overflow.seen {
				m.Overflow.seen[i] = binary.LittleEndian.Uint64(bits[8*i:])
			}
		}
	}
	for _, n := range []*names{&m.instances, &m.loggers} {
		count := int(r.uint(uint64(n.most - 1)))
		for i := 0; i < count && r.err == nil; i++ {
			if at, _ := n.number(r.take(int(r.uint(maxName)))); r.err == nil && at != i+1 {
				r.fail("a name stands twice")
			}
		}
	}
	m.Cells = r.known(all, len(m.instances.list))
	m.taken.cells = cellSize * int64(len(m.Cells))
	for count := r.uint(math.MaxUint32); count > 0 && r.err == nil; count-- {
		r.skeleton(m)
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("there is more after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	m.thin()
	m.coarsen()
	return m, nil
}

type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, why)
	}
}

// uint reads a number of at most most.
func (r *reader) uint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.err != nil || n <= 0 || v > most {
		r.fail("a number is cut off or out of range")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.b) {
		r.fail("it is cut off")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) distinct(d *Distinct, most int) {
	level := uint8(r.uint(63))
	b := r.take(8 * int(r.uint(uint64(most))))
	hashes := make([]uint64, len(b)/8)
	for i := range hashes {
		hashes[i] = binary.LittleEndian.Uint64(b[8*i:])
		if hashes[i] == 0 || i > 0 && hashes[i] <= hashes[i-1] {
			r.fail("ids are out of order")
			return
		}
	}
	d.set(hashes)
	d.atLeast(level)
}

// cells reads cells whose instances are among so many.
func (r *reader) cells(instances int) Cells {
	n := int(r.uint(math.MaxUint32))
	if n > len(r.b) { // each takes three bytes and more
		r.fail("there are more cells than bytes")
		return nil
	}
	cells := make(Cells, 0, n)
	at := int32(0)
	for range n {
		at += int32(uint32(r.uint(math.MaxUint32)))
		c := Cell{At: at, Instance: uint16(r.uint(uint64(instances - 1))), Lines: uint32(r.uint(math.MaxUint32))}
		if k := len(cells); r.err == nil && k > 0 && cells[k-1].key() >= c.key() {
			r.fail("cells are out of order")
		}
		if r.err != nil {
			return nil
		}
		cells = append(cells, c)
	}
	return slices.Clip(cells)
}

// known checks cells that were read before the names of their instances.
func (r *reader) known(cells Cells, instances int) Cells {
	for _, c := range cells {
		if int(c.Instance) >= instances {
			r.fail("a cell is of an unknown instance")
			return nil
		}
	}
	return cells
}

func (r *reader) skeleton(m *Miner) {
	hash := r.take(8)
	text := r.take(int(r.uint(math.MaxInt32)))
	shape := r.uint(uint64(logs.Critical)<<1 | 1)
	level := logs.Level(shape >> 1)
	site := uint32(r.uint(math.MaxUint32))
	logger := int(r.uint(maxLoggers - 1))
	if r.err != nil {
		return
	}
	if logger >= len(m.loggers.list) {
		r.fail("a logger is unknown")
		return
	}
	id := binary.LittleEndian.Uint64(hash)
	if _, twice := m.index[id]; twice {
		r.fail("a skeleton stands twice")
		return
	}
	i, ok := m.place(id, text, level, []byte(m.loggers.list[logger]), site)
	s := &Skeleton{detail: none}
	if ok {
		s = m.At(int(i))
	}
	s.Cut = shape&1 != 0
	s.Lines, s.Traced = r.uint(math.MaxUint64), r.uint(math.MaxUint64)
	s.First, s.Last = int64(r.uint(math.MaxInt64)), int64(r.uint(math.MaxInt64))
	r.distinct(&s.Requests, maxRequests)
	s.Cells = r.cells(len(m.instances.list))
	m.taken.requests += 8 * int64(len(s.Requests.table))
	m.taken.cells += cellSize * int64(len(s.Cells))
	for n := r.uint(samplesEach); n > 0 && r.err == nil; n-- {
		one := Sample{}
		if nanos := int64(r.uint(math.MaxInt64)); nanos != 0 {
			one.Time = time.Unix(0, nanos).UTC()
		}
		one.Instance = string(r.take(int(r.uint(3 * maxName))))
		one.Trace = string(r.take(int(r.uint(3 * maxName))))
		one.Text = string(r.take(int(r.uint(8 * maxSample))))
		if m.taken.samples+one.size() > m.options.MaxBytes/samplePart {
			continue
		}
		m.taken.samples += one.size()
		d := s.own()
		d.samples = append(d.samples, one)
	}
	for n := r.uint(maxSlots); n > 0 && r.err == nil; n-- {
		var slot Slot
		one := r.slot()
		if m.slotRoom() < slotSize {
			continue
		}
		m.taken.slots += slotSize + slot.merge(&one, m.slotRoom()-slotSize)
		d := s.own()
		d.slots = append(d.slots, slot)
	}
	if !ok && r.err == nil {
		// A Miner with more room wrote this; one that has less never has it.
		m.Overflow.add(id)
		m.Overflow.Lines[level] += s.Lines
		m.Overflow.Requests[level].merge(&s.Requests, maxAllRequests)
	}
}

func (r *reader) slot() Slot {
	s := Slot{Values: r.uint(math.MaxUint64), Numbers: r.uint(math.MaxUint64)}
	flags := r.uint(3)
	s.free = flags&1 != 0
	for n := r.uint(maxWords); n > 0 && r.err == nil; n-- {
		word := r.take(int(r.uint(maxWord)))
		s.count(word, r.uint(math.MaxUint64), math.MaxInt64)
	}
	if flags&2 != 0 {
		s.Sketch = r.sketch()
	}
	return s
}

// maxSketch bounds a sketch's bytes: two stores of sketchBins counts.
const maxSketch = 32 << 10

func (r *reader) sketch() (sketch *ddsketch.DDSketch) {
	b := r.take(int(r.uint(maxSketch)))
	if r.err != nil {
		return nil
	}
	// The library trusts its input.
	defer func() {
		if recover() != nil {
			r.fail("a sketch cannot be read")
		}
	}()
	bins := func() store.Store { return store.NewCollapsingLowestDenseStore(sketchBins) }
	sketch, err := ddsketch.DecodeDDSketch(b, bins, sketchMapping)
	if err != nil {
		r.fail("a sketch cannot be read")
		return nil
	}
	return sketch
}
