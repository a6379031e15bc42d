package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/client"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

const template = "0123456789abcdef"

// twoPages answers as a server with more analyses than one call looks through.
type twoPages struct {
	judgedv1connect.UnimplementedFeedbackServiceHandler

	set    []*judgedv1.SetPinRequest
	delete []*judgedv1.DeletePinRequest
}

func (s *twoPages) SetPin(_ context.Context, r *connect.Request[judgedv1.SetPinRequest]) (*connect.Response[judgedv1.SetPinResponse], error) {
	s.set = append(s.set, r.Msg)
	answer := &judgedv1.SetPinResponse{Pin: proto.CloneOf(r.Msg.GetPin()), Rescored: []*judgedv1.RescoredAnalysis{{Id: "new"}}, NextPageToken: "older"}
	answer.Pin.By = "ann"
	if r.Msg.GetPageToken() == "older" {
		answer.Rescored[0].Id, answer.NextPageToken = "old", ""
	}
	return connect.NewResponse(answer), nil
}

func (s *twoPages) DeletePin(_ context.Context, r *connect.Request[judgedv1.DeletePinRequest]) (*connect.Response[judgedv1.DeletePinResponse], error) {
	s.delete = append(s.delete, r.Msg)
	if r.Msg.GetPageToken() == "older" {
		return connect.NewResponse(&judgedv1.DeletePinResponse{Rescored: []*judgedv1.RescoredAnalysis{{Id: "old"}}}), nil
	}
	return connect.NewResponse(&judgedv1.DeletePinResponse{
		Pin: &judgedv1.Pin{Template: template}, Rescored: []*judgedv1.RescoredAnalysis{{Id: "new"}}, NextPageToken: "older",
	}), nil
}

// What one call cannot look through, the client goes on with.
func TestFeedbackPages(t *testing.T) {
	s := &twoPages{}
	mux := http.NewServeMux()
	mux.Handle(judgedv1connect.NewFeedbackServiceHandler(s))
	web := httptest.NewServer(mux)
	defer web.Close()
	c, err := client.New(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &judgedv1.SetPinRequest{Application: "shop", Pin: &judgedv1.Pin{Template: template, As: judgedv1.Severity_SEVERITY_INFO}, RescoreDays: proto.Int32(7)}
	said, err := c.SetPin(t.Context(), r)
	if err != nil || said.GetPin().GetBy() != "ann" || len(said.GetRescored()) != 2 || said.GetRescored()[0].GetId() != "new" || said.GetRescored()[1].GetId() != "old" {
		t.Errorf("%v, %v", said, err)
	}
	if len(s.set) != 2 || s.set[1].GetPageToken() != "older" || s.set[1].GetRescoreDays() != 7 || r.GetPageToken() != "" {
		t.Errorf("asked was %v", s.set)
	}
	gone, err := c.DeletePin(t.Context(), &judgedv1.DeletePinRequest{Application: "shop", Template: template})
	if err != nil || gone.GetPin().GetTemplate() != template || len(gone.GetRescored()) != 2 || len(s.delete) != 2 {
		t.Errorf("%v, %v", gone, err)
	}
}

func TestFeedback(t *testing.T) {
	c := start(t, nil).client
	known := &judgedv1.SetPinRequest{Application: "shop", Pin: &judgedv1.Pin{Template: template, As: judgedv1.Severity_SEVERITY_WARN, Note: "known"}}
	if said, err := c.SetPin(t.Context(), known); err != nil || said.GetPin().GetNote() != "known" {
		t.Fatalf("%v, %v", said, err)
	}
	if pins, err := c.ListPins(t.Context(), "shop"); err != nil || len(pins) != 1 || pins[0].GetAs() != judgedv1.Severity_SEVERITY_WARN {
		t.Errorf("%v, %v", pins, err)
	}
	if gone, err := c.DeletePin(t.Context(), &judgedv1.DeletePinRequest{Application: "shop", Template: template}); err != nil || gone.GetPin() == nil {
		t.Errorf("%v, %v", gone, err)
	}
	if pins, err := c.ListPins(t.Context(), "shop"); err != nil || len(pins) != 0 {
		t.Errorf("%v, %v", pins, err)
	}
	if _, err := c.ListPins(t.Context(), ""); err == nil {
		t.Error("the pins of no application were listed")
	}
}
