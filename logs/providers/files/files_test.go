package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

// tree writes files, by path with slashes, and returns their root.
func tree(tb testing.TB, files map[string]string) string {
	tb.Helper()
	root := tb.TempDir()
	for name, text := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zstded(tb testing.TB, text string) string {
	tb.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// read returns "instance: message" of each record.
func read(tb testing.TB, f *Files, q logs.Query) ([]string, logs.Summary, error) {
	tb.Helper()
	out := []string{}
	s, err := f.Read(context.Background(), q, func(r *logs.Record) error {
		out = append(out, string(r.Instance)+": "+string(r.Message))
		return nil
	})
	return out, s, err
}

func open(tb testing.TB, o Options, paths ...string) *Files {
	tb.Helper()
	f, err := Open(paths, o)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func wantError(tb testing.TB, err error, reason metrics.Reason, words ...string) {
	tb.Helper()
	got, ok := metrics.ReasonOf(err)
	if !ok || got != reason {
		tb.Errorf("%v: the reason is %v, want %v", err, got, reason)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			tb.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestWhatIsRead(t *testing.T) {
	root := tree(t, map[string]string{
		"v1/pod-b.log": "b1\n", "v1/pod-a.log.gz": gzipped(t, "a1\na2\n"), "v1/deep/er/pod-c.jsonl.zst": zstded(t, `{"msg":"c1"}`),
		"v1/.hidden": "hidden\n", "v2/pod-a.log": "{\"msg\":\"other\",\"pod\":\"named\"}\n", "v2/misnamed.gz": "plain\n", "readme": "not in a version",
		"v3/twice.log": gzipped(t, "one\n") + gzipped(t, "two\n"), "v3/empty.log": "",
	})
	for query, want := range map[string][]string{
		"v1":           {"pod-c: c1", "pod-a: a1", "pod-a: a2", "pod-b: b1"},
		"v1/*.log":     {"pod-b: b1"},
		"v1/*.log*":    {"pod-a: a1", "pod-a: a2", "pod-b: b1"},
		"v1/*/er":      {"pod-c: c1"},
		"v?/pod-a.log": {"named: other"},
		"v2":           {"misnamed: plain", "named: other"},
		"v3":           {"twice: one", "twice: two"},
		"read*":        {"readme: not in a version"},
		"":             {"readme: not in a version", "pod-c: c1", "v1/pod-a: a1", "v1/pod-a: a2", "pod-b: b1", "misnamed: plain", "named: other", "twice: one", "twice: two"},
	} {
		got, s, err := read(t, open(t, Options{}, root), logs.Query{Expr: query})
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		// Names come in their order: readme is before v1.
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
		if s.Lines != int64(len(want)) {
			t.Errorf("%q: %d lines, want %d", query, s.Lines, len(want))
		}
	}
	f := open(t, Options{}, filepath.Join(root, "v1", "pod-b.log"), filepath.Join(root, "v2"))
	if got, _, err := read(t, f, logs.Query{}); err != nil || len(got) != 3 {
		t.Errorf("a file and a directory: %q, %v", got, err)
	}
}

func TestQueriesThatSelectNothing(t *testing.T) {
	root := tree(t, map[string]string{"v1/a.log": "a", "v2/a.log": "a"})
	f := open(t, Options{Name: "archive"}, root)
	for _, query := range []string{"v3", "v1/b*", "v1/a.log/x", "*/*/*", "..", "../" + filepath.Base(root), "/etc", "v1/", "v1//a.log", "./v1", "[", "v1/[a-", strings.Repeat("x/", 40) + "x"} {
		_, _, err := read(t, f, logs.Query{Expr: query})
		wantError(t, err, metrics.BadQuery, "archive")
	}
	_, _, err := read(t, f, logs.Query{Expr: "v3"})
	wantError(t, err, metrics.BadQuery, "v1, v2")
	_, _, err = read(t, open(t, Options{}, t.TempDir()), logs.Query{})
	wantError(t, err, metrics.BadQuery, "no file")
	_, err = Open([]string{filepath.Join(root, "absent")}, Options{})
	wantError(t, err, metrics.Misconfigured, "absent")
	_, err = Open(nil, Options{})
	wantError(t, err, metrics.Misconfigured)
	_, err = Open([]string{"-", "-"}, Options{})
	wantError(t, err, metrics.Misconfigured)
}

func TestLinks(t *testing.T) {
	root := tree(t, map[string]string{"pods/a/0.log": "a\n", "logs/b.log": "b\n"})
	for from, to := range map[string]string{"logs/link.log": "../pods/a/0.log", "logs/dir": "../pods", "logs/loop": ".", "logs/nowhere": "absent"} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(root, filepath.FromSlash(from))); err != nil {
			t.Skip("links cannot be made here:", err)
		}
	}
	got, _, err := read(t, open(t, Options{}, filepath.Join(root, "logs")), logs.Query{})
	if want := []string{"b: b", "link: a"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestInstance(t *testing.T) {
	for p, want := range map[string]string{
		"/a/pod-1.log": "pod-1", "/a/pod-1.log.gz": "pod-1", "/a/pod-1.log.2.gz": "pod-1", "/a/pod.1.2.jsonl.zst": "pod.1.2", "/a/checkout-v1.2": "checkout-v1.2", "/a/a.jsonl.3.1": "a",
		"/a/b/0.log": "b", "/var/log/pods/shop_checkout-7d-x2_0f1e/app/0.log": "checkout-7d-x2", "/a/noext": "noext", "7": "7", "/7": "7", "/a/.log": ".log", "/a/UPPER.LOG": "UPPER",
	} {
		if got := instance(p); got != want {
			t.Errorf("%s is of %q, want %q", p, got, want)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	// Text that does not compress: the pieces are of many blocks.
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 12_000 {
		fmt.Fprintf(&b, "line %d of %x\n", i, random.Uint64())
	}
	for name, whole := range map[string]string{"a.log.gz": gzipped(t, b.String()), "a.log.zst": zstded(t, b.String())} {
		for _, n := range []int{len(whole) - 1, len(whole) / 2, 5} {
			root := tree(t, map[string]string{name: whole[:n]})
			_, s, err := read(t, open(t, Options{}, root), logs.Query{})
			wantError(t, err, metrics.BadAnswer, name, "cut off")
			if n > len(whole)/3 && s.Lines == 0 {
				t.Errorf("%s cut to %d bytes: nothing was read", name, n)
			}
			if s.Lines > 0 {
				wantError(t, err, metrics.BadAnswer, fmt.Sprintf("after %d records", s.Lines))
			}
		}
		damaged := []byte(whole)
		damaged[len(damaged)/2] ^= 0x55
		_, _, err := read(t, open(t, Options{}, tree(t, map[string]string{name: string(damaged)})), logs.Query{})
		wantError(t, err, metrics.BadAnswer, name)
	}
}

func TestLimits(t *testing.T) {
	root := tree(t, map[string]string{"a.log": "1\n2\n", "b.log": "3\n4\n"})
	if got, _, err := read(t, open(t, Options{}, root), logs.Query{MaxLines: 4}); err != nil || len(got) != 4 {
		t.Errorf("%q, %v, want 4 lines", got, err)
	}
	got, s, err := read(t, open(t, Options{}, root), logs.Query{MaxLines: 3})
	wantError(t, err, metrics.TooLarge, "more lines")
	if len(got) != 3 || s.Lines != 3 {
		t.Errorf("%d lines were delivered, %d told, want 3", len(got), s.Lines)
	}
	_, _, err = read(t, open(t, Options{MaxBytes: 7}, root), logs.Query{})
	wantError(t, err, metrics.TooLarge, "7 bytes")
	if _, _, err = read(t, open(t, Options{MaxBytes: 8}, root), logs.Query{}); err != nil {
		t.Errorf("8 bytes of 8: %v", err)
	}
	deep := tree(t, map[string]string{strings.Repeat("d/", maxDepth) + "a.log": "1\n"})
	_, _, err = read(t, open(t, Options{}, deep), logs.Query{})
	wantError(t, err, metrics.TooLarge, "deep")
	// A small file may be much text: a bomb is skipped, in the memory of a line.
	bomb := tree(t, map[string]string{"bomb.gz": gzipped(t, strings.Repeat("x", 8<<20)+"\nlast\n")})
	got, s, err = read(t, open(t, Options{}, bomb), logs.Query{})
	if err != nil || len(got) != 2 || got[1] != "bomb: last" || s.Cut != 1 {
		t.Errorf("%d lines, %+v, %v", len(got), s, err)
	}
}

func TestWindow(t *testing.T) {
	root := tree(t, map[string]string{
		"a.log": "2026-01-02T15:04:05Z a0\n2026-01-02T15:04:06Z a1\n", "b.log": "2026-01-02T15:04:07Z b1\n2026-01-02T15:04:08Z b2\n", "c.log": "no time\n",
	})
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 15, 4, s, 0, time.UTC) }
	got, s, err := read(t, open(t, Options{}, root), logs.Query{Window: metrics.Window{Start: at(5), End: at(7)}})
	if want := []string{"a: a1", "b: b1"}; err != nil || !slices.Equal(got, want) || s.Lines != 2 || len(s.Warnings) != 1 {
		t.Errorf("got %q, %+v, %v, want %q and a warning", got, s, err, want)
	}
	// The year that a line lacks is that of the file's last change.
	p := filepath.Join(tree(t, map[string]string{"sys.log": "Dec 31 23:59:59 host app: late\n"}), "sys.log")
	if err := os.Chtimes(p, at(0), at(0)); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, Options{}, p).Read(context.Background(), logs.Query{}, func(r *logs.Record) error {
		if want := time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC); !r.Time.Equal(want) || string(r.Instance) != "host" {
			t.Errorf("%v of %q, want %v of host", r.Time, r.Instance, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestStdin(t *testing.T) {
	f := open(t, Options{Stdin: iotest.OneByteReader(strings.NewReader(zstded(t, "one\ntwo\n")))}, Stdin)
	var got []Position
	if _, err := f.ReadLines(context.Background(), logs.Query{}, func(_ *logs.Record, at Position) error {
		got = append(got, at)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []Position{{Stdin, 1, 1}, {Stdin, 2, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, _, err := read(t, f, logs.Query{})
	wantError(t, err, metrics.BadQuery, "read before")
	_, _, err = read(t, open(t, Options{Stdin: strings.NewReader("x")}, Stdin), logs.Query{Expr: "*.log"})
	wantError(t, err, metrics.BadQuery, "standard input")
	got2, s, err := read(t, open(t, Options{Format: decode.JSON, Stdin: strings.NewReader("x")}, Stdin), logs.Query{})
	if err != nil || len(got2) != 1 || s.Malformed != 1 {
		t.Errorf("as JSON: %q, %+v, %v", got2, s, err)
	}
}

func TestProgress(t *testing.T) {
	text := strings.Repeat("a line of some length\n", 110_000)
	root := tree(t, map[string]string{"a.log": text, "b.log.gz": gzipped(t, text)})
	var told []Progress
	f := open(t, Options{Progress: func(p Progress) { told = append(told, p) }}, root)
	if _, _, err := read(t, f, logs.Query{}); err != nil {
		t.Fatal(err)
	}
	last := told[len(told)-1]
	if len(told) < 4 || last.Read != last.Total || last.Total <= int64(len(text)) || filepath.Base(last.File) != "b.log.gz" {
		t.Errorf("%d reports, the last %+v; want one for each of %d bytes at least, and all read at the end", len(told), last, progressStep)
	}
	for i := 1; i < len(told); i++ {
		if told[i].Read < told[i-1].Read || told[i].Total != last.Total {
			t.Errorf("report %d is %+v after %+v", i, told[i], told[i-1])
		}
	}
}

func TestErrorsEndARead(t *testing.T) {
	root := tree(t, map[string]string{"a.log": "1\n2\n", "b.log": "3\n"})
	mine := errors.New("mine")
	calls := 0
	_, err := open(t, Options{}, root).Read(context.Background(), logs.Query{}, func(*logs.Record) error {
		calls++
		return mine
	})
	if err != mine || calls != 1 { //nolint:errorlint // returned as it is
		t.Errorf("%v after %d calls, want %v after one", err, calls, mine)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = open(t, Options{}, root).Read(ctx, logs.Query{}, func(*logs.Record) error { return nil })
	wantError(t, err, metrics.Canceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	_, err = open(t, Options{Timeout: time.Nanosecond}, root).Read(context.Background(), logs.Query{}, func(*logs.Record) error { return nil })
	wantError(t, err, metrics.Unavailable, "longer")
}

func TestConcurrentReads(t *testing.T) {
	f := open(t, Options{}, tree(t, map[string]string{"a.log.gz": gzipped(t, "1\n2\n"), "b.log": "3\n"}))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if got, _, err := read(t, f, logs.Query{}); err != nil || len(got) != 3 {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wait.Wait()
}

func TestProvider(t *testing.T) {
	p, err := logs.Lookup("files")
	if err != nil {
		t.Fatal(err)
	}
	root := tree(t, map[string]string{"v1.2/a.log": "1\n"})
	src, err := p.Open(metrics.Settings{Name: "archive", URL: "file://" + root, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	query, err := p.Expand("${version}/*.log", map[string]string{"version": "v1.2"})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := src.Read(context.Background(), logs.Query{Expr: query}, func(*logs.Record) error { return nil }); err != nil || s.Lines != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, url := range []string{"", "-", "file://", root + "/absent"} {
		_, err := p.Open(metrics.Settings{Name: "archive", URL: url})
		wantError(t, err, metrics.Misconfigured, "archive")
	}
}

func TestExpand(t *testing.T) {
	for _, c := range []struct{ query, value, want string }{
		{"${v}/*.log", "v1.2", "v1.2/*.log"},
		{"shop-${v}*.gz", "1_2-rc.1", "shop-1_2-rc.1*.gz"},
		{"${v}", "with space", "with space"},
		{"a[0-9]${v}", "x", "a[0-9]x"},
		{"${v}", "", ""},
		{"${v}", "..", ""},
		{"${v}", ".", ""},
		{"${v}.", ".", ""},
		{"a/${v}/b", "..", ""},
		{"${v}", "a/b", ""},
		{"${v}", "/etc/passwd", ""},
		{"${v}", `a\b`, ""},
		{"${v}", "*", ""},
		{"${v}", "v?", ""},
		{"${v}", "[ab]", ""},
		{"[${v}]", "a", ""},
		{`\${v}`, "a", ""},
		{"${v}", "a\x00", ""},
		{"${v}", "a\nb", ""},
		{"${v}", "\xff", ""},
		{"../${v}", "a", ""},
		{"/${v}", "a", ""},
		{"${other}", "a", ""},
	} {
		got, err := Expand(c.query, map[string]string{"v": c.value})
		if (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("%q with %q: %q, %v; want %q", c.query, c.value, got, err, c.want)
		}
	}
}

// FuzzExpand checks that a value selects nothing but what has it in its name:
// below the root, and of one segment.
func FuzzExpand(f *testing.F) {
	for _, v := range []string{"v1", "..", "*", "a/b", "[", "]", "-", "^", "\\", "${v}", " ", "\u202e"} {
		f.Add("logs/x${v}-*/a.log", v)
		f.Add("${v}", v)
		f.Add("[a${v}]", v)
	}
	f.Fuzz(func(t *testing.T, query, value string) {
		got, err := Expand(query, map[string]string{"v": value})
		if err != nil {
			return
		}
		harmless, err := Expand(query, map[string]string{"v": "x"})
		if err != nil {
			// "${v}." is no name with ".", but is with others.
			return
		}
		if strings.Count(got, "/") != strings.Count(harmless, "/") || !filepath.IsLocal(filepath.FromSlash("root/"+got)) && got != "" {
			t.Fatalf("%q with %q is %q", query, value, got)
		}
		if query == "${v}" {
			if ok, err := filepath.Match(got, value); err != nil || !ok {
				t.Fatalf("%q does not select the file of that name", got)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, `{"level":"info","ts":%d.%03d,"logger":"orders","msg":"order %d placed","trace_id":"4bf92f3577b34da6a3ce929d0e%06x"}`+"\n", 1767366245+i/100, i%1000, i*7919, i)
	}
	for name, content := range map[string]string{"plain": text.String(), "gzip": gzipped(b, text.String()), "zstd": zstded(b, text.String())} {
		b.Run(name, func(b *testing.B) {
			f := open(b, Options{}, tree(b, map[string]string{"a": content}))
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Read(context.Background(), logs.Query{}, func(*logs.Record) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
