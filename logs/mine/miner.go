package mine

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/template"
)

// Miner counts the lines of one side. It is not safe for concurrent use: mine
// parts on their own and merge them.
type Miner struct {
	// Lines were added, Traced of them had a trace id, Cut were longer than is
	// looked at, and Bytes is the length of all.
	Lines, Traced, Cut, Bytes uint64
	// Requests are the trace ids of all lines.
	Requests Distinct
	// Cells are all lines by instance and time.
	Cells Cells
	// Cell is how long a cell is.
	Cell time.Duration
	// First and Last are the times of lines, in nanoseconds since 1970; both 0 if no
	// line had one.
	First, Last int64
	// Overflow is what found no place.
	Overflow Overflow

	options   Options
	scanner   template.Scanner
	index     map[uint64]uint32
	near      [nearLen]*Skeleton // skeletons of late, by their hash: faster than the index
	chunks    [][]Skeleton       // of chunkLen each: growing copies nothing
	n         int
	text      strings.Builder // where the texts lie
	buffer    []byte
	instances names
	loggers   names
	floor     uint8 // the least level of every set of requests
	// taken are the bytes of each kind of table.
	taken struct{ skeletons, requests, cells, samples, slots int64 }
}

// Skeleton is what is known of the lines of one skeleton.
type Skeleton struct {
	// Hash is its identity, the same in every Miner.
	Hash uint64
	// Text is the message with its variable parts masked.
	Text  string
	Level logs.Level
	// Site is the number of the source line that wrote it, 0 if that is not known.
	Site uint32
	// Cut says that the text is not all of the line.
	Cut bool
	// Lines of this skeleton; Traced of them had a trace id.
	Lines, Traced uint64
	// First and Last are as those of Miner.
	First, Last int64
	Requests    Distinct
	Cells       Cells

	logger uint32
	detail *detail
}

type detail struct {
	samples []Sample
	slots   []Slot
}

const (
	nearLen      = 1 << 9
	chunkLen     = 1 << 10
	arenaLen     = 64 << 10
	skeletonSize = 232 // bytes: the struct, its place in the index, its first cell
	cellSize     = 12
)

// New returns an empty Miner.
func New(o Options) *Miner {
	o = o.withDefaults()
	return &Miner{options: o, Cell: o.Cell, index: map[uint64]uint32{}, instances: newNames(maxInstances), loggers: newNames(maxLoggers)}
}

// Len returns the number of skeletons.
func (m *Miner) Len() int { return m.n }

// At returns skeleton i; it may be read only.
func (m *Miner) At(i int) *Skeleton { return &m.chunks[i/chunkLen][i%chunkLen] }

// Find returns the skeleton of that identity, or nil.
func (m *Miner) Find(hash uint64) *Skeleton {
	if i, ok := m.index[hash]; ok {
		return m.At(int(i))
	}
	return nil
}

// Logger returns the name of a skeleton's logger.
func (m *Miner) Logger(s *Skeleton) string { return m.loggers.list[s.logger] }

// Shape returns skeleton i as package template merges it.
func (m *Miner) Shape(i int) template.Skeleton {
	s := m.At(i)
	return template.Skeleton{Text: s.Text, Level: s.Level, Logger: m.Logger(s), Cut: s.Cut}
}

// Instances returns the names of the instances by their number in cells.
func (m *Miner) Instances() []string { return m.instances.list }

// Samples returns lines of the skeleton to read, at most three.
func (s *Skeleton) Samples() []Sample {
	if s.detail == nil {
		return nil
	}
	return s.detail.samples
}

// Slots returns what stood in the variable parts, as far as it is known.
func (s *Skeleton) Slots() []Slot {
	if s.detail == nil {
		return nil
	}
	return s.detail.slots
}

// Add counts one line and returns the identity of its skeleton. It keeps nothing
// of r, and allocates nothing if the skeleton is known and its tables have room.
func (m *Miner) Add(r *logs.Record) uint64 {
	m.scanner.Scan(r.Message)
	level := min(r.Level, logs.Critical) // a level is a number that anybody may set
	hash := atSite(template.Mix(m.scanner.Hash(), level, r.Logger), r.Site)
	m.Lines++
	m.Bytes += uint64(len(r.Message))
	if m.scanner.Cut() {
		m.Cut++
	}
	var request uint64
	if len(r.Trace) > 0 {
		request = hashID(r.Trace)
		m.Traced++
		m.Requests.Add(request, maxAllRequests)
	}
	at, nanos := m.when(r.Time)
	instance := m.instance(r.Instance)
	if !m.Cells.last(at, instance) && m.Cells.add(at, instance) {
		m.taken.cells += cellSize
		if m.crowded() {
			m.coarsen()
			at, nanos = m.when(r.Time) // cells have other numbers now
		}
	}
	near := &m.near[hash%nearLen]
	s := *near
	if s == nil || s.Hash != hash {
		i, ok := m.index[hash]
		if !ok {
			if i, ok = m.learn(hash, level, r); !ok {
				m.overflow(hash, level, request)
				return hash
			}
		}
		s = m.At(int(i))
		*near = s
	}
	s.Lines++
	if nanos != 0 {
		s.First, s.Last = span(s.First, s.Last, nanos, nanos)
	}
	if request != 0 {
		s.Traced++
		if grown := s.Requests.Add(request, maxRequests); grown != 0 {
			m.taken.requests += 8 * int64(grown)
			m.thin()
		}
	}
	if !s.Cells.last(at, instance) && s.Cells.add(at, instance) {
		m.taken.cells += cellSize
		if m.crowded() {
			m.coarsen()
		}
	}
	if len(s.detail.samples) < samplesEach {
		m.sample(s, r)
	}
	if looks(s.Lines) {
		m.look(s, r.Message)
	}
	return hash
}

// atSite tells statements of one logger apart that write the same text.
func atSite(hash uint64, site uint32) uint64 {
	if site == 0 {
		return hash
	}
	return stir(hash ^ uint64(site)*golden)
}

// when returns the number of a time's cell and its nanoseconds.
func (m *Miner) when(t time.Time) (int32, int64) {
	nanos := unixNano(t)
	if nanos == 0 {
		return 0, 0
	}
	m.First, m.Last = span(m.First, m.Last, nanos, nanos)
	return int32(nanos / int64(m.Cell)), nanos
}

// unixNano returns a time in nanoseconds since 1970; 0 for none, and for one of
// another century, which only a clock that is wrong can tell.
func unixNano(t time.Time) int64 {
	if seconds := t.Unix(); seconds <= 0 || seconds > maxSeconds {
		return 0
	}
	return t.UnixNano()
}

// maxSeconds since 1970: in 2106. Cells have at least two, so that their numbers
// are those of an int32.
const maxSeconds = math.MaxUint32

// span widens a stretch of time; 0 is no time.
func span(first, last, from, to int64) (int64, int64) {
	if from != 0 && (first == 0 || from < first) {
		first = from
	}
	return first, max(last, to)
}

func (m *Miner) instance(id []byte) uint16 {
	i, ok := m.instances.number(id)
	if !ok {
		m.Overflow.Instances = true
	}
	return uint16(i) // fewer than maxInstances
}

// learn makes room for a skeleton; false if there is none.
func (m *Miner) learn(hash uint64, level logs.Level, r *logs.Record) (uint32, bool) {
	m.buffer = m.scanner.AppendText(m.buffer[:0])
	i, ok := m.place(hash, m.buffer, level, r.Logger, r.Site)
	if ok {
		m.At(int(i)).Cut = m.scanner.Cut()
	}
	return i, ok
}

func (m *Miner) place(hash uint64, text []byte, level logs.Level, logger []byte, site uint32) (uint32, bool) {
	size := skeletonSize + int64(len(text))
	if m.taken.skeletons+size > m.options.MaxBytes/skeletonPart {
		return 0, false
	}
	m.taken.skeletons += size
	if m.n%chunkLen == 0 {
		m.chunks = append(m.chunks, make([]Skeleton, chunkLen))
	}
	i := uint32(m.n) // MaxBytes allows fewer than 2^32
	m.n++
	l, _ := m.loggers.number(logger)
	*m.At(int(i)) = Skeleton{Hash: hash, Text: m.keep(text), Level: level, Site: site, logger: uint32(l), detail: none, Requests: Distinct{Level: m.floor}}
	m.index[hash] = i
	return i, true
}

// none is the detail of skeletons that have none, as long as there are many.
var none = &detail{}

// keep copies a text to where texts lie: one allocation for many.
func (m *Miner) keep(text []byte) string {
	if m.text.Cap()-m.text.Len() < len(text) {
		m.text = strings.Builder{}
		m.text.Grow(max(arenaLen, len(text)))
	}
	from := m.text.Len()
	m.text.Write(text)
	return m.text.String()[from:]
}

func (m *Miner) overflow(hash uint64, level logs.Level, request uint64) {
	m.Overflow.Lines[level]++
	m.Overflow.add(hash)
	if request != 0 {
		m.Overflow.Requests[level].Add(request, maxAllRequests)
	}
}

// thin keeps the sets of requests within their part of the memory.
func (m *Miner) thin() {
	for m.taken.requests > m.options.MaxBytes/requestPart {
		m.raise(m.floor + 1)
	}
}

// raise makes floor the least level of every set of requests.
func (m *Miner) raise(floor uint8) {
	m.floor, m.taken.requests = floor, 0
	for i := range m.n {
		s := m.At(i)
		s.Requests.atLeast(floor)
		m.taken.requests += 8 * int64(len(s.Requests.table))
	}
}

// crowded reports whether there are too many cells.
func (m *Miner) crowded() bool {
	return m.Cell < maxCell && (m.taken.cells > m.options.MaxBytes/cellPart || len(m.Cells) > maxCells)
}

// coarsen makes cells wider until there is room.
func (m *Miner) coarsen() {
	for m.crowded() {
		m.widen()
	}
}

// maxCell is where coarsening ends: each skeleton has then a cell an instance.
const maxCell = maxSeconds * time.Second

func (m *Miner) widen() {
	m.Cell *= 2
	m.Cells = m.Cells.coarser()
	m.taken.cells = cellSize * int64(len(m.Cells))
	for i := range m.n {
		s := m.At(i)
		s.Cells = s.Cells.coarser()
		m.taken.cells += cellSize * int64(len(s.Cells))
	}
}

// sample keeps a line to read while there is room; the last quarter of it is for
// those that somebody will want to read.
func (m *Miner) sample(s *Skeleton, r *logs.Record) {
	room := m.options.MaxBytes / samplePart
	if r.Level < logs.Warn {
		room -= room / 4
	}
	if m.taken.samples+maxSample > room || !s.wants(r) {
		return
	}
	one := newSample(r)
	m.taken.samples += one.size()
	d := s.own()
	d.samples = append(d.samples, one)
}

// own returns the skeleton's detail to be written to.
func (s *Skeleton) own() *detail {
	if s.detail == none {
		s.detail = &detail{}
	}
	return s.detail
}

// look takes in what stands in the variable parts of the line that was scanned
// last.
func (m *Miner) look(s *Skeleton, message []byte) {
	found := m.scanner.Slots()
	if len(found) == 0 {
		return
	}
	if s.detail.slots == nil {
		n := min(len(found), maxSlots)
		if m.slotRoom() < int64(n)*slotSize {
			return
		}
		m.taken.slots += int64(n) * slotSize
		s.own().slots = make([]Slot, n)
	}
	d := s.detail
	for i := range min(len(found), len(d.slots)) {
		m.taken.slots += d.slots[i].add(bytes.TrimSpace(message[found[i].Start:found[i].End]), m.slotRoom())
	}
}

// slotRoom returns how many bytes are left for slots.
func (m *Miner) slotRoom() int64 { return m.options.MaxBytes/slotPart - m.taken.slots }

// hashID hashes an id by eight bytes at a time, with a last stir: its high bits
// must be as good as the low ones. It is part of what is stored.
func hashID(id []byte) uint64 {
	id = cut(id, maxName)
	h := uint64(len(id)) * golden
	for ; len(id) >= 8; id = id[8:] {
		h = (h ^ binary.LittleEndian.Uint64(id)) * golden
		h ^= h >> 32
	}
	rest := uint64(0)
	for _, c := range id {
		rest = rest<<8 | uint64(c)
	}
	return stir((h ^ rest) * golden)
}

// golden is 2^64 over the golden ratio: what is near lies far apart when it is
// multiplied by it (Knuth, The Art of Computer Programming 3, 6.4).
const golden = 0x9e3779b97f4a7c15

// stir is the finalizer of MurmurHash3: every bit of h changes half of the bits.
func stir(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// names numbers strings in the order in which they come.
type names struct {
	list  []string
	known map[string]uint16
	last  int // the one that was asked for before
	most  int
}

func newNames(most int) names {
	return names{most: most, known: map[string]uint16{"": 0}, list: []string{""}}
}

// number returns a name's number; false and the number of "the others" if there
// are too many names.
func (n *names) number(name []byte) (int, bool) {
	name = cut(name, maxName)
	if n.list[n.last] == string(name) {
		return n.last, true
	}
	if i, ok := n.known[string(name)]; ok {
		n.last = int(i)
		return n.last, true
	}
	if len(n.list) >= n.most {
		return 0, false
	}
	text := strings.ToValidUTF8(string(name), "�")
	if i, ok := n.known[text]; ok {
		n.last = int(i)
		return n.last, true
	}
	n.known[text] = uint16(len(n.list))
	n.list = append(n.list, text)
	n.last = len(n.list) - 1
	return n.last, true
}
