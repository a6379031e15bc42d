// Package suite runs unit tests of policies: a YAML file with rules, and cases
// that say what the rules are given and what they should answer. docs/policy.md
// shows the format.
package suite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/policy"
)

// Suite is a file that was read: its rules are compiled and its cases checked.
type Suite struct{ cases []testCase }

type testCase struct {
	policy, name string
	// run returns what is wrong, empty if nothing is.
	run func(context.Context) (complaint string)
}

// Result is what came of one case.
type Result struct {
	// Policy is the kind of the rules: "decision", "windows", "authorization",
	// "constraints" or "routes".
	Policy string
	// Case is the case's name.
	Case string
	// OK is whether the rules answered as wanted.
	OK bool
	// Message says what was wanted and what came instead, if not OK.
	Message string
}

// Run runs all cases, in the order of the file within each kind of rules. Cases
// after the end of ctx fail.
func (s *Suite) Run(ctx context.Context) []Result {
	results := make([]Result, 0, len(s.cases))
	for _, c := range s.cases {
		complaint := c.run(ctx)
		results = append(results, Result{Policy: c.policy, Case: c.name, OK: complaint == "", Message: complaint})
	}
	return results
}

// The file. Its keys are the words that rules use.
type file struct {
	Decision      decisionSection      `yaml:"decision"`
	Windows       windowsSection       `yaml:"windows"`
	Authorization authorizationSection `yaml:"authorization"`
	Constraints   constraintsSection   `yaml:"constraints"`
	Routes        routesSection        `yaml:"routes"`
}

type decisionSection struct {
	Fail         string         `yaml:"fail"`
	Inconclusive string         `yaml:"inconclusive"`
	Pass         string         `yaml:"pass"`
	Cases        []decisionCase `yaml:"cases"`
}

type decisionCase struct {
	Name  string   `yaml:"name"`
	Given judgment `yaml:"given"`
	Want  verdict  `yaml:"want"`
}

type windowsSection struct {
	Allow     []string            `yaml:"allow"`
	Deny      []string            `yaml:"deny"`
	Calendars map[string][]string `yaml:"calendars"`
	Cases     []windowCase        `yaml:"cases"`
}

type windowCase struct {
	Name  string `yaml:"name"`
	Given struct {
		Now         time.Time `yaml:"now"`
		Application string    `yaml:"application"`
		Config      string    `yaml:"config"`
	} `yaml:"given"`
	Want string `yaml:"want"`
	Next string `yaml:"next"`
}

type authorizationSection struct {
	Rules []struct {
		Name  string `yaml:"name"`
		Allow string `yaml:"allow"`
		Deny  string `yaml:"deny"`
	} `yaml:"rules"`
	Cases []authorizationCase `yaml:"cases"`
}

type authorizationCase struct {
	Name  string `yaml:"name"`
	Given struct {
		Caller      caller `yaml:"caller"`
		Claims      claims `yaml:"claims"`
		Action      string `yaml:"action"`
		Application string `yaml:"application"`
		Config      string `yaml:"config"`
		Tenant      string `yaml:"tenant"`
	} `yaml:"given"`
	Want string `yaml:"want"`
	Rule string `yaml:"rule"`
}

type constraintsSection struct {
	Rules []struct {
		Name    string `yaml:"name"`
		Require string `yaml:"require"`
		Message string `yaml:"message"`
	} `yaml:"rules"`
	Cases []struct {
		Name  string `yaml:"name"`
		Given struct {
			Config config `yaml:"config"`
			Caller caller `yaml:"caller"`
		} `yaml:"given"`
		Want *[]string `yaml:"want"`
	} `yaml:"cases"`
}

type routesSection struct {
	Rules map[string]string `yaml:"rules"`
	Cases []struct {
		Name  string    `yaml:"name"`
		Given event     `yaml:"given"`
		Want  *[]string `yaml:"want"`
	} `yaml:"cases"`
}

// builder turns sections into cases and collects what is wrong with them.
type builder struct {
	suite    Suite
	problems []string
}

func (b *builder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func (b *builder) compiled(err error) bool {
	if err != nil {
		b.problems = append(b.problems, strings.Split(err.Error(), "\n")...)
	}
	return err == nil
}

func (b *builder) add(kind string, i int, name string, run func(context.Context) string) {
	if name == "" {
		name = fmt.Sprintf("case %d", i+1)
	}
	b.suite.cases = append(b.suite.cases, testCase{kind, name, run})
}

func (b *builder) decision(s decisionSection) {
	d, err := policy.CompileDecision(s.Fail, s.Pass, s.Inconclusive)
	if !b.compiled(err) {
		return
	}
	for i, c := range s.Cases {
		if c.Want.missing() {
			b.problem("decision.cases[%d] has no want: say PASS, FAIL, INCONCLUSIVE or ERROR", i)
			continue
		}
		j, facts := c.Given.judged()
		b.add("decision", i, c.Name, func(ctx context.Context) string {
			got, err := d.Apply(ctx, j, facts)
			if err != nil {
				return err.Error()
			}
			if got.Verdict != c.Want.judge() {
				return fmt.Sprintf("want %v, got %s", c.Want.judge(), got.Summary)
			}
			return ""
		})
	}
}

func (b *builder) windows(s windowsSection) {
	calendars := map[string]policy.Calendar{}
	for _, name := range slices.Sorted(maps.Keys(s.Calendars)) {
		calendar, err := policy.ParseCalendar(s.Calendars[name])
		if err != nil {
			b.problem("windows.calendars.%s: %v", name, err)
		}
		calendars[name] = calendar
	}
	w, err := policy.CompileWindows(s.Allow, s.Deny, calendars)
	if !b.compiled(err) {
		return
	}
	for i, c := range s.Cases {
		var next time.Time
		if c.Next != "" && c.Next != never {
			if next, err = time.Parse(time.RFC3339, c.Next); err != nil {
				b.problem("windows.cases[%d].next is %q: write a moment like 2026-12-24T18:00:00+01:00, or never", i, c.Next)
			}
		}
		switch {
		case c.Given.Now.IsZero():
			b.problem("windows.cases[%d].given has no now: say which moment is asked about, like 2026-12-24T18:00:00+01:00", i)
		case c.Want != "open" && c.Want != "closed":
			b.problem("windows.cases[%d].want is %q: say open or closed", i, c.Want)
		case c.Want == "open" && c.Next != "":
			b.problem("windows.cases[%d] wants open and a next: only a closed window has one", i)
		}
		facts := policy.Facts{Application: c.Given.Application, Config: c.Given.Config}
		b.add("windows", i, c.Name, func(ctx context.Context) string {
			got, err := w.At(ctx, c.Given.Now, facts)
			switch {
			case err != nil:
				return err.Error()
			case got.Open != (c.Want == "open"):
				return fmt.Sprintf("want %s, got %v", c.Want, got)
			case c.Next == never && !got.Next.IsZero():
				return fmt.Sprintf("want it never to open, got %v", got)
			case !next.IsZero() && !got.Next.Equal(next):
				return fmt.Sprintf("want next at %s, got %v", c.Next, got)
			default:
				return ""
			}
		})
	}
}

// never is a next of a window that does not open within the year.
const never = "never"

func (b *builder) authorization(s authorizationSection) {
	var rules []policy.AuthorizationRule
	var names []string
	for _, r := range s.Rules {
		rules = append(rules, policy.AuthorizationRule{Name: r.Name, Allow: r.Allow, Deny: r.Deny})
		names = append(names, r.Name)
	}
	a, err := policy.CompileAuthorization(rules)
	if !b.compiled(err) {
		return
	}
	for i, c := range s.Cases {
		place := fmt.Sprintf("authorization.cases[%d]", i)
		if c.Want != "allowed" && c.Want != "denied" {
			b.problem("%s.want is %q: say allowed or denied", place, c.Want)
		}
		if c.Rule != "" && !slices.Contains(names, c.Rule) {
			b.problem("%s.rule: there is no rule %q", place, c.Rule)
		}
		if !slices.Contains(policy.Actions, c.Given.Action) {
			b.problem("%s.given.action is %q: it is one of %s", place, c.Given.Action, strings.Join(policy.Actions, ", "))
		}
		r := policy.Request{
			Caller: policy.Caller(c.Given.Caller), Claims: c.Given.Claims, Action: c.Given.Action,
			Application: c.Given.Application, Config: c.Given.Config, Tenant: c.Given.Tenant,
		}
		b.add("authorization", i, c.Name, func(ctx context.Context) string {
			got := a.Evaluate(ctx, r)
			if got.Allowed == (c.Want == "allowed") && (c.Rule == "" || c.Rule == got.Rule) {
				return ""
			}
			want := c.Want
			if c.Rule != "" {
				want += " by " + c.Rule
			}
			text := fmt.Sprintf("want %s, got %v", want, got)
			if got.Err != nil {
				text += "\n" + got.Err.Error()
			}
			return text
		})
	}
}

func (b *builder) constraints(s constraintsSection) {
	var rules []policy.Constraint
	var names []string
	for _, r := range s.Rules {
		rules = append(rules, policy.Constraint{Name: r.Name, Require: r.Require, Message: r.Message})
		names = append(names, r.Name)
	}
	compiled, err := policy.CompileConstraints(rules)
	if !b.compiled(err) {
		return
	}
	for i, c := range s.Cases {
		want, ok := b.wanted(fmt.Sprintf("constraints.cases[%d]", i), c.Want, names)
		if !ok {
			continue
		}
		given := c.Given.Config.policy()
		b.add("constraints", i, c.Name, func(ctx context.Context) string {
			var got, messages []string
			for _, v := range compiled.Check(ctx, given, policy.Caller(c.Given.Caller)) {
				got = append(got, v.Name)
				messages = append(messages, v.Name+": "+v.Message)
			}
			return differ(want, got, messages)
		})
	}
}

func (b *builder) routes(s routesSection) {
	compiled := map[string]*policy.Route{}
	names := slices.Sorted(maps.Keys(s.Rules))
	for _, name := range names {
		r, err := policy.CompileRoute(name, s.Rules[name])
		if b.compiled(err) {
			compiled[name] = r
		}
	}
	if len(compiled) < len(names) {
		return
	}
	for i, c := range s.Cases {
		place := fmt.Sprintf("routes.cases[%d]", i)
		if !slices.Contains(policy.EventTypes, c.Given.Type) {
			b.problem("%s.given.type is %q: it is one of %s", place, c.Given.Type, strings.Join(policy.EventTypes, ", "))
		}
		want, ok := b.wanted(place, c.Want, names)
		if !ok {
			continue
		}
		given := c.Given.policy()
		b.add("routes", i, c.Name, func(ctx context.Context) string {
			var got, problems []string
			for _, name := range names {
				matches, err := compiled[name].Match(ctx, given)
				if err != nil {
					problems = append(problems, err.Error())
				}
				if matches {
					got = append(got, name)
				}
			}
			return differ(want, got, problems)
		})
	}
}

// wanted checks that the names are there and returns them in order.
func (b *builder) wanted(place string, want *[]string, names []string) ([]string, bool) {
	if want == nil {
		b.problem("%s has no want: list names of rules, [] for none", place)
		return nil, false
	}
	ok := true
	for _, name := range *want {
		if !slices.Contains(names, name) {
			b.problem("%s.want: there is no rule %q", place, name)
			ok = false
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(*want))), ok
}

// differ says how two lists of names differ; more are lines that explain got.
func differ(want, got, more []string) string {
	got = slices.Sorted(slices.Values(got))
	if slices.Equal(want, got) {
		return ""
	}
	show := func(names []string) string {
		if len(names) == 0 {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	return strings.Join(append([]string{fmt.Sprintf("want %s, got %s", show(want), show(got))}, more...), "\n")
}

// judged returns what a decision is applied to. A verdict that is not given is
// the default decision's.
func (j judgment) judged() (judge.Judgment, policy.Facts) {
	alpha := judge.DefaultAlpha
	if j.Alpha != nil {
		alpha = *j.Alpha
	}
	var findings []judge.Finding
	for _, f := range j.Findings {
		findings = append(findings, f.judge())
	}
	out := judge.Decide(findings, alpha)
	if !j.Verdict.missing() {
		out.Verdict = j.Verdict.judge()
		out.Summary = out.Verdict.String() + ", as the case gives it."
	}
	if j.Score != nil {
		out.Score = *j.Score
	}
	if j.Reasons != nil {
		out.Reasons = j.Reasons
	}
	return out, policy.Facts{
		Application: j.Application, Config: j.Config, Baseline: j.Baseline, Canary: j.Canary,
		Window: policy.Window(j.Window), Look: policy.Look(j.Look),
	}
}
