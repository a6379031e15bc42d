package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	_ "github.com/judged-dev/judged/replay" // the "recording" provider
	"github.com/judged-dev/judged/server"
)

// serve runs a server with the settings beside this file.
func serve(t *testing.T) (address string) {
	t.Helper()
	settings, err := config.LoadSettings("judged.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sources := analysis.NewSources(settings...)
	s, err := server.New(server.Options{Sources: sources, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, sources.Close()); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func TestProgram(t *testing.T) {
	address := serve(t)
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		verdict, err := run(t.Context(), []string{"-server", "http://" + address, "-request", "start.json"}, out)
		if err != nil || verdict != judgedv1.Verdict_FAIL || !strings.Contains(out.String(), "FAIL: the canary is worse than the baseline") {
			t.Errorf("%v, %v: %s", verdict, err, out)
		}
	}
	if first.String() != second.String() {
		t.Errorf("the same key gave two analyses:\n%s%s", &first, &second)
	}
}

// script runs one of the scripts and returns what it printed and its exit code.
func script(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out), 0
}

func needs(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not installed, so its script is not tested", tool)
	}
}

func TestCurl(t *testing.T) {
	needs(t, "curl")
	address := serve(t)
	out, code := script(t, "curl.sh", "http://"+address)
	for _, part := range []string{"analysis ", ": COMPLETED\n", "event: end\n", "COMPLETED: FAIL\n"} {
		if !strings.Contains(out, part) || code != 1 {
			t.Errorf("exit %d, want %q in:\n%s", code, part, out)
		}
	}
	if out, code = script(t, "curl.sh", "http://"+address, "judged.yaml"); code != 3 || !strings.Contains(out, `"message"`) {
		t.Errorf("a request that is none: exit %d:\n%s", code, out)
	}
}

func TestGRPCurl(t *testing.T) {
	needs(t, "grpcurl")
	out, code := script(t, "grpcurl.sh", serve(t))
	if code != 0 || !strings.Contains(out, `"COMPLETED"`) || !strings.Contains(out, `"FAIL"`) {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestBuf(t *testing.T) {
	if _, err := exec.LookPath("buf"); err != nil {
		// The repository pins one with its tools.
		modfile := "../../tools/go.mod"
		if err := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+modfile, "buf", "--version").Run(); err != nil {
			t.Skipf("neither buf nor the one in tools/go.mod can be run, so its script is not tested: %v", err)
		}
		t.Setenv("BUF", "go tool -modfile="+modfile+" buf")
	}
	out, code := script(t, "buf.sh", "http://"+serve(t))
	if code != 0 || !strings.Contains(out, `"COMPLETED"`) || !strings.Contains(out, `"FAIL"`) {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// The settings and the request are in the README's words, too.
func TestReadmeNamesEveryFile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") && e.Name() != "README.md" && !strings.Contains(string(text), e.Name()) {
			t.Errorf("the README does not say what %s is", e.Name())
		}
	}
}
