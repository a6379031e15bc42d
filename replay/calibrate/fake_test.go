package calibrate

import (
	"context"
	"strings"
	"sync"

	"github.com/judged-dev/judged/metrics"
)

func init() { metrics.Register(fakeProvider) }

var fakeProvider = metrics.Provider{
	Name:   "calibrate-test",
	Expand: func(q string, v map[string]string) (string, error) { return q + v["v"], nil },
	Open:   func(metrics.Settings) (metrics.Source, error) { return &fakeSource{}, nil },
}

// fakeSource answers with the minutes since t0; "gone" with nothing.
type fakeSource struct {
	mu      sync.Mutex
	queries int
}

func (f *fakeSource) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	f.mu.Lock()
	f.queries++
	f.mu.Unlock()
	if strings.HasPrefix(q.Expr, "gone") {
		return metrics.Result{}, nil
	}
	points := make([]metrics.Point, q.Grid.N)
	for i := range points {
		at := q.Grid.Time(i)
		points[i] = metrics.Point{Time: at, Value: at.Sub(t0).Minutes()}
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

func (f *fakeSource) Close() error { return nil }
