package argo

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of AnalysisTemplates.
type Imported struct {
	Config *judgedv1.CanaryConfig
	// Lost says what could not be carried over: where, what, and what to do
	// instead.
	Lost []string
	// Check says what was assumed or left to be filled in.
	Check []string
}

// ImportTemplates makes one CanaryConfig of all AnalysisTemplates and
// ClusterAnalysisTemplates among the documents, which come with the paths of
// their files for messages. As in a rollout that names several templates, their
// metrics and arguments are joined. source is what the metrics ask; if it is
// empty, the provider's name.
//
// Metrics with the providers prometheus and datadog are taken. An argument is a
// variable of the scopes. Arguments called for a side (stable-hash and
// canary-hash) become one variable, so that both sides are asked by one query;
// two metrics that differ in nothing else, and a quotient or difference of two
// such queries, become one metric. A limit of a condition is a rule of the
// decision.
//
// The error is not nil if no metric could be taken; Imported then says why.
func ImportTemplates(documents iter.Seq2[string, *yaml.Node], source string) (Imported, error) {
	t := &templates{source: source, args: map[string]*templateArg{}}
	for path, document := range documents {
		t.path = path
		t.document(document)
	}
	t.nameVariables()
	t.convert()
	if len(t.out.Config.GetMetrics()) == 0 {
		return t.out, errors.New("no metric of an AnalysisTemplate could be taken: judged asks the providers prometheus and datadog")
	}
	return t.out, nil
}

// templates collects what the documents say.
type templates struct {
	out     Imported
	source  string
	path    string // of the document being read
	names   []string
	args    map[string]*templateArg
	metrics []*templateMetric
	// used are the variables of queries that were taken.
	used map[string]bool
}

// templateArg is an argument; value is empty if whoever runs the template gives it.
type templateArg struct {
	value    string
	secret   bool
	variable string
	side     side
}

// side is which side an argument is for, by its name.
type side int

const (
	bothSides side = iota
	baselineSide
	canarySide
)

type templateMetric struct {
	place, name         string
	interval, delay     time.Duration
	count, failureLimit int
	success, failure    string
	provider, query     string
	side                side
	relation            byte // '/' or '-' if the query compared the sides itself
}

func (t *templates) lose(n *yaml.Node, where, format string, args ...any) {
	t.out.Lost = append(t.out.Lost, t.at(n, where)+": "+fmt.Sprintf(format, args...))
}

func (t *templates) check(format string, args ...any) {
	t.out.Check = append(t.out.Check, fmt.Sprintf(format, args...))
}

func (t *templates) at(n *yaml.Node, where string) string {
	return fmt.Sprintf("%s:%d %s", t.path, n.Line, where)
}

// each calls read for every field of an object. Aliases are not followed, so
// that a small file stays small.
func (t *templates) each(n *yaml.Node, where string, read func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		t.lose(n, where, "is not an object; aliases are not supported: write it out")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		read(n.Content[i].Value, n.Content[i+1])
	}
}

// items returns the elements of a list.
func (t *templates) items(n *yaml.Node, where string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		t.lose(n, where, "is not a list; aliases are not supported: write it out")
		return nil
	}
	return n.Content
}

// child returns a field of an object, an empty value if it has none.
func child(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i+1]
			}
		}
	}
	return &yaml.Node{Line: n.Line}
}

func (t *templates) document(n *yaml.Node) {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	switch kind := child(n, "kind").Value; kind {
	case "AnalysisTemplate", "ClusterAnalysisTemplate":
		name := child(child(n, "metadata"), "name").Value
		t.names = append(t.names, name)
		t.each(child(n, "spec"), "spec", func(key string, value *yaml.Node) { t.spec(key, value) })
	case "List":
		for _, item := range child(n, "items").Content {
			if child(item, "kind").Value != kind { // a list of lists is none
				t.document(item)
			}
		}
	default:
		t.lose(n, "kind", "%q is not converted, only AnalysisTemplate and ClusterAnalysisTemplate", kind)
	}
}

func (t *templates) spec(key string, value *yaml.Node) {
	switch key {
	case "args":
		for _, a := range t.items(value, "spec.args") {
			name := child(a, "name").Value
			if old := t.args[name]; old == nil || old.value == "" {
				t.args[name] = &templateArg{value: child(a, "value").Value, secret: child(child(a, "valueFrom"), "secretKeyRef").Kind != 0}
			}
		}
	case "metrics":
		for i, m := range t.items(value, "spec.metrics") {
			if len(t.metrics) == maxMetrics {
				t.lose(m, "spec.metrics", "more than %d metrics do not fit into one config: split the templates", maxMetrics)
				break
			}
			t.metric(i, m)
		}
	case "measurementRetention": // how many measurements to show
	case "dryRun":
		t.lose(value, "spec.dryRun", "judged has no metric that is only shown: remove it, or mark the others `critical: true`, so that they alone decide")
	case "templates":
		t.lose(value, "spec.templates", "other templates are not looked up: give their files, too")
	default:
		t.lose(value, "spec."+key, "is not known here")
	}
}

func (t *templates) metric(i int, n *yaml.Node) {
	where := fmt.Sprintf("metrics[%d]", i)
	if name := child(n, "name").Value; name != "" {
		where = fmt.Sprintf("metric %q", name)
	}
	m := &templateMetric{place: t.at(n, where)}
	ok := true
	t.each(n, where, func(key string, value *yaml.Node) {
		text := value.Value
		switch key {
		case "name":
			m.name = text
		case "interval":
			m.interval = t.duration(value, where+".interval")
		case "initialDelay":
			m.delay = t.duration(value, where+".initialDelay")
		case "count":
			m.count = t.count(value, where+".count")
		case "failureLimit":
			m.failureLimit = t.count(value, where+".failureLimit")
			if m.failureLimit != 0 {
				t.lose(value, where+".failureLimit", "failed measurements are not counted: the limits are compared with the canary's typical level instead of its worst interval")
			}
		case "successCondition":
			m.success = text
		case "failureCondition":
			m.failure = text
		case "inconclusiveLimit", "consecutiveErrorLimit":
			t.lose(value, where+"."+key, "measurements are not counted: all looks are judged together, and a source that fails is asked again")
		case "consecutiveSuccessLimit":
			t.lose(value, where+"."+key, "has no equivalent: `schedule: {stop: EARLY}`, the default, ends when the evidence is enough")
		case "provider":
			ok = t.provider(value, where, m)
		default:
			t.lose(value, where+"."+key, "is not known here")
		}
	})
	if !ok {
		return
	}
	if m.query == "" {
		t.lose(n, where, "has no query: it is left out")
		return
	}
	t.metrics = append(t.metrics, m)
}

func (t *templates) provider(n *yaml.Node, where string, m *templateMetric) (ok bool) {
	where += ".provider"
	t.each(n, where, func(name string, provider *yaml.Node) {
		where := where + "." + name
		if name != "prometheus" && name != "datadog" {
			t.lose(provider, where, "judged does not ask this provider through a template: the metric is left out; write it for a source of judged (docs/sources.md)")
			return
		}
		ok, m.provider = true, name
		t.each(provider, where, func(key string, value *yaml.Node) {
			where := where + "." + key
			switch {
			case key == "query":
				m.query = value.Value
			case name == "prometheus" && key == "address":
				if u, err := url.Parse(value.Value); err == nil && u.Host != "" && !strings.Contains(u.Host, "{") {
					// Without user and password, which may stand in it.
					t.check("the source of %q should be the one at %s://%s", m.name, u.Scheme, u.Host)
				}
			case name == "prometheus" && key == "rangeQuery":
				t.lose(value, where, "judged asks for one value an interval of its schedule")
			case name == "datadog" && key == "queries":
				ok = t.formula(child(provider, "formula"), value, where, m)
			case name == "datadog" && (key == "apiVersion" || key == "interval" || key == "formula"):
				// The API is judged's affair; it asks for one value an interval.
			case name == "datadog" && key == "aggregator":
				t.lose(value, where, "judged compares all values of the window: write .rollup(%s, 60) into the query if that is what an interval should be", value.Value)
			default:
				// Values are not shown: some are secrets.
				t.lose(value, where, "how a source is reached is said in the server's settings (docs/sources.md)")
			}
		})
	})
	return ok
}

// formulaText is arithmetic of names and numbers.
var (
	formulaText = regexp.MustCompile(`^[A-Za-z0-9_.+\-*/() ]+$`)
	formulaName = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// formula writes Datadog's named queries into their formula.
func (t *templates) formula(formula, queries *yaml.Node, where string, m *templateMetric) bool {
	byName := map[string]string{}
	t.each(queries, where, func(name string, query *yaml.Node) { byName[name] = query.Value })
	text := formula.Value
	if text == "" && len(byName) == 1 {
		for name := range byName {
			text = name
		}
	}
	known, size := true, len(text)
	m.query = formulaName.ReplaceAllStringFunc(text, func(name string) string {
		query, ok := byName[name]
		size += len(query) + 2
		known = known && ok && size <= maxQuery // a short formula may name a long query often
		if !known {
			return ""
		}
		if text == name {
			return query
		}
		return "(" + query + ")"
	})
	if text == "" || !formulaText.MatchString(text) || !known {
		t.lose(formula, where, "the formula is more than arithmetic of the queries: the metric is left out; write it as one query")
		return false
	}
	return true
}

// What a CanaryConfig may have: metrics, characters of a query and of a rule.
const (
	maxMetrics = 1000
	maxQuery   = 16384
	maxRule    = 4096
)

var argReference = regexp.MustCompile(`\{\{ *args\.([A-Za-z0-9_.-]+) *\}\}`)

// maxValue is the length of a scope's value; what is filled in elsewhere is not
// longer.
const maxValue = 253

// literal fills in arguments with a value; false if one has none.
func (t *templates) literal(text string) (string, bool) {
	known := len(text) <= maxRule
	text = argReference.ReplaceAllStringFunc(text, func(reference string) string {
		a := t.args[argReference.FindStringSubmatch(reference)[1]]
		if a == nil || a.value == "" || a.secret || len(a.value) > maxValue || !known {
			known = false
			return ""
		}
		return a.value
	})
	return text, known
}

func (t *templates) duration(n *yaml.Node, where string) time.Duration {
	text, known := t.literal(n.Value)
	d, err := time.ParseDuration(text)
	if !known || err != nil || d < 0 {
		t.lose(n, where, "%q is no duration that is known here: say it in `schedule`", n.Value)
		return 0
	}
	return d
}

func (t *templates) count(n *yaml.Node, where string) int {
	text, known := t.literal(n.Value)
	v, err := strconv.Atoi(text)
	if !known || err != nil {
		t.lose(n, where, "%q is no number that is known here", n.Value)
		return 0
	}
	return v
}

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

// convert makes metrics of what was read.
func (t *templates) convert() {
	t.used = map[string]bool{}
	config := &judgedv1.CanaryConfig{}
	t.out.Config = config
	if len(t.names) > 0 {
		config.Name = t.names[0]
	}
	var taken []*templateMetric
	for _, m := range t.metrics {
		if t.neutral(m) && !t.merged(taken, m) {
			taken = append(taken, m)
		}
	}
	names := map[string]bool{}
	var rules decisionRules
	for _, m := range taken {
		name := m.name
		for i := 2; name == "" || names[name]; i++ {
			name = fmt.Sprintf("%s %d", m.name, i)
		}
		if name != m.name {
			t.check("another metric is called %q: this one became %q", m.name, name)
		}
		names[name] = true
		out := &judgedv1.Metric{Name: name, Source: t.source, Query: m.query}
		if out.GetSource() == "" {
			out.Source = m.provider
		}
		t.conditions(m, out, &rules)
		config.Metrics = append(config.Metrics, out)
	}
	config.Decision = rules.decision()
	if rules.full {
		t.out.Lost = append(t.out.Lost, "the rules of all limits are longer than a decision can be: the last limits are left out; split the templates")
	}
	config.Schedule = t.schedule(taken)
	config.Scopes = t.scopes(taken)
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
			t.out.Lost = append(t.out.Lost, m.place+": the query asks both sides at once: the metric is left out; write the query of one side, with a ${variable} for what tells them apart")
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
			t.out.Lost = append(t.out.Lost, fmt.Sprintf("%s: the argument %q is not declared or a secret, which no query can have: the metric is left out", m.place, name))
			return false
		}
	}
	m.query = t.variables(strings.TrimSpace(raw))
	switch {
	case strings.Contains(m.query, "{{"):
		t.out.Lost = append(t.out.Lost, m.place+": the query has a {{...}} that is no argument of the template: the metric is left out; write a ${variable} instead")
		return false
	case strings.Contains(raw, "${{"):
		t.out.Lost = append(t.out.Lost, m.place+": an argument stands right behind a $, where judged cannot put a variable: the metric is left out; rewrite the query")
		return false
	case len(m.query) > maxQuery:
		t.out.Lost = append(t.out.Lost, fmt.Sprintf("%s: the query has more than %d characters: the metric is left out", m.place, maxQuery))
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
			t.out.Lost = append(t.out.Lost, baseline.place+": a limit of the baseline is not asked for: the metric is what the canary is compared with")
		}
		name := canary.name
		if of, rest := sideOf(name); of == canarySide && rest != "" {
			name = rest
		}
		t.check("%q and %q became one metric, %q, with two scopes", baseline.name, canary.name, name)
		*other = *canary
		other.name = name
		return true
	}
	return false
}

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
			t.out.Lost = append(t.out.Lost, fmt.Sprintf("%s.%s: %q is more than limits of the result: say it in `decision` (docs/policy.md)", m.place, field, text))
			return nil
		case m.side == baselineSide && m.relation == 0:
			t.out.Lost = append(t.out.Lost, fmt.Sprintf("%s.%s: a limit of the baseline is not asked for", m.place, field))
			return nil
		case guarded:
			t.out.Lost = append(t.out.Lost, fmt.Sprintf("%s.%s: without data this passed; no data is never a pass here", m.place, field))
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
	t.check("%q compared both sides in its query: here judged does that", out.GetName())
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
		t.out.Lost = append(t.out.Lost, m.place+": its limits are not those of one change: set `direction` and `margin`")
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
	if len(strings.Join(*to, ruleOr))+len(ruleOr)+len(rule) > maxRule {
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

// Bounds of a schedule, see the contract.
const (
	minInterval, maxInterval = time.Second, 24 * time.Hour
	maxWarmup, maxDuration   = 7 * 24 * time.Hour, 31 * 24 * time.Hour
	maxIntervals             = 11000
)

// schedule joins what the metrics say of their time.
func (t *templates) schedule(taken []*templateMetric) *judgedv1.Schedule {
	var interval, warmup, duration time.Duration
	differ := false
	for i, m := range taken {
		total := time.Duration(0)
		if m.interval > 0 && m.count > 0 && time.Duration(m.count) <= maxDuration/m.interval {
			total = time.Duration(m.count) * m.interval
		}
		first := taken[0]
		differ = differ || i > 0 && (m.interval != first.interval || m.count != first.count || m.delay != first.delay)
		if m.interval > 0 && (interval == 0 || m.interval < interval) {
			interval = m.interval
		}
		warmup, duration = max(warmup, m.delay), max(duration, total)
	}
	s := &judgedv1.Schedule{}
	if differ {
		t.out.Lost = append(t.out.Lost, "the metrics differ in interval, count or initialDelay: an analysis has one schedule, of the shortest interval, the longest delay and the longest time")
	}
	if warmup > 0 && warmup <= maxWarmup {
		s.Warmup = durationpb.New(warmup)
	}
	if interval >= minInterval && interval <= maxInterval && duration/interval <= maxIntervals {
		s.Interval = durationpb.New(interval)
		if duration > 0 {
			s.Duration = durationpb.New(duration)
		}
	} else if interval != 0 {
		t.out.Lost = append(t.out.Lost, fmt.Sprintf("an interval of %v for %v does not fit into a schedule: set `schedule`", interval, duration))
	}
	if duration == 0 {
		t.check("no metric says how long it is measured: `schedule.duration` is 30m unless you set it")
		if interval > 30*time.Minute {
			s.Interval = nil
		}
	}
	if s.GetWarmup() == nil && s.GetInterval() == nil && s.GetDuration() == nil {
		return nil
	}
	return s
}

// What a person has to write instead.
const fillIn = "FILL_IN"

var scopeValue = regexp.MustCompile("^[^\"'`\\\\{}\\x00-\\x1f\\x7f]{1,253}$")

// scopes gives each variable a value on both sides.
func (t *templates) scopes(taken []*templateMetric) *judgedv1.Scopes {
	if len(t.used) == 0 {
		if len(taken) > 0 {
			t.out.Lost = append(t.out.Lost, "no query has an argument, so that nothing tells the canary from the baseline: put a ${variable} into each query and give it in `scopes`")
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
			t.out.Lost = append(t.out.Lost, fmt.Sprintf("the value of the argument %q cannot be one of a scope, which has 1 to 253 printable characters without quotes, backslashes and braces", name))
			value = ""
		}
		for _, one := range []struct {
			of        side
			values    map[string]string
			otherwise string
		}{{baselineSide, baseline, "_baseline"}, {canarySide, canary, "_canary"}} {
			otherwise := fillIn
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
		t.out.Lost = append(t.out.Lost, "which argument tells the canary from the baseline is not said, and all have a value: change it in one of `scopes`")
	case !told:
		t.out.Lost = append(t.out.Lost, "which argument tells the canary from the baseline is not said: fill in `scopes`, with another value of that variable on each side")
	default:
		for _, m := range taken {
			if m.side == bothSides {
				t.out.Lost = append(t.out.Lost, m.place+": the query has nothing that tells the canary from the baseline: put a ${variable} into it that differs in `scopes`")
			}
		}
		t.check("fill in `scopes`: the values of both sides that your deployer knows")
	}
	const most = 64
	if len(baseline) > most {
		t.out.Lost = append(t.out.Lost, fmt.Sprintf("more than %d arguments do not fit into a scope: no scopes are written; give them yourself", most))
		return nil
	}
	return &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: baseline}, Canary: &judgedv1.Scope{Variables: canary}}
}
