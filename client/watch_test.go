package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/client"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]client.Option{
		"default": nil, "h2c": {client.WithH2C()}, "JSON": {client.WithJSON()}, "own client": {client.WithHTTPClient(&http.Client{})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := start(t, nil, options...)
			id := j.begin(t, 4)
			var states []*judgedv1.Analysis
			for a, err := range j.client.Watch(t.Context(), id, 0) {
				if err != nil {
					t.Fatal(err)
				}
				if states = append(states, a); a.GetState() != judgedv1.AnalysisState_COMPLETED {
					j.release <- struct{}{} // the next look
				}
			}
			if err := follow(states, 4); err != nil {
				t.Error(err)
			}
			if len(states) != 5 {
				t.Errorf("%d states of an analysis that was followed look by look, want 5", len(states))
			}
			if j.watches.Load() != 1 || j.polls.Load() != 0 {
				t.Errorf("%d watches and %d polls, want one watch", j.watches.Load(), j.polls.Load())
			}
			// Whoever knows a state hears what comes after it, and the end always.
			for after, want := range map[int64]int{0: 1, states[4].GetVersion() - 1: 1, states[4].GetVersion(): 1, states[4].GetVersion() + 7: 1} {
				n := 0
				for a, err := range j.client.Watch(t.Context(), id, after) {
					if n++; err != nil || a.GetState() != judgedv1.AnalysisState_COMPLETED {
						t.Errorf("after %d: %v, %v", after, a, err)
					}
				}
				if n != want {
					t.Errorf("after %d: %d states, want %d", after, n, want)
				}
			}
		})
	}
}

func TestWatchCanBeLeft(t *testing.T) {
	j := start(t, nil)
	n := 0
	for _, err := range j.client.Watch(t.Context(), j.begin(t, 2), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d states", n)
	}
}

// cutter is a TCP proxy that cuts a connection after a few messages.
func cutter(t *testing.T, target string, messages int) (url string, cuts *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	cuts = new(atomic.Int32)
	serve := func(in net.Conn) {
		defer in.Close()
		out, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in) }()
		buffer := make([]byte, 64<<10)
		for range messages {
			n, err := out.Read(buffer)
			if err != nil {
				return
			}
			if _, err := in.Write(buffer[:n]); err != nil {
				return
			}
		}
		cuts.Add(1)
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(in)
		}
	}()
	return "http://" + listener.Addr().String(), cuts
}

// A stream that is cut every few messages loses no end, and hears no state
// twice.
func TestWatchOverCuts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options  []client.Option
		messages []int
	}{
		"HTTP/1.1": {nil, []int{1, 3}},
		// Its settings take messages of their own.
		"HTTP/2": {[]client.Option{client.WithH2C()}, []int{5}},
	} {
		for _, messages := range c.messages {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				j := start(t, nil)
				id := j.begin(t, 8)
				url, cuts := cutter(t, strings.TrimPrefix(j.url, "http://"), messages)
				cut, err := client.New(url, c.options...)
				if err != nil {
					t.Fatal(err)
				}
				var states []*judgedv1.Analysis
				for a, err := range cut.Hurry().Watch(t.Context(), id, 0) {
					if err != nil {
						t.Fatal(err)
					}
					if states = append(states, a); a.GetState() != judgedv1.AnalysisState_COMPLETED {
						j.release <- struct{}{}
					}
				}
				if err := follow(states, 8); err != nil {
					t.Error(err)
				}
				if cuts.Load() < 1 {
					t.Errorf("only %d cuts: this shows nothing", cuts.Load())
				}
			})
		}
	}
}

// A server that is stopped and started again, twice, in the middle of a watch.
func TestWatchOverRestarts(t *testing.T) {
	p := newProcess(t)
	c, err := client.New("http://" + p.address)
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.Hurry().StartAnalysis(t.Context(), &judgedv1.StartAnalysisRequest{
		Config: &judgedv1.StartAnalysisRequest_Inline{Inline: config("checkout", 6)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var states []*judgedv1.Analysis
	for a, err := range c.Watch(t.Context(), started.GetId(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, a)
		if a.GetState() == judgedv1.AnalysisState_COMPLETED {
			continue
		}
		if a.GetLooks() == 2 || a.GetLooks() == 4 {
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.GetAnalysis(t.Context(), started.GetId()); err == nil {
				t.Fatal("it still answers")
			}
			p.start(t)
		}
		p.release <- struct{}{}
	}
	if err := follow(states, 6); err != nil {
		t.Error(err)
	}
}

// A server that goes away in the midst of a stream, and comes back, while its
// client only waits.
func TestWaitOverRestarts(t *testing.T) {
	p := newProcess(t)
	c, err := client.New("http://" + p.address)
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.Hurry().StartAnalysis(t.Context(), &judgedv1.StartAnalysisRequest{
		Config: &judgedv1.StartAnalysisRequest_Inline{Inline: config("checkout", 3)},
	})
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		a   *judgedv1.Analysis
		err error
	}
	ends := make(chan end, 1)
	go func() {
		a, err := c.WaitForVerdict(context.Background(), started.GetId())
		ends <- end{a, err}
	}()
	p.release <- struct{}{}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p.start(t)
	p.release.open()
	if e := <-ends; e.err != nil || e.a.GetLooks() != 3 || e.a.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS {
		t.Errorf("%v, %v", e.a, e.err)
	}
}

// A stream that breaks is resumed or replaced by polling, whatever breaks it.
func TestWaitOverProxies(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]proxy{
		"cuts streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				ctx, cancel := context.WithTimeout(r.Context(), 30*time.Millisecond)
				defer cancel()
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		},
		"knows no streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		},
		"aborts streams": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := start(t, p)
			id := j.begin(t, 1)
			time.AfterFunc(200*time.Millisecond, j.release.open)
			a, err := j.client.WaitForVerdict(t.Context(), id)
			if err != nil || a.GetJudgment() == nil {
				t.Errorf("%v, %v", a, err)
			}
			if j.polls.Load() == 0 || j.polls.Load() > 20 {
				t.Errorf("%d watches, %d polls: want some polls, that wait", j.watches.Load(), j.polls.Load())
			}
		})
	}
}

// A stream that is forgotten on the way looks like one without news: it is
// opened anew.
func TestWatchOverSilence(t *testing.T) {
	release := make(chan struct{})
	j := start(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/WatchAnalysis") {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // a black hole
			return
		}
		next.ServeHTTP(w, r)
	})
	j.client.Quiet(20 * time.Millisecond)
	id := j.begin(t, 1)
	go func() {
		defer close(release)
		for j.watches.Load() < 3 {
			time.Sleep(time.Millisecond)
		}
		j.release.open()
	}()
	a, err := j.client.WaitForVerdict(t.Context(), id)
	<-release
	if err != nil || a.GetJudgment() == nil || j.watches.Load() < 3 {
		t.Errorf("%v, %v after %d watches", a, err, j.watches.Load())
	}
}

func TestWaitWithoutVerdict(t *testing.T) {
	j := start(t, nil)
	id := j.begin(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := j.client.WaitForVerdict(ctx, id); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), id) {
		t.Errorf("out of time: %v", err)
	}
	if _, err := j.client.CancelAnalysis(t.Context(), id, "rolled back"); err != nil {
		t.Fatal(err)
	}
	got, err := j.client.WaitForVerdict(t.Context(), id)
	var canceled *client.CanceledError
	if !errors.As(err, &canceled) || canceled.Reason != "rolled back" || got.GetState() != judgedv1.AnalysisState_CANCELED {
		t.Errorf("cancelled: %v, %v", got, err)
	}
	polls := j.polls.Load()
	_, err = j.client.WaitForVerdict(t.Context(), "nobody")
	var e *client.Error
	if !errors.As(err, &e) || e.Code != connect.CodeNotFound || j.polls.Load() != polls {
		t.Errorf("unknown: %v", err)
	}
}

// An analysis whose looks could not be taken in time keeps the judgment that it
// has, and that is no verdict.
func TestWaitForExpired(t *testing.T) {
	var late atomic.Bool
	j := startWith(t, server.Options{Now: func() time.Time {
		if late.Load() {
			return time.Now().Add(48 * time.Hour)
		}
		return time.Now()
	}}, nil)
	id := j.begin(t, 3)
	var err error
	var last *judgedv1.Analysis
	for a := range j.client.Watch(t.Context(), id, 0) {
		if last = a; a.GetLooks() == 0 {
			j.release <- struct{}{} // the first look has begun: it has asked
			late.Store(true)        // the second is too late
		}
	}
	err = client.Verdict(last)
	var expired *client.ExpiredError
	if !errors.As(err, &expired) || expired.Looks != 1 || expired.Planned != 3 || last.GetJudgment() == nil {
		t.Fatalf("%v, %v", last, err)
	}
	if a, err := j.client.WaitForVerdict(t.Context(), id); !errors.As(err, &expired) || a.GetVersion() != last.GetVersion() {
		t.Errorf("%v, %v", a, err)
	}
}
