package client

import (
	"context"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// WaitForVerdict returns the analysis when it has its verdict, over everything
// that Watch goes on over.
//
// ERROR is a verdict, too: it comes with the analysis and without an error. An
// analysis that was cancelled gives a *CanceledError, one that expired an
// *ExpiredError: it may have a judgment, but of a look that was not to be the
// last, and a PASS that nobody has seen through is none. What was seen last comes
// with every error; nil if that is nothing.
func (c *Client) WaitForVerdict(ctx context.Context, id string) (*judgedv1.Analysis, error) {
	var last *judgedv1.Analysis
	for a, err := range c.Watch(ctx, id, 0) {
		if err != nil {
			return last, err
		}
		last = a
	}
	return last, Verdict(last)
}

// Verdict returns nil if an analysis that has ended has its verdict, else the
// *CanceledError or *ExpiredError that says why not.
func Verdict(a *judgedv1.Analysis) error {
	switch a.GetState() {
	case judgedv1.AnalysisState_CANCELED:
		return &CanceledError{ID: a.GetId(), Reason: a.GetCancelReason(), By: a.GetCanceledBy()}
	case judgedv1.AnalysisState_EXPIRED:
		return &ExpiredError{ID: a.GetId(), Looks: int(a.GetLooks()), Planned: int(a.GetPlannedLooks()), Trouble: a.GetTrouble()}
	default:
		return nil
	}
}
