package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
)

// Caller is who asks.
type Caller struct {
	// Name is the subject of a token or of a certificate, or the name of a
	// static token; empty for an anonymous caller.
	Name string
	// Tenant is whose data the caller works with.
	Tenant string
	// Method is how the name was proved: "oidc", "mtls", "token" or "none".
	Method string
}

var methodWords = []string{"oidc", "mtls", "token", "none"}

var callerClass = newClass("Caller",
	text("name", func(c *Caller) string { return c.Name }),
	text("tenant", func(c *Caller) string { return c.Tenant }),
	word("method", methodWords, func(c *Caller) string { return c.Method }),
)

// Actions are what a caller may ask for. A rule that names another is a mistake
// when it is compiled.
var Actions = []string{
	"judge",
	"analyses.start", "analyses.get", "analyses.list", "analyses.watch", "analyses.cancel", "analyses.looks", "analyses.recording",
	"configs.create", "configs.get", "configs.list", "configs.update", "configs.delete", "configs.validate",
	"configs.revisions", "configs.diff", "configs.export", "configs.import",
	"logs.push",
	"feedback.set", "feedback.list", "feedback.delete",
	"audit.list", "deliveries.list", "deliveries.retry", "deliveries.drop",
	"admin",
}

// Request is one thing that a caller asks for.
type Request struct {
	Caller Caller
	// Claims are those of the caller's token, as encoding/json decodes them;
	// nil without one.
	Claims map[string]any
	// Action is one of Actions.
	Action string
	// Application, Config and Tenant are those of the object that the action is
	// about, empty if there is none.
	Application, Config, Tenant string
}

var authorizations = dialect{
	root: newClass("Request",
		part("caller", callerClass, func(r *Request) *Caller { return &r.Caller }),
		of("claims", cel.MapType(cel.StringType, cel.DynType), func(r *Request) any { return r.Claims }),
		word("action", Actions, func(r *Request) string { return r.Action }),
		text("application", func(r *Request) string { return r.Application }),
		text("config", func(r *Request) string { return r.Config }),
		text("tenant", func(r *Request) string { return r.Tenant }),
	),
	parts: []*class{callerClass},
	// It runs on each request: a millisecond is a long time.
	cost: 50_000,
}

// AuthorizationRule allows or denies what its expression is true of.
type AuthorizationRule struct {
	// Name is what logs and answers call the rule.
	Name string
	// Allow or Deny is the expression; exactly one of them is given.
	Allow, Deny string
}

// Authorization says who may do what. The zero value, and nil, have no rules
// and allow everything; with rules, what no rule allows is denied. It is safe for
// concurrent use.
type Authorization struct {
	deny, allow []grant
}

type grant struct {
	*rule

	// title is the rule's Name.
	title string
}

// Access is the answer to a request.
type Access struct {
	// Allowed is whether the caller may.
	Allowed bool
	// Rule is the name of the rule that decided; empty if none did.
	Rule string
	// Err joins the *EvalError of each rule that was asked and could not be
	// evaluated. An allow rule among them allowed nothing, a deny rule denied.
	Err error
}

// String says it in a few words: "allowed by sre", "denied: no rule allows it".
func (a Access) String() string {
	switch {
	case a.Allowed && a.Rule == "":
		return "allowed: there are no rules"
	case a.Allowed:
		return "allowed by " + a.Rule
	case a.Rule == "":
		return "denied: no rule allows it"
	default:
		return "denied by " + a.Rule
	}
}

// CompileAuthorization compiles the rules. The error joins one *CompileError for
// each that is wrong.
func CompileAuthorization(rules []AuthorizationRule) (*Authorization, error) {
	if len(rules) > MaxRules {
		return nil, tooMany("authorization", len(rules))
	}
	a := &Authorization{}
	var problems []error
	seen := map[string]bool{}
	for i, r := range rules {
		name, err := named("authorization", i, r.Name, seen)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if (r.Allow == "") == (r.Deny == "") {
			problems = append(problems, fmt.Errorf("%s must have either allow or deny, an expression", name))
			continue
		}
		list, text, kind := &a.allow, r.Allow, ".allow"
		if r.Deny != "" {
			list, text, kind = &a.deny, r.Deny, ".deny"
		}
		compiled, err := authorizations.compile(name+kind, text, nil)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		*list = append(*list, grant{compiled, r.Name})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return a, nil
}

// named returns what errors call the i-th rule of a list.
func named(list string, i int, name string, seen map[string]bool) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("%s[%d] has no name: logs and answers need one", list, i)
	case len(name) > 128 || printable(name) != name:
		return "", fmt.Errorf("%s[%d] has a name that cannot be shown on one line: %q", list, i, printable(name))
	case seen[name]:
		return "", fmt.Errorf("%s has two rules called %q: each needs a name of its own", list, name)
	}
	seen[name] = true
	return list + "." + name, nil
}

func tooMany(list string, n int) error {
	return fmt.Errorf("%s has %d rules, more than %d: join some with ||", list, n, MaxRules)
}

// Evaluate decides on a request. All deny rules are asked before any allow rule,
// so their order among each other only says which is named.
func (a *Authorization) Evaluate(ctx context.Context, r Request) Access {
	if a == nil || len(a.deny)+len(a.allow) == 0 {
		return Access{Allowed: true}
	}
	v := &variables{authorizations.root, &r}
	for _, g := range a.deny {
		if isTrue, _, err := g.eval(ctx, v); err != nil || isTrue {
			return Access{Rule: g.title, Err: err}
		}
	}
	var problems []error
	for _, g := range a.allow {
		isTrue, _, err := g.eval(ctx, v)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if isTrue {
			return Access{Allowed: true, Rule: g.title, Err: errors.Join(problems...)}
		}
	}
	return Access{Err: errors.Join(problems...)}
}
