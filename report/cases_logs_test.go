package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
)

// logFinding returns one of a log that 40 requests of the canary and 160 of the
// baseline wrote.
func logFinding(v judge.Verdict, c judge.Classification, reason string, changes ...judge.Change) judge.Finding {
	f := judge.NewFinding(logJudge, judge.Sample{Signal: judge.Signal{Name: "logs", Kind: judge.Count, Unit: "lines", Direction: judge.Increase}})
	f.Verdict, f.Classification, f.Reason, f.Changes = v, c, reason, changes
	f.Baseline.Level, f.Baseline.Events, f.Baseline.Total = 1280, 1280, 160
	f.Canary.Level, f.Canary.Events, f.Canary.Total = 402, 402, 40
	f.PValue, f.AdjustedPValue = 0.051, 0.051
	if v == judge.Fail {
		f.PValue, f.AdjustedPValue = 2e-8, 4e-8
	}
	f.Choice = "as logs: 40 requests against 160, 132 templates"
	f.Evidence = judge.Evidence{Source: "prod-loki", BaselineQuery: `{app="checkout",version="v1.8.2"}`, CanaryQuery: `{app="checkout",version="v1.9.0"}`}
	return f
}

func rateRatio(estimate, low, high float64) judge.Effect {
	return judge.Effect{Measure: judge.RateRatio, Estimate: estimate, Low: low, High: high, Level: 0.95}
}

func requests(events, exposure float64) judge.Tally {
	return judge.Tally{Events: events, Exposure: exposure}
}

// at returns a moment of the window.
func at(seconds float64) time.Time {
	return released.Add(7*time.Minute + time.Duration(seconds*float64(time.Second)))
}

func refused() judge.Change {
	return judge.Change{
		Kind: judge.New, ID: "0f3a9c2e77d01b44", Name: "charge of order <*> failed: dial tcp <*>: connect: connection refused",
		Level: "error", Logger: "PaymentClient", Severity: judge.Serious,
		Baseline: requests(0, 160), Canary: requests(12, 40), Effect: rateRatio(math.Inf(1), 9.13, math.Inf(1)),
		PValue: 1e-9, AdjustedPValue: 4e-8, FirstSeen: at(12.345), Instances: []string{"web-3"}, InstanceCount: 1, Single: true,
		Excerpts: []judge.Excerpt{
			{Time: at(12.345), Instance: "web-3", Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Text: "charge of order 77120 failed: dial tcp 10.1.2.3:8443: connect: connection refused"},
			{Time: at(15), Instance: "web-3", Trace: "00f067aa0ba902b7", Text: "charge of order 77131 failed: dial tcp 10.1.2.3:8443: connect: connection refused"},
			{Time: at(16), Instance: "web-3", Text: "a third line is not shown"},
		},
	}
}

func trace() judge.Change {
	return judge.Change{
		Kind: judge.New, ID: "9d0b8a11c4e2f370", Name: "unhandled exception in <*>\njava.lang.OutOfMemoryError\nat shop.cart.Cart.total",
		Level: "error", Logger: "shop.web.Handler", Severity: judge.Grave, Why: `it says "outofmemoryerror"`,
		Baseline: requests(0, 160), Canary: requests(1, 40), Effect: rateRatio(math.Inf(1), 0.02, math.Inf(1)),
		PValue: 0.2, AdjustedPValue: 1, FirstSeen: at(301), Instances: []string{"web-3"}, InstanceCount: 1,
		Excerpts: []judge.Excerpt{{
			Time: at(301), Instance: "web-3", Trace: "d1e2",
			Text: "unhandled exception in GET /cart/17\njava.lang.OutOfMemoryError: Java heap space\n\tat shop.cart.Cart.total(Cart.java:112)\n" +
				strings.Repeat("\tat shop.web.Handler.handle(Handler.java:77)\n", 20),
		}},
	}
}

func lost() judge.Change {
	return judge.Change{
		Kind: judge.Lost, ID: "5c7e2b9a10ffe3d8", Name: "receipt <*> mailed to <*>", Level: "info", Logger: "Mailer", Severity: judge.Warn,
		Baseline: requests(141, 160), Canary: requests(0, 40), Effect: rateRatio(0, 0, 0.107), PValue: 1e-12, AdjustedPValue: 1e-10,
		FirstSeen: at(-118), Instances: []string{"web-1", "web-2"}, InstanceCount: 2,
		Excerpts: []judge.Excerpt{{Time: at(-118), Instance: "web-1", Text: "receipt 10021 mailed to [e-mail]"}},
	}
}

func slower() judge.Change {
	return judge.Change{
		Kind: judge.SlotShift, ID: "77aa01cd93be4f52", Name: "SELECT <*> took <*>", Level: "debug", Logger: "db", Severity: judge.Info,
		Was: "variable part 2: p50 was 0.012, is 0.041", Effect: rateRatio(math.NaN(), math.NaN(), math.NaN()), PValue: 1e-6, AdjustedPValue: 1e-5,
		FirstSeen: at(0), Instances: []string{"web-3", "web-4", "web-5", "web-6", "web-7"}, InstanceCount: 9,
	}
}

func reworded() judge.Change {
	return judge.Change{
		Kind: judge.Renamed, ID: "1badb002c0ffee00", Name: "order <*> accepted for customer <*>", Was: "order <*> placed for customer <*>",
		Level: "info", Logger: "OrderService", Severity: judge.Info, Why: "it replaces 2badb002c0ffee00, which says nearly the same as often",
		Baseline: requests(158, 160), Canary: requests(39, 40), Effect: rateRatio(math.Inf(1), 100, math.Inf(1)), AdjustedPValue: 1e-9,
		FirstSeen: at(1), Instances: []string{"web-3", "web-4"}, InstanceCount: 2,
	}
}

func retries() judge.Change {
	return judge.Change{
		Kind: judge.Up, ID: "3e3e3e3e00112233", Name: "retrying <*> (<*> of <*>)", Level: "warn", Severity: judge.Ignored,
		Why:      "pinned as ignored by ann until 2026-12-01: JIRA-1234, the pool is too small",
		Baseline: requests(20, 160), Canary: requests(14, 40), Effect: rateRatio(2.8, 1.41, 5.6), PValue: 0.001, AdjustedPValue: 0.01,
		FirstSeen: at(-3600 * 24), Instances: []string{"web-3"}, InstanceCount: 1,
	}
}

// fewer counts lines: nothing says which request they belong to.
func fewer() judge.Change {
	return judge.Change{
		Kind: judge.Down, ID: "c0c0c0c012345678", Name: "heartbeat from <*>", Severity: judge.Info,
		Baseline: judge.Tally{Events: 900}, Canary: judge.Tally{Events: 61}, Effect: rateRatio(0.271, 0.204, 0.352),
		PValue: 1e-9, AdjustedPValue: 1e-8, FirstSeen: at(-100), Instances: []string{"node-0"}, InstanceCount: 1,
	}
}

// logsFail has logs beside metrics, with every kind of change and severity, and
// more of them than are shown.
func logsFail() *analysis.Result {
	changes := []judge.Change{trace(), refused(), lost(), slower(), reworded(), fewer(), retries()}
	for i := range 9 {
		c := retries()
		c.ID = fmt.Sprintf("%016x", i+1)
		c.Name = fmt.Sprintf("cache %c is cold", 'a'+i)
		changes = append(changes, c)
	}
	f := logFinding(judge.Fail, judge.High, trace().Sentence()+"; and 1 more", changes...)
	return result(judge.Decide([]judge.Finding{memoryPasses(), f, hitsSame()}, 0.05))
}

// logsDoubt has lines and not requests, no instances and no times.
func logsDoubt() *analysis.Result {
	c := lost()
	c.Baseline, c.Canary = judge.Tally{Events: 1410}, judge.Tally{}
	c.FirstSeen, c.Instances, c.InstanceCount, c.Logger = time.Time{}, nil, 0, ""
	c.Excerpts = []judge.Excerpt{{Text: "receipt 10021 mailed to [e-mail]"}}
	f := logFinding(judge.Inconclusive, judge.Unclear, c.Sentence(), c)
	f.Baseline.Total, f.Canary.Total = 0, 0
	f.Choice = "as logs: 402 lines against 1280, 132 templates"
	r := result(judge.Decide([]judge.Finding{f}, 0.05))
	r.Window.End = time.Time{}
	return r
}

// logsFew has nothing to say for lack of requests; a metric of the same kind
// could not be read.
func logsFew() *analysis.Result {
	f := logFinding(judge.Inconclusive, judge.Unclear, "nothing got worse, but 4 requests of the canary are too few: a new error in 100% of them could be overlooked", reworded())
	f.Canary.Total = 4
	silent := logFinding(judge.Inconclusive, judge.NoData, "the canary logged nothing, the baseline 1280 lines")
	silent.Signal.Name = "access logs"
	silent.Canary.Level, silent.Canary.Events, silent.Canary.Total = math.NaN(), 0, 0
	return result(judge.Decide([]judge.Finding{f, silent, memoryPasses()}, 0.05))
}

// hostileChanges are one of each kind with texts that try to get through.
func hostileChanges(a, b string, x, y float64) []judge.Change {
	all := []judge.Change{refused(), trace(), lost(), slower(), reworded(), fewer(), retries()}
	for i := range all {
		c := &all[i]
		c.ID, c.Name, c.Was, c.Level, c.Logger, c.Why, c.Instances = a, b, a, b, a, b, []string{a, b}
		c.Single = i%2 == 0
		c.Canary = judge.Tally{Events: x, Exposure: y}
		c.Effect.Low = y
		c.Excerpts = []judge.Excerpt{{Time: at(1), Instance: a, Trace: b, Text: a}, {Text: b}}
		c.Severity = judge.Severity(i - 1)
	}
	all[0].Kind = judge.ChangeKind(a)
	return slices.Clip(all)
}
