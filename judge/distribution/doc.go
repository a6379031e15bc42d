/*
Package distribution judges histograms: request latencies and response sizes, of
which not one number but the whole distribution is known in each interval. It
finds a tail that has grown where the median has not, and the reverse.

# From what is recorded to a judge.Histogram

	Classic      Prometheus' classic buckets (le)
	Native       Prometheus' native histograms
	Exponential  OpenTelemetry's exponential histograms
	DDSketch     Datadog's sketches
	Recorder     single observations, within 0.8 % each
	FromValues   the same for a slice

Counters since the start of a process become intervals by Increase, which knows
restarts. Merge adds up pods. Quantile, Share, CliffsDelta and Wasserstein describe
histograms for people.

	h, err := distribution.Classic([]float64{0.1, 0.5, math.Inf(1)}, []float64{90, 99, 100})
	fmt.Println(distribution.Quantile(h, 0.9), distribution.CliffsDelta(baseline, canary))

# Method

Requests are not independent: what slows one down slows down its neighbours. A
rank or Kolmogorov-Smirnov test of all requests of two healthy arms, whose latency
moves by 3 % a minute, fails 5 % at a nominal 1 %, and 30 % at 6 %. So the interval
is the unit, not the request:

 1. Each interval and arm gives p50, p90, p99 and the share above an edge. The
    edge is Judge.Edge, or the one nearest to the baseline's p90.
 2. Each of these is a gauge that package paired compares interval by interval. The
    share is compared by its log odds, read as a size through the baseline's
    distribution: "+5 %" of any of the four is what a distribution shows whose
    every value is 5 % larger, and margins mean the same for all.
 3. Holm's procedure shares Alpha among them: FAIL if one fails. The finding is
    that one's, with its interval and levels; the reason names it and tells the
    others. PASS if all pass, each at the sample's PassAlpha.

A history is the same gauges before the change.

A point needs 2 observations beyond its quantile on average: 200 in each arm for
the p99, 20 for the p90. Where intervals hold fewer, neighbouring ones are taken
together. Asking for 5 costs a third of the power in the tail and no false alarm
less. Between arms of unlike traffic it is 5, and at most 30 points: a quantile of
few observations is off, which cancels only between arms of one size. The larger arm
is read as if it were as small as the other, besides.

Histograms with different bounds are compared by the edges that they all have:
another interpolation would be another quantile.

# What it reaches

Lognormal latencies (p99 four times the median), 200 requests a minute and arm, 60
minutes, Alpha 0.01, no margin, Assignment Randomized; in percent, of 1000 samples
(standard error 0.3 for healthy canaries, 0.5 to 1.6 for others):

	arms move by a minute        0 %                 6 %
	buckets                      native   classic    native
	healthy                       1.1      0.4        0.7
	+5 %                         97.6     96.5       61.0
	1 % of requests 4x slower    68.4     59.6       60.2

A paired log-odds share and a binomial one (package ratio) hold their level alike
and find the same within 4 points; log odds can subtract what the history shows.

# Assumptions

Those of package paired, of each gauge. Counts are observations of the interval, not
rates per second. Within a bucket values are spread evenly, or evenly in their
logarithm in exponential buckets, in both arms alike: a change within the bucket
that holds a quantile shows by what crosses its edges, and its size is as true as
that assumption. Between arms of unlike traffic 5 to 8 % of healthy canaries fail
at a promised 5 % (1 against 5, 60 to 480 intervals).

# When it refuses

ERROR for a signal of another kind, values in place of histograms, sides of
different length, and a histogram that Check refuses. A statistic is left out with
a warning where both arms' quantile lies in a bucket without an end, where one
bucket holds 90 % of all observations and the quantile, and where it would take
more than 6 intervals for a point of a window too short for 10; if none is left it is
INCONCLUSIVE. A statistic that only must wait keeps the others from a PASS, not from a
FAIL. A history with other bucket edges is left out with a warning.

# Sources

docs/statistics.md. Hyndman, Fan, Am. Stat. 50 (1996) 361; Wilson, Hilferty, Proc.
Natl. Acad. Sci. 17 (1931) 684; Masson, Rim, Lee, PVLDB 12 (2019) 2195; Holm, Scand.
J. Statist. 6 (1979) 65.
*/
package distribution
