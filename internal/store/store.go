package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Store is a database. It is safe for concurrent use.
type Store struct {
	db      database
	replica string
	alive   *alive // nil for a database of one process
}

// database is what the two kinds differ in.
type database interface {
	// read runs f on a connection that sees what is committed.
	read(ctx context.Context, f func(querier) error) error
	// write runs f in a transaction, all of it or nothing. f may run again if
	// the database asks for that.
	write(ctx context.Context, f func(querier) error) error
	// text returns a statement in the database's words.
	text(statement string) string
	// check reports whether the database answers.
	check(ctx context.Context) error
	close() error
	// shared reports whether other processes may use it at the same time.
	shared() bool
	name() string
}

// querier is a connection, inside a transaction or not.
type querier interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, statement string, args ...any) *sql.Row
}

// Errors that callers tell apart.
var (
	// ErrNotFound: there is no such row, or it belongs to another tenant.
	ErrNotFound = errors.New("not found")
	// ErrExists: there is one already.
	ErrExists = errors.New("already exists")
	// ErrConflict: somebody else changed it meanwhile.
	ErrConflict = errors.New("changed meanwhile")
	// ErrText: a text has a zero byte or is not UTF-8, which PostgreSQL does not
	// take.
	ErrText = errors.New("a text has a zero byte or is not UTF-8")
	// ErrTooMany: the tenant has as many as it may; a *TooManyError tells how many.
	ErrTooMany = errors.New("there are too many")
	// ErrLeaseLost: the task's lease ran out and somebody else may have it.
	ErrLeaseLost = errors.New("the lease was lost")
)

// Error says what the store was asked and why it failed.
type Error struct {
	Op       string
	Database string
	Err      error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s in %s: %v", e.Op, e.Database, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Options of Open.
type Options struct {
	// URL says where: "sqlite:PATH" (a bare path works, too), "memory:" for a
	// database that is gone with the process, or "postgres://user@host/name".
	URL string
	// Replica names this process in leases and looks; unique among all that use
	// the database.
	Replica string
	// Password returns PostgreSQL's password whenever it connects; nil uses what
	// the address, the environment or a passfile says.
	Password func() (string, error)
	// Connections bounds those to PostgreSQL; 0 is 16.
	Connections int
}

// Open opens the database, creates it if it is new, and brings its schema up to
// date; several replicas may do so at the same time. It waits for a PostgreSQL
// that does not answer yet until ctx ends.
func Open(ctx context.Context, o Options) (*Store, error) {
	var (
		db  database
		err error
	)
	switch {
	case o.Replica == "":
		return nil, errors.New("open the store: this replica has no name")
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		db, err = openPostgres(ctx, o)
	case o.URL == "memory:":
		db, err = openSQLite(ctx, "")
	case o.URL == "":
		return nil, errors.New("open the store: no address: give a file's path, or postgres://user@host/name")
	default:
		path := strings.TrimPrefix(o.URL, "sqlite:")
		if strings.Contains(path, "://") {
			scheme, _, _ := strings.Cut(path, "://")
			return nil, fmt.Errorf("open the store: a %q database is not known: give a file's path (sqlite:PATH) or postgres://user@host/name", scheme)
		}
		db, err = openSQLite(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &Store{db: db, replica: o.Replica}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), db.close())
	}
	if p, ok := db.(*postgres); ok {
		s.alive = beAlive(ctx, p.db, o.Replica, s.giveBack, s.claimants)
	} else {
		// Whoever held leases here is gone: the file has one process.
		if err := s.releaseAll(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open the store: %w", err), db.close())
		}
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error {
	if s.alive != nil {
		s.alive.close()
		s.alive = nil
	}
	return s.db.close()
}

// Check reports whether the database answers and can be written.
func (s *Store) Check(ctx context.Context) error { return s.fail("check", s.db.check(ctx)) }

// Name returns what database this is, without credentials.
func (s *Store) Name() string { return s.db.name() }

// Shared reports whether other replicas may use the database.
func (s *Store) Shared() bool { return s.db.shared() }

func (s *Store) fail(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooMany), errors.Is(err, ErrNotFound), errors.Is(err, ErrExists), errors.Is(err, ErrConflict), errors.Is(err, ErrLeaseLost):
		return err
	case refusedText(err):
		return ErrText
	default:
		return &Error{Op: op, Database: s.db.name(), Err: err}
	}
}

func (s *Store) read(ctx context.Context, op string, f func(querier) error) error {
	return s.fail(op, s.db.read(ctx, f))
}

func (s *Store) write(ctx context.Context, op string, f func(querier) error) error {
	return s.fail(op, s.db.write(ctx, f))
}

// exec runs a statement that must change rows; none is missing.
func (s *Store) exec(ctx context.Context, q querier, missing error, statement string, args ...any) error {
	result, err := q.ExecContext(ctx, s.db.text(statement), args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return missing
	}
	return nil
}

// A list reads no more of its rows than listBytes, and two rows at least, however
// many it may return: who asks for a page of large ones gets a short page.
const listBytes = 4 << 20

// errEnough ends rows.
var errEnough = errors.New("enough rows")

// rows calls each with every row, until it returns errEnough.
func (s *Store) rows(ctx context.Context, q querier, each func(scan func(...any) error) error, statement string, args ...any) error {
	rows, err := q.QueryContext(ctx, s.db.text(statement), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says the same
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}

// row scans the one row of a query, or returns ErrNotFound.
func (s *Store) row(ctx context.Context, q querier, into []any, statement string, args ...any) error {
	err := q.QueryRowContext(ctx, s.db.text(statement), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// withoutPassword returns a database's address as it may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "PostgreSQL"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
