package kayenta

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// ExecutionRequest asks for one judgment: where each named scope of the
// config's metrics is, and which scores are good.
type ExecutionRequest struct {
	Scopes     map[string]ScopePair `json:"scopes,omitzero"`
	Thresholds *Thresholds          `json:"thresholds,omitzero"`
	Metadata   []Metadata           `json:"metadata,omitzero"`
	// SiteLocal is the caller's own.
	SiteLocal Object `json:"siteLocal,omitzero"`
}

// ScopePair is both sides of a named scope.
type ScopePair struct {
	ControlScope    *Scope `json:"controlScope,omitzero"`
	ExperimentScope *Scope `json:"experimentScope,omitzero"`
}

// Metadata is a note of the caller's.
type Metadata struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Hidden bool   `json:"hidden"`
}

// AdhocRequest is an ExecutionRequest that brings its config.
type AdhocRequest struct {
	CanaryConfig     *Config
	ExecutionRequest *ExecutionRequest
}

// DecodeExecutionRequest reads a request. The error is an *Error of the kind
// Malformed that names the field; see ExecutionRequest.Validate for the rest.
func DecodeExecutionRequest(data []byte) (*ExecutionRequest, error) {
	return decode(data, (*parser).executionRequest)
}

// DecodeAdhocRequest reads a request and its config. The error is an *Error of
// the kind Malformed that names the field, or Invalid if one of both is
// missing.
func DecodeAdhocRequest(data []byte) (*AdhocRequest, error) {
	r := new(AdhocRequest)
	var err error
	r.CanaryConfig, r.ExecutionRequest, err = decodeAdhoc(data, (*parser).executionRequest)
	return r, err
}

// decodeAdhoc reads {canaryConfig, executionRequest}.
func decodeAdhoc[T any](data []byte, read func(*parser) (*T, error)) (c *Config, request *T, err error) {
	_, err = decode(data, func(p *parser) (struct{}, error) {
		return struct{}{}, p.fields(func(name string) (err error) {
			switch name {
			case "canaryConfig":
				c, err = optional(p, p.config)
			case "executionRequest":
				request, err = optional(p, func() (*T, error) { return read(p) })
			default:
				err = p.skip()
			}
			return err
		})
	})
	switch {
	case err != nil:
	case c == nil:
		err = invalid("canaryConfig must be provided for ad-hoc requests")
	case request == nil:
		err = invalid("executionRequest must be provided for ad-hoc requests")
	}
	return c, request, err
}

// UnmarshalJSON implements json.Unmarshaler like DecodeExecutionRequest.
func (r *ExecutionRequest) UnmarshalJSON(data []byte) error {
	v, err := DecodeExecutionRequest(data)
	if err == nil {
		*r = *v
	}
	return err
}

func (p *parser) executionRequest() (*ExecutionRequest, error) {
	r := new(ExecutionRequest)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "scopes":
			r.Scopes = nil
			if p.null() {
				return nil
			}
			r.Scopes = map[string]ScopePair{}
			return p.fields(func(name string) error {
				if err := p.item(); err != nil {
					return err
				}
				pair, err := optional(p, p.scopePair)
				if pair != nil {
					r.Scopes[name] = *pair
				}
				return err
			})
		case "thresholds":
			r.Thresholds, err = optional(p, p.thresholds)
		case "metadata":
			r.Metadata = nil
			if !p.null() {
				r.Metadata, err = list(p, p.metadata)
			}
		case "siteLocal":
			r.SiteLocal, err = p.freeForm()
		default:
			err = p.skip()
		}
		return err
	})
	return r, err
}

func (p *parser) scopePair() (*ScopePair, error) {
	pair := new(ScopePair)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "controlScope":
			pair.ControlScope, err = optional(p, p.scope)
		case "experimentScope":
			pair.ExperimentScope, err = optional(p, p.scope)
		default:
			err = p.skip()
		}
		return err
	})
	return pair, err
}

func (p *parser) metadata() (Metadata, error) {
	var m Metadata
	hasName, hasValue := false, false
	err := p.fields(func(name string) (err error) {
		switch name {
		case "name":
			m.Name, hasName, err = p.stringValue()
		case "value":
			m.Value, hasValue, err = p.stringValue()
		case "hidden":
			m.Hidden = p.peek() == 't' && p.word("true")
			if !m.Hidden && !p.word("false") && !p.null() {
				err = p.wrongType("true or false")
			}
		default:
			err = p.skip()
		}
		return err
	})
	switch {
	case err != nil:
	case !hasName:
		err = missing("name", "a string")
	case !hasValue:
		err = missing("value", "a string")
	}
	return m, err
}

// Validate checks a request against the config that it is about. The error is
// an *Error of the kind Invalid.
func (r *ExecutionRequest) Validate(c *Config) error {
	if len(c.Metrics) == 0 {
		return invalid("The canary config must specify at least one metric.")
	}
	var absent []string
	for _, m := range c.Metrics {
		if m.ScopeName == nil {
			continue
		}
		if _, provided := r.Scopes[*m.ScopeName]; !provided && !slices.Contains(absent, *m.ScopeName) {
			if absent = append(absent, shorten(*m.ScopeName)); len(absent) == 10 {
				break // enough to see what is wrong
			}
		}
	}
	if len(absent) > 0 {
		slices.Sort(absent)
		return invalid("Canary metrics require scopes which were not provided in the execution request: [%s]", strings.Join(absent, ", "))
	}
	for _, m := range c.Metrics {
		if m.ScopeName == nil {
			return invalid("Canary scope for metric named '%s' is null.", shorten(m.Name))
		}
		if pair := r.Scopes[*m.ScopeName]; pair.ControlScope == nil || pair.ExperimentScope == nil {
			return invalid("Canary scope for named scope %s is missing experimentScope or controlScope keys", shorten(*m.ScopeName))
		}
	}
	return r.Thresholds.validate()
}

// validate checks that there are both: Kayenta's judgment would fail without.
func (t *Thresholds) validate() error {
	switch {
	case t == nil:
		return invalid("Execution request must contain thresholds")
	case t.Pass == nil || t.Marginal == nil:
		return invalid("Execution request must contain thresholds, both pass and marginal.")
	}
	return nil
}

// Duration returns how long all scopes last, or false if they differ or have
// no times.
func (r *ExecutionRequest) Duration() (d time.Duration, ok bool) {
	for _, pair := range r.Scopes {
		for _, s := range []*Scope{pair.ControlScope, pair.ExperimentScope} {
			if s == nil || s.Start.IsZero() || s.End.IsZero() || ok && s.End.Sub(s.Start) != d {
				return 0, false
			}
			d, ok = s.End.Sub(s.Start), true
		}
	}
	return d, ok
}

// Judge judges pairs as NetflixACAJudge-v1.0 does, whatever judge the config
// names. See Request.Judge.
func Judge(c *Config, t *Thresholds, pairs []MetricSetPair, seed int64) (*Result, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	r := &Request{config: c, thresholds: t, Pairs: make([]Pair, len(pairs))}
	for i := range pairs {
		r.Pairs[i] = pairs[i].Pair
	}
	if err := r.complete(true); err != nil {
		return nil, err
	}
	return r.Judge(seed)
}

var _ json.Unmarshaler = (*ExecutionRequest)(nil)
