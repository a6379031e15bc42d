package kayenta

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/internal/carry"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of one of Kayenta's.
type Imported = carry.Imported

// Import makes a CanaryConfig of a canary config of Kayenta's, or of a request
// that brings one: {canaryConfig, executionRequest} of a canary or of a
// standalone analysis, which also say scopes and schedule. path is for messages
// only. source is what the metrics ask; if it is empty, the name of Kayenta's
// store.
//
// Queries are those that Kayenta would ask, with ${variables} of the scopes
// where Kayenta puts values.
//
// The error is not nil if the text is not such a document, or no metric could be
// taken; Imported then says why.
func Import(path string, text []byte, source string) (Imported, error) {
	i := &importer{path: path, source: source, used: map[string]*scopeVariable{}}
	var envelope struct {
		CanaryConfig     json.RawMessage `json:"canaryConfig"`
		ExecutionRequest struct {
			Scopes json.RawMessage `json:"scopes"`
		} `json:"executionRequest"`
	}
	// Whatever is wrong with the text, the decoders say it better.
	_ = json.Unmarshal(text, &envelope)
	var err error
	switch scopes := string(envelope.ExecutionRequest.Scopes); {
	case envelope.CanaryConfig == nil:
		i.config, err = DecodeConfig(text)
	case strings.HasPrefix(scopes, "["):
		var r *StandaloneAdhocRequest
		if r, err = DecodeStandaloneAdhocRequest(text); err == nil {
			i.config = r.CanaryConfig
			i.standalone(r.ExecutionRequest)
		}
	default:
		var r *AdhocRequest
		if r, err = DecodeAdhocRequest(text); err == nil {
			i.config, i.request = r.CanaryConfig, r.ExecutionRequest
		}
	}
	if err != nil {
		return Imported{}, fmt.Errorf("%s: not a canary config of Kayenta's: %w", path, err)
	}
	i.convert()
	if len(i.out.Config.GetMetrics()) == 0 {
		return i.out, errors.New("no metric could be taken: judged asks Prometheus and Datadog")
	}
	return i.out, nil
}

type importer struct {
	out          Imported
	path, source string
	config       *Config
	request      *ExecutionRequest
	schedule     judgedv1.Schedule
	scopeNames   []string
	// used are the variables of queries that were taken, by their names in the
	// CanaryConfig.
	used map[string]*scopeVariable
}

// scopeVariable is a variable of Kayenta's templates.
type scopeVariable struct {
	scopeName, name string
	// standard is the value after :- in a template.
	standard string
}

func (i *importer) lose(where, format string, args ...any) {
	i.out.Lost = append(i.out.Lost, i.path+": "+where+": "+fmt.Sprintf(format, args...))
}

func (i *importer) check(format string, args ...any) {
	i.out.Check = append(i.out.Check, fmt.Sprintf(format, args...))
}

// standalone takes what the request of a standalone analysis says.
func (i *importer) standalone(r *StandaloneRequest) {
	i.request = &ExecutionRequest{Scopes: map[string]ScopePair{}, Thresholds: r.Thresholds, SiteLocal: r.SiteLocal}
	for n, s := range r.Scopes {
		i.request.Scopes[s.ScopeName] = ScopePair{
			ControlScope:    &Scope{Scope: s.ControlScope, Location: s.ControlLocation, ExtendedScopeParams: s.ExtendedScopeParams},
			ExperimentScope: &Scope{Scope: s.ExperimentScope, Location: s.ExperimentLocation, ExtendedScopeParams: s.ExtendedScopeParams},
		}
		if s.ControlOffsetInMinutes != 0 {
			i.lose(fmt.Sprintf("executionRequest.scopes[%d].controlOffsetInMinutes", n), "both sides are compared at the same time; for the canary's own past write `baseline: {}` and a `schedule.history`")
		}
		if n > 0 {
			continue // the first one's time governs all
		}
		length := time.Duration(0)
		if r.LifetimeDurationMins != nil {
			length = minutes(*r.LifetimeDurationMins)
		}
		if !s.Start.IsZero() && !s.End.IsZero() {
			length = s.End.Sub(s.Start)
		}
		i.times(s.Start, length, time.Duration(s.Step)*time.Second)
	}
	if warmup := minutes(r.BeginAfterMins); warmup > 0 && warmup <= 7*24*time.Hour {
		i.schedule.Warmup = durationpb.New(warmup)
	}
	looks, duration := time.Duration(0), i.schedule.GetDuration().AsDuration()
	if r.AnalysisIntervalMins != nil {
		looks = minutes(*r.AnalysisIntervalMins)
	}
	interval := max(i.schedule.GetInterval().AsDuration(), time.Minute)
	if looks >= interval && looks < duration && duration/looks <= analysis.MaxLooks {
		i.schedule.LookEvery = durationpb.New(looks)
		if sliding := minutes(r.LookbackMins); sliding >= interval && sliding <= duration {
			i.schedule.Sliding = durationpb.New(sliding)
		}
	}
	if s := &i.schedule; s.GetWarmup() == nil && r.BeginAfterMins != 0 || s.GetLookEvery() == nil && looks > 0 && looks < duration || s.GetSliding() == nil && r.LookbackMins != 0 {
		i.lose("executionRequest", "its times do not all fit into a schedule: set `schedule.warmup`, `look_every` and `sliding`")
	}
}

// minutes returns 0 for what is longer than a schedule can be.
func minutes(v int64) time.Duration {
	const most = 31 * 24 * 60
	if v < 0 || v > most {
		return 0
	}
	return time.Duration(v) * time.Minute
}

// times sets the schedule, as far as the contract allows it.
func (i *importer) times(start time.Time, length, step time.Duration) {
	if !start.IsZero() && start.Year() > 1 && start.Year() <= 9999 {
		i.schedule.Start = timestamppb.New(start)
	}
	switch {
	case step < time.Second || step > 24*time.Hour:
		step = time.Minute // what both take if nothing is said
	default:
		i.schedule.Interval = durationpb.New(step)
	}
	switch {
	case length == 0:
	case length < step || length > 31*24*time.Hour || length/step > 11000:
		i.lose("executionRequest", "%v in steps of %v do not fit into a schedule: set `schedule.duration`", length, step)
		i.schedule.Interval = nil
	default:
		i.schedule.Duration = durationpb.New(length)
	}
	if length == 0 && step > 30*time.Minute {
		i.schedule.Interval = nil // longer than the default duration
	}
}

func (i *importer) convert() {
	c := &judgedv1.CanaryConfig{Name: i.config.Name}
	i.out.Config = c
	const longest = 4096 // bytes of a description
	if d := i.config.Description; d != nil && len(*d) <= longest {
		c.Description = *d
	} else if d != nil {
		i.lose("description", "has more than %d bytes: it is left out", longest)
	}
	if apps := i.config.Applications; len(apps) > 0 {
		const longest = 253
		if c.Application = apps[0]; len(apps[0]) > longest {
			c.Application = ""
			i.lose("applications", "the first has more than %d bytes: it is left out", longest)
		} else if len(apps) > 1 {
			i.lose("applications", "a config has one application: the first is taken of %q", apps)
		}
	}
	if name := i.config.JudgeName(); name != "" && name != mannwhitneyName {
		i.lose("judge", "%q is not known here: the metrics are judged by judged's own judges", shorten(name))
	}
	i.readScopes()
	i.metrics(c)
	if len(c.GetMetrics()) > 0 {
		c.Scopes = i.scopes()
	}
	thresholds := i.config.Classifier != nil && i.config.Classifier.ScoreThresholds != nil || i.request != nil && i.request.Thresholds != nil
	if thresholds {
		i.lose("scoreThresholds", "the score does not decide: a critical metric that gets worse FAILs, or any if none is critical; a rule such as `decision: {fail: score < 50.0}` is possible (docs/policy.md)")
	}
	if s := &i.schedule; proto.Size(s) > 0 {
		c.Schedule = s
	}
}

// mannwhitneyName is what Kayenta calls its judge.
const mannwhitneyName = "NetflixACAJudge-v1.0"

// readScopes learns the names of scopes, and the time of a request.
func (i *importer) readScopes() {
	for _, m := range i.config.Metrics {
		if m.ScopeName != nil && !slices.Contains(i.scopeNames, *m.ScopeName) {
			i.scopeNames = append(i.scopeNames, *m.ScopeName)
		}
	}
	if i.request == nil {
		return
	}
	if i.request.SiteLocal != nil || i.request.Metadata != nil {
		i.lose("executionRequest", "metadata and siteLocal are not carried over")
	}
	for _, name := range slices.Sorted(maps.Keys(i.request.Scopes)) {
		pair := i.request.Scopes[name]
		control, experiment := pair.ControlScope, pair.ExperimentScope
		if control == nil || experiment == nil || experiment.Start.IsZero() || experiment.End.IsZero() {
			continue
		}
		if !control.Start.Equal(experiment.Start) || !control.End.Equal(experiment.End) {
			i.lose("executionRequest.scopes."+shorten(name), "both sides are compared at the same time, the experiment's; for the canary's own past write `baseline: {}` and a `schedule.history`")
		}
		i.times(experiment.Start, experiment.End.Sub(experiment.Start), time.Duration(experiment.Step)*time.Second)
		return
	}
}

func (i *importer) metrics(c *judgedv1.CanaryConfig) {
	const most = carry.MaxMetrics
	weights, groups := i.weights()
	names := map[string]bool{}
	var required []string
	for n := range i.config.Metrics {
		m := &i.config.Metrics[n]
		where := fmt.Sprintf("metrics[%d] %q", n, shorten(m.Name))
		switch {
		case m.Name == "" || names[m.Name]:
			i.lose(where, "has no name of its own: it is left out")
			continue
		case len(c.GetMetrics()) == most:
			i.lose(where, "more than %d metrics do not fit into one config: split it", most)
			return
		}
		s, err := settings(m.configurations)
		if err != nil {
			i.lose(where, "%v: the metric is taken without its settings", err)
			s = mannwhitney.DefaultSettings(mannwhitney.MeanRatio)
		}
		if s.Muted {
			i.lose(where, "is muted: it is left out, since every metric counts in judged's score; a metric that is not critical beside critical ones does not decide")
			continue
		}
		query, source, err := i.query(m)
		if err != nil {
			i.lose(where+".query", "%v: the metric is left out", err)
			continue
		}
		names[m.Name] = true
		out := &judgedv1.Metric{
			Name: m.Name, Source: source, Query: query, Critical: s.Critical,
			Direction: wire.DirectionProto(s.Direction), Margin: i.margin(where, s),
		}
		if w := weights[m.Name]; w > 0 && w <= 1e6 {
			out.Weight = w
		} else {
			i.lose(where+".groups", "a weight of %v cannot be said, it counts as 1: the metric is in no group, or its group weighs nothing", w)
		}
		i.settings(where, s)
		if s.MustHaveData && !s.Critical {
			required = append(required, m.Name)
		}
		c.Metrics = append(c.Metrics, out)
	}
	if rule := i.mustHaveData(required); rule != "" {
		c.Decision = &judgedv1.Decision{Inconclusive: rule}
	}
	i.describeGroups(c, groups)
}

// settings says which settings were not carried over.
func (i *importer) settings(where string, s mannwhitney.Settings) {
	where += ".analysisConfigurations.canary"
	if s.NaN == mannwhitney.ReplaceNaN {
		i.lose(where+".nanStrategy", "no value is not 0 here; if it should be, say so in the query (`or vector(0)`) or make it a `kind: ratio` with a `total`")
	}
	if s.Outliers == mannwhitney.RemoveOutliers {
		i.lose(where+".outliers", "outliers are not removed; judged's judges stand them")
	}
	none := mannwhitney.DefaultSettings(s.Effect).CriticalEffect
	if s.Critical && s.CriticalEffect != none && s.CriticalEffect != s.Allowed {
		i.lose(where+".effectSize", "a second threshold for critical changes has no equivalent: a critical metric FAILs beyond its margin; widen `margin` if it should be that one")
	}
}

// margin returns nil for the default.
func (i *importer) margin(where string, s mannwhitney.Settings) *judgedv1.Margin {
	where += ".analysisConfigurations.canary.effectSize"
	if s.Effect == mannwhitney.CommonLanguage {
		i.lose(where, "the measure cles is no change in the metric's own unit: the default margin is taken; set `margin`")
		return nil
	}
	const most = 10 // of a relative margin
	// 1.05 - 1 is 0.050000000000000044.
	increase, decrease := math.Round((s.Allowed.Increase-1)*1e9)/1e9, math.Round((1-s.Allowed.Decrease)*1e9)/1e9
	size := increase
	switch {
	case s.Direction == judge.Decrease:
		size = decrease
	case s.Direction == judge.Increase || decrease == increase:
	case increase != 0 && decrease != 0:
		size = min(increase, decrease)
		i.lose(where, "a margin is the same both ways: the smaller of %v and %v is taken", increase, decrease)
	default:
		size = max(increase, decrease)
		i.lose(where, "a margin is the same both ways: %v is taken for both", size)
	}
	switch {
	case size == 0:
		return nil // Kayenta's default
	case !(size > 0 && size <= most):
		i.lose(where, "a relative margin is between 0 and %d, not %v: the default is taken", most, size)
		return nil
	default:
		return &judgedv1.Margin{Relative: &size}
	}
}

// mustHaveData returns a rule that holds a PASS back without the data of these
// metrics.
func (i *importer) mustHaveData(names []string) string {
	const most = carry.MaxRule
	rule := ""
	for n, name := range names {
		next := rule
		if n > 0 {
			next += " || "
		}
		next += fmt.Sprintf("findings.exists(f, f.name == %q && f.noData)", name)
		if len(next) > most {
			i.lose("metrics", "mustHaveData of %d metrics does not fit into one rule: their lack of data decides nothing", len(names)-n)
			break
		}
		rule = next
	}
	return rule
}

// reference is ${name} or ${name:-default} of a template.
var (
	reference     = regexp.MustCompile(`\$\{([^}]*)\}`)
	notInVariable = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

// Marks around a variable's name while Kayenta's own rules build the query: no
// query has them.
const beginMark, endMark = "\x01", "\x02"

// query returns what Kayenta would ask, with ${variables}.
func (i *importer) query(m *Metric) (query, source string, err error) {
	if m.Query == nil {
		return "", "", errors.New("there is none")
	}
	in := stores[m.Query.Type]
	if in.build == nil {
		return "", "", fmt.Errorf("judged does not ask %s: write the query for another source (docs/sources.md)", m.Query.Type)
	}
	for _, v := range m.Query.fields {
		if s, ok := v.(string); ok && strings.ContainsAny(s, beginMark+endMark) {
			return "", "", errors.New("it has control characters")
		}
	}
	scopeName := "default"
	if m.ScopeName != nil {
		scopeName = *m.ScopeName
	}
	standards := map[string]string{}
	// A mark for each variable that a request would give a value, "" for those
	// that a query's own fields do.
	scope := &Scope{Scope: mark("scope"), Location: mark("location"), ExtendedScopeParams: map[string]string{}}
	template := m.Query.text("customInlineTemplate")
	if template == "" {
		template = i.config.Templates[m.Query.text("customFilterTemplate")]
	}
	template = strings.ReplaceAll(template, `$\{`, "${")
	for _, at := range reference.FindAllStringSubmatchIndex(template, -1) {
		name, standard, optional := strings.Cut(template[at[2]:at[3]], ":-")
		escaped := at[0] > 0 && template[at[0]-1] == '$'
		own := m.Query.text(name) != "" && slices.Contains([]string{"project", "resourceType", "scope", "location"}, name)
		if escaped || own || name == "" || strings.Contains(name, "${") {
			continue
		}
		if optional && standard == "" && valueOf(i.given(scopeName), name) == "" {
			// No value of a scope is empty: Kayenta's rules put the nothing there.
			i.check("the variable %q has no value and may go without: the query of %q has nothing in its place", shorten(name), shorten(m.Name))
			if name == "scope" {
				scope.Scope = ""
			} else if name == "location" {
				scope.Location = ""
			}
			continue
		}
		if name != "scope" && name != "location" {
			scope.ExtendedScopeParams[name] = mark(name)
		}
		standards[name] = standard
	}
	if given := i.given(scopeName); given != nil {
		for _, name := range []string{"resourceType", "project"} {
			if v := given.ExtendedScopeParams[name]; v != "" && scope.ExtendedScopeParams[name] == "" {
				scope.ExtendedScopeParams[name] = v
			}
		}
	}
	kayentas := *m.Query
	if by := m.Query.texts("groupByFields"); len(by) > 0 {
		kayentas.fields = maps.Clone(m.Query.fields)
		delete(kayentas.fields, "groupByFields")
		i.lose(fmt.Sprintf("metric %q.query.groupByFields", shorten(m.Name)), "one series a side is compared: the metric is judged over all of %q together; if that tells instances apart, set `pods` and sum by it", by)
	}
	query, err = in.build(i.config, &kayentas, scope, QueryOptions{})
	if err != nil {
		return "", "", err
	}
	prefix := ""
	if at := slices.Index(i.scopeNames, scopeName); at > 0 {
		prefix = variableName(scopeName) + "_"
	}
	query, err = i.variables(query, prefix, scopeName, standards)
	source = i.source
	if source == "" {
		source = m.Query.Type
	}
	return query, source, err
}

func mark(name string) string { return beginMark + name + endMark }

// variables writes marks as ${variables}.
func (i *importer) variables(query, prefix, scopeName string, standards map[string]string) (string, error) {
	const longest, longestName = carry.MaxQuery, 63
	var out strings.Builder
	for n, part := range strings.Split(query, beginMark) {
		name, text, marked := strings.Cut(part, endMark)
		if n == 0 || !marked {
			name, text = "", part
		}
		if name != "" {
			variable := prefix + variableName(name)
			v := i.used[variable]
			switch {
			case len(variable) > longestName:
				return "", fmt.Errorf("the variable %q has more than %d characters", shorten(name), longestName)
			case v != nil && (v.name != name || v.scopeName != scopeName):
				return "", fmt.Errorf("%q and %q would be one variable", shorten(v.name), shorten(name))
			case v == nil:
				v = &scopeVariable{scopeName: scopeName, name: name}
				i.used[variable] = v
				if variable != name {
					i.check("the variable %q became ${%s}", shorten(name), variable)
				}
			}
			if v.standard == "" {
				v.standard = standards[name]
			}
			out.WriteString("${" + variable + "}")
		}
		out.WriteString(strings.ReplaceAll(text, "${", "$${"))
	}
	if out.Len() > longest || out.Len() == 0 {
		return "", fmt.Errorf("it has %d characters, and should have 1 to %d", out.Len(), longest)
	}
	return out.String(), nil
}

func variableName(name string) string {
	name = notInVariable.ReplaceAllString(name, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "_" + name
	}
	return name
}

// given returns the request's scope of the canary, nil without.
func (i *importer) given(scopeName string) *Scope {
	if i.request == nil {
		return nil
	}
	return i.request.Scopes[scopeName].ExperimentScope
}

// valueOf returns what a request gives a variable, "" for nothing.
func valueOf(of *Scope, name string) string {
	if of == nil {
		return ""
	}
	if param, ok := of.ExtendedScopeParams[name]; ok {
		return param
	}
	return map[string]string{"scope": of.Scope, "location": of.Location}[name]
}

var scopeText = regexp.MustCompile("^[^\"'`\\\\{}\\x00-\\x1f\\x7f]{1,253}$")

// scopes gives each variable a value on both sides.
func (i *importer) scopes() *judgedv1.Scopes {
	const most, fillIn = carry.MaxVariables, carry.FillIn
	if len(i.used) > most || len(i.used) == 0 {
		i.lose("scopes", "no scopes are written: %d variables where a scope has 1 to %d; something must tell the canary from the baseline", len(i.used), most)
		return nil
	}
	baseline, canary := map[string]string{}, map[string]string{}
	complete := true
	for _, variable := range slices.Sorted(maps.Keys(i.used)) {
		v := i.used[variable]
		value := func(of *Scope, otherwise string) string {
			given := valueOf(of, v.name)
			switch {
			case scopeText.MatchString(given):
				return given
			case given != "":
				i.lose("scopes", "the value of %q cannot be one of a scope, which has 1 to 253 printable characters without quotes, backslashes and braces", shorten(v.name))
			case scopeText.MatchString(v.standard):
				return v.standard
			}
			complete = false
			if v.name == "scope" {
				return fillIn + otherwise
			}
			return fillIn
		}
		var pair ScopePair
		if i.request != nil {
			pair = i.request.Scopes[v.scopeName]
		}
		baseline[variable], canary[variable] = value(pair.ControlScope, "_baseline"), value(pair.ExperimentScope, "_canary")
	}
	switch {
	case maps.Equal(baseline, canary):
		i.lose("scopes", "nothing tells the canary from the baseline: fill in `scopes`, with another value of some variable on each side")
	case !complete:
		i.check("fill in `scopes`")
	}
	return &judgedv1.Scopes{Baseline: &judgedv1.Scope{Variables: baseline}, Canary: &judgedv1.Scope{Variables: canary}}
}

// groupsLine begins the line of a description that keeps the names of Kayenta's
// groups, which a CanaryConfig has no other place for:
//
//	Kayenta's groups: latency 60 (p50, p99); errors 40 (5xx)
const groupsLine = "Kayenta's groups: "

var groupPart = regexp.MustCompile(`^([^;()]+) (-?[0-9.]+) \(([^;()]+)\)$`)

var notInConfigName = regexp.MustCompile(`[^A-Za-z0-9,_-]`)
