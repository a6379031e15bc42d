package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
)

// service is a simulated program whose lines have no trace ids.
type service struct {
	// baseline and canary are the instances of both sides.
	baseline, canary int
	// share is the canary's part of the traffic.
	share float64
	// burst is the variance of the lines of a cell over their mean; instances is the
	// coefficient of variation of the rates of instances, for all messages together
	// and for each of them.
	burst, instances float64
	// err is how many lines of a new error the canary's instances write a second.
	err float64
	// shareKnown says that Sides.Share is given.
	shareKnown bool
}

var words = [...]string{"accepted", "answered", "booked", "cached", "deleted", "expanded", "fetched", "granted", "halted", "indexed"}

// simulate returns the sides of half an hour of a hundred messages, from one in
// twenty minutes to two a second.
func (s service) simulate(seed uint64) Sides {
	random := rand.New(rand.NewPCG(seed, 3))
	const messages, cells = 100, 180
	start := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	rates := make([]float64, messages) // lines of both sides in ten seconds
	for i := range rates {
		rates[i] = .01 * math.Exp(math.Log(1000)*random.Float64()*random.Float64())
	}
	varied := func() float64 {
		if s.instances == 0 {
			return 1
		}
		v := s.instances * s.instances
		return distuv.Gamma{Alpha: 1 / v, Beta: 1 / v, Src: random}.Rand()
	}
	sides := Sides{Baseline: mine.New(mine.Options{}), Canary: mine.New(mine.Options{})}
	if s.shareKnown {
		sides.Share = s.share
	}
	add := func(m *mine.Miner, cell, instance, lines int, level logs.Level, text string) {
		for range lines {
			m.Add(&logs.Record{
				Time: start.Add(time.Duration(cell) * 10 * time.Second), Level: level, Logger: []byte("shop"),
				Instance: fmt.Appendf(nil, "pod-%d", instance), Message: []byte(text),
			})
		}
	}
	for side, m := range []*mine.Miner{sides.Baseline, sides.Canary} {
		n, share := s.baseline, 1-s.share
		if side == 1 {
			n, share = s.canary, s.share
		}
		for instance := range n {
			own := varied()
			for i, rate := range rates {
				mean := rate * share / float64(n) * own * varied()
				level := logs.Info
				if i%5 == 0 {
					level = logs.Error
				}
				text := fmt.Sprintf("request %s by stage %s", words[i%10], words[i/10])
				for cell := range cells {
					lambda := mean
					if s.burst > 1 {
						lambda = distuv.Gamma{Alpha: mean / (s.burst - 1), Beta: 1 / (s.burst - 1), Src: random}.Rand()
					}
					if lambda > 1e-9 {
						add(m, cell, side*1000+instance, int(distuv.Poisson{Lambda: lambda, Src: random}.Rand()), level, text)
					}
				}
			}
			if side == 1 && s.err > 0 {
				for cell := range cells {
					add(m, cell, 1000+instance, int(distuv.Poisson{Lambda: 10 * s.err / float64(n), Src: random}.Rand()), logs.Error, "the ledger is inconsistent")
				}
			}
		}
	}
	return sides
}

// TestLinesWithoutTraces measures how often anything is told of a healthy canary, and
// how often a new error is found, where lines are all there is.
func TestLinesWithoutTraces(t *testing.T) {
	for _, c := range []struct {
		name string
		service
		// found is the least share of trials in which something is told.
		found float64
	}{
		{name: "independent lines", service: service{baseline: 5, canary: 5, share: .5, burst: 1}},
		{name: "bursts", service: service{baseline: 5, canary: 5, share: .5, burst: 5}},
		{name: "bursts, a tenth of the traffic", service: service{baseline: 5, canary: 5, share: .1, burst: 5}},
		{name: "instances differ", service: service{baseline: 5, canary: 5, share: .5, burst: 5, instances: .3}},
		{name: "instances differ, a tenth of the traffic", service: service{baseline: 5, canary: 5, share: .1, burst: 5, instances: .3}},
		{name: "nine instances and one", service: service{baseline: 9, canary: 1, share: .1, burst: 5, instances: .3}},
		{name: "nine instances and one, share known", service: service{baseline: 9, canary: 1, share: .1, burst: 5, instances: .3, shareKnown: true}},
		{name: "one instance and one", service: service{baseline: 1, canary: 1, share: .5, burst: 5, instances: .1}},
		{name: "new error every 30 s", service: service{baseline: 5, canary: 5, share: .5, burst: 5, instances: .3, err: 1. / 30}, found: .9},
		{name: "new error every 10 s", service: service{baseline: 9, canary: 1, share: .1, burst: 5, instances: .3, err: .1}, found: .9},
		{name: "new error every second", service: service{baseline: 1, canary: 1, share: .5, burst: 5, instances: .3, err: 1}, found: .9},
	} {
		t.Run(c.name, func(t *testing.T) {
			trials, _ := judgetest.Trials(10)
			anything, fails, kinds := 0, 0, map[string]int{}
			for seed := range trials {
				f := New(c.simulate(uint64(seed)), Options{}).Judge(judge.Sample{})
				if len(f.Changes) > 0 {
					anything++
				}
				if f.Verdict == judge.Fail {
					fails++
				}
				for _, change := range f.Changes {
					kinds[string(change.Kind)+" "+change.Level]++
				}
			}
			t.Logf("something told in %d of %d, FAIL in %d: %v", anything, trials, fails, kinds)
			if c.err > 0 {
				if share := float64(fails) / float64(trials); share < c.found {
					t.Errorf("the new error is found in %.2f, want %.2f", share, c.found)
				}
				return
			}
			const alpha = .05
			if se := math.Sqrt(alpha * (1 - alpha) / float64(trials)); float64(anything)/float64(trials) > alpha+3*se {
				t.Errorf("something is told in %d of %d, more than %g by 3 standard errors of %.3f", anything, trials, alpha, se)
			}
		})
	}
}
