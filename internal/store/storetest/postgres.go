// Package storetest runs a real PostgreSQL for tests.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a server of its own, in a folder of its own.
type Postgres struct {
	bin, data string
	port      int
	user      *syscall.Credential
	process   *exec.Cmd
	log       *bytes.Buffer
	databases int
	mu        sync.Mutex
}

// ErrMissing says that PostgreSQL is not installed.
var ErrMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql")

// StartPostgres starts a server; Stop it in the end.
func StartPostgres(dir string) (*Postgres, error) {
	p := &Postgres{data: filepath.Join(dir, "data"), log: &bytes.Buffer{}}
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return nil, err
	}
	if p.bin, err = binaries(); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // it refuses to run as root
		if p.user, err = credential("postgres"); err != nil {
			return nil, err
		}
		// The folders above belong to root and to nobody else.
		for at := dir; at != filepath.Dir(at) && at != os.TempDir(); at = filepath.Dir(at) {
			if err := os.Chmod(at, 0o755); err != nil {
				return nil, err
			}
		}
		if err := os.Chown(dir, int(p.user.Uid), int(p.user.Gid)); err != nil {
			return nil, err
		}
	}
	out, err := p.command(filepath.Join(p.bin, "initdb"), "-D", p.data, "-U", "judged", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	return p, p.Start()
}

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = filepath.Dir(p.data)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.user, Setpgid: true}
	return c
}

// Start starts a server that was stopped.
func (p *Postgres) Start() error {
	p.process = p.command(filepath.Join(p.bin, "postgres"), "-D", p.data, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1",
		"-k", filepath.Dir(p.data), "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	p.process.Stdout, p.process.Stderr = p.log, p.log
	if err := p.process.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, p.url("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, p.log)
		}
	}
}

// Stop stops the server: SIGINT cuts everybody off, SIGQUIT is a crash.
func (p *Postgres) Stop(how syscall.Signal) error {
	if err := p.process.Process.Signal(how); err != nil {
		return err
	}
	err := p.process.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}

// Address returns where it listens.
func (p *Postgres) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

func (p *Postgres) url(database string) string {
	return fmt.Sprintf("postgres://judged@%s/%s?sslmode=disable", p.Address(), database)
}

// Database creates an empty database and returns its address.
func (p *Postgres) Database(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close(ctx) }()
	p.databases++
	name := fmt.Sprintf("judged_%d", p.databases)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return p.url(name), nil
}

func binaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // where Debian puts it
	if err != nil || len(found) == 0 {
		return "", ErrMissing
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user %q: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

var shared struct {
	sync.Once
	server *Postgres
	dir    string
	err    error
}

// ForTest returns the server that the tests of one program share. The test is
// skipped if PostgreSQL is not installed, but not where CI=true. Call StopShared
// in TestMain.
func ForTest(t testing.TB) *Postgres {
	t.Helper()
	shared.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "judged-postgres-"); shared.err == nil { //nolint:usetesting // it outlives the test
			shared.server, shared.err = StartPostgres(shared.dir)
		}
	})
	switch {
	case errors.Is(shared.err, ErrMissing) && os.Getenv("CI") != "true":
		t.Skip(shared.err)
	case shared.err != nil:
		t.Fatal(shared.err)
	}
	return shared.server
}

// StopShared stops the server of ForTest and removes its data.
func StopShared() {
	if shared.server != nil {
		_ = shared.server.Stop(syscall.SIGINT) // the tests are over
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
}

// Each runs test on an empty database of each kind.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "judged.db")) })
	t.Run("memory", func(t *testing.T) { test(t, "memory:") })
	t.Run("PostgreSQL", func(t *testing.T) {
		url, err := ForTest(t).Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		test(t, url)
	})
}

// Exec runs a statement in a database.
func (p *Postgres) Exec(ctx context.Context, url, statement string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}
