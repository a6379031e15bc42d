package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// sqlite is a file that one process has open. Reads run side by side on their
// own connections; writes are collected and committed together, since what a
// commit costs is waiting for the disk.
type sqlite struct {
	reads  *sql.DB
	writes *sql.DB
	conn   *prepared
	path   string
	lock   *os.File

	queue  chan *write
	closed chan struct{}
	done   sync.WaitGroup

	once     sync.Once
	closeErr error
}

// write is one transaction of a caller.
type write struct {
	f      func(querier) error
	err    error
	result chan struct{}
}

// maxBatch bounds the transactions that are committed together.
const maxBatch = 64

// openSQLite opens the file; an empty path is a database in memory.
func openSQLite(ctx context.Context, path string) (*sqlite, error) {
	s := &sqlite{path: path, queue: make(chan *write, maxBatch), closed: make(chan struct{})}
	options := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)", "cache_size(-16000)", "wal_autocheckpoint(4000)",
	}}
	name := "file:" + (&url.URL{Path: path}).EscapedPath()
	if path == "" {
		// Each such database has a name of its own and lives as long as a connection.
		name = fmt.Sprintf("file:judged-%d", memories.next())
		options.Set("mode", "memory")
		options.Set("cache", "shared")
		options["_pragma"] = []string{"busy_timeout(10000)", "read_uncommitted(0)"}
	} else {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		lock, err := lockFile(path + ".lock")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s.lock = lock
		// What analyses saw is not for everybody on the machine. SQLite gives the
		// files beside it the same mode.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		if err := f.Close(); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	fail := func(err error) (*sqlite, error) {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.name(), err), s.closeFiles())
	}
	var err error
	if s.writes, err = sql.Open("sqlite", name+"?"+options.Encode()); err != nil {
		return fail(err)
	}
	s.writes.SetMaxOpenConns(1)
	s.writes.SetConnMaxLifetime(0)
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return fail(err)
	}
	s.conn = &prepared{Conn: conn, statements: map[string]*sql.Stmt{}}
	if path == "" {
		s.reads = s.writes // a database in memory has no snapshots: one connection does it all
	} else {
		options.Add("_pragma", "query_only(1)")
		if s.reads, err = sql.Open("sqlite", name+"?"+options.Encode()); err != nil {
			return fail(err)
		}
		s.reads.SetMaxOpenConns(8)
		s.reads.SetMaxIdleConns(8)
	}
	s.done.Go(s.commitAll)
	return s, nil
}

var memories counter

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// prepared prepares each statement once: to SQLite that is half of the work. They
// are closed with the connection.
type prepared struct {
	*sql.Conn
	statements map[string]*sql.Stmt
}

func (p *prepared) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := p.statements[text]; ok {
		return s, nil
	}
	s, err := p.PrepareContext(ctx, text)
	if err == nil && len(p.statements) < 256 {
		p.statements[text] = s
	}
	return s, err
}

// ExecContext implements querier.
func (p *prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := p.prepare(ctx, text) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext implements querier.
func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := p.prepare(ctx, text) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext implements querier.
func (p *prepared) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	s, err := p.prepare(ctx, text) //nolint:sqlclosecheck // kept
	if err != nil {
		return p.Conn.QueryRowContext(ctx, text, args...) // says the same error
	}
	return s.QueryRowContext(ctx, args...)
}

func (s *sqlite) read(ctx context.Context, f func(querier) error) error {
	if s.reads == s.writes {
		return s.write(ctx, f)
	}
	return f(s.reads)
}

var errClosed = errors.New("it is closed")

func (s *sqlite) write(ctx context.Context, f func(querier) error) error {
	w := &write{f: f, result: make(chan struct{})}
	select {
	case s.queue <- w:
	case <-s.closed:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// From here on it may be committed whatever the caller does, so the caller
	// waits to know.
	select {
	case <-w.result:
		return w.err
	case <-s.closed:
		s.done.Wait()
		select {
		case <-w.result:
			return w.err
		default:
			return errClosed
		}
	}
}

// commitAll commits what callers queue, as many at once as there are.
func (s *sqlite) commitAll() {
	for {
		select {
		case first := <-s.queue:
			batch := []*write{first}
			for len(batch) < maxBatch {
				select {
				case next := <-s.queue:
					batch = append(batch, next)
					continue
				default:
				}
				break
			}
			s.commit(batch)
		case <-s.closed:
			return
		}
	}
}

// commitTimeout bounds one commit: a disk that takes longer is broken.
const commitTimeout = time.Minute

func (s *sqlite) commit(batch []*write) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	defer func() {
		for _, w := range batch {
			close(w.result)
		}
	}()
	failAll := func(err error) {
		for _, w := range batch {
			if w.err == nil {
				w.err = err
			}
		}
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		failAll(err)
		return
	}
	for _, w := range batch {
		if err := s.apart(ctx, w); err != nil {
			failAll(err)
			_, _ = s.conn.ExecContext(ctx, "ROLLBACK") // SQLite may have done so already
			return
		}
	}
	if _, err := s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		failAll(err)
		_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
	}
}

// apart runs one caller's transaction so that its failure is its own. An error
// that it returns ends the batch.
func (s *sqlite) apart(ctx context.Context, w *write) error {
	if _, err := s.conn.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	w.err = run(w.f, s.conn)
	if w.err != nil {
		if _, err := s.conn.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
			return w.err // a full disk rolls everything back
		}
	}
	_, err := s.conn.ExecContext(ctx, "RELEASE one")
	return err
}

// run keeps a panic from taking all writes of the process with it.
func run(f func(querier) error, q querier) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f(q)
}

var sqliteWords = strings.NewReplacer(
	"{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	"{skip locked}", "",
)

func (s *sqlite) text(statement string) string {
	if !strings.Contains(statement, "{") {
		return statement
	}
	return sqliteWords.Replace(statement)
}

func (s *sqlite) check(ctx context.Context) error {
	return s.write(ctx, func(q querier) error {
		_, err := q.ExecContext(ctx, "UPDATE schema_version SET checked = 1 - checked")
		return err
	})
}

func (s *sqlite) close() error {
	s.once.Do(func() { s.closeErr = s.stop() })
	return s.closeErr
}

func (s *sqlite) stop() error {
	close(s.closed)
	s.done.Wait()
	for {
		select {
		case w := <-s.queue:
			w.err = errClosed
			close(w.result)
			continue
		default:
		}
		return s.closeFiles()
	}
}

func (s *sqlite) closeFiles() error {
	var errs []error
	if s.conn != nil {
		for _, st := range s.conn.statements {
			errs = append(errs, st.Close())
		}
		errs = append(errs, s.conn.Close())
	}
	if s.reads != nil && s.reads != s.writes {
		errs = append(errs, s.reads.Close())
	}
	if s.writes != nil {
		errs = append(errs, s.writes.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

func (s *sqlite) shared() bool { return false }

func (s *sqlite) name() string {
	if s.path == "" {
		return "memory"
	}
	return "SQLite " + s.path
}
