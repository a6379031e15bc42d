package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// parseJUnit writes r and reads it back, checking that a strict reader knows
// every element and that the counts are those of the cases.
func parseJUnit(t *testing.T, r *analysis.Result) junitSuite {
	t.Helper()
	var b bytes.Buffer
	if err := JUnit(&b, r, Link{ID: "0198", URL: "https://judged.example.com/analyses/0198"}); err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatalf("%v in\n%s", err, b.Bytes())
	}
	s := all.Suite
	var again bytes.Buffer
	encoder := xml.NewEncoder(&again)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	if got := xml.Header + again.String() + "\n"; got != b.String() {
		t.Errorf("reading and writing changes it:\n%s\nwas\n%s", got, b.String())
	}
	failures, errs, skipped := 0, 0, 0
	for i, c := range s.Cases {
		results := 0
		if c.Failure != nil {
			failures, results = failures+1, results+1
		}
		if c.Error != nil {
			errs, results = errs+1, results+1
		}
		if c.Skipped != nil {
			skipped, results = skipped+1, results+1
		}
		if results > 1 || c.Name == "" || c.ClassName != s.Name || (i == 0) != (c.Name == verdictCase) {
			t.Errorf("case %d: %+v", i, c)
		}
	}
	if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errs || s.Skipped != skipped {
		t.Errorf("counts %d %d %d %d do not fit the cases", s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	if all.Tests != s.Tests || all.Failures != s.Failures || all.Errors != s.Errors {
		t.Error("the counts of testsuites are not those of its suite")
	}
	if len(s.Cases) != len(r.Findings)+1 {
		t.Errorf("%d cases for %d findings", len(s.Cases), len(r.Findings))
	}
	if red, want := failures+errs > 0, r.Verdict == judge.Fail || r.Verdict == judge.Error; red != want {
		t.Errorf("red: %v, but the verdict is %v", red, r.Verdict)
	}
	return s
}

func TestJUnit(t *testing.T) {
	for _, c := range goldenCases() {
		t.Run(c.name, func(t *testing.T) { parseJUnit(t, c.result) })
	}
}

func TestJUnitKeepsASignalCalledVerdict(t *testing.T) {
	f := latencyFails()
	f.Signal.Name = verdictCase
	s := parseJUnit(t, result(judge.Decide([]judge.Finding{f}, 0.05)))
	if got := s.Cases[1].Name; got != "verdict (metric)" {
		t.Errorf("got %q", got)
	}
}

// What does not decide is not red, whatever it found.
func TestJUnitNonCritical(t *testing.T) {
	s := parseJUnit(t, nonCritical())
	last := s.Cases[1]
	if last.Name != "memory" || last.Skipped == nil || !strings.Contains(last.Skipped.Message, "FAIL, but it does not decide") {
		t.Errorf("%+v", last)
	}
}

func FuzzJUnit(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, name, reason, query string, level, low, high float64, _ int) {
		r := fuzzed(name, reason, query, level, low, high)
		parseJUnit(t, r)
		// Token by token, as a reader does that knows no structure.
		var b bytes.Buffer
		if err := JUnit(&b, r, Link{ID: "0198", URL: "https://judged.example.com/analyses/0198"}); err != nil {
			t.Fatal(err)
		}
		checkPlain(t, b.String(), false)
		for d := xml.NewDecoder(&b); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
