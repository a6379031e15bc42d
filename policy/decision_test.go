package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/judged-dev/judged/judge"
)

func classify(c judge.Classification, v judge.Verdict) func(*judge.Finding) {
	return func(f *judge.Finding) { f.Classification, f.Verdict = c, v }
}

func TestDecision(t *testing.T) {
	good := judge.Decide([]judge.Finding{finding("latency", nil), finding("cpu", nil)}, 0)
	bad := judge.Decide([]judge.Finding{finding("latency", classify(judge.High, judge.Fail))}, 0)
	unclear := judge.Decide([]judge.Finding{finding("latency", classify(judge.Unclear, judge.Inconclusive))}, 0)
	empty := judge.Decide([]judge.Finding{finding("latency", classify(judge.NoData, judge.Inconclusive)), finding("cpu", classify(judge.NoData, judge.Inconclusive))}, 0)
	dark := judge.Decide([]judge.Finding{finding("latency", classify(judge.NoData, judge.Fail))}, 0)
	broken := judge.Decide([]judge.Finding{finding("latency", classify(judge.Failed, judge.Error))}, 0)
	nothing := judge.Decide(nil, 0)
	// A signal that does not decide could not be judged, and nothing else was.
	mixed := judge.Decide([]judge.Finding{
		finding("latency", func(f *judge.Finding) {
			f.Signal.Critical, f.Classification, f.Verdict = true, judge.NoData, judge.Inconclusive
		}),
		finding("cpu", classify(judge.Failed, judge.Error)),
	}, 0)
	for _, c := range []struct {
		name                     string
		given                    judge.Judgment
		fail, inconclusive, pass string
		want                     judge.Verdict
		reason                   string // that Reasons begins with; empty: unchanged
	}{
		{"no rules", good, "", "", "", judge.Pass, ""},
		{"none is true", good, "false", "false", "false", judge.Pass, ""},
		{"fail", good, "true", "", "", judge.Fail, "the rule decision.fail is true: true"},
		{"fail comes first", good, "true", "true", "true", judge.Fail, "the rule decision.fail"},
		{"inconclusive comes second", bad, "false", "true", "true", judge.Inconclusive, "the rule decision.inconclusive"},
		{"pass comes last", bad, "false", "false", "true", judge.Pass, "the rule decision.pass"},
		{"fail softened", bad, "", "verdict == 'FAIL' && score >= 0.0", "", judge.Inconclusive, "the rule decision.inconclusive"},
		{"unclear passes", unclear, "", "", "findings.all(f, !f.high)", judge.Pass, "the rule decision.pass"},
		{"the same verdict", bad, "true", "", "", judge.Fail, "the rule decision.fail"},
		{"no data is no pass", empty, "", "", "true", judge.Inconclusive, "the rule decision.pass is true, but no signal could be judged"},
		{"no data may fail", empty, "findings.all(f, f.noData)", "", "", judge.Fail, "the rule decision.fail"},
		{"a dark canary is no pass", dark, "", "", "true", judge.Fail, "the rule decision.pass is true, but"},
		{"a dark canary may wait", dark, "", "true", "", judge.Inconclusive, "the rule decision.inconclusive"},
		{"nothing that decides was judged", mixed, "", "", "true", judge.Inconclusive, "the rule decision.pass is true, but"},
		{"error stays", broken, "true", "true", "true", judge.Error, ""},
		{"nothing was compared", nothing, "", "", "true", judge.Error, ""},
		{"cannot be evaluated", good, "findings.exists(f, f.pValue < 0.01)", "", "true", judge.Error, "decision.fail could not be evaluated: there is no pValue here: ask has(...pValue) before you read it"},
		{"cannot be evaluated, but need not be", good, "true", "1 / 0 == 1", "", judge.Fail, "the rule decision.fail"},
		{"guarded", good, "findings.exists(f, has(f.pValue) && f.pValue < 0.01)", "", "", judge.Pass, ""},
		{"no such variable", good, "canary.zone == 'a'", "", "", judge.Error, "decision.fail could not be evaluated: there is no zone: ask has(...zone)"},
		{"not true or false", good, "[1, 2][2] == 1", "", "", judge.Error, "decision.fail could not be evaluated: index out of bounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := c.given
			given.Reasons = slices.Clone(given.Reasons)
			d := mustDecision(t, c.fail, c.pass, c.inconclusive)
			got, err := d.Apply(t.Context(), c.given, Facts{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != c.want {
				t.Errorf("verdict %v, want %v", got.Verdict, c.want)
			}
			same := cmp.Diff(c.given, got, cmpopts.EquateNaNs()) == ""
			if c.reason == "" {
				if !same {
					t.Errorf("the judgment changed: %+v", got)
				}
			} else if len(got.Reasons) != len(given.Reasons)+1 || !strings.HasPrefix(got.Reasons[0], c.reason) {
				t.Errorf("reasons %q, want one more that begins %q", got.Reasons, c.reason)
			}
			if !strings.HasPrefix(got.Summary, got.Verdict.String()+": ") {
				t.Errorf("the summary %q does not begin with the verdict %v", got.Summary, got.Verdict)
			}
			if got.Verdict != c.given.Verdict {
				says(t, got.Summary, "decision.", "without it "+c.given.Summary)
			}
			if diff := cmp.Diff(given, c.given, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("Apply changed what it was given:\n%s", diff)
			}
		})
	}
}

func TestDecisionSummary(t *testing.T) {
	d := mustDecision(t, "findings.exists(f,\n  f.critical && f.high)", "", "")
	j := judge.Decide([]judge.Finding{
		finding("latency", func(f *judge.Finding) {
			f.Signal.Critical, f.Classification, f.Verdict = true, judge.High, judge.Inconclusive
		}),
	}, 0)
	j.Summary = "INCONCLUSIVE: the evidence does not decide yet."
	got, err := d.Apply(t.Context(), j, Facts{})
	if err != nil {
		t.Fatal(err)
	}
	want := "FAIL: by the rule decision.fail (findings.exists(f, f.critical && f.high)); without it INCONCLUSIVE: the evidence does not decide yet."
	if got.Summary != want {
		t.Errorf("summary\n%s\nwant\n%s", got.Summary, want)
	}
}

func TestDecisionZero(t *testing.T) {
	j := judge.Decide([]judge.Finding{finding("latency", nil)}, 0)
	for _, d := range []*Decision{nil, {}} {
		got, err := d.Apply(t.Context(), j, Facts{})
		if err != nil || cmp.Diff(j, got, cmpopts.EquateNaNs()) != "" {
			t.Errorf("%+v: %+v, %v", d, got, err)
		}
	}
}

// A caller that gave up must not be left with a judgment that it could store.
func TestDecisionCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the server stops")
	cancel(gone)
	got, err := mustDecision(t, "true", "", "").Apply(ctx, judge.Decide([]judge.Finding{finding("latency", nil)}, 0), Facts{})
	if !errors.Is(err, gone) || got.Findings != nil {
		t.Errorf("got %+v, %v; want nothing and the cause", got, err)
	}
}

func TestDecisionErrors(t *testing.T) {
	_, err := CompileDecision("verdict == 'Fail'", "findings.exists(f, f.hihg)", "score >")
	if err == nil {
		t.Fatal("three mistakes were compiled")
	}
	says(t, err.Error(), "decision.fail:1:12 ", "decision.pass:1:21 ", "decision.inconclusive:1:8 ")
}
