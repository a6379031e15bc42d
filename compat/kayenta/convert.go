package kayenta

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of one of Kayenta's.
type Imported struct {
	Config *judgedv1.CanaryConfig
	// Lost says what could not be carried over: where, what, and what to do
	// instead.
	Lost []string
	// Check says what was assumed or left to be filled in.
	Check []string
}

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
	const most = 1000 // metrics of a CanaryConfig
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
			Direction: directionProto(s.Direction), Margin: i.margin(where, s),
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

func directionProto(d judge.Direction) judgedv1.Direction {
	switch d {
	case judge.Increase:
		return judgedv1.Direction_INCREASE
	case judge.Decrease:
		return judgedv1.Direction_DECREASE
	default:
		return judgedv1.Direction_EITHER
	}
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
	const most = 4096 // bytes of a rule
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
	const longest, longestName = 16384, 63
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
	const most, fillIn = 64, "FILL_IN" // variables of a scope; what a person has to write instead
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

// group is one of Kayenta's groups of metrics with its share of the score, in
// percent.
type group struct {
	name    string
	weight  float64
	metrics []string
}

// weights returns each metric's share of Kayenta's score, in percent, and the
// groups in order of appearance. Muted metrics do not count.
func (i *importer) weights() (map[string]float64, []group) {
	var groups []group
	at := map[string]int{}
	for _, m := range i.config.Metrics {
		if s, err := settings(m.configurations); err == nil && s.Muted {
			continue
		}
		for _, name := range m.Groups {
			if _, seen := at[name]; !seen {
				at[name] = len(groups)
				groups = append(groups, group{name: name, weight: math.NaN()})
			}
			g := &groups[at[name]]
			g.metrics = append(g.metrics, m.Name)
		}
	}
	total := 0.0
	if c := i.config.Classifier; c != nil {
		for _, w := range c.GroupWeights {
			total += w.Weight
			if n, ok := at[w.Group]; ok {
				groups[n].weight = w.Weight
			} else {
				i.lose("classifier.groupWeights", "no metric is in the group %q", shorten(w.Group))
			}
		}
	}
	rest := 0
	for _, g := range groups {
		if math.IsNaN(g.weight) {
			rest++
		}
	}
	shares := map[string]float64{}
	for n := range groups {
		g := &groups[n]
		if math.IsNaN(g.weight) {
			g.weight = (100 - total) / float64(rest)
		}
		for _, m := range g.metrics {
			shares[m] += g.weight / float64(len(g.metrics))
		}
	}
	return shares, groups
}

// groupsLine begins the line of a description that keeps the names of Kayenta's
// groups, which a CanaryConfig has no other place for:
//
//	Kayenta's groups: latency 60 (p50, p99); errors 40 (5xx)
const groupsLine = "Kayenta's groups: "

// describeGroups adds the line of the groups, if it can be read back.
func (i *importer) describeGroups(c *judgedv1.CanaryConfig, groups []group) {
	const longest = 4096 // bytes of a description
	kept := map[string]bool{}
	for _, m := range c.GetMetrics() {
		kept[m.GetName()] = true
	}
	var parts []string
	for _, g := range groups {
		members := slices.DeleteFunc(slices.Clone(g.metrics), func(name string) bool { return !kept[name] })
		if len(members) > 0 {
			// The members' share, in case some were left out.
			share := g.weight * float64(len(members)) / float64(len(g.metrics))
			parts = append(parts, fmt.Sprintf("%s %s (%s)", g.name, formatWeight(share), strings.Join(members, ", ")))
		}
	}
	if len(parts) == 0 {
		return
	}
	description := groupsLine + strings.Join(parts, "; ")
	if c.GetDescription() != "" {
		description = c.GetDescription() + "\n" + description
	}
	with := &judgedv1.CanaryConfig{Description: description, Metrics: c.GetMetrics()}
	if _, _, ok := groupsOf(with); !ok || len(description) > longest {
		i.lose("groups", "their names are not carried over, their weights are")
		return
	}
	c.Description = description
}

func formatWeight(w float64) string { return strconv.FormatFloat(math.Round(w*1e6)/1e6, 'f', -1, 64) }

var groupPart = regexp.MustCompile(`^([^;()]+) (-?[0-9.]+) \(([^;()]+)\)$`)

// groupsOf reads the line of the groups, and returns the description without
// it. ok is false if there is none, or it does not fit the metrics and their
// weights any more.
func groupsOf(c *judgedv1.CanaryConfig) (groups []group, description string, ok bool) {
	text := c.GetDescription()
	at := strings.LastIndex("\n"+text, "\n"+groupsLine)
	if at < 0 {
		return nil, text, false
	}
	line := text[at+len(groupsLine):]
	description = strings.TrimSuffix(text[:at], "\n")
	shares := map[string]float64{}
	for part := range strings.SplitSeq(line, "; ") {
		m := groupPart.FindStringSubmatch(part)
		if m == nil {
			return nil, text, false
		}
		weight, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, text, false
		}
		g := group{name: m[1], weight: weight, metrics: strings.Split(m[3], ", ")}
		for _, name := range g.metrics {
			shares[name] += weight / float64(len(g.metrics))
		}
		groups = append(groups, g)
	}
	for _, m := range c.GetMetrics() {
		share, member := shares[m.GetName()]
		weight := m.GetWeight()
		if share <= 0 {
			share = 0
		}
		// The line has six digits.
		if member && math.Abs(weight-share) > 1e-5*max(1, weight) || !member && weight > 0 {
			return nil, description, false
		}
		delete(shares, m.GetName())
	}
	return groups, description, len(shares) == 0
}

// Exported is a canary config of Kayenta's made of a CanaryConfig.
type Exported struct {
	Config *Config
	// Lost says what Kayenta cannot be told.
	Lost []string
	// Check says what was assumed or has to be given with each execution.
	Check []string
}

// Export makes a canary config of Kayenta's. It holds the metrics; scopes and
// schedule are in Kayenta part of each request.
func Export(c *judgedv1.CanaryConfig) Exported {
	x := &exporter{}
	x.convert(c)
	return x.out
}

type exporter struct{ out Exported }

func (x *exporter) lose(where, format string, args ...any) {
	x.out.Lost = append(x.out.Lost, where+": "+fmt.Sprintf(format, args...))
}

func (x *exporter) check(format string, args ...any) {
	x.out.Check = append(x.out.Check, fmt.Sprintf(format, args...))
}

var notInConfigName = regexp.MustCompile(`[^A-Za-z0-9,_-]`)

func (x *exporter) convert(c *judgedv1.CanaryConfig) {
	version, application := "1", c.GetApplication()
	if application == "" {
		application = c.GetName()
		x.check("the config names no application: %q is taken", application)
	}
	groups, description, ok := groupsOf(c)
	if !ok {
		groups = x.groups(c)
	}
	out := &Config{
		Name: notInConfigName.ReplaceAllString(c.GetName(), "-"), ConfigVersion: &version,
		Applications: []string{application},
		Judge:        &JudgeConfig{Name: mannwhitneyName, JudgeConfigurations: Object{}},
		Templates:    map[string]string{}, Classifier: &Classifier{},
	}
	x.out.Config = out
	if description != "" {
		out.Description = &description
	}
	if out.Name != c.GetName() {
		x.lose("name", "Kayenta's names have letters, digits, dashes and underscores: it became %q", out.Name)
	}
	memberOf := map[string][]string{}
	for _, g := range groups {
		out.Classifier.GroupWeights = append(out.Classifier.GroupWeights, mannwhitney.GroupWeight{Group: g.name, Weight: g.weight})
		for _, m := range g.metrics {
			memberOf[m] = append(memberOf[m], g.name)
		}
	}
	plain := wire.Config(c) // with kinds and directions filled in
	for n, m := range plain.Metrics {
		where := fmt.Sprintf("metrics[%d] %q", n, m.Name)
		if m.Kind == judge.Distribution {
			x.lose(where, "a histogram cannot be compared by Kayenta: the metric is left out; query a quantile of it")
			continue
		}
		query := m.Query
		if m.Total != "" {
			query = "(" + m.Query + ") / (" + m.Total + ")"
			x.lose(where+".total", "Kayenta compares quotients as they are, without how many requests they stand for")
		}
		canary := map[string]any{"direction": m.Direction.String()}
		if m.Critical {
			canary["critical"] = true
		}
		if size := m.Margin.Relative; m.HasMargin && size > 0 {
			effect := map[string]any{}
			if m.Direction != judge.Decrease {
				effect["allowedIncrease"] = math.Round((1+size)*1e9) / 1e9
			}
			if m.Direction != judge.Increase {
				effect["allowedDecrease"] = math.Round(max(0, 1-size)*1e9) / 1e9
			}
			canary["effectSize"] = effect
		}
		for _, unsaid := range []struct {
			name  string
			given bool
		}{
			{"margin.absolute", m.Margin.Absolute > 0},
			{"tolerance", m.HasTolerance},
			{"pods", m.Pods != ""},
			{"judge", m.Judge != ""},
			{"unit", m.Unit != ""},
		} {
			if unsaid.given {
				x.lose(where+"."+unsaid.name, "Kayenta has no equivalent")
			}
		}
		name := "default"
		out.Metrics = append(out.Metrics, Metric{
			Name: m.Name, named: true, Groups: append([]string{}, memberOf[m.Name]...), ScopeName: &name,
			Query:          x.query(m.Name, m.Source, query),
			configurations: map[string]any{"canary": canary},
		})
	}
	x.rest(c, plain.Variables())
}

// query returns a query of the store that the source's name says.
func (x *exporter) query(name, source, query string) *QueryConfig {
	store, template := prometheusStore, "PromQL:"+query
	if strings.Contains(strings.ToLower(source), datadogStore) {
		store, template = datadogStore, query
	}
	if source != store {
		x.check("metric %q: the source %q is taken to be a %s", name, source, store)
	}
	return &QueryConfig{Type: store, fields: map[string]any{"type": store, "serviceType": store, "customInlineTemplate": template}}
}

// groups returns groups of equal weight, with the shares of the score that the
// metrics have.
func (x *exporter) groups(c *judgedv1.CanaryConfig) []group {
	weight := func(m *judgedv1.Metric) float64 {
		if m.GetWeight() == 0 {
			return 1
		}
		return m.GetWeight()
	}
	total := 0.0
	for _, m := range c.GetMetrics() {
		if m.GetKind() != judgedv1.Kind_HISTOGRAM {
			total += weight(m)
		}
	}
	var groups []group
	at := map[float64]int{}
	for _, m := range c.GetMetrics() {
		if m.GetKind() == judgedv1.Kind_HISTOGRAM {
			continue
		}
		w := weight(m)
		n, ok := at[w]
		if !ok {
			n = len(groups)
			at[w] = n
			groups = append(groups, group{name: "weight " + formatWeight(w)})
		}
		groups[n].weight += 100 * w / total
		groups[n].metrics = append(groups[n].metrics, m.GetName())
	}
	if len(groups) == 1 {
		groups[0].name = "metrics"
	}
	for n := range groups {
		groups[n].weight = math.Round(groups[n].weight*1e6) / 1e6
	}
	return groups
}

// rest says what a config has that Kayenta's has not.
func (x *exporter) rest(c *judgedv1.CanaryConfig, variables []string) {
	if c.GetScopes() != nil || c.GetSchedule() != nil {
		x.check("scopes and schedule are given with each execution")
	}
	params := slices.DeleteFunc(variables, func(name string) bool { return name == "scope" || name == "location" })
	if len(params) > 0 {
		x.check("give %s as extendedScopeParams of both scopes", strings.Join(params, ", "))
	}
	d := c.GetDecision()
	for _, unsaid := range []struct {
		name  string
		given bool
	}{
		{"decision.alpha", d.GetAlpha() != 0},
		{"decision.fail", d.GetFail() != ""},
		{"decision.inconclusive", d.GetInconclusive() != ""},
		{"decision.pass", d.GetPass() != ""},
		{"windows", c.GetWindows() != nil},
		{"traffic", c.GetTraffic() != nil},
		{"assignment", c.GetAssignment() == judgedv1.Assignment_RANDOMIZED},
	} {
		if unsaid.given {
			x.lose(unsaid.name, "Kayenta has no equivalent")
		}
	}
}
