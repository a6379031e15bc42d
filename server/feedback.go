package server

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// feedbackService takes what people say of log templates.
type feedbackService struct {
	pins     *pins
	rescorer *rescorer
	guard    *guard
	now      func() time.Time
}

// defaultRescoreDays is how far back a pin reaches if the caller does not say.
const defaultRescoreDays = 30

// SetPin implements judgedv1connect.FeedbackServiceHandler.
func (s *feedbackService) SetPin(ctx context.Context, request *connect.Request[judgedv1.SetPinRequest]) (*connect.Response[judgedv1.SetPinResponse], error) {
	r := request.Msg
	template := r.GetPin().GetTemplate()
	what := aboutPin("feedback.set", r.GetApplication(), template)
	if err := s.guard.allow(ctx, what); err != nil {
		return nil, err
	}
	pin := proto.CloneOf(r.GetPin())
	pin.By = callerOf(ctx).Name
	pages := pageOf{r.GetApplication(), template, daysOf(r.RescoreDays != nil, r.GetRescoreDays()), r.GetPageToken()}
	if r.GetPageToken() == "" {
		if until := pin.GetUntil(); until != nil {
			if !until.IsValid() {
				return nil, invalid("PIN", "pin.until: it is no moment between the years 1 and 9999")
			}
			if !until.AsTime().After(s.now()) {
				return nil, invalid("PIN", "pin.until: %s is past: give a moment to come, or leave it out for a pin that does not end; delete the pin to end it now", rfc3339(until.AsTime()))
			}
		}
		if err := s.pins.set(ctx, tenantOf(ctx), r.GetApplication(), pin); err != nil {
			return nil, err
		}
		s.guard.audit(ctx, what, wordsOf(pin), false)
	} else {
		known, _, err := s.pins.find(ctx, tenantOf(ctx), r.GetApplication(), template)
		if err != nil {
			return nil, err
		}
		if known == nil {
			return nil, notFound("PIN", "there is no pin of template %s any more: somebody deleted it after the page before this one", template)
		}
		pin = known // somebody may have set it anew
	}
	rescored, next, err := s.rescore(ctx, pages, &judgedv1.Feedback{By: pin.GetBy(), Pin: pin})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.SetPinResponse{Pin: pin, Rescored: rescored, NextPageToken: next}), nil
}

// ListPins implements judgedv1connect.FeedbackServiceHandler.
func (s *feedbackService) ListPins(ctx context.Context, request *connect.Request[judgedv1.ListPinsRequest]) (*connect.Response[judgedv1.ListPinsResponse], error) {
	application := request.Msg.GetApplication()
	if err := s.guard.allow(ctx, access{action: "feedback.list", application: application, object: application}); err != nil {
		return nil, err
	}
	all, err := s.pins.of(ctx, tenantOf(ctx), application)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.ListPinsResponse{Pins: all}), nil
}

// DeletePin implements judgedv1connect.FeedbackServiceHandler.
func (s *feedbackService) DeletePin(ctx context.Context, request *connect.Request[judgedv1.DeletePinRequest]) (*connect.Response[judgedv1.DeletePinResponse], error) {
	r := request.Msg
	what := aboutPin("feedback.delete", r.GetApplication(), r.GetTemplate())
	if err := s.guard.allow(ctx, what); err != nil {
		return nil, err
	}
	var pin *judgedv1.Pin
	if r.GetPageToken() == "" {
		var err error
		if pin, err = s.pins.remove(ctx, tenantOf(ctx), r.GetApplication(), r.GetTemplate()); err != nil {
			return nil, err
		}
		if pin != nil {
			s.guard.audit(ctx, what, wordsOf(pin), false)
		}
	}
	// Also without a pin: the call that deleted it may have been cut off.
	gone := pin
	if gone == nil {
		gone = &judgedv1.Pin{Template: r.GetTemplate()}
	}
	rescored, next, err := s.rescore(ctx, pageOf{r.GetApplication(), r.GetTemplate(), daysOf(r.RescoreDays != nil, r.GetRescoreDays()), r.GetPageToken()},
		&judgedv1.Feedback{By: callerOf(ctx).Name, Pin: gone, Deleted: true})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.DeletePinResponse{Pin: pin, Rescored: rescored, NextPageToken: next}), nil
}

// aboutPin is a call about a pin, as rules and the audit log know it.
func aboutPin(action, application, template string) access {
	return access{action: action, application: application, object: application + "/" + template}
}

// wordsOf tells a pin to who reads the audit log.
func wordsOf(p *judgedv1.Pin) string {
	text := "as " + p.GetAs().String()
	if p.GetUntil() != nil {
		text += " until " + rfc3339(p.GetUntil().AsTime())
	}
	if p.GetNote() != "" {
		text += ": " + p.GetNote()
	}
	return text
}

// pageOf says which analyses a call judges again.
type pageOf struct {
	application, template string
	days                  int
	token                 string
}

func daysOf(given bool, days int32) int {
	if !given {
		return defaultRescoreDays
	}
	return int(days)
}

func (p pageOf) filter() string { return p.application + "\x00" + p.template }

// rescore judges again, and tells what the caller may see of it.
func (s *feedbackService) rescore(ctx context.Context, p pageOf, said *judgedv1.Feedback) (all []*judgedv1.RescoredAnalysis, next string, err error) {
	if p.days == 0 {
		return nil, "", nil
	}
	after := ""
	if p.token != "" {
		if after, err = readPageToken(p.token, "rescored", p.filter()); err != nil {
			return nil, "", badPageToken()
		}
	}
	now := s.now()
	said.Time = timestamppb.New(now.Truncate(time.Microsecond))
	done, last, err := s.rescorer.since(ctx, tenantOf(ctx), p.application, now.AddDate(0, 0, -p.days), after, said)
	if err != nil {
		return nil, "", fmt.Errorf("not all analyses were judged again: send the call again: %w", err)
	}
	if last != "" {
		next = pageToken(last, "rescored", p.filter())
	}
	for _, one := range done {
		if !s.guard.answer(ctx, access{action: "analyses.get", application: one.row.Application, config: one.row.ConfigName}).Allowed {
			continue
		}
		all = append(all, &judgedv1.RescoredAnalysis{
			Id: one.row.ID, VerdictBefore: one.before.GetVerdict(), ScoreBefore: one.before.Score, Verdict: one.after.GetVerdict(), Score: one.after.Score,
		})
	}
	return all, next, nil
}
