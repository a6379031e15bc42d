package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/server"
)

// secret is a provider whose queries nobody but the server can expand.
var secret = metrics.Provider{
	Name: "service-test",
	Expand: func(query string, variables map[string]string) (string, error) {
		if strings.HasPrefix(query, "unexpandable") {
			return "", errors.New("this cannot be expanded")
		}
		return fmt.Sprintf("<%s of %s>", query, variables["version"]), nil
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return nil, errors.New("not openable") },
}

func init() { metrics.Register(secret) }

// shopSource answers as its queries say.
type shopSource struct{ gate chan struct{} }

func (s shopSource) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return metrics.Result{}, ctx.Err()
		}
	}
	has := func(word string) bool { return strings.Contains(q.Expr, word) }
	before := q.Grid.Start.Before(longAgo)
	if has("broken") || has("forgetful") && before {
		return metrics.Result{}, &metrics.Error{Op: "query", Source: "shop", Query: q.Expr, Reason: metrics.BadQuery, Err: errors.New("no such metric")}
	}
	level := 100.0
	if has("slow") && has("v2") && !before {
		level = 300
	}
	result := metrics.Result{}
	if has("warned") {
		result.Warnings = []string{"this is an estimate"}
	}
	pods := []string{""}
	if has("pods") {
		pods = []string{"a", "b", "c"}
	}
	for _, pod := range pods {
		one := metrics.Series{}
		if pod != "" {
			one.Labels = metrics.Labels{"pod": pod}
		}
		for at := range q.Grid.N {
			// The value follows from the moment, so that every look sees the same.
			when := q.Grid.Time(at)
			random := rand.New(rand.NewPCG(uint64(when.UnixNano()), uint64(crc32.ChecksumIEEE([]byte(q.Expr+pod)))))
			v := level * (1 + 0.02*random.NormFloat64())
			switch {
			case has("gaps") && random.Float64() < 0.2:
				continue
			case has("errors"):
				v = float64(random.IntN(4))
			case has("requests"):
				v = math.Round(v)
			}
			one.Points = append(one.Points, metrics.Point{Time: when, Value: v})
		}
		result.Series = append(result.Series, one)
	}
	return result, nil
}

func (shopSource) Close() error { return nil }

// longAgo is the release: schedules from it are over, so that all looks are due
// at once.
var longAgo = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const checkout = `name: checkout
application: shop
scopes: {baseline: {version: v1}, canary: {version: v2}}
schedule: {start: 2026-03-01T12:00:00Z, duration: 30m, look_every: 10m, history: 2h, stop: at_end}
metrics:
  - {name: latency, source: shop, query: latency, unit: ms, direction: increase, critical: true}
`

func startServer(t *testing.T, o server.Options, gate chan struct{}) string {
	t.Helper()
	if o.Sources == nil {
		o.Sources = analysis.NewSources()
		o.Sources.Use("shop", secret, shopSource{gate})
	}
	o.Version, o.Grace = version(), 100*time.Millisecond
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// execute runs a command line of those for a server.
func execute(ctx context.Context, stdout, stderr io.Writer, args ...string) (code int) {
	w := world{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, getenv: func(string) string { return "" }, now: time.Now}
	return run(ctx, args, w)
}

// typed runs a command line for a server.
func typed(t *testing.T, url string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("JUDGED_SERVER", url)
	var out, complained bytes.Buffer
	code = execute(t.Context(), &out, &complained, args...)
	return out.String(), complained.String(), code
}

// screen is what somebody sees while a command runs.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the screen shows a text.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	for range 2000 {
		if strings.Contains(s.String(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("it never said %q:\n%s", text, s)
}

// must runs a command line that succeeds.
func must(t *testing.T, url string, args ...string) string {
	t.Helper()
	out, complained, code := typed(t, url, args...)
	if code != exitPass {
		t.Fatalf("%v: exit %d\n%s%s", args, code, out, complained)
	}
	return out
}

func wants(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			t.Errorf("%s does not say %q:\n%s", what, p, text)
		}
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnalysesCommands(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	good := file(t, "checkout.yaml", checkout)
	bad := file(t, "slow.yaml", strings.Replace(strings.Replace(checkout, "query: latency", "query: slow", 1), "name: checkout", "name: slow", 1))

	out, complained, code := typed(t, url, "analyses", "start", good, "--wait", "--label", "release=7,team=shop")
	wants(t, "start --wait", out, `PASS`, `latency`)
	wants(t, "start --wait", complained, `^analysis [0-9a-f-]{36}: 3 looks, the first at 2026-03-01 12:10:00`)
	if code != exitPass {
		t.Errorf("exit %d", code)
	}
	out, _, code = typed(t, url, "analyses", "start", bad, "--wait", "-f", "json")
	if code != exitFail || !strings.Contains(out, `"verdict": "FAIL"`) {
		t.Errorf("exit %d: %s", code, out)
	}
	// The same key is the same analysis.
	id := must(t, url, "analyses", "start", good, "--key", "release-8")
	if again := must(t, url, "analyses", "start", good, "--key", "release-8"); again != id || len(strings.TrimSpace(id)) != 36 {
		t.Errorf("%q and %q", id, again)
	}
	id = strings.TrimSpace(id)
	out, _, code = typed(t, url, "analyses", "watch", id)
	wants(t, "watch", out, `^\S+Z  COMPLETED        3/3  PASS          PASS: `)
	if code != exitPass {
		t.Errorf("exit %d", code)
	}
	wants(t, "list", must(t, url, "analyses", "list"), `^ID +CONFIG +STATE +VERDICT +LOOKS +STARTED +LABELS$`, `checkout +COMPLETED +PASS +3/3 .* release=7,team=shop$`, `slow +COMPLETED +FAIL`)
	out = must(t, url, "analyses", "list", "--verdict", "fail", "--state", "completed", "--since", "1h", "--application", "shop")
	if strings.Count(out, "\n") != 2 || !strings.Contains(out, "slow") {
		t.Errorf("failed ones:\n%s", out)
	}
	if out = must(t, url, "analyses", "list", "--limit", "2"); strings.Count(out, "\n") != 3 {
		t.Errorf("two of them:\n%s", out)
	}
	if out = must(t, url, "analyses", "list", "--label", "release=7"); strings.Count(out, "\n") != 2 {
		t.Errorf("of release 7:\n%s", out)
	}
	wants(t, "get", must(t, url, "analyses", "get", id), `^analysis +`+id, `^state +COMPLETED`, `^looks +3/3`, `PASS`, `latency`)
	wants(t, "get -f json", must(t, url, "analyses", "get", id, "-f", "json"), `"state": "COMPLETED"`, `"findings"`)
	wants(t, "looks", must(t, url, "analyses", "looks", id), `^LOOK +DUE`, `^1 +2026-03-01 12:10:00`, `^3 +2026-03-01 12:30:00 .* PASS`)
	wants(t, "cancel", must(t, url, "analyses", "cancel", id), id+" COMPLETED")
	for what, args := range map[string][]string{
		"no analysis .x.":    {"analyses", "get", "x"},
		"CONFIG, a file, or": {"analyses", "start"},
		"no such file":       {"analyses", "start", "nowhere.yaml"},
		"no config .y.":      {"analyses", "start", "--stored", "y"},
		"missing|no config":  {"analyses", "start", "--stored", "y", "--canary", "version=v3"},
		"refused":            {"analyses", "watch", "x", "--server", "http://127.0.0.1:1"},
		"plain text":         {"analyses", "watch", "x", "--server", "http://judged.internal", "--token-file", good},
	} {
		_, complained, code := typed(t, url, args...)
		wants(t, strings.Join(args, " "), complained, what)
		if code != exitError {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// An analysis that is cancelled while it is watched.
func TestWatchCommand(t *testing.T) {
	gate := make(chan struct{})
	url := startServer(t, server.Options{}, gate)
	id := strings.TrimSpace(must(t, url, "analyses", "start", file(t, "checkout.yaml", checkout)))
	var out, complained screen
	ended := make(chan int, 1)
	go func() { ended <- execute(t.Context(), &out, &complained, "analyses", "watch", id, "--server", url) }()
	out.await(t, "PENDING")
	for range 4 { // the first look: both sides, now and before
		gate <- struct{}{}
	}
	out.await(t, "RUNNING")
	must(t, url, "analyses", "cancel", id, "--reason", "rolled back")
	if code := <-ended; code != exitError {
		t.Errorf("exit %d", code)
	}
	wants(t, "watch", out.String(), `PENDING +0/3 +- +first look due at 2026-03-01T12:10:00Z`, `RUNNING +1/3 +(PASS|INCONCLUSIVE) `, `CANCELED +1/3 .* rolled back$`)
	wants(t, "watch", complained.String(), "was cancelled: rolled back")
}

// Whoever stops waiting hears how to go on.
func TestWatchIsInterrupted(t *testing.T) {
	url := startServer(t, server.Options{}, make(chan struct{}))
	var out, complained screen
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, &out, &complained, "analyses", "start", file(t, "checkout.yaml", checkout), "--wait", "--server", url)
	}()
	complained.await(t, "3 looks")
	interrupt()
	if code := <-ended; code != exitError {
		t.Errorf("exit %d", code)
	}
	wants(t, "start --wait", complained.String(), `The analysis goes on: judged analyses watch [0-9a-f-]{36} waits for it again`)
}

func TestConfigsCommands(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	path := file(t, "checkout.yaml", checkout)
	wants(t, "put", must(t, url, "configs", "put", path, "--comment", "the first"), "^checkout stored as revision 1$")
	wants(t, "put again", must(t, url, "configs", "put", path), "^checkout unchanged at revision 1$")
	if err := os.WriteFile(path, []byte(strings.Replace(checkout, "duration: 30m", "duration: 40m", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, complained, code := typed(t, url, "configs", "put", path, "--expected", "7")
	wants(t, "put of a stale one", complained, "is at revision 1, not at the expected revision 7")
	if code != exitError {
		t.Errorf("exit %d", code)
	}
	if _, complained, _ = typed(t, url, "configs", "put", path, "--expected", "0"); !strings.Contains(complained, "already exists") {
		t.Errorf("put of a new one: %s", complained)
	}
	wants(t, "put", must(t, url, "configs", "put", path, "--expected", "1", "--comment", "longer\x1b[31m"), "^checkout stored as revision 2$")
	out := must(t, url, "configs", "list")
	wants(t, "list", out, `^NAME +APPLICATION`, `^checkout +shop +2 `)
	if strings.Contains(out, "\x1b") {
		t.Errorf("a comment moves the cursor: %q", out)
	}
	wants(t, "revisions", must(t, url, "configs", "revisions", "checkout"), `^2 .* longer`, `^1 .* the first$`)
	wants(t, "diff", must(t, url, "configs", "diff", "checkout"), `^-  duration: 1800s$`, `^\+  duration: 2400s$`)
	wants(t, "get", must(t, url, "configs", "get", "checkout", "--revision", "1"), `^name: checkout$`, `^  duration: 1800s$`)

	// A stored config, with another canary.
	id := must(t, url, "analyses", "start", "--stored", "checkout", "--revision", "1", "--canary", "version=v3")
	out = must(t, url, "analyses", "get", strings.TrimSpace(id), "-f", "json")
	wants(t, "an analysis of it", out, `"configRevision": "1"`, `"version": "v3"`, `"version": "v1"`)

	dir := t.TempDir()
	must(t, url, "configs", "export", "-d", dir)
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name+".yml"), []byte(strings.Replace(checkout, "name: checkout", "name: "+name, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, "import --dry-run", must(t, url, "configs", "import", dir, "--dry-run"), `^a +created +1 .*a\.yml$`)
	wants(t, "import", must(t, url, "configs", "import", dir), `^a +created +1 `, `^b +created +1 `, `^checkout +unchanged +2 `)
	wants(t, "delete", must(t, url, "configs", "delete", "a"), "^a deleted$")
	broken := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(broken, []byte("name: x\nmetrix: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, args := range map[string][]string{
		regexp.QuoteMeta(broken + ":2:1"): {"configs", "import", dir},
		"there is no config .a.":          {"configs", "get", "a"},
		"no .yaml, .yml or .json":         {"configs", "import", t.TempDir()},
	} {
		_, complained, code := typed(t, url, args...)
		wants(t, strings.Join(args, " "), complained, what)
		if code != exitError {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// A token that the command makes is one that a server with its entry takes.
func TestTokenCommand(t *testing.T) {
	out := must(t, "", "token", "deployer: of \"payments\"", "--tenant", "payments", "--not-after", "2100-01-01T00:00:00Z")
	token, entry, _ := strings.Cut(out, "\n")
	if strings.Contains(entry, token) {
		t.Errorf("the entry holds the token:\n%s", out)
	}
	authenticator, err := auth.New(t.Context(), auth.Options{TokensFile: file(t, "tokens.yaml", entry)})
	if err != nil {
		t.Fatal(err)
	}
	url := startServer(t, server.Options{Authenticator: authenticator}, nil)
	must(t, url, "configs", "list", "--token-file", file(t, "token", token+"\n"))
	if _, complained, code := typed(t, url, "configs", "list"); code != exitError || !strings.Contains(complained, "who is calling") {
		t.Errorf("without it: exit %d: %s", code, complained)
	}
	t.Setenv("JUDGED_TOKEN", token)
	must(t, url, "configs", "list")
	t.Setenv("JUDGED_TOKEN", token+"x")
	must(t, url, "configs", "list", "--token-file", file(t, "token", token)) // what is said comes before what is there
	if _, complained, code := typed(t, url, "configs", "list"); code != exitError || !strings.Contains(complained, "does not know the bearer token") || strings.Contains(complained, token) {
		t.Errorf("another token: %d %s", code, complained)
	}
	if _, complained, code := typed(t, "", "token", "x", "--not-after", "2001-01-01T00:00:00Z"); code != exitError || !strings.Contains(complained, "is past") {
		t.Errorf("exit %d: %s", code, complained)
	}
}
