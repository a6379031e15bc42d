package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// TestGolden compares every format of every case with testdata/. Text in
// colour is read with `cat`.
func TestGolden(t *testing.T) {
	for _, c := range goldenCases() {
		t.Run(c.name, func(t *testing.T) {
			inColor := c.options
			inColor.Color = true
			golden(t, c.name+".txt", func(w io.Writer) error { return Text(w, c.result, c.options) })
			golden(t, c.name+".color.txt", func(w io.Writer) error { return Text(w, c.result, inColor) })
			if c.textOnly {
				return
			}
			golden(t, c.name+".md", func(w io.Writer) error { return Markdown(w, c.result, c.link) })
			golden(t, c.name+".xml", func(w io.Writer) error { return JUnit(w, c.result, c.link) })
		})
	}
}

func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got.Bytes(), want) {
		return
	}
	if err := os.WriteFile(file+".got", got.Bytes(), 0o644); err != nil {
		t.Error(err)
	}
	t.Errorf("%s differs; compare:\n\tdiff -u report/%s report/%s.got\nand if it is meant:\n\tgo test ./report -run Golden -update", file, file, file)
}
