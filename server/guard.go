package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/quota"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/policy"
)

// guard knows who is calling and what they may do.
type guard struct {
	authenticator *auth.Authenticator   // nil: nobody is asked
	authorization *policy.Authorization // nil: everybody may do everything
	quota         *quota.Keeper         // nil: no limits
	store         *store.Store
	now           func() time.Time
	log           *slog.Logger
	refusal       refusal
	refused       func(what string)
}

// nobody is who calls a server that does not ask.
var nobody = &auth.Caller{Method: auth.Unidentified}

func callerOf(ctx context.Context) *auth.Caller {
	if c, ok := auth.From(ctx); ok {
		return c
	}
	return nobody
}

// tenantOf returns whose data a call is about.
func tenantOf(ctx context.Context) string { return callerOf(ctx).Tenant }

// wrap finds out who is calling before anything of the body is read, and keeps
// each caller within its quota.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := nobody
		if g.authenticator != nil {
			credentials := auth.Credentials{Authorization: r.Header.Get("Authorization")}
			if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
				credentials.Peer = r.TLS.VerifiedChains[0]
			}
			var err error
			if caller, err = g.authenticator.Authenticate(r.Context(), credentials); err != nil {
				g.refused("authentication")
				refusal := unauthenticated(err)
				if refusal.code == connect.CodeUnauthenticated {
					w.Header().Set("WWW-Authenticate", `Bearer realm="judged"`)
					if strings.HasPrefix(r.URL.Path, reportPrefix) {
						// A browser asks for a name and a password, which is the token.
						w.Header().Set("WWW-Authenticate", `Basic realm="judged: any name, and a token as password"`)
					}
				}
				g.refusal.write(w, r, refusal)
				return
			}
			outcomeOf(r.Context()).caller = caller.Name
		}
		if g.quota != nil {
			release, err := g.quota.Acquire(quota.Key{Tenant: caller.Tenant, Name: caller.Name})
			if err != nil {
				g.refused("quota")
				g.refusal.write(w, r, overQuota(err))
				return
			}
			defer release()
		}
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), caller)))
	})
}

func unauthenticated(err error) *failure {
	if e, ok := errors.AsType[*auth.UnavailableError](err); ok {
		return &failure{code: connect.CodeUnavailable, reason: "ISSUER_UNAVAILABLE", text: e.Error(), retry: 5 * time.Second}
	}
	return &failure{code: connect.CodeUnauthenticated, reason: "UNAUTHENTICATED", text: err.Error()}
}

func overQuota(err error) error {
	if e, ok := errors.AsType[*quota.ExceededError](err); ok {
		return exhausted("QUOTA", max(e.RetryAfter, time.Second), "%v", e)
	}
	return err
}

// access is what a call wants to do, and to what.
type access struct {
	action, application, config string
	// object is what the audit log calls it.
	object string
}

// allow returns nil if the caller may, else permission_denied. What is refused
// stands in the audit log.
func (g *guard) allow(ctx context.Context, a access) error {
	answer := g.answer(ctx, a)
	if answer.Allowed {
		return nil
	}
	c := callerOf(ctx)
	g.audit(ctx, a, answer.String(), true)
	text := a.action
	if a.object != "" {
		text += " of " + a.object
	}
	return &failure{
		code: connect.CodePermissionDenied, reason: "PERMISSION_DENIED",
		text: "you are " + orNobody(c.Name) + ", who may not do this: " + text + " is " + answer.String() + "; the rules are in this server's settings",
	}
}

// answer says whether the caller may, and tells nobody.
func (g *guard) answer(ctx context.Context, a access) policy.Access {
	if g.authorization == nil {
		return policy.Access{Allowed: true}
	}
	c := callerOf(ctx)
	answer := g.authorization.Evaluate(ctx, policy.Request{
		Caller: policyCaller(ctx), Claims: c.Claims, Action: a.action, Application: a.application, Config: a.config, Tenant: c.Tenant,
	})
	if answer.Err != nil {
		g.log.WarnContext(ctx, "an authorization rule could not be evaluated", slog.String("caller", c.Name), slog.String("action", a.action), slog.Any("error", answer.Err))
	}
	return answer
}

func orNobody(name string) string {
	if name == "" {
		return "nobody in particular"
	}
	return name
}

// audit writes a line of the audit log. A change that was made is not undone if
// that fails, so the log of the process has it then.
func (g *guard) audit(ctx context.Context, a access, detail string, refused bool) {
	c := callerOf(ctx)
	event := store.Event{
		At: g.now(), Caller: c.Name, Method: string(c.Method), Action: a.action, Object: storable(a.object), Detail: storable(detail), Refused: refused,
	}
	if err := g.store.Audit(context.WithoutCancel(ctx), c.Tenant, event); err != nil {
		g.log.ErrorContext(ctx, "not in the audit log", slog.Any("event", event), slog.Any("error", err))
	}
}

// storable returns a caller's text as every database takes it, so that none keeps
// a line out of the audit log.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
}

// policyCaller is the caller as constraints see it.
func policyCaller(ctx context.Context) policy.Caller {
	c := callerOf(ctx)
	return policy.Caller{Name: c.Name, Tenant: c.Tenant, Method: string(c.Method)}
}
