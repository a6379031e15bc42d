package flagger

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/compat/internal/gate"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// ChecksumLabel is the label of analyses that holds Flagger's checksum, the
// revision that an analysis is about.
const ChecksumLabel = "flagger.app/checksum"

// Options says what a handler answers from. Only Service is required.
type Options struct {
	// Service runs the analyses. Its errors are *connect.Error.
	Service gate.Service
	// Link returns where people look at an analysis, empty if nowhere; nil for no
	// links.
	Link func(analysisID string) string
	// Record keeps what Flagger tells of itself; nil forgets it.
	Record func(context.Context, Event)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Prefix is where the paths of New begin.
const Prefix = "/flagger/"

// New returns the handler of the paths below Prefix.
func New(o Options) http.Handler {
	h := &handler{Options: o, gate: gate.Gate{Service: o.Service}}
	if h.Now == nil {
		h.Now = time.Now
	}
	h.hooks = map[string]hook{
		"start":                    h.start,
		"confirm-rollout":          h.confirmRollout,
		"rollout":                  h.consent(noFail),
		"confirm-traffic-increase": h.consent(noFail),
		"confirm-promotion":        h.consent(pass),
		"rollback":                 h.rollback,
		"finish":                   h.finish,
	}
	return h
}

// A hook answers one webhook. An error is a refusal.
type hook func(context.Context, canary) (answer, error)

// answer is what Flagger hears.
type answer struct {
	ok   bool
	text string
	// about is the analysis that text is about, nil if there is none.
	about *judgedv1.Analysis
}

type handler struct {
	Options

	gate  gate.Gate
	hooks map[string]hook
}

// hookTimeout bounds a hook. Flagger waits 10 s unless told otherwise, and calls
// its hooks one after the other within the interval of its analysis.
const hookTimeout = 3 * time.Second

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	do, known := h.hooks[name]
	if !known && name != "event" {
		write(w, http.StatusNotFound, "there is no "+r.URL.Path+": judged's webhooks are "+Prefix+"{start, confirm-rollout, rollout, confirm-traffic-increase, confirm-promotion, rollback, finish, event}", "")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		write(w, http.StatusMethodNotAllowed, r.URL.Path+" is called by Flagger, with POST", "")
		return
	}
	p, err := readPayload(r.Body)
	if name == "event" {
		h.event(r.Context(), w, p, err)
		return
	}
	if err != nil {
		write(w, http.StatusConflict, err.Error(), "")
		return
	}
	c, err := about(p)
	if err != nil {
		write(w, http.StatusConflict, err.Error(), "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), hookTimeout)
	defer cancel()
	a, err := do(ctx, c)
	if err != nil {
		text := reason(err)
		if ctx.Err() != nil && r.Context().Err() == nil {
			text = fmt.Sprintf("judged's store did not answer within %v: Flagger asks again at its next interval", hookTimeout)
		}
		write(w, http.StatusConflict, text, "")
		return
	}
	status := http.StatusConflict
	if a.ok {
		status = http.StatusOK
	}
	link := ""
	if h.Link != nil && a.about != nil {
		link = h.Link(a.about.GetId())
	}
	write(w, status, a.text, link)
}

// current returns the analysis of a canary's revision, nil if there is none. An
// analysis of another revision is none: that of an older one must neither
// promote nor roll back this one, even if this one was deployed before it, too.
func (h *handler) current(ctx context.Context, c canary) (current, other *judgedv1.Analysis, err error) {
	latest, err := h.gate.Latest(ctx, c.key())
	if err != nil || isOf(latest, c) {
		return latest, nil, err
	}
	return nil, latest, nil
}

func isOf(a *judgedv1.Analysis, c canary) bool { return a.GetLabels()[ChecksumLabel] == c.checksum }

// begin returns the analysis of a canary's revision, and starts it if there is
// none. Those of other revisions end, for there is nothing left to judge.
func (h *handler) begin(ctx context.Context, c canary) (a *judgedv1.Analysis, started bool, err error) {
	a, other, err := h.current(ctx, c)
	if err != nil || a != nil {
		return a, false, err
	}
	if err := c.hasConfig(); err != nil {
		return nil, false, err
	}
	if other != nil && !gate.Ended(other) {
		if _, err := h.cancel(ctx, other, fmt.Sprintf("Flagger has a new revision of %s: checksum %s", c, c.checksum)); err != nil {
			return nil, false, err
		}
	}
	a, err = h.gate.Start(ctx, c.key(), c.request(c.scopes), func(latest *judgedv1.Analysis) bool { return !isOf(latest, c) })
	return a, true, err
}

// cancel ends this analysis and no other: by now, a call of Flagger that came
// twice may have started the next of the same key.
func (h *handler) cancel(ctx context.Context, a *judgedv1.Analysis, why string) (*judgedv1.Analysis, error) {
	response, err := h.Service.CancelAnalysis(ctx, connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: a.GetId(), Reason: why}))
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

func (c canary) hasConfig() error {
	if c.config == "" {
		return fmt.Errorf("there is no analysis of %s with checksum %s, and the hook does not say which config to start one with: set metadata.config to the name of a stored config", c, c.checksum)
	}
	return nil
}

func (c canary) request(scopes *judgedv1.Scopes) *judgedv1.StartAnalysisRequest {
	return &judgedv1.StartAnalysisRequest{
		Config: &judgedv1.StartAnalysisRequest_Stored{Stored: c.config}, Scopes: scopes, Labels: map[string]string{ChecksumLabel: c.checksum},
	}
}

// start is pre-rollout: consent if the analysis could be started.
func (h *handler) start(ctx context.Context, c canary) (answer, error) {
	a, started, err := h.begin(ctx, c)
	if err != nil {
		return answer{}, err
	}
	if started {
		return answer{true, "started analysis " + a.GetId() + " of config " + c.config, a}, nil
	}
	return answer{true, "analysis " + a.GetId() + " was started before: " + verdict(gate.Read(a)), a}, nil
}

// consent answers hooks whose consent lets a release go on.
func (h *handler) consent(usual requirement) hook {
	return func(ctx context.Context, c canary) (answer, error) {
		a, started, err := h.begin(ctx, c)
		if err != nil {
			return answer{}, err
		}
		said := gate.Read(a)
		text := verdict(said)
		if started {
			text = "no hook started an analysis before, so this one did: " + text
		}
		return answer{consents(a, said, cmp.Or(c.require, usual), c.onInconclusive), text, a}, nil
	}
}

// consents says whether a release may go on. Nobody has looked at the whole of
// what was cancelled or has expired, so that no policy about undecided evidence
// speaks for it.
func consents(a *judgedv1.Analysis, said gate.Answer, require requirement, undecided policy) bool {
	switch {
	case said.Verdict == judgedv1.Verdict_PASS:
		return true
	case said.Verdict != judgedv1.Verdict_INCONCLUSIVE:
		return false
	case said.Final:
		return isUndecided(a, said) && undecided == promote
	default:
		// A look that got no answer from its sources saw nothing of what more
		// traffic does.
		blind := a.GetJudgment().GetVerdict() == judgedv1.Verdict_ERROR || a.GetTrouble() != ""
		return require == noFail && !blind
	}
}

// isUndecided reports whether an analysis came to its end and could not tell.
func isUndecided(a *judgedv1.Analysis, said gate.Answer) bool {
	return said.Verdict == judgedv1.Verdict_INCONCLUSIVE && a.GetState() == judgedv1.AnalysisState_COMPLETED
}

// rollback is inverted: its consent rolls the canary back. It starts nothing and
// whatever goes wrong is a refusal.
func (h *handler) rollback(ctx context.Context, c canary) (answer, error) {
	a, _, err := h.current(ctx, c)
	if err != nil {
		return answer{}, err
	}
	if a == nil {
		return answer{text: fmt.Sprintf("no rollback: there is no analysis of %s with checksum %s", c, c.checksum)}, nil
	}
	said := gate.Read(a)
	if said.Verdict == judgedv1.Verdict_FAIL || isUndecided(a, said) && c.onInconclusive == rollBack {
		return answer{true, "roll back: " + verdict(said), a}, nil
	}
	return answer{false, "no rollback: " + verdict(said), a}, nil
}

// passLasts is for how long the baseline is taken to be as healthy as it was
// found.
const passLasts = 10 * time.Minute

// confirmRollout asks whether the baseline is healthy, before there is a canary:
// it is compared with its own past. Flagger asks until it hears consent, so what
// ended without a PASS is judged anew.
func (h *handler) confirmRollout(ctx context.Context, c canary) (answer, error) {
	if err := c.hasConfig(); err != nil {
		return answer{}, err
	}
	scopes := &judgedv1.Scopes{Baseline: &judgedv1.Scope{}, Canary: c.scopes.GetBaseline()}
	before := ""
	a, err := h.gate.Start(ctx, c.keyOf("flagger-confirm-rollout"), c.request(scopes), func(latest *judgedv1.Analysis) bool {
		said := gate.Read(latest)
		if !said.Final || said.Verdict == judgedv1.Verdict_PASS && h.Now().Sub(latest.GetEndTime().AsTime()) <= passLasts {
			return false
		}
		before = "; before: " + verdict(said)
		return true
	})
	if err != nil {
		return answer{}, err
	}
	said := gate.Read(a)
	return answer{said.Verdict == judgedv1.Verdict_PASS, verdict(said) + before, a}, nil
}

// finish is post-rollout: nobody asks for this analysis any more.
func (h *handler) finish(ctx context.Context, c canary) (answer, error) {
	a, _, err := h.current(ctx, c)
	if err != nil {
		return answer{}, err
	}
	switch {
	case a == nil:
		return answer{ok: true, text: fmt.Sprintf("nothing to end: there is no analysis of %s with checksum %s", c, c.checksum)}, nil
	case gate.Ended(a):
		return answer{true, "it had ended: " + verdict(gate.Read(a)), a}, nil
	}
	what := "ended with phase " + cmp.Or(c.phase, "unknown")
	switch c.phase {
	case "Succeeded":
		what = "promoted"
	case "Failed":
		what = "failed and was rolled back"
	}
	if a, err = h.cancel(ctx, a, fmt.Sprintf("Flagger: the release of %s %s", c, what)); err != nil {
		return answer{}, err
	}
	return answer{true, verdict(gate.Read(a)), a}, nil
}

// verdict is an answer's sentence, with the verdict before it.
func verdict(said gate.Answer) string {
	word := said.Verdict.String()
	if strings.HasPrefix(said.Summary, word) {
		return said.Summary
	}
	return word + ": " + said.Summary
}
