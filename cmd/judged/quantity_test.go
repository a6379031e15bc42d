package main

import (
	"math"
	"testing"
	"time"
)

func TestQuantities(t *testing.T) {
	for text, want := range map[string]float64{"5%": 0.05, "0.05": 0.05, "0.1 %": 0.001, "0": 0, "150%": 1.5} {
		var p percent
		if err := p.UnmarshalText([]byte(text)); err != nil || math.Abs(float64(p)-want) > 1e-15 { // rounding
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "5", "-1%", "NaN", "Inf%", "x", "1e999%"} {
		var p percent
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, p)
		}
	}
	for text, want := range map[string]float64{"2x": 1, "1.5x": 0.5, "10%": 0.1} {
		var c change
		if err := c.UnmarshalText([]byte(text)); err != nil || math.Abs(float64(c)-want) > 1e-15 {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "x", "1x", "0.5x", "0%", "-10%", "2", "Infx", "NaNx"} {
		var c change
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, c)
		}
	}
	for text, want := range map[string]float64{"1/min": 1, "200/s": 12000, "60/h": 1, "1440/d": 1, "2/m": 2} {
		var r rate
		if err := r.UnmarshalText([]byte(text)); err != nil || math.Abs(r.per(time.Minute)-want) > 1e-9*want {
			t.Errorf("%q: %v a minute, %v", text, r.per(time.Minute), err)
		}
	}
	for _, text := range []string{"", "1", "/min", "1/", "1/year", "-1/s", "0/s", "NaN/s", "Inf/s"} {
		var r rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
	for text, want := range map[string]int64{"1": 1, "512B": 512, "1KiB": 1024, "1.5 MiB": 3 << 19, "2GiB": 2 << 30} {
		var n size
		if err := n.UnmarshalText([]byte(text)); err != nil || int64(n) != want {
			t.Errorf("%q: %v, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "0", "-1MiB", "1MB", "MiB", "1e30", "NaN", "InfGiB", "1iB"} {
		var n size
		if err := n.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, n)
		}
	}
}

// No text makes a number that formulas cannot take.
func FuzzQuantities(f *testing.F) {
	for _, seed := range []string{"5%", "2x", "1/min", "", "1e308x", "%", "x", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p percent
		if p.UnmarshalText([]byte(text)) == nil && !(p >= 0 && !math.IsInf(float64(p), 0)) {
			t.Errorf("percent %q: %v", text, p)
		}
		var c change
		if c.UnmarshalText([]byte(text)) == nil && !(c > 0 && !math.IsInf(float64(c), 0)) {
			t.Errorf("change %q: %v", text, c)
		}
		var n size
		if n.UnmarshalText([]byte(text)) == nil && n < 1 {
			t.Errorf("size %q: %v", text, n)
		}
		var r rate
		if r.UnmarshalText([]byte(text)) == nil && !(r > 0 && !math.IsInf(float64(r), 0)) {
			t.Errorf("rate %q: %v", text, r)
		}
	})
}
