package replay_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/replay"
)

// Ask a recorded rollout for the latency of the version before and the one
// after its release.
func ExampleOpen() {
	rollout, err := replay.Open("../testdata/fixtures/replay/rollout", replay.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	manifest, _ := rollout.Manifest()
	fmt.Println("released", manifest.Release.Format(time.TimeOnly))
	for _, version := range []string{"v1", "v2"} {
		result, err := rollout.Query(context.Background(), metrics.Query{
			Expr: fmt.Sprintf(`histogram_quantile(0.9, sum by (le) (rate(app_duration_seconds_bucket{version=%q}[2m])))`, version),
			Grid: metrics.NewGrid(metrics.Window{Start: manifest.Release, End: manifest.End}, 2*time.Minute),
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(version)
		for _, p := range result.Series[0].Points {
			fmt.Printf(" %.0f ms", p.Value*1000)
		}
		fmt.Println()
	}
	// Output:
	// released 10:10:03
	// v1 94 ms 95 ms 94 ms 95 ms 96 ms
	// v2 677 ms 979 ms 760 ms 779 ms 723 ms
}

// A table becomes a recording that PromQL can ask.
func ExampleReadCSV() {
	table := `time,"requests_total{version=""v1""}","requests_total{version=""v2""}"
2026-11-21T10:30:00Z,1000,
2026-11-21T10:30:15Z,1150,0
2026-11-21T10:30:30Z,1300,150
2026-11-21T10:30:45Z,1450,300
2026-11-21T10:31:00Z,1600,450
`
	r, err := replay.ReadCSV("requests.csv", strings.NewReader(table), replay.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := r.Query(context.Background(), metrics.Query{
		Expr: `sum by (version) (rate(requests_total[30s]))`,
		Grid: metrics.NewGrid(r.Window(), 30*time.Second),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range result.Series {
		for _, p := range s.Points {
			fmt.Printf("%s %s %.0f/s\n", s.Labels, p.Time.Format(time.TimeOnly), math.Round(p.Value))
		}
	}
	// Output:
	// {version="v1"} 10:30:30 10/s
	// {version="v1"} 10:31:00 10/s
	// {version="v2"} 10:30:30 5/s
	// {version="v2"} 10:31:00 10/s
}
