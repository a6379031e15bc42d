package argo

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

func (t *templates) duration(n *yaml.Node, where string) time.Duration {
	text, known := t.literal(n.Value)
	d, err := time.ParseDuration(text)
	if !known || err != nil || d < 0 {
		t.Lose(n, where, "%q is no duration that is known here: say it in `schedule`", n.Value)
		return 0
	}
	return d
}

func (t *templates) count(n *yaml.Node, where string) int {
	text, known := t.literal(n.Value)
	v, err := strconv.Atoi(text)
	if !known || err != nil {
		t.Lose(n, where, "%q is no number that is known here", n.Value)
		return 0
	}
	return v
}

// Bounds of a schedule, see the contract.
const (
	minInterval, maxInterval = time.Second, 24 * time.Hour
	maxWarmup, maxDuration   = 7 * 24 * time.Hour, 31 * 24 * time.Hour
	maxIntervals             = 11000
)

// schedule joins what the metrics say of their time.
func (t *templates) schedule(taken []*templateMetric) *judgedv1.Schedule {
	var interval, warmup, duration time.Duration
	differ := false
	for i, m := range taken {
		total := time.Duration(0)
		if m.interval > 0 && m.count > 0 && time.Duration(m.count) <= maxDuration/m.interval {
			total = time.Duration(m.count) * m.interval
		}
		first := taken[0]
		differ = differ || i > 0 && (m.interval != first.interval || m.count != first.count || m.delay != first.delay)
		if m.interval > 0 && (interval == 0 || m.interval < interval) {
			interval = m.interval
		}
		warmup, duration = max(warmup, m.delay), max(duration, total)
	}
	s := &judgedv1.Schedule{}
	if differ {
		t.Lost = append(t.Lost, "the metrics differ in interval, count or initialDelay: an analysis has one schedule, of the shortest interval, the longest delay and the longest time")
	}
	if warmup > 0 && warmup <= maxWarmup {
		s.Warmup = durationpb.New(warmup)
	}
	if interval >= minInterval && interval <= maxInterval && duration/interval <= maxIntervals {
		s.Interval = durationpb.New(interval)
		if duration > 0 {
			s.Duration = durationpb.New(duration)
		}
	} else if interval != 0 {
		t.Lost = append(t.Lost, fmt.Sprintf("an interval of %v for %v does not fit into a schedule: set `schedule`", interval, duration))
	}
	if duration == 0 {
		t.Assume("no metric says how long it is measured: `schedule.duration` is 30m unless you set it")
		if interval > 30*time.Minute {
			s.Interval = nil
		}
	}
	if s.GetWarmup() == nil && s.GetInterval() == nil && s.GetDuration() == nil {
		return nil
	}
	return s
}
