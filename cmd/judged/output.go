package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/report"
)

// output says how a result is printed, and where else it goes.
type output struct {
	Format string            `enum:"text,json,markdown,junit" default:"text" short:"f" help:"How to print the result: ${enum}."`
	Write  map[string]string `mapsep:"," placeholder:"FORMAT=FILE,..." help:"Write the result to files, too: --write junit=report.xml --write markdown=comment.md."`
}

// formats are what a result can be written as.
var formats = []string{"text", "json", "markdown", "junit"}

// Validate is called by kong, before anything is judged: a mistake should not
// come out when the verdict is there.
func (o output) Validate() error {
	for _, format := range slices.Sorted(maps.Keys(o.Write)) {
		if !slices.Contains(formats, format) {
			return fmt.Errorf("--write: there is no format %q; there are %s", format, strings.Join(formats, ", "))
		}
		if err := isDirectory(filepath.Dir(o.Write[format])); err != nil {
			return fmt.Errorf("--write %s=%s: %w", format, o.Write[format], err)
		}
	}
	return nil
}

func isDirectory(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", path)
	}
	return err
}

// print prints a result and writes the files.
func (o output) print(w world, r *analysis.Result) error { return o.printLinked(w, r, report.Link{}) }

func (o output) printLinked(w world, r *analysis.Result, l report.Link) error {
	options := report.TextOptions{}
	if f, ok := w.stdout.(*os.File); ok {
		options = report.DetectText(f, w.getenv)
	}
	return errors.Join(format(w.stdout, o.Format, r, l, options), o.save(r, l))
}

// save writes the files.
func (o output) save(r *analysis.Result, l report.Link) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(o.Write)) {
		errs = append(errs, saveAs(o.Write[name], name, r, l))
	}
	return errors.Join(errs...)
}

func saveAs(path, name string, r *analysis.Result, l report.Link) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(format(file, name, r, l, report.TextOptions{}), file.Close())
}

// format writes a result in one of formats.
func format(w io.Writer, name string, r *analysis.Result, l report.Link, o report.TextOptions) error {
	switch name {
	case "json":
		text, err := evenJSON(wire.ResultProto(r, version()))
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case "markdown":
		return report.Markdown(w, r, l)
	case "junit":
		return report.JUnit(w, r, l)
	default:
		return report.Text(w, r, o)
	}
}
