package anomaly_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/anomaly"
)

// TestRecorded judges the windows of recorded production series against what was
// recorded before them: the same instance just before (pairing "time") or a day
// before ("day"), and labelled incidents. The data lie beside the repository and
// may not be redistributed in it. Rates are means over source and length, so
// that no source decides by its size.
func TestRecorded(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of decompression")
	}
	type rates struct{ fail, pass, refused, n float64 }
	type cell struct {
		source string
		window int
	}
	all := map[string]map[cell]*rates{"time": {}, "day": {}, "incident": {}}
	for _, file := range []string{"aa.jsonl.gz", "incident.jsonl.gz"} {
		eachRecord(t, file, func(r record) {
			group := all[r.Pairing]
			if file == "incident.jsonl.gz" {
				group = all["incident"]
			}
			if group == nil || r.Asked > 1 || len(r.Metrics) == 0 {
				return
			}
			key := cell{r.Source, r.Window}
			if group[key] == nil {
				group[key] = &rates{}
			}
			count := group[key]
			f := anomaly.Judge{}.Judge(r.sample())
			count.n++
			switch {
			case f.Verdict == judge.Fail:
				count.fail++
			case f.Verdict == judge.Pass:
				count.pass++
			case !(f.Effect.High < math.Inf(1)):
				count.refused++
			}
		})
	}
	for _, c := range []struct {
		name        string
		least, most float64
	}{
		// The rivals' false alarms on such pairs are 7 to 22 %.
		{"time", 0, 0.05},
		{"day", 0, 0.05},
		{"incident", 0.2, 1},
	} {
		var mean rates
		for _, count := range all[c.name] {
			k := count.n * float64(len(all[c.name]))
			mean.n += count.n
			mean.fail += count.fail / k
			mean.pass += count.pass / k
			mean.refused += count.refused / k
		}
		t.Logf("%-9s %5.0f cases: FAIL %4.1f %%, PASS %4.1f %%, refused %4.1f %%", c.name, mean.n, 100*mean.fail, 100*mean.pass, 100*mean.refused)
		if mean.fail < c.least || mean.fail > c.most {
			t.Errorf("%s: FAIL %.1f %%, want %.0f to %.0f %%", c.name, 100*mean.fail, 100*c.least, 100*c.most)
		}
	}
}

// record is one case of the files.
type record struct {
	Source  string `json:"source"`
	Pairing string `json:"pairing"`
	Window  int    `json:"window"`
	Asked   int    `json:"m_asked"`
	Metrics []struct {
		Direction string     `json:"direction"`
		Step      float64    `json:"step_seconds"`
		Start     float64    `json:"start"`
		Before    float64    `json:"baseline_start"`
		Baseline  []*float64 `json:"baseline"`
		Canary    []*float64 `json:"canary"`
	} `json:"metrics"`
}

func (r record) sample() judge.Sample {
	m := r.Metrics[0]
	numbers := func(x []*float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = math.NaN()
			if v != nil {
				y[i] = *v
			}
		}
		return y
	}
	s := sampleOf(numbers(m.Baseline), numbers(m.Canary))
	s.Step = time.Duration(m.Step * float64(time.Second))
	s.Signal.Direction = map[string]judge.Direction{"increase": judge.Increase, "decrease": judge.Decrease}[m.Direction]
	// A day before: the intervals in between are not known.
	if gap := (m.Start-m.Before)/max(m.Step, 1) - float64(len(m.Baseline)); gap > 0 && gap < 1e4 {
		s.History.Canary.Values = append(s.History.Canary.Values, constant(math.NaN(), int(gap))...)
	}
	return s
}

func eachRecord(t *testing.T, name string, do func(record)) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "metrics", name))
	if err != nil {
		t.Skipf("the recorded series are not beside the repository: %v", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		// Decoding what will not be used takes most of the time.
		start, _, _ := bytes.Cut(lines.Bytes(), []byte(`"metrics"`))
		if at := bytes.Index(start, []byte(`"m_asked":`)); at >= 0 {
			asked := 0
			if _, err := fmt.Sscanf(string(start[at:]), `"m_asked": %d`, &asked); err == nil && asked > 1 {
				continue
			}
		}
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		do(r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
