package analysis

import (
	"context"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
)

// compiled are the rules that were compiled lately: the configs of a server share
// few.
var compiled = recent[Rules, *policy.Decision]{most: 256}

// Compile returns the rules' decision, nil if there are none, or an error that
// shows the place of every mistake.
func (r Rules) Compile() (*policy.Decision, error) {
	if r == (Rules{}) {
		return nil, nil //nolint:nilnil // nil changes nothing
	}
	return compiled.get(r, func() (*policy.Decision, error) { return policy.CompileDecision(r.Fail, r.Pass, r.Inconclusive) })
}

// Decide lets the rules have the last word on a judgment.
func (r Rules) Decide(ctx context.Context, j judge.Judgment, facts policy.Facts) (judge.Judgment, error) {
	d, err := r.Compile()
	if err != nil {
		return j, err
	}
	return d.Apply(ctx, j, facts)
}

// facts are what the config's rules may know of a look.
func (p *Plan) facts() policy.Facts {
	return policy.Facts{
		Application: p.Config.Application, Config: p.Config.Name,
		Baseline: p.Config.Scopes.Baseline, Canary: p.Config.Scopes.Canary,
		Window: policy.Window(p.Window), Look: policy.Look(p.lookAt()),
	}
}
