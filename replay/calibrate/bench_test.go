package calibrate

import "testing"

// BenchmarkRun calibrates a day of two metrics in windows of half an hour:
// verdicts, margins and what they find.
func BenchmarkRun(b *testing.B) {
	const n = 1440
	s := spanOf(n, level("a", n, 30, 0.1, 0.2, 7, source(1)), level("b", n, 30, 0.1, 0, 0, source(2)))
	w, _, err := s.Windows(LayoutOf(s.Config.Schedule))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(b.Context(), w, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(w)*b.N)/b.Elapsed().Seconds(), "windows/s")
}
