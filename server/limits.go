package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// gate keeps callers within Limits before anything of a request is read: an
// interceptor would come after the body was decoded.
type gate struct {
	next     http.Handler
	refusal  refusal
	limits   Limits
	requests chan struct{}
	watches  chan struct{}
	bodies   atomic.Int64 // bytes of the bodies of all calls
	refused  func(what string)
}

func newGate(next http.Handler, r refusal, l Limits, refused func(what string)) *gate {
	return &gate{
		next: next, refusal: r, limits: l, refused: refused,
		requests: make(chan struct{}, l.Requests),
		watches:  make(chan struct{}, l.Watches),
	}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	watch := isWatch(r)
	place := &place{gate: g}
	if err := place.take(watch); err != nil {
		g.refusal.write(w, r, err)
		return
	}
	defer place.leave()
	r = r.WithContext(context.WithValue(r.Context(), placeKey{}, place))
	if r.Body != nil {
		// REST bodies are bounded by the transcoder, which would report this
		// reader's error as its own.
		if !isREST(r) {
			r.Body = http.MaxBytesReader(w, r.Body, int64(g.limits.RequestBytes)+envelope)
		}
		body := &sharedBody{ReadCloser: r.Body, taken: &g.bodies, limit: g.limits.BodyBytes}
		defer body.release()
		r.Body = body
	}
	// A body that trickles in would hold its place for ever.
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(g.limits.RequestTimeout)) == nil && watch {
		// Over HTTP/1 a deadline also ends the read that notices a client's
		// leaving, and with it the stream.
		r.Body = &untilEOF{bodyReader{ReadCloser: r.Body}, func() { _ = control.SetReadDeadline(time.Time{}) }}
	}
	if !watch {
		ctx, cancel := context.WithTimeoutCause(r.Context(), g.limits.RequestTimeout,
			fmt.Errorf("the call took longer than %v, which is this server's limit: %w", g.limits.RequestTimeout, context.DeadlineExceeded))
		defer cancel()
		r = r.WithContext(ctx)
	}
	g.next.ServeHTTP(w, r)
}

// isWatch reports whether a call may last as long as its caller likes.
func isWatch(r *http.Request) bool {
	path := r.URL.Path
	return path == judgedv1connect.AnalysisServiceWatchAnalysisProcedure || strings.HasPrefix(path, "/grpc.reflection.") ||
		r.Method == http.MethodGet && strings.HasPrefix(path, "/v1/analyses/") && strings.HasSuffix(path, "/events")
}

// place is a call's among those that are answered at the same time.
type place struct {
	gate *gate
	held chan struct{}
}

type placeKey struct{}

// take takes a place among the watches or the other requests, and gives the one
// it had back.
func (p *place) take(watch bool) error {
	slots, what := p.gate.requests, "requests"
	if watch {
		slots, what = p.gate.watches, "watches"
	}
	select {
	case slots <- struct{}{}:
		p.leave()
		p.held = slots
		return nil
	default:
		p.gate.refused(what)
		return exhausted("TOO_MANY_"+strings.ToUpper(what), time.Second,
			"this server answers %d %s at the same time and has no place free: try again in a second", cap(slots), what)
	}
}

func (p *place) leave() {
	if p.held != nil {
		<-p.held
		p.held = nil
	}
}

// amongWatches moves a call that is going to wait, so that those that wait leave
// room for the others.
func amongWatches(ctx context.Context) error {
	if p, ok := ctx.Value(placeKey{}).(*place); ok {
		return p.take(true)
	}
	return nil
}

// envelope is what gRPC puts before a message, with room to spare.
const envelope = 1 << 10

// sharedBody takes its bytes off what the bodies of all calls may have.
type sharedBody struct {
	io.ReadCloser
	taken *atomic.Int64
	n     int64
	limit int64
}

func (b *sharedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if b.taken.Add(int64(n)) > b.limit {
		return 0, asRPC(exhausted("TOO_MANY_BYTES", time.Second,
			"the calls that this server is answering have more than %d bytes together: try again in a second", b.limit))
	}
	return n, err
}

func (b *sharedBody) release() { b.taken.Add(-b.n) }

// untilEOF calls done at the end of the body.
type untilEOF struct {
	bodyReader
	done func()
}

func (u *untilEOF) Read(p []byte) (int, error) {
	n, err := u.bodyReader.Read(p)
	if err != nil {
		u.done()
	}
	return n, err
}
