package store

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"sync"
	"time"
)

// A lease that runs out says only after a while that its holder is gone. A
// process that dies closes its connections at once, and PostgreSQL then frees
// the advisory locks of its session: so each replica holds one, and looks
// whether the others still hold theirs. What a replica had claimed that does not
// is given back within seconds.
//
// A replica that lives but was cut off loses its claims this way, too. That costs
// work done twice and nothing else, as a claim's epoch keeps the second from
// being written. Where sessions are shared (a pooler in transaction mode) no
// lock can be held, and leases do as they do for a process that is frozen.

// aliveClass keeps these locks apart from others: "judg" in ASCII.
const aliveClass = 0x6a756467

// lookEvery is how often a replica looks after the others.
const lookEvery = time.Second

func aliveKey(replica string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(replica)) // a hash takes everything
	return int32(h.Sum32())
}

// alive is a replica's session.
type alive struct {
	db      *sql.DB
	replica string

	conn *sql.Conn
	stop context.CancelFunc
	done sync.WaitGroup
}

// beAlive takes the replica's lock and begins to look after the others.
func beAlive(ctx context.Context, db *sql.DB, replica string, giveBack func(ctx context.Context, q querier, replica string) error, others func(ctx context.Context, q querier) ([]string, error)) *alive {
	a := &alive{db: db, replica: replica}
	a.hold(ctx)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.done.Go(func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				a.look(work, giveBack, others)
			case <-work.Done():
				return
			}
		}
	})
	return a
}

// hold takes the lock on a session of its own. If that fails, the next look tries
// again.
func (a *alive) hold(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := a.db.Conn(ctx)
	if err != nil {
		return
	}
	var held bool
	err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", int32(aliveClass), aliveKey(a.replica)).Scan(&held)
	if err != nil || !held {
		_ = conn.Close()
		return
	}
	a.conn = conn
}

// look gives back what replicas had claimed whose lock is free.
func (a *alive) look(ctx context.Context, giveBack func(ctx context.Context, q querier, replica string) error, others func(ctx context.Context, q querier) ([]string, error)) {
	if a.conn == nil {
		if a.hold(ctx); a.conn == nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := func() error {
		replicas, err := others(ctx, a.conn)
		if err != nil {
			return err
		}
		for _, r := range replicas {
			if r == a.replica {
				continue
			}
			var free bool
			if err := a.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", int32(aliveClass), aliveKey(r)).Scan(&free); err != nil {
				return err
			}
			if !free {
				continue
			}
			err := giveBack(ctx, a.conn, r)
			_, unlock := a.conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1, $2)", int32(aliveClass), aliveKey(r))
			if err := errors.Join(err, unlock); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil && ctx.Err() == nil || errors.Is(err, sql.ErrConnDone) {
		_ = a.conn.Close() // with the session go its locks
		a.conn = nil
	}
}

func (a *alive) close() {
	a.stop()
	a.done.Wait()
	if a.conn != nil {
		// The pool would keep the session, and its lock with it.
		_, _ = a.conn.ExecContext(context.Background(), "SELECT pg_advisory_unlock_all()")
		_ = a.conn.Close()
	}
}
