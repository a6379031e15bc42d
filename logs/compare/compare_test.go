package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// said is what some requests of one side say, spread over all.
type said struct {
	requests int
	level    logs.Level
	// text may have a %d for the request's number.
	text   string
	logger string
	site   uint32
	// times is how often each request says it; 0 is once.
	times int
	// instance of all of them; "" is pod-0, pod-1 and pod-2 in turn.
	instance string
}

// mined mines what requests say, one a second. Untraced lines have no trace id.
func mined(traced bool, requests int, all ...said) *mine.Miner {
	m := mine.New(mine.Options{})
	all = append(all, said{requests: requests, level: logs.Info, text: "request %d answered"})
	for i := range requests {
		for _, s := range all {
			if n := min(s.requests, requests); i*n/requests == (i+1)*n/requests {
				continue
			}
			text, instance := s.text, s.instance
			if strings.Contains(text, "%d") {
				text = fmt.Sprintf(text, i*7919%997) // as large on either side
			}
			if instance == "" {
				instance = fmt.Sprintf("pod-%d", i*7919%997%3)
			}
			r := logs.Record{
				Time: noon.Add(time.Duration(i) * time.Second), Level: s.level, Logger: []byte(s.logger), Site: s.site,
				Instance: []byte(instance), Message: []byte(text),
			}
			if traced {
				r.Trace = fmt.Appendf(nil, "%08x-%d", i, requests)
			}
			for range max(1, s.times) {
				m.Add(&r)
			}
		}
	}
	return m
}

func judged(sides Sides, o Options) judge.Finding {
	return New(sides, o).Judge(judge.Sample{Signal: judge.Signal{Name: "logs"}})
}

// told lists changes: "new error".
func told(f judge.Finding) string {
	var all []string
	for _, c := range f.Changes {
		what := strings.TrimSpace(string(c.Kind) + " " + c.Level)
		if c.Single {
			what += " on one instance"
		}
		all = append(all, what)
	}
	return strings.Join(all, ", ")
}

func TestKinds(t *testing.T) {
	ok := said{requests: 1000, level: logs.Info, text: "order %d placed"}
	some := func(n int, level logs.Level, text string) said { return said{requests: n, level: level, text: text} }
	for _, c := range []struct {
		name             string
		baseline, canary []said
		want             string
		verdict          judge.Verdict
		// lines: the same without trace ids gives something else.
		lines string
	}{
		{name: "nothing", baseline: []said{ok}, canary: []said{ok}, verdict: judge.Pass},
		{name: "new error", baseline: []said{ok}, canary: []said{ok, some(20, logs.Error, "no stock left")}, want: "new error", verdict: judge.Fail},
		{name: "new warning", baseline: []said{ok}, canary: []said{ok, some(20, logs.Warn, "no stock left")}, want: "new warn", verdict: judge.Inconclusive},
		{name: "new info", baseline: []said{ok}, canary: []said{ok, some(20, logs.Info, "stock is counted")}, want: "new info", verdict: judge.Pass},
		{name: "two of a new error", baseline: []said{ok}, canary: []said{ok, some(2, logs.Error, "no stock left")}, verdict: judge.Pass},
		{name: "more errors", baseline: []said{ok, some(5, logs.Error, "no stock left")}, canary: []said{ok, some(40, logs.Error, "no stock left")}, want: "up error", verdict: judge.Fail},
		{name: "fewer errors", baseline: []said{ok, some(60, logs.Error, "no stock left")}, canary: []said{ok, some(10, logs.Error, "no stock left")}, want: "down error", verdict: judge.Pass},
		{name: "no errors any more", baseline: []said{ok, some(60, logs.Error, "no stock left")}, canary: []said{ok}, want: "lost error", verdict: judge.Pass},
		{name: "lost success", baseline: []said{ok}, canary: nil, want: "lost info", verdict: judge.Inconclusive},
		{name: "less success", baseline: []said{ok}, canary: []said{some(40, logs.Info, "order %d placed")}, want: "down info", verdict: judge.Inconclusive},
		{name: "one critical line", baseline: []said{ok}, canary: []said{ok, some(1, logs.Critical, "the ledger is inconsistent")}, want: "new critical", verdict: judge.Fail},
		{name: "one panic", baseline: []said{ok}, canary: []said{ok, some(1, logs.Error, "panic: nil map")}, want: "new error", verdict: judge.Fail},
		{name: "a critical line that the baseline has", baseline: []said{ok, some(1, logs.Critical, "the ledger is inconsistent")}, canary: []said{ok, some(1, logs.Critical, "the ledger is inconsistent")}, verdict: judge.Pass},
		{name: "other words", baseline: []said{ok, some(50, logs.Error, "could not reach the ledger of the shop")}, canary: []said{ok, some(45, logs.Error, "could not reach the big ledger of the shop")}, want: "renamed error", verdict: judge.Pass},
		{name: "other words that say worse", baseline: []said{ok, some(50, logs.Info, "the big ledger of the shop is open")}, canary: []said{ok, some(50, logs.Info, "the big ledger of the shop is corrupted")}, want: "new info, lost info", verdict: judge.Fail},
		{name: "other words, six times as often", baseline: []said{ok, some(30, logs.Error, "could not reach the ledger of the shop")}, canary: []said{ok, some(180, logs.Error, "could not reach the big ledger of the shop")}, want: "new error, lost error", verdict: judge.Fail},
		{
			name: "on one instance", baseline: []said{ok}, canary: []said{ok, {requests: 30, level: logs.Error, text: "disk is full", instance: "pod-1"}}, want: "new error on one instance", verdict: judge.Fail,
			// Lines of one instance are one witness.
			lines: "none",
		},
	} {
		for _, traced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, traced %v", c.name, traced), func(t *testing.T) {
				f := judged(Sides{Baseline: mined(traced, 300, c.baseline...), Canary: mined(traced, 300, c.canary...)}, Options{})
				want, verdict := c.want, c.verdict
				if !traced && c.lines != "" {
					want, verdict = "", judge.Pass
				}
				if told(f) != want || f.Verdict != verdict {
					t.Errorf("%v: %q, want %v: %q (%s)", f.Verdict, told(f), verdict, want, f.Reason)
				}
				if _, err := json.Marshal(f.Reason); err != nil || f.Reason == "" {
					t.Errorf("reason %q: %v", f.Reason, err)
				}
			})
		}
	}
}

// TestUnequal: a canary of a tenth of the traffic is held against the baseline's rates.
func TestUnequal(t *testing.T) {
	many := func(requests int, more ...said) []said {
		for i := range 12 {
			more = append(more, said{requests: requests * (i + 1) / 13, level: logs.Info, text: "step " + strings.Repeat("x", i+1) + " of order %d done"})
		}
		return more
	}
	for _, traced := range []bool{true, false} {
		baseline := mined(traced, 900, many(900, said{requests: 90, level: logs.Error, text: "no stock left"})...)
		same := judged(Sides{Baseline: baseline, Canary: mined(traced, 100, many(100, said{requests: 10, level: logs.Error, text: "no stock left"})...)}, Options{})
		if len(same.Changes) > 0 {
			t.Errorf("traced %v: %q of a canary that says the same", traced, told(same))
		}
		more := judged(Sides{Baseline: baseline, Canary: mined(traced, 100, many(100, said{requests: 40, level: logs.Error, text: "no stock left"})...)}, Options{})
		if told(more) != "up error" || math.Abs(more.Changes[0].Effect.Estimate-4) > 1 /* the exposure is the median of ratios of some tens of lines */ {
			t.Errorf("traced %v: %q, effect %v, want four times the errors", traced, told(more), more.Changes)
		}
		known := judged(Sides{Baseline: baseline, Canary: mined(traced, 100, many(100, said{requests: 10, level: logs.Error, text: "no stock left"})...), Share: .5}, Options{})
		if quiet := len(known.Changes) == 0; quiet != traced {
			t.Errorf("traced %v: %q of a canary that has half of the traffic and says a ninth", traced, told(known))
		}
	}
}

// TestSeverity is the table of docs: what a change means by level, topic and pin.
func TestSeverity(t *testing.T) {
	now := noon
	pins := func(as judge.Severity, until time.Time) Severity {
		return Severity{Pins: []Pin{{Template: "other", As: judge.Ignored}, {Template: "t", As: as, Until: until, By: "ann", Note: "SHOP-7"}}}
	}
	for _, c := range []struct {
		name  string
		s     Severity
		kind  judge.ChangeKind
		level logs.Level
		text  string
		want  judge.Severity
		why   string
	}{
		{"new info", Severity{}, judge.New, logs.Info, "order placed", judge.Info, ""},
		{"new debug", Severity{}, judge.New, logs.Debug, "order placed", judge.Info, ""},
		{"new warning", Severity{}, judge.New, logs.Warn, "no stock", judge.Warn, ""},
		{"new error", Severity{}, judge.New, logs.Error, "no stock", judge.Serious, ""},
		{"new critical", Severity{}, judge.Up, logs.Critical, "no stock", judge.Grave, ""},
		{"no such level", Severity{}, judge.Up, 200, "no stock", judge.Grave, ""},
		{"no level, a failure", Severity{}, judge.New, logs.NoLevel, "connection refused", judge.Serious, `it says "refused"`},
		{"no level, an end", Severity{}, judge.New, logs.NoLevel, "OOMKilled", judge.Grave, `it says "oomkilled"`},
		{"no level, nothing", Severity{}, judge.New, logs.NoLevel, "order placed", judge.Info, ""},
		{"info that says failed", Severity{}, judge.New, logs.Info, "payment failed", judge.Warn, `it says "failed"`},
		{"info that says fatal", Severity{}, judge.New, logs.Info, "fatal: bad order", judge.Serious, `it says "fatal"`},
		{"warning that says fatal", Severity{}, judge.New, logs.Warn, "fatal: bad order", judge.Serious, `it says "fatal"`},
		{"error that says panic", Severity{}, judge.New, logs.Error, "panic: nil", judge.Grave, `it says "panic"`},
		{"camel case", Severity{}, judge.New, logs.Info, "ReadTimeoutException", judge.Warn, `it says "timeout"`},
		{"part of a word", Severity{}, judge.New, logs.Info, "failover of terrors", judge.Info, ""},
		{"levels only", Severity{LevelsOnly: true}, judge.New, logs.NoLevel, "panic", judge.Info, ""},
		{"lost info", Severity{}, judge.Lost, logs.Info, "order placed", judge.Warn, ""},
		{"less info", Severity{}, judge.Down, logs.Info, "order placed", judge.Warn, ""},
		{"lost debug", Severity{}, judge.Lost, logs.Debug, "order placed", judge.Info, ""},
		{"lost error", Severity{}, judge.Lost, logs.Error, "no stock", judge.Info, ""},
		{"lost, no level, a failure", Severity{}, judge.Lost, logs.NoLevel, "connection refused", judge.Info, `it says "refused"`},
		{"renamed", Severity{}, judge.Renamed, logs.Error, "no stock", judge.Info, ""},
		{"other values", Severity{}, judge.SlotShift, logs.Error, "took 5 ms", judge.Info, ""},
		{"pinned", pins(judge.Ignored, time.Time{}), judge.New, logs.Error, "no stock", judge.Ignored, "pinned as ignored by ann: SHOP-7"},
		{"pinned for a while", pins(judge.Info, now.Add(time.Hour)), judge.New, logs.Error, "no stock", judge.Info, "pinned as info by ann until 2026-03-04: SHOP-7"},
		{"pinned until now", pins(judge.Info, now), judge.New, logs.Error, "no stock", judge.Serious, ""},
		{"pinned as critical", pins(judge.Grave, time.Time{}), judge.Lost, logs.Info, "order placed", judge.Grave, "pinned as critical by ann: SHOP-7"},
	} {
		if got, why := c.s.Of(c.kind, "t", c.level, c.text, now); got != c.want || why != c.why {
			t.Errorf("%s: %v (%s), want %v (%s)", c.name, got, why, c.want, c.why)
		}
	}
}

// TestPins: a pin holds for the template that a finding named.
func TestPins(t *testing.T) {
	sides := Sides{Baseline: mined(true, 100), Canary: mined(true, 100, said{requests: 20, level: logs.Error, text: "no stock left"})}
	f := judged(sides, Options{})
	id := f.Changes[0].ID
	for _, c := range []struct {
		as      judge.Severity
		until   time.Time
		verdict judge.Verdict
	}{
		{judge.Ignored, time.Time{}, judge.Pass},
		{judge.Warn, time.Time{}, judge.Inconclusive},
		{judge.Ignored, noon.Add(-time.Hour), judge.Fail},
		{judge.Ignored, noon.Add(time.Hour), judge.Pass},
	} {
		s := Severity{Pins: []Pin{{Template: id, As: c.as, Until: c.until}}}
		if got := judged(sides, Options{Severity: s, Now: noon}); got.Verdict != c.verdict {
			t.Errorf("pinned as %v until %v: %v, want %v", c.as, c.until, got.Verdict, c.verdict)
		}
		if got := Rescore(f, s, noon); got.Verdict != c.verdict {
			t.Errorf("pinned afterwards as %v until %v: %v, want %v", c.as, c.until, got.Verdict, c.verdict)
		}
	}
	if f.Verdict != judge.Fail || f.Changes[0].Severity != judge.Serious {
		t.Error("a finding was changed by being scored again")
	}
}

// TestHistory: what was there before the release is not new.
func TestHistory(t *testing.T) {
	grave := said{requests: 1, level: logs.Critical, text: "the ledger is inconsistent"}
	sides := Sides{Baseline: mined(true, 100), Canary: mined(true, 100, grave, said{requests: 30, level: logs.Error, text: "no stock left"})}
	if got := told(judged(sides, Options{})); got != "new critical, new error" {
		t.Fatalf("without a history: %q", got)
	}
	sides.History = mined(true, 50, grave, said{requests: 5, level: logs.Error, text: "no stock left"})
	if got := told(judged(sides, Options{})); got != "up error" {
		t.Errorf("with a history that has both: %q, want more of the one that is certain", got)
	}
}

func TestSilence(t *testing.T) {
	some, none := mined(true, 100), mine.New(mine.Options{})
	for _, c := range []struct {
		name             string
		baseline, canary *mine.Miner
		fails            bool
		verdict          judge.Verdict
		reason           string
	}{
		{"neither", none, none, true, judge.Inconclusive, "neither side logged anything"},
		{"no baseline", none, some, true, judge.Inconclusive, "the baseline logged nothing, the canary 100 lines: there is nothing to compare with"},
		{"no canary", some, none, false, judge.Inconclusive, "the canary logged nothing, the baseline 100 lines"},
		{"no canary, which fails", some, none, true, judge.Fail, "the canary logged nothing, the baseline 100 lines"},
		{"no canary, but hardly any baseline", mined(true, 20), none, true, judge.Inconclusive, "the canary logged nothing, the baseline 20 lines"},
	} {
		f := judged(Sides{Baseline: c.baseline, Canary: c.canary}, Options{SilenceFails: c.fails})
		if f.Verdict != c.verdict || f.Reason != c.reason {
			t.Errorf("%s: %v: %s; want %v: %s", c.name, f.Verdict, f.Reason, c.verdict, c.reason)
		}
	}
}

// TestFew: what could not have been found is not said to be good.
func TestFew(t *testing.T) {
	few := judged(Sides{Baseline: mined(true, 100), Canary: mined(true, 6)}, Options{})
	if few.Verdict != judge.Inconclusive || !strings.Contains(few.Reason, "6 requests of the canary are too few") {
		t.Errorf("six requests: %v: %s", few.Verdict, few.Reason)
	}
	tolerated := judged(Sides{Baseline: mined(true, 100), Canary: mined(true, 20)}, Options{Tolerance: .9})
	if tolerated.Verdict != judge.Pass {
		t.Errorf("twenty requests, nine tenths of which may have a new error: %v: %s", tolerated.Verdict, tolerated.Reason)
	}
	last := 1.0
	for _, n := range []int{50, 200, 1000} {
		f := judged(Sides{Baseline: mined(true, n), Canary: mined(true, n)}, Options{})
		if !(f.Overlooked < last) || f.Overlooked <= 0 {
			t.Errorf("%d requests: a new error in %g could be overlooked, %g with fewer", n, f.Overlooked, last)
		}
		last = f.Overlooked
	}
}

// TestOneSideTraced: requests are counted where both sides tell them, and a side that
// stops to write trace ids has not lost its messages.
func TestOneSideTraced(t *testing.T) {
	f := judged(Sides{Baseline: mined(true, 200), Canary: mined(false, 200)}, Options{})
	if len(f.Changes) > 0 || len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], "only one side has trace ids") {
		t.Errorf("%q, warnings %q", told(f), f.Warnings)
	}
	canary := mined(true, 200)
	for i := range 200 {
		canary.Add(&logs.Record{Time: noon.Add(time.Duration(i) * time.Second), Level: logs.Info, Instance: fmt.Appendf(nil, "pod-%d", i%3), Message: []byte("cart is checked")})
	}
	f = judged(Sides{Baseline: mined(true, 200, said{requests: 200, level: logs.Info, text: "cart is checked"}), Canary: canary}, Options{})
	if len(f.Changes) > 0 {
		t.Errorf("%q, though the message only lost its trace ids", told(f))
	}
}

// TestRepeated: a request that says the same ten times says it once.
func TestRepeated(t *testing.T) {
	loop := said{requests: 2, level: logs.Error, text: "retry of the ledger", times: 50}
	f := judged(Sides{Baseline: mined(true, 100), Canary: mined(true, 100, loop)}, Options{})
	if len(f.Changes) > 0 {
		t.Errorf("%q of a hundred lines in two requests", told(f))
	}
}

// TestDrift: users who do one thing half again as often are no finding, however sure
// that is.
func TestDrift(t *testing.T) {
	mix := func(part int) []said {
		var all []said
		for i := range 10 {
			all = append(all, said{requests: 3000 * part / 100, level: logs.Info, text: "search step " + strings.Repeat("s", i+1) + " of %d"})
		}
		return all
	}
	if f := judged(Sides{Baseline: mined(true, 3000, mix(20)...), Canary: mined(true, 3000, mix(30)...)}, Options{}); len(f.Changes) > 0 {
		t.Errorf("%q, though users only search more", told(f))
	}
}

// TestSampled: of what is in many thousands of requests a sample is compared, each
// side's own.
func TestSampled(t *testing.T) {
	const n = 30_000
	f := judged(Sides{
		Baseline: mined(true, n, said{requests: n / 10, level: logs.Error, text: "no stock left"}),
		Canary:   mined(true, n/10, said{requests: n / 40, level: logs.Error, text: "no stock left"}),
	}, Options{})
	if told(f) != "up error" {
		t.Fatalf("%q, want more errors", told(f))
	}
	c := f.Changes[0]
	// A thousand of them are kept, five standard errors.
	near := func(got, want float64) bool { return math.Abs(got-want) <= 5*want/math.Sqrt(512) }
	if !near(c.Baseline.Events, n/10) || !near(c.Baseline.Exposure, n) || !near(c.Canary.Events, n/40) || !near(c.Canary.Exposure, n/10) {
		t.Errorf("baseline %+v, canary %+v", c.Baseline, c.Canary)
	}
}

// TestHidden: a new message that looks like one of an old template is found.
func TestHidden(t *testing.T) {
	var baseline, canary []said
	for _, state := range []string{"ready", "busy", "idle", "warm", "paused", "full", "empty", "clean"} {
		s := said{requests: 30, level: logs.Error, text: "the worker became " + state + " after %d steps of the plan"}
		baseline, canary = append(baseline, s), append(canary, s)
	}
	canary = append(canary, said{requests: 30, level: logs.Error, text: "the worker became inconsistent after %d steps of the plan"})
	sides := Sides{Baseline: mined(true, 200, baseline...), Canary: mined(true, 200, canary...)}
	c := New(sides, Options{})
	if c.Templates() != 2 {
		t.Fatalf("%d templates: this test is about one that hides another", c.Templates())
	}
	f := c.Judge(judge.Sample{})
	if told(f) != "new error" || !strings.Contains(f.Changes[0].Name, "inconsistent") {
		t.Errorf("%q: %s", told(f), f.Reason)
	}
	// One more word in a template that is grave is no first sign of anything.
	for i := range baseline {
		baseline[i].level, canary[i].level = logs.Critical, logs.Critical
	}
	canary[len(canary)-1].level, canary[len(canary)-1].requests = logs.Critical, 1
	f = judged(Sides{Baseline: mined(true, 200, baseline...), Canary: mined(true, 200, canary...)}, Options{})
	if len(f.Changes) > 0 {
		t.Errorf("%q of a word more in a known template", told(f))
	}
}

// TestEditedSource: statements that moved to other lines of their source are what
// they were.
func TestEditedSource(t *testing.T) {
	statements := func(by uint32) []said {
		var all []said
		for i := range 5 {
			all = append(all, said{requests: 60, level: logs.Info, text: "order %d at stage " + strings.Repeat("s", i+1), logger: "shop.Orders", site: uint32(10*i) + by})
		}
		return all
	}
	for _, traced := range []bool{true, false} {
		f := judged(Sides{Baseline: mined(traced, 100, statements(10)...), Canary: mined(traced, 100, statements(13)...)}, Options{})
		if len(f.Changes) > 0 {
			t.Errorf("traced %v: %q of statements that moved", traced, told(f))
		}
	}
}

// TestOverflow: where tables are full, what is not known is not judged, and the
// verdict says so.
func TestOverflow(t *testing.T) {
	fill := func(words string) *mine.Miner {
		m := mine.New(mine.Options{MaxBytes: 1 << 16})
		for i := range 1000 {
			m.Add(&logs.Record{Time: noon, Level: logs.Error, Trace: fmt.Appendf(nil, "%s%d", words, i), Message: fmt.Appendf(nil, "%s %s", words, strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(i)))})
		}
		return m
	}
	f := judged(Sides{Baseline: fill("same"), Canary: fill("same")}, Options{})
	if len(f.Changes) > 0 || f.Verdict != judge.Inconclusive || len(f.Warnings) != 2 || !strings.Contains(f.Warnings[0], "found no place") {
		t.Errorf("%v: %q, warnings %q", f.Verdict, f.Reason, f.Warnings)
	}
}

func TestSlotShift(t *testing.T) {
	values := func(message func(r *rand.Rand, i int) string) *mine.Miner {
		m, r := mine.New(mine.Options{}), rand.New(rand.NewPCG(1, 2))
		for i := range 400 {
			m.Add(&logs.Record{Time: noon.Add(time.Duration(i) * time.Second), Level: logs.Info, Instance: fmt.Appendf(nil, "pod-%d", i%3), Trace: fmt.Appendf(nil, "%d", i), Message: []byte(message(r, i))})
		}
		return m
	}
	took := func(factor float64) func(*rand.Rand, int) string {
		return func(r *rand.Rand, i int) string {
			return fmt.Sprintf("order %d took %.1fms", i, factor*math.Exp(r.NormFloat64())*10)
		}
	}
	cache := func(hits int) func(*rand.Rand, int) string {
		return func(r *rand.Rand, _ int) string {
			return fmt.Sprintf("cache=%s", map[bool]string{true: "hit", false: "miss"}[r.IntN(100) < hits])
		}
	}
	for _, c := range []struct {
		name             string
		baseline, canary func(*rand.Rand, int) string
		want             string
	}{
		{"the same numbers", took(1), took(1), ""},
		{"a tenth slower", took(1), took(1.1), ""},
		{"twice as slow", took(1), took(2), "slot-shift info"},
		{"the same words", cache(90), cache(90), ""},
		{"other words", cache(90), cache(40), "slot-shift info"},
	} {
		f := judged(Sides{Baseline: values(c.baseline), Canary: values(c.canary)}, Options{})
		if told(f) != c.want || f.Verdict != judge.Pass {
			t.Errorf("%s: %v: %q, want %q", c.name, f.Verdict, told(f), c.want)
			continue
		}
		if c.want != "" && f.Changes[0].Was == "" {
			t.Errorf("%s: it is not said what shifted", c.name)
		}
	}
}

// TestEvidence: a change says where and when, and shows lines, cleaned.
func TestEvidence(t *testing.T) {
	f := judged(Sides{Baseline: mined(true, 100), Canary: mined(true, 100, said{requests: 20, level: logs.Error, text: "no stock of key%d left", logger: "shop"})},
		Options{Clean: func(s string) string { return strings.ReplaceAll(s, "key", "***") }})
	c := f.Changes[0]
	if c.Logger != "shop" || c.Level != "error" || !c.FirstSeen.Equal(noon.Add(4*time.Second)) || c.InstanceCount != 3 || len(c.Instances) != 3 || len(c.Excerpts) != 3 || c.Single {
		t.Errorf("%+v", c)
	}
	if c.Excerpts[0].Trace == "" || c.Excerpts[0].Instance == "" || !strings.Contains(c.Excerpts[0].Text, "***") || strings.Contains(fmt.Sprintf("%+v", f), "key") {
		t.Errorf("excerpts %+v", c.Excerpts)
	}
}

// TestSameBytes: the same lines give the same finding, in whatever order and parts
// they come, but for the lines to read.
func TestSameBytes(t *testing.T) {
	build := func(seed uint64, parts int) *mine.Miner {
		var records []logs.Record
		for i := range 600 {
			level, text := logs.Info, fmt.Sprintf("order %d placed at stage %s", i, strings.Repeat("s", 1+i%7))
			if i%11 == 0 {
				level, text = logs.Error, fmt.Sprintf("stage %s failed", strings.Repeat("f", 1+i%5))
			}
			records = append(records, logs.Record{Time: noon.Add(time.Duration(i) * time.Second), Level: level, Instance: fmt.Appendf(nil, "pod-%d", i%4), Trace: fmt.Appendf(nil, "%d", i/2), Message: []byte(text)})
		}
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		}
		shards := make([]*mine.Miner, parts)
		for i := range shards {
			shards[i] = mine.New(mine.Options{})
		}
		for i := range records {
			shards[i%parts].Add(&records[i])
		}
		for _, s := range shards[1:] {
			shards[0].Merge(s)
		}
		return shards[0]
	}
	finding := func(seed uint64, parts int) judge.Finding {
		f := judged(Sides{Baseline: mined(true, 200), Canary: build(seed, parts)}, Options{})
		for i := range f.Changes {
			f.Changes[i].Excerpts = nil
		}
		return f
	}
	want := finding(0, 1)
	if len(want.Changes) < 3 {
		t.Fatalf("%d changes check little", len(want.Changes))
	}
	for seed := range uint64(5) {
		got := finding(seed, 1+int(seed%3))
		for i := range got.Changes {
			// Sums over the family are rounded in another order.
			if math.Abs(got.Changes[i].AdjustedPValue-want.Changes[i].AdjustedPValue) > 1e-12 {
				t.Errorf("q %g, want %g", got.Changes[i].AdjustedPValue, want.Changes[i].AdjustedPValue)
			}
			got.Changes[i].AdjustedPValue = want.Changes[i].AdjustedPValue
		}
		if !reflect.DeepEqual(fmt.Sprintf("%+v", got.Changes), fmt.Sprintf("%+v", want.Changes)) || got.Reason != want.Reason {
			t.Errorf("order %d: %+v\nwant %+v", seed, got.Changes, want.Changes)
		}
	}
	if a, b := fmt.Sprintf("%+v", judged(Sides{Baseline: mined(true, 200), Canary: build(0, 1)}, Options{})), fmt.Sprintf("%+v", judged(Sides{Baseline: mined(true, 200), Canary: build(0, 1)}, Options{})); a != b {
		t.Errorf("the same lines give\n%s\nand\n%s", a, b)
	}
}

// TestLooks: the same evidence counts less while there are more looks to come.
func TestLooks(t *testing.T) {
	sides := Sides{Baseline: mined(true, 100), Canary: mined(true, 100, said{requests: 10, level: logs.Error, text: "no stock left"})}
	once, look, last := judged(sides, Options{}), judged(sides, Options{Looks: true}), judged(sides, Options{Looks: true, Last: true})
	if !(once.PValue < last.PValue && last.PValue < look.PValue) || once.Verdict != judge.Fail {
		t.Errorf("p = %g at once, %g at the last look, %g at another", once.PValue, last.PValue, look.PValue)
	}
}

// BenchmarkCompare is what a judgment of a service of some hundred templates costs.
func BenchmarkCompare(b *testing.B) {
	for _, traced := range []bool{true, false} {
		var all []said
		for i := range 300 {
			all = append(all, said{requests: 1 + i*7%200, level: logs.Info, text: "stage " + strings.Repeat("a", 1+i/26) + string(rune('a'+i%26)) + " of order %d"})
		}
		sides := Sides{Baseline: mined(traced, 200, all...), Canary: mined(traced, 200, all...)}
		b.Run(fmt.Sprintf("traced=%v", traced), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				judged(sides, Options{})
			}
		})
	}
}
