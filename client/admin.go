package client

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// ListAuditEvents yields who changed what, newest first, of all pages from r's
// on. An error ends it.
func (c *Client) ListAuditEvents(ctx context.Context, r *judgedv1.ListAuditEventsRequest) iter.Seq2[*judgedv1.AuditEvent, error] {
	const op = "list the audit log"
	return pages(op, func(token string) ([]*judgedv1.AuditEvent, string, error) {
		page := proto.CloneOf(r)
		if page == nil {
			page = &judgedv1.ListAuditEventsRequest{}
		}
		if token != "" {
			page.PageToken = token
		}
		answer, err := call(ctx, c, op, repeatable, c.admin.ListAuditEvents, page)
		return answer.GetEvents(), answer.GetNextPageToken(), err
	})
}

// ListDeliveries yields notifications that are not delivered yet, oldest first;
// only those that were given up, if dead. An error ends it.
func (c *Client) ListDeliveries(ctx context.Context, dead bool) iter.Seq2[*judgedv1.Delivery, error] {
	const op = "list deliveries"
	return pages(op, func(token string) ([]*judgedv1.Delivery, string, error) {
		answer, err := call(ctx, c, op, repeatable, c.admin.ListDeliveries, &judgedv1.ListDeliveriesRequest{PageToken: token, Dead: dead})
		return answer.GetDeliveries(), answer.GetNextPageToken(), err
	})
}

// RetryDelivery tries a notification again now, one that was given up included.
func (c *Client) RetryDelivery(ctx context.Context, id string) error {
	_, err := call(ctx, c, "retry delivery "+id, repeatable, c.admin.RetryDelivery, &judgedv1.RetryDeliveryRequest{Id: id})
	return err
}

// DropDelivery gives a notification up.
func (c *Client) DropDelivery(ctx context.Context, id string) error {
	_, err := call(ctx, c, "drop delivery "+id, once, c.admin.DropDelivery, &judgedv1.DropDeliveryRequest{Id: id})
	return err
}
