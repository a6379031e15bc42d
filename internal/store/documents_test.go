package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
)

func TestDocuments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		for i := range 6 {
			d := store.Document{
				Tenant: "shop", Kind: "run", ID: fmt.Sprint("d", i), Scope: fmt.Sprint("app", i%2), State: "running",
				Created: begin, Updated: begin, Summary: fmt.Append(nil, "s", i), Content: fmt.Append(nil, "c", i),
			}
			if i == 5 {
				d.State, d.Expires = "done", begin.Add(time.Hour)
			}
			if err := s.PutDocuments(ctx, []store.Document{d}, 6); err != nil {
				t.Fatal(err)
			}
		}
		d, err := s.Document(ctx, "shop", "run", "d2")
		if err != nil || d.Version != 1 || string(d.Content) != "c2" || string(d.Summary) != "s2" || !d.Created.Equal(begin) || !d.Expires.IsZero() {
			t.Errorf("%+v, %v", d, err)
		}
		for _, c := range []struct{ tenant, kind, id string }{{"another", "run", "d2"}, {"shop", "config", "d2"}, {"shop", "run", "d9"}} {
			if _, err := s.Document(ctx, c.tenant, c.kind, c.id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		if err := s.PutDocuments(ctx, []store.Document{{Tenant: "shop", Kind: "run", ID: "d2"}}, 10); !errors.Is(err, store.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
		// All or nothing, and no more than is allowed.
		more := []store.Document{{Tenant: "shop", Kind: "other", ID: "x"}, {Tenant: "shop", Kind: "run", ID: "d6"}}
		if err := s.PutDocuments(ctx, more, 6, lookTask("x")); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("more than allowed: %v", err)
		}
		if _, err := s.Document(ctx, "shop", "other", "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("half of a write is there: %v", err)
		}
		claim(t, s, 0)
		for name, c := range map[string]struct {
			scopes, states []string
			skip, n        int
			want           string
		}{
			"all": {nil, nil, 0, 10, "d5d4d3d2d1d0"}, "page": {nil, nil, 2, 2, "d3d2"}, "scope": {[]string{"app1"}, nil, 0, 10, "d5d3d1"},
			"state": {[]string{"app1"}, []string{"running"}, 0, 10, "d3d1"}, "several": {[]string{"app0", "app1"}, []string{"done", "gone"}, 0, 10, "d5"},
		} {
			list, err := s.Documents(ctx, "shop", "run", c.scopes, c.states, c.skip, c.n)
			got := ""
			for _, d := range list {
				got += d.ID
				if d.Content != nil || len(d.Summary) != 2 {
					t.Errorf("%s: %+v", name, d)
				}
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %q, want %q: %v", name, got, c.want, err)
			}
		}
		if n, err := s.CountDocuments(ctx, "shop", "run", "running", "gone"); n != 5 || err != nil {
			t.Errorf("%d are running, want 5: %v", n, err)
		}
		if n, err := s.ForgetDocuments(ctx, begin.Add(time.Hour), 10); n != 0 || err != nil {
			t.Errorf("forgot %d before their time, %v", n, err)
		}
		if n, err := s.ForgetDocuments(ctx, begin.Add(2*time.Hour), 10); n != 1 || err != nil {
			t.Errorf("forgot %d, want 1: %v", n, err)
		}
		if err := s.DeleteDocument(ctx, "shop", "run", "d4"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteDocument(ctx, "shop", "run", "d4"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

// What a task makes of a document is written with the task, by whoever holds it,
// and not over what somebody else wrote.
func TestDocumentsOfTasks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		d := store.Document{Tenant: "shop", Kind: "run", ID: "d", State: "not_started", Created: begin, Updated: begin}
		if err := s.PutDocuments(ctx, []store.Document{d}, 0, lookTask("d")); err != nil {
			t.Fatal(err)
		}
		first := claim(t, s, 1)[0]
		d.Version, d.State = 1, "running"
		if err := s.Settle(ctx, first.Lease, begin.Add(time.Minute), d); err != nil {
			t.Fatal(err)
		}
		if err := s.Settle(ctx, first.Lease, time.Time{}, d); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("settled twice: %v", err)
		}
		second := claim(t, s, 1)[0]
		if err := s.Settle(ctx, second.Lease, time.Time{}, d); !errors.Is(err, store.ErrConflict) {
			t.Errorf("an old version was written over a new one: %v", err)
		}
		d.Version, d.State = 2, "succeeded"
		if err := s.Settle(ctx, second.Lease, time.Time{}, d); err != nil {
			t.Fatal(err)
		}
		claim(t, s, 0)
		if now, err := s.Document(ctx, "shop", "run", "d"); err != nil || now.Version != 3 || now.State != "succeeded" {
			t.Errorf("%+v, %v", now, err)
		}
	})
}
