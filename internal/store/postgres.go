package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is a database that replicas share.
type postgres struct {
	db      *sql.DB
	address string
}

// A process that is frozen inside a transaction holds its locks until the
// server ends its session: sooner than a lease, so that others take over.
const idleInTransaction = 5 * time.Second

func openPostgres(ctx context.Context, o Options) (*postgres, error) {
	address, connections := o.URL, o.Connections
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the address of PostgreSQL (%s): %w", withoutPassword(address), errors.New("it cannot be read: it looks like postgres://user@host:5432/name?sslmode=verify-full"))
	}
	for name, value := range map[string]string{
		"idle_in_transaction_session_timeout": milliseconds(idleInTransaction),
		"statement_timeout":                   milliseconds(time.Minute),
		"lock_timeout":                        milliseconds(30 * time.Second),
		"tcp_user_timeout":                    milliseconds(20 * time.Second),
		"application_name":                    "judged",
	} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	var options []stdlib.OptionOpenDB
	if o.Password != nil {
		options = append(options, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
			var err error
			c.Password, err = o.Password()
			return err
		}))
	}
	db := stdlib.OpenDB(*config, options...)
	if connections == 0 {
		connections = 16
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	p := &postgres{db: db, address: withoutPassword(address)}
	for {
		err := p.check(ctx)
		if err == nil {
			return p, nil
		}
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-timer.C:
			if transient(err) {
				continue
			}
		case <-ctx.Done():
		}
		timer.Stop()
		return nil, errors.Join(fmt.Errorf("%s does not answer: %w", p.address, err), db.Close())
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// transient reports whether the same may work in a moment: the server starts,
// stops or was cut off, or two transactions got in each other's way.
func transient(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "40001", "40P01", "55P03": // serialization, deadlock, lock
			return true
		case "25P03": // the session idled inside a transaction
			return true
		}
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "53")
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err)
}

// refusedText reports whether PostgreSQL was given a text that it cannot hold.
func refusedText(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "22021"
}

func (p *postgres) read(ctx context.Context, f func(querier) error) error {
	err := f(p.db)
	if err != nil && ctx.Err() == nil && transient(err) {
		err = f(p.db) // the pool may have held a connection that is dead
	}
	return err
}

// attempts of a transaction. A commit whose answer was lost is not repeated:
// SafeToRetry tells that nothing was sent, and the codes that nothing was done.
const attempts = 3

func (p *postgres) write(ctx context.Context, f func(querier) error) error {
	for attempt := 1; ; attempt++ {
		err := p.once(ctx, f)
		if err == nil || attempt == attempts || ctx.Err() != nil || !transient(err) {
			return err
		}
		timer := time.NewTimer(time.Duration(attempt) * 50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (p *postgres) once(ctx context.Context, f func(querier) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

var postgresWords = strings.NewReplacer(
	"{now}", "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
	"{skip locked}", "FOR UPDATE SKIP LOCKED",
	" BLOB", " BYTEA",
)

func (p *postgres) text(statement string) string {
	if !strings.ContainsAny(statement, "{B") {
		return statement
	}
	return postgresWords.Replace(statement)
}

func (p *postgres) check(ctx context.Context) error {
	var readOnly string
	if err := p.db.QueryRowContext(ctx, "SHOW transaction_read_only").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly == "on" {
		return errors.New("it is read-only: a standby, or a primary that is being replaced")
	}
	return nil
}

func (p *postgres) close() error { return p.db.Close() }
func (p *postgres) shared() bool { return true }
func (p *postgres) name() string { return p.address }
