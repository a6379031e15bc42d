package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// event is one of an event stream; a comment has no name.
type event struct{ id, name, data, comment, retry string }

// stream opens the events of an analysis. The function returns the next one,
// and false at the end.
func (i *instance) stream(t testing.TB, client *http.Client, id string, headers ...string) (*http.Response, func() (event, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url+"/v1/analyses/"+id+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 4<<20)
	return response, func() (event, bool) {
		var e event
		for lines.Scan() {
			name, value, ok := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case lines.Text() == "":
				return e, true
			case !ok:
				t.Errorf("a line of an event stream is %q", lines.Text())
			case name == "":
				e.comment = value
			case name == "id":
				e.id = value
			case name == "event":
				e.name = value
			case name == "data":
				e.data = value
			case name == "retry":
				e.retry = value
			default:
				t.Errorf("a line of an event stream is %q", lines.Text())
			}
		}
		return e, false
	}
}

// gated is a source whose looks from one on wait until the channel is closed.
func gated(look int) (*shop, chan struct{}) {
	gate := make(chan struct{})
	return &shop{answer: func(q metrics.Query) (metrics.Result, error) {
		if minutes(q) >= look {
			<-gate
		}
		return series(q, nil), nil
	}}, gate
}

// A browser sees every state once, goes on where it was cut off, and is told not
// to come back after the end.
func TestEvents(t *testing.T) {
	t.Parallel()
	s, gate := gated(4)
	var o server.Options
	o.KeepAlive(20 * time.Millisecond)
	i, _ := ticking(t, s, o)
	id := i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
	eventually(t, "three looks are taken", func() bool { return i.get(t, id).GetLooks() == 3 })
	for name, client := range map[string]*http.Client{"HTTP/1.1": i.http, "HTTP/2": i.h2c} {
		response, next := i.stream(t, client, id)
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", name, response.Status, response.Header)
		}
		first, _ := next()
		var a struct {
			ID, State, Version string
			Looks              int
		}
		if err := json.Unmarshal([]byte(first.data), &a); err != nil || first.id != "4" || first.name != "analysis" || a.ID != id || a.Version != "4" || a.Looks != 3 {
			t.Errorf("%s: the first event is %+v (%v)", name, first, err)
		}
		if silence, ok := next(); !ok || silence.comment == "" || silence.data != "" || silence.id != "" {
			t.Errorf("%s: without news came %+v", name, silence)
		}
		_ = response.Body.Close()
	}
	_, known := i.stream(t, i.http, id, "Last-Event-ID", "4")
	if silence, ok := known(); !ok || silence.comment == "" {
		t.Errorf("a stream without news begins with %+v", silence)
	}
	_, old := i.stream(t, i.http, id, "Last-Event-ID", "2")
	if e, _ := old(); e.id != "4" {
		t.Errorf("after version 2 came %+v", e)
	}
	close(gate)
	var ids []string
	end := event{}
	for {
		e, ok := known()
		if !ok {
			break
		}
		if e.comment == "" {
			ids = append(ids, e.id)
			end = e
		}
	}
	// A reader that is slower than the looks may miss some, and never the last.
	if len(ids) == 0 || ids[len(ids)-1] != "11" || end.name != "end" || !strings.Contains(end.data, `"COMPLETED"`) {
		t.Errorf("after version 4 came %v, at last %+v", ids, end)
	}
	for n := 1; n < len(ids); n++ {
		if len(ids[n]) < len(ids[n-1]) || len(ids[n]) == len(ids[n-1]) && ids[n] <= ids[n-1] {
			t.Errorf("versions %v do not count up", ids)
		}
	}
	response, _ := i.stream(t, i.http, id, "Last-Event-ID", "11")
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("who knows the end gets %s, and asks again for ever", response.Status)
	}
}

// What cannot be streamed is an error like any other of REST.
func TestEventsRefuse(t *testing.T) {
	t.Parallel()
	i, _ := ticking(t, &shop{}, server.Options{})
	id := i.begin(t, inline(liveConfig("v2", nil))).GetId()
	for name, c := range map[string]struct {
		path, last string
		status     int
		text       string
	}{
		"nobody":            {"/v1/analyses/nobody/events", "", 404, `no analysis "nobody"`},
		"up the tree":       {"/v1/analyses/..%2f..%2fetc%2fpasswd/events", "", 404, "no analysis"},
		"a zero byte":       {"/v1/analyses/a%00b/events", "", 404, "no analysis"},
		"no UTF-8":          {"/v1/analyses/%ff%fe/events", "", 404, "no analysis"},
		"very long":         {"/v1/analyses/" + strings.Repeat("a", 20000) + "/events", "", 404, "no analysis"},
		"a word":            {"/v1/analyses/" + id + "/events", "latest", 400, "it is the version of an analysis, a number"},
		"negative":          {"/v1/analyses/" + id + "/events", "-1", 400, "number"},
		"too large":         {"/v1/analyses/" + id + "/events", "99999999999999999999", 400, "number"},
		"query":             {"/v1/analyses/" + id + "/events?afterVersion=x", "", 400, "number"},
		"the wrong method":  {"POST /v1/analyses/" + id + "/events", "", 404, ""},
		"a folder of it":    {"/v1/analyses/" + id + "/events/x", "", 404, ""},
		"no id":             {"/v1/analyses//events", "", 404, ""},
		"line break in id":  {"/v1/analyses/a%0d%0aevent:%20end/events", "", 404, "no analysis"},
		"long version text": {"/v1/analyses/" + id + "/events", strings.Repeat("x", 10000), 400, "number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, path := http.MethodGet, c.path
			if rest, ok := strings.CutPrefix(path, "POST "); ok {
				method, path = http.MethodPost, rest
			}
			var headers []string
			if c.last != "" {
				headers = []string{"Last-Event-ID", c.last}
			}
			status, answer, header := i.call(t, method, path, "", headers...)
			text, _ := answer["message"].(string)
			if status != c.status || !strings.Contains(text, c.text) {
				t.Errorf("status %d: %v", status, answer)
			}
			if strings.HasPrefix(header.Get("Content-Type"), "text/event-stream") || len(text) > 9000 {
				t.Errorf("the error is %s, %d bytes long", header.Get("Content-Type"), len(text))
			}
		})
	}
}

// An event stream is a watch: it outlives the time that other calls have, and
// takes none of their places.
func TestEventsAreWatches(t *testing.T) {
	t.Parallel()
	s, gate := gated(1)
	i, _ := ticking(t, s, server.Options{Limits: server.Limits{RequestTimeout: 200 * time.Millisecond, Requests: 1, Watches: 2}})
	id := i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()
	var nexts []func() (event, bool)
	for _, client := range []*http.Client{i.http, i.h2c} {
		_, next := i.stream(t, client, id)
		if e, ok := next(); !ok || e.id != "1" {
			t.Fatalf("the first event is %+v", e)
		}
		nexts = append(nexts, next)
	}
	response, _ := i.stream(t, i.http, id)
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" {
		t.Errorf("a third watch of two: %s, Retry-After %q", response.Status, response.Header.Get("Retry-After"))
	}
	time.Sleep(400 * time.Millisecond) // twice what other calls have
	i.get(t, id)                       // there is room for one
	close(gate)
	for n, next := range nexts {
		name := ""
		for e, ok := next(); ok; e, ok = next() {
			name = e.name
		}
		if name != "end" {
			t.Errorf("stream %d ended with %q, so it was cut off", n, name)
		}
	}
}

// A client that leaves gives its watch back.
func TestEventsClientLeaves(t *testing.T) {
	t.Parallel()
	s, gate := gated(1)
	defer close(gate)
	i, _ := ticking(t, s, server.Options{Limits: server.Limits{Watches: 1}})
	id := i.begin(t, inline(liveConfig("v2", nil))).GetId()
	// The stream begins at once, though it has no news and is silent for 15 s.
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 10 * time.Second}}
	defer client.CloseIdleConnections()
	for n := range 5 {
		var response *http.Response
		var next func() (event, bool)
		eventually(t, "the place is free", func() bool {
			response, next = i.stream(t, client, id, "Last-Event-ID", "1")
			return response.StatusCode == http.StatusOK
		})
		if _, ok := next(); !ok {
			t.Fatalf("stream %d is empty", n)
		}
		_ = response.Body.Close()
	}
}

// A long poll answers at a change, at its end, before its caller's patience ends
// and when the server stops, and takes no place from calls that are answered at once.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	s, gate := gated(1)
	i, _ := ticking(t, s, server.Options{Limits: server.Limits{Requests: 2, Watches: 8, RequestTimeout: 2 * time.Second}})
	id := i.begin(t, inline(liveConfig("v2-slow", nil))).GetId()
	poll := func(after int64, wait time.Duration) (*judgedv1.Analysis, error) {
		response, err := i.analyses.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id, AfterVersion: after, Wait: durationpb.New(wait)}))
		if err != nil {
			return nil, err
		}
		return response.Msg.GetAnalysis(), nil
	}
	if a, err := poll(0, time.Minute); err != nil || a.GetVersion() != 1 {
		t.Errorf("what is new already: %v, %v", a, err)
	}
	if a, err := poll(1, 10*time.Millisecond); err != nil || a.GetVersion() != 1 {
		t.Errorf("without news: %v, %v", a, err)
	}
	// The server's own limit is shorter than the wait, which is no error.
	if a, err := poll(1, time.Minute); err != nil || a.GetVersion() != 1 {
		t.Errorf("until the server's limit: %v, %v", a, err)
	}
	status, body, _ := i.call(t, http.MethodGet, "/v1/analyses/"+id+"?afterVersion=1&wait=0.01s", "")
	if state, _ := body["analysis"].(map[string]any); status != 200 || state["version"] != "1" {
		t.Errorf("REST: status %d: %v", status, body)
	}
	type answer struct {
		a   *judgedv1.Analysis
		err error
	}
	answers := make(chan answer, 8)
	for range 8 {
		go func() {
			for {
				a, err := poll(1, time.Minute)
				if connect.CodeOf(err) == connect.CodeResourceExhausted {
					continue // they come at once, and wait elsewhere only from then on
				}
				answers <- answer{a, err}
				return
			}
		}()
	}
	eventually(t, "all of them wait", func() bool {
		response, _ := i.stream(t, i.http, id)
		_ = response.Body.Close()
		return response.StatusCode == http.StatusTooManyRequests
	})
	i.get(t, id) // there is room beside them
	close(gate)
	for range 8 {
		if got := <-answers; got.err != nil || got.a.GetVersion() < 2 {
			t.Errorf("after a change: %v, %v", got.a, got.err)
		}
	}
	a := i.last(t, id)
	if got, err := poll(a.GetVersion()+5, time.Minute); err != nil || got.GetVersion() != a.GetVersion() {
		t.Errorf("of one that has ended: %v, %v", got, err)
	}
	_, err := poll(0, 61*time.Second)
	wantCode(t, err, connect.CodeInvalidArgument, "wait must be between 0 and 60s")
}

func TestLongPollOfAServerThatStops(t *testing.T) {
	t.Parallel()
	i := start(t, server.Options{Sources: (&shop{}).sources(), Grace: 10 * time.Second})
	r := inline(liveConfig("v2", nil))
	r.Start = timestamppb.New(time.Now().Add(time.Hour))
	id := i.begin(t, r).GetId()
	polled := make(chan error, 1)
	client := judgedv1connect.NewAnalysisServiceClient(i.http, i.url)
	go func() {
		response, err := client.GetAnalysis(context.Background(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id, AfterVersion: 1, Wait: durationpb.New(time.Minute)}))
		if err == nil && response.Msg.GetAnalysis().GetVersion() != 1 {
			err = fmt.Errorf("version %d", response.Msg.GetAnalysis().GetVersion())
		}
		polled <- err
	}()
	time.Sleep(100 * time.Millisecond) // for the poll to wait; if it does not yet, it is refused, and that is an error
	if err := i.stop(); err != nil {
		t.Errorf("a stop with a poll that waits: %v", err)
	}
	if err := <-polled; err != nil {
		t.Errorf("the poll: %v", err)
	}
}

// Who watches one replica sees the looks that another takes.
func TestWatchOverReplicas(t *testing.T) {
	t.Parallel()
	url, err := storetest.ForTest(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open := func(replica string) *store.Store {
		s, err := store.Open(t.Context(), store.Options{URL: url, Replica: replica})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s, gate := gated(3)
	i := start(t, server.Options{Store: open("a"), Replica: "a", Now: newClock(release).now, Sources: s.sources(), Limits: server.Limits{Looks: 1}})
	id := i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
	eventually(t, "two looks are taken", func() bool { return i.get(t, id).GetLooks() == 2 })
	other := start(t, server.Options{Store: open("b"), Replica: "b", Now: newClock(release).now, Sources: s.sources(), Limits: server.Limits{Looks: 1}})
	watched := make(chan []*judgedv1.Analysis, 2)
	for _, at := range []*instance{i, other} {
		go func() { watched <- at.wait(t, id, 3) }()
	}
	_, next := other.stream(t, other.http, id, "Last-Event-ID", "3")
	polled := make(chan int64, 1)
	go func() {
		response, err := other.analyses.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: id, AfterVersion: 3, Wait: durationpb.New(20 * time.Second)}))
		if err != nil {
			t.Error(err)
		}
		polled <- response.Msg.GetAnalysis().GetVersion()
	}()
	close(gate)
	for range 2 {
		states := <-watched
		if len(states) == 0 || states[len(states)-1].GetState() != judgedv1.AnalysisState_COMPLETED || states[len(states)-1].GetVersion() != 11 {
			t.Errorf("a watcher saw %d states, the last is not the end", len(states))
		}
	}
	if v := <-polled; v < 4 {
		t.Errorf("the poll gave version %d", v)
	}
	name := ""
	for e, ok := next(); ok; e, ok = next() {
		name = e.name
	}
	if name != "end" {
		t.Errorf("the event stream ended with %q", name)
	}
	taken := i.looks(t, id)
	replicas := map[string]int{}
	for n, look := range taken {
		replicas[look.GetReplica()]++
		if int(look.GetNumber()) != n+1 {
			t.Errorf("look %d is the %dth", look.GetNumber(), n+1)
		}
	}
	if len(taken) != 10 || replicas["a"] < 3 {
		t.Errorf("%d looks, by %v", len(taken), replicas)
	}
	// Cancelled at one replica while the other looks.
	again := i.begin(t, inline(liveConfig("v2", func(c *judgedv1.CanaryConfig) {
		c.Schedule.Stop, c.Schedule.Duration = judgedv1.Stop_AT_END, durationpb.New(2*time.Hour)
	})))
	eventually(t, "a look is taken", func() bool { return other.get(t, again.GetId()).GetLooks() > 0 })
	if _, err := other.analyses.CancelAnalysis(t.Context(), connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: again.GetId()})); err != nil {
		t.Fatal(err)
	}
	if a := i.last(t, again.GetId()); a.GetState() != judgedv1.AnalysisState_CANCELED || len(other.looks(t, again.GetId())) != int(a.GetLooks()) {
		t.Errorf("cancelled elsewhere: %v", a)
	}
}
