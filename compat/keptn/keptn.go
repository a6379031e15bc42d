// Package keptn reads what Keptn's quality gates were told: the SLO and SLI
// files of Keptn v1, and the AnalysisDefinitions and AnalysisValueTemplates of
// Keptn's lifecycle toolkit.
//
// Keptn compares an evaluation with earlier ones, or with fixed limits; judged
// compares a canary with what runs beside it. So a relative criterion becomes a
// margin, and a fixed one a rule of the decision about the canary's level.
// Keptn's score is a sum of weights. Here each objective decides as it would in
// Keptn if all others were met.
//
// The rules were read in Keptn's own code: lighthouse-service (criteria) and
// metrics-operator (targets).
package keptn

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of Keptn's files.
type Imported = carry.Imported

// Import makes one CanaryConfig of the documents, which come with the paths of
// their files for messages: an SLO file with its SLI files, of which a later one
// overrides the earlier; or an AnalysisDefinition with its AnalysisValueTemplates
// and, if they are there, its KeptnMetricsProviders and an Analysis. source is
// what the metrics ask; if it is empty, the name of Keptn's provider, or
// prometheus or datadog by the looks of the query.
//
// The error is not nil if no objective could be taken; Imported then says why.
func Import(documents iter.Seq2[string, *yaml.Node], source string) (Imported, error) {
	k := &gate{source: source, score: unscored, queries: map[string]query{}, providers: map[string]string{}, values: map[string]string{}, used: map[string]string{}}
	for path, document := range documents {
		k.Path = path
		k.document(document)
	}
	k.convert()
	if len(k.Config.GetMetrics()) == 0 {
		return k.Imported, errors.New("no objective could be taken: give the objectives (slo.yaml or an AnalysisDefinition) and their queries (sli.yaml or AnalysisValueTemplates)")
	}
	return k.Imported, nil
}

// gate collects what the documents say.
type gate struct {
	carry.Reader
	source string

	name       string
	objectives []objective
	score      totalScore
	queries    map[string]query  // by SLI or AnalysisValueTemplate
	providers  map[string]string // their types, by name
	values     map[string]string // of variables
	used       map[string]string // variables of the queries that were taken, with the name Keptn has for them
	duration   time.Duration
}

// query is how a value is asked for.
type query struct {
	place, text, provider string
	// template tells {{.name}} from $NAME.
	template bool
}

// objective is one value with what is expected of it.
type objective struct {
	place, name string
	weight      float64
	key         bool
	// failed and warned are true, in CEL, of values that fail or warn; empty if
	// none do.
	failed, warned string
	// informational objectives are only shown.
	informational bool
	margin        *judgedv1.Margin
	direction     judgedv1.Direction
}

// totalScore are the percentages of the sum of all weights.
type totalScore struct{ pass, warning float64 }

// unscored is of files without a score: no limit alone fails a release, unless
// its objective is a key one.
var unscored = totalScore{pass: 100, warning: 0}

func (k *gate) document(n *yaml.Node) {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	name, spec := carry.Child(carry.Child(n, "metadata"), "name").Value, carry.Child(n, "spec")
	switch kind := carry.Child(n, "kind").Value; {
	case kind == "AnalysisDefinition":
		k.name = name
		k.Each(spec, "spec", k.definition)
	case kind == "AnalysisValueTemplate":
		k.queries[name] = query{
			place: k.At(n, fmt.Sprintf("AnalysisValueTemplate %q", name)), template: true,
			text: carry.Child(spec, "query").Value, provider: carry.Child(carry.Child(spec, "provider"), "name").Value,
		}
	case kind == "KeptnMetricsProvider":
		k.providers[name] = carry.Child(spec, "type").Value
	case kind == "Analysis":
		k.analysis(spec)
	case kind == "List":
		for _, item := range carry.Child(n, "items").Content {
			if carry.Child(item, "kind").Value != kind { // a list of lists is none
				k.document(item)
			}
		}
	case kind != "":
		k.Lose(n, "kind", "%q is not converted", kind)
	case carry.Child(n, "indicators").Kind != 0:
		k.Each(carry.Child(n, "indicators"), "indicators", func(name string, value *yaml.Node) {
			k.queries[name] = query{place: k.At(value, fmt.Sprintf("indicator %q", name)), text: value.Value}
		})
	case carry.Child(n, "objectives").Kind != 0:
		k.Each(n, "the file", k.slo)
	default:
		k.Lose(n, "the file", "is neither objectives (slo.yaml) nor indicators (sli.yaml)")
	}
}

// addObjective keeps an objective, up to as many as fit into a config.
// weight reads an objective's share of the score.
func (k *gate) weight(n *yaml.Node, where string) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !(v > 0 && v <= 1e6) {
		k.Lose(n, where, "%q is no weight between 0 and a million: 1 is taken", n.Value)
		return 1
	}
	return v
}

func (k *gate) addObjective(n *yaml.Node, o objective) {
	switch {
	case len(k.objectives) == carry.MaxMetrics:
		k.Lose(n, "objectives", "more than %d do not fit into one config: split the file", carry.MaxMetrics)
	case slices.ContainsFunc(k.objectives, func(other objective) bool { return other.name == o.name }):
		k.LoseAll("%s: is given twice: the second is left out", o.place)
	default:
		k.objectives = append(k.objectives, o)
	}
}

// convert makes metrics and rules of the objectives.
func (k *gate) convert() {
	config := &judgedv1.CanaryConfig{Name: k.name}
	k.Config = config
	total := 0.0
	for _, o := range k.objectives {
		if !o.informational {
			total += o.weight
		}
	}
	var fail, inconclusive rule
	limits := false
	for _, o := range k.objectives {
		m := k.metric(o)
		if m == nil {
			continue
		}
		config.Metrics = append(config.Metrics, m)
		for _, violation := range []struct {
			condition string
			loss      float64 // of the weight
		}{{o.failed, o.weight}, {o.warned, o.weight / 2}} {
			if violation.condition == "" {
				continue
			}
			limits = true
			verdict := k.score.without(violation.loss, total)
			if o.key && violation.loss == o.weight {
				verdict = judgedv1.Verdict_FAIL
			}
			text := fmt.Sprintf("findings.exists(f, f.name == %q && has(f.canary.level) && (%s))", o.name, violation.condition)
			ok := true
			switch verdict {
			case judgedv1.Verdict_FAIL:
				ok = fail.or(text)
			case judgedv1.Verdict_INCONCLUSIVE:
				ok = inconclusive.or(text)
			default:
				k.LoseAll("%s: a violated limit alone changes no verdict of Keptn's, so there is no rule for it; it counts only together with others", o.place)
			}
			if !ok {
				k.LoseAll("%s: its limit does not fit into the rule, which has at most %d characters: split the file", o.place, carry.MaxRule)
			}
		}
	}
	if fail.text != "" || inconclusive.text != "" {
		config.Decision = &judgedv1.Decision{Fail: fail.text, Inconclusive: inconclusive.text}
	}
	if limits {
		k.Assume("fixed limits are rules in `decision`, about the canary's typical interval; Keptn asked for one value of the whole time")
	}
	if total > 0 {
		k.LoseAll("the total score of weights is not computed: each objective decides as it would alone; weights only make the score that is shown")
	}
	if k.duration > 0 {
		config.Schedule = &judgedv1.Schedule{Duration: durationpb.New(k.duration)}
	}
	if len(config.GetMetrics()) > 0 {
		config.Scopes = k.scopes()
	}
}

// rule is a CEL expression that is true if any of its parts is.
type rule struct{ text string }

// or adds a part; false if it does not fit.
func (r *rule) or(part string) bool {
	if r.text != "" {
		part = r.text + " || " + part
	}
	if len(part) > carry.MaxRule {
		return false
	}
	r.text = part
	return true
}

// without returns Keptn's verdict if that much of the weights is lost.
func (s totalScore) without(loss, total float64) judgedv1.Verdict {
	switch score := 100 * (1 - loss/total); {
	case score >= s.pass:
		return judgedv1.Verdict_PASS
	case score >= s.warning:
		return judgedv1.Verdict_INCONCLUSIVE
	default:
		return judgedv1.Verdict_FAIL
	}
}

// metric returns nil if the objective cannot be asked for.
func (k *gate) metric(o objective) *judgedv1.Metric {
	q, ok := k.queries[o.name]
	if !ok || q.text == "" {
		k.LoseAll("%s: there is no query of %q: the objective is left out; give the file that has it, too", o.place, o.name)
		return nil
	}
	text, variables, err := q.withVariables()
	provider, known := k.provider(q)
	switch {
	case !known:
		k.LoseAll("%s: judged does not ask %s: the objective is left out; write its query for another source (docs/sources.md)", q.place, provider)
		return nil
	case err != nil:
		k.LoseAll("%s: %v: the objective is left out", q.place, err)
		return nil
	}
	if len(variables) == 0 {
		k.LoseAll("%s: the query has no variable, so that nothing tells the canary from the baseline: put a ${variable} into it that differs in `scopes`", q.place)
	}
	maps.Copy(k.used, variables)
	if o.informational {
		k.Assume("%q was only shown; here it decides, too, unless others are critical", o.name)
	}
	return &judgedv1.Metric{
		Name: o.name, Source: provider, Query: text, Direction: o.direction,
		Critical: o.key, Weight: o.weight, Margin: o.margin,
	}
}

// looksDatadog begins a query like avg:system.cpu.user{...}.
var (
	looksDatadog   = regexp.MustCompile(`^[ (]*(avg|sum|min|max|count|p[0-9]{2}):`)
	looksDynatrace = regexp.MustCompile(`(?i)^\s*(metricSelector=|entitySelector=|MV2;|SLO;|PV2;|USQL;|SECPV2;)`)
)

// provider returns the source of a query, or false and what it is if it is no
// Prometheus or Datadog.
func (k *gate) provider(q query) (string, bool) {
	text := strings.TrimSpace(q.text)
	kind := k.providers[q.provider]
	guess := "prometheus"
	switch {
	case looksDatadog.MatchString(text):
		guess = "datadog"
	case kind == "" && looksDynatrace.MatchString(text):
		return "Dynatrace", false
	case kind != "" && !slices.Contains([]string{"prometheus", "thanos", "cortex", "datadog"}, kind):
		return fmt.Sprintf("a provider of the type %q", kind), false
	}
	for _, name := range []string{k.source, q.provider} {
		if name != "" {
			return name, true
		}
	}
	return guess, true
}

var (
	dollarName   = regexp.MustCompile(`\$(LABEL\.[A-Za-z0-9_-]+|[A-Za-z_][A-Za-z0-9_]*)`)
	templateName = regexp.MustCompile(`\{\{-? *\.([A-Za-z_][A-Za-z0-9_]*) *-?\}\}`)
	notInNames   = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

// longestVariable is the length of a scope's variable.
const longestVariable = 63

// withVariables returns the query with ${name} for Keptn's variables, and these
// with Keptn's own names.
func (q query) withVariables() (string, map[string]string, error) {
	pattern := dollarName
	if q.template {
		pattern = templateName
	}
	variables := map[string]string{}
	var err error
	// A literal ${ is written $${.
	escaped := strings.ReplaceAll(q.text, "${", "$${")
	text := pattern.ReplaceAllStringFunc(escaped, func(reference string) string {
		name := pattern.FindStringSubmatch(reference)[1]
		variable := notInNames.ReplaceAllString(name, "_")
		if !q.template {
			variable = strings.ToLower(variable)
		}
		switch other, taken := variables[variable]; {
		case len(variable) > longestVariable:
			err = fmt.Errorf("the variable %q has more than %d characters", name, longestVariable)
		case taken && other != name:
			err = fmt.Errorf("%q and %q would be one variable", other, name)
		}
		variables[variable] = name
		return "${" + variable + "}"
	})
	switch {
	case err != nil:
		return "", nil, err
	case q.template && strings.Contains(text, "{{"):
		return "", nil, errors.New("the query's template is more than variables such as {{.name}}: write ${variables}")
	case strings.Count(text, "$${") != strings.Count(escaped, "$${"):
		return "", nil, errors.New("a variable stands right behind a $, where judged cannot put one: rewrite the query")
	case len(text) > carry.MaxQuery:
		return "", nil, fmt.Errorf("the query has more than %d characters", carry.MaxQuery)
	default:
		return text, variables, nil
	}
}

var scopeValue = regexp.MustCompile("^[^\"'`\\\\{}\\x00-\\x1f\\x7f]{1,253}$")

// scopes gives each variable a value on both sides.
func (k *gate) scopes() *judgedv1.Scopes {
	if len(k.used) == 0 {
		return nil
	}
	if len(k.used) > carry.MaxVariables {
		k.LoseAll("more than %d variables do not fit into a scope: no scopes are written; give them yourself", carry.MaxVariables)
		return nil
	}
	baseline, canary := map[string]string{}, map[string]string{}
	_, told := k.used["deployment"]
	for _, variable := range slices.Sorted(maps.Keys(k.used)) {
		switch value, given := k.values[k.used[variable]]; {
		case given && scopeValue.MatchString(value):
			baseline[variable], canary[variable] = value, value
		case k.used[variable] == "DEPLOYMENT":
			// Keptn's names of the two deployments of a blue-green stage.
			baseline[variable], canary[variable] = "primary", "canary"
		case k.used[variable] == "DURATION_SECONDS":
			baseline[variable], canary[variable] = "60s", "60s"
			k.Assume("duration_seconds was the length of the evaluation; here it is that of one interval, 60s")
		case told:
			baseline[variable], canary[variable] = carry.FillIn, carry.FillIn
		default:
			baseline[variable], canary[variable] = carry.FillIn+"_baseline", carry.FillIn+"_canary"
		}
	}
	if told {
		k.Assume("fill in `scopes`")
	} else {
		k.LoseAll("which variable tells the canary from the baseline is not said, since Keptn compares with earlier evaluations: fill in `scopes`, with another value of that variable on each side")
	}
	return &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: baseline}, Canary: &judgedv1.Scope{Variables: canary}}
}
