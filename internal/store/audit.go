package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Event is one line of the audit log.
type Event struct {
	ID             string
	At             time.Time
	Caller, Method string
	Action, Object string
	Detail         string
	Refused        bool
}

// Audit adds an event.
func (s *Store) Audit(ctx context.Context, tenant string, e Event) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	refused := 0
	if e.Refused {
		refused = 1
	}
	return s.write(ctx, "write the audit log", func(q querier) error {
		_, err := q.ExecContext(ctx, "INSERT INTO audit (tenant, id, at, caller, method, action, object, detail, refused) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			tenant, id.String(), micros(e.At), e.Caller, e.Method, e.Action, e.Object, e.Detail, refused)
		return err
	})
}

// Events returns at most n events of a tenant, newest first, of those before an
// id ("": all); only of a caller and about an object, if those are not empty.
func (s *Store) Events(ctx context.Context, tenant, caller, object, before string, n int) ([]Event, error) {
	if before == "" {
		before = "z" // after every id, in any collation
	}
	var list []Event
	err := s.read(ctx, "read the audit log", func(q querier) error {
		list = list[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var (
				e       Event
				at      int64
				refused int
			)
			err := scan(&e.ID, &at, &e.Caller, &e.Method, &e.Action, &e.Object, &e.Detail, &refused)
			e.At, e.Refused = moment(at), refused == 1
			list = append(list, e)
			return err
		}, `SELECT id, at, caller, method, action, object, detail, refused FROM audit
			WHERE tenant = $1 AND id < $2 AND ($3 = '' OR caller = $3) AND ($4 = '' OR object = $4) ORDER BY id DESC LIMIT $5`, tenant, before, caller, object, n)
	})
	return list, err
}

// ForgetEvents removes at most n events before a moment.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time, n int) error {
	return s.write(ctx, "forget old audit events", func(q querier) error {
		_, err := q.ExecContext(ctx, "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)", micros(before), n)
		return err
	})
}
