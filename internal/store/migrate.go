package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of PostgreSQL's advisory lock: "judged" in ASCII.
const migrationLock = 0x6a7564676564

// migrate brings the schema up to date in one transaction. Replicas that start
// together wait for each other.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(files)
	return s.write(ctx, "bring the schema up to date", func(q querier) error {
		if s.db.shared() {
			if _, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, checked INTEGER NOT NULL)"); err != nil {
			return err
		}
		version := 0
		switch err := s.row(ctx, q, []any{&version}, "SELECT version FROM schema_version"); {
		case errors.Is(err, ErrNotFound):
			if _, err := q.ExecContext(ctx, "INSERT INTO schema_version (version, checked) VALUES (0, 0)"); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		latest := 0
		for _, file := range files {
			number, err := strconv.Atoi(strings.TrimPrefix(file, "migrations/")[:4])
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if latest = number; number <= version {
				continue
			}
			text, err := migrations.ReadFile(file)
			if err != nil {
				return err
			}
			for statement := range strings.SplitSeq(string(text), ";\n") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				if _, err := q.ExecContext(ctx, s.db.text(statement)); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			if _, err := q.ExecContext(ctx, "UPDATE schema_version SET version = $1", number); err != nil {
				return err
			}
		}
		if version > latest {
			return fmt.Errorf("its schema has version %d and this judged knows %d: a newer judged has used it; run that one, or restore the backup from before", version, latest)
		}
		return nil
	})
}
