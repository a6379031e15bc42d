package backtest

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// sharedCases holds recorded production metrics whose licences do not let them
// into the repository.
const sharedCases = "../../../shared/data/metrics"

// TestSharedCases repeats published rates of Kayenta's judge, which another
// implementation of the judge and of the tables measured on these files and
// rounded to whole percent.
func TestSharedCases(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of cases")
	}
	judges, err := ParseJudges([]string{"kayenta=75"}, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]Row{}
	for _, file := range []string{"history.jsonl.gz", "pods.jsonl.gz"} {
		path := filepath.Join(sharedCases, file)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			t.Skipf("%s is not there", path)
		}
		r, err := Run(t.Context(), []string{path}, Options{
			Judges: judges, By: [][]Dimension{{ByFamily, ByPairing, ByMetrics, ByShape, BySource, ByWindow}},
		})
		if err != nil {
			t.Fatal(err)
		}
		tables[file] = r.Tables[0].Rows
	}
	for _, c := range []struct {
		file, pairing string
		shapes        map[string]bool
		want          float64
	}{
		{"history.jsonl.gz", "arms", nil, 21},
		{"history.jsonl.gz", "sibling", nil, 24},
		{"history.jsonl.gz", "split", nil, 0},
		{"pods.jsonl.gz", "pods", map[string]bool{"3x3": true, "5x5": true, "10x10": true}, 20},
		{"pods.jsonl.gz", "pods", map[string]bool{"3x1": true, "5x1": true, "10x1": true}, 31},
	} {
		// A row is a cell of the macro mean.
		sum, cells := 0.0, 0
		for _, row := range tables[c.file] {
			if s := row.Stratum; s[0] == "aa" && s[1] == c.pairing && s[2] == "1" && (c.shapes == nil || c.shapes[s[3]]) {
				sum += row.Healthy.Failed().Value()
				cells++
			}
		}
		if got := 100 * sum / float64(cells); !(math.Abs(got-c.want) <= 0.5) {
			t.Errorf("%s, %s %v: false alarms %.2f %%, published as %v %%", c.file, c.pairing, c.shapes, got, c.want)
		}
	}
}
