package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// eventsPath is where a browser, or curl, watches an analysis: server-sent
// events, one a change, whose ids are the analysis' versions. A client that was
// cut off goes on after Last-Event-ID.
const eventsPath = "GET /v1/analyses/{id}/events"

// keepAlive is how often by default a stream without news says that it lives, so that
// proxies let it.
const keepAlive = 15 * time.Second

// events serves eventsPath.
func (s *analysisService) events(r refusal, keepAlive time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		after := request.Header.Get("Last-Event-ID")
		if after == "" {
			after = request.URL.Query().Get("afterVersion")
		}
		var version int64
		if after != "" {
			var err error
			if version, err = strconv.ParseInt(after, 10, 64); err != nil || version < 0 {
				r.write(w, request, invalid("EVENT_ID", "Last-Event-ID, or afterVersion: it is the version of an analysis, a number: %.40q", after))
				return
			}
		}
		// The end of the body also ends the time that the request has to arrive.
		if n, _ := request.Body.Read(make([]byte, 1)); n > 0 {
			r.write(w, request, invalid("BODY", "events are asked for with GET and without a body"))
			return
		}
		out := http.NewResponseController(w)
		begun := false
		begin := func() {
			if begun {
				return
			}
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
			w.WriteHeader(http.StatusOK)
		}
		o := outcomeOf(request.Context())
		o.procedure, o.protocol, o.code = "events", "sse", "ok"
		ctx := request.Context()
		err := s.watch(ctx, request.PathValue("id"), version, keepAlive, func(a *judgedv1.Analysis) error {
			begin()
			if a == nil {
				if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
					return err
				}
				return out.Flush()
			}
			text, err := jsonOut.Marshal(a)
			if err != nil {
				return err
			}
			// JSON has no line breaks; "end" tells the client not to come back.
			event := "analysis"
			if ended(a.GetState()) {
				event = "end"
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", a.GetVersion(), event, strings.ReplaceAll(string(text), "\n", " ")); err != nil {
				return err
			}
			return out.Flush()
		})
		if err == nil {
			if !begun { // it has ended, and the client knows that: this keeps a browser from asking again
				w.WriteHeader(http.StatusNoContent)
			}
			return
		}
		e := asRPC(err)
		o.code = e.Code().String()
		if !begun {
			r.write(w, request, err)
			return
		}
		if e.Code() != connect.CodeCanceled {
			_, _ = fmt.Fprint(w, "retry: 1000\n\n") // the client comes back by itself
		}
	}
}
