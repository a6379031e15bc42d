package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Whatever a segment's file holds, reading it ends, within bounds, in what was
// written or in an error.
func FuzzSegment(f *testing.F) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	first := appendFrames(nil, 0, []Entry{entry(noon, "one", service("a")), entry(noon, "two", service("b"))}, z)
	whole := appendFrames(bytes.Clone(first), int64(len(first)), []Entry{entry(noon, "three", service("a"))}, z)
	f.Add(whole, len(whole), 0, byte(0))
	f.Add(whole, len(first)+3, 0, byte(0))
	f.Add(whole, len(whole), 30, byte(1))
	f.Add([]byte(magic+magic+magic), 100, 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, cut, at int, flip byte) {
		data = bytes.Clone(data[:max(min(cut, len(data)), 0)])
		if at >= 0 && at < len(data) {
			data[at] ^= flip
		}
		dir := t.TempDir()
		tenant := tenantDir(dir, "")
		if err := os.Mkdir(tenant, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fromPrefix+stamp(time.Unix(0, 1))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(tenant, "1"+segmentSuffix)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		q := Query{After: time.Unix(0, 1), Until: noon.Add(time.Hour)}
		before, err := read(t.Context(), NewReader(dir), q)
		for _, p := range before {
			if p != "one" && p != "two" && p != "three" && bytes.Equal(data, whole) {
				t.Errorf("%q was never written", p)
			}
		}
		s, openErr := Open(Options{Dir: dir, Now: func() time.Time { return noon }})
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer s.Close()
		if err != nil {
			return
		}
		// What could be read before the recovery can be read after it.
		after, err := read(t.Context(), NewReader(dir), q)
		if err != nil && s.Stats().Deleted == 0 || err == nil && len(after) != len(before) {
			t.Errorf("%q before, %q after: %v", before, after, err)
		}
	})
}

// The parsers of what is in a frame read it in bounds.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{1, 1, 1, 'a', 1, 'b'}, []byte{0, 1, 'x'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, sets, body []byte) {
		all, err := parseSets(sets)
		n := 0
		for _, set := range all {
			n += set.size()
		}
		if n > len(sets) || err == nil && len(all) > len(sets) {
			t.Errorf("%d bytes of attributes out of %d", n, len(sets))
		}
		n = 0
		_ = eachEntry(body, []bool{true, false, true}, func(p []byte) error { n += len(p); return nil })
		if n > len(body) {
			t.Errorf("%d bytes of payload out of %d", n, len(body))
		}
	})
}
