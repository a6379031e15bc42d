package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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

// A backup of a store in use, made as docs/operations.md says, is whole: every analysis in it has all looks that it counts and the
// task of its next one, and a judged that opens it goes on. The store that it was made of does not notice.
func TestBackupOfALiveStore(t *testing.T) {
	for _, command := range []string{"VACUUM INTO", ".backup"} {
		t.Run(command, func(t *testing.T) {
			dir := t.TempDir()
			path, backup := filepath.Join(dir, "judged.db"), filepath.Join(dir, "backup.db")
			backUp(t, path, func() string {
				program(t, "sqlite3", "-cmd", ".timeout 10000", path, fmt.Sprintf("%s '%s'", command, backup))
				if out := program(t, "sqlite3", backup, "PRAGMA integrity_check"); out != "ok\n" {
					t.Fatalf("the backup: %s", out)
				}
				return backup
			})
		})
	}
	t.Run("pg_dump", func(t *testing.T) {
		dump := filepath.Join(t.TempDir(), "judged.dump")
		var urls [2]string
		for i := range urls {
			var err error
			if urls[i], err = storetest.ForTest(t).Database(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		backUp(t, urls[0], func() string {
			program(t, "pg_dump", "-Fc", "-d", urls[0], "-f", dump)
			program(t, "pg_restore", "--no-owner", "-d", urls[1], dump)
			return urls[1]
		})
	})
}

// lease is how long a look belongs to who takes it, workers how many take looks.
const (
	lease   = 2 * time.Second
	workers = 2
)

// backUp takes looks in the store at url, makes a backup meanwhile, and goes on with the analyses that are in it. restore
// makes the backup and returns where it is open to a judged.
func backUp(t *testing.T, url string, restore func() string) {
	t.Helper()
	live := open(t, url)
	const analyses = 20
	for i := range analyses {
		begin(t, live, fmt.Sprintf("a%02d", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var working sync.WaitGroup
	looked, failed := make(chan struct{}, 1), make(chan error, workers)
	for range workers {
		working.Go(func() {
			for ctx.Err() == nil {
				if _, err := look(ctx, live, started); err != nil && ctx.Err() == nil {
					failed <- err
					return
				}
				select {
				case looked <- struct{}{}:
				default:
				}
			}
		})
	}
	wait := func(n int) {
		for range n {
			select {
			case <-looked:
			case err := <-failed:
				t.Fatalf("the store in use: %v", err)
			}
		}
	}
	wait(1) // it is in use
	backup := restore()
	wait(2 + workers) // and goes on: one signal may be old, and each worker may have had one in hand
	stop()
	working.Wait()

	restored := open(t, backup)
	before, after := looks(t, restored, analyses), looks(t, live, analyses)
	if before == 0 || before >= after {
		t.Errorf("the backup has %d looks, the store %d by now: it was not made while looks were taken", before, after)
	}
	// Nobody completes what was being done when the backup was made: its leases end, and all analyses go on.
	taken := map[string]bool{}
	deadline, cancel := context.WithTimeout(t.Context(), 10*lease)
	defer cancel()
	for len(taken) < analyses {
		id, err := look(deadline, restored, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatalf("%d of %d analyses went on after the restore: %v", len(taken), analyses, err)
		}
		if id != "" {
			taken[id] = true
		}
	}
	if now := looks(t, restored, analyses); now <= before {
		t.Errorf("%d looks after the restore, %d before", now, before)
	}
}

// program runs a program that the documentation asks for and returns what it prints.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal(err)
	case err != nil:
		t.Skipf("%v: install Debian's sqlite3 and postgresql-client", err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: path, Replica: "test"})
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

var started = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func begin(t *testing.T, s *store.Store, id string) {
	t.Helper()
	a := store.Analysis{
		ID: id, Tenant: "shop", State: 2, Version: 1, ConfigName: "checkout", Application: "shop",
		Request: []byte{1}, Created: started, Updated: started, Config: []byte("config"), Detail: []byte("detail"),
	}
	task := store.Task{ID: store.LookTask(id), Kind: "look", Lane: "prod", Tenant: "shop", Subject: id, Due: started}
	if _, ok, err := s.Start(t.Context(), a, 1e6, task); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

// look takes one look of the analysis that waited longest, as a worker does. The next one is due when it says. It returns the
// analysis, "" if none was due.
func look(ctx context.Context, s *store.Store, next time.Time) (string, error) {
	tasks, err := s.Claim(ctx, "look", 1, lease, nil)
	if err != nil || len(tasks) == 0 {
		return "", err
	}
	task := tasks[0]
	a, points, err := s.Claimed(ctx, task)
	if err != nil {
		return "", err
	}
	if len(points) != a.Looks {
		return "", fmt.Errorf("analysis %s counts %d looks and has the points of %d", a.ID, a.Looks, len(points))
	}
	after := a
	after.Looks++
	after.Judgment = fmt.Appendf(nil, "judgment %d", after.Looks)
	err = s.Apply(ctx, store.Change{
		Lease: task.Lease, Before: a, After: after, Next: next,
		Look: &store.Look{Number: after.Looks, Summary: []byte("summary"), Points: make([]byte, 2000)},
	})
	return a.ID, err
}

// looks counts all looks and checks that each analysis has those it counts, in a row, and the judgment of the last.
func looks(t *testing.T, s *store.Store, analyses int) int {
	t.Helper()
	list, err := s.Analyses(t.Context(), store.Filter{Tenant: "shop"}, analyses+1)
	if err != nil || len(list) != analyses {
		t.Fatalf("%d analyses, want %d: %v", len(list), analyses, err)
	}
	tasks, err := s.Tasks(t.Context(), "shop", "look", "", false, analyses+1)
	if err != nil || len(tasks) != analyses {
		t.Fatalf("%d tasks for %d analyses: %v", len(tasks), analyses, err)
	}
	all := 0
	for _, a := range list {
		taken, err := s.Looks(t.Context(), "shop", a.ID, 0, a.Looks+1, true)
		if err != nil || len(taken) != a.Looks {
			t.Fatal(errors.Join(err, fmt.Errorf("analysis %s counts %d looks and has %d", a.ID, a.Looks, len(taken))))
		}
		for i, l := range taken {
			if l.Number != i+1 {
				t.Fatalf("analysis %s: look %d is number %d", a.ID, i+1, l.Number)
			}
		}
		if want := fmt.Sprintf("judgment %d", a.Looks); a.Looks > 0 && string(a.Judgment) != want {
			t.Fatalf("analysis %s has %q, want %q", a.ID, a.Judgment, want)
		}
		all += len(taken)
	}
	return all
}
