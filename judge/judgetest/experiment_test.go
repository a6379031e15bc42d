package judgetest

import (
	"math"
	"slices"
	"testing"

	"github.com/judged-dev/judged/judge"
)

// fails judges by one value: FAIL from the look at so many intervals on, where the canary's first value
// is larger than the baseline's.
type fails struct{ after int }

func (fails) Name() string { return "fails" }

func (j fails) Judge(s judge.Sample) judge.Finding {
	f := judge.NewFinding("fails", s)
	if len(s.Canary.Values) >= j.after && s.Canary.Values[0] > s.Baseline.Values[0] {
		f.Verdict = judge.Fail
	}
	return f
}

func TestPower(t *testing.T) {
	e := Experiment{
		Judge: fails{7}, World: Gauge{Noise: 0.1}.World("test", 20, 0), Samples: 400,
		Looks: LooksEvery(1, 3, 20),
	}
	curve, err := e.Power(0.1, 1, 1.05, 10)
	if err != nil {
		t.Fatal(err)
	}
	// A healthy canary's first value is larger in half of the samples, and every
	// larger change adds to the very same ones.
	if half := curve[1].Share(); math.Abs(half-0.5) > 3*math.Sqrt(0.25/400) {
		t.Errorf("no change: %v", curve[1])
	}
	if curve[0].Hits != 0 || curve[2].Hits <= curve[1].Hits || curve[3].Hits != 400 {
		t.Errorf("power: %v", curve)
	}
	if curve[3].Median != 7 || curve[0].Median != 0 {
		t.Errorf("found after %d intervals, want 7; what is never found after %d", curve[3].Median, curve[0].Median)
	}
	again, err := e.Power(0.1, 1, 1.05, 10)
	if err != nil || !slices.Equal(curve, again) {
		t.Errorf("the same experiment: %v, then %v", curve, again)
	}
	if got, want := curve[3].String(), "+900%: 100.0% ± 0.2 (7 intervals)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Looks = []int{30}
	if _, err := e.Power(1); err == nil {
		t.Error("a look beyond the window is not refused")
	}
	e.Looks = []int{5, 5}
	if _, err := e.Power(1); err == nil {
		t.Error("two looks at once are not refused")
	}
}

// Every look shows the beginning of one and the same sample, pods included.
func TestLooksShowBeginnings(t *testing.T) {
	for _, w := range slices.Concat(Gauges(), Counts(), Ratios(), Pods()) {
		whole := w.Draw(w.source(3), 1.2)
		s := first(whole, 7)
		if len(s.Canary.Values) != 7 || !slices.Equal(s.Canary.Values, whole.Canary.Values[:7]) || s.History != whole.History {
			t.Errorf("%s: %v", w.Name, s.Canary.Values)
		}
		if s.Canary.Totals != nil && len(s.Canary.Totals) != 7 {
			t.Errorf("%s: %d totals", w.Name, len(s.Canary.Totals))
		}
		if s.Pods != nil && (len(s.Pods.Baseline[0].Values) != 7 || len(whole.Pods.Baseline[0].Values) != w.Intervals) {
			t.Errorf("%s: pods of %d intervals, of %d in the whole", w.Name, len(s.Pods.Baseline[0].Values), len(whole.Pods.Baseline[0].Values))
		}
	}
}

func TestLooksEvery(t *testing.T) {
	if got := LooksEvery(10, 5, 27); !slices.Equal(got, []int{10, 15, 20, 25}) {
		t.Error(got)
	}
	if got := LooksEvery(1, 0, 10); got != nil {
		t.Error(got)
	}
}

func TestRate(t *testing.T) {
	// sqrt(0.3 0.7 / 1000) = 1.45 points.
	if r := (Rate{Hits: 300, Samples: 1000}); r.Share() != 0.3 || math.Abs(r.StdErr()-0.0145) > 1e-4 {
		t.Errorf("%v: %v, %v", r, r.Share(), r.StdErr())
	}
	if r := (Rate{Samples: 1000}); r.StdErr() == 0 || r.String() != "0.0% ± 0.1" {
		t.Errorf("none of 1000: %v", r)
	}
}

func TestTrials(t *testing.T) {
	t.Setenv(TrialsVariable, "")
	want := 1000
	if testing.Short() {
		want = 100
	}
	if n, long := Trials(1000); n != want || long {
		t.Errorf("usually: %d, %v", n, long)
	}
	for value, want := range map[string]int{"7": 7, "99999999999": mostTrials} {
		t.Setenv(TrialsVariable, value)
		if n, long := Trials(1000); n != want || !long {
			t.Errorf("%s: %d, %v", value, n, long)
		}
	}
	t.Setenv(TrialsVariable, "-5")
	if _, long := Trials(1000); long {
		t.Error("-5 trials are long")
	}
}

// Rungs of one draw rise: levels by their factor, events by whole ones.
func TestLadder(t *testing.T) {
	for _, w := range slices.Concat(Gauges(), Counts(), Ratios(), Pods()) {
		rungsOf := w.ladder(w.source(1))
		for k := 1; k < len(rungsOf); k++ {
			for i, v := range rungsOf[k].Canary.Values {
				before := rungsOf[k-1].Canary.Values[i]
				if before > v || w.Kind != judge.Gauge && before != math.Trunc(before) {
					t.Errorf("%s: interval %d goes from %v to %v as the change grows to %g", w.Name, i, before, v, rungs[k])
				}
			}
		}
	}
}

// A fleet's arms are the means of their pods, and pods differ by their spread.
func TestFleet(t *testing.T) {
	const pods = 400
	s := Fleet{Pods: pods, Spread: 0.1, Shock: 0.3}.World("test", 5, 3).Draw(World{Name: "test"}.source(1), 2)
	sum, squares, mean := 0.0, 0.0, 0.0
	for _, pod := range s.Pods.Baseline {
		v := math.Log(pod.Values[0])
		sum += v
		squares += v * v
		mean += pod.Values[0] / pods
	}
	// The standard error of a standard deviation is 1/sqrt(2n) of it: 3.5 %.
	if sd := math.Sqrt(squares/pods - sum/pods*sum/pods); math.Abs(sd-0.1) > 0.011 {
		t.Errorf("pods differ by %v", sd)
	}
	if math.Abs(mean/s.Baseline.Values[0]-1) > 1e-12 {
		t.Errorf("the arm's level is %v, that of its pods %v", s.Baseline.Values[0], mean)
	}
	// Arms of 400 pods are alike to 0.1 sqrt(2/400), but for the change.
	if ratio := s.Canary.Values[0] / s.Baseline.Values[0]; math.Abs(ratio-2) > 0.05 {
		t.Errorf("a change of 2 makes %v", ratio)
	}
	if ratio := s.History.Canary.Values[0] / s.History.Baseline.Values[0]; math.Abs(ratio-1) > 0.03 {
		t.Errorf("in the history the arms' ratio is %v", ratio)
	}
}

// A calm history is independent, what follows is not.
func TestCalm(t *testing.T) {
	const n = 5000
	s := Gauge{Noise: 0.2, Rho: 0.8, Calm: true}.World("test", n, n).Draw(World{Name: "test"}.source(1), 1)
	lag1 := func(x []float64) float64 {
		products, squares := 0.0, 0.0
		for i := 1; i < n; i++ {
			a, b := math.Log(x[i]/0.137), math.Log(x[i-1]/0.137)
			products += a * b
			squares += a * a
		}
		return products / squares
	}
	// Three standard errors, 1/sqrt(n).
	if past, now := lag1(s.History.Canary.Values), lag1(s.Canary.Values); math.Abs(past) > 0.043 || math.Abs(now-0.8) > 0.043 {
		t.Errorf("autocorrelation of %v before and %v after", past, now)
	}
}
