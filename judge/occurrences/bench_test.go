package occurrences

import "testing"

// BenchmarkTest tests as many items as a service has templates, and as many as one
// that logs without restraint has skeletons.
func BenchmarkTest(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"100", 100}, {"10000", 10_000}} {
		items := healthy(1, c.n)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Test(items, Options{})
			}
			b.ReportMetric(float64(b.N*c.n)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
