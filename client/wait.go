package client

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// patience is how many times in a row the server may fail to answer before
// WaitForVerdict gives up: for some 40 s.
const patience = 10

// WaitForVerdict returns the analysis when it has its verdict. It watches the
// analysis, resumes a watch that breaks, and polls where something between
// here and the server does not let streams through.
//
// ERROR is a verdict, too: it comes with the analysis and without an error.
// An analysis that ended without a verdict gives a *CanceledError, a server
// that cannot answer an *Error, a context that ends first its cause.
func (c *Client) WaitForVerdict(ctx context.Context, id string) (*judgedv1.Analysis, error) {
	w := watcher{client: c, id: id}
	for failures := 1; ; failures++ {
		seen := w.version
		step := w.watch
		if w.polls {
			step = w.get
		}
		err := step(ctx)
		switch {
		case ended(w.state):
			return verdict(w.state)
		case ctx.Err() != nil:
			return w.state, fmt.Errorf("wait for the verdict of analysis %s: %w", id, context.Cause(ctx))
		case err != nil && hopeless(err):
			return w.state, newError("wait for the verdict of analysis "+id, err)
		case w.version > seen || err == nil:
			failures = 0 // it works; a proxy may have cut an idle stream
		case failures >= patience:
			return w.state, newError(fmt.Sprintf("wait for the verdict of analysis %s, after %d tries", id, failures), err)
		}
		if err != nil && !w.polls && (failures >= 2 || connect.CodeOf(err) == connect.CodeUnimplemented) {
			w.polls = true
			continue
		}
		if failures > 0 {
			pause(ctx, failures, err)
		} else {
			sleep(ctx, c.poll)
		}
	}
}

func ended(a *judgedv1.Analysis) bool {
	return a.GetState() == judgedv1.AnalysisState_COMPLETED || a.GetState() == judgedv1.AnalysisState_CANCELED
}

func verdict(a *judgedv1.Analysis) (*judgedv1.Analysis, error) {
	if a.GetState() == judgedv1.AnalysisState_CANCELED {
		return a, &CanceledError{ID: a.GetId(), Reason: a.GetCancelReason()}
	}
	return a, nil
}

// hopeless reports whether asking again gives the same answer.
func hopeless(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeNotFound, connect.CodeInvalidArgument, connect.CodePermissionDenied, connect.CodeUnauthenticated, connect.CodeFailedPrecondition:
		return true
	default:
		return false
	}
}

// watcher knows the latest state that was seen.
type watcher struct {
	client  *Client
	id      string
	state   *judgedv1.Analysis
	version int64
	polls   bool
}

// watch reads one stream to its end; nil if the server ended it well.
func (w *watcher) watch(ctx context.Context) error {
	stream, err := w.client.analyses.WatchAnalysis(ctx, connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: w.id, AfterVersion: w.version}))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // it says what Err says
	for stream.Receive() {
		w.see(stream.Msg().GetAnalysis())
	}
	return stream.Err()
}

func (w *watcher) get(ctx context.Context) error {
	response, err := w.client.analyses.GetAnalysis(ctx, connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: w.id}))
	if err != nil {
		return err
	}
	w.see(response.Msg.GetAnalysis())
	return nil
}

func (w *watcher) see(a *judgedv1.Analysis) {
	w.state, w.version = a, a.GetVersion()
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
