// Package notify turns an [Event] into a message on a [Channel]: Slack,
// e-mail, a signed webhook, CloudEvents, PagerDuty or mobile push.
//
// [Channel.Send] tries once. Whoever calls it keeps the event, as JSON, and
// calls again until it works or fails for good: the [Error] says which, and
// how long the other side asks to wait. A second delivery of the same event
// carries the same message id wherever the protocol has one, so that the
// receiver can drop it.
//
// Where a message goes is the administrator's choice alone: nothing in an
// event reaches an address or a host, redirects are not followed, and what an
// event says stays text in every format. Secrets are read at every send, so a
// rotated file is picked up, and never appear in an error.
//
// Everything is bounded: the event (see [Event]), templates and what they
// write, the time of a send, what is read of an answer.
package notify
