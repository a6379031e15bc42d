package stat

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Reference values: docs/statistics.md.
func TestInflation(t *testing.T) {
	for _, c := range []struct {
		rho  float64
		n    int
		want float64
	}{
		{0, 60, 1},
		{0.3, 30, 1.81632653},
		{0.6, 60, 3.875},
		{0.9, 180, 18.000000},
	} {
		checkNear(t, "inflation", Inflation(c.rho, c.n), c.want, 1e-8)
	}
	// One point is worth one point.
	checkNear(t, "inflation of one point", Inflation(0.9, 1), 1, 1e-12)
}

func TestSeries(t *testing.T) {
	s := NewSeries([]float64{1, 2, 3, 4})
	checkNear(t, "mean", s.Mean, 2.5, 0)
	checkNear(t, "variance", s.Variance, 5.0/3, 1e-15)
	// (1.5*0.5 + -0.5*0.5 + 0.5*1.5)/5
	checkNear(t, "lag 1", s.Lag1, 0.25, 1e-15)
	checkNear(t, "rho", Series{N: 30, Lag1: 0.2}.Rho(0.95), (0.2+1.0/30)/(1-0.1), 1e-15)
	checkNear(t, "rho of an alternating series", Series{N: 30, Lag1: -0.9}.Rho(0.95), 0, 0)
	checkNear(t, "rho of a trend", Series{N: 30, Lag1: 0.95}.Rho(0.95), 0.95, 0)
	checkNear(t, "rho of three points", Series{N: 3, Lag1: 0}.Rho(0.95), 0.95, 0)
	if empty := NewSeries(nil); !math.IsNaN(empty.Mean) {
		t.Errorf("mean of nothing is %v, want NaN", empty.Mean)
	}
	checkNear(t, "lag 1 of a constant", NewSeries([]float64{2, 2, 2}).Lag1, 0, 0)
}

// The Nile's yearly flow, R's oracle of long-run variance; numbers from
// docs/statistics.md.
func TestNile(t *testing.T) {
	nile := readNile(t)
	s := NewSeries(nile)
	checkNear(t, "mean", s.Mean, 919.35, 1e-12)
	checkNear(t, "variance", s.Variance, 28637.94697, 1e-9)
	checkNear(t, "lag 1", s.Lag1, 0.4984081841, 1e-9)
	rho := s.Rho(0.95)
	checkNear(t, "rho", rho, 0.5241321486, 1e-9)
	f := Inflation(rho, s.N)
	checkNear(t, "inflation", f, 3.15655632, 1e-8)
	checkNear(t, "effective n", float64(s.N)/f, 31.6800937, 1e-8)
	checkNear(t, "standard error", math.Sqrt(s.PointVariance(rho)*f/float64(s.N)), 30.399063, 1e-7)

	mu, _ := huber(nile)
	checkNear(t, "Huber location", mu, 914.6843880232559, 1e-9)
}

// readNile reads the data that lie beside the repository, which may not be
// redistributed in it.
func readNile(t *testing.T) []float64 {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "statistics", "nile.csv")
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("the Nile series is not beside the repository: %v", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var x []float64
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, v)
	}
	return x
}
