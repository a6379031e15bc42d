package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

func init() {
	logs.Register(logs.Provider{Name: "files", Expand: Expand, Open: openSettings})
}

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Options say how files are read. The zero value is right for most.
type Options struct {
	// Name is what errors call the source; its paths if empty.
	Name string
	// Format is how the lines are written; Auto if it is not given.
	Format decode.Format
	// Timeout bounds one read; 0: only the context does.
	Timeout time.Duration
	// MaxBytes bounds how much text one read may take after decompression; 0: 1 TiB.
	// It is read in pieces, so that this bounds time rather than memory.
	MaxBytes int64
	// Stdin is standard input; os.Stdin if nil.
	Stdin io.Reader
	// Progress, if not nil, is told from the goroutine that reads how far it is:
	// about every MiB, and at the end of each file.
	Progress func(Progress)
}

// Progress is how far a read is.
type Progress struct {
	// File is the one that is read.
	File string
	// Read and Total are bytes of all files as they are on disk, compressed. Total
	// is 0 if it is unknown, as it is with standard input.
	Read, Total int64
	// Lines is how many lines File has, once it was read to its end; 0 before.
	Lines int64
}

// Position is where a record was read.
type Position struct {
	// File is the path, "-" for standard input.
	File string
	// Line is the number of its first line in the file, from 1, and Span is how
	// many lines of the file it covers.
	Line int64
	Span int
}

// Files is a logs.Source of files.
type Files struct {
	o     Options
	paths []string
	// drained: standard input can be read but once.
	drained atomic.Bool
}

var _ logs.Source = (*Files)(nil)

// defaultMaxBytes is more than anybody waits for.
const defaultMaxBytes = 1 << 40

// Open returns a source of the files and directories at these paths, in this
// order; "-" is standard input. Errors are *metrics.Error.
func Open(paths []string, o Options) (*Files, error) {
	f := &Files{o: o, paths: slices.Clone(paths)}
	f.o.Name = cmp.Or(o.Name, strings.Join(paths, " "))
	f.o.MaxBytes = cmp.Or(o.MaxBytes, defaultMaxBytes)
	if f.o.Stdin == nil {
		f.o.Stdin = os.Stdin
	}
	if len(paths) == 0 {
		return nil, f.error("open", "", metrics.Misconfigured, errors.New("no path is given"), "name a file or a directory")
	}
	for i, p := range paths {
		if p == Stdin {
			if slices.Contains(paths[:i], Stdin) {
				return nil, f.error("open", "", metrics.Misconfigured, errors.New("standard input is given twice"), "it can be read once")
			}
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return nil, f.sorted("open", "", err)
		}
	}
	return f, nil
}

// openSettings opens the settings' URL as the root. Timeout bounds a read and
// MaxResponseBytes its text; the other settings are for servers.
func openSettings(s metrics.Settings) (logs.Source, error) {
	root := strings.TrimPrefix(s.URL, "file://")
	if root == "" || root == Stdin {
		return nil, &metrics.Error{
			Op: "open", Source: s.Name, Reason: metrics.Misconfigured,
			Err: fmt.Errorf("the URL %q is no path", s.URL), Hint: "give the file or the directory that holds the logs",
		}
	}
	f, err := Open([]string{root}, Options{Name: s.Name, Timeout: s.Timeout, MaxBytes: s.MaxResponseBytes})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Close implements logs.Source; there is nothing to release.
func (f *Files) Close() error { return nil }

// Read implements logs.Source.
func (f *Files) Read(ctx context.Context, query logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	return f.ReadLines(ctx, query, func(rec *logs.Record, _ Position) error { return each(rec) })
}

// ReadLines is Read for who wants to know where each record is from.
func (f *Files) ReadLines(ctx context.Context, query logs.Query, each func(*logs.Record, Position) error) (logs.Summary, error) {
	if f.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.o.Timeout)
		defer cancel()
	}
	var total logs.Summary
	glob, where, err := parseQuery(query.Expr)
	if err != nil {
		return total, f.sorted("query", query.Expr, err)
	}
	list, err := f.list(ctx, glob)
	if err != nil {
		return total, f.sorted("query", query.Expr, err)
	}
	r := reading{
		files: f, query: query, where: where, each: each, left: f.o.MaxBytes, lines: cmp.Or(max(query.MaxLines, 0), logs.DefaultMaxLines),
		progress: progress{tell: f.o.Progress},
	}
	for _, one := range list {
		r.progress.total += one.size
	}
	if slices.ContainsFunc(list, func(one file) bool { return one.path == Stdin }) {
		r.progress.total = 0
	}
	for _, one := range list {
		s, err := r.file(ctx, one)
		add(&total, s)
		if r.own != nil {
			return total, r.own
		}
		if err != nil {
			return total, f.sorted("query", query.Expr, err)
		}
	}
	return total, nil
}

// maxWarnings bounds how many are kept: thousands of files may have the same.
const maxWarnings = 20

func add(total *logs.Summary, s logs.Summary) {
	total.Lines += s.Lines
	total.Bytes += s.Bytes
	total.Undated += s.Undated
	total.Malformed += s.Malformed
	total.Cut += s.Cut
	if room := maxWarnings - len(total.Warnings); room > 0 {
		total.Warnings = append(total.Warnings, s.Warnings[:min(room, len(s.Warnings))]...)
	}
}

// A queryError is one that the query's author can mend.
type queryError struct {
	err  error
	hint string
}

func (e *queryError) Error() string { return e.err.Error() }

// A sizeError says that there is more than a limit allows.
type sizeError struct {
	err  error
	hint string
}

func (e *sizeError) Error() string { return e.err.Error() }

// sorted makes a *metrics.Error of what went wrong.
func (f *Files) sorted(op, query string, err error) error {
	var asked *queryError
	var size *sizeError
	switch {
	case errors.As(err, &asked):
		return f.error(op, query, metrics.BadQuery, err, asked.hint)
	case errors.As(err, &size):
		return f.error(op, query, metrics.TooLarge, err, size.hint)
	case errors.Is(err, context.DeadlineExceeded):
		return f.error(op, query, metrics.Unavailable, err, "reading took longer than is allowed: ask for fewer files or raise the time-out")
	case errors.Is(err, context.Canceled):
		return f.error(op, query, metrics.Canceled, err, "")
	case errors.Is(err, fs.ErrPermission):
		return f.error(op, query, metrics.Denied, err, "the user that judged runs as has to be allowed to read it")
	case errors.Is(err, fs.ErrNotExist):
		return f.error(op, query, metrics.Misconfigured, err, "is the path right, and mounted here?")
	case errors.As(err, new(*fs.PathError)):
		return f.error(op, query, metrics.Unavailable, err, "")
	}
	return f.error(op, query, metrics.BadAnswer, err, "")
}

func (f *Files) error(op, query string, reason metrics.Reason, err error, hint string) error {
	return &metrics.Error{Op: op, Source: f.o.Name, Query: query, Reason: reason, Err: err, Hint: hint}
}
