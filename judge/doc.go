/*
Package judge compares two sides of a signal, what runs now (the baseline) and
the release under judgment (the canary), and says whether the canary is
worse.

# One signal

A [Sample] holds the two sides on one grid: value i of both belongs to the same
interval of time, NaN where there is none. A [Judge] turns it into a [Finding]:

	finding := paired.Judge{}.Judge(judge.Sample{
		Signal: judge.Signal{
			Name:      "latency-p99",
			Direction: judge.Increase,                  // more is bad
			Margin:    judge.Margin{Relative: 0.05},    // less than 5 % does not matter
			Tolerance: judge.Margin{Relative: 0.25},    // PASS must exclude 25 %
		},
		Pair: judge.Pair{
			Baseline: judge.Side{Values: baseline},
			Canary:   judge.Side{Values: canary},
		},
	})

The judge estimates the [Effect], how far the canary is from the baseline, with
a confidence interval, and the interval decides:

	FAIL          the whole interval lies beyond the margin on the bad side
	PASS          the whole interval lies inside the tolerance
	INCONCLUSIVE  anything else; Finding.Needed says how much data would do

A margin keeps a difference that is real but harmless from failing a release; a
tolerance keeps an experiment that is too small from passing one. No data is
never a PASS. An interval at level 1 - Alpha lies beyond zero effect for at most
a share Alpha of healthy releases: that is the promise, and the suite in
package judgetest measures it for every judge.

# What makes healthy arms alike

Two machines are never quite alike, and the more data, the more significant
their harmless difference. Three things tell a judge what is normal:

  - Sample.History, the same arms before the release: the effect is then the
    change since. An hour or two of intervals; give it whenever the canary's
    group existed before.
  - Sample.Pods, the same data instance by instance: how much do pods of one
    version differ?
  - Sample.Assignment: [Randomized] promises that each request came to its arm
    by chance and that the instances are alike, so that only noise differs.

Without any of them a FAIL must clear an allowance, fitted to recorded
instances, that grows with the number of signals.

# Which judge

The packages below this one hold one method each:

  - paired: levels (latency quantiles, CPU, memory). Compares interval by
    interval, so load that both sides share cancels; prices in
    autocorrelation; calibrates itself on history.
  - shape: what a level does not show: a longer tail, wider swings, a change
    that begins within the window. It FAILs or is INCONCLUSIVE.
  - counts: events per interval. Exact at three events, harmless to bursts
    that both sides share.
  - ratio: events out of a total, such as errors out of requests.
  - distribution: histograms of request latencies or sizes.
  - pods: instances as the units; finds the one sick pod.
  - srm: does the canary get its share of the traffic?
  - anomaly: one series against its own history, where nothing else is there.
  - mannwhitney: Kayenta's NetflixACAJudge-v1.0 to the bit, for those who must
    not change their numbers.

What they are built of is there for other uses: packages sequential (looks and
e-processes), longrun (variances of autocorrelated means), rank (rank tests and
estimates) and adjust (many p values).

# Several ways to look at one signal

A [Panel] is a judge made of several that share the error by weights. Its first
member leads: only it can let the signal pass, and its finding is the panel's
unless another one FAILs. Finding.Aspects tells what each found:

	level := judge.Panel{
		{Judge: paired.Judge{}, Share: 0.43},
		{Judge: shape.Judge{}, Share: 0.57},
	}

That is what package analysis takes for a gauge.

# Many signals

[Compare] judges a whole release. With M deciding signals the chance of a false
FAIL would grow with M; Compare divides Alpha among them by Holm's procedure, so
the promise holds for the release and not just for each signal:

	judgment := judge.Compare(samples, choose, judge.DefaultAlpha)
	fmt.Println(judgment.Summary)

PASS needs no such division: a release passes only if all its signals do, so each
may use the whole error (Sample.PassAlpha). Compare also listens for silence: a
canary that stops reporting does not pass, and FAILs if half of its signals
stop.

[Decide] is the last step alone, for findings that come from elsewhere. Package
analysis does all of this from a config, and fetches the data.

# Looking again and again

Whoever judges a growing window every minute and stops at the first FAIL makes
several times the false alarms that were promised. Sample.Look is the cure: how
much of an error that all looks share may this one spend? Package sequential
computes it for a planned length and any looks in between:

	monitor, err := sequential.NewMonitor(60, sequential.Power(2)) // 60 intervals in the end
	...
	sample.Look, err = monitor.Look(n) // n intervals are there

Judges ask Sample.Look for every error that they spend, and know nothing else of
looks. All findings of a window, first and last, are then wrong with
probability Alpha together.

# A judge of your own

A judge is a pure function with a name; see the example of [Judge]. It spends
Sample.Alpha, through Sample.Look where there is one, starts from [NewFinding],
answers bad data with a finding that says why (neither error nor panic), and
never passes what it did not see. Package judgetest measures whether it keeps its
promise:

	func TestSuite(t *testing.T) {
		judgetest.Run(t, sign.Judge{}, judgetest.Gauges()...)
	}

docs/statistics.md explains findings to those who read them, docs/decisions.md
why things are as they are.
*/
package judge
