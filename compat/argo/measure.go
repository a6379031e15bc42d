package argo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/internal/gate"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Path is where the handler answers.
const Path = "/argo/measure"

// Configs finds stored configs; a judgedv1connect.ConfigServiceHandler does. Its
// errors are *connect.Error.
type Configs interface {
	GetConfig(ctx context.Context, request *connect.Request[judgedv1.GetConfigRequest]) (*connect.Response[judgedv1.GetConfigResponse], error)
}

// Options are what a handler works with. Link may be nil.
type Options struct {
	// Service checks requests against the contract's rules.
	Service gate.Service
	// Configs says how long the schedule of a stored config is.
	Configs Configs
	// Link returns where people find an analysis.
	Link func(analysisID string) string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

type handler struct {
	Options

	gate gate.Gate
}

// New returns a handler of Path.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &handler{Options: o, gate: gate.Gate{Service: o.Service}}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != Path:
		writeError(w, http.StatusNotFound, fmt.Sprintf("nothing is served at %.200q: the provider's url ends in %s", r.URL.Path, Path))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, http.StatusMethodNotAllowed, "the method is "+r.Method+": write method: POST into the provider, whose default is GET")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			writeError(w, http.StatusOK, fmt.Sprintf("the body has more than %d bytes: store the config and name it", maxBody))
			return
		}
		writeError(w, http.StatusServiceUnavailable, "the request was cut off")
		return
	}
	m, err := read(body)
	if err != nil {
		writeError(w, http.StatusOK, err.Error())
		return
	}
	request, err := m.request()
	if err != nil {
		writeError(w, http.StatusOK, err.Error())
		return
	}
	out, err := h.measure(r.Context(), m, request)
	if err != nil {
		WriteError(w, wireError(err))
		return
	}
	write(w, http.StatusOK, out)
}

// wireError returns the *connect.Error that err is, or one of a code of its own.
func wireError(err error) *connect.Error {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e
	}
	code := connect.CodeInternal
	if errors.Is(err, context.DeadlineExceeded) {
		code = connect.CodeDeadlineExceeded
	} else if errors.Is(err, context.Canceled) {
		code = connect.CodeCanceled
	}
	return connect.NewError(code, err)
}

func (h *handler) measure(ctx context.Context, m *measurement, request *judgedv1.StartAnalysisRequest) (answer, error) {
	if m.Key != nil {
		return h.follow(ctx, m, request)
	}
	return h.judge(ctx, m, request)
}

// judge judges the past window and waits for it.
func (h *handler) judge(ctx context.Context, m *measurement, request *judgedv1.StartAnalysisRequest) (answer, error) {
	window, err := h.window(ctx, time.Duration(m.Window), request)
	if err != nil {
		return answer{}, err
	}
	request.Window = wire.WindowProto(window)
	started, err := h.Service.StartAnalysis(ctx, connect.NewRequest(request))
	if err != nil {
		return answer{}, err
	}
	wait := defaultWait
	if m.Wait != nil {
		wait = time.Duration(*m.Wait)
	}
	a, err := h.gate.Wait(ctx, started.Msg.GetAnalysis(), wait, h.Now)
	if err != nil {
		return answer{}, err
	}
	out := h.answerOf(a)
	if !out.Final {
		out.Summary = short(fmt.Sprintf("INCONCLUSIVE: not judged within %v: the analysis goes on without this measurement; "+
			"give wait (and timeoutSeconds) more time, or a key and ask repeatedly%s", wait, trouble(a)))
	}
	return out, nil
}

func trouble(a *judgedv1.Analysis) string {
	if a.GetTrouble() == "" {
		return ""
	}
	return "; trouble: " + a.GetTrouble()
}

// Data that are not there yet look like a silence, so that a window ends a little
// before now, as a live look does.
const lateness = 10 * time.Second

// window returns the last stretch of time of a length, 0 for that of the config's
// schedule.
func (h *handler) window(ctx context.Context, length time.Duration, request *judgedv1.StartAnalysisRequest) (metrics.Window, error) {
	end := h.Now().Truncate(time.Second).Add(-lateness)
	if length == 0 {
		c := request.GetInline()
		if name := request.GetStored(); name != "" {
			stored, err := h.Configs.GetConfig(ctx, connect.NewRequest(&judgedv1.GetConfigRequest{Name: name, Revision: request.GetConfigRevision()}))
			if err != nil {
				return metrics.Window{}, err
			}
			c = stored.Msg.GetStored().GetConfig()
			request.ConfigRevision = stored.Msg.GetStored().GetRevision() // the one whose schedule this is
		}
		length = cmp.Or(c.GetSchedule().GetDuration().AsDuration(), analysis.DefaultDuration)
	}
	return metrics.Window{Start: end.Add(-length), End: end}, nil
}

// keyOf returns the key of an analysis. What is asked is part of it, so that the
// same word for another release gets an analysis of its own and not the verdict
// of the last one.
func keyOf(key string, request *judgedv1.StartAnalysisRequest) (string, error) {
	asked := proto.CloneOf(request)
	asked.Labels = nil
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(asked)
	sum := sha256.Sum256(bytes)
	return gate.Key("argo", hex.EncodeToString(sum[:8]), key), err
}

// follow starts the analysis of a key, once, and says what it knows.
func (h *handler) follow(ctx context.Context, m *measurement, request *judgedv1.StartAnalysisRequest) (answer, error) {
	keep := defaultKeep
	if m.Keep != nil {
		keep = time.Duration(*m.Keep)
	}
	key, err := keyOf(*m.Key, request)
	if err != nil {
		return answer{}, err
	}
	a, err := h.gate.Start(ctx, key, request, func(latest *judgedv1.Analysis) bool {
		return gate.Ended(latest) && h.Now().Sub(latest.GetEndTime().AsTime()) >= keep
	})
	if err == nil && m.Wait != nil {
		a, err = h.gate.Wait(ctx, a, time.Duration(*m.Wait), h.Now)
	}
	if err != nil {
		return answer{}, err
	}
	return h.answerOf(a), nil
}
