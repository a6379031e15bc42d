package keptn

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// definition reads a field of an AnalysisDefinition's spec.
func (k *gate) definition(key string, value *yaml.Node) {
	switch key {
	case "objectives":
		for i, o := range k.Items(value, "objectives") {
			k.target(i, o)
		}
	case "totalScore":
		k.Each(value, "totalScore", func(name string, v *yaml.Node) {
			percent, err := strconv.ParseFloat(v.Value, 64)
			switch {
			case err != nil || math.IsNaN(percent):
				k.Lose(v, "totalScore."+name, "%q is no percentage", v.Value)
			case name == "passPercentage":
				k.score.pass = percent
			case name == "warningPercentage":
				k.score.warning = percent
			default:
				k.Lose(v, "totalScore."+name, "is not known here")
			}
		})
	default:
		k.Lose(value, "spec."+key, "is not known here")
	}
}

func (k *gate) target(i int, n *yaml.Node) {
	o := objective{name: carry.Child(carry.Child(n, "analysisValueTemplateRef"), "name").Value, weight: 1}
	where := fmt.Sprintf("objectives[%d]", i)
	if o.name != "" {
		where = fmt.Sprintf("objective %q", o.name)
	}
	o.place = k.At(n, where)
	if o.name == "" {
		k.Lose(n, where, "names no AnalysisValueTemplate: it is left out")
		return
	}
	k.Each(n, where, func(key string, value *yaml.Node) {
		where := where + "." + key
		switch key {
		case "analysisValueTemplateRef":
		case "target":
			k.Each(value, where, func(name string, operator *yaml.Node) {
				where := where + "." + name
				switch name {
				case "failure":
					o.failed = k.operator(operator, where, &o)
				case "warning":
					o.warned = k.operator(operator, where, &o)
				default:
					k.Lose(operator, where, "is not known here")
				}
			})
		case "weight":
			o.weight = k.weight(value, where)
		case "keyObjective":
			o.key = value.Value == "true"
		default:
			k.Lose(value, where, "is not known here")
		}
	})
	o.informational = o.failed == "" && o.warned == ""
	k.addObjective(n, o)
}

// operator returns, in CEL, of which values a target's operator is true; empty
// if it cannot be said. It also learns which direction is bad.
func (k *gate) operator(n *yaml.Node, where string, o *objective) string {
	condition, worse := "", judgedv1.Direction_EITHER
	k.Each(n, where, func(name string, value *yaml.Node) {
		where := where + "." + name
		number := func(field string) float64 {
			v, ok := quantity(carry.Child(value, field).Value)
			if !ok {
				k.Lose(value, where+"."+field, "%q is no number", carry.Child(value, field).Value)
				return math.NaN()
			}
			return v
		}
		if condition != "" {
			k.Lose(value, where, "a target has one operator: this one is left out")
			return
		}
		switch name {
		case "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "equalTo":
			v := number("fixedValue")
			if math.IsNaN(v) {
				return
			}
			sign := map[string]string{"lessThan": "<", "lessThanOrEqual": "<=", "greaterThan": ">", "greaterThanOrEqual": ">=", "equalTo": "=="}[name]
			condition = level(sign, v)
			switch sign[0] {
			case '<':
				worse = judgedv1.Direction_DECREASE
			case '>':
				worse = judgedv1.Direction_INCREASE
			}
		case "inRange", "notInRange":
			low, high := number("lowBound"), number("highBound")
			if math.IsNaN(low) || math.IsNaN(high) {
				return
			}
			condition = level(">=", low) + " && " + level("<=", high)
			if name == "notInRange" {
				condition = level("<", low) + " || " + level(">", high)
			}
		default:
			k.Lose(value, where, "is not known here")
		}
	})
	switch {
	case condition == "":
	case o.direction == judgedv1.Direction_DIRECTION_UNSPECIFIED || strings.HasSuffix(where, ".failure"):
		o.direction = worse
	}
	return condition
}

// suffixes of Kubernetes' quantities.
var suffixes = map[string]float64{
	"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
}

// quantity reads a number as Kubernetes writes it: 600, 500m, 1k, 2Mi, 1e3.
func quantity(text string) (float64, bool) {
	digits := strings.TrimRight(text, "numkKMGTPEi")
	factor, ok := suffixes[text[len(digits):]]
	if digits == text {
		factor, ok = 1, true
	}
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || math.IsNaN(v) || math.IsInf(v*factor, 0) {
		return 0, false
	}
	return v * factor, true
}

// analysis reads an Analysis: the values of variables, and for how long.
func (k *gate) analysis(spec *yaml.Node) {
	if args := carry.Child(spec, "args"); args.Kind != 0 {
		k.Each(args, "spec.args", func(name string, value *yaml.Node) { k.values[name] = value.Value })
	}
	frame := carry.Child(spec, "timeframe")
	recent := carry.Child(frame, "recent").Value
	if recent == "" {
		from, errFrom := time.Parse(time.RFC3339, carry.Child(frame, "from").Value)
		to, errTo := time.Parse(time.RFC3339, carry.Child(frame, "to").Value)
		if errFrom == nil && errTo == nil {
			recent = to.Sub(from).String()
		}
	}
	d, err := time.ParseDuration(recent)
	// An interval is a minute; the contract allows 11000 of them.
	if err != nil || d < time.Minute || d > 11000*time.Minute {
		k.Lose(frame, "spec.timeframe", "cannot be a schedule: set `schedule.duration`")
		return
	}
	k.duration = d
}
