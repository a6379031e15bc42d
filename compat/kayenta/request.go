package kayenta

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge/mannwhitney"
)

// Request is the body of a call to a remote judge: what to judge and how.
type Request struct {
	// ID is the JSON text of the field id, or nil. Kayenta sends none; it is
	// for streams, see JudgeLines.
	ID []byte
	// Pairs are the metricSetPairList.
	Pairs []Pair

	config     *Config // Metrics and Classifier only
	thresholds *Thresholds
}

// Pair is a MetricSetPair: two series of one metric. What a judge does not
// need, as scopes and attributes, is dropped.
type Pair struct {
	Name string
	// ID is nil if the pair has none.
	ID *string
	// Tags is nil if the pair has none.
	Tags                map[string]string
	Control, Experiment []float64
}

// DecodeRequest reads {canaryConfig, scoreThresholds, metricSetPairList} and
// an optional id. As in Kayenta, unknown fields are ignored, names are
// case-sensitive, of equal names in an object the last one counts, and numbers
// may be strings. An error names the field that is missing or has the wrong
// type. (What is wrong with settings of a metric is found by Judge, as those
// of a metric without data do not matter.)
//
// The result shares no memory with data, but for ID.
func DecodeRequest(data []byte) (*Request, error) {
	r := new(Request)
	// Most of a request are numbers of some 18 bytes.
	p := &parser{data: data, values: make([]float64, 0, min(len(data)/18, maxValues))}
	if err := r.decode(p); err != nil {
		return nil, err
	}
	return r, nil
}

// decode fills r. It sets r.ID even where it fails, if it got that far.
func (r *Request) decode(p *parser) error {
	if !utf8.Valid(p.data) {
		return errors.New("not valid JSON: the text is not UTF-8")
	}
	hasPairs := false
	err := p.object(func(name string) (err error) {
		switch name {
		case "canaryConfig":
			r.config, err = optional(p, p.judgedConfig)
		case "scoreThresholds":
			r.thresholds, err = optional(p, p.thresholds)
		case "metricSetPairList":
			hasPairs = !p.null()
			r.Pairs = nil
			if hasPairs {
				r.Pairs, err = list(p, p.pair)
			}
		case "id":
			start := p.pos
			if err = p.skip(); err == nil {
				r.ID = p.data[start:p.pos]
			}
		default:
			err = p.skip()
		}
		return within(name, err)
	})
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return r.complete(hasPairs)
}

// complete checks that nothing is missing that a judgment needs.
func (r *Request) complete(hasPairs bool) error {
	switch {
	case r.config == nil:
		return missing("canaryConfig", "an object")
	case r.thresholds == nil:
		return missing("scoreThresholds", "an object {pass, marginal}")
	case !hasPairs:
		return missing("metricSetPairList", "a list, which may be empty")
	case len(r.Pairs) > 0 && r.config.Metrics == nil:
		return missing("canaryConfig.metrics", "a list")
	case r.config.Classifier == nil:
		return missing("canaryConfig.classifier", "an object, which may be empty")
	case r.thresholds.Pass == nil:
		return missing("scoreThresholds.pass", "a number")
	case r.thresholds.Marginal == nil:
		return missing("scoreThresholds.marginal", "a number")
	}
	return nil
}

// optional reads a value with read unless it is null.
func optional[T any](p *parser, read func() (*T, error)) (*T, error) {
	if p.null() {
		return nil, nil //nolint:nilnil // absent is no error
	}
	return read()
}

// list reads an array of values.
func list[T any](p *parser, read func() (T, error)) ([]T, error) {
	if p.peek() != '[' {
		return nil, p.wrongType("a list")
	}
	items := []T{}
	err := p.array(func(i int) error {
		if err := p.item(); err != nil {
			return err
		}
		item, err := read()
		items = append(items, item)
		return withinElement(i, err)
	})
	return items, err
}

// fields reads an object.
func (p *parser) fields(field func(name string) error) error {
	if p.peek() != '{' {
		return p.wrongType("an object")
	}
	return p.object(func(name string) error { return within(name, field(name)) })
}

// judgedConfig reads what a judge needs of a config, and skips the rest.
func (p *parser) judgedConfig() (*Config, error) {
	c := new(Config)
	err := p.fields(func(name string) error {
		return c.judgedField(p, name, func() (Metric, error) {
			var m Metric
			err := p.fields(func(name string) error { return m.judgedField(p, name) })
			return m, err
		})
	})
	return c, err
}

// judgedField reads a field that matters to a judge, or skips it.
func (c *Config) judgedField(p *parser, name string, metric func() (Metric, error)) (err error) {
	switch name {
	case "metrics":
		c.Metrics = nil
		if !p.null() {
			c.Metrics, err = list(p, metric)
		}
	case "classifier":
		c.Classifier, err = optional(p, p.classifier)
	default:
		err = p.skip()
	}
	return err
}

func (m *Metric) judgedField(p *parser, name string) (err error) {
	switch name {
	case "name":
		m.Name, m.named, err = p.stringValue()
	case "groups":
		m.Groups, err = p.strings()
	case "analysisConfigurations":
		m.configurations = nil
		if p.null() {
			return nil
		}
		if p.peek() != '{' {
			return p.wrongType("an object")
		}
		m.configurations, err = p.value()
	default:
		err = p.skip()
	}
	return err
}

// strings reads a list of strings, nil for null.
func (p *parser) strings() ([]string, error) {
	if p.null() {
		return nil, nil
	}
	return list(p, p.presentString)
}

func (p *parser) classifier() (*Classifier, error) {
	c := new(Classifier)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "groupWeights":
			c.GroupWeights = nil
			if p.null() {
				return nil
			}
			c.GroupWeights = []mannwhitney.GroupWeight{}
			return p.fields(func(group string) error {
				if err := p.item(); err != nil {
					return err
				}
				v, null, err := p.double()
				if null {
					err = errors.New("is null, want a number")
				}
				c.GroupWeights = append(c.GroupWeights, mannwhitney.GroupWeight{Group: group, Weight: v})
				return err
			})
		case "scoreThresholds":
			c.ScoreThresholds, err = optional(p, p.thresholds)
		default:
			err = p.skip()
		}
		return err
	})
	return c, err
}

func (p *parser) thresholds() (*Thresholds, error) {
	t := new(Thresholds)
	err := p.fields(func(name string) error {
		to := map[string]**float64{"pass": &t.Pass, "marginal": &t.Marginal}[name]
		if to == nil {
			return p.skip()
		}
		v, null, err := p.double()
		*to = &v
		if null {
			*to = nil
		}
		return err
	})
	return t, err
}

func (p *parser) pair() (Pair, error) {
	var pair Pair
	hasName := false
	err := p.fields(func(name string) (err error) {
		if name == "name" {
			pair.Name, hasName, err = p.stringValue()
			return err
		}
		return pair.field(p, name)
	})
	if err == nil {
		err = pair.complete(hasName)
	}
	return pair, err
}

// field reads any field but the name, or skips it.
func (pair *Pair) field(p *parser, name string) (err error) {
	switch name {
	case "id":
		id, present, err := p.stringValue()
		pair.ID = &id
		if !present {
			pair.ID = nil
		}
		return err
	case "tags":
		pair.Tags, err = p.tags()
	case "values":
		pair.Control, pair.Experiment = nil, nil
		if p.null() {
			return nil
		}
		return p.fields(func(side string) (err error) {
			switch {
			case side == "control":
				pair.Control, err = p.series()
			case side == "experiment":
				pair.Experiment, err = p.series()
			default:
				err = p.skip()
			}
			return err
		})
	default:
		err = p.skip()
	}
	return err
}

func (pair *Pair) complete(hasName bool) error {
	switch {
	case !hasName:
		return missing("name", "the name of a metric of the config")
	case pair.Control == nil:
		return missing("values.control", "a list of numbers")
	case pair.Experiment == nil:
		return missing("values.experiment", "a list of numbers")
	}
	return nil
}

// series reads a list of numbers, nil for null.
func (p *parser) series() ([]float64, error) {
	if p.null() {
		return nil, nil
	}
	return p.floats()
}

// tags reads an object of strings; names without a value are dropped.
func (p *parser) tags() (map[string]string, error) {
	if p.null() {
		return nil, nil //nolint:nilnil // no tags are no error
	}
	tags := map[string]string{}
	err := p.fields(func(name string) error {
		if err := p.item(); err != nil {
			return err
		}
		v, present, err := p.stringValue()
		if present {
			tags[name] = v
		} else {
			delete(tags, name)
		}
		return err
	})
	return tags, err
}

// stringValue reads a string, or what Jackson accepts in its place: the text
// of a number or boolean. present is false for null.
func (p *parser) stringValue() (s string, present bool, err error) {
	switch c := p.peek(); {
	case c == '"':
		s, err = p.text()
		return s, true, err
	case c == '-' || c >= '0' && c <= '9':
		_, text, err := p.number()
		return string(text), true, err
	case p.word("true"):
		return "true", true, nil
	case p.word("false"):
		return "false", true, nil
	case p.null():
		return "", false, nil
	}
	return "", false, p.wrongType("a string")
}

func (p *parser) presentString() (string, error) {
	s, present, err := p.stringValue()
	if err == nil && !present {
		err = errors.New("is null, want a string")
	}
	return s, err
}

// fieldError is about one field of the request.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return e.path + " " + e.err.Error() }

func (e *fieldError) Unwrap() error { return e.err }

// within adds the outer part of the path to an error about a field.
func within(name string, err error) error {
	var syntax *syntaxError
	if err == nil || errors.As(err, &syntax) {
		return err
	}
	if name = shorten(name); name == "" {
		name = `""`
	}
	var inner *fieldError
	if !errors.As(err, &inner) {
		return &fieldError{name, err}
	}
	if !strings.HasPrefix(inner.path, "[") {
		name += "."
	}
	return &fieldError{name + inner.path, inner.err}
}

func withinElement(i int, err error) error {
	if err == nil {
		return nil
	}
	return within("["+strconv.Itoa(i)+"]", err)
}

// missing is the error for a field that is absent or null.
func missing(path, want string) error {
	return &fieldError{path, fmt.Errorf("is missing, want %s", want)}
}
