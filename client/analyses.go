package client

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// StartAnalysis begins an analysis and returns at once. Give the request an
// idempotency key: only then can it be sent again when nobody knows whether it
// arrived.
func (c *Client) StartAnalysis(ctx context.Context, r *judgedv1.StartAnalysisRequest) (*judgedv1.Analysis, error) {
	answer, err := call(ctx, c, "start the analysis", r.GetIdempotencyKey() != "", c.analyses.StartAnalysis, r)
	return answer.GetAnalysis(), err
}

// GetAnalysis returns an analysis as it is now.
func (c *Client) GetAnalysis(ctx context.Context, id string) (*judgedv1.Analysis, error) {
	answer, err := call(ctx, c, "get analysis "+id, repeatable, c.analyses.GetAnalysis, &judgedv1.GetAnalysisRequest{Id: id})
	return answer.GetAnalysis(), err
}

// ListAnalyses yields the analyses that r asks for, newest first, of all pages
// from r's on. An error ends it.
func (c *Client) ListAnalyses(ctx context.Context, r *judgedv1.ListAnalysesRequest) iter.Seq2[*judgedv1.Analysis, error] {
	const op = "list analyses"
	return pages(op, func(token string) ([]*judgedv1.Analysis, string, error) {
		page := proto.CloneOf(r)
		if page == nil {
			page = &judgedv1.ListAnalysesRequest{}
		}
		if token != "" {
			page.PageToken = token
		}
		answer, err := call(ctx, c, op, repeatable, c.analyses.ListAnalyses, page)
		return answer.GetAnalyses(), answer.GetNextPageToken(), err
	})
}

// CancelAnalysis ends an analysis early and returns it as it ended; one that
// has ended stays as it is.
func (c *Client) CancelAnalysis(ctx context.Context, id, reason string) (*judgedv1.Analysis, error) {
	answer, err := call(ctx, c, "cancel analysis "+id, repeatable, c.analyses.CancelAnalysis, &judgedv1.CancelAnalysisRequest{Id: id, Reason: reason})
	return answer.GetAnalysis(), err
}

// ListLooks yields the looks of an analysis, in their order. An error ends it.
func (c *Client) ListLooks(ctx context.Context, id string) iter.Seq2[*judgedv1.TakenLook, error] {
	return func(yield func(*judgedv1.TakenLook, error) bool) {
		for last := int32(0); ; {
			answer, err := call(ctx, c, "list the looks of analysis "+id, repeatable, c.analyses.ListLooks, &judgedv1.ListLooksRequest{Id: id, AfterNumber: last})
			if err != nil {
				yield(nil, err)
				return
			}
			before := last
			for _, look := range answer.GetLooks() {
				if !yield(look, nil) {
					return
				}
				last = max(last, look.GetNumber())
			}
			if last == before { // none came, or the same ones again
				return
			}
		}
	}
}

// GetRecording returns all data that an analysis saw, to judge them again.
func (c *Client) GetRecording(ctx context.Context, id string) (*judgedv1.GetRecordingResponse, error) {
	return call(ctx, c, "get the recording of analysis "+id, repeatable, c.analyses.GetRecording, &judgedv1.GetRecordingRequest{Id: id})
}
