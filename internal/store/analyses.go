package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Analysis is one analysis as it is kept.
type Analysis struct {
	ID, Tenant string
	// State and Verdict are the contract's numbers; Version counts changes.
	State, Verdict int
	Version        int64
	// ConfigName and Application are searched.
	ConfigName, Application string
	// Key is the idempotency key, Request the digest of the request it stands for.
	Key     string
	Request []byte
	// Created and Updated are set by whoever writes; Ended is zero while it lives.
	Created, Updated, Ended time.Time
	// Looks counts those taken.
	Looks int
	// Config, Judgment and Detail are encoded messages. Judgment is nil before the
	// first look.
	Config, Judgment, Detail []byte
	// Labels are searched; only Start reads them.
	Labels map[string]string
}

// Look is one look as it is kept.
type Look struct {
	Number          int
	Summary, Points []byte
}

const analysisColumns = "a.id, a.tenant, a.state, a.verdict, a.version, a.config_name, a.application, a.key, a.request, a.created, a.updated, a.ended, a.looks, a.detail"

func scanAnalysis(scan func(...any) error, more ...any) (Analysis, error) {
	var (
		a                       Analysis
		created, updated, ended int64
	)
	err := scan(append([]any{
		&a.ID, &a.Tenant, &a.State, &a.Verdict, &a.Version, &a.ConfigName, &a.Application, &a.Key, &a.Request,
		&created, &updated, &ended, &a.Looks, &a.Detail,
	}, more...)...)
	a.Created, a.Updated, a.Ended = moment(created), moment(updated), moment(ended)
	return a, err
}

// Start keeps a new analysis and its tasks. If its key is known, it returns the
// id of the analysis that has it and false, or ErrConflict if another request
// started that one. live bounds the tenant's analyses that have not ended; more
// are a *TooManyError.
func (s *Store) Start(ctx context.Context, a Analysis, live int, tasks ...Task) (id string, started bool, err error) {
	err = s.write(ctx, "start an analysis", func(q querier) error {
		id, started = a.ID, true
		if a.Key != "" {
			known, err := s.sameKey(ctx, q, a.Tenant, a.Key, a.Request)
			if known != "" || err != nil {
				id, started = known, false
				return err
			}
		}
		var n int
		if err := s.row(ctx, q, []any{&n}, "SELECT count(*) FROM analyses WHERE tenant = $1 AND ended = 0", a.Tenant); err != nil {
			return err
		}
		if n >= live {
			return &TooManyError{n}
		}
		result, err := q.ExecContext(ctx, s.db.text(`INSERT INTO analyses
			(id, tenant, state, verdict, version, config_name, application, key, request, created, updated, ended, looks, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, 0, $11) ON CONFLICT DO NOTHING`),
			a.ID, a.Tenant, a.State, a.Verdict, a.Version, a.ConfigName, a.Application, a.Key, a.Request, micros(a.Created), a.Detail)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 { // another replica was faster with the same key
			id, started = "", false
			if id, err = s.sameKey(ctx, q, a.Tenant, a.Key, a.Request); err == nil && id == "" {
				err = ErrExists
			}
			return err
		}
		if _, err := q.ExecContext(ctx, "INSERT INTO analysis_configs (analysis_id, config) VALUES ($1, $2)", a.ID, a.Config); err != nil {
			return err
		}
		for name, value := range a.Labels {
			if _, err := q.ExecContext(ctx, "INSERT INTO analysis_labels (tenant, name, value, analysis_id) VALUES ($1, $2, $3, $4)", a.Tenant, name, value, a.ID); err != nil {
				return err
			}
		}
		return s.add(ctx, q, tasks)
	})
	return id, started, err
}

// TooManyError says that a tenant has as many of something as it may.
type TooManyError struct{ Have int }

// Error implements error.
func (e *TooManyError) Error() string { return fmt.Sprintf("there are %d already", e.Have) }

// Unwrap returns ErrTooMany.
func (e *TooManyError) Unwrap() error { return ErrTooMany }

// SameKey returns the id of the analysis that was started with the key, "" if
// there is none, ErrConflict if another request started it.
func (s *Store) SameKey(ctx context.Context, tenant, key string, request []byte) (id string, err error) {
	err = s.read(ctx, "find an idempotency key", func(q querier) error {
		id, err = s.sameKey(ctx, q, tenant, key, request)
		return err
	})
	return id, err
}

func (s *Store) sameKey(ctx context.Context, q querier, tenant, key string, request []byte) (string, error) {
	var (
		id    string
		first []byte
	)
	err := s.row(ctx, q, []any{&id, &first}, "SELECT id, request FROM analyses WHERE tenant = $1 AND key = $2", tenant, key)
	switch {
	case err == ErrNotFound: //nolint:errorlint // row returns it as it is
		return "", nil
	case err != nil:
		return "", err
	case !bytes.Equal(first, request):
		return id, ErrConflict
	default:
		return id, nil
	}
}

// Analysis returns an analysis of a tenant.
func (s *Store) Analysis(ctx context.Context, tenant, id string) (Analysis, error) {
	var a Analysis
	err := s.read(ctx, "read an analysis", func(q querier) error {
		var err error
		a, err = s.analysis(ctx, q, "a.id = $1 AND a.tenant = $2", id, tenant)
		return err
	})
	return a, err
}

func (s *Store) analysis(ctx context.Context, q querier, where string, args ...any) (Analysis, error) {
	found := ErrNotFound
	var a Analysis
	err := s.rows(ctx, q, func(scan func(...any) error) error {
		var err error
		found = nil
		var config, judgment []byte
		a, err = scanAnalysis(scan, &config, &judgment)
		a.Config, a.Judgment = config, judgment
		return err
	}, "SELECT "+analysisColumns+`, c.config, j.judgment FROM analyses a
		JOIN analysis_configs c ON c.analysis_id = a.id LEFT JOIN analysis_judgments j ON j.analysis_id = a.id WHERE `+where, args...)
	if err == nil {
		err = found
	}
	return a, err
}

// Versions returns the versions of analyses; those that are gone have none.
func (s *Store) Versions(ctx context.Context, ids []string) (map[string]int64, error) {
	versions := make(map[string]int64, len(ids))
	const most = 500 // parameters of one statement
	for len(ids) > 0 {
		part := ids[:min(len(ids), most)]
		ids = ids[len(part):]
		places, args := make([]string, len(part)), make([]any, len(part))
		for i, id := range part {
			places[i], args[i] = fmt.Sprintf("$%d", i+1), id
		}
		err := s.read(ctx, "read versions", func(q querier) error {
			return s.rows(ctx, q, func(scan func(...any) error) error {
				var (
					id string
					v  int64
				)
				err := scan(&id, &v)
				versions[id] = v
				return err
			}, "SELECT id, version FROM analyses WHERE id IN ("+strings.Join(places, ", ")+")", args...)
		})
		if err != nil {
			return nil, err
		}
	}
	return versions, nil
}

// Filter says which analyses to list. Zero fields do not filter.
type Filter struct {
	Tenant                  string
	ConfigName, Application string
	State, Verdict          int
	From, Before            time.Time // of the creation
	Labels                  map[string]string
	// After is the id to go on after, newest first.
	After string
}

// Analyses returns at most n analyses, newest first; fewer if they are large, but
// two if there are.
func (s *Store) Analyses(ctx context.Context, f Filter, n int) ([]Analysis, error) {
	args := []any{f.Tenant}
	var where strings.Builder
	where.WriteString("a.tenant = $1")
	add := func(condition string, v any) {
		args = append(args, v)
		where.WriteString(" AND " + strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.ConfigName != "" {
		add("a.config_name = ?", f.ConfigName)
	}
	if f.Application != "" {
		add("a.application = ?", f.Application)
	}
	if f.State != 0 {
		add("a.state = ?", f.State)
	}
	if f.Verdict != 0 {
		add("a.verdict = ?", f.Verdict)
	}
	if !f.From.IsZero() {
		add("a.created >= ?", micros(f.From))
	}
	if !f.Before.IsZero() {
		add("a.created < ?", micros(f.Before))
	}
	if f.After != "" {
		add("a.id < ?", f.After)
	}
	// The first label leads to its analyses, newest first, without a look at all the
	// others: deployers ask by a label that one analysis has.
	from, order := "analyses a", "a.id"
	for i, name := range slices.Sorted(maps.Keys(f.Labels)) {
		args = append(args, name, f.Labels[name])
		condition := fmt.Sprintf("l.tenant = a.tenant AND l.name = $%d AND l.value = $%d AND l.analysis_id = a.id", len(args)-1, len(args))
		if i == 0 {
			from, order = "analysis_labels l CROSS JOIN analyses a", "l.analysis_id"
			condition = strings.Replace(condition, "a.tenant", "$1", 1)
			where.WriteString(" AND " + condition)
			continue
		}
		where.WriteString(" AND EXISTS (SELECT 1 FROM analysis_labels l WHERE " + condition + ")")
	}
	args = append(args, n)
	var list []Analysis
	err := s.read(ctx, "list analyses", func(q querier) error {
		list = list[:0]
		bytes := 0
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var config, judgment []byte
			a, err := scanAnalysis(scan, &config, &judgment)
			a.Config, a.Judgment = config, judgment
			list = append(list, a)
			if bytes += len(config) + len(judgment) + len(a.Detail); err == nil && bytes > listBytes && len(list) > 1 {
				return errEnough
			}
			return err
		}, "SELECT "+analysisColumns+`, c.config, j.judgment FROM `+from+`
			JOIN analysis_configs c ON c.analysis_id = a.id LEFT JOIN analysis_judgments j ON j.analysis_id = a.id
			WHERE `+where.String()+fmt.Sprintf(" ORDER BY %s DESC LIMIT $%d", order, len(args)), args...)
	})
	return list, err
}

// Live counts the analyses that have not ended, by state.
func (s *Store) Live(ctx context.Context) (map[int]int, error) {
	live := map[int]int{}
	err := s.read(ctx, "count analyses", func(q querier) error {
		clear(live)
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var state, n int
			err := scan(&state, &n)
			live[state] = n
			return err
		}, "SELECT state, count(*) FROM analyses WHERE ended = 0 GROUP BY state")
	})
	return live, err
}

// Claimed returns the analysis that a claimed task is about, and what its looks
// learned so far, in order.
func (s *Store) Claimed(ctx context.Context, t Task) (a Analysis, points [][]byte, err error) {
	err = s.read(ctx, "read an analysis", func(q querier) error {
		points = points[:0]
		if a, err = s.analysis(ctx, q, "a.id = $1", t.Subject); err != nil {
			return err
		}
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var p []byte
			err := scan(&p)
			if len(p) > 0 {
				points = append(points, p)
			}
			return err
		}, "SELECT points FROM looks WHERE analysis_id = $1 ORDER BY number", t.Subject)
	})
	return a, points, err
}

// Change is what one step of an analysis writes.
type Change struct {
	// Lease is the right to take the step. Without one (a caller's cancel) the
	// analysis' task is removed.
	Lease Lease
	// Before is the analysis as it was read; After what it becomes. Of After the
	// state, verdict, updated, ended, looks, detail and, if not nil, the judgment
	// are written.
	Before, After Analysis
	// Look is the look that was taken, if one was.
	Look *Look
	// Next is when the analysis' task is due again; zero ends it.
	Next time.Time
	// Tasks are new ones, such as notifications.
	Tasks []Task
}

// Apply writes a change, all of it or nothing. ErrLeaseLost and ErrConflict say
// that somebody else went on with the analysis.
func (s *Store) Apply(ctx context.Context, c Change) error {
	return s.write(ctx, "write a look", func(q querier) error {
		switch {
		case c.Lease.id == "":
			if _, err := q.ExecContext(ctx, "DELETE FROM tasks WHERE id = $1", LookTask(c.Before.ID)); err != nil {
				return err
			}
		case c.Next.IsZero():
			if err := s.done(ctx, q, c.Lease); err != nil {
				return err
			}
		default:
			if err := s.later(ctx, q, c.Lease, c.Next); err != nil {
				return err
			}
		}
		a := c.After
		if err := s.exec(ctx, q, ErrConflict, `UPDATE analyses SET state = $1, verdict = $2, version = version + 1, updated = $3, ended = $4, looks = $5, detail = $6
			WHERE id = $7 AND version = $8 AND ended = 0`,
			a.State, a.Verdict, micros(a.Updated), micros(a.Ended), a.Looks, a.Detail, c.Before.ID, c.Before.Version); err != nil {
			return err
		}
		if c.Look != nil {
			points := c.Look.Points
			if points == nil {
				points = []byte{}
			}
			if _, err := q.ExecContext(ctx, "INSERT INTO looks (analysis_id, number, summary, points) VALUES ($1, $2, $3, $4)",
				c.Before.ID, c.Look.Number, c.Look.Summary, points); err != nil {
				return err
			}
		}
		if a.Judgment != nil {
			if _, err := q.ExecContext(ctx, `INSERT INTO analysis_judgments (analysis_id, judgment) VALUES ($1, $2)
				ON CONFLICT (analysis_id) DO UPDATE SET judgment = excluded.judgment`, c.Before.ID, a.Judgment); err != nil {
				return err
			}
		}
		return s.add(ctx, q, c.Tasks)
	})
}

// Annotate writes what was learned of an analysis after its end: its updated and
// detail. ErrConflict says that somebody else did before.
func (s *Store) Annotate(ctx context.Context, before, after Analysis) error {
	return s.write(ctx, "annotate an analysis", func(q querier) error {
		return s.exec(ctx, q, ErrConflict, "UPDATE analyses SET version = version + 1, updated = $1, detail = $2 WHERE id = $3 AND version = $4 AND ended > 0",
			micros(after.Updated), after.Detail, before.ID, before.Version)
	})
}

// LookTask returns the id of the task that takes an analysis' looks.
func LookTask(analysis string) string { return "look/" + analysis }

// Looks returns at most n looks of an analysis after a number, with their points
// if asked; without, fewer if they are large.
func (s *Store) Looks(ctx context.Context, tenant, id string, after, n int, withPoints bool) ([]Look, error) {
	column := "l.points"
	if !withPoints {
		column = "l.summary" // the points are long, and not wanted
	}
	var list []Look
	err := s.read(ctx, "list looks", func(q querier) error {
		list = list[:0]
		bytes := 0
		return s.rows(ctx, q, func(scan func(...any) error) error {
			var l Look
			err := scan(&l.Number, &l.Summary, &l.Points)
			if !withPoints {
				l.Points = nil
			}
			list = append(list, l)
			if bytes += len(l.Summary); err == nil && !withPoints && bytes > listBytes {
				return errEnough
			}
			return err
		}, "SELECT l.number, l.summary, "+column+` FROM looks l JOIN analyses a ON a.id = l.analysis_id
			WHERE a.tenant = $1 AND a.id = $2 AND l.number > $3 ORDER BY l.number LIMIT $4`, tenant, id, after, n)
	})
	return list, err
}

// Forget removes at most n analyses that ended before a moment, with all that
// belongs to them, and returns how many it were.
func (s *Store) Forget(ctx context.Context, before time.Time, n int) (int, error) {
	removed := 0
	err := s.write(ctx, "forget old analyses", func(q querier) error {
		var ids []string
		if err := s.rows(ctx, q, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT id FROM analyses WHERE ended > 0 AND ended < $1 ORDER BY ended LIMIT $2", micros(before), n); err != nil {
			return err
		}
		for _, id := range ids {
			for _, statement := range []string{
				"DELETE FROM looks WHERE analysis_id = $1",
				"DELETE FROM analysis_judgments WHERE analysis_id = $1",
				"DELETE FROM analysis_configs WHERE analysis_id = $1",
				"DELETE FROM analysis_labels WHERE analysis_id = $1",
				"DELETE FROM analyses WHERE id = $1",
			} {
				if _, err := q.ExecContext(ctx, statement, id); err != nil {
					return err
				}
			}
		}
		removed = len(ids)
		return nil
	})
	return removed, err
}
