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

# Which judge

The packages below this one hold one method each:

  - paired: levels (latency quantiles, CPU, memory). Compares interval by
    interval, so load that both sides share cancels; prices in
    autocorrelation; calibrates itself on history.
  - counts: events per interval. Exact at three events, harmless to bursts
    that both sides share.
  - ratio: events out of a total, such as errors out of requests.
  - mannwhitney: Kayenta's NetflixACAJudge-v1.0 to the bit, for those who must
    not change their numbers.

# Many signals

[Compare] judges a whole release. With M deciding signals the chance of a false
FAIL would grow with M; Compare divides Alpha among them by Holm's procedure, so
the promise holds for the release and not just for each signal:

	judgment := judge.Compare(samples, choose, judge.DefaultAlpha)
	fmt.Println(judgment.Summary)

[Decide] is the last step alone, for findings that come from elsewhere. Package
analysis does all of this from a config, and fetches the data.
*/
package judge
