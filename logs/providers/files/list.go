package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	maxFiles = 10_000
	// maxEntries bounds how many names are looked at to find them, and maxDepth how
	// deep.
	maxEntries = 1_000_000
	maxDepth   = 64
)

// A file is one to read.
type file struct {
	path     string // "-" for standard input
	size     int64
	changed  time.Time
	instance string
}

// list returns the files that a glob selects, by name.
func (f *Files) list(ctx context.Context, glob string) ([]file, error) {
	w := walk{ctx: ctx}
	if glob != "" {
		w.glob = strings.Split(glob, "/")
	}
	for _, p := range f.paths {
		if p == Stdin {
			if glob != "" {
				return nil, &queryError{errors.New("standard input has no files to select from"), "leave the glob of the query empty"}
			}
			w.found = append(w.found, file{path: Stdin})
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			if err := w.directory(p, 0); err != nil {
				return nil, err
			}
			continue
		}
		// Named by itself, it may be a pipe. A glob selects a file that is the root by
		// its name.
		if ok, _ := path.Match(glob, filepath.Base(p)); ok || glob == "" {
			w.found = append(w.found, file{path: p, size: info.Size(), changed: info.ModTime()})
		}
	}
	if len(w.found) == 0 {
		return nil, w.nothing(glob)
	}
	nameInstances(w.found)
	return w.found, nil
}

// walk collects files below a directory.
type walk struct {
	ctx     context.Context //nolint:containedctx // it lives for one call
	glob    []string        // empty: everything
	found   []file
	entries int
	names   []string // some of what is directly below the roots, for errors
}

// directory adds the files of a directory, whose depth below the root says which
// part of the glob its entries have to match.
func (w *walk) directory(dir string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth == maxDepth {
		return &sizeError{fmt.Errorf("%s is more than %d directories deep", dir, maxDepth), "give a directory further down"}
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return err
	}
	if w.entries += len(entries); w.entries > maxEntries {
		return &sizeError{fmt.Errorf("there are more than %d names", maxEntries), "give a directory further down"}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if depth == 0 && len(w.names) < 5 {
			w.names = append(w.names, e.Name())
		}
		if depth < len(w.glob) {
			if ok, err := path.Match(w.glob[depth], e.Name()); err != nil || !ok {
				continue
			}
		}
		at := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := w.directory(at, depth+1); err != nil {
				return err
			}
			continue
		}
		if depth+1 < len(w.glob) {
			continue // a file where the glob wants a directory
		}
		info, err := os.Stat(at) // of what a link leads to
		if errors.Is(err, fs.ErrNotExist) {
			continue // rotated away, or a link to nothing
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if len(w.found) == maxFiles {
			return &sizeError{fmt.Errorf("there are more than %d files", maxFiles), "give a directory further down or a narrower query"}
		}
		w.found = append(w.found, file{path: at, size: info.Size(), changed: info.ModTime()})
	}
	return nil
}

// nothing is the error of a glob that selects no file.
func (w *walk) nothing(glob string) error {
	there := "nothing"
	if len(w.names) > 0 {
		there = strings.Join(w.names, ", ")
		if len(w.names) == 5 {
			there += ", …"
		}
	}
	if glob == "" {
		return &queryError{errors.New("there is no file"), "the root has " + there}
	}
	return &queryError{errors.New("no file matches"), "the root has " + there}
}

// nameInstances gives each file the instance of those of its lines that name none.
func nameInstances(files []file) {
	directories := map[string][]string{}
	for i := range files {
		f := &files[i]
		if f.path == Stdin {
			continue
		}
		f.instance = instance(f.path)
		if dir := filepath.Dir(f.path); !slices.Contains(directories[f.instance], dir) && len(directories[f.instance]) < 2 {
			directories[f.instance] = append(directories[f.instance], dir)
		}
	}
	for i := range files {
		f := &files[i]
		if f.path != Stdin && len(directories[f.instance]) > 1 {
			f.instance = filepath.Base(filepath.Dir(f.path)) + "/" + f.instance
		}
	}
}

// instance is a file's name without the extensions of logs, of compression and
// of rotation.
func instance(p string) string {
	base := filepath.Base(p)
	for {
		rest, ok := withoutExtension(base)
		if !ok {
			break
		}
		base = rest
	}
	if !isNumber(base) {
		return base
	}
	dir := filepath.Dir(p)
	// Kubernetes: NAMESPACE_POD_UID/CONTAINER/0.log
	if parts := strings.Split(filepath.Base(filepath.Dir(dir)), "_"); len(parts) == 3 {
		return parts[1]
	}
	if d := filepath.Base(dir); d != "." && d != string(filepath.Separator) {
		return d
	}
	return base
}

// withoutExtension takes one extension off; a number is one behind another: of
// app.log.1, but not of v1.2.
func withoutExtension(base string) (string, bool) {
	ext := filepath.Ext(base)
	rest := strings.TrimSuffix(base, ext)
	if rest == "" {
		return base, false
	}
	switch strings.ToLower(ext) {
	case ".log", ".json", ".jsonl", ".ndjson", ".txt", ".out", ".err", ".gz", ".zst", ".zstd":
		return rest, true
	}
	if len(ext) > 1 && isNumber(ext[1:]) {
		return withoutExtension(rest)
	}
	return base, false
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
