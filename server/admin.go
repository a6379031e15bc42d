package server

import (
	"context"
	"encoding/json"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// adminService shows what happened on a server and mends what got stuck, each
// tenant its own.
type adminService struct {
	store  *store.Store
	guard  *guard
	worker *schedule.Worker
}

// ListAuditEvents implements judgedv1connect.AdminServiceHandler.
func (s *adminService) ListAuditEvents(ctx context.Context, request *connect.Request[judgedv1.ListAuditEventsRequest]) (*connect.Response[judgedv1.ListAuditEventsResponse], error) {
	r := request.Msg
	if err := s.guard.allow(ctx, access{action: "audit.list"}); err != nil {
		return nil, err
	}
	filter := r.GetCaller() + "\x00" + r.GetObject()
	var before string
	if token := r.GetPageToken(); token != "" {
		var err error
		if before, err = readPageToken(token, "audit", filter); err != nil {
			return nil, badPageToken()
		}
	}
	n := pageSize(r.GetPageSize())
	events, err := s.store.Events(ctx, tenantOf(ctx), r.GetCaller(), r.GetObject(), before, n+1)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.ListAuditEventsResponse{}
	for i, e := range events {
		if i == n {
			response.NextPageToken = pageToken(events[i-1].ID, "audit", filter)
			break
		}
		response.Events = append(response.Events, &judgedv1.AuditEvent{
			Id: e.ID, Time: timestamppb.New(e.At), Caller: e.Caller, Method: e.Method, Action: e.Action, Object: e.Object, Detail: e.Detail, Refused: e.Refused,
		})
	}
	return connect.NewResponse(response), nil
}

// ListDeliveries implements judgedv1connect.AdminServiceHandler.
func (s *adminService) ListDeliveries(ctx context.Context, request *connect.Request[judgedv1.ListDeliveriesRequest]) (*connect.Response[judgedv1.ListDeliveriesResponse], error) {
	r := request.Msg
	if err := s.guard.allow(ctx, access{action: "deliveries.list"}); err != nil {
		return nil, err
	}
	filter := ""
	if r.GetDead() {
		filter = "dead"
	}
	var after string
	if token := r.GetPageToken(); token != "" {
		var err error
		if after, err = readPageToken(token, "deliveries", filter); err != nil {
			return nil, badPageToken()
		}
	}
	n := pageSize(r.GetPageSize())
	tasks, err := s.store.Tasks(ctx, tenantOf(ctx), notifyKind, after, r.GetDead(), n+1)
	if err != nil {
		return nil, err
	}
	response := &judgedv1.ListDeliveriesResponse{}
	for i, t := range tasks {
		if i == n {
			response.NextPageToken = pageToken(tasks[i-1].ID, "deliveries", filter)
			break
		}
		d := &judgedv1.Delivery{
			Id: t.ID, Channel: t.Lane, Analysis: t.Subject, CreateTime: timestamppb.New(t.Created), Attempts: int32(t.Attempts), Error: t.Error, Dead: t.Dead,
		}
		if !t.Dead {
			d.NextTime = timestamppb.New(t.Next)
		}
		var e notify.Event
		if json.Unmarshal(t.Payload, &e) == nil {
			d.Event = string(e.Type)
		}
		response.Deliveries = append(response.Deliveries, d)
	}
	return connect.NewResponse(response), nil
}

// RetryDelivery implements judgedv1connect.AdminServiceHandler.
func (s *adminService) RetryDelivery(ctx context.Context, request *connect.Request[judgedv1.RetryDeliveryRequest]) (*connect.Response[judgedv1.RetryDeliveryResponse], error) {
	if err := s.change(ctx, "deliveries.retry", request.Msg.GetId(), s.store.Revive); err != nil {
		return nil, err
	}
	s.worker.Wake()
	return connect.NewResponse(&judgedv1.RetryDeliveryResponse{}), nil
}

// DropDelivery implements judgedv1connect.AdminServiceHandler.
func (s *adminService) DropDelivery(ctx context.Context, request *connect.Request[judgedv1.DropDeliveryRequest]) (*connect.Response[judgedv1.DropDeliveryResponse], error) {
	if err := s.change(ctx, "deliveries.drop", request.Msg.GetId(), s.store.Drop); err != nil {
		return nil, err
	}
	return connect.NewResponse(&judgedv1.DropDeliveryResponse{}), nil
}

func (s *adminService) change(ctx context.Context, action, id string, do func(ctx context.Context, tenant, kind, id string) error) error {
	what := access{action: action, object: id}
	if err := s.guard.allow(ctx, what); err != nil {
		return err
	}
	if err := do(ctx, tenantOf(ctx), notifyKind, id); errors.Is(err, store.ErrNotFound) {
		return notFound("DELIVERY", "there is no delivery %q that waits: it was delivered or dropped, or is under way right now", id)
	} else if err != nil {
		return err
	}
	s.guard.audit(ctx, what, "", false)
	return nil
}
