package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// A frame is, in little endian:
//
//	magic          4 bytes
//	length of meta 4
//	length of body 4
//	checksum of the body 4: CRC-32C
//	checksum of the header 4: CRC-32C of the 12 bytes before, the frame's place in
//	               its file (8 bytes) and meta
//	meta:          first time, last - first, bytes of the body when inflated,
//	               sets of attributes: varints and strings with their length
//	body           entries: set of attributes, length, payload; as one zstd frame
//
// The place is in the checksum so that what looks like a frame inside of a payload
// is none.
const (
	magic      = "JSP1"
	headerSize = 20
	// maxRaw bounds a body, inflated: an entry of MaxPayload and its two numbers.
	maxRaw = MaxPayload + 16
	// maxBody is what zstd makes of maxRaw bytes that do not compress, with room.
	maxBody = maxRaw + maxRaw/64
	maxMeta = 64 << 10
	// wholesome is the size from which a frame is worth skipping: it ends where
	// other attributes begin.
	wholesome = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is what a header says.
type frame struct {
	offset      int64
	first, last int64 // Unix nanoseconds
	meta, body  int32 // bytes
	raw         int32 // bytes of the body when inflated
	sum         uint32
	sets        int32 // which combination of attributes, in the segment's index
}

func (f frame) end() int64 { return f.offset + headerSize + int64(f.meta) + int64(f.body) }

var (
	errTorn  = errors.New("no whole frame")
	errSum   = errors.New("its checksum is another")
	errInner = errors.New("it is not what its header says")
)

// appendFrames appends entries to buf as frames, of a file in which buf begins at
// offset. It sorts the entries.
func appendFrames(buf []byte, offset int64, entries []Entry, z *zstd.Encoder) []byte {
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Attributes.compare(b.Attributes) })
	start := len(buf)
	w := frameWriter{zstd: z}
	var before Attributes
	for i, e := range entries {
		fresh := i == 0 || e.Attributes.compare(before) != 0
		before = e.Attributes
		if len(w.raw) > 0 && (len(w.raw)+len(e.Payload)+16 > maxRaw || fresh && (len(w.raw) >= wholesome || len(w.sets) >= maxMeta/2)) {
			buf = w.flush(buf, offset+int64(len(buf)-start))
		}
		w.add(e, fresh)
	}
	return w.flush(buf, offset+int64(len(buf)-start))
}

type frameWriter struct {
	zstd        *zstd.Encoder
	raw, sets   []byte
	n           int // sets
	first, last int64
}

func (w *frameWriter) add(e Entry, fresh bool) {
	first, last := e.First.UnixNano(), e.Last.UnixNano()
	if len(w.raw) == 0 {
		w.first, w.last = first, last
	}
	w.first, w.last = min(w.first, first), max(w.last, last)
	if fresh || w.n == 0 {
		w.n++
		w.sets = binary.AppendUvarint(w.sets, uint64(len(e.Attributes)))
		for _, a := range e.Attributes {
			w.sets = appendString(appendString(w.sets, a.Name), a.Value)
		}
	}
	w.raw = binary.AppendUvarint(w.raw, uint64(w.n-1))
	w.raw = binary.AppendUvarint(w.raw, uint64(len(e.Payload)))
	w.raw = append(w.raw, e.Payload...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (w *frameWriter) flush(buf []byte, offset int64) []byte {
	if len(w.raw) == 0 {
		return buf
	}
	at := len(buf)
	buf = append(buf, make([]byte, headerSize)...)
	buf = binary.AppendVarint(buf, w.first)
	buf = binary.AppendUvarint(buf, uint64(w.last-w.first))
	buf = binary.AppendUvarint(buf, uint64(len(w.raw)))
	buf = binary.AppendUvarint(buf, uint64(w.n))
	buf = append(buf, w.sets...)
	meta := len(buf) - at - headerSize
	buf = w.zstd.EncodeAll(w.raw, buf)
	body := len(buf) - at - headerSize - meta
	h := buf[at:]
	copy(h, magic)
	binary.LittleEndian.PutUint32(h[4:], uint32(meta))
	binary.LittleEndian.PutUint32(h[8:], uint32(body))
	binary.LittleEndian.PutUint32(h[12:], crc32.Checksum(h[headerSize+meta:], castagnoli))
	binary.LittleEndian.PutUint32(h[16:], headerSum(h, offset, h[headerSize:headerSize+meta]))
	w.raw, w.sets, w.n = w.raw[:0], w.sets[:0], 0
	return buf
}

func headerSum(h []byte, offset int64, meta []byte) uint32 {
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], uint64(offset))
	sum := crc32.Update(0, castagnoli, h[4:16])
	sum = crc32.Update(sum, castagnoli, place[:])
	return crc32.Update(sum, castagnoli, meta)
}

// parseHeader reads the header that b begins with, of a frame at offset. need is
// how many bytes it takes; if b has fewer, nothing else is known. sets are the
// bytes of the sets of attributes.
func parseHeader(b []byte, offset int64) (f frame, sets []byte, need int, err error) {
	if len(b) < headerSize {
		return f, nil, headerSize, errTorn
	}
	meta, body := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	if string(b[:4]) != magic || meta > maxMeta || body > maxBody {
		return f, nil, 0, errTorn
	}
	need = headerSize + int(meta)
	if len(b) < need {
		return f, nil, need, errTorn
	}
	m := b[headerSize:need]
	if headerSum(b, offset, m) != binary.LittleEndian.Uint32(b[16:]) {
		return f, nil, 0, errTorn
	}
	f = frame{offset: offset, meta: int32(meta), body: int32(body), sum: binary.LittleEndian.Uint32(b[12:])}
	first, n := binary.Varint(m)
	if n <= 0 {
		return f, nil, 0, errTorn
	}
	m = m[n:]
	span, n := binary.Uvarint(m)
	if n <= 0 {
		return f, nil, 0, errTorn
	}
	m = m[n:]
	raw, n := binary.Uvarint(m)
	if n <= 0 || raw > maxRaw {
		return f, nil, 0, errTorn
	}
	f.first, f.last, f.raw = first, first+int64(span), int32(raw)
	return f, m[n:], need, nil
}

// parseSets reads sets of attributes.
func parseSets(b []byte) ([]Attributes, error) {
	count, b, ok := number(b)
	if !ok {
		return nil, errInner
	}
	var all []Attributes
	for range count {
		var n int
		if n, b, ok = number(b); !ok {
			return nil, errInner
		}
		set := Attributes{}
		for range n {
			var a Attribute
			if a.Name, b, ok = text(b); !ok {
				return nil, errInner
			}
			if a.Value, b, ok = text(b); !ok {
				return nil, errInner
			}
			set = append(set, a)
		}
		all = append(all, set)
	}
	if len(b) > 0 {
		return nil, errInner
	}
	return all, nil
}

// number reads one that counts bytes, or things of a byte or more, of what
// follows.
func number(b []byte) (int, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > uint64(len(b)-n) {
		return 0, nil, false
	}
	return int(v), b[n:], true
}

func text(b []byte) (string, []byte, bool) {
	n, b, ok := number(b)
	if !ok {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// eachEntry calls each for the entries of a body whose set of attributes is
// wanted.
func eachEntry(raw []byte, wanted []bool, each func(payload []byte) error) error {
	for len(raw) > 0 {
		set, n := binary.Uvarint(raw)
		if n <= 0 || set >= uint64(len(wanted)) {
			return errInner
		}
		size, rest, ok := number(raw[n:])
		if !ok {
			return errInner
		}
		if wanted[set] {
			if err := each(rest[:size]); err != nil {
				return err
			}
		}
		raw = rest[size:]
	}
	return nil
}
