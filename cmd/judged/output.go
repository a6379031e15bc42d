package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/report"
)

// output says how a result is printed.
type output struct {
	Format string `enum:"text,json,markdown,junit" default:"text" short:"f" help:"How to print the result: ${enum}."`
}

func (o output) print(w world, r *analysis.Result) error {
	switch o.Format {
	case "json":
		text, err := protojson.Marshal(wire.ResultProto(r, version()))
		if err != nil {
			return err
		}
		// protojson varies its white space from build to build; the same
		// result should be the same bytes.
		var even bytes.Buffer
		if err := json.Indent(&even, text, "", "  "); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.stdout, "%s\n", even.Bytes())
		return err
	case "markdown":
		return report.Markdown(w.stdout, r)
	case "junit":
		return report.JUnit(w.stdout, r)
	default:
		options := report.TextOptions{}
		if f, ok := w.stdout.(*os.File); ok {
			options = report.DetectText(f, w.getenv)
		}
		return report.Text(w.stdout, r, options)
	}
}
