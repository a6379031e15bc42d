package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// family is one OpenMetrics metric family.
type family struct {
	name    string // without the suffixes of its samples
	kind    string // counter, gauge or histogram
	help    string
	metrics []metric
}

// metric holds the series of a family that differ in their suffix and le only: one, unless it is a histogram.
type metric []series

type totals struct{ families, series, samples int }

func count(families []family) totals {
	counts := totals{families: len(families)}
	for _, f := range families {
		for _, m := range f.metrics {
			counts.series += len(m)
			for _, s := range m {
				counts.samples += len(s.samples)
			}
		}
	}
	return counts
}

// group sorts series into families by what the metadata says about their names.
func group(all []series, types map[string]metadata) ([]family, error) {
	families := map[string]*family{}
	metrics := map[string]map[string]metric{} // family -> labels without le -> series
	for _, s := range all {
		name, about, err := familyOf(s.name, types)
		if err != nil {
			return nil, err
		}
		if families[name] == nil {
			families[name] = &family{name: name, kind: about.Type, help: about.Help}
			metrics[name] = map[string]metric{}
		}
		key := labelText(s.labels, "le")
		metrics[name][key] = append(metrics[name][key], s)
	}
	sorted := make([]family, 0, len(families))
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		for _, key := range slices.Sorted(maps.Keys(metrics[name])) {
			m := metrics[name][key]
			slices.SortFunc(m, compareInMetric)
			f.metrics = append(f.metrics, m)
		}
		sorted = append(sorted, *f)
	}
	return sorted, nil
}

// familyOf finds the family of a sample's name. Metadata of Prometheus' text format names a counter with its _total,
// that of OpenMetrics without; the family's name is without in both.
func familyOf(name string, types map[string]metadata) (string, metadata, error) {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && types[base].Type == "histogram" {
			return base, types[base], nil
		}
	}
	if base, ok := strings.CutSuffix(name, "_total"); ok {
		for _, candidate := range []string{name, base} {
			if types[candidate].Type == "counter" {
				return base, types[candidate], nil
			}
		}
	}
	if about := types[name]; about.Type == "gauge" {
		return name, about, nil
	}
	return "", metadata{}, fmt.Errorf("metric %s is neither a counter named _total, a gauge nor a histogram (metadata: %q); "+
		"leave it out with the selector", name, types[name].Type)
}

// compareInMetric puts buckets first, by their bound, then count and sum.
func compareInMetric(a, b series) int {
	return cmp.Or(
		cmp.Compare(suffixRank(a.name), suffixRank(b.name)),
		cmp.Compare(bound(a), bound(b)),
	)
}

func suffixRank(name string) int {
	switch {
	case strings.HasSuffix(name, "_bucket"):
		return 0
	case strings.HasSuffix(name, "_count"):
		return 1
	}
	return 2
}

func bound(s series) float64 {
	le, err := strconv.ParseFloat(s.labels["le"], 64)
	if err != nil {
		return 0 // no bucket: all equal
	}
	return le
}

// writeOpenMetrics writes the families as OpenMetrics text
// (https://prometheus.io/docs/specs/om/open_metrics_spec/): a metric's points in the order of time, and all series of
// one point together.
func writeOpenMetrics(w io.Writer, families []family) error {
	out := bufio.NewWriter(w)
	for _, f := range families {
		fmt.Fprintf(out, "# TYPE %s %s\n", f.name, f.kind)
		fmt.Fprintf(out, "# HELP %s %s\n", f.name, escape(f.help))
		for _, m := range f.metrics {
			writeMetric(out, m)
		}
	}
	fmt.Fprintln(out, "# EOF")
	return out.Flush() // reports the first error of all writes
}

func writeMetric(out *bufio.Writer, m metric) {
	heads := make([]string, len(m)) // name and labels of each series
	next := make([]int, len(m))     // its first sample that is not written yet
	for i, s := range m {
		heads[i] = s.name + "{" + labelText(s.labels) + "}"
	}
	for {
		now, left := int64(0), false
		for i, s := range m {
			if next[i] < len(s.samples) && (!left || s.samples[next[i]].milliseconds < now) {
				now, left = s.samples[next[i]].milliseconds, true
			}
		}
		if !left {
			return
		}
		for i, s := range m {
			if next[i] < len(s.samples) && s.samples[next[i]].milliseconds == now {
				fmt.Fprintf(out, "%s %s %d.%03d\n", heads[i], s.samples[next[i]].value, now/1000, now%1000)
				next[i]++
			}
		}
	}
}

// labelText is the inside of the braces: labels by name, le last, without those to skip.
func labelText(labels map[string]string, skip ...string) string {
	names := slices.SortedFunc(maps.Keys(labels), func(a, b string) int {
		if (a == "le") != (b == "le") {
			if a == "le" {
				return 1
			}
			return -1
		}
		return cmp.Compare(a, b)
	})
	var text strings.Builder
	for _, name := range names {
		if slices.Contains(skip, name) {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `%s="%s"`, name, escape(labels[name]))
	}
	return text.String()
}

// escape writes text the way both HELP and label values take it.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(text)
}
