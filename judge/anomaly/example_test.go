package anomaly_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
)

// hours returns a latency over so many hours, slow in the evening, with some
// noise, slower by a factor from the hour change on.
func hours(n, change int, factor float64) []float64 {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, n)
	for i := range x {
		x[i] = 0.2 * math.Exp(0.4*math.Sin(2*math.Pi*float64(i)/24)+0.05*r.NormFloat64())
		if i >= change {
			x[i] *= factor
		}
	}
	return x
}

// Everything was rolled out at once; all there is to compare with is the last
// fortnight.
func Example() {
	x := hours(14*24+16, 14*24+4, 1.5)
	finding := anomaly.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name: "latency-p99", Unit: "s", Direction: judge.Increase,
			Margin: judge.Margin{Relative: 0.05}, Tolerance: judge.Margin{Relative: 0.25},
		},
		Pair:    judge.Pair{Canary: judge.Side{Values: x[14*24:]}},
		History: &judge.Pair{Canary: judge.Side{Values: x[:14*24]}},
		Step:    time.Hour,
	})
	fmt.Println(finding.Verdict, finding.Effect)
	fmt.Println(finding.Reason)
	fmt.Println(finding.Warnings[0])
	// Output:
	// FAIL +42.1% (+38.1% to +46.4%)
	// worse than its own history lets expect by more than the margin of 5% (14 seasons of 24 hours, 17 windows of it forecast; since 12 hours before the end; weaker evidence than a concurrent baseline)
	// there is no concurrent baseline: whatever else changed since the history, such as load, dependencies or another release, looks like an effect of this one
}

// The same question as a function, on logarithms.
func ExampleLocate() {
	x := hours(8*24, 7*24+6, 1.3)
	for i, v := range x {
		x[i] = math.Log(v)
	}
	history, window := x[:7*24], x[7*24:]
	l, err := anomaly.Locate(history, window, anomaly.DetectSeason(history))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+.0f %% (standard error %.1f), p %.1g, a season of %d\n", 100*(math.Exp(l.Value)-1), 100*l.StdErr, l.PValue(), l.Season)
	// Output:
	// +25 % (standard error 1.5), p 3e-32, a season of 24
}

func ExampleChangePoints() {
	for _, c := range anomaly.ChangePoints([]float64{3, 4, 3, 4, 3, 4, 9, 8, 9, 9, 8, 9}, anomaly.ChangeOptions{}) {
		fmt.Printf("from %.1f to %.1f at point %d\n", c.Before, c.After, c.Index)
	}
	// Output: from 3.5 to 8.7 at point 6
}

// Which hours were unlike the same hour of other days?
func ExampleProfile_Scores() {
	x := hours(8*24, 8*24, 1)
	x[7*24+3] *= 1.5
	profile, err := anomaly.NewProfile(x[:7*24], 24)
	if err != nil {
		fmt.Println(err)
		return
	}
	for hour, score := range profile.Scores(x[7*24:]) {
		if math.Abs(score) > 5 {
			fmt.Printf("hour %d: %+.0f spreads\n", hour, score)
		}
	}
	// Output:
	// hour 3: +11 spreads
}

// Which points break the line through the six before them?
func ExamplePolynomialResiduals() {
	x := hours(100, 100, 1)
	x[70] *= 3
	residuals, err := anomaly.PolynomialResiduals(x, 1, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, score := range anomaly.Standardize(residuals) {
		if score > 5 {
			fmt.Printf("point %d\n", i)
		}
	}
	// Output: point 70
}
