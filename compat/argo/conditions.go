package argo

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// conditions makes margins and rules of a metric's conditions.
func (t *templates) conditions(m *templateMetric, out *judgedv1.Metric, rules *decisionRules) {
	read := func(field, text string, success bool) []limit {
		if text == "" {
			return nil
		}
		filled, known := t.literal(text)
		limits, guarded, ok := parseCondition(filled, success)
		switch {
		case !known || !ok:
			t.Lost = append(t.Lost, fmt.Sprintf("%s.%s: %q is more than limits of the result: say it in `decision` (docs/policy.md)", m.place, field, text))
			return nil
		case m.side == baselineSide && m.relation == 0:
			t.Lost = append(t.Lost, fmt.Sprintf("%s.%s: a limit of the baseline is not asked for", m.place, field))
			return nil
		case guarded:
			t.Lost = append(t.Lost, fmt.Sprintf("%s.%s: without data this passed; no data is never a pass here", m.place, field))
		}
		return limits
	}
	success, failure := read("successCondition", m.success, true), read("failureCondition", m.failure, false)
	out.Direction = directionOf(slices.Concat(success, failure))
	switch {
	case m.relation != 0:
		t.margin(m, slices.Concat(failure, success), out)
	case m.failure == "":
		rules.add(&rules.fail, out.GetName(), success, m.failureLimit == 0)
	default:
		// Neither met: INCONCLUSIVE, in both.
		rules.add(&rules.fail, out.GetName(), failure, m.failureLimit == 0)
		rules.add(&rules.inconclusive, out.GetName(), success, true)
	}
}

// margin makes a margin of the limits of canary / baseline or canary - baseline.
func (t *templates) margin(m *templateMetric, limits []limit, out *judgedv1.Metric) {
	t.Assume("%q compared both sides in its query: here judged does that", out.GetName())
	if len(limits) == 0 {
		return
	}
	size := 0.0
	l := limits[0]
	switch {
	case m.relation == '/':
		size = math.Abs(l.value - 1)
	default:
		size = math.Abs(l.value)
	}
	if len(limits) > 1 || m.side != canarySide || l.worse() == judgedv1.Direction_EITHER || size > 10 && m.relation == '/' ||
		m.relation == '/' && (l.value > 1) != (l.worse() == judgedv1.Direction_INCREASE) ||
		m.relation == '-' && (l.value > 0) != (l.worse() == judgedv1.Direction_INCREASE) {
		out.Direction = judgedv1.Direction_DIRECTION_UNSPECIFIED
		t.Lost = append(t.Lost, m.place+": its limits are not those of one change: set `direction` and `margin`")
		return
	}
	// 1.1 - 1 is 0.10000000000000009.
	size = math.Round(size*1e9) / 1e9
	out.Margin = &judgedv1.Margin{Relative: &size}
	if m.relation == '-' {
		out.Margin = &judgedv1.Margin{Absolute: &size}
	}
}

// A limit is violated by results of which `result operator value` is true.
type limit struct {
	operator string
	value    float64
}

// worse is the direction in which the limit lies.
func (l limit) worse() judgedv1.Direction {
	switch l.operator[0] {
	case '>':
		return judgedv1.Direction_INCREASE
	case '<':
		return judgedv1.Direction_DECREASE
	default:
		return judgedv1.Direction_EITHER
	}
}

func directionOf(limits []limit) judgedv1.Direction {
	direction := judgedv1.Direction_DIRECTION_UNSPECIFIED
	for _, l := range limits {
		switch {
		case direction == judgedv1.Direction_DIRECTION_UNSPECIFIED:
			direction = l.worse()
		case direction != l.worse():
			return judgedv1.Direction_EITHER
		}
	}
	return direction
}

const (
	resultText = `(?:(?:asFloat|asInt)\( *)?(?:default\( *)?result(?:\[0\])?(?: *, *-?[0-9.]+ *\))?(?: *\))?`
	numberText = `(?:(?:asFloat|asInt)\( *)?["']?(-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)["']?(?: *\))?`
)

var (
	resultFirst = regexp.MustCompile(`^\(? *` + resultText + ` *(<=|>=|==|!=|<|>) *` + numberText + ` *\)?$`)
	numberFirst = regexp.MustCompile(`^\(? *` + numberText + ` *(<=|>=|==|!=|<|>) *` + resultText + ` *\)?$`)
	allResults  = regexp.MustCompile(`^all\( *result *, *\{? *# *(<=|>=|==|!=|<|>) *` + numberText + ` *\}? *\)$`)
	// What is asked about absent data.
	passesAbsent = regexp.MustCompile(`^\(? *(?:len\( *result *\) *== *0|isNaN\( *result(?:\[0\])? *\)|isNil\( *result(?:\[0\])? *\)|result(?:\[0\])? *== *nil) *\)?$`)
	asksPresent  = regexp.MustCompile(`^\(? *(?:len\( *result *\) *(?:> *0|!= *0|>= *1)|!isNaN\( *result(?:\[0\])? *\)|!isNil\( *result(?:\[0\])? *\)|result(?:\[0\])? *!= *nil) *\)?$`)
)

var (
	opposite = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
	mirrored = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
)

// parseCondition reads a condition that sets limits: comparisons of the result
// with numbers, joined by && in a condition of success and by || in one of
// failure. guarded says that a condition of success also passes absent data.
func parseCondition(text string, success bool) (limits []limit, guarded, ok bool) {
	text = evenSpace(text)
	outer, inner, guard := " || ", " && ", passesAbsent
	if !success {
		outer, inner, guard = " && ", " || ", asksPresent
	}
	spaced := strings.NewReplacer("&&", " && ", "||", " || ").Replace(text)
	terms := strings.Split(evenSpace(spaced), outer)
	kept := slices.DeleteFunc(slices.Clone(terms), guard.MatchString)
	if len(kept) != 1 {
		return nil, false, false
	}
	body := kept[0]
	for term := range strings.SplitSeq(body, inner) {
		var l limit
		var number string
		if m := resultFirst.FindStringSubmatch(term); m != nil {
			l.operator, number = m[1], m[2]
		} else if m := numberFirst.FindStringSubmatch(term); m != nil {
			l.operator, number = mirrored[m[2]], m[1]
		} else if m := allResults.FindStringSubmatch(term); m != nil && success {
			l.operator, number = m[1], m[2]
		} else {
			return nil, false, false
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsInf(v, 0) {
			return nil, false, false
		}
		l.value = v
		if success {
			l.operator = opposite[l.operator]
		}
		limits = append(limits, l)
	}
	return limits, success && len(kept) < len(terms), true
}

// decisionRules are the parts of rules, any of which decides.
type decisionRules struct {
	fail, inconclusive []string
	full               bool
}

// add writes limits as a rule over the finding of that name: worst says to
// compare the canary's worst interval, else its level.
func (r *decisionRules) add(to *[]string, name string, limits []limit, worst bool) {
	var violated []string
	fields := map[string]bool{}
	for _, l := range limits {
		field := "f.canary.level"
		if worst && l.worse() == judgedv1.Direction_INCREASE {
			field = "f.canary.max"
		} else if worst && l.worse() == judgedv1.Direction_DECREASE {
			field = "f.canary.min"
		}
		fields[field] = true
		value := strconv.FormatFloat(l.value, 'g', -1, 64)
		if !strings.ContainsAny(value, ".e") {
			value += ".0" // CEL compares doubles with == to doubles only
		}
		violated = append(violated, field+" "+l.operator+" "+value)
	}
	if len(violated) == 0 {
		return
	}
	var conditions []string
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		conditions = append(conditions, "has("+field+")")
	}
	body := strings.Join(violated, " || ")
	if len(violated) > 1 {
		body = "(" + body + ")"
	}
	rule := fmt.Sprintf("findings.exists(f, f.name == %s && %s && %s)", strconv.Quote(name), strings.Join(conditions, " && "), body)
	if len(strings.Join(*to, ruleOr))+len(ruleOr)+len(rule) > carry.MaxRule {
		r.full = true
		return
	}
	*to = append(*to, rule)
}

const ruleOr = " || "

func (r *decisionRules) decision() *judgedv1.Decision {
	if len(r.fail) == 0 && len(r.inconclusive) == 0 {
		return nil
	}
	return &judgedv1.Decision{Fail: strings.Join(r.fail, ruleOr), Inconclusive: strings.Join(r.inconclusive, ruleOr)}
}
