package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/judge"
)

// Dimension is a property of a case that tables are broken down by.
type Dimension string

// Dimensions.
const (
	BySource   Dimension = "source"
	ByService  Dimension = "service"
	ByPairing  Dimension = "pairing"
	ByShape    Dimension = "shape"
	ByFamily   Dimension = "family"
	ByInjected Dimension = "injected" // type and size
	ByType     Dimension = "type"     // of what was injected
	ByIncident Dimension = "incident"
	ByWindow   Dimension = "window"
	ByMetrics  Dimension = "metrics" // their number, as asked for
)

// Dimensions lists all.
var Dimensions = []Dimension{
	BySource, ByService, ByPairing, ByShape, ByFamily, ByInjected, ByType, ByIncident, ByWindow, ByMetrics,
}

// ParseDimensions reads a list such as "pairing,window".
func ParseDimensions(list string) ([]Dimension, error) {
	var out []Dimension
	for name := range strings.SplitSeq(list, ",") {
		d := Dimension(strings.TrimSpace(name))
		if !slices.Contains(Dimensions, d) {
			return nil, fmt.Errorf("there is no dimension %q (dimensions: %s)", d, dimensionNames())
		}
		if slices.Contains(out, d) {
			return nil, fmt.Errorf("the dimension %q stands twice", d)
		}
		out = append(out, d)
	}
	return out, nil
}

func dimensionNames() string {
	names := make([]string, len(Dimensions))
	for i, d := range Dimensions {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

// level is one value of a dimension: names are sorted by name, numbers by size,
// injections by type and then size.
type level struct {
	name string
	size float64
	text string
}

func (d Dimension) of(l *Labels) level {
	named := func(s string) level {
		if s == "" {
			return level{text: "–"}
		}
		return level{name: s, text: s}
	}
	counted := func(n int) level { return level{size: float64(n), text: strconv.Itoa(n)} }
	switch d {
	case BySource:
		return named(l.Source)
	case ByService:
		return named(l.Service)
	case ByPairing:
		return named(l.Pairing)
	case ByShape:
		return named(l.Shape)
	case ByFamily:
		return named(l.Family)
	case ByType:
		return named(l.Injected.Type)
	case ByIncident:
		return named(l.Incident)
	case ByWindow:
		return counted(l.Window)
	case ByMetrics:
		return counted(l.Asked)
	default:
		v := named(l.Injected.Type)
		if l.Injected.Type != "" {
			v.size, v.text = l.Injected.Size, l.Injected.String()
		}
		return v
	}
}

// String is "shift 10%", "variance 2x".
func (in Injection) String() string {
	switch {
	case in.Type == "variance":
		return in.Type + " " + judge.FormatNumber(in.Size) + "x"
	case in.Size == 0:
		return in.Type
	default:
		return in.Type + " " + judge.FormatPercent(in.Size)
	}
}

// MustCatch reports whether every judge has to find the regression: a level
// 10 % worse, 20 % at the end of a ramp, half as many events again, a tail
// twice as long, a canary that goes silent.
func (in Injection) MustCatch() bool {
	switch in.Type {
	case "shift", "drop":
		return in.Size >= 0.1
	case "ramp":
		return in.Size >= 0.2
	case "count":
		return in.Size >= 0.5
	case "tail":
		return in.Size >= 1
	case "dark":
		return true
	default:
		return false
	}
}

func compareLevels(a, b []level) int {
	for i := range a {
		if c := cmp.Or(cmp.Compare(a[i].name, b[i].name), cmp.Compare(a[i].size, b[i].size)); c != 0 {
			return c
		}
	}
	return 0
}
