package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopShared()
	os.Exit(code)
}

func open(t testing.TB, url, replica string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: url, Replica: replica})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var begin = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func newAnalysis(id string) store.Analysis {
	return store.Analysis{
		ID: id, Tenant: "shop", State: 1, Version: 1, ConfigName: "checkout", Application: "shop",
		Request: []byte{1}, Created: begin, Updated: begin, Config: []byte("config"), Detail: []byte("detail"),
		Labels: map[string]string{"release": id},
	}
}

func lookTask(id string) store.Task {
	return store.Task{ID: store.LookTask(id), Kind: "look", Lane: "prod", Tenant: "shop", Subject: id, Due: begin}
}

// start keeps an analysis and claims its task.
func start(t testing.TB, s *store.Store, id string) store.Task {
	t.Helper()
	if _, started, err := s.Start(t.Context(), newAnalysis(id), 1e6, lookTask(id)); err != nil || !started {
		t.Fatal(started, err)
	}
	return claim(t, s, 1)[0]
}

func claim(t testing.TB, s *store.Store, want int) []store.Task {
	t.Helper()
	tasks, err := s.Claim(t.Context(), "look", 100, time.Minute, nil)
	if err != nil || len(tasks) != want {
		t.Fatalf("claimed %d tasks, want %d: %v", len(tasks), want, err)
	}
	return tasks
}

func TestLifeOfAnAnalysis(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		task := start(t, s, "a")
		a, points, err := s.Claimed(ctx, task)
		if err != nil || a.ConfigName != "checkout" || string(a.Config) != "config" || a.Judgment != nil || len(points) != 0 || !a.Created.Equal(begin) || !a.Ended.IsZero() {
			t.Fatalf("claimed %+v, %q, %v", a, points, err)
		}
		next := a
		next.State, next.Verdict, next.Looks, next.Judgment, next.Updated = 2, 3, 1, []byte("first"), begin.Add(time.Minute)
		if err := s.Apply(ctx, store.Change{Lease: task.Lease, Before: a, After: next, Look: &store.Look{Number: 1, Summary: []byte("s1"), Points: []byte("p1")}, Next: begin.Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(ctx, store.Change{Lease: task.Lease, Before: a, After: next, Look: &store.Look{Number: 1, Summary: []byte("again")}}); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the same look again: %v", err)
		}
		task = claim(t, s, 1)[0]
		b, points, err := s.Claimed(ctx, task)
		if err != nil || b.Version != 2 || b.Looks != 1 || string(b.Judgment) != "first" || len(points) != 1 || string(points[0]) != "p1" {
			t.Fatalf("claimed %+v, %q, %v", b, points, err)
		}
		if err := s.Annotate(ctx, b, b); !errors.Is(err, store.ErrConflict) {
			t.Errorf("an analysis that lives was annotated: %v", err)
		}
		// A caller cancels while the look is being taken.
		canceled := b
		canceled.State, canceled.Ended = 4, begin.Add(2*time.Minute)
		if err := s.Apply(ctx, store.Change{Before: b, After: canceled}); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(ctx, store.Change{Lease: task.Lease, Before: b, After: next, Look: &store.Look{Number: 2}}); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("a look of a cancelled analysis: %v", err)
		}
		if err := s.Apply(ctx, store.Change{Before: b, After: canceled}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("cancelled twice: %v", err)
		}
		got, err := s.Analysis(ctx, "shop", "a")
		if err != nil || got.State != 4 || got.Looks != 1 || got.Ended.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.Analysis(ctx, "another", "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant's analysis: %v", err)
		}
		looks, err := s.Looks(ctx, "shop", "a", 0, 10, true)
		if err != nil || len(looks) != 1 || string(looks[0].Summary) != "s1" || string(looks[0].Points) != "p1" {
			t.Errorf("looks %v, %v", looks, err)
		}
		if looks, err := s.Looks(ctx, "another", "a", 0, 10, true); err != nil || len(looks) > 0 {
			t.Errorf("another tenant's looks %v, %v", looks, err)
		}
		noted := got
		noted.Detail, noted.Updated, noted.Verdict, noted.Judgment = []byte("noted"), begin.Add(3*time.Minute), 1, []byte("another")
		if err := s.Annotate(ctx, got, noted); err != nil {
			t.Fatal(err)
		}
		if err := s.Annotate(ctx, got, noted); !errors.Is(err, store.ErrConflict) {
			t.Errorf("annotated twice: %v", err)
		}
		after, err := s.Analysis(ctx, "shop", "a")
		if err != nil || string(after.Detail) != "noted" || !after.Updated.Equal(noted.Updated) || after.Verdict != got.Verdict || string(after.Judgment) != "first" || !after.Ended.Equal(got.Ended) {
			t.Errorf("annotated it is %+v, %v", after, err)
		}
		versions, err := s.Versions(ctx, []string{"a", "gone"})
		if err != nil || len(versions) != 1 || versions["a"] != 4 {
			t.Errorf("versions %v, %v", versions, err)
		}
		if n, err := s.Forget(ctx, begin.Add(time.Hour), 10); err != nil || n != 1 {
			t.Errorf("forgot %d, %v", n, err)
		}
		if _, err := s.Analysis(ctx, "shop", "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a forgotten analysis: %v", err)
		}
		claim(t, s, 0)
	})
}

func TestIdempotencyKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		var group sync.WaitGroup
		var won atomic.Int32
		ids := make([]string, 20)
		for i := range ids {
			group.Go(func() {
				a := newAnalysis(fmt.Sprintf("a%02d", i))
				a.Key = "release-7"
				id, started, err := s.Start(ctx, a, 1e6, lookTask(a.ID))
				if err != nil {
					t.Error(err)
				}
				if started {
					won.Add(1)
				}
				ids[i] = id
			})
		}
		group.Wait()
		if slices.Sort(ids); won.Load() != 1 || ids[0] != ids[len(ids)-1] {
			t.Errorf("%d of 20 equal requests started an analysis: %q", won.Load(), ids)
		}
		a := newAnalysis("other")
		a.Key, a.Request = "release-7", []byte{2}
		if id, _, err := s.Start(ctx, a, 1e6); !errors.Is(err, store.ErrConflict) || id != ids[0] {
			t.Errorf("another request with the key: %q, %v", id, err)
		}
		a.Tenant = "another" // whose keys are their own
		if id, started, err := s.Start(ctx, a, 1e6); err != nil || !started || id != "other" {
			t.Errorf("another tenant's key: %q, %v, %v", id, started, err)
		}
		claim(t, s, 1)
		if _, _, err := s.Start(ctx, newAnalysis("one too many"), 1); err == nil {
			t.Error("more live analyses than allowed")
		} else if _, ok := errors.AsType[*store.TooManyError](err); !ok {
			t.Error(err)
		}
	})
}

func TestListing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		for i := range 10 {
			a := newAnalysis(fmt.Sprintf("a%d", i))
			a.Created = begin.Add(time.Duration(i) * time.Minute)
			a.Verdict = i % 3
			a.Labels = map[string]string{"parity": fmt.Sprint(i % 2), "i": fmt.Sprint(i)}
			if i == 9 {
				a.ConfigName, a.Application = "search", "find"
			}
			if _, _, err := s.Start(ctx, a, 100); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			filter store.Filter
			want   string
		}{
			"all":          {store.Filter{}, "a9a8a7a6"},
			"after":        {store.Filter{After: "a2"}, "a1a0"},
			"config":       {store.Filter{ConfigName: "search"}, "a9"},
			"application":  {store.Filter{Application: "shop", After: "a3"}, "a2a1a0"},
			"state":        {store.Filter{State: 2}, ""},
			"verdict":      {store.Filter{Verdict: 2}, "a8a5a2"},
			"label":        {store.Filter{Labels: map[string]string{"parity": "1"}, Before: begin.Add(4 * time.Minute)}, "a3a1"},
			"labels":       {store.Filter{Labels: map[string]string{"parity": "1", "i": "5"}}, "a5"},
			"no such pair": {store.Filter{Labels: map[string]string{"parity": "1", "i": "4"}}, ""},
			"time":         {store.Filter{From: begin.Add(7 * time.Minute), Before: begin.Add(9 * time.Minute)}, "a8a7"},
			"tenant":       {store.Filter{Tenant: "another"}, ""},
		} {
			if c.filter.Tenant == "" {
				c.filter.Tenant = "shop"
			}
			list, err := s.Analyses(ctx, c.filter, 4)
			got := ""
			for _, a := range list {
				got += a.ID
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %q, want %q: %v", name, got, c.want, err)
			}
		}
		if live, err := s.Live(ctx); err != nil || live[1] != 10 {
			t.Errorf("live %v, %v", live, err)
		}
	})
}

func TestLeases(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		now, err := s.Now(ctx)
		if err != nil || time.Since(now).Abs() > time.Minute { // both are this machine's clock
			t.Fatalf("the database's time is %v: %v", now, err)
		}
		for i := range 3 {
			if err := s.Add(ctx, store.Task{ID: fmt.Sprint("t", i), Kind: "look", Lane: fmt.Sprint("lane", i%2), Due: now.Add(time.Duration(i-10) * time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Add(ctx, store.Task{ID: "t0", Kind: "look", Due: now}, store.Task{ID: "future", Kind: "look", Due: now.Add(time.Hour)}, store.Task{ID: "n", Kind: "notify", Due: now}); err != nil {
			t.Fatal(err)
		}
		first, err := s.Claim(ctx, "look", 10, time.Millisecond, []string{"lane1", "laneX"})
		if err != nil || len(first) != 2 || first[0].ID != "t0" || first[1].ID != "t2" || first[0].Attempts != 1 {
			t.Fatalf("claimed %v, %v", first, err)
		}
		time.Sleep(5 * time.Millisecond) // the lease runs out
		again := claim(t, s, 3)
		if lost, err := s.Renew(ctx, []store.Lease{first[0].Lease, again[0].Lease}, time.Minute); err != nil || len(lost) != 1 || lost[0] != first[0].Lease {
			t.Errorf("lost %v, %v", lost, err)
		}
		for what, err := range map[string]error{
			"done": s.Done(ctx, first[0].Lease), "later": s.Later(ctx, first[0].Lease, now), "again": s.Again(ctx, first[0].Lease, now, "x"), "release": s.Release(ctx, first[0].Lease),
		} {
			if !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("%s with a lost lease: %v", what, err)
			}
		}
		if err := errors.Join(s.Release(ctx, again[0].Lease), s.Again(ctx, again[1].Lease, now.Add(-time.Second), "boom"), s.Again(ctx, again[2].Lease, time.Time{}, "dead")); err != nil {
			t.Fatal(err)
		}
		third := claim(t, s, 2)
		if third[0].Error != "" || third[1].Error != "boom" || third[1].Attempts != 2 && third[1].Attempts != 3 {
			t.Errorf("claimed %+v", third)
		}
		if err := errors.Join(s.Done(ctx, third[0].Lease), s.Later(ctx, third[1].Lease, now.Add(time.Hour))); err != nil {
			t.Fatal(err)
		}
		claim(t, s, 0)
		backlogs, err := s.Backlogs(ctx)
		if err != nil || len(backlogs) != 2 || backlogs[0].Waiting != 2 || backlogs[0].Dead != 1 || backlogs[1].Due != 1 {
			t.Errorf("backlogs %+v, %v", backlogs, err)
		}
		dead, err := s.Tasks(ctx, "", "look", "", true, 10)
		if err != nil || len(dead) != 1 || dead[0].Error != "dead" || !dead[0].Dead {
			t.Fatalf("dead %+v, %v", dead, err)
		}
		if err := errors.Join(s.Revive(ctx, "", "look", dead[0].ID), s.Drop(ctx, "", "notify", "n")); err != nil {
			t.Fatal(err)
		}
		if err := s.Drop(ctx, "shop", "look", dead[0].ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant dropped it: %v", err)
		}
		claim(t, s, 1)
	})
}

func TestConfigs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		put := func(text string, expected int64) (int64, error) {
			c, err := s.PutConfig(ctx, "shop", store.Config{Name: "checkout", Created: begin, Author: "ann", Config: []byte(text)}, expected, store.Bounds{Configs: 2, Revisions: 3})
			return c.Revision, err
		}
		if r, err := put("one", 0); err != nil || r != 1 {
			t.Fatal(r, err)
		}
		if _, err := put("two", 0); !errors.Is(err, store.ErrExists) {
			t.Errorf("created twice: %v", err)
		}
		var group sync.WaitGroup
		var won, lost atomic.Int32
		for i := range 10 {
			group.Go(func() {
				_, err := put(fmt.Sprint("two by ", i), 1)
				if e, ok := errors.AsType[*store.RevisionError](err); ok && e.Latest == 2 {
					lost.Add(1)
				} else if err == nil {
					won.Add(1)
				} else {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || lost.Load() != 9 {
			t.Errorf("%d updates of revision 1 won, %d lost", won.Load(), lost.Load())
		}
		for i := range 3 {
			if _, err := put(fmt.Sprint("later ", i), int64(2+i)); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.Revisions(ctx, "shop", "checkout", 0, 10)
		if err != nil || len(list) != 3 || list[0].Revision != 5 || list[2].Revision != 3 || list[0].Author != "ann" {
			t.Errorf("revisions %+v, %v", list, err)
		}
		if c, err := s.Config(ctx, "shop", "checkout", 0); err != nil || string(c.Config) != "later 2" {
			t.Errorf("latest %+v, %v", c, err)
		}
		if _, err := s.Config(ctx, "another", "checkout", 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant's config: %v", err)
		}
		// Import: one as it is, one new, one changed.
		imports := []store.Config{{Name: "checkout", Config: []byte("later 2"), Created: begin}, {Name: "search", Config: []byte("new"), Created: begin}}
		for _, dry := range []bool{true, false} {
			done, err := s.PutConfigs(ctx, "shop", imports, store.Bounds{Configs: 2, Revisions: 3}, dry)
			if err != nil || len(done) != 2 || done[0].Before != 5 || done[0].Revision != 5 || done[1].Before != 0 || done[1].Revision != 1 {
				t.Errorf("imported %+v, %v", done, err)
			}
			want := 1
			if !dry {
				want = 2
			}
			if all, err := s.Configs(ctx, "shop", "", 10); err != nil || len(all) != want {
				t.Errorf("configs %v, %v", all, err)
			}
		}
		if _, err := s.PutConfig(ctx, "shop", store.Config{Name: "third"}, 0, store.Bounds{Configs: 2, Revisions: 3}); err == nil {
			t.Error("a third config of two")
		} else if _, ok := errors.AsType[*store.TooManyError](err); !ok {
			t.Error(err)
		}
		if err := s.DeleteConfig(ctx, "shop", "checkout"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteConfig(ctx, "shop", "checkout"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if c, err := s.Config(ctx, "shop", "checkout", 5); err != nil || string(c.Config) != "later 2" {
			t.Errorf("a revision of a deleted config: %+v, %v", c, err)
		}
		if r, err := put("back", 0); err != nil || r != 6 {
			t.Errorf("created again as revision %d: %v", r, err)
		}
		all, err := s.Configs(ctx, "shop", "checkout", 10)
		if err != nil || len(all) != 1 || all[0].Name != "search" {
			t.Errorf("configs after checkout: %v, %v", all, err)
		}
	})
}

func TestAudit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, ctx := open(t, url, "one"), t.Context()
		for i := range 5 {
			if err := s.Audit(ctx, "shop", store.Event{At: begin.Add(time.Duration(i) * time.Minute), Caller: fmt.Sprint("c", i%2), Action: "configs.update", Object: "checkout", Refused: i == 4}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // ids count milliseconds
		}
		all, err := s.Events(ctx, "shop", "", "", "", 10)
		if err != nil || len(all) != 5 || !all[0].Refused || all[1].Refused || !all[4].At.Equal(begin) {
			t.Errorf("events %+v, %v", all, err)
		}
		if some, err := s.Events(ctx, "shop", "c1", "checkout", all[1].ID, 10); err != nil || len(some) != 1 {
			t.Errorf("events %+v, %v", some, err)
		}
		if none, err := s.Events(ctx, "another", "", "", "", 10); err != nil || len(none) > 0 {
			t.Errorf("another tenant's events %+v, %v", none, err)
		}
		if err := s.ForgetEvents(ctx, begin.Add(150*time.Second), 10); err != nil {
			t.Fatal(err)
		}
		if rest, err := s.Events(ctx, "shop", "", "", "", 10); err != nil || len(rest) != 2 {
			t.Errorf("after forgetting: %+v, %v", rest, err)
		}
	})
}

func TestReplicasStartTogether(t *testing.T) {
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			s, err := store.Open(t.Context(), store.Options{URL: url, Replica: fmt.Sprint("r", i), Connections: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// Replicas that claim at the same time never get the same task.
func TestClaimsAreExclusive(t *testing.T) {
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	const tasks = 500
	first := open(t, url, "first")
	for i := range tasks {
		if err := first.Add(ctx, store.Task{ID: fmt.Sprintf("t%03d", i), Kind: "look", Due: begin}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var group sync.WaitGroup
	for r := range 4 {
		s := open(t, url, fmt.Sprint("r", r))
		group.Go(func() {
			for {
				got, err := s.Claim(ctx, "look", 7, time.Minute, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, task := range got {
					seen[task.ID]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("task %s was claimed %d times", id, n)
		}
	}
	if len(seen) != tasks {
		t.Errorf("%d of %d tasks were claimed", len(seen), tasks)
	}
}

// What a replica had claimed is given back when it is gone, long before the
// leases run out.
func TestDeadReplica(t *testing.T) {
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lives, dies := open(t, url, "lives"), open(t, url, "dies")
	for i := range 4 {
		if err := lives.Add(t.Context(), store.Task{ID: fmt.Sprint("t", i), Kind: "look", Due: begin}); err != nil {
			t.Fatal(err)
		}
	}
	half := func(s *store.Store) {
		t.Helper()
		if tasks, err := s.Claim(t.Context(), "look", 2, time.Hour, nil); err != nil || len(tasks) != 2 {
			t.Fatal(tasks, err)
		}
	}
	half(lives)
	half(dies)
	time.Sleep(2500 * time.Millisecond) // both look after each other, and take nothing
	third := open(t, url, "third")
	if tasks, err := third.Claim(t.Context(), "look", 4, time.Hour, nil); err != nil || len(tasks) > 0 {
		t.Fatalf("claimed of the living: %v, %v", tasks, err)
	}
	if err := dies.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		tasks, err := third.Claim(t.Context(), "look", 4, time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(tasks) == 2 {
			break
		}
		if len(tasks) > 0 || time.Now().After(end) {
			t.Fatalf("claimed %v of the dead", tasks)
		}
	}
}

func TestOneProcessAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "judged.db")
	s := open(t, path, "one")
	if _, err := store.Open(t.Context(), store.Options{URL: path, Replica: "two"}); err == nil {
		t.Error("two processes opened one file")
	}
	task := start(t, s, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), store.Options{URL: path, Replica: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if tasks := claim(t, again, 1); tasks[0].ID != task.ID {
		t.Errorf("claimed %v", tasks)
	}
	// The cleanup closes the first once more, which must not fail.
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database of a newer version is left alone.
func TestNewerSchema(t *testing.T) {
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(open(t, url, "one").Close(), storetest.ForTest(t).Exec(t.Context(), url, "UPDATE schema_version SET version = 9999")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Options{URL: url, Replica: "two"}); err == nil {
		t.Error("a newer schema was opened")
	} else {
		t.Log(err)
	}
}

func TestPostgresRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("restarts a server")
	}
	storetest.ForTest(t) // skips where there is none
	server, err := storetest.StartPostgres(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop(syscall.SIGINT) }()
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, url, "one")
	task := start(t, s, "a")
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := errors.Join(server.Stop(how), s.Check(t.Context())); err == nil {
			t.Error("a stopped server answered")
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Renew(t.Context(), []store.Lease{task.Lease}, time.Minute); err != nil {
			t.Errorf("after %v: %v", how, err)
		}
	}
}

func TestAddressesThatCannotWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for _, url := range []string{"", "mysql://localhost/x", "postgres://judged:secret@127.0.0.1:1/x?sslmode=disable", "postgres://user:secret@[bad", "/proc/nothing/judged.db"} {
		_, err := store.Open(ctx, store.Options{URL: url, Replica: "one"})
		if err == nil {
			t.Errorf("%q was opened", url)
			continue
		}
		t.Log(err)
		if slices.Contains([]byte(err.Error()), 0) || containsSecret(err.Error()) {
			t.Errorf("the error of %q tells the password: %v", url, err)
		}
	}
}

func containsSecret(text string) bool {
	for i := range len(text) - 5 {
		if text[i:i+6] == "secret" {
			return true
		}
	}
	return false
}

func BenchmarkLook(b *testing.B) {
	for name, url := range map[string]string{"SQLite": filepath.Join(b.TempDir(), "judged.db")} {
		b.Run(name, func(b *testing.B) {
			s := open(b, url, "one")
			const analyses = 200
			for i := range analyses {
				id := fmt.Sprint("a", i)
				if _, _, err := s.Start(b.Context(), newAnalysis(id), 1e6, lookTask(id)); err != nil {
					b.Fatal(err)
				}
			}
			judgment, summary, points := make([]byte, 4096), make([]byte, 600), make([]byte, 700)
			var group sync.WaitGroup
			var n atomic.Int64
			b.ResetTimer()
			for n.Load() < int64(b.N) {
				tasks, err := s.Claim(b.Context(), "look", 64, time.Minute, nil)
				if err != nil {
					b.Fatal(err)
				}
				for _, task := range tasks {
					n.Add(1)
					group.Go(func() {
						a, _, err := s.Claimed(b.Context(), task)
						if err != nil {
							b.Error(err)
						}
						next := a
						next.Looks++
						next.Judgment = judgment
						if err := s.Apply(b.Context(), store.Change{Lease: task.Lease, Before: a, After: next, Look: &store.Look{Number: next.Looks, Summary: summary, Points: points}, Next: begin}); err != nil {
							b.Error(err)
						}
					})
				}
				group.Wait()
			}
		})
	}
}
