package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// Options say where and how much to keep. Only Dir is required; a zero field has
// its default.
type Options struct {
	// Dir is the spool's directory; it is made if need be.
	Dir string
	// Replica is in the names of files, for people.
	Replica string
	// MaxBytes bounds what is kept of one tenant, in bytes on disk. Default 1 GiB.
	MaxBytes int64
	// MaxAge is how long entries are kept. Default 6h.
	MaxAge time.Duration
	// MaxQueue bounds the bytes that wait to be written; more are refused with
	// ErrBusy. Default 32 MiB.
	MaxQueue int64
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger hears of what is dropped; nil discards.
	Logger *slog.Logger

	create func(path string) (file, error) // tests have full disks
}

// The errors of Append, beside those of the disk and of the context.
var (
	// ErrBusy: as much waits to be written as may; try again.
	ErrBusy = errors.New("spool: as much is waiting to be written as may")
	// ErrClosed: the spool is closed.
	ErrClosed = errors.New("spool: closed")
)

const (
	// linger is how long a small write waits for others to share its frame, so that
	// senders of a few lines each do not make a frame of each.
	linger = 50 * time.Millisecond
	// plenty is worth writing at once.
	plenty = 1 << 20
	// syncEvery is the most that a machine without power forgets.
	syncEvery = time.Second
	// sweepEvery is how often the old is looked for.
	sweepEvery = time.Minute
	// rollAfter and rollAt end a segment: what is deleted is deleted by segments.
	rollAfter = time.Hour
	rollAt    = 64 << 20
	// mostOpen bounds the segments, and with them the files, that are open.
	mostOpen = 256
)

// file is what a segment needs of an *os.File.
type file interface {
	WriteAt(p []byte, offset int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Spool takes entries. Make one with Open, and Close it.
type Spool struct {
	o       Options
	process string
	log     *slog.Logger
	reader  *Reader

	queue   chan *write
	waiting atomic.Int64 // bytes in queue
	ending  sync.RWMutex // held to send to queue, so that Close can close it
	closed  bool
	tasks   chan func() // run between writes
	ended   chan struct{}

	// What follows belongs to the goroutine that writes.
	zstd     *zstd.Encoder
	buf      []byte
	open     map[string]*segment // by folder
	bytes    map[string]int64    // on disk, by folder
	segments map[string]int64    // likewise
	counter  int

	stats struct{ bytes, segments, written, deleted, crowded, torn, failures atomic.Int64 }
}

// Stats is what a spool did, and what it has.
type Stats struct {
	// Bytes and Segments are on disk, of all tenants and processes, as of the last
	// sweep.
	Bytes, Segments int64
	// Waiting bytes are yet to be written.
	Waiting int64
	// Written bytes, compressed.
	Written int64
	// Deleted segments; Crowded of them were not yet old, but their tenant had too
	// much.
	Deleted, Crowded int64
	// Torn frames were cut off while they were written, or their segments damaged,
	// and dropped.
	Torn int64
	// Failures counts writes that the disk refused.
	Failures int64
}

// segment is a file that this process appends to.
type segment struct {
	file    file
	path    string
	size    int64
	started time.Time
	dirty   bool // not synced
}

// write is one Append.
type write struct {
	tenant  string
	entries []Entry
	size    int64
	done    chan error
}

// Open opens a directory for writing, and recovers what processes left there that
// are no more.
func Open(o Options) (*Spool, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, 1<<30)
	o.MaxAge = cmp.Or(o.MaxAge, 6*time.Hour)
	o.MaxQueue = cmp.Or(o.MaxQueue, 32<<20)
	if o.Dir == "" || o.MaxBytes < 0 || o.MaxAge < 0 || o.MaxQueue < 0 {
		return nil, fmt.Errorf("spool: it needs a directory and no negative bound: %q, %d bytes, %v, %d bytes waiting", o.Dir, o.MaxBytes, o.MaxAge, o.MaxQueue)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.create == nil {
		o.create = create
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{
		o: o, process: fileSafe(cmp.Or(o.Replica, "judged")) + "-" + uuid.NewString()[:8], log: o.Logger, reader: NewReader(o.Dir),
		queue: make(chan *write, 4096), tasks: make(chan func()), ended: make(chan struct{}),
		zstd: z, open: map[string]*segment{}, bytes: map[string]int64{}, segments: map[string]int64{},
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w", err), s.reader.Close())
	}
	go s.run()
	return s, nil
}

// create makes a segment's file, which this process owns.
func create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if ok, err := lock(f); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, cmp.Or(err, errors.New("another process has it"))), f.Close(), os.Remove(path))
	}
	return f, nil
}

// MaxAhead is how far ahead of this clock the time of an entry may be.
const MaxAhead = 10 * time.Minute

// Append keeps entries of a tenant. When it returns nil they are with the
// operating system (see the package's comment); when it returns an error some may
// be, so that trying again may keep them twice. The entries and their payloads
// must not change any more, even after an error.
func (s *Spool) Append(ctx context.Context, tenant string, entries []Entry) error {
	w := &write{tenant: tenant, entries: entries, done: make(chan error, 1)}
	latest := s.o.Now().Add(MaxAhead)
	for _, e := range entries {
		if err := e.check(latest); err != nil {
			return err
		}
		w.size += int64(len(e.Payload) + e.Attributes.size())
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.send(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Spool) send(w *write) error {
	s.ending.RLock()
	defer s.ending.RUnlock()
	if s.closed {
		return ErrClosed
	}
	if s.waiting.Add(w.size) > s.o.MaxQueue {
		s.waiting.Add(-w.size)
		return ErrBusy
	}
	select {
	case s.queue <- w:
		return nil
	default:
		s.waiting.Add(-w.size)
		return ErrBusy
	}
}

// Stats returns what the spool did.
func (s *Spool) Stats() Stats {
	t := &s.stats
	return Stats{
		Bytes: t.bytes.Load(), Segments: t.segments.Load(), Waiting: s.waiting.Load(), Written: t.written.Load(),
		Deleted: t.deleted.Load(), Crowded: t.crowded.Load(), Torn: t.torn.Load(), Failures: t.failures.Load(),
	}
}

// Close writes what waits and closes the files.
func (s *Spool) Close() error {
	s.ending.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.ending.Unlock()
	<-s.ended
	return s.reader.Close()
}

// run writes.
func (s *Spool) run() {
	defer close(s.ended)
	synced, swept := time.NewTicker(syncEvery), time.NewTicker(sweepEvery)
	defer synced.Stop()
	defer swept.Stop()
	for {
		select {
		case w, ok := <-s.queue:
			if !ok {
				s.closeAll()
				return
			}
			s.commit(s.gather(w))
		case <-synced.C:
			s.sync()
		case <-swept.C:
			s.sweep()
		case do := <-s.tasks:
			do()
		}
	}
}

// gather waits a moment for others to join a write.
func (s *Spool) gather(first *write) []*write {
	all, size := []*write{first}, first.size
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for size < plenty {
		select {
		case w, ok := <-s.queue:
			if !ok {
				return all
			}
			all, size = append(all, w), size+w.size
		case <-timer.C:
			return all
		}
	}
	return all
}

// commit writes, and tells those that wait.
func (s *Spool) commit(writes []*write) {
	tenants := map[string][]*write{}
	for _, w := range writes {
		tenants[w.tenant] = append(tenants[w.tenant], w)
	}
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		var entries []Entry
		for _, w := range tenants[tenant] {
			entries = append(entries, w.entries...)
		}
		err := s.append(tenantDir(s.o.Dir, tenant), entries)
		if err != nil {
			s.stats.failures.Add(1)
			s.log.Error("what was received could not be kept", slog.Any("error", err))
			err = fmt.Errorf("spool: %w", err)
		}
		for _, w := range tenants[tenant] {
			s.waiting.Add(-w.size)
			w.done <- err
		}
	}
}

func (s *Spool) append(dir string, entries []Entry) error {
	g, err := s.segment(dir)
	if err != nil {
		return err
	}
	s.buf = appendFrames(s.buf[:0], g.size, entries, s.zstd)
	if _, err := g.file.WriteAt(s.buf, g.size); err != nil {
		// Half a frame is none, but what follows it would not be found; and a reader
		// may know the whole ones before it, so that nothing else may take their place.
		if err := g.file.Truncate(g.size); err != nil {
			s.log.Warn("what was kept by half may be read", slog.String("file", g.path), slog.Any("error", err))
		}
		s.close(dir)
		return err
	}
	n := int64(len(s.buf))
	if cap(s.buf) > 4*plenty {
		s.buf = nil
	}
	g.size += n
	g.dirty = true
	s.bytes[dir] += n
	s.stats.bytes.Add(n)
	s.stats.written.Add(n)
	if s.bytes[dir] > s.o.MaxBytes {
		s.sweepDir(dir)
	}
	return nil
}

// segment returns the one that this process appends to in dir.
func (s *Spool) segment(dir string) (*segment, error) {
	now := s.o.Now()
	g := s.open[dir]
	if g != nil && !s.full(g, now) {
		return g, nil
	}
	if g != nil {
		s.close(dir)
	}
	if len(s.open) >= mostOpen {
		s.closeAll()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s.counter++
	g = &segment{path: filepath.Join(dir, fmt.Sprintf("%s-%s-%d%s", stamp(now), s.process, s.counter, segmentSuffix)), started: now}
	var err error
	if g.file, err = s.o.create(g.path); err != nil {
		return nil, err
	}
	s.open[dir] = g
	if _, known := s.bytes[dir]; known {
		s.segments[dir]++
		s.stats.segments.Add(1)
	} else {
		s.sweepDir(dir) // which counts
	}
	return g, nil
}

// full reports whether a segment has had its time or its bytes: deleting takes
// whole ones, so that each is an eighth at most of what is kept.
func (s *Spool) full(g *segment, now time.Time) bool {
	return g.size >= min(rollAt, s.o.MaxBytes/8) || now.Sub(g.started) >= min(rollAfter, s.o.MaxAge/6)
}

func (s *Spool) sync() {
	for dir, g := range s.open {
		if !g.dirty {
			continue
		}
		if err := g.file.Sync(); err != nil {
			s.stats.failures.Add(1)
			s.log.Error("what was received may be lost if this machine loses power", slog.String("file", g.path), slog.Any("error", err))
			s.close(dir) // after a failed sync nobody knows what a second one means
			continue
		}
		g.dirty = false
	}
}

func (s *Spool) close(dir string) {
	g := s.open[dir]
	delete(s.open, dir)
	var err error
	if g.dirty {
		err = g.file.Sync()
	}
	if err = errors.Join(err, g.file.Close()); err != nil {
		s.stats.failures.Add(1)
		s.log.Error("a segment of what was received could not be closed", slog.String("file", g.path), slog.Any("error", err))
	}
}

func (s *Spool) closeAll() {
	for dir := range s.open {
		s.close(dir)
	}
}
