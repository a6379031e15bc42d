package mine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs"
)

// small returns the bytes of a Miner that has everything.
func small() []byte {
	m := New(Options{MaxBytes: 1 << 16})
	for i := range 300 {
		m.Add(&logs.Record{
			Time: noon.Add(time.Duration(i) * time.Second), Level: logs.Level(i % 6), Logger: []byte{'a' + byte(i%3)}, Site: uint32(i % 2),
			Instance: fmt.Appendf(nil, "pod-%d", i%3), Trace: fmt.Appendf(nil, "%d", i/2), Message: fmt.Appendf(nil, "step %s took %d ms", letters(i%2), i),
		})
	}
	return m.AppendBinary(nil, nil)
}

func TestDecodeCut(t *testing.T) {
	b := small()
	if _, err := Decode(b, Options{}); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := Decode(b[:n], Options{}); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("the first %d of %d bytes give %v", n, len(b), err)
		}
	}
	if _, err := Decode(append(bytes.Clone(b), 0), Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte after the end gives %v", err)
	}
	b[0]++
	if _, err := Decode(b, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another version gives %v", err)
	}
}

// FuzzDecode: whatever the bytes, there is a Miner that can be written, merged and
// added to, or an error.
func FuzzDecode(f *testing.F) {
	f.Add(small())
	f.Add(New(Options{}).AppendBinary(nil, nil))
	f.Add([]byte{version})
	f.Add(binary.AppendUvarint([]byte{version, 10}, 1<<63))
	o := Options{MaxBytes: 1 << 16}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b, o)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		m.Add(&logs.Record{Time: noon, Level: logs.Error, Trace: []byte("a"), Message: []byte("step 1 took 2 ms")})
		other := New(o)
		other.Merge(m)
		other.Merge(m)
		written := other.AppendBinary(nil, nil)
		again, err := Decode(written, o)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		for i := range again.Len() {
			for k := range again.At(i).Slots() {
				again.At(i).Slots()[k].Quantile(.5)
			}
		}
	})
}
