package backtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/replay"
)

var update = flag.Bool("update", false, "write the fixtures and golden files instead of comparing with them")

const (
	shopRecording = "../../testdata/fixtures/shop"
	shopCases     = "../../testdata/fixtures/cases/shop.jsonl"
)

// The shape of the cases: windows of 7 minutes, which fit twice into the time
// before the release.
const (
	shopStep   = 15 * time.Second
	shopPoints = 28
	shopWindow = shopPoints * shopStep
)

// TestShopCases compares the cases of the shop with what is cut from its
// recording now. With -update it writes them.
func TestShopCases(t *testing.T) {
	got := newShop(t).cases()
	if *update {
		if err := os.MkdirAll(filepath.Dir(shopCases), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(shopCases, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(shopCases)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the recording gives; if that is meant: go test ./replay/backtest -run ShopCases -update", shopCases)
	}
}

// shop cuts cases from the recording of the shop. Before the release all three
// tracks run v1; after it canary runs v2, which asks its inventory once an item,
// and refactor runs v3, which is as good as v1.
type shop struct {
	t         *testing.T
	recording *replay.Recording
	release   time.Time
	out       bytes.Buffer
	random    *rand.Rand
}

// shopMetric is a query for one track, or for one instance of it.
type shopMetric struct {
	name, kind, direction string
	query, total          string
}

var shopMetrics = []shopMetric{
	{
		"checkout p50", "latency", "increase",
		`histogram_quantile(0.5, sum by (le) (rate(shop_http_request_duration_seconds_bucket{%s,route="/checkout"}[15s])))`, "",
	},
	{
		"errors", "ratio", "increase",
		`sum(increase(shop_http_requests_total{%s,code=~"5.."}[15s]))`, `sum(increase(shop_http_requests_total{%s}[15s]))`,
	},
	{"requests", "counter", "decrease", `sum(increase(shop_http_requests_total{%s}[15s]))`, ""},
}

func newShop(t *testing.T) *shop {
	t.Helper()
	r, err := replay.Open(shopRecording, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(shopRecording, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m replay.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return &shop{t: t, recording: r, release: m.Release, random: rand.New(rand.NewPCG(1, 2))}
}

func (s *shop) cases() []byte {
	before := s.release.Add(-2 * shopWindow)
	for w := range 2 {
		for _, arms := range [][2]string{{"stable", "canary"}, {"stable", "refactor"}, {"refactor", "canary"}} {
			for _, n := range []int{1, 3} {
				c := s.compare(arms[0], arms[1], before.Add(time.Duration(w)*shopWindow), n, w == 1)
				s.write(c.as(fmt.Sprintf("aa %s %s %d", arms[0], arms[1], w), "aa", "pass"))
			}
		}
		for _, in := range []Injection{{Type: "shift", Size: 0.1}, {Type: "shift", Size: 0.5}, {Type: "ramp", Size: 0.5}, {Type: "dark", Size: 0.6}, {Type: "gap", Size: 0.2}} {
			c := s.compare("stable", "canary", before.Add(time.Duration(w)*shopWindow), 1, w == 1)
			label, family := "fail", "inject"
			if in.Type == "gap" {
				label, family = "pass", "gap"
			}
			s.inject(c.Metrics[0].Canary, in)
			c.Injected = &in
			s.write(c.as(fmt.Sprintf("inject %v %d", in, w), family, label))
		}
		s.write(s.pods("stable", "refactor", before.Add(time.Duration(w)*shopWindow)).as(fmt.Sprintf("aa pods %d", w), "aa", "pass"))
	}
	after := s.release.Add(time.Minute) // the warm-up of examples/shop
	for w := range 4 {
		from := after.Add(time.Duration(w) * shopWindow)
		for _, n := range []int{1, 3} {
			s.write(s.compare("stable", "refactor", from, n, false).as(fmt.Sprintf("v3 %d", w), "real_canary", "pass"))
			c := s.compare("stable", "canary", from, n, false)
			c.Incident = &shopIncident{"one request an item"}
			s.write(c.as(fmt.Sprintf("v2 %d", w), "real_canary", "fail"))
		}
	}
	c := s.pods("stable", "canary", after)
	c.Incident = &shopIncident{"one request an item"}
	s.write(c.as("v2 pods", "real_canary", "fail"))
	return s.out.Bytes()
}

type shopCase struct {
	ID       string        `json:"id"`
	Source   string        `json:"source"`
	Pairing  string        `json:"pairing"`
	Family   string        `json:"family"`
	Shape    string        `json:"shape,omitempty"`
	Window   int           `json:"window"`
	Asked    int           `json:"m_asked"`
	Label    string        `json:"label"`
	Injected *Injection    `json:"injected"`
	Incident *shopIncident `json:"incident,omitempty"`
	Metrics  []shopSeries  `json:"metrics"`
}

type shopIncident struct {
	Kind string `json:"kind"`
}

type shopSeries struct {
	Name           string `json:"name"`
	Kind           string `json:"kind"`
	Direction      string `json:"direction"`
	StepSeconds    int    `json:"step_seconds"`
	Start          int64  `json:"start"`
	BaselineStart  int64  `json:"baseline_start"`
	Baseline       series `json:"baseline,omitempty"`
	Canary         series `json:"canary,omitempty"`
	BaselineTotals series `json:"baseline_totals,omitempty"`
	CanaryTotals   series `json:"canary_totals,omitempty"`

	BaselineHistory       series `json:"baseline_history,omitempty"`
	CanaryHistory         series `json:"canary_history,omitempty"`
	BaselineHistoryTotals series `json:"baseline_history_totals,omitempty"`
	CanaryHistoryTotals   series `json:"canary_history_totals,omitempty"`

	BaselinePods []series `json:"baseline_pods,omitempty"`
	CanaryPods   []series `json:"canary_pods,omitempty"`
}

// series writes four significant digits, and null for NaN.
type series []float64

// MarshalJSON implements json.Marshaler.
func (s series) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, v := range s {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, v, 'g', 4, 64)
	}
	return append(b, ']'), nil
}

// MarshalJSON writes an injection as files have it.
func (in Injection) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"type":%q,"size":%v,"scope":"all","metrics":[0]}`, in.Type, in.Size), nil
}

func (c shopCase) as(id, family, label string) shopCase {
	c.ID = fmt.Sprintf("shop %s m%d", id, c.Asked)
	c.Family, c.Label = family, label
	return c
}

func (s *shop) write(c shopCase) {
	text, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.out.Write(append(text, '\n'))
}

// compare is two tracks from a time on, with the window before as history.
func (s *shop) compare(baseline, canary string, from time.Time, n int, history bool) shopCase {
	c := shopCase{Source: "shop", Pairing: "arms", Window: shopPoints, Asked: n}
	for _, m := range shopMetrics[:n] {
		out := s.named(m, from)
		b, a := fmt.Sprintf("track=%q", baseline), fmt.Sprintf("track=%q", canary)
		out.Baseline, out.Canary = s.query(m.query, b, from), s.query(m.query, a, from)
		if history {
			older := from.Add(-shopWindow)
			out.BaselineHistory, out.CanaryHistory = s.query(m.query, b, older), s.query(m.query, a, older)
		}
		if m.total != "" {
			out.BaselineTotals, out.CanaryTotals = s.query(m.total, b, from), s.query(m.total, a, from)
			zeros(out.Baseline, out.BaselineTotals)
			zeros(out.Canary, out.CanaryTotals)
			if history {
				older := from.Add(-shopWindow)
				out.BaselineHistoryTotals, out.CanaryHistoryTotals = s.query(m.total, b, older), s.query(m.total, a, older)
				zeros(out.BaselineHistory, out.BaselineHistoryTotals)
				zeros(out.CanaryHistory, out.CanaryHistoryTotals)
			}
		}
		c.Metrics = append(c.Metrics, out)
	}
	return c
}

// zeros is that a counter which does not exist yet counts nothing.
func zeros(events, totals series) {
	for i := range events {
		if math.IsNaN(events[i]) && !math.IsNaN(totals[i]) {
			events[i] = 0
		}
	}
}

// pods is the first metric of two tracks, instance by instance.
func (s *shop) pods(baseline, canary string, from time.Time) shopCase {
	c := shopCase{Source: "shop", Pairing: "pods", Shape: "3x3", Window: shopPoints, Asked: 1}
	m := shopMetrics[0]
	out := s.named(m, from)
	for i := range 3 {
		out.BaselinePods = append(out.BaselinePods, s.query(m.query, fmt.Sprintf(`instance="%s-%d"`, baseline, i+1), from))
		out.CanaryPods = append(out.CanaryPods, s.query(m.query, fmt.Sprintf(`instance="%s-%d"`, canary, i+1), from))
	}
	c.Metrics = []shopSeries{out}
	return c
}

func (s *shop) named(m shopMetric, from time.Time) shopSeries {
	start := from.Add(shopStep).Unix()
	return shopSeries{
		Name: m.name, Kind: m.kind, Direction: m.direction, StepSeconds: int(shopStep.Seconds()), Start: start, BaselineStart: start,
	}
}

func (s *shop) query(text, selector string, from time.Time) series {
	s.t.Helper()
	grid := metrics.NewGrid(metrics.Window{Start: from, End: from.Add(shopWindow)}, shopStep)
	r, err := s.recording.Query(s.t.Context(), metrics.Query{Expr: fmt.Sprintf(text, selector), Grid: grid})
	if err != nil {
		s.t.Fatal(err)
	}
	var points []metrics.Point
	if len(r.Series) > 0 {
		points = r.Series[0].Points
	}
	aligned, err := metrics.Align(points, grid, metrics.Mean)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.Clone(aligned.Values)
}

// inject puts a regression into a series where it is.
func (s *shop) inject(values series, in Injection) {
	n := len(values)
	for i := range values {
		switch in.Type {
		case "shift":
			values[i] *= 1 + in.Size
		case "ramp":
			values[i] *= 1 + in.Size*float64(i)/float64(n-1)
		case "dark":
			if i >= n-int(in.Size*float64(n)) {
				values[i] = math.NaN()
			}
		case "gap":
			if s.random.Float64() < in.Size {
				values[i] = math.NaN()
			}
		}
	}
}
