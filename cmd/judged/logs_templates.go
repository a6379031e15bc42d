package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/files"
	"github.com/judged-dev/judged/logs/redact"
	"github.com/judged-dev/judged/logs/template"
	"github.com/judged-dev/judged/report"
)

type logsTemplatesCommand struct {
	Files  []string `arg:"" optional:"" name:"file" placeholder:"FILE" help:"Files and folders, plain or compressed with gzip or zstd; standard input if absent or -."`
	Sort   string   `enum:"severity,count" default:"severity" help:"What comes first: ${enum}."`
	Level  string   `enum:"any,debug,info,warn,error,critical" default:"any" help:"Show only what is at least this bad: ${enum}."`
	Limit  int      `default:"50" placeholder:"N" help:"Show at most this many templates; 0 shows all."`
	Format string   `enum:"text,json,tsv,markdown" default:"text" short:"f" help:"How to print them: ${enum}; tsv has a row for every line of the input."`
	logOptions
}

// Help is shown by "judged logs templates --help".
func (logsTemplatesCommand) Help() string {
	return `Reads logs and prints one row for each template: what one statement of a program
wrote, with <*> where its lines differ. Lines may be JSON, logfmt, plain text, OTLP,
those of Docker and of Kubernetes; stack traces belong to the line before them. A
template's id is the same in every run, so that "judged logs diff --pin" and a config
can name it.

While a terminal waits, it shows the templates so far.

Examples:
  judged logs templates app.log
  judged logs templates /var/log/pods/shop_checkout-*/ --level warn
  kubectl logs deploy/checkout --since 1h | judged logs templates
  judged logs templates app.log.gz --sort count --limit 0 --format json
  judged logs templates app.log --format tsv | sort -k2,2 | less

With --format tsv the columns are the line's number (counted on from file to file),
the template's id and the template. The lines of a stack trace have the template of
the line that they belong to; empty lines have none, and lines that found no room in
--memory have "-". It shows all levels, and keeps 8 bytes a line in a temporary file.

Exit codes: 0 all was read, 3 it was not.`
}

// Validate is called by kong.
func (c logsTemplatesCommand) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit %d: give a number of templates, or 0 for all", c.Limit)
	}
	return c.logOptions.Validate()
}

// sparkCell is how finely time is kept: the bars of a short log are of seconds.
// A miner makes cells longer when there are too many.
const sparkCell = time.Second

// Run reads all and prints the templates.
func (c logsTemplatesCommand) Run(ctx context.Context, w world) error {
	clean, err := c.redactor()
	if err != nil {
		return err
	}
	if len(c.Files) == 0 {
		c.Files = []string{files.Stdin}
	}
	m := c.miner(sparkCell)
	each := func(r *logs.Record, _ files.Position) { m.Add(r) }
	var lines *lineHashes
	if c.Format == "tsv" {
		if lines, err = newLineHashes(maxLineBytes); err != nil {
			return err
		}
		defer lines.close()
		each = func(r *logs.Record, at files.Position) { lines.add(at, m.Add(r)) }
	}
	watch := newWatch(w, "")
	if lines != nil {
		watch.end = lines.end
	}
	live := c.live(w, watch, m, clean)
	summary, err := c.read(ctx, w, "", c.Files, watch, each)
	live.clear()
	watch.close()
	interrupted := err != nil && ctx.Err() != nil && m.Lines > 0 && lines == nil
	if err != nil && !interrupted {
		return err
	}
	if lines != nil {
		return lines.write(w.stdout, m, clean)
	}
	if err := c.print(w, c.table(m, clean, doubts(summary, m))); err != nil {
		return err
	}
	if interrupted {
		return errors.New("interrupted: this is what was read until then")
	}
	return nil
}

func (c logsTemplatesCommand) print(w world, t *report.Templates) error {
	switch c.Format {
	case "json":
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // <*> should be read
		e.SetIndent("", "  ")
		if err := e.Encode(t); err != nil {
			return err
		}
		_, err := w.stdout.Write(b.Bytes())
		return err
	case "markdown":
		return report.TemplatesMarkdown(w.stdout, t)
	default:
		options := report.TextOptions{}
		if f, ok := w.stdout.(*os.File); ok {
			options = report.DetectText(f, w.getenv)
		}
		return report.TemplatesText(w.stdout, t, options)
	}
}

// table makes rows of what was mined.
func (c logsTemplatesCommand) table(m *mine.Miner, clean *redact.Redactor, warnings []string) *report.Templates {
	all := make([]int, m.Len())
	for i := range all {
		all[i] = i
	}
	return c.tableOf(m, all, clean, warnings)
}

// tableOf makes rows of some of the skeletons.
func (c logsTemplatesCommand) tableOf(m *mine.Miner, some []int, clean *redact.Redactor, warnings []string) *report.Templates {
	skeletons := make([]template.Skeleton, len(some))
	for i, k := range some {
		skeletons[i] = m.Shape(k)
	}
	merged := template.Merge(skeletons)
	out := &report.Templates{Lines: m.Lines, First: nanos(m.First), Last: nanos(m.Last), Warnings: warnings}
	o := newOver(m)
	rows := make([]counted, 0, len(merged))
	for i := range merged {
		if t := &merged[i]; t.Level >= c.level() {
			rows = append(rows, count(m, t, some))
		}
	}
	out.All = len(rows)
	slices.SortStableFunc(rows, func(a, b counted) int {
		byLevel := cmp.Compare(b.template.Level, a.template.Level)
		if c.Sort == "count" {
			byLevel = 0
		}
		return cmp.Or(byLevel, cmp.Compare(b.lines, a.lines), cmp.Compare(a.template.ID, b.template.ID))
	})
	if c.Limit > 0 {
		rows = rows[:min(len(rows), c.Limit)]
	}
	for _, r := range rows {
		out.List = append(out.List, r.row(m, o, clean))
	}
	return out
}

// level returns the least level that is shown.
func (c logsTemplatesCommand) level() logs.Level {
	for l := logs.Debug; l <= logs.Critical; l++ {
		if l.String() == c.Level {
			return l
		}
	}
	return logs.NoLevel
}

// counted is a template with its skeletons.
type counted struct {
	template *template.Template
	members  []*mine.Skeleton
	lines    uint64
}

func count(m *mine.Miner, t *template.Template, some []int) counted {
	c := counted{template: t}
	for _, k := range t.Members {
		s := m.At(some[k])
		c.members = append(c.members, s)
		c.lines += s.Lines
	}
	return c
}

func (c *counted) row(m *mine.Miner, o over, clean *redact.Redactor) report.Template {
	t := report.Template{
		ID: templateID(c.template.ID), Text: clean.Text(c.template.Text), Level: c.template.Level.String(),
		Logger: clean.Text(c.template.Logger), Lines: c.lines, Over: o.counts(),
	}
	requests := make([]*mine.Distinct, 0, len(c.members))
	on := map[uint16]bool{}
	first, last := int64(0), int64(0)
	for _, s := range c.members {
		requests = append(requests, &s.Requests)
		if s.First != 0 && (first == 0 || s.First < first) {
			first = s.First
		}
		last = max(last, s.Last)
		for _, cell := range s.Cells {
			if m.Instances()[cell.Instance] != "" {
				on[cell.Instance] = true
			}
			o.add(t.Over, cell)
		}
	}
	t.Requests = uint64(math.Round(mine.Union(requests...).Count()))
	t.Instances, t.First, t.Last = len(on), nanos(first), nanos(last)
	return t
}

// templateID is a template's id as people see it.
func templateID(id uint64) string { return fmt.Sprintf("%016x", id) }

func nanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// over cuts the time of all lines into equal stretches.
type over struct {
	cell, from int64 // a cell's length in seconds, the first cell
	cells      int64
	n          int
}

// maxStretches is what the widest row of bars shows.
const maxStretches = 24

func newOver(m *mine.Miner) over {
	if m.First == 0 {
		return over{}
	}
	cell := int64(m.Cell / time.Second)
	from := m.First / int64(time.Second) / cell
	cells := m.Last/int64(time.Second)/cell - from + 1
	return over{cell: cell, from: from, cells: cells, n: int(min(cells, maxStretches))}
}

// counts returns an empty count for each stretch.
func (o over) counts() []uint64 {
	if o.n == 0 {
		return nil
	}
	return make([]uint64, o.n)
}

// add counts a cell; lines without a time are in none.
func (o over) add(counts []uint64, c mine.Cell) {
	at := int64(c.At) - o.from
	if len(counts) == 0 || at < 0 || at >= o.cells {
		return
	}
	counts[at*int64(o.n)/o.cells] += uint64(c.Lines)
}

// live draws the templates so far while a terminal waits for the last.
type live struct {
	watch *watch
	to    *os.File // nil: nothing is drawn
	drawn int      // lines
}

// liveSkeletons bounds what a drawing costs: templates of the most frequent are
// drawn.
const liveSkeletons = 1000

func (c logsTemplatesCommand) live(w world, watch *watch, m *mine.Miner, clean *redact.Redactor) *live {
	v := &live{watch: watch}
	to, onTerminal := watch.bar.to.(*os.File)
	out, outToo := w.stdout.(*os.File)
	if !onTerminal || !outToo || !term.IsTerminal(int(out.Fd())) || c.Format != "text" {
		return v // the result goes elsewhere: the bar is enough
	}
	v.to = to
	watch.draw = func() {
		columns, rows, err := term.GetSize(int(to.Fd()))
		if err != nil || rows < 10 {
			return
		}
		v.clear()
		watch.bar.clear()
		some := frequent(m, liveSkeletons)
		options := report.DetectText(to, w.getenv)
		options.Width = columns
		var b strings.Builder
		if report.TemplatesText(&b, c.tableOf(m, some, clean, nil), options) != nil {
			return
		}
		text := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
		text = text[:min(len(text), rows-3)]
		drawn := strings.TrimSuffix(strings.Join(text, ""), "\n") + "\n"
		v.drawn = len(text)
		fmt.Fprint(to, drawn)
	}
	return v
}

// clear takes the drawing away.
func (v *live) clear() {
	if v.to != nil && v.drawn > 0 {
		fmt.Fprintf(v.to, "\r\x1b[%dA\x1b[J", v.drawn)
		v.drawn = 0
	}
}

// frequent returns the places of the skeletons with the most lines, the errors
// first.
func frequent(m *mine.Miner, most int) []int {
	all := make([]int, m.Len())
	for i := range all {
		all[i] = i
	}
	if len(all) <= most {
		return all
	}
	slices.SortFunc(all, func(a, b int) int {
		x, y := m.At(a), m.At(b)
		return cmp.Or(cmp.Compare(y.Level, x.Level), cmp.Compare(y.Lines, x.Lines), cmp.Compare(a, b))
	})
	return all[:most]
}
