package backtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/report"
)

// shopReport is of judges that will not change.
func shopReport(t *testing.T, by [][]Dimension, every int, specs ...string) *Report {
	t.Helper()
	judges, err := ParseJudges(specs, judge.DefaultAlpha)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), []string{shopCases}, Options{Judges: judges, By: by, LookEvery: every})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGolden(t *testing.T) {
	several := shopReport(t, [][]Dimension{{ByFamily, ByInjected}, {ByMetrics}}, 7, "kayenta", "threshold=1.25")
	one := shopReport(t, nil, 0, "kayenta=95")
	awkward := &Report{
		Cases: 12345, Healthy: 1, Unlike: 12344, Partial: true, Skipped: 1, FirstSkipped: errors.New("cases.jsonl:3: the case has no label"),
		Judges: []string{"default"},
		Overall: []Row{{
			Judge: "default", Healthy: Group{Pass: 1}, FalseAlarms: Macro{0, 1}, MustCatch: Macro{Value: math.NaN()}, AUC: math.NaN(),
		}},
		Tables: []Table{{By: []Dimension{BySource}, Rows: []Row{{
			Stratum: []string{"a|b\x1b[31m*世界*"}, Judge: "default", Healthy: Group{Pass: 1}, FalseAlarms: Macro{0, 1},
			MustCatch: Macro{Value: math.NaN()}, AUC: math.NaN(),
		}}}},
	}
	for name, r := range map[string]*Report{"several": several, "one": one, "awkward": awkward} {
		golden(t, name+".txt", func(w io.Writer) error { return Text(w, r, report.TextOptions{Width: 100}) })
		golden(t, name+".color.txt", func(w io.Writer) error { return Text(w, r, report.TextOptions{Width: 60, Color: true, ASCII: true}) })
		golden(t, name+".md", func(w io.Writer) error { return Markdown(w, r) })
		golden(t, name+".json", func(w io.Writer) error { return JSON(w, r) })
	}
}

func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; if it is meant: go test ./replay/backtest -run Golden -update. It is now:\n%s", file, got.Bytes())
	}
}

// Every line of results is JSON that says what was found, whatever the texts
// and numbers.
func TestResultWriter(t *testing.T) {
	result := &Result{
		Labels: Labels{ID: "a\"b\\\n\x01é\xff", Faulty: true},
		Outcomes: []Outcome{
			{Verdict: judge.Fail, Score: 12.5, Suspicion: math.Inf(1), Findings: []judge.Finding{
				{
					Signal: judge.Signal{Name: "p99"}, Judge: "paired", Verdict: judge.Fail, Classification: judge.High,
					Effect: judge.Effect{Measure: judge.RatioOfLevels, Estimate: 1.5, Low: 1.2, High: math.Inf(1)}, AdjustedPValue: 1e-7, Reason: "worse",
				},
				{Signal: judge.Signal{Name: "x"}, Classification: judge.NoData, AdjustedPValue: math.NaN()},
			}},
			{Verdict: judge.Pass, Score: 100},
		},
		Looks: []Looks{{FirstFail: 7}, {}},
	}
	var out strings.Builder
	if err := NewResultWriter(&out, []Judge{lastValue{}, threshold{name: "threshold=2"}}).Write(result); err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"a\"b\\\n\u0001é\ufffd","label":"fail","judge":"last","verdict":"FAIL","score":12.5,"suspicion":null,"first_fail":7,"findings":[` +
		`{"metric":"p99","judge":"paired","verdict":"FAIL","classification":"high","measure":"ratio","effect":1.5,"low":1.2,"high":null,"p":1e-07,"reason":"worse"},` +
		`{"metric":"x","judge":"","verdict":"INCONCLUSIVE","classification":"no data","measure":"","effect":0,"low":0,"high":0,"p":null,"reason":""}]}` + "\n" +
		`{"id":"a\"b\\\n\u0001é\ufffd","label":"fail","judge":"threshold=2","verdict":"PASS","score":100,"suspicion":0,"first_fail":null,"findings":[]}` + "\n"
	same(t, "lines", out.String(), want)
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	out.Reset()
	result.Outcomes, result.Looks, result.Faulty, result.ID = result.Outcomes[1:], nil, false, "b"
	if err := NewResultWriter(&out, []Judge{lastValue{}}).Write(result); err != nil {
		t.Fatal(err)
	}
	same(t, "one judge", out.String(), `{"id":"b","label":"pass","verdict":"PASS","score":100,"suspicion":0,"findings":[]}`+"\n")
	boom := errors.New("boom")
	if err := NewResultWriter(errorWriter{boom}, []Judge{lastValue{}}).Write(result); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
}

type errorWriter struct{ err error }

func (w errorWriter) Write([]byte) (int, error) { return 0, w.err }
