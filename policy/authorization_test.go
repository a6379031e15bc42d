package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustAuthorization(t testing.TB, rules ...AuthorizationRule) *Authorization {
	t.Helper()
	a, err := CompileAuthorization(rules)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthorization(t *testing.T) {
	rules := []AuthorizationRule{
		{Name: "readers", Allow: "action.endsWith('.get') || action.endsWith('.list')"},
		{Name: "ci", Allow: "caller.method == 'token' && action == 'analyses.start' && tenant == caller.tenant"},
		{Name: "sre", Allow: "'sre' in claims.groups"},
		{Name: "not the shop", Deny: "application == 'shop' && action == 'configs.delete'"},
		{Name: "suspended", Deny: "has(claims.suspended) && claims.suspended"},
	}
	oidc := Caller{Name: "ann", Tenant: "acme", Method: "oidc"}
	sre := map[string]any{"groups": []any{"dev", "sre"}}
	for _, c := range []struct {
		name    string
		r       Request
		allowed bool
		rule    string
		fails   bool
	}{
		{"the first that is true", Request{Caller: oidc, Claims: sre, Action: "configs.get"}, true, "readers", false},
		{"a later one", Request{Caller: oidc, Claims: sre, Action: "configs.create"}, true, "sre", false},
		{"a token", Request{Caller: Caller{Method: "token", Tenant: "acme"}, Action: "analyses.start", Tenant: "acme"}, true, "ci", false},
		{"another tenant", Request{Caller: Caller{Method: "token", Tenant: "acme"}, Action: "analyses.start", Tenant: "other"}, false, "", true},
		{"deny overrides", Request{Caller: oidc, Claims: sre, Action: "configs.delete", Application: "shop"}, false, "not the shop", false},
		{"another deny", Request{Caller: oidc, Claims: map[string]any{"groups": []any{"sre"}, "suspended": true}, Action: "configs.get"}, false, "suspended", false},
		{"no claims", Request{Caller: oidc, Action: "configs.create"}, false, "", true},
		{"no groups", Request{Caller: oidc, Claims: map[string]any{"sub": "ann"}, Action: "configs.create"}, false, "", true},
		{"groups of another type", Request{Caller: oidc, Claims: map[string]any{"groups": "sre"}, Action: "configs.create"}, false, "", true},
		{"groups of numbers", Request{Caller: oidc, Claims: map[string]any{"groups": []any{1.0, nil}}, Action: "configs.create"}, false, "", false},
		{"a claim that cannot be read", Request{Caller: oidc, Claims: map[string]any{"groups": struct{}{}}, Action: "configs.create"}, false, "", true},
		{"a deny that cannot be evaluated", Request{Caller: oidc, Claims: map[string]any{"groups": []any{"sre"}, "suspended": "yes"}, Action: "configs.get"}, false, "suspended", true},
		{"nobody", Request{Action: "judge"}, false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mustAuthorization(t, rules...).Evaluate(t.Context(), c.r)
			if got.Allowed != c.allowed || got.Rule != c.rule || (got.Err != nil) != c.fails {
				t.Errorf("got %+v", got)
			}
			if got.Err != nil {
				if _, ok := errors.AsType[*EvalError](got.Err); !ok {
					t.Errorf("the error is no *EvalError: %v", got.Err)
				}
			}
		})
	}
}

func TestAuthorizationZero(t *testing.T) {
	for _, a := range []*Authorization{nil, {}, mustAuthorization(t)} {
		if got := a.Evaluate(t.Context(), Request{}); !got.Allowed || got.String() != "allowed: there are no rules" {
			t.Errorf("%v", got)
		}
	}
	// Rules that only deny allow nothing.
	if got := mustAuthorization(t, AuthorizationRule{Name: "d", Deny: "false"}).Evaluate(t.Context(), Request{}); got.Allowed {
		t.Errorf("%v", got)
	}
}

// A request whose caller is gone is not let through.
func TestAuthorizationCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := mustAuthorization(t, AuthorizationRule{Name: "a", Allow: "true"}).Evaluate(ctx, Request{})
	if got.Allowed || !errors.Is(got.Err, context.Canceled) {
		t.Errorf("%+v", got)
	}
}

func TestAccessString(t *testing.T) {
	for _, c := range []struct {
		a    Access
		want string
	}{
		{Access{Allowed: true, Rule: "sre"}, "allowed by sre"},
		{Access{Rule: "sre"}, "denied by sre"},
		{Access{}, "denied: no rule allows it"},
	} {
		if got := c.a.String(); got != c.want {
			t.Errorf("%+v: %q", c.a, got)
		}
	}
}

func TestNamedRules(t *testing.T) {
	many := slices.Repeat([]AuthorizationRule{{Name: "a", Allow: "true"}}, MaxRules+1)
	for _, c := range []struct {
		rules []AuthorizationRule
		says  string
	}{
		{[]AuthorizationRule{{Allow: "true"}}, "authorization[0] has no name"},
		{[]AuthorizationRule{{Name: "a\nb", Allow: "true"}}, "cannot be shown on one line"},
		{[]AuthorizationRule{{Name: strings.Repeat("a", 129), Allow: "true"}}, "cannot be shown on one line"},
		{[]AuthorizationRule{{Name: "a", Allow: "true"}, {Name: "a", Deny: "true"}}, `authorization has two rules called "a"`},
		{[]AuthorizationRule{{Name: "a"}}, "authorization.a must have either allow or deny"},
		{[]AuthorizationRule{{Name: "a", Allow: "true", Deny: "true"}}, "either allow or deny"},
		{[]AuthorizationRule{{Name: "a", Allow: "claims.x +"}}, "authorization.a.allow:1:"},
		{[]AuthorizationRule{{Name: "a", Deny: "clams.x"}}, `authorization.a.deny:1:1 there is no "clams": did you mean "claims"?`},
		{many, "authorization has 257 rules, more than 256"},
	} {
		a, err := CompileAuthorization(c.rules)
		if err == nil || a != nil {
			t.Errorf("%.100v: compiled", c.rules)
			continue
		}
		says(t, err.Error(), c.says)
	}
}

func TestConstraints(t *testing.T) {
	c, err := CompileConstraints([]Constraint{
		{Name: "sources", Require: "config.metrics.all(m, m.source.startsWith(caller.tenant + '-'))", Message: "ask only sources of your own team"},
		{Name: "long enough", Require: "config.schedule.duration >= duration('30m')"},
		{Name: "traffic", Require: "config.traffic.share <= 0.2", Message: "at most a fifth of the traffic"},
	})
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Metrics: []Metric{{Source: "web-prod"}}, Schedule: Schedule{Duration: 30 * 60 * 1e9}, Traffic: &Traffic{Share: .1}}
	if got := c.Check(t.Context(), good, Caller{Tenant: "web"}); len(got) != 0 {
		t.Errorf("a good config: %+v", got)
	}
	got := c.Check(t.Context(), Config{Metrics: []Metric{{Source: "web-prod"}}}, Caller{Tenant: "app"})
	if len(got) != 3 {
		t.Fatalf("got %+v, want three violations", got)
	}
	if got[0] != (Violation{Name: "sources", Message: "ask only sources of your own team"}) {
		t.Errorf("got %+v", got[0])
	}
	if got[1] != (Violation{Name: "long enough", Message: "this must be true: config.schedule.duration >= duration('30m')"}) {
		t.Errorf("got %+v", got[1])
	}
	// A rule over all sources sees those of logs and traffic, too.
	all, err := CompileConstraints([]Constraint{{Name: "sources", Require: "config.sources.all(s, s.startsWith(caller.tenant + '-'))"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []Config{{Metrics: []Metric{{Source: "app-prod"}}}, {Logs: []Log{{Source: "app-loki"}}}, {Traffic: &Traffic{Source: "app-prod"}}} {
		if got := all.Check(t.Context(), of, Caller{Tenant: "web"}); len(got) != 1 {
			t.Errorf("another team's source in %+v: %+v", of, got)
		}
		if got := all.Check(t.Context(), of, Caller{Tenant: "app"}); len(got) != 0 {
			t.Errorf("one's own source in %+v: %+v", of, got)
		}
	}
	// What cannot be evaluated is not kept.
	if _, ok := errors.AsType[*EvalError](got[2].Err); !ok || got[2].Name != "traffic" {
		t.Errorf("got %+v", got[2])
	}
	says(t, got[2].Message, "constraints.traffic could not be evaluated: there is no traffic here: ask has(...traffic)")
	for _, zero := range []*Constraints{nil, {}} {
		if got := zero.Check(t.Context(), Config{}, Caller{}); got != nil {
			t.Errorf("no constraints: %+v", got)
		}
	}
	if _, err := CompileConstraints([]Constraint{{Name: "a", Require: ""}, {Require: "true"}}); err == nil {
		t.Error("two mistakes were compiled")
	} else {
		says(t, err.Error(), "constraints.a: there is no expression", "constraints[1] has no name")
	}
	if _, err := CompileConstraints(make([]Constraint, MaxRules+1)); err == nil {
		t.Error("too many constraints were compiled")
	}
}

func TestRoute(t *testing.T) {
	r, err := CompileRoute("pager", "event.type == 'verdict' && event.verdict == 'FAIL' && event.at.getHours('UTC') < 6")
	if err != nil {
		t.Fatal(err)
	}
	night := at(t, "2026-11-20T03:00:00Z")
	for _, c := range []struct {
		e           Event
		want, fails bool
	}{
		{Event{Type: "verdict", Verdict: "FAIL", At: night}, true, false},
		{Event{Type: "verdict", Verdict: "PASS", At: night}, false, false},
		{Event{Type: "look", Verdict: "FAIL", At: night}, false, false},
		{Event{Type: "verdict", Verdict: "FAIL"}, false, true},
	} {
		got, err := r.Match(t.Context(), c.e)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: %v, %v", c.e, got, err)
		}
	}
	all, err := CompileRoute("all", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Route{nil, {}, all} {
		if got, err := r.Match(t.Context(), Event{}); err != nil || !got {
			t.Errorf("a route without a rule: %v, %v", got, err)
		}
	}
	if _, err := CompileRoute("pager", "event.typ == ''"); err == nil {
		t.Error("a mistake was compiled")
	} else {
		says(t, err.Error(), "routes.pager:1:6 ", `did you mean "type"?`)
	}
}
