package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
)

// thousand is as many findings as a large config has.
func thousand() *judged {
	var findings []judge.Finding
	for i := range 1000 {
		findings = append(findings, finding(fmt.Sprintf("signal-%04d", i), nil))
	}
	for i := range 16 { // as many logs as a config may have
		for n := range 200 {
			findings[i].Changes = append(findings[i].Changes, judge.Change{Kind: judge.New, Name: fmt.Sprintf("connection %d refused", n)})
		}
	}
	j := judge.Judgment{Verdict: judge.Pass, Reasons: []string{"a"}, Findings: findings}
	return &judged{judgment: &j, facts: &Facts{Application: strings.Repeat("a", 200)}, findings: findingsOf(findings)}
}

// Expressions that would cost minutes, or all memory, without the limits. Each
// is refused when it is compiled, or stopped.
func TestBombs(t *testing.T) {
	double := strings.Repeat(".map(x, x + x)", 40)
	nest := func(n int) string {
		return strings.Repeat("findings.all(f, ", n) + "true" + strings.Repeat(")", n)
	}
	given := thousand()
	for _, c := range []struct{ name, text, says string }{
		{"two loops", nest(2), "takes more than 1000000 steps"},
		{"five loops", nest(5), "takes more than 1000000 steps"},
		{"the deepest loops", nest(60), "takes more than 1000000 steps"},
		{"changes with changes", "findings.all(f, f.changes.all(c, findings.all(g, g.changes.all(d, c.id == d.id))))", "takes more than 1000000 steps"},
		{"changes that nothing is asked of", "findings.all(f, findings.all(g, size(findings[0].changes) > 0))", "takes more than 1000000 steps"},
		{"lists of changes", "size(findings.map(f, f.changes)) > 0", "cannot be part of another"},
		{"a text that doubles", "['0123456789abcdef']" + double + "[0] == ''", "a text of 32768 bytes was put together, more than 16384"},
		{"bytes that double", "[b'0123456789abcdef']" + double + "[0] == b''", "a text of 32768 bytes"},
		{"a list that doubles", "[[1]]" + double + ".size() == 1", "cannot be part of another"},
		{"lists that double through a variable", "[reasons]" + double + ".size() == 1", "cannot be part of another"},
		{"a tree that doubles", "[1]" + strings.Repeat(".map(x, [x, x])", 40) + ".size() == 1", "cannot be part of another"},
		{"a map that doubles", "[1]" + strings.Repeat(".map(x, {'a': x, 'b': x})", 40) + ".size() == 1", "cannot be part of another"},
		{"a long list", "findings.map(f, findings.map(g, f.name + g.name).size()).size() == 1", "takes more than 1000000 steps"},
		{"a long text in a loop", "findings.all(f, (f.name" + strings.Repeat(" + f.name", 50) + ").size() > 0)", "takes more than 1000000 steps"},
		{"a long text put together in a loop", "['" + strings.Repeat("x", 3500) + "'].all(s, findings.all(f, findings.all(g, s + f.name != s)))", "takes more than 1000000 steps"},
		{"a pattern in two loops", "findings.all(f, findings.all(g, !f.name.matches('((a?){10}){10}y')))", "takes more than 1000000 steps"},
		{"a search in two loops", "findings.all(f, findings.map(g, g.name).exists(n, n in findings.map(h, h.name)))", "takes more than 1000000 steps"},
		{"loops over constants", "findings.all(a, findings.all(b, findings.all(c, true)))", "takes more than 1000000 steps"},
		// 50 s with cel.CostLimit(10_000): see meter.
		{"a loop over what is not evaluated", "findings.exists(f, findings.filter(g, false" + strings.Repeat(" && g.high", 350) + ").size() > 0)", "takes more than 1000000 steps"},
		{"a pattern that is too large", "application.matches('((a?){30}){30}')", "repeat less"},
		{"a pattern that is huge", "application.matches('" + strings.Repeat("(x{1000})", 400) + "')", "more than 256"},
		{"patterns that are large", "[" + strings.Repeat("''.matches('"+strings.Repeat("(x{1000})", 28)+"'), ", 13) + "false].size() == 1", "repeat less"},
		{"a pattern put together", "findings.all(f, application.matches(f.name))", "must be written out"},
		{"parentheses", strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), "recursion limit"},
		{"open parentheses", strings.Repeat("(", 4096), "recursion limit"},
		{"open brackets", strings.Repeat("[", 4096), "recursion limit"},
		{"brackets closed", strings.Repeat("[", 60) + strings.Repeat("]", 60) + ".size() == 1", "cannot be part of another"},
		{"deep types", "[1]" + strings.Repeat(".map(x, [x])", 330) + ".size() == 1", "recursion"},
		{"many variables", "[1]" + strings.Repeat(".map(x, x)", 400) + "[0] == 2", "recursion"},
		{"choices", strings.Repeat("true ? true : ", 290) + "true", "recursion limit"},
		{"too long", strings.Repeat("true && ", 512) + "true", "more than 4096"},
		{"overflow", "9223372036854775807 + int(score) + 1 > 0", "overflow"},
		{"division by zero", "1 / int(score) > 0", "division by zero"},
		{"the last of nothing", "findings.filter(f, f.high)[0].high", "index out of bounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := decisions.compile("bomb", c.text, nil)
			if err == nil {
				_, steps, evalErr := r.eval(t.Context(), &variables{decisions.root, given})
				err = evalErr
				// One charge may pass the limit: a round of the largest body.
				if most := decisions.cost + maxNodes; steps > most {
					t.Errorf("%d steps were taken, more than %d", steps, most)
				}
			}
			if err == nil {
				t.Fatal("nothing stopped it")
			}
			says(t, err.Error(), c.says)
		})
	}
}

// What is not counted must be bounded by its length: nothing that repeats or
// grows may pass as short.
func TestShort(t *testing.T) {
	for text, want := range map[string]bool{
		"verdict == 'FAIL' && score < 50": true,
		"application.startsWith('shop-')": true,
		"'v1' in ['v1', 'v2']":            true,
		"1 + 1 == 2":                      true,
		"findings.exists(f, f.high)":      false,
		"application + 'x' == 'shopx'":    false,
		"b'a' + b'b' == b'ab'":            false,
		"application.matches('^shop')":    false,
		"[1].map(x, x).size() == 1":       false,
		"has(canary.version)":             true,
	} {
		if r := mustCompile(t, &decisions, text); r.short != want {
			t.Errorf("%s: short is %v", text, r.short)
		}
	}
}

// Rules of ordinary size must stay far below the limits.
func TestRoom(t *testing.T) {
	given := thousand()
	for _, text := range []string{
		"findings.exists(f, f.critical && f.high && has(f.pValue) && f.pValue < 0.01 && f.effect.estimate > 1.5)",
		"findings.all(f, f.name.matches('^signal-[0-9]+$'))",
		"findings.exists(f, f.changes.exists(c, c.kind == 'new' && c.severity in ['error', 'critical'] && c.name.contains('timeout') && c.canary.events > 3.0))",
		"findings.filter(f, f.critical).size() >= 0 && findings.map(f, f.weight).exists(w, w > 0.0)",
		strings.Repeat("verdict == 'PASS' && ", 150) + "true",
		strings.Repeat("(", 50) + "true" + strings.Repeat(")", 50),
	} {
		got, steps, err := mustCompile(t, &decisions, text).eval(t.Context(), &variables{decisions.root, given})
		if err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
		t.Logf("%.60s: %v in %d steps", text, got, steps)
	}
	// Every one of 200 findings with every other, as the limit promises.
	given.findings = findingsOf(given.judgment.Findings[:200])
	if _, steps, err := mustCompile(t, &decisions, "findings.all(f, findings.all(g, f.name == g.name || f.similar == g.similar))").
		eval(t.Context(), &variables{decisions.root, given}); err != nil {
		t.Errorf("after %d steps: %v", steps, err)
	}
}

// lateContext ends after it was asked once: between the start of an evaluation
// and its first look at the context.
type lateContext struct {
	context.Context //nolint:containedctx // it is one

	asked int
	done  chan struct{}
}

func (c *lateContext) Err() error {
	c.asked++
	if c.asked == 1 {
		return nil
	}
	return context.Canceled
}

func (c *lateContext) Done() <-chan struct{} { return c.done }

func TestInterrupted(t *testing.T) {
	ctx := &lateContext{Context: t.Context(), done: make(chan struct{})}
	close(ctx.done)
	r := mustCompile(t, &decisions, "findings.all(f, findings.all(g, f.high || true))")
	_, steps, err := r.eval(ctx, &variables{decisions.root, thousand()})
	// 64 elements pass between two looks at the context, at some 10 steps each.
	if !errors.Is(err, context.Canceled) || steps > 10_000 {
		t.Errorf("after %d steps: %v; want it interrupted at once", steps, err)
	}
}

// Compiled rules are shared by everything that runs at the same time. The race
// detector is what tests here.
func TestConcurrent(t *testing.T) {
	d := mustDecision(t, "findings.exists(f, f.pValue < 0.01)", "application.matches('^a+$')", "findings.exists(f, f.name + 'x' == 'y')")
	w, err := CompileWindows([]string{"now.getHours('Europe/Berlin') > 8 && now.getMinutes('+05:30') == 7"}, []string{"now.on('none', 'UTC')"}, map[string]Calendar{"none": {}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := CompileAuthorization([]AuthorizationRule{
		{Name: "wrong types", Allow: "claims.level.startsWith('x') || claims.level < 'x' || claims.level.getHours() == 3 || size(claims.level) == 1 || claims.level[0] == 1"},
		{Name: "missing", Allow: "claims.nothing == 1"},
		{Name: "too late", Allow: "timestamp(claims.seconds) > timestamp('2026-01-01T00:00:00Z')"},
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := CompileConstraints([]Constraint{{Name: "k", Require: "config.metrics.all(m, m.critical)"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := CompileRoute("r", "event.at.getHours('Asia/Tokyo') == 1")
	if err != nil {
		t.Fatal(err)
	}
	j := judge.Decide([]judge.Finding{finding("latency", nil)}, 0)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 50 {
				if _, err := d.Apply(t.Context(), j, Facts{Application: "aaa"}); err != nil {
					t.Error(err)
				}
				if _, err := w.At(t.Context(), time.Unix(int64(i)*1e5, 0), Facts{}); err != nil {
					t.Error(err)
				}
				if got := a.Evaluate(t.Context(), Request{Claims: map[string]any{"level": 3.0, "seconds": int64(1) << 61}}); got.Allowed || got.Err == nil {
					t.Error(got)
				}
				if got := k.Check(t.Context(), Config{Metrics: []Metric{{}}}, Caller{}); len(got) != 1 {
					t.Error(got)
				}
				if _, err := r.Match(t.Context(), Event{}); err == nil {
					t.Error("an event without a moment was read")
				}
			}
		})
	}
	wait.Wait()
}
