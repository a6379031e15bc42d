package srm_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/srm"
)

// traffic draws intervals of requests of both arms.
type traffic func(r *rand.Rand, n int) judge.Pair

func poisson(r *rand.Rand, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: r}.Rand()
}

// split sends each request to the canary with probability share.
func split(share, requests float64) traffic {
	return func(r *rand.Rand, n int) judge.Pair {
		p := empty(n)
		for i := range n {
			p.Canary.Values[i] = poisson(r, requests*share)
			p.Baseline.Values[i] = poisson(r, requests*(1-share))
		}
		return p
	}
}

// sticky sends each client to an arm for good. Their rates are exponential, so
// that as many as half the clients, all equal, would move the share as far.
func sticky(share float64, clients int, requests float64) traffic {
	return func(r *rand.Rand, n int) judge.Pair {
		var canary, all float64
		for range clients {
			rate := r.ExpFloat64()
			all += rate
			if r.Float64() < share {
				canary += rate
			}
		}
		return split(canary/all, requests)(r, n)
	}
}

// pods sends requests to pods in proportion to weights that vary by sd from
// interval to interval and by lasting from pod to pod.
func pods(baseline, canary int, sd, lasting, requests float64) traffic {
	return func(r *rand.Rand, n int) judge.Pair {
		p := empty(n)
		level := make([]float64, baseline+canary)
		for i := range level {
			level[i] = lasting * r.NormFloat64()
		}
		for i := range n {
			var b, c float64
			for k, l := range level {
				w := math.Exp(l + sd*r.NormFloat64())
				if k < baseline {
					b += w
				} else {
					c += w
				}
			}
			p.Baseline.Values[i] = poisson(r, requests*b/(b+c))
			p.Canary.Values[i] = poisson(r, requests*c/(b+c))
		}
		return p
	}
}

// share of one canary pod beside ten.
const oneOfEleven = 1.0 / 11

func empty(n int) judge.Pair {
	return judge.Pair{Baseline: judge.Side{Values: make([]float64, n)}, Canary: judge.Side{Values: make([]float64, n)}}
}

// TestWorlds measures how often the default judge fails, and passes, right and
// wrong splits of real-looking traffic.
func TestWorlds(t *testing.T) {
	samples := 1000
	if testing.Short() {
		samples = 200
	}
	for _, w := range []struct {
		name     string
		expected float64
		draw     traffic
		healthy  bool
		// least share of the wanted verdict: measured, less four standard errors.
		least float64
	}{
		{"coin 50:50, 200 a minute", 0.5, split(0.5, 200), true, 0.98},
		{"coin 90:10, 1000 a minute", 0.1, split(0.1, 1000), true, 0.98},
		{"coin 99:1, 1000 a minute", 0.01, split(0.01, 1000), true, 0.98},
		{"coin 90:10, 10^6 a minute", 0.1, split(0.1, 1e6), true, 0.98},
		{"1000 sticky clients 90:10", 0.1, sticky(0.1, 1000, 1e4), true, 0.95},
		{"400 sticky clients 90:10", 0.1, sticky(0.1, 400, 1e4), true, 0.90},
		{"200 sticky clients 50:50", 0.5, sticky(0.5, 200, 1e4), true, 0.90},
		{"pods 10:1, sd 10 % a minute", oneOfEleven, pods(10, 1, 0.1, 0, 1e4), true, 0.98},
		{"pods 10:1, sd 10 % a minute, 10 % lasting", oneOfEleven, pods(10, 1, 0.1, 0.1, 1e5), true, 0.98},
		{"pods 3:3, sd 10 % a minute, 10 % lasting", 0.5, pods(3, 3, 0.1, 0.1, 1e5), true, 0.98},
		{"2.1 % instead of 10, 1000 a minute", 0.1, split(0.021, 1000), false, 0.99},
		{"5 % instead of 10, 1000 a minute", 0.1, split(0.05, 1000), false, 0.99},
		{"nothing instead of 10 %, 20 a minute", 0.1, split(0, 20), false, 0.99},
		{"nothing instead of 1 %, 100 a minute", 0.01, split(0, 100), false, 0.99},
		{"30 % instead of 50, 200 a minute", 0.5, split(0.30, 200), false, 0.99},
		{"one pod of 11 at half its traffic", oneOfEleven, func(r *rand.Rand, n int) judge.Pair {
			p := pods(10, 1, 0.1, 0, 1e4)(r, n)
			for i := range n {
				p.Canary.Values[i] = poisson(r, p.Canary.Values[i]/2)
			}
			return p
		}, false, 0.98},
	} {
		r := rand.New(rand.NewPCG(7, 7))
		j := srm.Judge{Share: w.expected}
		count := map[judge.Verdict]int{}
		for range samples {
			count[j.Judge(judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: w.draw(r, 60)}).Verdict]++
		}
		rate := func(v judge.Verdict) float64 { return float64(count[v]) / float64(samples) }
		fail, pass := rate(judge.Fail), rate(judge.Pass)
		se := func(p float64) float64 { return math.Sqrt(max(p*(1-p), 0.5/float64(samples)) / float64(samples)) }
		t.Logf("%-42s FAIL %5.1f %% (se %.1f)  PASS %5.1f %% (se %.1f)", w.name, 100*fail, 100*se(fail), 100*pass, 100*se(pass))
		if w.healthy {
			if most := 0.05 + 3*math.Sqrt(0.05*0.95/float64(samples)); fail > most {
				t.Errorf("%s: %.1f %% of right splits fail, want at most %.1f %%", w.name, 100*fail, 100*most)
			}
			if pass < w.least {
				t.Errorf("%s: %.1f %% of right splits pass, want %.1f %%", w.name, 100*pass, 100*w.least)
			}
		} else if fail < w.least {
			t.Errorf("%s: %.1f %% of wrong splits found, want %.1f %%", w.name, 100*fail, 100*w.least)
		}
	}
}

// TestLooks looks after every minute: the promise is for all looks together.
func TestLooks(t *testing.T) {
	runs := 400
	if testing.Short() {
		runs = 50
	}
	for _, w := range []struct {
		name     string
		expected float64
		draw     traffic
	}{
		{"coin 90:10", 0.1, split(0.1, 1000)},
		{"pods 10:1, sd 10 % a minute", oneOfEleven, pods(10, 1, 0.1, 0, 1e4)},
	} {
		r := rand.New(rand.NewPCG(8, 8))
		failed, sum, found := 0, 0, 0
		for run := range 2 * runs {
			whole := w.draw(r, 60)
			broken := run >= runs
			if broken {
				for i := range whole.Canary.Values {
					whole.Canary.Values[i] = poisson(r, whole.Canary.Values[i]/2)
				}
			}
			for n := 1; n <= 60; n++ {
				s := judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: judge.Pair{
					Baseline: judge.Side{Values: whole.Baseline.Values[:n]}, Canary: judge.Side{Values: whole.Canary.Values[:n]},
				}}
				if (srm.Judge{Share: w.expected, Clients: 1e6}).Judge(s).Verdict == judge.Fail {
					if broken {
						found++
						sum += n
					} else {
						failed++
					}
					break
				}
			}
		}
		rate, se := float64(failed)/float64(runs), math.Sqrt(0.05*0.95/float64(runs))
		t.Logf("%-30s a look every minute, margin 10 %%: %.1f %% of right splits fail (se %.1f); half the traffic is found in %.1f %%, after %.1f minutes",
			w.name, 100*rate, 100*se, 100*float64(found)/float64(runs), float64(sum)/float64(max(found, 1)))
		if rate > 0.05+3*se {
			t.Errorf("%s: %.1f %% fail", w.name, 100*rate)
		}
	}
}

// Fewer clients than the judge reckons with move the share further; told how
// few, it is right again.
func TestFewClients(t *testing.T) {
	const samples = 1000
	rate := func(j srm.Judge) float64 {
		r := rand.New(rand.NewPCG(9, 9))
		draw, failed := sticky(0.1, 100, 1e4), 0
		for range samples {
			if j.Judge(judge.Sample{Signal: judge.Signal{Kind: judge.Count}, Pair: draw(r, 30)}).Verdict == judge.Fail {
				failed++
			}
		}
		return float64(failed) / samples
	}
	unknown, known := rate(srm.Judge{Share: 0.1}), rate(srm.Judge{Share: 0.1, Clients: 50})
	se := math.Sqrt(0.05 * 0.95 / samples)
	t.Logf("clients worth 50, 90:10: %.1f %% of right splits fail with 200 in mind, %.1f %% with 50 (standard error %.1f)", 100*unknown, 100*known, 100*se)
	if known > 0.05+3*se || unknown < known {
		t.Errorf("%.1f %% of right splits fail with 50 clients in mind, %.1f %% with 200", 100*known, 100*unknown)
	}
}

// The suite's worlds of counts, in which the power they ask for is that of
// another margin, and a canary that gets less.
func TestSuite(t *testing.T) {
	judgetest.Run(t, srm.Judge{},
		judgetest.Events{Rate: 200}.World("as many", 60, 0),
		judgetest.Events{Rate: 5}.World("few", 60, 0),
		judgetest.Events{Rate: 50, Bursts: true}.World("shared bursts", 60, 0),
		judgetest.Events{Rate: 50, Fano: 5}.World("own bursts", 60, 0),
		judgetest.Events{Rate: 500, Canary: 0.1}.World("a tenth", 60, 0),
		judgetest.Events{Rate: 50, Fano: 5, Canary: 0.1}.World("a tenth with history", 60, 120),
	)
}

func FuzzJudge(f *testing.F) { judgetest.Fuzz(f, srm.Judge{Share: 0.1}, judge.Count) }

func says(t *testing.T, what, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%s: %q does not say %q", what, text, want)
	}
}
