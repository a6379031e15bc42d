//go:build ignore

// Make writes the made-up numbers that docs/statistics.md judges:
//
//	go run docs/examples/make.go
//
// Each file is one story, told by a function below. Noise is drawn with a fixed
// seed, so the files come out the same every time.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// minute is one row: what both sides showed in it.
type minute struct{ baseline, canary float64 }

func main() {
	write("shared-load.csv", table("p99", sharedLoad()))
	write("errors.csv", requestErrors())
	all := machines()
	history, window := all[:120], all[120:]
	write("machines.csv", table("cpu", window))
	write("machines.json", withHistory("cpu", history, window))
	write("tail.csv", table("p99", longerTail()))
}

// sharedLoad is a service whose latency doubles and halves with its load every
// half an hour, and a release that makes it a fifth slower.
func sharedLoad() []minute {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]minute, 30)
	for i := range out {
		load := math.Exp(0.35*math.Sin(2*math.Pi*float64(i)/30) + 0.15*r.NormFloat64())
		out[i] = minute{0.210 * load * noise(r, 0.05), 0.210 * 1.20 * load * noise(r, 0.05)}
	}
	return out
}

// requestErrors is a canary with a hundred requests a minute on two routes, and
// seven errors on each; the baseline had none on the first and two on the other.
func requestErrors() string {
	checkout := [...]int{1, 0, 1, 1, 0, 1, 1, 0, 1, 1}
	search := [...]int{0, 1, 1, 1, 0, 1, 0, 1, 1, 1}
	before := [...]int{0, 0, 1, 0, 0, 0, 0, 0, 1, 0}
	var b strings.Builder
	for i, route := range []string{"checkout", "search"} {
		for j, column := range []string{"baseline", "baseline_total", "canary", "canary_total"} {
			if i+j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(route + "." + column)
		}
	}
	b.WriteByte('\n')
	for i := range checkout {
		fmt.Fprintf(&b, "0,100,%d,100,%d,100,%d,100\n", checkout[i], before[i], search[i])
	}
	return b.String()
}

// machines is two hosts of which one always needed 12 % more; nothing changed.
func machines() []minute {
	r := rand.New(rand.NewPCG(2, 1))
	out := make([]minute, 180)
	for i := range out {
		load := 1 + 0.2*math.Sin(2*math.Pi*float64(i)/90)
		out[i] = minute{40 * load * noise(r, 0.04), 40 * 1.12 * load * noise(r, 0.04)}
	}
	return out
}

// longerTail is a release in which one minute in ten takes three times as long.
func longerTail() []minute {
	r := rand.New(rand.NewPCG(3, 1))
	out := make([]minute, 60)
	for i := range out {
		slow := 1.0
		if i%10 == 4 {
			slow = 3
		}
		out[i] = minute{0.120 * noise(r, 0.08), 0.120 * slow * noise(r, 0.08)}
	}
	return out
}

// noise is a factor around 1 whose logarithm has this standard deviation.
func noise(r *rand.Rand, sd float64) float64 { return math.Exp(sd * r.NormFloat64()) }

func table(name string, rows []minute) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.baseline,%s.canary\n", name, name)
	for _, m := range rows {
		fmt.Fprintf(&b, "%.3g,%.3g\n", m.baseline, m.canary)
	}
	return b.String()
}

// withHistory is a JudgeRequest: the same numbers with those before the release.
func withHistory(name string, history, window []minute) string {
	side := func(rows []minute, of func(minute) float64) string {
		values := make([]json.Number, len(rows))
		for i, m := range rows {
			values[i] = json.Number(fmt.Sprintf("%.3g", of(m)))
		}
		text, err := json.Marshal(values)
		if err != nil {
			log.Fatal(err)
		}
		return fmt.Sprintf(`{"values": %s}`, strings.ReplaceAll(string(text), ",", ", "))
	}
	baseline, canary := func(m minute) float64 { return m.baseline }, func(m minute) float64 { return m.canary }
	return fmt.Sprintf(`{"interval": "60s", "signals": [{"name": %q, "direction": "increase", "margin": "5%%",
  "baseline": %s,
  "canary": %s,
  "baselineHistory": %s,
  "canaryHistory": %s}]}
`, name, side(window, baseline), side(window, canary), side(history, baseline), side(history, canary))
}

func write(name, text string) {
	if err := os.WriteFile(filepath.Join("docs", "examples", name), []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}
