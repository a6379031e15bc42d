package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// index is what the headers of a segment say.
type index struct {
	frames []frame
	sets   [][]Attributes // combinations, as frames name them
	seen   map[string]int32
	size   int64 // bytes of whole frames
	weight int   // bytes in memory, about
	// rest is how many bytes were behind them, torn or still being written.
	rest int64
	// damaged: there is a whole frame behind bytes that are none.
	damaged bool
}

// look is how much of a header is read at once; most are shorter.
const look = 4 << 10

// extend reads the headers of frames that were appended since. It stops where
// there is no whole frame.
func (x *index) extend(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	if end < x.size { // a write that failed was taken back
		*x = index{}
	}
	if x.seen == nil {
		x.seen = map[string]int32{}
	}
	buf := make([]byte, look)
	for x.size < end {
		one, sets, err := readHeader(f, &buf, x.size)
		if errors.Is(err, errTorn) || err == nil && one.end() > end {
			break
		}
		if err != nil {
			return err
		}
		combination, ok := x.seen[string(sets)]
		if !ok {
			parsed, err := parseSets(sets)
			if err != nil {
				break // the checksum is right, so it was written like this
			}
			combination = int32(len(x.sets))
			x.sets = append(x.sets, parsed)
			x.seen[string(sets)] = combination
			x.weight += 4 * len(sets) // as a key, and as strings with their headers
		}
		one.sets = combination
		x.frames = append(x.frames, one)
		x.weight += 64
		x.size = one.end()
	}
	x.rest = max(end-x.size, 0)
	x.damaged = false
	if x.rest > 0 {
		x.damaged, err = anotherFrame(f, x.size+1, end)
	}
	return err
}

// readHeader reads the header at offset. buf grows as needed.
func readHeader(f io.ReaderAt, buf *[]byte, offset int64) (frame, []byte, error) {
	for {
		n, err := f.ReadAt(*buf, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return frame{}, nil, err
		}
		one, sets, need, bad := parseHeader((*buf)[:n], offset)
		if bad != nil && need > len(*buf) {
			*buf = make([]byte, need)
			continue
		}
		return one, sets, bad
	}
}

// anotherFrame reports whether a frame's header begins between two offsets. Then
// what is before it was damaged, and not cut off while it was written.
func anotherFrame(f io.ReaderAt, from, to int64) (bool, error) {
	const overlap = len(magic) - 1
	chunk, header := make([]byte, 256<<10), make([]byte, look)
	for at := from; at < to; {
		n, err := f.ReadAt(chunk[:min(int64(len(chunk)), to-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		for i := 0; i < n; i++ {
			j := bytes.Index(chunk[i:n], []byte(magic))
			if j < 0 {
				break
			}
			i += j
			_, _, err := readHeader(f, &header, at+int64(i))
			if err == nil || !errors.Is(err, errTorn) {
				return err == nil, err
			}
		}
		if n <= overlap {
			return false, nil
		}
		at += int64(n - overlap)
	}
	return false, nil
}

// last is the latest time of the segment, in Unix nanoseconds.
func (x *index) last() (last int64, ok bool) {
	for i, f := range x.frames {
		if i == 0 || f.last > last {
			last = f.last
		}
	}
	return last, len(x.frames) > 0
}
