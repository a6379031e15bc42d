package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".seg"
	fromPrefix    = "from-"
)

// plain names are the same folder on every file system, also where case does not
// count.
var plain = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// tenantDir returns the folder of a tenant; the only tenant of a server has no
// name.
func tenantDir(dir, tenant string) string {
	switch {
	case tenant == "":
		return filepath.Join(dir, "tenant")
	case plain.MatchString(tenant):
		return filepath.Join(dir, "tenant="+tenant)
	default:
		sum := sha256.Sum256([]byte(tenant))
		return filepath.Join(dir, "tenant~"+hex.EncodeToString(sum[:16]))
	}
}

func isTenantDir(e fs.DirEntry) bool { return e.IsDir() && strings.HasPrefix(e.Name(), "tenant") }

// fileSafe returns a replica's name as file names can have it.
func fileSafe(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 64)]
}

// stamp is a time as file names have it: they sort as the times do.
func stamp(t time.Time) string { return fmt.Sprintf("%020d", max(t.UnixNano(), 0)) }

// listing is what a folder has.
type listing struct {
	segments []string  // names, oldest first
	from     time.Time // nothing before it is here; zero if nobody said so
}

// list reads a folder; one that is not there is empty.
func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir) // sorted
	if errors.Is(err, fs.ErrNotExist) {
		return listing{}, nil
	}
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, segmentSuffix) {
			l.segments = append(l.segments, name)
		} else if digits, ok := strings.CutPrefix(name, fromPrefix); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				if t := time.Unix(0, n); t.After(l.from) {
					l.from = t
				}
			}
		}
	}
	return l, nil
}

// beginAt says that nothing before a time is in dir, for as long as dir is there.
// Whoever lists a folder after something was deleted sees the file.
func beginAt(dir string, t time.Time) error {
	name := fromPrefix + stamp(t)
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fromPrefix) && e.Name() < name {
			_ = os.Remove(filepath.Join(dir, e.Name())) // an earlier one says nothing new
		}
	}
	return nil
}
