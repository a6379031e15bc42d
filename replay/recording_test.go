package replay

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestOpenDirectory(t *testing.T) {
	r, err := Open(rolloutPath, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w := r.Window(); !w.Start.Equal(rolloutStart) || !w.End.Equal(rolloutEnd) {
		t.Errorf("window %s, want %s to %s", w, rolloutStart, rolloutEnd)
	}
	m, ok := r.Manifest()
	if !ok || !m.Start.Equal(rolloutStart) || !m.Release.Equal(rolloutRelease) || !m.End.Equal(rolloutEnd) {
		t.Errorf("manifest %v %t", m, ok)
	}
	if series, samples := r.Size(); series != 27 || samples < 1000 {
		t.Errorf("%d series, %d samples", series, samples)
	}
	if _, ok := open(t, small, Options{}).Manifest(); ok {
		t.Error("a manifest from nowhere")
	}
}

// write puts files into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenPaths(t *testing.T) {
	zipped := string(gzipped(t, small))
	table := "time,load\n10,1\n"
	tests := map[string]struct {
		files  map[string]string
		open   string // in the directory
		reason metrics.Reason
		want   string // part of the error, "" for none
	}{
		"text":                      {map[string]string{"a.txt": small}, "a.txt", 0, ""},
		"gzip by its content":       {map[string]string{"a": zipped}, "a", 0, ""},
		"csv":                       {map[string]string{"a.csv": table}, "a.csv", 0, ""},
		"gzipped csv":               {map[string]string{"a.csv.gz": string(gzipped(t, table))}, "a.csv.gz", 0, ""},
		"directory of text":         {map[string]string{"metrics.om": small, "logs.jsonl": "x"}, "", 0, ""},
		"directory of csv":          {map[string]string{"metrics.csv": table}, "", 0, ""},
		"two parts of gzip":         {map[string]string{"a": string(gzipped(t, small[:100])) + string(gzipped(t, small[100:]))}, "a", 0, ""},
		"no such file":              {nil, "a", metrics.Misconfigured, "no such file"},
		"empty directory":           {nil, "", metrics.Misconfigured, "the directory has none of metrics.om.gz, metrics.om, metrics.csv.gz, metrics.csv (name the file itself)"},
		"two recordings":            {map[string]string{"metrics.om": small, "metrics.csv": table}, "", metrics.Misconfigured, "the directory has metrics.om and metrics.csv"},
		"manifest that is not JSON": {map[string]string{"metrics.om": small, "manifest.json": "{"}, "", metrics.BadAnswer, "manifest.json: unexpected end"},
		"manifest of bad times":     {map[string]string{"metrics.om": small, "manifest.json": `{"start":"today"}`}, "", metrics.BadAnswer, "manifest.json: parsing time"},
		"manifest backwards":        {map[string]string{"metrics.om": small, "manifest.json": `{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}`}, "", metrics.BadAnswer, "the end 2026-01-01T00:00:00Z is before the start"},
		"huge manifest":             {map[string]string{"metrics.om": small, "manifest.json": strings.Repeat(" ", maxManifest+1)}, "", metrics.TooLarge, "manifest.json: more than"},
		"cut gzip":                  {map[string]string{"a": zipped[:len(zipped)-20]}, "a", metrics.BadAnswer, "gzip: the file is cut off"},
		"gzip without its checksum": {map[string]string{"a": zipped[:len(zipped)-8]}, "a", metrics.BadAnswer, "gzip: the file is cut off"},
		"damaged gzip":              {map[string]string{"a": zipped[:len(zipped)-8] + "abcdefgh"}, "a", metrics.BadAnswer, "gzip: the file is damaged"},
		"text after gzip":           {map[string]string{"a": zipped + "and something else"}, "a", metrics.BadAnswer, "gzip: the file is damaged"},
		"only gzip's beginning":     {map[string]string{"a": zipped[:2]}, "a", metrics.BadAnswer, "gzip: "},
		"zstd":                      {map[string]string{"a": "\x28\xb5\x2f\xfd...."}, "a", metrics.BadAnswer, "zstd -d"},
		"cut text":                  {map[string]string{"a": small[:len(small)-6]}, "a", metrics.BadAnswer, "incomplete"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(write(t, test.files), test.open)
			r, err := Open(path, Options{})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, samples := r.Size(); samples == 0 {
					t.Error("no samples")
				}
				return
			}
			reason, ok := metrics.ReasonOf(err)
			if !ok || reason != test.reason || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v (%v), want %q in it (%v)", err, reason, test.want, test.reason)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("error %v does not name %s", err, path)
			}
		})
	}
}

// A gzip bomb stops at the limit: a gigabyte of text in a megabyte.
func TestOpenBomb(t *testing.T) {
	line := "a 1 10\n"
	bomb := gzipped(t, strings.Repeat(line, 1<<20))
	_, err := Read("test", bytes.NewReader(bomb), Options{Limits: Limits{Bytes: 1 << 20}})
	if reason, _ := metrics.ReasonOf(err); err == nil || reason != metrics.TooLarge {
		t.Errorf("error %v, want too large", err)
	}
}

func TestOpenOptions(t *testing.T) {
	for _, o := range []Options{{Lookback: -1}, {Lookback: 1}, {Timeout: -1}} {
		_, err := Read("test", strings.NewReader(small), o)
		if reason, ok := metrics.ReasonOf(err); !ok || reason != metrics.Misconfigured {
			t.Errorf("%+v: error %v, want misconfigured", o, err)
		}
	}
	_, err := Open(filepath.Join(rolloutPath, "metrics.om.gz"), Options{Name: "last month", Limits: Limits{Series: 1}})
	if err == nil || !strings.HasPrefix(err.Error(), "open last month: too large: line ") {
		t.Errorf("error %v", err)
	}
}
