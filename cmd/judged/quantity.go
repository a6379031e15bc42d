package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// percent is a share on the command line: 5% or 0.05.
type percent float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *percent) UnmarshalText(text []byte) error {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no share: write 5%% or 0.05", text)
	}
	if isPercent {
		v /= 100
	} else if v >= 1 {
		return fmt.Errorf("%q is %s00%%: write %s%% if that is what you mean", text, number, number)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*p = percent(v)
	return nil
}

// change is a regression on the command line: 10%, 0.1 or, as a factor, 2x.
type change float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *change) UnmarshalText(text []byte) error {
	if number, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "x"); ok {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !(v > 1) || math.IsInf(v, 0) {
			return fmt.Errorf("%q is no factor above 1: write 2x for twice as many", text)
		}
		*c = change(v - 1)
		return nil
	}
	var p percent
	if err := p.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no change: write 10%% or 2x", text)
	}
	if p == 0 {
		return errors.New("a change of nothing cannot be found")
	}
	*c = change(p)
	return nil
}

// rate is a number of events a second on the command line: 1/min, 200/s.
type rate float64

var perUnit = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rate) UnmarshalText(text []byte) error {
	number, unit, ok := strings.Cut(strings.TrimSpace(string(text)), "/")
	length, known := perUnit[unit]
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || !known || err != nil || !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no rate: write 200/min, with s, min, h or d", text)
	}
	*r = rate(v / length.Seconds())
	return nil
}

// per returns how many events a length of time brings.
func (r rate) per(d time.Duration) float64 { return float64(r) * d.Seconds() }

// size is a number of bytes on the command line: 512KiB, 96MiB, 1GiB.
type size int64

var perSize = map[string]float64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *size) UnmarshalText(text []byte) error {
	number := strings.TrimRight(string(text), "BKMGTi")
	unit, known := perSize[string(text[len(number):])]
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if v *= unit; !known || err != nil || !(v >= 1) || v > 1<<50 {
		return fmt.Errorf("%q is no size: write 96MiB, with KiB, MiB or GiB", text)
	}
	*s = size(v)
	return nil
}
