package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one judged, which can be killed and started again.
type process struct {
	name    string
	args    []string
	env     []string
	address string
	log     *os.File

	mu      sync.Mutex
	command *exec.Cmd
	starts  int
}

func newProcess(dir, name string, env []string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	return &process{name: name, args: args, env: env, log: log}, err
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := exec.Command(p.args[0], p.args[1:]...) //nolint:gosec,noctx // what this program was told to run, until it is killed
	c.Stdout, c.Stderr = p.log, p.log
	c.Env = append(os.Environ(), p.env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.starts++
	p.command = c
	return c.Start()
}

// signal sends a signal; SIGKILL waits for the end.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil {
		return nil
	}
	if err := p.command.Process.Signal(s); err != nil {
		return err
	}
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		err := p.command.Wait()
		p.command = nil
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return err
		}
	}
	return nil
}

// ready waits until the process answers.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: see %s", p.name, p.address, p.log.Name())
		}
	}
}

// usage is what a process has used: CPU time and the most memory it had, in
// bytes.
func (p *process) usage() (cpu time.Duration, rss int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return usage(p.command.Process.Pid)
}

func usage(pid int) (cpu time.Duration, rss int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const ticks = 100 // USER_HZ, which Linux keeps
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += time.Duration(n) * time.Second / ticks
	}
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return cpu, kb << 10, err
		}
	}
	return cpu, 0, nil
}

// freeAddress returns an address on this machine that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// build builds judged from this tree.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "judged")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/judged-dev/judged/cmd/judged") //nolint:gosec // a path of our own
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// workspace returns the directory of a run, and what removes it.
func workspace(s settings) (string, func(), error) {
	if s.directory != "" {
		return s.directory, func() {}, os.MkdirAll(s.directory, 0o755)
	}
	dir, err := os.MkdirTemp("", "judged-service-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
