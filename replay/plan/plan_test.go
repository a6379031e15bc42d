package plan

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/report"
)

// The answers agree with each other.
func TestIntervals(t *testing.T) {
	for _, s := range []Signal{
		{Kind: judge.Gauge, Noise: 0.08, Rho: 0.3, Margin: 0.05},
		{Kind: judge.Ratio, Events: 0.2, Weight: 0.11},
	} {
		p, err := New(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		last := math.MaxInt
		for _, change := range []float64{0.15, 0.3, 1, 3} {
			n := p.Intervals(change)
			if n == 0 || n > last {
				t.Errorf("%v: %d intervals find %v, %d a smaller change", s.Kind, n, change, last)
			}
			last = n
			if p.Power(change, n) < 0.8 || n > 1 && p.Power(change, n-1) >= 0.8 {
				t.Errorf("%v: %d intervals are not the fewest that find %v", s.Kind, n, change)
			}
			// Detectable is within 0.3 % of the logarithm.
			if got := p.Detectable(n); math.Log1p(got) > math.Log1p(change)*1.004 {
				t.Errorf("%v: %d intervals find %v, but at least %v", s.Kind, n, change, got)
			}
		}
		if n := p.Intervals(p.Margin()); n != 0 {
			t.Errorf("%v: a change within the margin is found in %d intervals", s.Kind, n)
		}
	}
}

// Less noise, more events, more alpha, no sharing of it: never harder.
func TestMonotone(t *testing.T) {
	find := func(s Signal, o Options) float64 {
		p, err := New(s, o)
		if err != nil {
			t.Fatal(err)
		}
		return p.Detectable(60)
	}
	gauge := Signal{Kind: judge.Gauge, Noise: 0.1, Rho: 0.3, Margin: 0.05}
	calm, sticky, random := gauge, gauge, gauge
	calm.Noise, sticky.Rho, random.Randomized = 0.05, 0.6, true
	base := find(gauge, Options{})
	for name, worse := range map[string]bool{
		"less noise":      find(calm, Options{}) >= base,
		"autocorrelation": find(sticky, Options{}) <= base,
		"randomized":      find(random, Options{}) >= base,
		"more signals":    find(gauge, Options{Signals: 10}) <= base,
		"more alpha":      find(gauge, Options{Alpha: 0.2}) >= base,
		"looks":           find(gauge, Options{Looks: 6}) <= base,
	} {
		if worse {
			t.Errorf("%s: the wrong way", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	gauge := Signal{Kind: judge.Gauge, Noise: 0.1}
	for name, c := range map[string]struct {
		s Signal
		o Options
	}{
		"no noise":       {Signal{Kind: judge.Gauge}, Options{}},
		"rho":            {Signal{Kind: judge.Gauge, Noise: 0.1, Rho: 1}, Options{}},
		"no events":      {Signal{Kind: judge.Count}, Options{}},
		"weight":         {Signal{Kind: judge.Count, Events: 1, Weight: -1}, Options{}},
		"distribution":   {Signal{Kind: judge.Distribution}, Options{}},
		"kayenta":        {Signal{Kind: judge.Gauge, Noise: 0.1, Judge: "mannwhitney"}, Options{}},
		"unknown judge":  {Signal{Kind: judge.Gauge, Noise: 0.1, Judge: "oracle"}, Options{}},
		"alpha":          {gauge, Options{Alpha: 1}},
		"power":          {gauge, Options{Power: 1}},
		"too many looks": {gauge, Options{Looks: 1 << 30}},
		"NaN":            {Signal{Kind: judge.Gauge, Noise: math.NaN()}, Options{}},
	} {
		if _, err := New(c.s, c.o); err == nil {
			t.Errorf("%s: there is a plan", name)
		}
	}
}

// Any numbers give a plan or an error, in bounded time.
func FuzzPlan(f *testing.F) {
	f.Add(uint8(0), 0.08, 0.3, 0.05, 1.0, 1.0, 60, 0)
	f.Add(uint8(1), 0.0, 0.0, 0.0, 1e9, 1e4, 1000, 120)
	f.Add(uint8(2), 0.0, 0.0, 3.0, 1e-9, 1e-4, 10, 19)
	f.Fuzz(func(t *testing.T, kind uint8, noise, rho, margin, events, weight float64, n, history int) {
		s := Signal{Kind: judge.Kind(kind % 3), Noise: noise, Rho: rho, Margin: margin, Events: events, Weight: weight, History: min(history, 1000)}
		p, err := New(s, Options{})
		if err != nil {
			return
		}
		if power := p.Power(0.5, min(max(n, 0), MaxIntervals)); !(power >= 0 && power <= 1+1e-9) {
			t.Errorf("%+v: a power of %v", s, power)
		}
	})
}

func example(t *testing.T, looks int) *Report {
	t.Helper()
	r, err := Make(t.Context(), []Question{
		{Signal: Signal{Name: "p99 <&> \x01", Kind: judge.Gauge, Noise: 0.16, Rho: 0.3, Margin: 0.05}},
		{Signal: Signal{Name: "a metric with quite a long name of its own", Kind: judge.Gauge, Noise: 0.02, Margin: 0.05}},
		{Signal: Signal{Name: "errors", Kind: judge.Ratio, Events: 0.5, Requests: 400}},
		{Signal: Signal{Name: "gone"}, Problem: "no data"},
	}, Options{Signals: 3, Looks: looks, Interval: 30 * time.Second}, 30*time.Minute, []float64{0.1, 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Title = "shop"
	return r
}

// The drawing is XML that asks for nothing, and its labels lie within it, none
// over another.
func TestSVG(t *testing.T) {
	var b strings.Builder
	if err := SVG(&b, example(t, 1)); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
	}
	for _, outside := range []string{"<script", "href", "url(", "@import"} {
		if strings.Contains(b.String(), outside) {
			t.Errorf("the drawing has %q", outside)
		}
	}
	type box struct {
		left, top, right, bottom float64
		text                     string
	}
	var boxes []box
	for _, m := range regexp.MustCompile(`<text x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)"( class="title")?>([^<]*)<`).FindAllStringSubmatch(b.String(), -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		size := 12.0
		if m[4] != "" {
			size = 16
		}
		// Letters of a sans-serif font are on average 0.56 of its size wide.
		wide := 0.56 * size * float64(utf8.RuneCountInString(m[5]))
		left := map[string]float64{"start": x, "middle": x - wide/2, "end": x - wide}[m[3]]
		boxes = append(boxes, box{left, y - 0.8*size, left + wide, y + 0.2*size, m[5]})
	}
	if len(boxes) < 10 {
		t.Fatalf("%d labels", len(boxes))
	}
	for i, a := range boxes {
		if a.left < 0 || a.top < 0 || a.right > svgWidth || a.bottom > svgHeight {
			t.Errorf("%q lies outside: %+v", a.text, a)
		}
		for _, b := range boxes[i+1:] {
			if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
				t.Errorf("%q lies over %q", a.text, b.text)
			}
		}
	}
	for _, m := range regexp.MustCompile(`<polyline[^>]* points="([^"]*)"`).FindAllStringSubmatch(b.String(), -1) {
		for point := range strings.FieldsSeq(m[1]) {
			xs, ys, _ := strings.Cut(point, ",")
			x, _ := strconv.ParseFloat(xs, 64)
			y, _ := strconv.ParseFloat(ys, 64)
			if x < plotLeft-0.1 || x > plotRight+30 || y < plotTop-0.1 || y > plotBottom+0.1 {
				t.Errorf("a curve leaves the plot at %s", point)
			}
		}
	}
}

// The chart keeps to the device's width and to its characters.
func TestChart(t *testing.T) {
	r := example(t, 1)
	for _, width := range []int{40, 80, 200} {
		for _, line := range r.chart(width, true) {
			if len(line) > max(width, 62) { // the title's length
				t.Errorf("width %d: %q", width, line)
			}
			for _, c := range line {
				if c > unicode7 {
					t.Errorf("%q in an ASCII chart", c)
				}
			}
		}
	}
	if lines := (&Report{}).chart(80, false); lines != nil {
		t.Errorf("a chart of nothing: %q", lines)
	}
}

const unicode7 = 127

func TestFormats(t *testing.T) {
	for _, looks := range []int{1, 6} {
		r := example(t, looks)
		for name, write := range map[string]func(io.Writer) error{
			"text":     func(w io.Writer) error { return Text(w, r, report.TextOptions{}) },
			"markdown": func(w io.Writer) error { return Markdown(w, r) },
			"json":     func(w io.Writer) error { return JSON(w, r) },
		} {
			var first, second strings.Builder
			if err := errors.Join(write(&first), write(&second)); err != nil {
				t.Fatal(err)
			}
			if first.String() != second.String() {
				t.Errorf("%s: not the same twice", name)
			}
			for _, want := range []string{"errors", "no data"} {
				if !strings.Contains(first.String(), want) {
					t.Errorf("%s does not say %q:\n%s", name, want, first.String())
				}
			}
			if strings.Contains(first.String(), "NaN") || strings.Contains(first.String(), "\x01") {
				t.Errorf("%s:\n%s", name, first.String())
			}
		}
	}
}

func TestMakeStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, []Question{{Signal: Signal{Kind: judge.Gauge, Noise: 0.1}}}, Options{}, 0, []float64{0.1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
