package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// patience is how many times in a row a server may fail to answer before Watch
// gives up: for some five minutes, in which a server is replaced.
const patience = 36

// deaf is how many streams in a row may end without news, although the server
// answers, before Watch polls instead: something between does not let streams
// through.
const deaf = 2

// Watch yields an analysis now and after every change, until it has ended: the
// last one that is yielded has, unless there was an error, which is yielded
// last. With after, the version of a state that is known, it begins with the
// next one.
//
// It goes on over streams that break, other replicas and restarts of the server.
// Versions count up; changes that follow each other fast may come as one. The
// error is the context's cause, or an *Error of a server that refuses, or could
// not be reached for minutes.
func (c *Client) Watch(ctx context.Context, id string, after int64) iter.Seq2[*judgedv1.Analysis, error] {
	return func(yield func(*judgedv1.Analysis, error) bool) {
		w := &watcher{client: c, id: id, version: after, yield: yield}
		if err := w.run(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// watcher is one Watch.
type watcher struct {
	client  *Client
	id      string
	version int64 // the latest that was seen
	yield   func(*judgedv1.Analysis, error) bool
	// done says that the end was seen, or that nobody wants to see it.
	done bool
}

func (w *watcher) run(ctx context.Context) error {
	silent := 0 // streams without news, in a row
	for failures := 0; ; {
		seen := w.version
		var err error
		if silent < deaf {
			err = w.stream(ctx)
			if hopeless(err) {
				return newError("watch analysis "+w.id, err)
			}
			switch {
			case w.version > seen:
				silent, failures = 0, 0
			case err != nil:
				silent++
			}
			if connect.CodeOf(err) == connect.CodeUnimplemented {
				silent = deaf
			}
		}
		// A stream that ended without news may have had none to tell: the end was
		// known already.
		if !w.done && w.version == seen && ctx.Err() == nil {
			if err = w.poll(ctx, silent >= deaf); err == nil {
				failures = 0
			}
		}
		switch {
		case w.done:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("watch analysis %s: %w", w.id, context.Cause(ctx))
		case hopeless(err):
			return newError("watch analysis "+w.id, err)
		case w.version > seen:
			continue
		case err != nil:
			failures++
			silent = min(silent, deaf-1) // it is the server that is away
		}
		if failures >= patience {
			return newError(fmt.Sprintf("watch analysis %s, after %d tries", w.id, failures), err)
		}
		_ = w.client.pause(ctx, max(failures, 1), err) // the loop sees that ctx has ended
	}
}

// hopeless reports whether asking again gives the same answer.
func hopeless(err error) bool {
	if err == nil {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeNotFound, connect.CodeInvalidArgument, connect.CodePermissionDenied, connect.CodeUnauthenticated, connect.CodeFailedPrecondition:
		return true
	default:
		return false
	}
}

var errQuiet = errors.New("the stream was silent for long")

// stream reads one stream to its end; nil if that was a good one.
func (w *watcher) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(w.client.times.quiet, func() { cancel(errQuiet) })
	defer silence.Stop()
	stream, sent, err := w.open(ctx)
	if err == nil {
		defer func() { _ = stream.Close() }() // it says what Err says
		for !w.done && stream.Receive() {
			silence.Stop() // whoever is told may take their time
			w.see(stream.Msg().GetAnalysis())
			silence.Reset(w.client.times.quiet)
		}
		err = stream.Err()
	}
	if errors.Is(context.Cause(ctx), errQuiet) {
		return nil
	}
	if connect.CodeOf(err) == connect.CodeUnauthenticated && w.client.token != nil {
		// As try does: another token may be there by now.
		if now, failed := w.client.token(ctx); failed == nil && now != sent {
			return connect.NewError(connect.CodeUnavailable, err)
		}
	}
	return err
}

func (w *watcher) open(ctx context.Context) (*connect.ServerStreamForClient[judgedv1.WatchAnalysisResponse], string, error) {
	request := connect.NewRequest(&judgedv1.WatchAnalysisRequest{Id: w.id, AfterVersion: w.version})
	token, err := w.client.authorize(ctx, request.Header())
	if err != nil {
		return nil, "", err
	}
	stream, err := w.client.analyses.WatchAnalysis(ctx, request)
	return stream, token, err
}

// poll asks for the analysis, and with wait for a change of it.
func (w *watcher) poll(ctx context.Context, wait bool) error {
	request := &judgedv1.GetAnalysisRequest{Id: w.id, AfterVersion: w.version}
	if wait {
		request.Wait = durationpb.New(w.client.times.poll)
	}
	response, err := try(ctx, w.client, w.client.analyses.GetAnalysis, request)
	if err == nil {
		w.see(response.Msg.GetAnalysis())
	}
	return err
}

// see yields what is new, and an end in any case.
func (w *watcher) see(a *judgedv1.Analysis) {
	end := ended(a.GetState())
	if a.GetVersion() <= w.version && !end {
		return
	}
	w.version = max(w.version, a.GetVersion())
	w.done = !w.yield(a, nil) || end
}

// ended reports whether nothing more will happen to an analysis.
func ended(s judgedv1.AnalysisState) bool {
	return s == judgedv1.AnalysisState_COMPLETED || s == judgedv1.AnalysisState_CANCELED || s == judgedv1.AnalysisState_EXPIRED
}
