package backtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// lastValue is a judge for tests: it FAILs where the canary's last value is
// larger than the baseline's.
type lastValue struct{}

func (lastValue) Name() string { return "last" }

func (lastValue) Judge(inputs []analysis.Input) Outcome {
	s := inputs[0].Sample
	n := len(s.Canary.Values) - 1
	o := Outcome{Verdict: judge.Pass, Suspicion: s.Canary.Values[n] - s.Baseline.Values[n]}
	if math.IsNaN(o.Suspicion) {
		o.Verdict = judge.Error
	}
	if o.Suspicion > 0 {
		o.Verdict = judge.Fail
	}
	return o
}

func testCase(id, label, extra, canary string) string {
	return fmt.Sprintf(`{"id":%q,"label":%q%s,"metrics":[{"baseline":[0,0,0,0],"canary":[%s]}]}`+"\n", id, label, extra, canary)
}

func TestRunOrder(t *testing.T) {
	const cases = 1000
	var text, want strings.Builder
	for i := range cases {
		text.WriteString(testCase(fmt.Sprint(i), []string{"pass", "fail"}[i%2], "", fmt.Sprint(i%3)+",1,2,"+fmt.Sprint(i%3)))
		fmt.Fprintln(&want, i)
	}
	for _, workers := range []int{1, 2, 7} {
		var got strings.Builder
		calls := 0
		r, err := Run(t.Context(), []string{"-", write(t, "empty", nil)}, Options{
			Judges: []Judge{lastValue{}}, Workers: workers, Stdin: strings.NewReader(text.String()),
			Each: func(r *Result) error {
				fmt.Fprintln(&got, r.ID)
				return nil
			},
			Progress: func(p Progress) {
				if p.Total != 0 || p.Read == 0 {
					t.Errorf("progress %+v", p)
				}
				calls++
			},
		})
		if err != nil || r.Partial || r.Cases != cases || r.Healthy != cases/2 || got.String() != want.String() || calls == 0 {
			t.Errorf("%d workers: %+v, %v", workers, r, err)
		}
		// i%3 == 0 passes.
		if g := r.Overall[0]; g.Healthy.Pass != 167 || g.Healthy.Fail != 333 || g.Faulty.Pass != 167 || g.Faulty.Fail != 333 {
			t.Errorf("%d workers: %+v", workers, g)
		}
	}
}

func TestRunMalformed(t *testing.T) {
	text := testCase("1", "pass", "", "1") + "nonsense\n" + testCase("2", "pass", "", "1") + "{}\n"
	path := write(t, "c.jsonl", []byte(text))
	o := Options{Judges: []Judge{lastValue{}}}
	r, err := Run(t.Context(), []string{path}, o)
	if err == nil || !strings.HasPrefix(err.Error(), path+":2:1: ") || !r.Partial || r.Cases != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	o.SkipMalformed = true
	r, err = Run(t.Context(), []string{path}, o)
	if err != nil || r.Partial || r.Cases != 2 || r.Skipped != 2 || !strings.Contains(r.FirstSkipped.Error(), ":2:1:") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunErrors(t *testing.T) {
	one := testCase("1", "pass", "", "1")
	boom := errors.New("boom")
	stdin := func() io.Reader { return strings.NewReader(strings.Repeat(one, 100)) }
	if _, err := Run(t.Context(), []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: stdin(), Each: func(*Result) error { return boom }}); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	broken := io.MultiReader(stdin(), errorReader{boom})
	if r, err := Run(t.Context(), []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: broken}); !errors.Is(err, boom) || r.Cases != 100 || !r.Partial {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(t.Context(), []string{"/nowhere"}, Options{Judges: []Judge{lastValue{}}}); err == nil {
		t.Error("a file that is not there is read")
	}
	if _, err := Run(t.Context(), nil, Options{}); err == nil {
		t.Error("nobody judges")
	}
	// No points: the judge of this test indexes beyond them.
	panics := `{"id":"x","label":"pass","metrics":[{"baseline":[],"canary":[]}]}`
	_, err := Run(t.Context(), []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: strings.NewReader(panics), SkipMalformed: true})
	if err == nil || !strings.Contains(err.Error(), `standard input:1: case "x": judge "last" panicked`) {
		t.Errorf("error %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// A run that is interrupted while it waits for its input ends, and says what it
// has.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	defer out.Close()
	go func() {
		// Enough for the buffers in between to pass something on.
		_, _ = io.Copy(out, strings.NewReader(strings.Repeat(testCase("1", "pass", "", "1"), 20_000)))
	}()
	seen := 0
	r, err := Run(ctx, []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: in, Each: func(*Result) error {
		if seen++; seen == 100 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || !r.Partial || r.Cases < 100 || r.Cases == 20_000 {
		t.Errorf("%d cases, partial %v, error %v", r.Cases, r.Partial, err)
	}
	in.Close()
}

func TestRunLooks(t *testing.T) {
	text := testCase("late", "fail", "", "0,0,0,0,1"[2:]) + testCase("early", "fail", "", "0,1,0,0") +
		testCase("between", "fail", "", "1,0,0,0") + testCase("never", "pass", "", "0,0,0,0") + testCase("false", "pass", "", "0,1,1,0")
	var first []int
	r, err := Run(t.Context(), []string{"-"}, Options{
		Judges: []Judge{lastValue{}}, LookEvery: 2, Stdin: strings.NewReader(text),
		Each: func(r *Result) error {
			first = append(first, r.Looks[0].FirstFail)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "first FAIL", first, []int{4, 2, 0, 0, 2})
	g := r.Overall[0]
	if g.Healthy.Fail != 0 || g.Healthy.AnyLook != 1 || g.Faulty.Fail != 1 || g.Faulty.AnyLook != 2 || g.Faulty.MedianFirstFail != 2 || g.Faulty.MedianWindow != 4 {
		t.Errorf("%+v", g)
	}
}

// The macro mean gives each cell the same weight, must-catch each type and size,
// and arms that are known to differ count where they can be told apart only.
func TestRunRates(t *testing.T) {
	var text bytes.Buffer
	add := func(n int, label, extra string, fail int) {
		for i := range n {
			canary := "0"
			if i < fail {
				canary = "1"
			}
			text.WriteString(testCase("c", label, extra, "0,0,0,"+canary))
		}
	}
	add(8, "pass", `,"source":"a","pairing":"split"`, 2)                            // 25 %
	add(2, "pass", `,"source":"b","pairing":"split"`, 1)                            // 50 %
	add(1, "pass", `,"source":"b","pairing":"arms"`, 0)                             // 0 %
	add(4, "pass", `,"source":"b","pairing":"sibling-unlike"`, 4)                   // not scored
	add(4, "fail", `,"pairing":"split","injected":{"type":"shift","size":0.1}`, 1)  // 25 %
	add(2, "fail", `,"pairing":"split","injected":{"type":"shift","size":0.05}`, 2) // not a must
	add(1, "fail", `,"pairing":"split","injected":{"type":"dark","size":0.6}`, 1)   // 100 %
	add(1, "fail", `,"pairing":"canary","incident":{"kind":"out of memory"}`, 0)    // not injected
	r, err := Run(t.Context(), []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: &text, By: [][]Dimension{{ByPairing}, {BySource, ByInjected}, {ByIncident}}})
	if err != nil {
		t.Fatal(err)
	}
	g := r.Overall[0]
	if r.Healthy != 11 || r.Unlike != 4 || r.Faulty != 8 || g.Healthy.Failed() != (Rate{3, 11}) || g.FalseAlarms != (Macro{0.25, 3}) ||
		g.Faulty.Failed() != (Rate{4, 8}) || g.MustCatch != (Macro{0.625, 2}) {
		t.Errorf("%+v %+v", r, g)
	}
	var strata [][]string
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			strata = append(strata, append(row.Stratum, fmt.Sprint(row.Healthy.Cases(), row.Faulty.Cases())))
		}
	}
	same(t, "strata", strata, [][]string{
		{"arms", "1 0"},
		{"canary", "0 1"},
		{"sibling-unlike", "4 0"},
		{"split", "10 7"},
		{"–", "–", "0 1"},
		{"–", "dark 60%", "0 1"},
		{"–", "shift 5%", "0 2"},
		{"–", "shift 10%", "0 4"},
		{"a", "–", "8 0"},
		{"b", "–", "3 0"},
		{"–", "11 7"},
		{"out of memory", "0 1"},
	})
}

// A file cannot make tables of any size.
func TestRunStrata(t *testing.T) {
	var text strings.Builder
	for i := range maxStrata + 100 {
		text.WriteString(testCase("c", "pass", fmt.Sprintf(`,"source":"%d"`, i), "0"))
	}
	r, err := Run(t.Context(), []string{"-"}, Options{Judges: []Judge{lastValue{}}, Stdin: strings.NewReader(text.String()), By: [][]Dimension{{BySource}}})
	if err != nil {
		t.Fatal(err)
	}
	rows := r.Tables[0].Rows
	if last := rows[len(rows)-1]; len(rows) != maxStrata+1 || last.Stratum[0] != other || last.Healthy.Cases() != 100 {
		t.Errorf("%d rows, the last %+v", len(rows), last)
	}
}

func TestParseDimensions(t *testing.T) {
	got, err := ParseDimensions("pairing, window")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "dimensions", got, []Dimension{ByPairing, ByWindow})
	for _, list := range []string{"", "pairing,", "colour", "pairing,pairing"} {
		if _, err := ParseDimensions(list); err == nil {
			t.Errorf("%q are dimensions", list)
		}
	}
}
