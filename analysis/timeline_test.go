package analysis_test

import (
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/metrics"
)

func TestTimeline(t *testing.T) {
	release := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	at := func(minutes float64) time.Time { return release.Add(time.Duration(minutes * float64(time.Minute))) }
	const m = time.Minute
	for name, c := range map[string]struct {
		schedule analysis.Schedule
		looks    int
		seen     map[int][2]float64 // minutes after the release
		due      map[int]float64
	}{
		"one look": {
			analysis.Schedule{Warmup: 5 * m, Duration: 30 * m, Interval: m},
			1,
			map[int][2]float64{1: {5, 35}},
			map[int]float64{1: 35},
		},
		"defaults": {analysis.Schedule{}, 1, map[int][2]float64{1: {0, 30}}, nil},
		"each minute, with grace": {
			analysis.Schedule{Warmup: 5 * m, Duration: 60 * m, Interval: m, LookEvery: m, Grace: 30 * time.Second},
			60,
			map[int][2]float64{1: {5, 6}, 2: {5, 7}, 60: {5, 65}},
			map[int]float64{1: 6.5, 60: 65.5},
		},
		"the last look comes early": {
			analysis.Schedule{Duration: 10 * m, Interval: m, LookEvery: 4 * m},
			3,
			map[int][2]float64{1: {0, 4}, 2: {0, 8}, 3: {0, 10}},
			nil,
		},
		"sliding": {
			analysis.Schedule{Duration: 10 * m, Interval: m, LookEvery: m, Sliding: 3 * m},
			10,
			map[int][2]float64{1: {0, 1}, 3: {0, 3}, 4: {1, 4}, 10: {7, 10}},
			nil,
		},
		"a rest of the duration": {
			analysis.Schedule{Duration: 150 * time.Second, Interval: m, LookEvery: m},
			2,
			map[int][2]float64{1: {0, 1}, 2: {0, 2.5}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := c.schedule.Timeline(release)
			if err != nil {
				t.Fatal(err)
			}
			if got := line.Looks(); got != c.looks {
				t.Errorf("%d looks, want %d", got, c.looks)
			}
			for k, want := range c.seen {
				if got := line.Seen(k); got != (metrics.Window{Start: at(want[0]), End: at(want[1])}) {
					t.Errorf("look %d sees %v, want minutes %v", k, got, want)
				}
			}
			for k, want := range c.due {
				if got := line.Due(k); !got.Equal(at(want)) {
					t.Errorf("look %d is due at %v, want minute %v", k, got, want)
				}
			}
		})
	}
	if _, err := (analysis.Schedule{Duration: 72 * time.Hour, Interval: m, LookEvery: m}).Timeline(release); err == nil {
		t.Error("4320 looks were planned")
	}
	if _, err := (analysis.Schedule{}).Timeline(time.Time{}); err == nil {
		t.Error("a timeline without a release")
	}
}

func TestTimelineEnds(t *testing.T) {
	for stop, want := range map[analysis.Stop]map[judge.Verdict]bool{
		analysis.StopEarly:  {judge.Pass: true, judge.Fail: true},
		analysis.StopOnFail: {judge.Fail: true},
		analysis.StopAtEnd:  {},
	} {
		line, err := analysis.Schedule{Duration: 10 * time.Minute, Interval: time.Minute, LookEvery: time.Minute, Stop: stop}.Timeline(time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []judge.Verdict{judge.Pass, judge.Fail, judge.Inconclusive, judge.Error} {
			if got := line.Ends(9, v); got != want[v] {
				t.Errorf("stop %d: %v at look 9 ends it: %v", stop, v, got)
			}
			if !line.Ends(10, v) {
				t.Errorf("stop %d: %v at the last look does not end it", stop, v)
			}
		}
	}
}
