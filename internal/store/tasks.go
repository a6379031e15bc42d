package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Task is something to be done at some time, at least once.
type Task struct {
	// ID is unique; adding a second task with it changes nothing.
	ID string
	// Kind says who does it, Lane what it waits for.
	Kind, Lane string
	// Tenant and Subject say whose it is and which analysis it is about.
	Tenant, Subject string
	// Due is when it should run.
	Due time.Time
	// Payload is the task's own.
	Payload []byte

	// What the store keeps of it.

	// Attempts counts the claims since it was last completed or put off well.
	Attempts int
	// Created is when it was added, Next when it may be claimed.
	Created, Next time.Time
	// Error is why the last attempt failed.
	Error string
	// Dead says that it was given up.
	Dead bool
	// Lease is the right to complete it.
	Lease Lease
}

// Lease is the right to complete a task until somebody else has claimed it.
type Lease struct {
	id    string
	owner string
	epoch int64
}

// Task returns the id of the task that the lease is of.
func (l Lease) Task() string { return l.id }

const taskColumns = "id, kind, lane, tenant, subject, due, visible, attempts, owner, epoch, dead, created, error, payload"

func scanTask(scan func(...any) error) (Task, error) {
	var (
		t                     Task
		due, visible, created int64
		dead                  int
	)
	err := scan(&t.ID, &t.Kind, &t.Lane, &t.Tenant, &t.Subject, &due, &visible, &t.Attempts, &t.Lease.owner, &t.Lease.epoch, &dead, &created, &t.Error, &t.Payload)
	t.Due, t.Next, t.Created, t.Dead, t.Lease.id = moment(due), moment(visible), moment(created), dead == 1, t.ID
	return t, err
}

// Claim takes at most n tasks of a kind that are due, earliest first, none of
// them in one of the busy lanes, for as long as lease. Renew it, or another may
// claim them.
func (s *Store) Claim(ctx context.Context, kind string, n int, lease time.Duration, busy []string) ([]Task, error) {
	args := []any{s.replica, lease.Microseconds(), kind, n}
	var without strings.Builder
	for i, lane := range busy {
		if i == 0 {
			without.WriteString(" AND lane NOT IN (")
		} else {
			without.WriteString(", ")
		}
		args = append(args, lane)
		fmt.Fprintf(&without, "$%d", len(args))
	}
	if len(busy) > 0 {
		without.WriteString(")")
	}
	var tasks []Task
	err := s.write(ctx, "claim tasks", func(q querier) error {
		tasks = tasks[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			t, err := scanTask(scan)
			tasks = append(tasks, t)
			return err
		}, `UPDATE tasks SET owner = $1, visible = {now} + $2, epoch = epoch + 1, attempts = attempts + 1
			WHERE id IN (SELECT id FROM tasks WHERE kind = $3 AND dead = 0 AND due <= {now} AND visible <= {now}`+without.String()+`
			ORDER BY due LIMIT $4 {skip locked}) RETURNING `+taskColumns, args...)
	})
	slices.SortFunc(tasks, func(a, b Task) int { return a.Due.Compare(b.Due) })
	return tasks, err
}

// Renew extends leases by as much as lease from now. It returns those that are
// lost.
func (s *Store) Renew(ctx context.Context, leases []Lease, lease time.Duration) (lost []Lease, err error) {
	err = s.write(ctx, "renew leases", func(q querier) error {
		lost = lost[:0]
		for _, l := range leases {
			switch err := s.exec(ctx, q, ErrLeaseLost, "UPDATE tasks SET visible = {now} + $1 WHERE id = $2 AND owner = $3 AND epoch = $4",
				lease.Microseconds(), l.id, l.owner, l.epoch); {
			case err == nil:
			case err == ErrLeaseLost: //nolint:errorlint // exec returns it as it is
				lost = append(lost, l)
			default:
				return err
			}
		}
		return nil
	})
	return lost, err
}

// Again puts a claimed task off until next after a failed attempt, or gives it
// up if next is zero.
func (s *Store) Again(ctx context.Context, l Lease, next time.Time, failure string) error {
	dead := 0
	if next.IsZero() {
		dead = 1
	}
	return s.write(ctx, "put a task off", func(q querier) error {
		return s.exec(ctx, q, ErrLeaseLost, "UPDATE tasks SET visible = $1, owner = '', dead = $2, error = $3 WHERE id = $4 AND owner = $5 AND epoch = $6",
			micros(next), dead, failure, l.id, l.owner, l.epoch)
	})
}

// Release gives a claimed task back untouched, for another to claim now.
func (s *Store) Release(ctx context.Context, l Lease) error {
	return s.write(ctx, "give a task back", func(q querier) error {
		return s.exec(ctx, q, ErrLeaseLost, "UPDATE tasks SET visible = due, owner = '', attempts = attempts - 1 WHERE id = $1 AND owner = $2 AND epoch = $3",
			l.id, l.owner, l.epoch)
	})
}

// Done removes a claimed task that was carried out.
func (s *Store) Done(ctx context.Context, l Lease) error {
	return s.write(ctx, "complete a task", func(q querier) error { return s.done(ctx, q, l) })
}

// Later moves a claimed task that was carried out to its next time.
func (s *Store) Later(ctx context.Context, l Lease, due time.Time) error {
	return s.write(ctx, "complete a task", func(q querier) error { return s.later(ctx, q, l, due) })
}

func (s *Store) done(ctx context.Context, q querier, l Lease) error {
	return s.exec(ctx, q, ErrLeaseLost, "DELETE FROM tasks WHERE id = $1 AND owner = $2 AND epoch = $3", l.id, l.owner, l.epoch)
}

func (s *Store) later(ctx context.Context, q querier, l Lease, due time.Time) error {
	return s.exec(ctx, q, ErrLeaseLost, "UPDATE tasks SET due = $1, visible = $1, owner = '', attempts = 0, error = '' WHERE id = $2 AND owner = $3 AND epoch = $4",
		micros(due), l.id, l.owner, l.epoch)
}

// releaseAll gives back what processes that are gone had claimed.
func (s *Store) releaseAll(ctx context.Context) error {
	return s.write(ctx, "release leases", func(q querier) error {
		_, err := q.ExecContext(ctx, "UPDATE tasks SET visible = due, owner = '' WHERE owner <> ''")
		return err
	})
}

// claimants returns the replicas that have claims.
func (s *Store) claimants(ctx context.Context, q querier) (replicas []string, err error) {
	err = s.rows(ctx, q, func(scan func(...any) error) error {
		var r string
		err := scan(&r)
		replicas = append(replicas, r)
		return err
	}, "SELECT DISTINCT owner FROM tasks WHERE owner <> ''")
	return replicas, err
}

// giveBack gives back what a replica that is gone had claimed.
func (s *Store) giveBack(ctx context.Context, q querier, replica string) error {
	_, err := q.ExecContext(ctx, "UPDATE tasks SET visible = due, owner = '' WHERE owner = $1", replica)
	return err
}

// Add adds tasks that are not known yet.
func (s *Store) Add(ctx context.Context, tasks ...Task) error {
	return s.write(ctx, "add tasks", func(q querier) error { return s.add(ctx, q, tasks) })
}

func (s *Store) add(ctx context.Context, q querier, tasks []Task) error {
	for _, t := range tasks {
		payload := t.Payload
		if payload == nil {
			payload = []byte{}
		}
		if _, err := q.ExecContext(ctx, s.db.text(`INSERT INTO tasks (`+taskColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $6, 0, '', 0, 0, {now}, '', $7) ON CONFLICT (id) DO NOTHING`),
			t.ID, t.Kind, t.Lane, t.Tenant, t.Subject, micros(t.Due), payload); err != nil {
			return err
		}
	}
	return nil
}

// Tasks returns at most n tasks of a kind, by id after one; only dead ones if
// asked.
func (s *Store) Tasks(ctx context.Context, tenant, kind, after string, dead bool, n int) ([]Task, error) {
	var tasks []Task
	least := 0
	if dead {
		least = 1
	}
	err := s.read(ctx, "list tasks", func(q querier) error {
		tasks = tasks[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			t, err := scanTask(scan)
			tasks = append(tasks, t)
			return err
		}, "SELECT "+taskColumns+" FROM tasks WHERE tenant = $1 AND kind = $2 AND id > $3 AND dead >= $4 ORDER BY id LIMIT $5", tenant, kind, after, least, n)
	})
	return tasks, err
}

// Revive makes a task claimable now, given up or not.
func (s *Store) Revive(ctx context.Context, tenant, kind, id string) error {
	return s.write(ctx, "retry a task", func(q querier) error {
		return s.exec(ctx, q, ErrNotFound, "UPDATE tasks SET dead = 0, attempts = 0, visible = {now} WHERE tenant = $1 AND kind = $2 AND id = $3 AND owner = ''", tenant, kind, id)
	})
}

// Drop removes a task that nobody has claimed.
func (s *Store) Drop(ctx context.Context, tenant, kind, id string) error {
	return s.write(ctx, "drop a task", func(q querier) error {
		return s.exec(ctx, q, ErrNotFound, "DELETE FROM tasks WHERE tenant = $1 AND kind = $2 AND id = $3 AND owner = ''", tenant, kind, id)
	})
}

// Backlog is how much there is to do of one kind.
type Backlog struct {
	Kind string
	// Waiting counts tasks that are not due, Due those that could run now, Dead
	// those that were given up.
	Waiting, Due, Dead int
	// Oldest is how long the first of the due ones has been waiting.
	Oldest time.Duration
}

// Backlogs returns the backlog of each kind that has tasks.
func (s *Store) Backlogs(ctx context.Context) ([]Backlog, error) {
	var all []Backlog
	err := s.read(ctx, "count tasks", func(q querier) error {
		all = all[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var (
				b      Backlog
				oldest int64
			)
			err := scan(&b.Kind, &b.Waiting, &b.Due, &b.Dead, &oldest)
			b.Oldest = max(0, time.Duration(oldest)*time.Microsecond)
			all = append(all, b)
			return err
		}, `SELECT kind,
			SUM(CASE WHEN dead = 0 AND visible > {now} THEN 1 ELSE 0 END),
			SUM(CASE WHEN dead = 0 AND visible <= {now} THEN 1 ELSE 0 END),
			SUM(CASE WHEN dead = 1 THEN 1 ELSE 0 END),
			COALESCE(MAX(CASE WHEN dead = 0 AND visible <= {now} THEN {now} - due ELSE 0 END), 0)
			FROM tasks GROUP BY kind ORDER BY kind`)
	})
	return all, err
}

// Now returns the database's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var us int64
	err := s.read(ctx, "ask the time", func(q querier) error {
		return s.row(ctx, q, []any{&us}, "SELECT {now}")
	})
	return moment(us), err
}
