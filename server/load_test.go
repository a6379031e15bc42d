//go:build unix

package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// load is what callers send for some time.
type load struct {
	URL, ContentType string
	// Rate is how many calls a second arrive at random; 0 sends the next one as
	// soon as a connection is free.
	Rate float64
	Time time.Duration
}

// loaded is what became of it. Quantiles are in milliseconds.
type loaded struct {
	Calls     int
	PerSecond float64
	P50, P99  float64
}

// loadEnv tells the test binary that it is the callers, and what to send.
const loadEnv = "JUDGED_TEST_LOAD"

// connections of the callers: enough to keep two cores busy, whichever side
// waits.
const connections = 8

// callFromOutside sends body from a process of its own.
func callFromOutside(b *testing.B, l load, body []byte) loaded {
	b.Helper()
	plan, err := json.Marshal(l)
	if err != nil {
		b.Fatal(err)
	}
	self := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkJudgeAgainstEcho$", "-test.benchtime=1x")
	self.Env = append(os.Environ(), loadEnv+"="+string(plan))
	self.Stdin = bytes.NewReader(body)
	var report bytes.Buffer
	self.Stderr = &report
	if output, err := self.Output(); err != nil {
		b.Fatalf("the callers failed: %v\n%s\n%s", err, output, &report)
	}
	var r loaded
	if err := json.Unmarshal(report.Bytes(), &r); err != nil {
		b.Fatalf("the callers reported %q: %v", &report, err)
	}
	return r
}

// generateLoad is the callers' process.
func generateLoad(b *testing.B, plan string) {
	var l load
	if err := json.Unmarshal([]byte(plan), &l); err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		b.Fatal(err)
	}
	due := make(chan time.Time, 1<<16)
	end := time.Now().Add(l.Time)
	if l.Rate == 0 {
		close(due)
	} else {
		go arrive(due, l.Rate, end)
	}
	var mu sync.Mutex
	var took []float64
	var callers sync.WaitGroup
	start := time.Now()
	for range connections {
		callers.Go(func() {
			client, mine := newCaller(l.ContentType), []float64(nil)
			for time.Now().Before(end) {
				at, ok := <-due
				if !ok {
					if l.Rate > 0 {
						break
					}
					at = time.Now()
				}
				if err := call(client, l, body); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, float64(time.Since(at).Microseconds())/1000)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	callers.Wait()
	elapsed := time.Since(start)
	if len(took) == 0 {
		b.Fatal("no call was answered")
	}
	slices.Sort(took)
	if err := json.NewEncoder(os.Stderr).Encode(loaded{
		Calls: len(took), PerSecond: float64(len(took)) / elapsed.Seconds(), P50: took[len(took)/2], P99: took[len(took)*99/100],
	}); err != nil {
		b.Fatal(err)
	}
}

// arrive makes calls due at random, at a mean rate a second.
func arrive(due chan<- time.Time, rate float64, end time.Time) {
	defer close(due)
	random := rand.New(rand.NewPCG(1, 2))
	for at := time.Now(); at.Before(end); at = at.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second))) {
		time.Sleep(time.Until(at))
		due <- at
	}
}

// newCaller has one connection, of HTTP/2 for gRPC.
func newCaller(contentType string) *http.Client {
	protocols := new(http.Protocols)
	if contentType == "application/grpc" {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	// Without compression, which would slow down the echo's large answers.
	return &http.Client{Transport: &http.Transport{Protocols: protocols, DisableCompression: true}}
}

func call(client *http.Client, l load, body []byte) error {
	request, err := http.NewRequest(http.MethodPost, l.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", l.ContentType)
	request.Header.Set("Te", "trailers") // gRPC wants it
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if status := response.Trailer.Get("Grpc-Status"); response.StatusCode != http.StatusOK || strings.Trim(status, "0") != "" {
		return fmt.Errorf("%s: %s, gRPC status %q", l.URL, response.Status, status)
	}
	return nil
}

// processorTime returns what this process has taken of the processors.
func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
