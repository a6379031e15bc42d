package argo

import (
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/compat/internal/gate"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// answer is what the provider's conditions see as result, and people as the
// measurement's value. Verdict and score are there always.
type answer struct {
	// Verdict is PASS, FAIL, INCONCLUSIVE or ERROR.
	Verdict string `json:"verdict"`
	// Score is 0 (worst) to 100; 0 where there is none.
	Score   float64 `json:"score"`
	Summary string  `json:"summary"`
	// ReportURL is where people read the rest.
	ReportURL string `json:"reportUrl,omitempty"`
	// State is the analysis', and Final says that asking again brings nothing new.
	State string `json:"state,omitempty"`
	Final bool   `json:"final"`
	// Look is the last look that was taken, of Looks.
	Look  int32 `json:"look"`
	Looks int32 `json:"looks"`
	// Analysis is its id.
	Analysis string `json:"analysis,omitempty"`
}

// maxSummary bounds what is kept in the cluster, in bytes, of each of the ten
// measurements that Argo remembers.
const maxSummary = 1000

func (h *handler) answerOf(a *judgedv1.Analysis) answer {
	said := gate.Read(a)
	out := answer{
		Verdict: said.Verdict.String(), Score: said.Score, Summary: short(said.Summary), State: a.GetState().String(), Final: said.Final,
		Look: a.GetLooks(), Looks: a.GetPlannedLooks(), Analysis: a.GetId(),
	}
	if h.Link != nil {
		out.ReportURL = h.Link(a.GetId())
	}
	return out
}

func short(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	n := maxSummary
	for n > 0 && s[n]&0xc0 == 0x80 { // not inside a character
		n--
	}
	return s[:n] + "…"
}

// statusOf returns the status of a refusal; see the package's comment.
func statusOf(e *connect.Error) int {
	switch e.Code() {
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodeResourceExhausted:
		if e.Meta().Get("Retry-After") == "" {
			return http.StatusOK // too large: it stays so
		}
		return http.StatusTooManyRequests
	case connect.CodeUnavailable, connect.CodeAborted, connect.CodeCanceled:
		return http.StatusServiceUnavailable
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
		return http.StatusInternalServerError
	default:
		return http.StatusOK
	}
}

// WriteError answers with a refusal: the verdict is ERROR and the summary says
// why. A Retry-After of its metadata becomes a header.
func WriteError(w http.ResponseWriter, e *connect.Error) {
	if after := e.Meta().Get("Retry-After"); after != "" {
		w.Header().Set("Retry-After", after)
	}
	writeError(w, statusOf(e), e.Message())
}

func writeError(w http.ResponseWriter, status int, text string) {
	write(w, status, answer{
		Verdict: judgedv1.Verdict_ERROR.String(), Summary: short("ERROR: " + text), Final: status == http.StatusOK,
	})
}

func write(w http.ResponseWriter, status int, a answer) {
	text, err := json.Marshal(a)
	if err != nil { // a number that JSON does not have
		status, text = http.StatusInternalServerError, []byte(`{"verdict":"ERROR","score":0,"summary":"ERROR: the answer could not be written as JSON"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the caller is gone if this fails
}
