package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// recover takes away what processes left unfinished that are no more, and says
// where a new spool begins.
func (s *Spool) recover() error {
	root, err := list(s.o.Dir)
	if err != nil {
		return err
	}
	if root.from.IsZero() {
		if err := beginAt(s.o.Dir, s.o.Now()); err != nil {
			return err
		}
	}
	return s.eachTenant(func(dir string) error {
		l, err := list(dir)
		if err != nil {
			return err
		}
		for _, name := range l.segments {
			if err := s.mend(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("recover %s: %w", filepath.Join(dir, name), err)
			}
		}
		s.sweepDir(dir)
		return nil
	})
}

func (s *Spool) eachTenant(do func(dir string) error) error {
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTenantDir(e) {
			if err := do(filepath.Join(s.o.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// mend drops the torn end of a segment that nobody writes to any more. A damaged
// one goes as a whole: what is missing of it has no known time, so that all of its
// time is gone.
func (s *Spool) mend(path string) error {
	f, err := own(path)
	if errors.Is(err, errOwned) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var x index
	if err := x.extend(f); err != nil || x.rest == 0 {
		return err
	}
	s.stats.torn.Add(1)
	s.log.Warn("a segment's end was not whole and is dropped", slog.String("file", path), slog.Int64("bytes", x.rest), slog.Bool("damaged", x.damaged))
	if !x.damaged {
		return f.Truncate(x.size)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := beginAt(filepath.Dir(path), info.ModTime().Add(MaxAhead)); err != nil {
		return err
	}
	return os.Remove(path)
}

// errOwned: a living process writes to the segment, or has just deleted it.
var errOwned = errors.New("it is another process's")

// own opens a segment that no living process writes to, as its new owner.
func own(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errOwned
	}
	if err != nil {
		return nil, err
	}
	if ok, err := lock(f); err != nil || !ok {
		f.Close()
		return nil, cmp.Or(err, errOwned)
	}
	return f, nil
}

// sweep deletes what is too old or too much, and closes segments that had their
// time.
func (s *Spool) sweep() {
	now := s.o.Now()
	for dir, g := range s.open {
		if s.full(g, now) {
			s.close(dir)
		}
	}
	err := s.eachTenant(func(dir string) error {
		s.sweepDir(dir)
		return nil
	})
	if err != nil {
		s.log.Error("old entries could not be looked for", slog.Any("error", err))
	}
}

// sweepDir deletes what is too old or too much of one tenant.
func (s *Spool) sweepDir(dir string) {
	if err := s.deleteFrom(dir); err != nil {
		s.log.Error("old entries could not be deleted", slog.Any("error", err))
	}
}

func (s *Spool) deleteFrom(dir string) error {
	l, err := list(dir)
	if err != nil {
		return err
	}
	s.reader.retain(dir, l.segments)
	sizes, total := make([]int64, len(l.segments)), int64(0)
	for i, name := range l.segments {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			sizes[i] = info.Size()
			total += sizes[i]
		}
	}
	segments := int64(len(l.segments))
	defer func() {
		s.stats.bytes.Add(total - s.bytes[dir])
		s.stats.segments.Add(segments - s.segments[dir])
		s.bytes[dir], s.segments[dir] = total, segments
	}()
	old := s.o.Now().Add(-s.o.MaxAge)
	for i, name := range l.segments {
		path := filepath.Join(dir, name)
		last, crowded := s.lastOf(path), total > s.o.MaxBytes
		if !crowded && !last.Before(old) {
			continue
		}
		gone, err := s.delete(dir, path, last)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		total -= sizes[i]
		segments--
		s.stats.deleted.Add(1)
		if last.After(old) {
			s.stats.crowded.Add(1)
		}
	}
	return nil
}

// lastOf returns the latest time in a segment.
func (s *Spool) lastOf(path string) time.Time {
	x, err := s.reader.index(path)
	last, ok := x.last()
	if err != nil || !ok || x.rest > 0 {
		// Nobody knows: then it is no older than its last change.
		info, err := os.Stat(path)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime().Add(MaxAhead)
	}
	return time.Unix(0, last)
}

// delete deletes a segment unless a process is writing to it.
func (s *Spool) delete(dir, path string, last time.Time) (bool, error) {
	if g := s.open[dir]; g != nil && g.path == path {
		return false, nil
	}
	f, err := own(path)
	if errors.Is(err, errOwned) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	// First the word, then the deed: see Reader.check.
	if err := beginAt(dir, last); err != nil {
		return false, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	s.reader.forget(path)
	return true, nil
}
