package sequential_test

import (
	"fmt"

	"github.com/judged-dev/judged/judge/sequential"
)

// An hour's run is looked at every 15 minutes. The first look must be very sure;
// the last one is nearly the usual test at 0.05.
func ExampleDesign() {
	design := sequential.Design{Alpha: 0.05, Spending: sequential.OBrienFleming}
	bounds, err := design.Bounds([]float64{0.25, 0.5, 0.75, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range bounds {
		fmt.Printf("%2.0f min: |z| >= %.3f, p <= %.5f\n", 60*b.Fraction, b.Z, b.Level)
	}
	// Output:
	// 15 min: |z| >= 4.333, p <= 0.00001
	// 30 min: |z| >= 2.963, p <= 0.00305
	// 45 min: |z| >= 2.359, p <= 0.01832
	// 60 min: |z| >= 2.014, p <= 0.04400
}

// Looks come when data do: a source was down between minute 10 and 42.
func ExampleLooks() {
	looks, err := sequential.Design{Alpha: 0.01}.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, minute := range []float64{9, 10, 42, 43} {
		b, err := looks.Next(minute / 60)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("minute %2.0f: level %.5f, spent %.5f\n", minute, b.Level, b.Spent)
	}
	// Output:
	// minute  9: level 0.00022, spent 0.00022
	// minute 10: level 0.00014, spent 0.00028
	// minute 42: level 0.00466, spent 0.00490
	// minute 43: level 0.00321, spent 0.00514
}

// What a design finds, and when: an effect of 3.5 standard errors of the whole
// run.
func ExampleCross() {
	fractions := make([]float64, 56)
	for i := range fractions {
		fractions[i] = float64(i+5) / 60
	}
	bounds, err := sequential.Design{Alpha: 0.01}.Bounds(fractions)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := sequential.Cross(bounds, 3.5, sequential.TwoSided)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("found with probability %.2f, after %.0f of 60 minutes in the mean\n", c.Power, 60*c.Fraction)
	// Output:
	// found with probability 0.78, after 42 of 60 minutes in the mean
}

// Errors of two equally large arms, minute by minute; the alarm may come at
// any of them.
func ExampleRateRatio() {
	var e sequential.RateRatio
	canary := []float64{1, 3, 0, 4, 5, 3, 6, 4}
	baseline := []float64{1, 0, 1, 0, 1, 0, 1, 0}
	for minute := range canary {
		e.Add(baseline[minute], canary[minute], 1)
		if p := sequential.P(e.LogE(1)); p <= 0.01 {
			fmt.Printf("minute %d: p = %.4f\n", minute+1, p)
			return
		}
	}
	// Output:
	// minute 7: p = 0.0033
}

// The share of requests that reach the canary should be a tenth.
func ExampleLogDirichlet() {
	share := []float64{0.9, 0.1}
	prior := []float64{90, 10} // worth a hundred requests
	fmt.Printf("p = %.3f\n", sequential.P(sequential.LogDirichlet([]float64{9050, 950}, share, prior)))
	fmt.Printf("p = %.1g\n", sequential.P(sequential.LogDirichlet([]float64{9300, 700}, share, prior)))
	// Output:
	// p = 1.000
	// p = 2e-23
}
