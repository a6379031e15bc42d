package fetch_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start is when the data of the real Prometheus begin.
var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// minutes that the data have.
const minutes = 40

// openMetrics are the gauges latency_seconds and saturation of the versions v1
// and v2, every 15 s, alike but for 3 % of noise.
func openMetrics() string {
	var b strings.Builder
	noise := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"latency_seconds", "saturation"} {
		fmt.Fprintf(&b, "# TYPE %s gauge\n", name)
		for _, version := range []string{"v1", "v2"} {
			for i := range minutes*4 + 1 {
				fmt.Fprintf(&b, "%s{version=%q} %v %d\n", name, version, 0.2*math.Exp(0.03*noise.NormFloat64()), start.Unix()+int64(15*i))
			}
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// realPrometheus runs Debian's Prometheus with the data of openMetrics until
// the test ends, and returns its address. It skips the test where there is
// none.
func realPrometheus(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	promtool, err2 := exec.LookPath("promtool")
	if err != nil || err2 != nil {
		t.Skip("needs the programs prometheus and promtool; Debian has them in the package prometheus, and CI installs it")
	}
	dir := t.TempDir()
	in := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	blocks := filepath.Join(dir, "blocks")
	if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", in("metrics.om", openMetrics()), blocks).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program,
		"--config.file="+in("prometheus.yml", "global: {}\n"), "--web.listen-address="+address, "--storage.tsdb.path="+blocks,
		"--storage.tsdb.retention.time=100y", "--query.lookback-delta=30s", "--log.level=warn")
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		cancel()
		<-exited
		if t.Failed() {
			t.Logf("prometheus: %s", log.Bytes())
		}
	})
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for range 300 {
		if resp, err := client.Get("http://" + address + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		select {
		case <-exited:
			t.Fatalf("prometheus ended: %s", log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("prometheus did not become ready in half a minute")
	return ""
}
