package replay

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/value"
)

// missedScrape is how many scrape intervals without a sample are a missed
// scrape: more than one with room for jitter, less than two, since one missed
// scrape is enough for Prometheus to mark a series stale
// (https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness).
const missedScrape = 1.5

// enoughGaps is from how many gaps on a series tells its own scrape interval;
// with fewer, one missed scrape could pass for the interval.
const enoughGaps = 3

var staleMarker = math.Float64frombits(value.StaleNaN)

// interval returns the median of the gaps between the series' samples, in
// milliseconds, or usual if there are too few. Of two medians it is the
// smaller: gaps are too long (missed scrapes), not too short.
func (s *series) interval(usual int64) int64 {
	if len(s.times) <= enoughGaps {
		return usual
	}
	gaps := make([]int64, len(s.times)-1)
	for i := range gaps {
		gaps[i] = s.times[i+1] - s.times[i]
	}
	return median(gaps)
}

// usualInterval returns the median over the series of their intervals, 0 if
// no series has two samples.
func usualInterval(all []*series) int64 {
	var intervals, few []int64
	for _, s := range all {
		if own := s.interval(0); own > 0 {
			intervals = append(intervals, own)
			continue
		}
		for i := 1; i < len(s.times); i++ {
			few = append(few, s.times[i]-s.times[i-1])
		}
	}
	if len(intervals) == 0 {
		intervals = few
	}
	return median(intervals)
}

// median returns the lower median and sorts all; 0 if there is nothing.
func median(all []int64) int64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// markVanished puts a stale marker one interval after each sample that no
// other follows within missedScrape intervals. end is the recording's last
// sample: a series that is alive there gets its marker after missedScrape
// intervals, since nobody looked whether the next scrape had it.
func (s *series) markVanished(usual, end int64) {
	interval := s.interval(usual)
	if interval == 0 || len(s.times) == 0 {
		return
	}
	patience := int64(missedScrape * float64(interval))
	marked := series{times: make([]int64, 0, len(s.times)+1), values: make([]float64, 0, len(s.times)+1)}
	add := func(t int64, v float64) {
		marked.times = append(marked.times, t)
		marked.values = append(marked.values, v)
	}
	for i, t := range s.times {
		if i > 0 && t-s.times[i-1] > patience {
			add(s.times[i-1]+interval, staleMarker)
		}
		add(t, s.values[i])
	}
	last := s.times[len(s.times)-1]
	if end-last <= patience {
		add(last+patience, staleMarker)
	} else {
		add(last+interval, staleMarker)
	}
	s.times, s.values = marked.times, marked.values
}
