package replay

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the fixtures of this package")

// rolloutPath is a recording of a release, as a directory.
const rolloutPath = "../testdata/fixtures/replay/rollout"

// The rollout's times. They are odd on purpose: scrapes are never on the
// minute.
var (
	rolloutStart   = time.Date(2026, 11, 20, 10, 0, 3, 137e6, time.UTC)
	rolloutRelease = rolloutStart.Add(10 * time.Minute)
	rolloutEnd     = rolloutStart.Add(20 * time.Minute)
)

const rolloutScrape = 15 * time.Second

// rolloutText is the recording of two instances, of which one is replaced by
// a new version at rolloutRelease and fails one scrape later on.
func rolloutText() string { return rolloutFrom(0) }

// rolloutFrom is the rollout with counters that begin at so many.
func rolloutFrom(already int) string {
	random := rand.New(rand.NewPCG(1, 2))
	type instance struct {
		name, version string
		from, to      time.Time
		slow          float64 // share of slow requests
	}
	instances := []instance{
		{"a", "v1", rolloutStart, rolloutEnd, 0.05},
		{"b", "v1", rolloutStart, rolloutRelease, 0.05},
		{"b", "v2", rolloutRelease.Add(rolloutScrape), rolloutEnd, 0.20},
	}
	bounds := []string{"0.1", "0.5", "1.0", "+Inf"}
	var temperature, requests, duration strings.Builder
	for _, in := range instances {
		labels := fmt.Sprintf(`instance="%s",version="%s"`, in.name, in.version)
		total, failed := 2*already, already
		buckets := slices.Repeat([]int{already}, len(bounds))
		seconds := float64(already)
		for t := in.from; !t.After(in.to); t = t.Add(rolloutScrape) {
			n := 90 + random.IntN(30)
			total += n
			failed += random.IntN(3)
			for range n {
				place := 0
				if random.Float64() < in.slow {
					place = 1 + random.IntN(3)
				}
				for b := place; b < len(bounds); b++ {
					buckets[b]++
				}
				seconds += 0.05 + 0.4*float64(place)
			}
			if t.Equal(rolloutRelease.Add(4*time.Minute)) && in.version == "v2" {
				continue // the failed scrape
			}
			at := fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6)
			fmt.Fprintf(&temperature, "app_temperature_celsius{%s} %.1f %s\n", labels, 20+3*random.NormFloat64(), at)
			fmt.Fprintf(&requests, "app_requests_total{code=\"200\",%s} %d %s\n", labels, total-failed, at)
			fmt.Fprintf(&requests, "app_requests_total{code=\"500\",%s} %d %s\n", labels, failed, at)
			for b, bound := range bounds {
				fmt.Fprintf(&duration, "app_duration_seconds_bucket{%s,le=\"%s\"} %d %s\n", labels, bound, buckets[b], at)
			}
			fmt.Fprintf(&duration, "app_duration_seconds_count{%s} %d %s\n", labels, total, at)
			fmt.Fprintf(&duration, "app_duration_seconds_sum{%s} %.2f %s\n", labels, seconds, at)
		}
	}
	return "# TYPE app_temperature_celsius gauge\n# UNIT app_temperature_celsius celsius\n" + temperature.String() +
		"# TYPE app_requests counter\n# HELP app_requests Requests answered.\n" + requests.String() +
		"# TYPE app_duration_seconds histogram\n# UNIT app_duration_seconds seconds\n" + duration.String() + "# EOF\n"
}

// rolloutManifest is the manifest.json of the rollout.
func rolloutManifest() string {
	return fmt.Sprintf("{\n  \"start\": %q,\n  \"release\": %q,\n  \"end\": %q,\n  \"recordedBy\": \"go test ./replay -update\"\n}\n",
		rolloutStart.Format(time.RFC3339Nano), rolloutRelease.Format(time.RFC3339Nano), rolloutEnd.Format(time.RFC3339Nano))
}

// The committed fixture is what rolloutText writes.
func TestFixture(t *testing.T) {
	if *update {
		if err := os.MkdirAll(rolloutPath, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"metrics.om.gz": gzipped(t, rolloutText()), "manifest.json": []byte(rolloutManifest())} {
			if err := os.WriteFile(rolloutPath+"/"+name, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := Open(rolloutPath, Options{KeepVanished: true})
	if err != nil {
		t.Fatal(err)
	}
	want := open(t, rolloutText(), Options{KeepVanished: true})
	if len(r.store.series) != len(want.store.series) || r.store.samples != want.store.samples {
		t.Errorf("the fixture has %d series and %d samples, the code writes %d and %d: run go test ./replay -update",
			len(r.store.series), r.store.samples, len(want.store.series), want.store.samples)
	}
}

// open reads text as a recording named "test".
func open(t testing.TB, text string, o Options) *Recording {
	t.Helper()
	r, err := Read("test", strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
