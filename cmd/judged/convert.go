package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/compat/argo"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/compat/keptn"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type convertCommand struct {
	Files  []string `arg:"" name:"file" placeholder:"FILE" help:"What to convert; files that belong together are given together. - is standard input."`
	From   string   `enum:"auto,kayenta,keptn,argo" default:"auto" help:"Whose files they are: ${enum}; auto looks at what they say."`
	To     string   `enum:"judged,kayenta" default:"judged" help:"What to make of them: ${enum}."`
	Source string   `placeholder:"NAME" help:"The source that all metrics ask; else one called like the backend."`
	Output string   `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`
	Strict bool     `help:"Exit with 1 if something could not be carried over."`
}

// Help is shown by "judged convert --help".
func (convertCommand) Help() string {
	return `Makes a CanaryConfig of what other tools were told: canary configs of Kayenta, SLO and
SLI files and AnalysisDefinitions of Keptn, AnalysisTemplates of Argo Rollouts. What cannot be
carried over is said on standard error, one line each: where, what, and what to do instead. What
to check stands in comments at the top of the result.

With --to kayenta it makes a canary config for Kayenta of a CanaryConfig.

Examples:
  judged convert kayenta.json > canary.yaml
  judged convert slo.yaml sli.yaml --source prod-prometheus -o canary.yaml
  kubectl get analysistemplate success-rate -o yaml | judged convert -
  judged convert canary.yaml --to kayenta > kayenta.json

docs/convert.md says what becomes of what.

Exit codes: 0 converted, 1 with --strict if something was not carried over, 3 nothing usable.`
}

// converted is what came of the files.
type converted struct {
	Config *judgedv1.CanaryConfig
	// Lost is what could not be carried over, Check what a person should look at.
	Lost, Check []string
}

// Run prints the result.
func (c convertCommand) Run(w world) error {
	files, err := c.read(w)
	if err != nil {
		return err
	}
	var text []byte
	var lost []string
	if c.To == "kayenta" {
		text, lost, err = c.toKayenta(files, w)
	} else {
		text, lost, err = c.toJudged(files)
	}
	for _, line := range lost {
		fmt.Fprintln(w.stderr, oneLine(line))
	}
	if err != nil {
		return err
	}
	if c.Output != "" {
		err = os.WriteFile(c.Output, text, 0o644)
	} else {
		_, err = w.stdout.Write(text)
	}
	if err == nil && c.Strict && len(lost) > 0 {
		return verdictError{exitFail}
	}
	return err
}

// foreign is a file to convert.
type foreign struct {
	path string
	text []byte
	// documents are those of a YAML file.
	documents []*yaml.Node
}

// Limits of what is read; the largest config that a server takes is as long.
const (
	maxForeign   = 4 << 20 // bytes
	maxDocuments = 1000
)

func (c convertCommand) read(w world) ([]foreign, error) {
	files := make([]foreign, 0, len(c.Files))
	for _, path := range c.Files {
		in := w.stdin
		if path == "-" {
			path = "standard input"
		} else {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			in = f
		}
		text, err := io.ReadAll(io.LimitReader(in, maxForeign+1))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if len(text) > maxForeign {
			return nil, fmt.Errorf("%s has more than %d bytes", path, maxForeign)
		}
		files = append(files, foreign{path: path, text: text})
	}
	return files, nil
}

// parse reads the file's documents.
func (f *foreign) parse() error {
	decoder := yaml.NewDecoder(bytes.NewReader(f.text))
	for {
		document := &yaml.Node{}
		err := decoder.Decode(document)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", f.path, err)
		case len(f.documents) == maxDocuments:
			return fmt.Errorf("%s has more than %d documents", f.path, maxDocuments)
		}
		f.documents = append(f.documents, document)
	}
}

// all returns the documents of files with their paths.
func all(files []foreign) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		for _, f := range files {
			for _, d := range f.documents {
				if !yield(f.path, d) {
					return
				}
			}
		}
	}
}

func (c convertCommand) toJudged(files []foreign) (text []byte, lost []string, err error) {
	from := c.From
	for i := range files {
		f := &files[i]
		of := c.From
		if of == "auto" {
			of = f.format()
		}
		if of != "kayenta" {
			if err := f.parse(); err != nil {
				return nil, nil, err
			}
		}
		if of == "auto" {
			of = formatOf(f.documents)
		}
		switch {
		case of == "":
			return nil, nil, fmt.Errorf("%s: neither a canary config of Kayenta's, nor an SLO or SLI file or AnalysisDefinition of Keptn's, nor an AnalysisTemplate of Argo's: say which with --from; configs of judged's own are converted with --to kayenta", f.path)
		case from != "auto" && from != of:
			return nil, nil, fmt.Errorf("%s is of %s, the files before of %s: convert them one by one", f.path, of, from)
		}
		from = of
	}
	var r converted
	switch from {
	case "kayenta":
		if len(files) > 1 {
			return nil, nil, errors.New("each canary config of Kayenta's becomes one of its own: convert them one by one")
		}
		got, convertErr := kayenta.Import(files[0].path, files[0].text, c.Source)
		r, err = converted(got), convertErr
	case "keptn":
		got, convertErr := keptn.Import(all(files), c.Source)
		r, err = converted(got), convertErr
	default:
		got, convertErr := argo.ImportTemplates(all(files), c.Source)
		r, err = converted(got), convertErr
	}
	if err != nil {
		return nil, r.Lost, err
	}
	text, err = c.file(&r)
	return text, r.Lost, err
}

// format returns "kayenta" for JSON that looks like it, else "auto".
func (f *foreign) format() string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(f.text, &fields) != nil {
		return "auto"
	}
	for _, name := range []string{"canaryConfig", "classifier", "judge", "configVersion", "applications"} {
		if _, ok := fields[name]; ok {
			return "kayenta"
		}
	}
	return "auto"
}

// Kinds of documents by which their product is known.
var kinds = map[string]string{
	"AnalysisTemplate": "argo", "ClusterAnalysisTemplate": "argo",
	"AnalysisDefinition": "keptn", "AnalysisValueTemplate": "keptn", "KeptnMetricsProvider": "keptn", "Analysis": "keptn",
}

// formatOf returns whose the documents are, "" if that is not known.
func formatOf(documents []*yaml.Node) string {
	for _, d := range documents {
		for _, n := range d.Content {
			var items []*yaml.Node
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				switch key, value := n.Content[i].Value, n.Content[i+1]; key {
				case "kind":
					if product := kinds[value.Value]; product != "" {
						return product
					}
				case "objectives", "indicators":
					return "keptn"
				case "items":
					items = value.Content
				}
			}
			for _, item := range items {
				for i := 0; item.Kind == yaml.MappingNode && i+1 < len(item.Content); i += 2 {
					if product := kinds[item.Content[i+1].Value]; item.Content[i].Value == "kind" && product != "" {
						return product
					}
				}
			}
		}
	}
	return ""
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// file writes the config with comments, and checks that it can be used.
func (c convertCommand) file(r *converted) ([]byte, error) {
	first := filepath.Base(c.Files[0])
	found := cmp.Or(r.Config.GetName(), strings.TrimSuffix(first, filepath.Ext(first)))
	const longest = 63 // characters of a name
	name := strings.TrimLeft(notInNames.ReplaceAllString(found, "-"), "._-")
	name = cmp.Or(name[:min(len(name), longest)], "canary")
	if r.Config.GetName() != "" && name != found {
		r.Lost = append(r.Lost, fmt.Sprintf("the name %q became %q: a name is 1 to %d letters, digits, dots, dashes or underscores", found, name, longest))
	}
	r.Config.Name = name
	body, err := config.Format(r.Config)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	paths := make([]string, len(c.Files))
	for i, path := range c.Files {
		paths[i] = filepath.Base(path)
		if path == "-" {
			paths[i] = "standard input"
		}
	}
	fmt.Fprintf(&out, "# Made by judged convert of %s.\n", oneLine(strings.Join(paths, ", ")))
	for _, part := range []struct {
		title string
		lines []string
	}{{"Check", r.Check}, {"Not carried over", r.Lost}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&out, "#\n# %s:\n", part.title)
		}
		for _, line := range part.lines {
			fmt.Fprintf(&out, "# - %s\n", oneLine(line))
		}
	}
	out.WriteString("\n")
	out.Write(body)
	parsed, err := config.Parse(out.Bytes(), "the result")
	if err == nil {
		_, err = wire.Config(parsed).WithDefaults()
	}
	if err != nil {
		return nil, fmt.Errorf("what came of it is no config that can be used; change that in %s:\n%w", strings.Join(c.Files, ", "), err)
	}
	return out.Bytes(), nil
}

// oneLine makes one line of a text that quotes somebody's file, without what
// would steer a terminal.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || slices.Contains([]rune{'\u2028', '\u2029'}, c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

func (c convertCommand) toKayenta(files []foreign, w world) (text []byte, lost []string, err error) {
	switch {
	case len(files) > 1:
		return nil, nil, errors.New("each config becomes one of Kayenta's: convert them one by one")
	case c.From != "auto" || c.Source != "":
		return nil, nil, errors.New("--to kayenta converts a config of judged's: it takes no --from and no --source")
	}
	parsed, err := config.Parse(files[0].text, files[0].path)
	if err != nil {
		return nil, nil, err
	}
	r := kayenta.Export(parsed)
	if len(r.Config.Metrics) == 0 {
		return nil, r.Lost, errors.New("no metric of the config can be compared by Kayenta")
	}
	// JSON has no comments.
	for _, line := range r.Check {
		fmt.Fprintln(w.stderr, "check:", oneLine(line))
	}
	raw, err := json.Marshal(r.Config)
	if err != nil {
		return nil, r.Lost, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, r.Lost, err
	}
	out.WriteString("\n")
	return out.Bytes(), r.Lost, nil
}
