package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/server"
)

// bad returns the checkout config whose canary is slow.
func bad(t *testing.T) string {
	t.Helper()
	return file(t, "bad.yaml", strings.Replace(checkout, "query: latency", "query: slow", 1))
}

// pipeline runs a command line as a job does, whose variables name the server.
func pipeline(t *testing.T, url string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("JUDGED_SERVER", url)
	var out, complained bytes.Buffer
	w := system()
	w.stdin, w.stdout, w.stderr = strings.NewReader(""), &out, &complained
	code = run(t.Context(), args, w)
	return out.String(), complained.String(), code
}

// A config whose looks are all due at once is watched from its start to its end.
func TestGateVerdicts(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	good := file(t, "checkout.yaml", checkout)
	must(t, url, "configs", "put", good)
	must(t, url, "configs", "put", file(t, "broken.yaml", strings.NewReplacer("name: checkout", "name: broken", "query: latency", "query: broken").Replace(checkout)))
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
	}{
		"file":             {[]string{good, "--server", url}, exitPass, "PASS: the canary is not worse"},
		"worse":            {[]string{bad(t), "--server", url}, exitFail, "FAIL: the canary is worse"},
		"stored":           {[]string{"--stored", "checkout"}, exitPass, "PASS: "},
		"stored revision":  {[]string{"--stored", "checkout@1", "--server", url, "--live"}, exitPass, "PASS: "},
		"scopes":           {[]string{"--stored", "checkout", "--canary", "version=v9"}, exitPass, "version=v9 vs version=v1"},
		"could not judge":  {[]string{"--stored", "broken"}, exitError, "ERROR: "},
		"on-error pass":    {[]string{"--stored", "broken", "--on-error", "pass"}, exitPass, "ERROR: "},
		"another duration": {[]string{good, "--server", url, "--live", "--duration", "20m"}, exitPass, `20 min, 20 × 1 min.*look 2 of 2`},
	} {
		out, complained, code := pipeline(t, url, append([]string{"run"}, c.args...)...)
		if code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s", name, code, c.code, complained)
		}
		wants(t, name, out, c.out)
		wants(t, name, complained, `^analysis [0-9a-f-]{36} of config \S+, [1-3] looks$`, `Z  COMPLETED +[1-3]/[1-3]  (PASS|FAIL|ERROR) +(PASS|FAIL|ERROR): `)
	}
}

// Without a start the time until now is judged, here as on a server. The noise of ten
// minutes is another at every moment, and sometimes too much for a PASS.
func TestGateJudgesTheTimeUntilNow(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	now := file(t, "now.yaml", strings.Replace(checkout, "start: 2026-03-01T12:00:00Z, ", "", 1))
	must(t, url, "configs", "put", now)
	for _, what := range [][]string{{now}, {"--stored", "checkout"}, {"--stored", "checkout", "--canary", "version=v3"}} {
		out, complained, code := pipeline(t, url, append([]string{"run", "--server", url, "--duration", "10m", "--quiet", "--on-inconclusive", "pass"}, what...)...)
		wants(t, strings.Join(what, " "), out, `\(10 min, 10 × 1 min\)`)
		if code != exitPass || complained != "" {
			t.Errorf("%v: exit %d, and --quiet says %q", what, code, complained)
		}
	}
}

func TestGateMistakes(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	good := file(t, "checkout.yaml", checkout)
	now := file(t, "now.yaml", strings.NewReplacer("start: 2026-03-01T12:00:00Z, ", "", "name: checkout", "name: now").Replace(checkout))
	must(t, url, "configs", "put", now)
	for what, args := range map[string][]string{
		"Give one of CONFIG":           {"run", "--server", url},
		"(?i)give one of CONFIG":       {"run", good, "--server", url, "--stored", "checkout"},
		"--live is for an analysis":    {"run", good, "--live"},
		"--wait is for an analysis":    {"run", "--from", "x", "--server", url, "--wait", "0"},
		"CONFIG is missing":            {"run"},
		"a server has its own":         {"run", good, "--server", url, "--sources", good},
		"it looks like checkout":       {"run", "--stored", "checkout@last"},
		"there is no config .nothing.": {"run", "--stored", "nothing"},
		"no analysis .x.":              {"run", "--analysis", "x"},
		"add --live or --start":        {"run", "--stored", "now", "--key", "k"},
		"is a part of it":              {"run", "--stored", "now", "--live", "--duration", "5m"},
		`no format "html"; there are`:  {"run", good, "--write", "html=x.html"},
		"--write junit=.*no such file": {"run", good, "--write", "junit=nowhere/x.xml"},
	} {
		_, complained, code := pipeline(t, url, args...)
		wants(t, strings.Join(args, " "), complained, what)
		if code != exitError {
			t.Errorf("%v: exit %d", args, code)
		}
	}
	if _, complained, code := pipeline(t, "", "run", "--stored", "checkout"); code != exitError || !strings.Contains(complained, "need --server") {
		t.Errorf("without a server: exit %d: %s", code, complained)
	}
	// A mistake of the caller is never excused.
	for _, args := range [][]string{{"--stored", "nothing"}, {"--analysis", "x"}, {good, "--server", url, "--token-file", "nowhere"}} {
		if _, complained, code := pipeline(t, url, append(args, "--on-error", "pass")...); code != exitError {
			t.Errorf("%v: exit %d: %s", args, code, complained)
		}
		if _, complained, code := pipeline(t, url, append([]string{"run", "--on-error", "pass"}, args...)...); code != exitError {
			t.Errorf("%v: exit %d: %s", args, code, complained)
		}
	}
}

// A job that runs again finds its analysis, and one step may start what another
// waits for.
func TestGateFindsItsAnalysis(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	must(t, url, "configs", "put", file(t, "checkout.yaml", checkout))
	args := []string{"run", "--stored", "checkout", "--key", "checkout-v2", "--label", "commit=abc", "--label", "run=https://ci.example.com/7", "--wait", "0"}
	id, _, _ := pipeline(t, url, args...)
	if again, _, code := pipeline(t, url, args...); code != exitPass || again != id || !regexp.MustCompile(`^[0-9a-f-]{36}\n$`).MatchString(id) {
		t.Errorf("%q and %q", id, again)
	}
	id = strings.TrimSpace(id)
	wants(t, "labels", must(t, url, "analyses", "list"), `commit=abc,run=https://ci.example.com/7$`)
	out, complained, code := pipeline(t, url, "run", "--analysis", id, "--format", "markdown")
	wants(t, "--analysis", out, `^<!-- judged: checkout -->$`, `^### ✅ PASS: .checkout., score 100`, `^Analysis .`+id)
	wants(t, "--analysis", complained, `^analysis `+id+` of config checkout@1`)
	if code != exitPass {
		t.Errorf("exit %d", code)
	}
	if out, _, code = pipeline(t, url, append(args[:len(args)-2], "-q")...); code != exitPass || !strings.Contains(out, "PASS: ") {
		t.Errorf("with the same key: exit %d: %s", code, out)
	}
	if _, complained, code = pipeline(t, url, append(args[:len(args)-2], "--label", "attempt=2")...); code != exitError || !strings.Contains(complained, "a different request") {
		t.Errorf("another request with the key: exit %d: %s", code, complained)
	}
}

// stopped is how a gate ended that never saw a verdict.
type stopped struct {
	id, complained string
	code           int
}

// held runs a gate whose analysis cannot take a look.
func held(t *testing.T, url string, interrupt bool, args ...string) stopped {
	t.Helper()
	var out, errs screen
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, &out, &errs, append([]string{"run", "--server", url}, args...)...)
	}()
	if interrupt {
		errs.await(t, "first look due")
		cancel()
	}
	code := <-ended
	if out.String() != "" {
		t.Errorf("%v: it prints a verdict:\n%s", args, out.String())
	}
	return stopped{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).FindString(errs.String()), errs.String(), code}
}

// Who gives up ends the analysis; who lets go does not.
func TestGateStopsWaiting(t *testing.T) {
	gate := make(chan struct{})
	url := startServer(t, server.Options{}, gate)
	good := file(t, "checkout.yaml", checkout)
	dir := t.TempDir()
	const soon = "2s" // time enough to start
	cases := []struct {
		name      string
		interrupt bool
		args      []string
		code      int
		says      string
		state     string
	}{
		{"interrupted", true, nil, exitError, `was cancelled \(--keep`, "CANCELED"},
		{"interrupted but kept", true, []string{"--keep"}, exitError, "The analysis goes on: judged run --analysis", "PENDING"},
		{"never excused", true, []string{"--on-error", "pass"}, exitError, "was cancelled", "CANCELED"},
		{"timeout", false, []string{"--timeout", soon}, exitError, `no verdict within 2s \(see --timeout\)`, "CANCELED"},
		{"timeout but kept", false, []string{"--timeout", soon, "--keep"}, exitError, "The analysis goes on", "PENDING"},
		{"timeout excused", false, []string{"--timeout", soon, "--on-error", "pass"}, exitPass, "exit by --on-error pass", "CANCELED"},
		{"wait is over", false, []string{"--wait", soon}, exitError, `no verdict within 2s \(see --wait\)`, "PENDING"},
		{"wait is over and a no", false, []string{"--wait", soon, "--on-error", "fail"}, exitFail, "exit by --on-error fail", "PENDING"},
		{"wait is over and a key", false, []string{"--wait", soon, "--key", "k"}, exitError, "The analysis goes on", "PENDING"},
	}
	results := make([]stopped, len(cases))
	var all sync.WaitGroup
	for i, c := range cases {
		all.Go(func() {
			results[i] = held(t, url, c.interrupt, append(c.args, good, "--write", "markdown="+filepath.Join(dir, c.name))...)
		})
	}
	all.Wait()
	for i, c := range cases {
		got := results[i]
		if got.code != c.code {
			t.Errorf("%s: exit %d, want %d", c.name, got.code, c.code)
		}
		wants(t, c.name, got.complained, c.says)
		wants(t, c.name, must(t, url, "analyses", "get", got.id), `^state +`+c.state+`$`)
		text, err := os.ReadFile(filepath.Join(dir, c.name))
		if err != nil {
			t.Fatal(err)
		}
		wants(t, c.name, string(text), `^<!-- judged: checkout -->$`, `^### ⚠️ ERROR: .checkout.$`, `^\*\*ERROR\*\*: `, `^Analysis .`+got.id)
	}
	// Who only waits for what others started does not end it.
	id := strings.TrimSpace(must(t, url, "analyses", "start", good))
	got := held(t, url, true, "--analysis", id)
	wants(t, "--analysis", got.complained, "The analysis goes on")
	wants(t, "--analysis", must(t, url, "analyses", "get", id), `^state +PENDING$`)
	if got.code != exitError {
		t.Errorf("exit %d", got.code)
	}
	// A cancelled analysis is no verdict, and its key stands for it.
	must(t, url, "analyses", "cancel", id, "--reason", "rolled back")
	if _, complained, code := pipeline(t, url, "run", "--analysis", id, "--on-error", "pass"); code != exitError || !strings.Contains(complained, "was cancelled: rolled back") {
		t.Errorf("exit %d: %s", code, complained)
	}
	held(t, url, true, good, "--key", "once")
	if _, complained, code := pipeline(t, url, "run", good, "--server", url, "--key", "once"); code != exitError || !strings.Contains(complained, `take another --key than "once"`) {
		t.Errorf("exit %d: %s", code, complained)
	}
}

// A server that is away is an error of its own, which the caller may excuse, and
// the files say so.
func TestGateWithoutServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "http://" + listener.Addr().String()
	listener.Close()
	good := file(t, "checkout.yaml", checkout)
	dir := t.TempDir()
	for choice, want := range map[string]int{"exit": exitError, "fail": exitFail, "pass": exitPass} {
		out, complained, code := pipeline(t, away, "run", good, "--server", away, "--key", "k", "--on-error", choice, "--timeout", "300ms",
			"--write", "json="+filepath.Join(dir, "a.json"), "--write", "junit="+filepath.Join(dir, "a.xml"))
		if code != want || out != "" {
			t.Errorf("--on-error %s: exit %d: %s", choice, code, out)
		}
		wants(t, choice, complained, `^judged: start the analysis: .*refused`)
	}
	for name, part := range map[string]string{"a.json": `"verdict": "ERROR"`, "a.xml": `<error type="ERROR" message="start the analysis: `} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		wants(t, name, string(text), part)
	}
}

// Only a lack of evidence may be excused.
func TestExcusable(t *testing.T) {
	for want, codes := range map[bool][]connect.Code{
		true:  {connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted, connect.CodeInternal, connect.CodeAborted},
		false: {connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeAlreadyExists, connect.CodePermissionDenied, connect.CodeUnauthenticated, connect.CodeFailedPrecondition, connect.CodeUnimplemented, connect.CodeUnknown, connect.CodeCanceled},
	} {
		for _, code := range codes {
			if got := excusable(fmt.Errorf("x: %w", &client.Error{Code: code})); got != want {
				t.Errorf("%v: %v", code, got)
			}
		}
	}
	for err, want := range map[error]bool{
		&client.ExpiredError{}: true, &client.CanceledError{}: false, tooLateError{}: true, context.Canceled: false, os.ErrNotExist: false,
	} {
		if got := excusable(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// Files have the same as standard output.
func TestGateWritesFiles(t *testing.T) {
	url := startServer(t, server.Options{}, nil)
	dir := t.TempDir()
	args := []string{"run", bad(t), "--server", url, "--key", "files", "-q"}
	want := map[string]string{}
	for _, format := range formats {
		out, _, code := pipeline(t, url, append(args, "--format", format)...)
		if code != exitFail {
			t.Fatalf("exit %d", code)
		}
		want[format] = out
		args = append(args, "--write", format+"="+filepath.Join(dir, format))
	}
	if _, complained, code := pipeline(t, url, args...); code != exitFail || complained != "" {
		t.Errorf("exit %d: %s", code, complained)
	}
	for _, format := range formats {
		got, err := os.ReadFile(filepath.Join(dir, format))
		if err != nil || string(got) != want[format] {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, got, want[format])
		}
	}
	// A file that cannot be written does not hide behind a verdict.
	args = append(args, "--write", "text="+dir)
	if _, complained, code := pipeline(t, url, args...); code != exitError || !strings.Contains(complained, "is a directory") {
		t.Errorf("exit %d: %s", code, complained)
	}
}

// flaky is a Prometheus whose answers to the second look wait to be let through.
type flaky struct {
	second  time.Time // windows that end after it are the second look's
	through chan struct{}
}

func (f flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := func(name string) float64 {
		v, _ := strconv.ParseFloat(r.FormValue(name), 64) // 0 gives an empty answer, which fails the test
		return v
	}
	if number("end") > float64(f.second.Unix()) {
		select {
		case <-f.through:
		case <-r.Context().Done():
			return
		}
	}
	var values []string
	for at := number("start"); at <= number("end") && number("step") > 0; at += number("step") {
		random := rand.New(rand.NewPCG(uint64(at), uint64(crc32.ChecksumIEEE([]byte(r.FormValue("query"))))))
		values = append(values, fmt.Sprintf(`[%f,"%f"]`, at, 100+2*random.NormFloat64()))
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(values, ","))
}

// process runs judged serve until it is killed.
func process(t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), "judged", append([]string{"serve", "--listen", address}, args...)...) // the test binary, see TestMain
	var log screen
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may be gone
		_ = c.Wait()
		if t.Failed() {
			t.Logf("judged serve:\n%s", log.String())
		}
	})
	for range 2000 {
		if answer, err := http.Get("http://" + address + "/readyz"); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return c
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("judged serve does not answer:\n%s", log.String())
	return nil
}

// The server is killed in the middle of an analysis and started again on the same
// file; the gate does not notice more than a pause.
func TestGateSurvivesARestart(t *testing.T) {
	f := flaky{longAgo.Add(11 * time.Minute), make(chan struct{})}
	backend := httptest.NewServer(f)
	t.Cleanup(backend.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	options := []string{
		"--config", file(t, "judged.yaml", "sources: {shop: {provider: prometheus, url: \""+backend.URL+"\"}}\n"),
		"--store", filepath.Join(t.TempDir(), "judged.db"),
	}
	first := process(t, address, options...)
	url := "http://" + address
	var out, complained screen
	ended := make(chan int, 1)
	go func() {
		ended <- execute(t.Context(), &out, &complained, "run", file(t, "checkout.yaml", strings.NewReplacer(", history: 2h", "", "query: latency", `query: 'latency{version="${version}"}'`).Replace(checkout)), "--server", url)
	}()
	complained.await(t, "RUNNING")
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	close(f.through)
	process(t, address, options...)
	if code := <-ended; code != exitPass {
		t.Errorf("exit %d", code)
	}
	wants(t, "run", complained.String(), `RUNNING +1/3`, `COMPLETED +3/3`)
	wants(t, "run", out.String(), `look 3 of 3`)
	if out := must(t, url, "analyses", "list"); strings.Count(out, "\n") != 2 {
		t.Errorf("there are several analyses:\n%s", out)
	}
}
