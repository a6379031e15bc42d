package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// SetPin says what a log template of an application is. New analyses heed it from
// their next look on; past ones are judged again by it, all pages of them from r's
// on, and are in the answer.
func (c *Client) SetPin(ctx context.Context, r *judgedv1.SetPinRequest) (*judgedv1.SetPinResponse, error) {
	op := "pin template " + r.GetPin().GetTemplate()
	all := &judgedv1.SetPinResponse{}
	for one, err := range pages(op, func(token string) ([]*judgedv1.RescoredAnalysis, string, error) {
		page := proto.CloneOf(r)
		if token != "" {
			page.PageToken = token
		}
		answer, err := call(ctx, c, op, repeatable, c.feedback.SetPin, page) // again, it changes nothing
		all.Pin = answer.GetPin()
		return answer.GetRescored(), answer.GetNextPageToken(), err
	}) {
		if err != nil {
			return nil, err
		}
		all.Rescored = append(all.Rescored, one)
	}
	return all, nil
}

// ListPins returns all pins of an application, by template.
func (c *Client) ListPins(ctx context.Context, application string) ([]*judgedv1.Pin, error) {
	answer, err := call(ctx, c, "list the pins of "+application, repeatable, c.feedback.ListPins, &judgedv1.ListPinsRequest{Application: application})
	return answer.GetPins(), err
}

// DeletePin forgets what was said of a log template, and judges past analyses again
// without it, as SetPin does. The answer has no pin if there was none.
func (c *Client) DeletePin(ctx context.Context, r *judgedv1.DeletePinRequest) (*judgedv1.DeletePinResponse, error) {
	op := "delete the pin of template " + r.GetTemplate()
	all := &judgedv1.DeletePinResponse{}
	for one, err := range pages(op, func(token string) ([]*judgedv1.RescoredAnalysis, string, error) {
		page := proto.CloneOf(r)
		if token != "" {
			page.PageToken = token
		}
		answer, err := call(ctx, c, op, repeatable, c.feedback.DeletePin, page)
		if answer.GetPin() != nil { // the first page has it
			all.Pin = answer.GetPin()
		}
		return answer.GetRescored(), answer.GetNextPageToken(), err
	}) {
		if err != nil {
			return nil, err
		}
		all.Rescored = append(all.Rescored, one)
	}
	return all, nil
}
