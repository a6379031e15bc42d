// Package replay turns recorded metrics into a [metrics.Source], so that the
// analyses that run against a live Prometheus also run on last month's data.
//
// # A recording
//
// A recording is OpenMetrics text with a timestamp on every sample, as it is
// or gzipped:
//
//	# TYPE shop_requests counter
//	shop_requests_total{code="200",version="v1"} 1027 1795257011.849
//	shop_requests_total{code="200",version="v1"} 1131 1795257016.849
//	# EOF
//
// Prometheus' own `promtool tsdb dump-openmetrics DIR` writes it from a data
// directory. Any other program can: one line a sample, the samples of a
// series in the order of time, seconds since 1970, "# EOF" at the end. A
// recording may also be a directory that holds metrics.om.gz (or metrics.om,
// metrics.csv.gz, metrics.csv) and, optionally, a manifest.json that says
// when the release happened (see [Manifest]).
//
// [Open] reads it into memory and [Recording.Query] answers PromQL with
// Prometheus' own engine, so a query means here what it means there:
//
//	shop, err := replay.Open("testdata/fixtures/shop", replay.Options{})
//	if err != nil {
//		return err
//	}
//	grid := metrics.NewGrid(shop.Window(), time.Minute)
//	result, err := shop.Query(ctx, metrics.Query{
//		Expr: `histogram_quantile(0.99, sum by (le) (rate(shop_http_request_duration_seconds_bucket{track="canary"}[1m])))`,
//		Grid: grid,
//	})
//
// A Recording never changes once it is open; share one among all users.
//
// # Spreadsheets
//
// [OpenCSV] reads a table whose first column is the time and whose other
// columns are one series each, named like a PromQL selector. An empty cell is
// a gap. (CSV doubles the quotes inside a quoted cell.)
//
//	time,queue_length,"requests_total{version=""v1""}","requests_total{version=""v2""}"
//	2026-11-21T10:30:00Z,4,1027,
//	2026-11-21T10:30:15Z,6,1131,12
//
// [Open] reads a file named *.csv or *.csv.gz this way.
//
// # What is not taken
//
// Nothing partial is presented as whole. A file without its "# EOF", a gzip
// stream that is cut or damaged, a sample without a timestamp, samples of a
// series out of order, two values for one moment and native histograms (which
// the text format cannot hold) are errors that name the line. The same sample
// twice counts once. Exemplars are skipped. Sizes are bounded by [Limits].
//
// # Series that end
//
// A live Prometheus notices when a scrape no longer has a series and stores a
// stale marker at that scrape; from there on, instant selectors such as up or
// shop_requests_total no longer see it. The marker is a special NaN that
// neither the text format nor Prometheus' query API carries. Without it, a
// pod that was replaced would be seen for another five minutes (the lookback)
// beside its successor: sums count it twice and its last value stands still.
//
// So a Recording puts the markers back. A series without a sample for more
// than 1.5 of its own median scrape intervals has missed a scrape, and
// Prometheus marks it stale at a scrape that misses it, so a marker is placed
// one interval after the series' last sample. A series that lasts until the
// recording ends stops 1.5 intervals later: what came then is not known.
// Range selectors (rate, increase, *_over_time) skip markers and are not
// affected. For data that was pushed at irregular times and had no markers in
// the first place, set [Options].KeepVanished.
//
// # Where it differs from your server
//
// The engine is that of Prometheus 3. Compared with Prometheus 2, range and
// lookback windows exclude their left end, so a sample that lies exactly
// there counts once, not twice; a rate in the first moments of a counter is
// extrapolated by at most half an interval to either side (2.51, pull request
// 13725), which shows in the first window after a release; and a regular
// expression's dot also matches a line break. For all else the tests compare
// with a server. Timestamps have whole milliseconds, cut off like promtool
// does.
// Experimental functions are off, as in a server without feature flags. A
// subquery without a resolution uses one minute, Prometheus' default
// evaluation interval.
package replay
