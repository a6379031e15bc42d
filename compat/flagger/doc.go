// Package flagger answers the webhooks of Flagger (Canary.spec.analysis.webhooks)
// from the state of an analysis.
//
//	POST /flagger/start                     pre-rollout
//	POST /flagger/confirm-rollout           confirm-rollout
//	POST /flagger/rollout                   rollout
//	POST /flagger/confirm-traffic-increase  confirm-traffic-increase
//	POST /flagger/confirm-promotion         confirm-promotion
//	POST /flagger/rollback                  rollback: 200 means roll back
//	POST /flagger/finish                    post-rollout
//	POST /flagger/event                     event
//
// What Flagger makes of an answer was read in its source (v1.44.0, pkg/controller):
// statuses up to 202 are consent, all others refusals; the body of a refusal
// becomes the error's text, but that of 429 and of 5xx is lost, because its HTTP
// client retries those and gives up. So a hook says 200 or 409 and the reason, and
// nothing else.
//
// All hooks of one Canary are about its newest analysis, which belongs to one
// revision: Flagger's checksum. Only confirm-rollout is apart. Flagger calls it
// before it notes the new revision, so that the checksum may be the old one's, and
// before the canary has pods.
package flagger
