package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// sugar reads what files may write shorter than messages.
type sugar struct {
	// units holds, for a metric's margin nodes and its slo, what the metric
	// measures.
	units map[*yaml.Node]unit
	// shares are the nodes of shares: numbers that are also written as 10%.
	shares map[*yaml.Node]bool
}

// unit is what an absolute margin is in.
type unit struct {
	name  string
	ratio bool
}

// Unmarshal implements protoyaml.CustomUnmarshaler. It rewrites enum words in
// place and lets protoyaml go on, except for the messages it reads itself.
func (s *sugar) Unmarshal(node *yaml.Node, message proto.Message) (bool, error) {
	if node.Kind == yaml.MappingNode {
		enumWords(node, message)
	}
	switch m := message.(type) {
	case *judgedv1.Metric:
		s.noteUnits(node)
		return false, nil
	case *judgedv1.SignalSamples:
		s.noteUnits(node)
		s.noteShare(node)
		return false, nil
	case *judgedv1.Traffic, *judgedv1.Log:
		s.noteShare(node)
		return false, nil
	case *wrapperspb.DoubleValue:
		return s.readNumber(node, m)
	case *judgedv1.Samples:
		if node.Kind == yaml.MappingNode {
			readNulls(node)
		}
		return false, nil
	case *judgedv1.Scope:
		return readScope(node, m)
	case *judgedv1.Margin:
		return true, readMargin(node, s.units[node], m)
	default:
		return false, nil
	}
}

func (s *sugar) noteUnits(metric *yaml.Node) {
	if metric.Kind != yaml.MappingNode {
		return
	}
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(metric.Content); i += 2 {
		fields[metric.Content[i].Value] = metric.Content[i+1]
	}
	var u unit
	if n := fields["unit"]; n != nil {
		u.name = n.Value
	}
	kind, total := fields["kind"], fields["total"]
	u.ratio = kind == nil && total != nil || kind != nil && strings.EqualFold(kind.Value, "ratio")
	for _, name := range []string{"margin", "tolerance", "slo"} {
		if n := fields[name]; n != nil {
			s.units[n] = u
		}
	}
}

func (s *sugar) noteShare(message *yaml.Node) {
	if message.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(message.Content); i += 2 {
		switch message.Content[i].Value {
		case "share", "tolerance":
			s.shares[message.Content[i+1]] = true
		}
	}
}

// readNumber reads a share, "10%" or 0.1, or a threshold, "300ms" or 0.3.
func (s *sugar) readNumber(node *yaml.Node, to *wrapperspb.DoubleValue) (bool, error) {
	u, threshold := s.units[node]
	if node.Kind != yaml.ScalarNode || !threshold && !s.shares[node] {
		return false, nil
	}
	v, err := share(node.Value)
	if threshold {
		v, err = inUnit(node.Value, u)
	}
	to.Value = v
	return true, err
}

// share reads "10%" or 0.1; the schema says which are allowed.
func share(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("%q is no share: write a percentage such as 10%%, or a fraction such as 0.1", text)
	case isPercent:
		return v / 100, nil
	case v >= 1:
		// 10 is a forgotten %.
		return 0, fmt.Errorf("a share of %s is more than everything: write %s%% if that is what you mean", text, text)
	default:
		return v, nil
	}
}

// inUnit reads a threshold in the metric's own unit or as a duration.
func inUnit(text string, u unit) (float64, error) {
	text = strings.TrimSpace(text)
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no threshold: write a number in the metric's own unit, or a duration such as 300ms", text)
	}
	v, ok := u.of(d)
	if !ok {
		return 0, fmt.Errorf("a threshold of %s needs to know what the metric measures: add `unit: s` or `unit: ms` to it", text)
	}
	return v, nil
}

// of returns d in the unit, if that is one of time.
func (u unit) of(d time.Duration) (float64, bool) {
	switch u.name {
	case "s", "seconds":
		return d.Seconds(), true
	case "ms", "milliseconds":
		return d.Seconds() * 1e3, true
	case "us", "µs", "microseconds":
		return d.Seconds() * 1e6, true
	default:
		return 0, false
	}
}

// readScope reads `{version: v2}` as {variables: {version: v2}}.
func readScope(node *yaml.Node, scope *judgedv1.Scope) (bool, error) {
	if node.Kind != yaml.MappingNode {
		return false, nil
	}
	if len(node.Content) == 2 && node.Content[0].Value == "variables" && node.Content[1].Kind == yaml.MappingNode {
		return false, nil
	}
	scope.Variables = map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return true, fmt.Errorf("the scope variable %q needs a plain value", key.Value)
		}
		scope.Variables[key.Value] = value.Value
	}
	return true, nil
}

// readMargin reads "5%", 0.05 or {relative: 5%, absolute: 2ms}.
func readMargin(node *yaml.Node, u unit, m *judgedv1.Margin) error {
	switch node.Kind {
	case yaml.ScalarNode:
		v, err := relative(node.Value)
		if err != nil {
			return err
		}
		m.Relative = &v
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if value.Kind != yaml.ScalarNode {
				return fmt.Errorf("the %s part of a margin is a number, such as 5%%", key.Value)
			}
			switch key.Value {
			case "relative":
				v, err := relative(value.Value)
				if err != nil {
					return err
				}
				m.Relative = &v
			case "absolute":
				v, err := absolute(value.Value, u)
				if err != nil {
					return err
				}
				m.Absolute = &v
			default:
				return fmt.Errorf("a margin has no field %q: it is a percentage such as 5%%, or {relative: 5%%, absolute: 2ms}", key.Value)
			}
		}
		if m.Relative == nil && m.Absolute == nil {
			return errors.New("an empty margin: write 0% if every change matters")
		}
		return nil
	default:
		return errors.New("a margin is a percentage such as 5%, or {relative: 5%, absolute: 2ms}")
	}
}

func relative(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no relative margin: write a percentage such as 5%%, or a fraction such as 0.05", text)
	}
	if isPercent {
		v /= 100
	} else if v >= 1 {
		// 5 is far more often a forgotten % than "six times the baseline".
		return 0, fmt.Errorf("a relative margin of %s is %s00%%: write %s%% if that is what you mean", text, text, text)
	}
	if v < 0 {
		return 0, fmt.Errorf("a margin cannot be negative: %s", text)
	}
	return v, nil
}

func absolute(text string, u unit) (float64, error) {
	text = strings.TrimSpace(text)
	v, err := strconv.ParseFloat(text, 64)
	if err == nil {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("an absolute margin is a finite number that is not negative, not %s", text)
		}
		return v, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(share, 64)
		if err != nil || v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%q is no share", text)
		}
		if !u.ratio {
			return 0, fmt.Errorf("an absolute margin of %s only makes sense for a ratio (a share of requests); write a number in the metric's own unit", text)
		}
		return v / 100, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no absolute margin: write a number in the metric's own unit, or a duration such as 2ms", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("a margin cannot be negative: %s", text)
	}
	v, ok := u.of(d)
	if !ok {
		return 0, fmt.Errorf("an absolute margin of %s needs to know what the metric measures: add `unit: s` or `unit: ms` to it", text)
	}
	return v, nil
}

// ParseMargin reads a relative margin as files write it: "5%" or "0.05".
func ParseMargin(text string) (*judgedv1.Margin, error) {
	v, err := relative(text)
	if err != nil {
		return nil, err
	}
	return &judgedv1.Margin{Relative: &v}, nil
}
