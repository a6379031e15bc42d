package sequential_test

import (
	"math"
	"sync"
	"testing"

	"github.com/judged-dev/judged/judge/sequential"
)

// A monitor gives each error the levels of its own design.
func TestMonitor(t *testing.T) {
	m, err := sequential.NewMonitor(60, nil)
	if err != nil {
		t.Fatal(err)
	}
	var fractions []float64
	levels := map[float64][]float64{}
	for n := 10; n <= 60; n += 10 {
		level, err := m.Look(n)
		if err != nil {
			t.Fatal(err)
		}
		fractions = append(fractions, float64(n)/60)
		var wait sync.WaitGroup
		got := make([]float64, 2)
		for i, alpha := range []float64{0.05, 0.01} {
			wait.Go(func() { got[i] = level(alpha) })
		}
		wait.Wait()
		levels[0.05], levels[0.01] = append(levels[0.05], got[0]), append(levels[0.01], got[1])
	}
	for alpha, got := range levels {
		bounds, err := sequential.Design{Alpha: alpha}.Bounds(fractions)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range bounds {
			if got[i] != b.Level {
				t.Errorf("alpha %v, look %d: level %v, want %v", alpha, i, got[i], b.Level)
			}
		}
	}
	// An error that is asked for late is spent as if it had been there from the
	// first look on.
	again, err := m.Look(60)
	if err != nil {
		t.Fatal(err)
	}
	bounds, _ := sequential.Design{Alpha: 0.02}.Bounds(fractions)
	if got, want := again(0.02), bounds[len(bounds)-1].Level; got != want {
		t.Errorf("late: level %v, want %v", got, want)
	}
	if _, err := m.Look(59); err == nil {
		t.Error("a window may shrink")
	}
	beyond, err := m.Look(61)
	if err != nil || beyond(0.05) != 0 {
		t.Errorf("beyond the horizon: %v", err)
	}
	if level := again(math.NaN()); level != 0 {
		t.Errorf("an error of NaN has level %v", level)
	}
	if _, err := sequential.NewMonitor(0, nil); err == nil {
		t.Error("a horizon of 0")
	}
}

func BenchmarkMonitor(b *testing.B) {
	for b.Loop() {
		m, _ := sequential.NewMonitor(60, nil)
		for n := 5; n <= 60; n++ {
			level, _ := m.Look(n)
			level(0.01)
		}
	}
}
