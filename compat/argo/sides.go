package argo

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// side is which side an argument is for, by its name.
type side int

const (
	bothSides side = iota
	baselineSide
	canarySide
)

// Words in the names of arguments that say which side they are for. Only the
// first of each is clear without a partner.
var sideWords = map[string]side{
	"canary": canarySide, "preview": canarySide, "latest": canarySide, "candidate": canarySide, "experiment": canarySide,
	"stable": baselineSide, "baseline": baselineSide, "active": baselineSide, "primary": baselineSide, "control": baselineSide,
}

var nameParts = regexp.MustCompile(`[^A-Za-z0-9]+`)

// sideOf returns the side that a name is for and the name without it; both
// sides and the name if it does not say.
func sideOf(name string) (side, string) {
	parts := nameParts.Split(name, -1)
	found := -1
	for i, p := range parts {
		if sideWords[strings.ToLower(p)] != bothSides {
			if found >= 0 {
				return bothSides, strings.Join(parts, "_")
			}
			found = i
		}
	}
	if found < 0 {
		return bothSides, strings.Join(parts, "_")
	}
	of := sideWords[strings.ToLower(parts[found])]
	return of, strings.Join(slices.Delete(parts, found, found+1), "_")
}

var leadingDigit = regexp.MustCompile(`^[0-9]`)

// nameVariables decides which arguments are one variable.
func (t *templates) nameVariables() {
	owner := map[string]*templateArg{}
	// By the rest of the name: which sides there are.
	partners := map[string]map[side]int{}
	for name := range t.args {
		of, rest := sideOf(name)
		if partners[rest] == nil {
			partners[rest] = map[side]int{}
		}
		partners[rest][of]++
	}
	for _, name := range slices.Sorted(maps.Keys(t.args)) {
		a := t.args[name]
		of, rest := sideOf(name)
		has := partners[rest]
		lower := strings.ToLower(name)
		certain := strings.Contains(lower, "canary") || strings.Contains(lower, "stable") || strings.Contains(lower, "baseline")
		if of != bothSides && has[of] == 1 && has[bothSides] == 0 && (has[canarySide] == has[baselineSide] || certain) {
			a.side, a.variable = of, rest
			if rest == "" {
				a.variable = "version"
			}
		} else {
			a.variable = strings.Join(nameParts.Split(name, -1), "_")
		}
		if a.variable == "" || leadingDigit.MatchString(a.variable) {
			a.variable = "arg_" + a.variable
		}
		const longest = 50 // a variable has at most 63 characters
		a.variable = a.variable[:min(len(a.variable), longest)]
		// a-b and a_b are two arguments.
		for owner[a.variable] != nil && (a.side == bothSides || owner[a.variable].side == bothSides || owner[a.variable].side == a.side) {
			a.variable += "_"
		}
		owner[a.variable] = a
	}
}

// neutral writes the metric's query with variables, in the form that both
// sides share; false if that cannot be done.
func (t *templates) neutral(m *templateMetric) bool {
	sides := t.sidesOf(m.query)
	raw := m.query
	switch {
	case !sides[baselineSide] || !sides[canarySide]:
		if sides[canarySide] {
			m.side = canarySide
		} else if sides[baselineSide] {
			m.side = baselineSide
		}
	default:
		left, right, operator := halves(raw)
		l, r := t.sidesOf(left), t.sidesOf(right)
		if operator == 0 || m.provider != "prometheus" || l[baselineSide] == l[canarySide] || r[baselineSide] == r[canarySide] || l[canarySide] == r[canarySide] ||
			evenSpace(t.variables(left)) != evenSpace(t.variables(right)) {
			t.Lost = append(t.Lost, m.place+": the query asks both sides at once: the metric is left out; write the query of one side, with a ${variable} for what tells them apart")
			return false
		}
		raw, m.relation = left, operator
		m.side = baselineSide
		if l[canarySide] {
			m.side = canarySide
		}
	}
	for _, name := range references(raw) {
		a := t.args[name]
		if a == nil || a.secret {
			t.Lost = append(t.Lost, fmt.Sprintf("%s: the argument %q is not declared or a secret, which no query can have: the metric is left out", m.place, name))
			return false
		}
	}
	m.query = t.variables(strings.TrimSpace(raw))
	switch {
	case strings.Contains(m.query, "{{"):
		t.Lost = append(t.Lost, m.place+": the query has a {{...}} that is no argument of the template: the metric is left out; write a ${variable} instead")
		return false
	case strings.Contains(raw, "${{"):
		t.Lost = append(t.Lost, m.place+": an argument stands right behind a $, where judged cannot put a variable: the metric is left out; rewrite the query")
		return false
	case len(m.query) > carry.MaxQuery:
		t.Lost = append(t.Lost, fmt.Sprintf("%s: the query has more than %d characters: the metric is left out", m.place, carry.MaxQuery))
		return false
	}
	for _, name := range references(raw) {
		t.used[t.args[name].variable] = true
	}
	return true
}

func references(query string) []string {
	var names []string
	for _, m := range argReference.FindAllStringSubmatch(query, -1) {
		names = append(names, m[1])
	}
	return names
}

func (t *templates) sidesOf(query string) map[side]bool {
	sides := map[side]bool{}
	for _, name := range references(query) {
		if a := t.args[name]; a != nil {
			sides[a.side] = true
		}
	}
	return sides
}

// variables writes arguments as variables.
func (t *templates) variables(query string) string {
	query = strings.ReplaceAll(query, "${", "$${") // a literal one
	return argReference.ReplaceAllStringFunc(query, func(reference string) string {
		if a := t.args[argReference.FindStringSubmatch(reference)[1]]; a != nil {
			return "${" + a.variable + "}"
		}
		return reference
	})
}

func evenSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// Operators that are words; they bind less than / and -.
var setOperator = regexp.MustCompile(`(?i)\b(and|or|unless)\b`)

// halves splits a query at its only operator outside of brackets and quotes,
// if that is / or -; else operator is 0.
func halves(query string) (left, right string, operator byte) {
	depth, quote, at := 0, byte(0), -1
	var outside strings.Builder
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.IndexByte("({[", c) >= 0:
			depth++
		case strings.IndexByte(")}]", c) >= 0:
			depth--
			outside.WriteByte(' ')
		case depth == 0 && strings.IndexByte("+-*/%^<>=!#@", c) >= 0:
			if at >= 0 {
				return "", "", 0
			}
			at = i
		case depth == 0:
			outside.WriteByte(c)
		}
	}
	if at < 0 || query[at] != '/' && query[at] != '-' || setOperator.MatchString(outside.String()) {
		return "", "", 0
	}
	return strings.TrimSpace(query[:at]), strings.TrimSpace(query[at+1:]), query[at]
}

// merged reports whether m asks the other side of a metric that was taken.
func (t *templates) merged(taken []*templateMetric, m *templateMetric) bool {
	for _, other := range taken {
		if other.side == bothSides || m.side == bothSides || other.side == m.side || other.relation != 0 || m.relation != 0 ||
			other.provider != m.provider || evenSpace(other.query) != evenSpace(m.query) {
			continue
		}
		canary, baseline := other, m
		if m.side == canarySide {
			canary, baseline = m, other
		}
		if baseline.success != "" || baseline.failure != "" {
			t.Lost = append(t.Lost, baseline.place+": a limit of the baseline is not asked for: the metric is what the canary is compared with")
		}
		name := canary.name
		if of, rest := sideOf(name); of == canarySide && rest != "" {
			name = rest
		}
		t.Assume("%q and %q became one metric, %q, with two scopes", baseline.name, canary.name, name)
		*other = *canary
		other.name = name
		return true
	}
	return false
}

var scopeValue = regexp.MustCompile("^[^\"'`\\\\{}\\x00-\\x1f\\x7f]{1,253}$")

// scopes gives each variable a value on both sides.
func (t *templates) scopes(taken []*templateMetric) *judgedv1.Scopes {
	if len(t.used) == 0 {
		if len(taken) > 0 {
			t.Lost = append(t.Lost, "no query has an argument, so that nothing tells the canary from the baseline: put a ${variable} into each query and give it in `scopes`")
		}
		return nil
	}
	told := false
	for _, a := range t.args {
		told = told || t.used[a.variable] && a.side != bothSides
	}
	baseline, canary := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.args)) {
		a := t.args[name]
		if !t.used[a.variable] {
			continue
		}
		value := a.value
		if value != "" && !scopeValue.MatchString(value) {
			t.Lost = append(t.Lost, fmt.Sprintf("the value of the argument %q cannot be one of a scope, which has 1 to 253 printable characters without quotes, backslashes and braces", name))
			value = ""
		}
		for _, one := range []struct {
			of        side
			values    map[string]string
			otherwise string
		}{{baselineSide, baseline, "_baseline"}, {canarySide, canary, "_canary"}} {
			otherwise := carry.FillIn
			if a.side != bothSides || !told {
				otherwise += one.otherwise
			}
			if a.side == one.of || a.side == bothSides {
				one.values[a.variable] = value
			}
			if one.values[a.variable] == "" {
				one.values[a.variable] = otherwise
			}
		}
	}
	switch {
	case !told && maps.Equal(baseline, canary):
		t.Lost = append(t.Lost, "which argument tells the canary from the baseline is not said, and all have a value: change it in one of `scopes`")
	case !told:
		t.Lost = append(t.Lost, "which argument tells the canary from the baseline is not said: fill in `scopes`, with another value of that variable on each side")
	default:
		for _, m := range taken {
			if m.side == bothSides {
				t.Lost = append(t.Lost, m.place+": the query has nothing that tells the canary from the baseline: put a ${variable} into it that differs in `scopes`")
			}
		}
		t.Assume("fill in `scopes`: the values of both sides that your deployer knows")
	}
	const most = 64
	if len(baseline) > most {
		t.Lost = append(t.Lost, fmt.Sprintf("more than %d arguments do not fit into a scope: no scopes are written; give them yourself", most))
		return nil
	}
	return &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: baseline}, Canary: &judgedv1.Scope{Variables: canary}}
}
