package prometheus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/compat/internal/gate"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Options says what a handler answers from. Only Service is required.
type Options struct {
	// Service runs the analyses. Its errors are *connect.Error.
	Service gate.Service
	// Link returns where people look at an analysis, empty if nowhere; nil for no
	// links.
	Link func(analysisID string) string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Prefix is where the paths of New begin: the address that a client of Prometheus
// is given.
const Prefix = "/prometheus/"

// New returns the handler of the paths below Prefix.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &handler{Options: o, gate: gate.Gate{Service: o.Service}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix+"api/v1/query", h.query)
	mux.HandleFunc("POST "+Prefix+"api/v1/query", h.query)
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("there is no %s %.200s here: judged answers GET and POST %sapi/v1/query, and no ranges of time", r.Method, r.URL.Path, Prefix))
	})
	return mux
}

type handler struct {
	Options

	gate gate.Gate
}

const (
	// maxForm bounds a form, in bytes.
	maxForm = 64 << 10
	// usualTimeout is less than Flagger's, 5 s, of which it says nothing.
	usualTimeout = 4 * time.Second
	// longestTimeout bounds what a caller may ask for.
	longestTimeout = time.Minute
	// skew is how far a moment that is asked for may lie from now: Prometheus, too,
	// looks back that far for a sample.
	skew = 5 * time.Minute
)

func (h *handler) query(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "bad_data", "the form cannot be read: "+err.Error())
		return
	}
	q, err := parse(r.Form.Get("query"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_data", err.Error())
		return
	}
	now := h.Now()
	timeout, err := timeoutOf(r.Form.Get("timeout"))
	if err == nil {
		err = aboutNow(r.Form.Get("time"), now)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_data", err.Error())
		return
	}
	if q.metric == one {
		answer(w, now, 1, map[string]string{})
		return
	}
	// Waiting for a judgment ends on time by itself; this is for a store that hangs.
	ctx, cancel := context.WithTimeout(r.Context(), timeout+time.Second)
	defer cancel()
	a, err := h.find(ctx, q, now, timeout)
	if err != nil {
		refuseRPC(w, asError(err))
		return
	}
	said := gate.Read(a)
	if said.Verdict == judgedv1.Verdict_ERROR || a.GetJudgment().GetVerdict() == judgedv1.Verdict_ERROR && !said.Final {
		refuse(w, http.StatusUnprocessableEntity, "execution", h.sentence(a, said))
		return
	}
	answer(w, now, value(q.metric, a, said), map[string]string{
		"__name__": string(q.metric), "analysis": a.GetId(), "config": a.GetConfig().GetName(), "verdict": said.Verdict.String(),
	}, h.sentence(a, said))
}

// find returns the analysis that a query is about.
func (h *handler) find(ctx context.Context, q query, now time.Time, timeout time.Duration) (*judgedv1.Analysis, error) {
	if q.key == "" {
		return h.judge(ctx, q, now, timeout)
	}
	a, err := h.gate.Latest(ctx, gate.Key(q.key))
	if err == nil && a == nil {
		err = connect.NewError(connect.CodeNotFound, fmt.Errorf("no analysis has the key %.300q: it is the label %s of an analysis, for Flagger's flagger/NAMESPACE/NAME", q.key, gate.KeyLabel))
	}
	return a, err
}

// fresh is for how long the judgment of a past window is that of now: what is asked
// twice, for its verdict and its score, is judged once.
const fresh = 10 * time.Second

// judge judges a past window now.
func (h *handler) judge(ctx context.Context, q query, now time.Time, timeout time.Duration) (*judgedv1.Analysis, error) {
	request := &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: q.config}, Scopes: q.scopes}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(bytes, q.window.String()...))
	end := now.Truncate(time.Second)
	request.Window = &judgedv1.Window{Start: timestamppb.New(end.Add(-q.window)), End: timestamppb.New(end)}
	a, err := h.gate.Start(ctx, gate.Key("prometheus", hex.EncodeToString(sum[:16])), request, func(latest *judgedv1.Analysis) bool {
		return gate.Ended(latest) && now.Sub(latest.GetEndTime().AsTime()) > fresh
	})
	if err != nil {
		return nil, err
	}
	if a, err = h.gate.Wait(ctx, a, timeout, h.Now); err != nil {
		return nil, err
	}
	if !gate.Ended(a) {
		return nil, connect.NewError(connect.CodeDeadlineExceeded, fmt.Errorf(
			"analysis %s was not judged within %v: its sources are slow; ask with a longer timeout if the caller can wait, or start an analysis with a key and ask for that", a.GetId(), timeout))
	}
	return a, nil
}

func value(m metric, a *judgedv1.Analysis, said gate.Answer) float64 {
	if m == score {
		if a.GetJudgment() == nil {
			return math.NaN()
		}
		return said.Score
	}
	switch said.Verdict {
	case judgedv1.Verdict_PASS:
		return 1
	case judgedv1.Verdict_FAIL:
		return 0
	default:
		return 0.5
	}
}

// sentence says what the judgment says, and where there is more.
func (h *handler) sentence(a *judgedv1.Analysis, said gate.Answer) string {
	text := said.Summary
	if word := said.Verdict.String(); !strings.HasPrefix(text, word) {
		text = word + ": " + text
	}
	if h.Link != nil {
		if link := h.Link(a.GetId()); link != "" {
			text += " " + link
		}
	}
	return text
}

// timeoutOf reads a time span as Prometheus' clients write it, in Go's notation or
// in seconds.
func timeoutOf(text string) (time.Duration, error) {
	if text == "" {
		return usualTimeout, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, bad := strconv.ParseFloat(text, 64); bad == nil && math.Abs(seconds) < 1e6 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("timeout: %.40q is no time span such as 5s", text)
	}
	return min(d, longestTimeout), nil
}

// aboutNow refuses a question about another time: an analysis knows what it says
// now.
func aboutNow(text string, now time.Time) error {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if seconds, bad := strconv.ParseFloat(text, 64); bad == nil && math.Abs(seconds) < 1e11 {
		at, err = time.UnixMilli(int64(seconds*1000)), nil
	}
	if err != nil {
		return fmt.Errorf("time: %.40q is no moment, neither RFC 3339 nor seconds since 1970", text)
	}
	if at.Sub(now).Abs() > skew {
		return fmt.Errorf("time: judged says what holds now, not at %s; the looks of an analysis are at /v1/analyses/ID/looks", at.UTC().Format(time.RFC3339))
	}
	return nil
}
