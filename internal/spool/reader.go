package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// GoneError says that not all of what was asked for is in the spool, or ever was.
type GoneError struct {
	// From is where what is there begins.
	From time.Time
	// Deleted: the spool had it once. Else nothing was received before From.
	Deleted bool
}

// Error implements error.
func (e *GoneError) Error() string {
	if e.Deleted {
		return "what was received up to " + e.From.UTC().Format(time.RFC3339Nano) + " is deleted"
	}
	return "nothing was received before " + e.From.UTC().Format(time.RFC3339Nano)
}

// DamagedError says that a file is not what was written.
type DamagedError struct {
	// File is its path.
	File string
	// Offset is where it stops being readable.
	Offset int64
	// Err is what is wrong there.
	Err error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// ErrNoSpool says that a directory was never one.
var ErrNoSpool = errors.New("nothing was ever received there")

// mostCached bounds what a Reader remembers of headers, in bytes, beside those of
// the segment that it reads.
const mostCached = 32 << 20

// Reader reads what a Spool of this or any other process writes. It is safe for
// concurrent use and holds no file open between reads.
type Reader struct {
	dir  string
	zstd *zstd.Decoder

	mu     sync.Mutex
	cached map[string]*index // by path
	weight int               // bytes of cached
}

// NewReader returns a reader of a spool's directory.
func NewReader(dir string) *Reader {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxRaw), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("spool: the options of zstd contradict each other")
	}
	return &Reader{dir: dir, zstd: z, cached: map[string]*index{}}
}

// Query says what to read.
type Query struct {
	Tenant string
	// After and Until choose entries whose times touch (After, Until].
	After, Until time.Time
	// Match chooses by attributes; nil takes all.
	Match func(Attributes) bool
}

// found is a frame that a query wants something of.
type found struct {
	frame

	path   string
	wanted []bool // by the frame's sets
}

// Read calls each with the payload of every entry that the query selects, in the
// order of the beginnings of the blocks in which they were written: roughly
// oldest first, and always in the same order. A payload is valid until each
// returns.
//
// It returns a [*GoneError] if not all from After on is there, a [*DamagedError]
// if a file is, and the error of each as it is.
func (r *Reader) Read(ctx context.Context, q Query, each func(payload []byte) error) error {
	all, err := r.find(ctx, q)
	if err != nil {
		return err
	}
	var (
		file      *os.File
		open      string
		body, raw []byte
	)
	defer func() {
		if file != nil {
			file.Close()
		}
	}()
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if open != one.path {
			if file != nil {
				file.Close()
			}
			if file, err = os.Open(one.path); err != nil {
				file = nil
				return r.gone(q, err)
			}
			open = one.path
		}
		body = slices.Grow(body[:0], int(one.body))[:one.body]
		if _, err := file.ReadAt(body, one.offset+headerSize+int64(one.meta)); err != nil {
			return &DamagedError{one.path, one.offset, err}
		}
		if crc32.Checksum(body, castagnoli) != one.sum {
			return &DamagedError{one.path, one.offset, errSum}
		}
		if raw, err = r.zstd.DecodeAll(body, raw[:0]); err != nil || len(raw) != int(one.raw) {
			return &DamagedError{one.path, one.offset, cmp.Or(err, errInner)}
		}
		if err := eachEntry(raw, one.wanted, each); err != nil {
			if errors.Is(err, errInner) {
				return &DamagedError{one.path, one.offset, err}
			}
			return err
		}
	}
	return nil
}

// gone explains that a segment went between its listing and its reading.
func (r *Reader) gone(q Query, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, checked := r.check(q); checked != nil {
		return checked
	}
	return err
}

// check lists a tenant's segments and returns a GoneError if the query asks for
// more than they have.
func (r *Reader) check(q Query) (listing, error) {
	// The segments first: who deletes one has said so before.
	l, err := list(tenantDir(r.dir, q.Tenant))
	if err != nil {
		return l, err
	}
	root, err := list(r.dir)
	if err != nil {
		return l, err
	}
	switch {
	case root.from.IsZero():
		return l, fmt.Errorf("%s: %w", r.dir, ErrNoSpool)
	case l.from.After(q.After) && l.from.After(root.from):
		return l, &GoneError{From: l.from, Deleted: true}
	case root.from.After(q.After):
		return l, &GoneError{From: root.from}
	default:
		return l, nil
	}
}

// find returns the frames that a query wants, in order.
func (r *Reader) find(ctx context.Context, q Query) ([]found, error) {
	l, err := r.check(q)
	if err != nil {
		return nil, err
	}
	dir := tenantDir(r.dir, q.Tenant)
	r.retain(dir, l.segments)
	after, until := q.After.UnixNano(), q.Until.UnixNano()
	var all []found
	for _, name := range l.segments {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		path := filepath.Join(dir, name)
		x, err := r.index(path)
		if err != nil {
			return nil, r.gone(q, err)
		}
		if x.damaged {
			return nil, &DamagedError{path, x.size, errTorn}
		}
		wanted := make([][]bool, len(x.sets))
		for i, sets := range x.sets {
			wanted[i] = choose(sets, q.Match)
		}
		for _, f := range x.frames {
			if f.last > after && f.first <= until && wanted[f.sets] != nil {
				all = append(all, found{f, path, wanted[f.sets]})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.first, b.first) })
	return all, nil
}

// choose says which sets match; nil if none does.
func choose(sets []Attributes, match func(Attributes) bool) []bool {
	wanted := make([]bool, len(sets))
	for i, s := range sets {
		wanted[i] = match == nil || match(s)
	}
	if !slices.Contains(wanted, true) {
		return nil
	}
	return wanted
}

// index returns what the headers of a segment say now. What it returns does not
// change.
func (r *Reader) index(path string) (index, error) {
	f, err := os.Open(path)
	if err != nil {
		r.forget(path)
		return index{}, err
	}
	defer f.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.cached[path]
	if x == nil {
		x = &index{}
	}
	r.weight -= x.weight
	delete(r.cached, path)
	if err := x.extend(f); err != nil {
		return index{}, err
	}
	for other, y := range r.cached { // any will do: what is needed again is read again
		if r.weight+x.weight <= mostCached {
			break
		}
		delete(r.cached, other)
		r.weight -= y.weight
	}
	r.cached[path] = x
	r.weight += x.weight
	return *x, nil
}

// forget drops what is remembered of a segment.
func (r *Reader) forget(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x, ok := r.cached[path]; ok {
		r.weight -= x.weight
		delete(r.cached, path)
	}
}

// retain drops what is remembered of segments in dir that are not there any more.
func (r *Reader) retain(dir string, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for path, x := range r.cached {
		if _, there := slices.BinarySearch(names, filepath.Base(path)); filepath.Dir(path) == dir && !there {
			r.weight -= x.weight
			delete(r.cached, path)
		}
	}
}

// Close releases what the reader needs to inflate.
func (r *Reader) Close() error {
	r.zstd.Close()
	return nil
}
