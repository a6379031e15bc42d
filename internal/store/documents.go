package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Document is something that is kept for the interface of another product, as
// it wrote it.
type Document struct {
	// Tenant, Kind and ID name it. Lists are ordered by ID, so ids should sort by
	// time where that matters.
	Tenant, Kind, ID string
	// Scope and State are what lists are narrowed by.
	Scope, State string
	// Version is 0 for a document that must not exist yet, and counts its changes.
	Version int64
	// Created and Updated are when it was first and last written.
	Created, Updated time.Time
	// Expires is when it may be forgotten; zero is never.
	Expires time.Time
	// Summary is what lists need of it.
	Summary []byte
	// Content is all of it.
	Content []byte
}

// PutDocuments writes new documents and new states of old ones, and adds tasks,
// all of it or nothing. ErrExists and ErrConflict say that somebody else wrote
// one of them; more new ones than most of one kind and tenant (0: no limit) are a
// *TooManyError.
func (s *Store) PutDocuments(ctx context.Context, documents []Document, most int, tasks ...Task) error {
	return s.write(ctx, "store documents", func(q querier) error {
		for _, d := range documents {
			if err := s.putDocument(ctx, q, d, most); err != nil {
				return err
			}
		}
		return s.add(ctx, q, tasks)
	})
}

// Settle writes what a task made of documents, and when the task is due again
// (zero: never), all of it or nothing. ErrLeaseLost and ErrConflict say that
// somebody else went on with them.
func (s *Store) Settle(ctx context.Context, l Lease, next time.Time, documents ...Document) error {
	return s.write(ctx, "store documents", func(q querier) error {
		var err error
		if next.IsZero() {
			err = s.done(ctx, q, l)
		} else {
			err = s.later(ctx, q, l, next)
		}
		for _, d := range documents {
			if err != nil {
				break
			}
			err = s.putDocument(ctx, q, d, 0)
		}
		return err
	})
}

func (s *Store) putDocument(ctx context.Context, q querier, d Document, most int) error {
	summary, content := d.Summary, d.Content
	if summary == nil {
		summary = []byte{}
	}
	if content == nil {
		content = []byte{}
	}
	if d.Version > 0 {
		return s.exec(ctx, q, ErrConflict, `UPDATE documents SET scope = $1, state = $2, version = version + 1, updated = $3, expires = $4, summary = $5, content = $6
			WHERE tenant = $7 AND kind = $8 AND id = $9 AND version = $10`,
			d.Scope, d.State, micros(d.Updated), micros(d.Expires), summary, content, d.Tenant, d.Kind, d.ID, d.Version)
	}
	if most > 0 {
		var n int
		if err := s.row(ctx, q, []any{&n}, "SELECT count(*) FROM documents WHERE tenant = $1 AND kind = $2", d.Tenant, d.Kind); err != nil {
			return err
		}
		if n >= most {
			return &TooManyError{n}
		}
	}
	return s.exec(ctx, q, ErrExists, `INSERT INTO documents (tenant, kind, id, scope, state, version, created, updated, expires, summary, content)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		d.Tenant, d.Kind, d.ID, d.Scope, d.State, micros(d.Created), micros(d.Updated), micros(d.Expires), summary, content)
}

const documentColumns = "tenant, kind, id, scope, state, version, created, updated, expires, summary"

func scanDocument(scan func(...any) error, more ...any) (Document, error) {
	var (
		d                         Document
		created, updated, expires int64
	)
	err := scan(append([]any{&d.Tenant, &d.Kind, &d.ID, &d.Scope, &d.State, &d.Version, &created, &updated, &expires, &d.Summary}, more...)...)
	d.Created, d.Updated, d.Expires = moment(created), moment(updated), moment(expires)
	return d, err
}

// Document returns a document, or ErrNotFound.
func (s *Store) Document(ctx context.Context, tenant, kind, id string) (Document, error) {
	var found []Document
	err := s.read(ctx, "read a document", func(q querier) error {
		found = found[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var content []byte
			d, err := scanDocument(scan, &content)
			d.Content = content
			found = append(found, d)
			return err
		}, "SELECT "+documentColumns+", content FROM documents WHERE tenant = $1 AND kind = $2 AND id = $3", tenant, kind, id)
	})
	if err == nil && len(found) == 0 {
		err = s.fail("read a document", ErrNotFound)
	}
	if err != nil {
		return Document{}, err
	}
	return found[0], nil
}

// Documents returns at most n documents of a tenant and kind without their
// contents, the latest id first, after skipping some. Scopes and states narrow
// the list if there are any.
func (s *Store) Documents(ctx context.Context, tenant, kind string, scopes, states []string, skip, n int) ([]Document, error) {
	args := []any{tenant, kind}
	where := "tenant = $1 AND kind = $2"
	among := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		places := make([]string, len(values))
		for i, v := range values {
			args = append(args, v)
			places[i] = fmt.Sprintf("$%d", len(args))
		}
		where += " AND " + column + " IN (" + strings.Join(places, ", ") + ")"
	}
	among("scope", scopes)
	among("state", states)
	args = append(args, n, skip)
	var list []Document
	err := s.read(ctx, "list documents", func(q querier) error {
		list = list[:0]
		return s.rows(ctx, q, func(scan func(...any) error) error {
			d, err := scanDocument(scan)
			list = append(list, d)
			return err
		}, "SELECT "+documentColumns+" FROM documents WHERE "+where+fmt.Sprintf(" ORDER BY id DESC LIMIT $%d OFFSET $%d", len(args)-1, len(args)), args...)
	})
	return list, err
}

// CountDocuments returns how many documents of a tenant and kind are in one of the
// states.
func (s *Store) CountDocuments(ctx context.Context, tenant, kind string, states ...string) (int, error) {
	args := []any{tenant, kind}
	places := make([]string, len(states))
	for i, state := range states {
		args = append(args, state)
		places[i] = fmt.Sprintf("$%d", len(args))
	}
	n := 0
	err := s.read(ctx, "count documents", func(q querier) error {
		return s.row(ctx, q, []any{&n}, "SELECT count(*) FROM documents WHERE tenant = $1 AND kind = $2 AND state IN ("+strings.Join(places, ", ")+")", args...)
	})
	return n, err
}

// DeleteDocument forgets a document now; ErrNotFound if there is none.
func (s *Store) DeleteDocument(ctx context.Context, tenant, kind, id string) error {
	return s.write(ctx, "delete a document", func(q querier) error {
		return s.exec(ctx, q, ErrNotFound, "DELETE FROM documents WHERE tenant = $1 AND kind = $2 AND id = $3", tenant, kind, id)
	})
}

// ForgetDocuments deletes at most n documents that expired before a moment, and
// returns how many.
func (s *Store) ForgetDocuments(ctx context.Context, before time.Time, n int) (int, error) {
	gone := 0
	err := s.write(ctx, "forget documents", func(q querier) error {
		type name struct{ tenant, kind, id string }
		var names []name
		if err := s.rows(ctx, q, func(scan func(...any) error) error {
			var d name
			err := scan(&d.tenant, &d.kind, &d.id)
			names = append(names, d)
			return err
		}, "SELECT tenant, kind, id FROM documents WHERE expires > 0 AND expires < $1 LIMIT $2", micros(before), n); err != nil {
			return err
		}
		for _, d := range names {
			if _, err := q.ExecContext(ctx, "DELETE FROM documents WHERE tenant = $1 AND kind = $2 AND id = $3", d.tenant, d.kind, d.id); err != nil {
				return err
			}
		}
		gone = len(names)
		return nil
	})
	return gone, err
}
