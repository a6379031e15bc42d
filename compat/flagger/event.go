package flagger

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Event is what Flagger tells of itself: each of its Kubernetes events.
type Event struct {
	// Canary is namespace/name; empty if the event does not say.
	Canary string
	// Phase and Checksum are the canary's.
	Phase, Checksum string
	// Type is Normal or Warning.
	Type string
	// Message is one line for people.
	Message string
	// Time is Flagger's, else that of the arrival.
	Time time.Time
}

// event records what it can. Flagger does nothing about a refusal but to log it,
// so there is none.
func (h *handler) event(ctx context.Context, w http.ResponseWriter, p payload, err error) {
	if err != nil {
		write(w, http.StatusOK, "not recorded: "+err.Error(), "")
		return
	}
	e := Event{
		Phase: line(p.Phase, ""), Checksum: line(p.Checksum, ""),
		Type: line(p.Metadata["eventType"], ""), Message: line(p.Metadata["eventMessage"], ""), Time: h.Now(),
	}
	if objectName.MatchString(p.Namespace) && objectName.MatchString(p.Name) {
		e.Canary = p.Namespace + "/" + p.Name
	}
	// Milliseconds since 1970, as text. What no calendar has is not the time.
	const year9999 = 253402300799000
	if ms, err := strconv.ParseInt(p.Metadata["timestamp"], 10, 64); err == nil && ms > 0 && ms <= year9999 {
		e.Time = time.UnixMilli(ms)
	}
	if h.Record != nil {
		h.Record(ctx, e)
	}
	write(w, http.StatusOK, "recorded", "")
}
