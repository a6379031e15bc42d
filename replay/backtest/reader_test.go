package backtest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ids(r *Reader) (out []string, err error) {
	defer r.Close()
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, c.ID)
	}
}

func TestReader(t *testing.T) {
	one, two := `{"id":"1","label":"pass",`+oneMetric+`}`, `{"id":"2","label":"fail",`+oneMetric+`}`
	for name, text := range map[string]string{
		"plain":          one + "\n" + two + "\n",
		"no line break":  one + "\n" + two,
		"blank lines":    "\n" + one + "\n\n  \t\n" + two + "\n\n",
		"carriage":       one + "\r\n" + two + "\r\n",
		"byte order":     "\ufeff" + one + "\n" + two,
		"indented lines": "  " + one + "  \n\t" + two,
	} {
		t.Run(name, func(t *testing.T) {
			for kind, open := range map[string]func() (*Reader, error){
				"plain":  func() (*Reader, error) { return Open(write(t, "c.jsonl", []byte(text)), nil) },
				"gzip":   func() (*Reader, error) { return Open(write(t, "c.jsonl", zipped(t, text)), nil) },
				"stdin":  func() (*Reader, error) { return Open("-", strings.NewReader(text)) },
				"zstdin": func() (*Reader, error) { return Open("-", bytes.NewReader(zipped(t, text))) },
			} {
				r, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := ids(r); err != nil || fmt.Sprint(got) != "[1 2]" {
					t.Errorf("%s: cases %v, error %v", kind, got, err)
				}
			}
		})
	}
}

func TestReaderMistakes(t *testing.T) {
	good := `{"label":"pass",` + oneMetric + "}\n"
	cut := zipped(t, strings.Repeat(good, 100))
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"malformed line": {[]byte(good + "\n{\"label\":\n"), "c:3:10: the line ends"},
		"cut gzip":       {cut[:len(cut)-12], "unexpected EOF"},
		"no gzip":        {[]byte("\x1f\x8bxxxxxxxxxx"), "invalid header"},
		"long line":      {[]byte(good + strings.Repeat(" ", MaxLine+1)), "c:2: the line is longer than 16 MiB"},
		"binary":         {[]byte("\x00\x01"), `c:1:1: found "\x00\x01"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "c", c.content)
			r, err := Open(path, nil)
			if err == nil {
				_, err = ids(r)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q and the path", err, c.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "gone"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a file that is not there", err)
	}
	if _, err := Open("-", nil); err == nil {
		t.Error("there is standard input where there is none")
	}
}
