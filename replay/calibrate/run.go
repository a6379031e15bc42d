package calibrate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/replay/backtest"
)

// Options say how windows are judged.
type Options struct {
	// Alpha is the family-wise error; 0 is judge.DefaultAlpha.
	Alpha float64
	// Target is the share of windows that may FAIL; 0 is DefaultTarget.
	Target float64
	// Seed draws the events that are injected.
	Seed uint64
	// Workers is the number of windows that are judged at a time; 0 is one a CPU.
	Workers int
	// Progress, if not nil, is called now and then, never concurrently, with
	// how many steps of how many are done.
	Progress func(done, total int)
}

// DefaultTarget is the share of healthy releases that may FAIL.
const DefaultTarget = 0.05

// detects is the share of windows in which a regression counts as found: the
// power of the planning numbers.
const detects = 0.8

// mostInjected bounds the windows that regressions are injected into: the
// standard error of a share of 80 % of them is 2.8 points.
const mostInjected = 200

// MaxSignals bounds the number of signals over all windows.
const MaxSignals = 2000

// Run judges the windows as the config has it, finds the margins that keep the
// target, and what both detect. The error is about the windows or the context.
func Run(ctx context.Context, windows []Window, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(windows) == 0 {
		return nil, errors.New("there is no window to judge")
	}
	c := &calibration{Options: o, windows: windows}
	if err := c.index(); err != nil {
		return nil, err
	}
	c.total = 2*len(windows) + len(c.signals)*min(len(windows), mostInjected)
	r := &Report{Alpha: o.Alpha, Target: o.Target}
	// Each step needs the one before.
	for _, step := range []func(context.Context, *Report) error{c.asConfigured, c.suggest, c.detect} {
		if err := step(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Alpha == 0 {
		o.Alpha = judge.DefaultAlpha
	}
	if o.Target == 0 {
		o.Target = DefaultTarget
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return o, fmt.Errorf("alpha %v is not a probability", o.Alpha)
	}
	if !(o.Target > 0 && o.Target < 1) {
		return o, fmt.Errorf("a target of %v: want a share of windows above 0 and below 1", o.Target)
	}
	return o, nil
}

// calibration is the state of a run.
type calibration struct {
	Options

	bench   bench
	windows []Window
	signals []signal
	at      map[string]int // of a name in signals

	done  atomic.Int64
	total int
}

// signal is one signal over all windows; its slices have one entry a window.
type signal struct {
	judge.Signal

	// lead judges the level.
	lead    string
	decides bool
	// input is the index of the signal in each window's inputs, -1 if it has
	// none.
	input []int
	// share is the error at which the signal starts in each window.
	share []float64
	// critical are the indices of the critical margins, -1 without an input.
	critical []int
	// findings are as configured.
	findings []brief
	// failed: it FAILs at the config's margin, judged at its share alone.
	failed []bool
	needed int
}

// brief is what is kept of a finding.
type brief struct {
	// judge made the finding.
	judge   string
	verdict judge.Verdict
	class   judge.Classification
	change  float64
	reason  string
}

// index finds the signals of all windows.
func (c *calibration) index() error {
	c.at = map[string]int{}
	n := len(c.windows)
	for w, window := range c.windows {
		decides := judge.Deciding(window.Inputs, func(in analysis.Input) judge.Signal { return in.Sample.Signal })
		deciding := 0
		for _, in := range window.Inputs {
			if decides(in) {
				deciding++
			}
		}
		for i, in := range window.Inputs {
			name := in.Sample.Signal.Name
			s, ok := c.at[name]
			if !ok {
				if len(c.signals) >= MaxSignals {
					return fmt.Errorf("the windows have more than %d signals", MaxSignals)
				}
				s = len(c.signals)
				c.at[name] = s
				c.signals = append(c.signals, signal{
					Signal: in.Sample.Signal, lead: leadOf(in), input: slices.Repeat([]int{-1}, n), share: make([]float64, n),
					critical: slices.Repeat([]int{-1}, n), findings: make([]brief, n), failed: make([]bool, n),
				})
			}
			to := &c.signals[s]
			family := deciding
			if !decides(in) {
				family = len(window.Inputs) - deciding
			}
			to.decides = to.decides || decides(in)
			to.input[w], to.share[w] = i, c.Alpha/float64(family)
		}
	}
	return nil
}

// each calls work for 0 to n-1 on all cores and stops at the first error.
func (c *calibration) each(ctx context.Context, n int, work func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		shown   sync.Mutex
	)
	for range min(c.Workers, n) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					stop(err)
					return
				}
				done := int(c.done.Add(1))
				if c.Progress != nil {
					shown.Lock()
					c.Progress(done, c.total)
					shown.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// asConfigured judges every window with the config's margins.
func (c *calibration) asConfigured(ctx context.Context, r *Report) error {
	verdicts, silent := make([]judge.Verdict, len(c.windows)), make([]bool, len(c.windows))
	err := c.each(ctx, len(c.windows), func(w int) error {
		window := &c.windows[w]
		j, err := c.bench.judge(window.Inputs, window.LookEvery, c.Alpha)
		if err != nil {
			return fmt.Errorf("window %s: %w", window.Name, err)
		}
		verdicts[w] = j.Verdict
		silent[w] = j.Verdict == judge.Fail
		for i := range j.Findings {
			f := &j.Findings[i]
			s := c.at[f.Signal.Name]
			c.signals[s].findings[w] = brief{f.Judge, f.Verdict, f.Classification, changeOf(f, c.signals[s].lead), reasonOf(f)}
			if f.Verdict == judge.Fail && f.Classification != judge.NoData && c.signals[s].decides {
				silent[w] = false
			}
		}
		for s := range c.signals {
			to := &c.signals[s]
			i := to.input[w]
			if i < 0 {
				continue
			}
			in := window.Inputs[i]
			to.critical[w] = c.bench.critical(in, window.LookEvery, to.share[w])
			to.failed[w] = to.critical[w] > 0 && c.bench.fails(in, window.LookEvery, to.share[w])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for w, v := range verdicts {
		r.Verdicts.add(v)
		if silent[w] {
			r.Silent++
		}
	}
	return nil
}

// leadOf names the judge of a signal's level.
func leadOf(in analysis.Input) string {
	if in.Judge != "" {
		return in.Judge
	}
	if j := analysis.DefaultJudge(in.Sample.Signal.Kind); j != nil {
		return j.Name()
	}
	return ""
}

func reasonOf(f *judge.Finding) string {
	if f.Verdict == judge.Error {
		return f.Reason
	}
	return ""
}

// changeOf returns the change of the level that a finding shows, relative to
// the baseline; NaN if it shows none.
func changeOf(f *judge.Finding, lead string) float64 {
	e := judge.Effect{Estimate: math.NaN()}
	if f.Judge == lead {
		e = f.Effect
	}
	for _, a := range f.Aspects {
		if a.Judge == lead {
			e = a.Effect
		}
	}
	switch {
	case e.Measure == judge.Difference && f.Baseline.Level != 0:
		return e.Estimate / math.Abs(f.Baseline.Level)
	case e.Measure == judge.Difference:
		return math.NaN()
	default:
		return e.Estimate - 1
	}
}

// suggest finds the needed margins and judges the windows with them.
func (c *calibration) suggest(ctx context.Context, r *Report) error {
	n := len(c.windows)
	var deciding [][]int
	var which []int
	for s := range c.signals {
		if c.signals[s].decides {
			deciding, which = append(deciding, c.signals[s].critical), append(which, s)
		}
	}
	for i, margin := range choose(deciding, n, allowance(n, c.Target)) {
		c.signals[which[i]].needed = margin
	}
	for s := range c.signals {
		// What does not decide is in no one's way: each for itself.
		if one := &c.signals[s]; !one.decides {
			one.needed = choose([][]int{one.critical}, n, allowance(n, c.Target))[0]
		}
	}
	r.Suggested.HeldOut = heldOut(deciding, n, c.Target)
	verdicts := make([]judge.Verdict, n)
	err := c.each(ctx, n, func(w int) error {
		window := c.windows[w]
		inputs := slices.Clone(window.Inputs)
		for i := range inputs {
			s := &c.signals[c.at[inputs[i].Sample.Signal.Name]]
			if s.raised() {
				inputs[i] = withMargin(inputs[i], margins[s.needed])
			}
		}
		j, err := c.bench.judge(inputs, window.LookEvery, c.Alpha)
		verdicts[w] = j.Verdict
		return err
	})
	for _, v := range verdicts {
		r.Suggested.Verdicts.add(v)
	}
	return err
}

// raised reports whether the signal needs a larger margin.
func (s *signal) raised() bool {
	return s.decides && margins[s.needed] > s.Margin.Relative
}

// heldOut chooses margins on every other window and counts the FAILs of the
// rest, both ways.
func heldOut(criticals [][]int, n int, target float64) (rate backtest.Rate) {
	for parity := range 2 {
		var chosen [][]int
		size := 0
		for w := parity; w < n; w += 2 {
			size++
		}
		for _, c := range criticals {
			part := make([]int, 0, size)
			for w := parity; w < n; w += 2 {
				part = append(part, c[w])
			}
			chosen = append(chosen, part)
		}
		at := choose(chosen, size, allowance(size, target))
		rate.Hits += failing(criticals, at, n, func(w int) bool { return w%2 != parity })
		rate.Cases += n - size
	}
	return rate
}

// detect injects regressions and fills in the signals' reports.
func (c *calibration) detect(ctx context.Context, r *Report) error {
	r.Signals = make([]SignalReport, len(c.signals))
	type job struct{ signal, window int }
	var jobs []job
	for s := range c.signals {
		one := &c.signals[s]
		r.Signals[s] = one.report()
		var has []int
		for w, i := range one.input {
			if f := one.findings[w]; i >= 0 && f.class != judge.NoData && f.class != judge.Failed {
				has = append(has, w)
			}
		}
		tried := min(len(has), mostInjected)
		for k := range tried {
			jobs = append(jobs, job{s, has[k*len(has)/tried]})
		}
		r.Signals[s].Tried = tried
	}
	type found struct{ now, needed int }
	results := make([]found, len(jobs))
	err := c.each(ctx, len(jobs), func(k int) error {
		s, w := &c.signals[jobs[k].signal], jobs[k].window
		window := c.windows[w]
		in := window.Inputs[s.input[w]]
		x := newInjector(in, c.Seed, uint64(w)<<16+uint64(jobs[k].signal))
		smallest := func(margin float64) int {
			return sort.Search(len(sizes), func(i int) bool {
				return c.bench.fails(withMargin(x.at(sizes[i]), margin), window.LookEvery, s.share[w])
			})
		}
		results[k].now = smallest(s.Margin.Relative)
		results[k].needed = results[k].now
		if margins[s.needed] != s.Margin.Relative {
			results[k].needed = smallest(margins[s.needed])
		}
		return nil
	})
	if err != nil {
		return err
	}
	now, needed := make([][]int, len(c.signals)), make([][]int, len(c.signals))
	for k, job := range jobs {
		now[job.signal] = append(now[job.signal], results[k].now)
		needed[job.signal] = append(needed[job.signal], results[k].needed)
	}
	for s := range r.Signals {
		r.Signals[s].Found, r.Signals[s].FoundNeeded = foundBy(now[s]), foundBy(needed[s])
	}
	return nil
}

// foundBy returns the size that is found in enough of the windows, given the
// index of the smallest one found in each; NaN if there is none.
func foundBy(smallest []int) float64 {
	if len(smallest) == 0 {
		return math.NaN()
	}
	slices.Sort(smallest)
	i := smallest[int(math.Ceil(detects*float64(len(smallest))))-1]
	if i == len(sizes) {
		return math.NaN()
	}
	return sizes[i]
}

// report returns what is known before the injections.
func (s *signal) report() SignalReport {
	r := SignalReport{Signal: s.Signal, Judge: s.lead, Decides: s.decides, Largest: math.NaN(), Needed: margins[s.needed]}
	for w, i := range s.input {
		if i < 0 {
			continue
		}
		f := s.findings[w]
		r.Verdicts.add(f.verdict)
		if f.class == judge.NoData {
			r.NoData++
		}
		if r.Problem == "" {
			r.Problem = f.reason
		}
		if v := f.change; !math.IsNaN(v) && !math.IsInf(v, 0) && !(math.Abs(v) <= math.Abs(r.Largest)) {
			r.Largest = v
		}
		r.Alone.Cases++
		r.AloneNeeded.Cases++
		if s.failed[w] {
			r.Alone.Hits++
		}
		if s.critical[w] > s.needed {
			r.AloneNeeded.Hits++
		}
		if s.critical[w] == noMargin {
			r.Stay++
			if f.verdict == judge.Fail && f.judge != s.lead {
				r.StayBeside++
			}
		}
	}
	return r
}
