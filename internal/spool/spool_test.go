package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// noon is when tests begin.
var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// clock is one that tests move.
type clock struct{ atomic.Int64 }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.set(t)
	return c
}

func (c *clock) set(t time.Time) { c.Store(t.UnixNano()) }
func (c *clock) now() time.Time  { return time.Unix(0, c.Load()) }

func opened(t testing.TB, o Options) *Spool {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// soon runs do between two writes.
func (s *Spool) soon(do func()) {
	done := make(chan struct{})
	s.tasks <- func() { defer close(done); do() }
	<-done
}

func entry(at time.Time, payload string, attributes ...Attribute) Entry {
	return Entry{First: at, Last: at, Attributes: attributes, Payload: []byte(payload)}
}

func service(name string) Attribute { return Attribute{"service.name", name} }

func keep(t testing.TB, s *Spool, tenant string, entries ...Entry) {
	t.Helper()
	if err := s.Append(t.Context(), tenant, entries); err != nil {
		t.Fatal(err)
	}
}

// payloads returns what a reader reads.
func payloads(t testing.TB, r *Reader, q Query) []string {
	t.Helper()
	all, err := read(t.Context(), r, q)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(ctx context.Context, r *Reader, q Query) (all []string, err error) {
	err = r.Read(ctx, q, func(b []byte) error { all = append(all, string(b)); return nil })
	return all, err
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReadsWhatIsAsked(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s, r := opened(t, Options{Dir: dir, Now: c.now}), NewReader(dir)
	c.set(noon.Add(time.Hour))
	keep(t, s, "", entry(noon.Add(time.Minute), "a1", service("a")), entry(noon.Add(2*time.Minute), "b2", service("b")))
	keep(t, s, "", entry(noon.Add(3*time.Minute), "a3", service("a")))
	keep(t, s, "other", entry(noon.Add(3*time.Minute), "secret", service("a")))
	onlyA := func(a Attributes) bool { return a.Get("service.name") == "a" }
	for name, c := range map[string]struct {
		q    Query
		want []string
	}{
		"all":               {Query{After: noon, Until: noon.Add(time.Hour)}, []string{"a1", "b2", "a3"}},
		"one service":       {Query{After: noon, Until: noon.Add(time.Hour), Match: onlyA}, []string{"a1", "a3"}},
		"until is included": {Query{After: noon, Until: noon.Add(time.Minute), Match: onlyA}, []string{"a1"}},
		"after is not":      {Query{After: noon.Add(2 * time.Minute), Until: noon.Add(time.Hour)}, []string{"a3"}},
		"nothing then":      {Query{After: noon.Add(30 * time.Minute), Until: noon.Add(time.Hour)}, nil},
		"another tenant":    {Query{Tenant: "other", After: noon, Until: noon.Add(time.Hour)}, []string{"secret"}},
		"an unknown tenant": {Query{Tenant: "nobody", After: noon, Until: noon.Add(time.Hour)}, nil},
	} {
		if got := payloads(t, r, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	stop := errors.New("enough")
	if err := r.Read(t.Context(), Query{After: noon, Until: noon.Add(time.Hour)}, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error came back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := read(ctx, r, Query{After: noon, Until: noon.Add(time.Hour)}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Tenants' folders are apart whatever their names are, also where file names have
// no case.
func TestTenantFolders(t *testing.T) {
	names := []string{"", "a", "A", "tenant", "..", "../a", "a/b", "a\\b", "a b", "ä", "con", strings.Repeat("x", 200), strings.Repeat("x", 201), "~0"}
	seen := map[string]string{}
	for _, name := range names {
		dir := strings.ToLower(tenantDir("root", name))
		if other, ok := seen[dir]; ok {
			t.Errorf("%q and %q share %s", name, other, dir)
		}
		seen[dir] = name
		if filepath.Dir(dir) != "root" || len(filepath.Base(dir)) > 100 {
			t.Errorf("the folder of %q is %s", name, dir)
		}
	}
}

// What is asked for before the spool began, or was deleted, is an error: never
// the part that is left.
func TestNothingPartial(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	if _, err := read(t.Context(), NewReader(dir), Query{After: noon, Until: noon}); !errors.Is(err, ErrNoSpool) {
		t.Errorf("a directory that is no spool: %v", err)
	}
	s, r := opened(t, Options{Dir: dir, Now: c.now, MaxAge: time.Hour}), NewReader(dir)
	var gone *GoneError
	if _, err := read(t.Context(), r, Query{After: noon.Add(-1), Until: noon.Add(time.Minute)}); !errors.As(err, &gone) || gone.Deleted || !gone.From.Equal(noon) {
		t.Errorf("before the beginning: %v", err)
	}
	keep(t, s, "", entry(noon.Add(time.Minute), "first"))
	c.set(noon.Add(30 * time.Minute))
	keep(t, s, "", entry(noon.Add(30*time.Minute), "second"))
	if n := len(segments(t, dir)); n != 2 {
		t.Fatalf("%d segments: an hour's are cut into six", n)
	}
	if got := payloads(t, r, Query{After: noon, Until: noon.Add(time.Hour)}); len(got) != 2 {
		t.Fatalf("%q", got)
	}
	c.set(noon.Add(time.Hour + time.Minute + 1))
	s.soon(s.sweep)
	if _, err := read(t.Context(), r, Query{After: noon, Until: noon.Add(time.Hour)}); !errors.As(err, &gone) || !gone.Deleted || !gone.From.Equal(noon.Add(time.Minute)) {
		t.Errorf("into what is deleted: %v", err)
	}
	if got := payloads(t, r, Query{After: noon.Add(time.Minute), Until: noon.Add(time.Hour)}); !slices.Equal(got, []string{"second"}) {
		t.Errorf("what is left: %q", got)
	}
	// Another process, and the next one, know it, too.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, Options{Dir: dir, Now: c.now, MaxAge: time.Hour})
	if _, err := read(t.Context(), NewReader(dir), Query{After: noon, Until: noon.Add(time.Hour)}); !errors.As(err, &gone) || !gone.Deleted {
		t.Errorf("into what was deleted before: %v", err)
	}
	if got := s.Stats(); got.Deleted != 1 || got.Crowded != 0 {
		t.Errorf("%+v", got)
	}
}

// A reader that has listed segments which are deleted meanwhile says so.
func TestDeletedWhileReading(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s, r := opened(t, Options{Dir: dir, Now: c.now, MaxAge: time.Hour}), NewReader(dir)
	for i := range 3 {
		at := noon.Add(time.Duration(i) * 20 * time.Minute)
		c.set(at)
		keep(t, s, "", entry(at, fmt.Sprint(i)))
	}
	n := 0
	err := r.Read(t.Context(), Query{After: noon, Until: noon.Add(time.Hour)}, func([]byte) error { n++; return nil })
	if err != nil || n != 2 { // the first is of the window's beginning
		t.Fatal(n, err)
	}
	n = 0
	err = r.Read(t.Context(), Query{After: noon, Until: noon.Add(time.Hour)}, func([]byte) error {
		if n++; n == 1 {
			c.set(noon.Add(5 * time.Hour))
			s.soon(s.sweep)
		}
		return nil
	})
	var gone *GoneError
	if !errors.As(err, &gone) || !gone.Deleted {
		t.Errorf("after %d entries: %v", n, err)
	}
}

// noise does not compress.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// A tenant's bytes are bounded, the oldest go first, and the others' stay.
func TestBoundedBytes(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	const limit = 1 << 20
	s, r := opened(t, Options{Dir: dir, Now: c.now, MaxBytes: limit}), NewReader(dir)
	keep(t, s, "small", entry(noon, "mine"))
	for i := range 60 {
		at := noon.Add(time.Duration(i+1) * time.Second)
		c.set(at)
		keep(t, s, "big", entry(at, noise(50_000, uint64(i))))
		total := int64(0)
		for _, path := range segments(t, dir) {
			if info, err := os.Stat(path); err == nil && strings.Contains(path, "big") {
				total += info.Size()
			}
		}
		if total > limit {
			t.Fatalf("after %d entries there are %d bytes", i, total)
		}
	}
	last := noon.Add(time.Minute)
	if got := payloads(t, r, Query{Tenant: "big", After: last.Add(-10 * time.Second), Until: last}); len(got) != 10 {
		t.Errorf("%d of the newest 10 are there", len(got))
	}
	var gone *GoneError
	if _, err := read(t.Context(), r, Query{Tenant: "big", After: noon, Until: last}); !errors.As(err, &gone) {
		t.Errorf("all: %v", err)
	}
	if got := payloads(t, r, Query{Tenant: "small", After: noon, Until: last}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := s.Stats(); got.Deleted == 0 || got.Crowded != got.Deleted || got.Bytes > limit+1000 || got.Segments == 0 || got.Written < 60*50_000 {
		t.Errorf("%+v", got)
	}
}

// Large entries, many of them and many attributes make frames within their
// bounds, which keep attributes apart.
func TestFrames(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s, r := opened(t, Options{Dir: dir, Now: c.now}), NewReader(dir)
	at := noon.Add(time.Second)
	var entries []Entry
	want := map[string]int{}
	for i := range 300 {
		name := fmt.Sprint("service-", i%100, strings.Repeat("-", i%100*20))
		entries = append(entries, entry(at, name+strings.Repeat("x", i*100), service(name)))
		want[name]++
	}
	entries = append(entries, entry(at, noise(MaxPayload, 1), service("large")))
	want["large"]++
	c.set(at)
	keep(t, s, "", entries...)
	for name, n := range want {
		got := payloads(t, r, Query{After: noon, Until: at, Match: func(a Attributes) bool { return a.Get("service.name") == name }})
		if len(got) != n {
			t.Errorf("%s has %d entries, want %d", name, len(got), n)
		}
		for _, p := range got {
			if name != "large" && !strings.HasPrefix(p, name) {
				t.Errorf("%s got one of another: %.100q", name, p)
			}
		}
	}
	x, err := r.index(segments(t, dir)[0])
	if err != nil || len(x.frames) < 3 || x.rest != 0 {
		t.Errorf("%d frames, %d bytes behind them, %v", len(x.frames), x.rest, err)
	}
	for name, bad := range map[string]Entry{
		"empty":           entry(at, ""),
		"too large":       entry(at, strings.Repeat("x", MaxPayload+1)),
		"backwards":       {First: at, Last: at.Add(-1), Payload: []byte("x")},
		"in the future":   entry(at.Add(MaxAhead+1), "x"),
		"many attributes": entry(at, "x", slices.Repeat([]Attribute{{}}, mostAttributes+1)...),
		"long attributes": entry(at, "x", service(strings.Repeat("x", MaxAttributes))),
	} {
		if err := s.Append(t.Context(), "", []Entry{entry(at, "good"), bad}); err == nil {
			t.Errorf("an entry that is %s was kept", name)
		}
	}
	if err := s.Append(t.Context(), "", nil); err != nil {
		t.Error(err)
	}
}

// The oldest come first, whichever process and whichever write they came by, and
// always in the same order.
func TestOrder(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	one, two := opened(t, Options{Dir: dir, Now: c.now}), opened(t, Options{Dir: dir, Now: c.now, Replica: "two/../"})
	var want []string
	for i := range 20 {
		at := noon.Add(time.Duration(i+1) * time.Second)
		c.set(at)
		s := one
		if i%3 == 0 {
			s = two
		}
		keep(t, s, "", entry(at, fmt.Sprint(i)))
		want = append(want, fmt.Sprint(i))
	}
	for range 3 {
		if got := payloads(t, NewReader(dir), Query{After: noon, Until: noon.Add(time.Hour)}); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	}
}

// Another process's segments are deleted when they are old, but not while it
// writes to them.
func TestTwoProcesses(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	o := Options{Dir: dir, Now: c.now, MaxAge: time.Hour}
	one, two := opened(t, o), opened(t, o)
	keep(t, one, "", entry(noon, "one"))
	keep(t, two, "", entry(noon, "two"))
	c.set(noon.Add(2 * time.Hour))
	one.soon(func() { one.sweepDir(tenantDir(dir, "")) })
	if n := len(segments(t, dir)); n != 2 {
		t.Errorf("%d segments: both are still written to", n)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	one.soon(one.sweep)
	if n := len(segments(t, dir)); n != 0 {
		t.Errorf("%d segments are left: both are old, and nobody writes to them", n)
	}
	keep(t, one, "", entry(c.now(), "again"))
	if got := payloads(t, NewReader(dir), Query{After: noon, Until: c.now()}); !slices.Equal(got, []string{"again"}) {
		t.Errorf("%q", got)
	}
}

// Many write and read at the same time; each finds its own, whole and in order.
func TestConcurrent(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon.Add(time.Minute))
	s, r := opened(t, Options{Dir: dir, Now: newClock(noon).now}), NewReader(dir)
	s.soon(func() { s.o.Now = c.now })
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := read(t.Context(), r, Query{Tenant: "t1", After: noon, Until: noon.Add(time.Hour)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	const each = 15
	for w := range 16 {
		writers.Go(func() {
			tenant := fmt.Sprint("t", w%2)
			for i := range each {
				at := noon.Add(time.Duration(i+1) * time.Second)
				if err := s.Append(t.Context(), tenant, []Entry{entry(at, fmt.Sprintf("%d/%d", w, i), service(fmt.Sprint(w)))}); err != nil {
					t.Error(err)
					return
				}
				// What was confirmed can be read.
				if got, err := read(t.Context(), r, Query{Tenant: tenant, After: at.Add(-1), Until: at, Match: func(a Attributes) bool { return a.Get("service.name") == fmt.Sprint(w) }}); err != nil || !slices.Contains(got, fmt.Sprintf("%d/%d", w, i)) {
					t.Errorf("%d/%d: %q, %v", w, i, got, err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for w := range 16 {
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("%d/%d", w, i))
		}
		got := payloads(t, r, Query{Tenant: fmt.Sprint("t", w%2), After: noon, Until: noon.Add(time.Hour), Match: func(a Attributes) bool { return a.Get("service.name") == fmt.Sprint(w) }})
		if !slices.Equal(got, want) {
			t.Errorf("writer %d: %q", w, got)
		}
	}
}

// Who sends more than can be written is told, and loses nothing that was taken.
func TestBusy(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s, r := opened(t, Options{Dir: dir, Now: c.now, MaxQueue: 1000}), NewReader(dir)
	c.set(noon.Add(time.Minute))
	release, held := make(chan struct{}), make(chan struct{})
	go func() { s.tasks <- func() { close(held); <-release } }()
	<-held
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- s.Append(t.Context(), "", []Entry{entry(c.now(), strings.Repeat("x", 100))}) }()
	}
	busy := 0
	for range 10 { // the others wait
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Fatalf("%v", err)
		}
		busy++
	}
	if n := s.Stats().Waiting; n != 1000 {
		t.Errorf("%d bytes wait", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	close(release)
	for range 10 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := s.Stats().Waiting; n != 0 {
		t.Errorf("%d bytes wait", n)
	}
	if got := payloads(t, r, Query{After: noon, Until: noon.Add(time.Hour)}); len(got) != 20-busy {
		t.Errorf("%d entries", len(got))
	}
	if err := s.Append(ctx, "", []Entry{entry(c.now(), "x")}); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), "", []Entry{entry(c.now(), "x")}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// fullDisk is a file on a disk with little room.
type fullDisk struct {
	file

	left *atomic.Int64
}

func (f fullDisk) WriteAt(p []byte, offset int64) (int, error) {
	if room := f.left.Add(-int64(len(p))); room < 0 {
		fits := max(len(p)+int(room), 0)
		n, err := f.file.WriteAt(p[:fits], offset)
		return n, errors.Join(&os.PathError{Op: "write", Path: "segment", Err: syscall.ENOSPC}, err)
	}
	return f.file.WriteAt(p, offset)
}

// On a full disk nothing is confirmed that is not kept, what was kept stays, and
// it goes on when there is room again.
func TestFullDisk(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	var left atomic.Int64
	left.Store(100_000)
	s, r := opened(t, Options{Dir: dir, Now: c.now, create: func(path string) (file, error) {
		f, err := create(path)
		return fullDisk{f, &left}, err
	}}), NewReader(dir)
	c.set(noon.Add(time.Minute))
	all := Query{After: noon, Until: noon.Add(time.Hour)}
	var kept []string
	for i := range 8 {
		text := fmt.Sprint(i, noise(30_000, uint64(i)))
		err := s.Append(t.Context(), "", []Entry{entry(c.now(), text)})
		switch {
		case err == nil:
			kept = append(kept, text)
		case !errors.Is(err, syscall.ENOSPC):
			t.Fatal(err)
		}
		if got := payloads(t, r, all); !slices.Equal(got, kept) {
			t.Fatalf("after %d: %d entries, want %d", i, len(got), len(kept))
		}
	}
	if len(kept) != 3 || s.Stats().Failures != 5 {
		t.Errorf("%d were kept, %d failed", len(kept), s.Stats().Failures)
	}
	left.Store(1 << 30)
	keep(t, s, "", entry(c.now(), "room again"))
	if got := payloads(t, r, all); len(got) != 4 {
		t.Errorf("%d entries", len(got))
	}
}

// A byte that changed on the disk is an error, not another log line and not one
// less.
func TestDamaged(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s := opened(t, Options{Dir: dir, Now: c.now})
	c.set(noon.Add(time.Minute))
	for i := range 3 {
		keep(t, s, "", entry(c.now(), fmt.Sprint("payload ", i), service("a")))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := segments(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(whole, []byte(magic))
	q := Query{After: noon, Until: noon.Add(time.Hour)}
	for i := range whole {
		broken := slices.Clone(whole)
		broken[i] ^= 0x41
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(t.Context(), NewReader(dir), q)
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged):
			if damaged.File != path || damaged.Offset > int64(i) {
				t.Fatalf("byte %d: %v", i, err)
			}
		case err == nil && i >= last && len(got) == 2:
			// The last header's: it cannot be told from one that was being written.
		default:
			t.Fatalf("byte %d of %d: %q, %v", i, len(whole), got, err)
		}
	}
	// The next start takes the segment away, and what was in it is gone, not less.
	broken := slices.Clone(whole)
	broken[0] = 'x'
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	again := opened(t, Options{Dir: dir, Now: c.now})
	if n := again.Stats().Torn; n != 1 {
		t.Errorf("%d are torn", n)
	}
	var gone *GoneError
	if got, err := read(t.Context(), NewReader(dir), q); !errors.As(err, &gone) {
		t.Errorf("%q, %v", got, err)
	}
}

// Wherever a write was cut off, what was confirmed before is there, the rest is
// dropped and counted, and the segment is whole again.
func TestTornAnywhere(t *testing.T) {
	dir, c := t.TempDir(), newClock(noon)
	s := opened(t, Options{Dir: dir, Now: c.now})
	c.set(noon.Add(time.Minute))
	keep(t, s, "", entry(c.now(), "first", service("a")))
	keep(t, s, "", entry(c.now(), "second", service("a")))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := segments(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.LastIndex(whole, []byte(magic))
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want, torn := []string{"first"}, int64(1)
		if cut < second {
			want = nil
		}
		if cut == 0 || cut == second {
			torn = 0
		}
		q := Query{After: noon, Until: noon.Add(time.Hour)}
		if got := payloads(t, NewReader(dir), q); !slices.Equal(got, want) {
			t.Fatalf("cut at %d: %q", cut, got)
		}
		s, err := Open(Options{Dir: dir, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().Torn; got != torn {
			t.Fatalf("cut at %d: %d are torn", cut, got)
		}
		if got := payloads(t, NewReader(dir), q); !slices.Equal(got, want) {
			t.Fatalf("cut at %d, mended: %q", cut, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || cut >= second && info.Size() != int64(second) || cut < second && info.Size() != 0 {
			t.Fatalf("cut at %d: %v, %v", cut, info.Size(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no directory":       {},
		"a negative bound":   {Dir: t.TempDir(), MaxBytes: -1},
		"a file for its dir": {Dir: os.Args[0]},
	} {
		if s, err := Open(o); err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
		}
	}
}
