package judge

// Panel is a judge made of several, which look at one signal in different ways
// and share its error: a Bonferroni division with weights, valid however their
// findings depend on each other.
//
// The first is the lead: its finding is the panel's, unless another FAILs and
// it does not. Only the lead can let a signal pass.
type Panel []Member

// Member is one judge of a panel.
type Member struct {
	Judge Judge
	// Share of the error. The shares of a panel add up to 1.
	Share float64
}

var _ Judge = Panel{}

// Name returns the lead's name.
func (p Panel) Name() string { return p[0].Judge.Name() }

// Judge implements Judge.
func (p Panel) Judge(s Sample) Finding {
	alpha := s.alpha()
	pass := s.PassAlpha
	if pass <= 0 {
		pass = alpha
	}
	if !(alpha > 0 && alpha < 1) {
		return p[0].Judge.Judge(s) // which refuses; a share of it might be a probability
	}
	var out Finding
	least, aspects := 1.0, make([]Aspect, 0, len(p))
	for i, m := range p {
		s.Alpha, s.PassAlpha = alpha*m.Share, pass
		f := m.Judge.Judge(s)
		if f.PValue == f.PValue { // not NaN
			least = min(least, f.PValue/m.Share)
			aspects = append(aspects, Aspect{Judge: f.Judge, Effect: f.Effect, PValue: min(f.PValue/m.Share, 1)})
		}
		switch {
		case i == 0:
			out = f
		case f.Verdict == Fail && out.Verdict != Fail && out.Verdict != Error:
			f.Baseline, f.Canary, f.EffectiveN = out.Baseline, out.Canary, out.EffectiveN
			f.Warnings = append(out.Warnings, f.Warnings...)
			out = f
		}
	}
	if len(aspects) > 0 {
		out.PValue, out.Aspects = least, aspects
		// The division may disagree with the member's own test in the last digit.
		if out.Verdict == Fail {
			out.PValue = min(out.PValue, alpha)
		}
	}
	return out
}
