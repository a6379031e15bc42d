package server_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// A user's rules decide, in a config as in a call with samples.
func TestDecisionRules(t *testing.T) {
	t.Parallel()
	i, _ := ticking(t, &shop{}, server.Options{})
	for name, c := range map[string]struct {
		canary   string
		decision *judgedv1.Decision
		verdict  judgedv1.Verdict
		text     string
	}{
		"none":         {"v2-slow", nil, judgedv1.Verdict_FAIL, ""},
		"fail":         {"v2", &judgedv1.Decision{Fail: "findings.all(f, !f.critical)"}, judgedv1.Verdict_FAIL, "decision.fail"},
		"inconclusive": {"v2-slow", &judgedv1.Decision{Inconclusive: "findings.exists(f, f.high)"}, judgedv1.Verdict_INCONCLUSIVE, "decision.inconclusive"},
		"pass":         {"v2-slow", &judgedv1.Decision{Pass: "findings.size() == 1"}, judgedv1.Verdict_PASS, "decision.pass"},
		"not true":     {"v2-slow", &judgedv1.Decision{Pass: "findings.size() > 1"}, judgedv1.Verdict_FAIL, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := liveConfig(c.canary, func(config *judgedv1.CanaryConfig) {
				config.Decision, config.Schedule.LookEvery = c.decision, durationpb.New(10*time.Minute)
			})
			a := i.last(t, i.begin(t, inline(config)).GetId())
			factor := 1.0
			if strings.HasSuffix(c.canary, "slow") {
				factor = 3
			}
			request := samples(1, 30, factor)
			request.Decision = c.decision
			judged, err := i.judge.Judge(t.Context(), connect.NewRequest(request))
			if err != nil {
				t.Fatal(err)
			}
			for way, j := range map[string]*judgedv1.Judgment{"config": a.GetJudgment(), "samples": judged.Msg.GetJudgment()} {
				if all := j.GetSummary() + strings.Join(j.GetReasons(), " "); j.GetVerdict() != c.verdict || !strings.Contains(all, c.text) {
					t.Errorf("%s: %v: %s", way, j.GetVerdict(), all)
				}
			}
		})
	}
}

// A good release is held while no release may go on, and the judgment says until
// when; a bad one is not.
func TestDeploymentWindows(t *testing.T) {
	t.Parallel()
	freeze, err := policy.ParseCalendar([]string{"2026-02-27/2026-03-02"})
	if err != nil {
		t.Fatal(err)
	}
	i, c := ticking(t, &shop{}, server.Options{Calendars: map[string]policy.Calendar{"freeze": freeze}})
	run := func(canary string, at time.Time) *judgedv1.Analysis {
		t.Helper()
		c.set(at)
		return i.last(t, i.begin(t, inline(liveConfig(canary, func(config *judgedv1.CanaryConfig) {
			config.Schedule.LookEvery = durationpb.New(10 * time.Minute)
			config.Windows = &judgedv1.DeploymentWindows{
				Deny:  []string{"now.on('freeze', 'Europe/Berlin')"},
				Allow: []string{"now.getHours('Europe/Berlin') >= 9"},
			}
		}))).GetId())
	}
	held := run("v2", release)
	if j := held.GetJudgment(); held.GetState() != judgedv1.AnalysisState_COMPLETED || j.GetVerdict() != judgedv1.Verdict_INCONCLUSIVE ||
		!strings.HasPrefix(j.GetSummary(), "INCONCLUSIVE: the release looks good, but not now: windows.deny[0] is true") ||
		!strings.Contains(j.GetSummary(), "next at 2026-03-03T09:00:00+01:00") || len(j.GetReasons()) < 1 {
		t.Errorf("during a freeze: %v: %s", j.GetVerdict(), j.GetSummary())
	}
	if j := run("v2-slow", release).GetJudgment(); j.GetVerdict() != judgedv1.Verdict_FAIL {
		t.Errorf("a bad release during a freeze: %v: %s", j.GetVerdict(), j.GetSummary())
	}
	if j := run("v2", time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)).GetJudgment(); j.GetVerdict() != judgedv1.Verdict_PASS {
		t.Errorf("after a freeze: %v: %s", j.GetVerdict(), j.GetSummary())
	}
	// What is held at one look may pass at a later one: the window opens at look 12.
	tolerance := 0.1
	waits := &shop{}
	other, clock := ticking(t, waits, server.Options{Calendars: map[string]policy.Calendar{"freeze": freeze}})
	waits.answer = func(q metrics.Query) (metrics.Result, error) {
		if minutes(q) == 48 {
			clock.set(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))
		}
		return series(q, nil), nil
	}
	r := inline(liveConfig("v2", func(config *judgedv1.CanaryConfig) {
		config.Schedule.LookEvery, config.Schedule.Duration = durationpb.New(4*time.Minute), durationpb.New(time.Hour)
		config.Metrics[0].Tolerance = &judgedv1.Margin{Relative: &tolerance}
		config.Windows = &judgedv1.DeploymentWindows{Deny: []string{"now.on('freeze', 'UTC')"}}
	}))
	r.ExpireAfter = durationpb.New(7 * 24 * time.Hour)
	passed := other.last(t, other.begin(t, r).GetId())
	looks := other.looks(t, passed.GetId())
	if passed.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS || len(looks) != 12 || !strings.Contains(looks[10].GetSummary(), "the release looks good, but not now") {
		t.Errorf("it ended after %d looks as %s", len(looks), passed.GetJudgment().GetSummary())
	}
}

// Mistakes in rules are shown with their place when a config is saved, checked or
// started, and what an admin requires is required at all of these.
func TestRulesAreCheckedEarly(t *testing.T) {
	constraints, err := policy.CompileConstraints([]policy.Constraint{
		{Name: "long enough", Require: "config.schedule.duration >= duration('20m')", Message: "let it run for 20 minutes"},
		{Name: "own sources", Require: "config.metrics.all(m, m.source == 'shop')"},
	})
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, server.Options{Constraints: constraints})
	for name, c := range map[string]struct {
		change func(*judgedv1.CanaryConfig)
		yaml   string
		text   []string
	}{
		"an unknown field": {
			func(c *judgedv1.CanaryConfig) { c.Decision = &judgedv1.Decision{Fail: "findings.exists(f, f.hihg)"} },
			"decision: {fail: 'findings.exists(f, f.hihg)'}",
			[]string{"decision.fail", "hihg", "\n", "^"},
		},
		"a wrong type": {
			func(c *judgedv1.CanaryConfig) { c.Decision = &judgedv1.Decision{Pass: "score + 1.0"} },
			"decision: {pass: score + 1.0}",
			[]string{"decision.pass", "^"},
		},
		"an unknown calendar": {
			func(c *judgedv1.CanaryConfig) {
				c.Windows = &judgedv1.DeploymentWindows{Deny: []string{"now.on('holidays', 'UTC')"}}
			},
			"windows: {deny: [\"now.on('holidays', 'UTC')\"]}",
			[]string{"windows.deny[0]", "holidays", "^"},
		},
		"an unknown zone": {
			func(c *judgedv1.CanaryConfig) {
				c.Windows = &judgedv1.DeploymentWindows{Allow: []string{"now.getHours('Mars/Olympus') > 1"}}
			},
			"windows: {allow: [\"now.getHours('Mars/Olympus') > 1\"]}",
			[]string{"windows.allow[0]", "Mars/Olympus", "^"},
		},
		"too short": {
			func(c *judgedv1.CanaryConfig) { c.Schedule.Duration = durationpb.New(10 * time.Minute) },
			"duration",
			[]string{"constraint long enough: let it run for 20 minutes"},
		},
		"a foreign source": {
			func(c *judgedv1.CanaryConfig) { c.Metrics[0].Source = "other" },
			"source",
			[]string{"constraint own sources"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := shopConfig("checkout")
			c.change(config)
			_, created := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config}))
			_, started := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(config)))
			for _, err := range []error{created, started} {
				wantCode(t, err, connect.CodeInvalidArgument, append(c.text, `config "checkout"`)...)
			}
			text := shopYAML + c.yaml + "\n"
			switch c.yaml {
			case "duration":
				text = strings.Replace(shopYAML, "30m", "10m", 1)
			case "source":
				text = strings.Replace(shopYAML, "source: shop", "source: other", 1)
			}
			checked, err := i.configs.ValidateConfig(t.Context(), connect.NewRequest(&judgedv1.ValidateConfigRequest{Text: text}))
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(checked.Msg.GetProblems(), "\n")
			for _, part := range c.text {
				if !strings.Contains(problems, part) {
					t.Errorf("the problems %q do not say %q", problems, part)
				}
			}
		})
	}
	if got := i.names(t); len(got) != 0 {
		t.Errorf("kept: %v", got)
	}
	i.create(t, shopConfig("good"))
}
