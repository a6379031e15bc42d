package store

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// Config is one revision of a config.
type Config struct {
	Name            string
	Revision        int64
	Created         time.Time
	Author, Comment string
	// Config is the encoded message.
	Config []byte
}

// RevisionError says that a config is at another revision than was expected.
type RevisionError struct{ Latest, Expected int64 }

// Error implements error.
func (e *RevisionError) Error() string { return ErrConflict.Error() }

// Unwrap returns ErrConflict.
func (e *RevisionError) Unwrap() error { return ErrConflict }

// Bounds are how much a tenant may keep: configs, of which more are a
// *TooManyError, and revisions of each, of which the oldest go first.
type Bounds struct{ Configs, Revisions int }

// PutConfig stores c as a new revision after the expected one, 0 for a config
// that must not exist (ErrExists). A *RevisionError tells the latest.
func (s *Store) PutConfig(ctx context.Context, tenant string, c Config, expected int64, most Bounds) (Config, error) {
	err := s.write(ctx, "store a config", func(q querier) error {
		var err error
		c.Revision, err = s.putConfig(ctx, q, tenant, c, expected, most)
		return err
	})
	return c, err
}

func (s *Store) putConfig(ctx context.Context, q querier, tenant string, c Config, expected int64, most Bounds) (int64, error) {
	revision := expected + 1
	if expected == 0 {
		// A config that was deleted goes on after its last revision, so that a
		// revision never means two things.
		if err := s.row(ctx, q, []any{&revision}, "SELECT COALESCE(MAX(revision), 0) + 1 FROM config_revisions WHERE tenant = $1 AND name = $2", tenant, c.Name); err != nil {
			return 0, err
		}
		var n int
		if err := s.row(ctx, q, []any{&n}, "SELECT count(*) FROM configs WHERE tenant = $1", tenant); err != nil {
			return 0, err
		}
		if n >= most.Configs {
			return 0, &TooManyError{n}
		}
		if err := s.exec(ctx, q, ErrExists, "INSERT INTO configs (tenant, name, revision) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", tenant, c.Name, revision); err != nil {
			return 0, err
		}
	} else if err := s.exec(ctx, q, ErrConflict, "UPDATE configs SET revision = $1 WHERE tenant = $2 AND name = $3 AND revision = $4", revision, tenant, c.Name, expected); err != nil {
		if errors.Is(err, ErrConflict) {
			var latest int64
			if err := s.row(ctx, q, []any{&latest}, "SELECT revision FROM configs WHERE tenant = $1 AND name = $2", tenant, c.Name); err != nil {
				return 0, err
			}
			return 0, &RevisionError{Latest: latest, Expected: expected}
		}
		return 0, err
	}
	if _, err := q.ExecContext(ctx, "INSERT INTO config_revisions (tenant, name, revision, created, author, comment, config) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		tenant, c.Name, revision, micros(c.Created), c.Author, c.Comment, c.Config); err != nil {
		return 0, err
	}
	_, err := q.ExecContext(ctx, "DELETE FROM config_revisions WHERE tenant = $1 AND name = $2 AND revision <= $3", tenant, c.Name, revision-int64(most.Revisions))
	return revision, err
}

// Imported is what became of one config of PutConfigs.
type Imported struct {
	Config
	// Before is the revision it had, 0 if it is new; equal to Revision if it says
	// the same.
	Before int64
}

// PutConfigs stores several configs, all or none of them, whatever revisions they
// have. Those that say what the latest revision says are left alone. With dry it
// only says what it would do.
func (s *Store) PutConfigs(ctx context.Context, tenant string, configs []Config, most Bounds, dry bool) ([]Imported, error) {
	var done []Imported
	errDry := errors.New("dry run")
	err := s.write(ctx, "store configs", func(q querier) error {
		done = done[:0]
		for _, c := range configs {
			known, err := s.config(ctx, q, tenant, c.Name, 0)
			switch {
			case errors.Is(err, ErrNotFound):
				known.Revision = 0
			case err != nil:
				return err
			case bytes.Equal(known.Config, c.Config):
				done = append(done, Imported{known, known.Revision})
				continue
			}
			if c.Revision, err = s.putConfig(ctx, q, tenant, c, known.Revision, most); err != nil {
				return err
			}
			done = append(done, Imported{c, known.Revision})
		}
		if dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return done, err
}

// Config returns a revision of a config; 0 is the latest. Revisions of a config
// that was deleted are found by their number.
func (s *Store) Config(ctx context.Context, tenant, name string, revision int64) (Config, error) {
	var c Config
	err := s.read(ctx, "read a config", func(q querier) error {
		var err error
		c, err = s.config(ctx, q, tenant, name, revision)
		return err
	})
	return c, err
}

const configColumns = "r.name, r.revision, r.created, r.author, r.comment, r.config"

func scanConfig(scan func(...any) error) (Config, error) {
	var (
		c       Config
		created int64
	)
	err := scan(&c.Name, &c.Revision, &created, &c.Author, &c.Comment, &c.Config)
	c.Created = moment(created)
	return c, err
}

func (s *Store) config(ctx context.Context, q querier, tenant, name string, revision int64) (Config, error) {
	statement, args := "SELECT "+configColumns+` FROM configs c JOIN config_revisions r ON r.tenant = c.tenant AND r.name = c.name AND r.revision = c.revision
		WHERE c.tenant = $1 AND c.name = $2`, []any{tenant, name}
	if revision != 0 {
		statement, args = "SELECT "+configColumns+" FROM config_revisions r WHERE r.tenant = $1 AND r.name = $2 AND r.revision = $3", append(args, revision)
	}
	c, found := Config{}, ErrNotFound
	err := s.rows(ctx, q, func(scan func(...any) error) error {
		var err error
		c, err = scanConfig(scan)
		found = nil
		return err
	}, statement, args...)
	if err == nil {
		err = found
	}
	return c, err
}

// Configs returns at most n latest revisions, by name after one; fewer if they
// are large, but two if there are.
func (s *Store) Configs(ctx context.Context, tenant, after string, n int) ([]Config, error) {
	return s.listConfigs(ctx, "SELECT "+configColumns+` FROM configs c JOIN config_revisions r ON r.tenant = c.tenant AND r.name = c.name AND r.revision = c.revision
		WHERE c.tenant = $1 AND c.name > $2 ORDER BY c.name LIMIT $3`, tenant, after, n)
}

// Revisions returns at most n revisions of a config, newest first, of those
// before one (0: all); fewer if they are large, but two if there are.
func (s *Store) Revisions(ctx context.Context, tenant, name string, before int64, n int) ([]Config, error) {
	if before == 0 {
		before = 1 << 62
	}
	return s.listConfigs(ctx, "SELECT "+configColumns+` FROM config_revisions r
		WHERE r.tenant = $1 AND r.name = $2 AND r.revision < $3 ORDER BY r.revision DESC LIMIT $4`, tenant, name, before, n)
}

func (s *Store) listConfigs(ctx context.Context, statement string, args ...any) ([]Config, error) {
	var list []Config
	err := s.read(ctx, "list configs", func(q querier) error {
		list = list[:0]
		bytes := 0
		return s.rows(ctx, q, func(scan func(...any) error) error {
			c, err := scanConfig(scan)
			list = append(list, c)
			if bytes += len(c.Config); err == nil && bytes > listBytes && len(list) > 1 {
				return errEnough
			}
			return err
		}, statement, args...)
	})
	return list, err
}

// DeleteConfig removes a config. Its revisions stay for the analyses that used
// them, and for whoever asks what it said.
func (s *Store) DeleteConfig(ctx context.Context, tenant, name string) error {
	return s.write(ctx, "delete a config", func(q querier) error {
		return s.exec(ctx, q, ErrNotFound, "DELETE FROM configs WHERE tenant = $1 AND name = $2", tenant, name)
	})
}
