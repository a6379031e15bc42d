package replay

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"pgregory.net/rapid"

	"github.com/judged-dev/judged/metrics"
)

// samplesOf returns a recording's samples, or why it cannot be read, without
// stale markers.
func samplesOf(text string) (map[string][]string, error) {
	r, err := Read("test", strings.NewReader(text), Options{KeepVanished: true})
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, s := range r.store.series {
		for i := range s.times {
			all[s.labels.String()] = append(all[s.labels.String()], fmt.Sprint(s.values[i], "@", s.times[i]))
		}
	}
	return all, nil
}

func TestReadOpenMetrics(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string][]string
	}{
		"counter": {
			"# HELP a Requests.\n# TYPE a counter\na_total{b=\"c\"} 1 10\na_total{b=\"c\"} 2.5 20.5\n# EOF\n",
			map[string][]string{`{__name__="a_total", b="c"}`: {"1@10000", "2.5@20500"}},
		},
		"no line break at the end": {"a 1 10\n# EOF", map[string][]string{`{__name__="a"}`: {"1@10000"}}},
		"label order is no matter": {
			"a{b=\"1\",c=\"2\"} 1 10\na{c=\"2\",b=\"1\"} 2 20\n# EOF\n",
			map[string][]string{`{__name__="a", b="1", c="2"}`: {"1@10000", "2@20000"}},
		},
		"an empty label is none": {
			"a{b=\"\"} 1 10\na 2 20\n# EOF\n",
			map[string][]string{`{__name__="a"}`: {"1@10000", "2@20000"}},
		},
		"buckets take turns": {
			"# TYPE h histogram\nh_bucket{le=\"1\"} 1 10\nh_bucket{le=\"+Inf\"} 2 10\nh_count 2 10\nh_bucket{le=\"1\"} 3 20\nh_bucket{le=\"+Inf\"} 4 20\nh_count 4 20\n# EOF\n",
			map[string][]string{
				`{__name__="h_bucket", le="1.0"}`:  {"1@10000", "3@20000"},
				`{__name__="h_bucket", le="+Inf"}`: {"2@10000", "4@20000"},
				`{__name__="h_count"}`:             {"2@10000", "4@20000"},
			},
		},
		"exemplars are skipped": {
			"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1 10 # {trace_id=\"x y\"} 0.5 9\nh_bucket{le=\"+Inf\"} 2 20 # {trace_id=\"z\"} 0.5\n# EOF\n",
			map[string][]string{`{__name__="h_bucket", le="+Inf"}`: {"1@10000", "2@20000"}},
		},
		"special values": {
			"a NaN 1\na +Inf 2\na -Inf 3\na 1e-9 4\na -0 5\n# EOF\n",
			map[string][]string{`{__name__="a"}`: {"NaN@1000", "+Inf@2000", "-Inf@3000", "1e-09@4000", "-0@5000"}},
		},
		"the same sample twice": {
			"a 1 10\na 1 10\na NaN 20\na NaN 20\n# EOF\n",
			map[string][]string{`{__name__="a"}`: {"1@10000", "NaN@20000"}},
		},
		"spaces, quotes and line breaks in a value": {
			"a{b=\"1 2 3\",c=\"\\\"\\\\\\n\"} 1 10\na{b=\"1 2 3\",c=\"\\\"\\\\\\n\"} 2 20\n# EOF\n",
			map[string][]string{`{__name__="a", b="1 2 3", c="\"\\\n"}`: {"1@10000", "2@20000"}},
		},
		"one name begins another": {
			"a 1 10\na{b=\"c\"} 2 10\na 3 20\na{b=\"c\"} 4 20\n# EOF\n",
			map[string][]string{`{__name__="a"}`: {"1@10000", "3@20000"}, `{__name__="a", b="c"}`: {"2@10000", "4@20000"}},
		},
		"names of any characters": {
			"# TYPE \"p99 (ms)\" gauge\n{\"p99 (ms)\",\"a b\"=\"c\"} 1 10\n{\"p99 (ms)\",\"a b\"=\"c\"} 2 20\n# EOF\n",
			map[string][]string{`{__name__="p99 (ms)", "a b"="c"}`: {"1@10000", "2@20000"}},
		},
		"before 1970": {"a 1 -10.5\n# EOF\n", map[string][]string{`{__name__="a"}`: {"1@-10500"}}},
		"the recorder's own series of when a counter began": {
			"# TYPE a counter\na_total 1 10\na_created 5 10\n# EOF\n",
			map[string][]string{`{__name__="a_total"}`: {"1@10000"}, `{__name__="a_created"}`: {"5@10000"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := samplesOf(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadOpenMetricsRefuses(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := map[string]struct {
		text string
		want string // part of the error
	}{
		"nothing":               {"", "line 1: the file is incomplete"},
		"no samples":            {"# TYPE a gauge\n# EOF\n", "no samples"},
		"cut after a line":      {"a 1 10\n", "line 2: the file is incomplete: it ends without \"# EOF\""},
		"cut inside a line":     {"a 1 10\na 2 2", "line 2: the file is incomplete"},
		"cut inside the end":    {"a 1 10\n# EO", "line 2: the file is incomplete"},
		"text after the end":    {"a 1 10\n# EOF\na 2 20\n", "line 2: there is text after \"# EOF\""},
		"two ends":              {"a 1 10\n# EOF\n# EOF\n", "line 2: there is text after"},
		"no timestamp":          {"a 1 10\nb{c=\"d\"} 2\n# EOF\n", `line 2: the sample of "b{c=\"d\"}" has no timestamp`},
		"an empty timestamp":    {"a 1 0\na 2 \n# EOF\n", `line 2: the sample of "a" has no timestamp`},
		"no timestamp later":    {"a 1 10\na 2\n# EOF\n", `line 2: the sample of "a" has no timestamp`},
		"out of order":          {"a 1 10\na 2 9.5\n# EOF\n", `line 2: "a": the sample at 9.5 (1970-01-01T00:00:09.5Z) comes after the one at 10 (1970-01-01T00:00:10Z)`},
		"two values":            {"a 1 10\na 2 10\n# EOF\n", `line 2: "a": two values for one moment, 1 and 2 at 10`},
		"milliseconds":          {"a 1 1795257011849\n# EOF\n", "line 1: \"a\": the timestamp is not between the years 1900 and 2100: OpenMetrics has seconds, not milliseconds"},
		"a huge timestamp":      {"a 1 1e300\n# EOF\n", "line 1"},
		"an infinite timestamp": {"a 1 10\na 1 Inf\n# EOF\n", "line 2: invalid timestamp"},
		"a value that is none":  {"a 1 10\na x 20\n# EOF\n", "line 2: "},
		"an underscore":         {"a 1 10\na 1_0 20\n# EOF\n", "line 2: unsupported character in float"},
		"an empty line":         {"a 1 10\n\n# EOF\n", "line 2: "},
		"Windows line breaks":   {"a 1 10\r\n# EOF\r\n", "line 1: "},
		"a comment":             {"a 1 10\n# hello\n# EOF\n", "line 2: "},
		"a label twice":         {"a{b=\"1\",b=\"2\"} 1 10\n# EOF\n", "line 1: label b twice"},
		"the name twice":        {"a{__name__=\"b\"} 1 10\n# EOF\n", "line 1: label __name__ twice"},
		"a line break in a name": {
			"{\"a\nb\"} 1 10\n# EOF\n", "line 1: ",
		},
		"invalid UTF-8":                  {"a{b=\"\xff\"} 1 10\n# EOF\n", "line 1: invalid UTF-8"},
		"a native histogram":             {"a 1 10\nh {count:3,sum:2.5,schema:0} 10\n# EOF\n", "line 2: a native histogram"},
		"a native histogram of promtool": {`{__name__="h"} {count:3, sum:2.5, [-1,1]:3} 10` + "\n# EOF\n", "line 1: a native histogram"},
		"a long line":                    {"a 1 10\na{b=\"" + long + "\"} 1 10\n# EOF\n", "line 2: more than 1048576 bytes in one line"},
		"long labels":                    {"a{b=\"" + long[:maxSeriesLabels] + "\"} 1 10\n# EOF\n", "line 1: more than 65536 bytes of labels"},
		"a long line that is nonsense":   {"a 1 10\na{b=\"" + long[:maxLine/2] + "\n# EOF\n", "line 2: it is not OpenMetrics text: \"a{b=\\\"xxx"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := samplesOf(test.text)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if _, ok := metrics.ReasonOf(err); !ok {
				t.Errorf("error %v is not a *metrics.Error", err)
			}
		})
	}
}

// referenceSamples reads text with Prometheus' parser alone, all in one piece.
func referenceSamples(text string) (map[string][]string, error) {
	parser := textparse.NewOpenMetricsParser([]byte(text), labels.NewSymbolTable())
	all := map[string][]string{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, at, v := parser.Series()
		if at == nil {
			return nil, errors.New("no timestamp")
		}
		var l labels.Labels
		parser.Labels(&l)
		key, sample := l.WithoutEmpty().String(), fmt.Sprint(v, "@", *at)
		if n := len(all[key]); n == 0 || all[key][n-1] != sample {
			all[key] = append(all[key], sample)
		}
	}
}

// Lines that are put together from usual and unusual pieces are read as
// Prometheus' parser reads them.
func TestReadOpenMetricsLikePrometheus(t *testing.T) {
	names := []string{"a", "b", `a{l="1"}`, `a{l="1",}`, `a{l="1 2"}`, `h_bucket{le="1"}`, `h_bucket{le="+Inf"}`, `{"a b",l="1"}`, "# TYPE h histogram", "# TYPE h gauge", "# HELP a b c"}
	values := []string{" 1", " 1", " 1", " 1", " 1", " 1", " 2.5", " NaN", " +Inf", " 0x10p1", " 1_0", "  1", " ", ""} // mostly correct
	times := []string{" 10", " 10", " 10", " 10", " 10.5", " 10.5", " 11", " 11", " 1e1", " -0", " 12 # {x=\"y z\"} 1 2", " 12 ", "  12", " ", "", " NaN"}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			text.WriteString(name)
			if !strings.HasPrefix(name, "#") {
				text.WriteString(rapid.SampledFrom(values).Draw(t, "value"))
				text.WriteString(rapid.SampledFrom(times).Draw(t, "time"))
			}
			text.WriteByte('\n')
		}
		text.WriteString("# EOF\n")
		got, err := samplesOf(text.String())
		want, wantErr := referenceSamples(text.String())
		if err == nil && wantErr != nil {
			t.Fatalf("read %q, which Prometheus refuses: %v", text.String(), wantErr)
		}
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("samples of %q (-Prometheus +got):\n%s", text.String(), diff)
			}
		}
	})
}

// FuzzOpenMetrics checks that no text makes the reader panic, and that it
// never reads anything else than Prometheus' parser does.
func FuzzOpenMetrics(f *testing.F) {
	f.Add(small)
	f.Add("# TYPE h histogram\nh_bucket{le=\"1\"} 1 10\nh_bucket{le=\"+Inf\"} 2 10 # {a=\"b\"} 1 2\nh_bucket{le=\"1\"} 3 20\n# TYPE g gauge\ng{le=\"1\"} NaN 1\ng{le=\"1\"} -Inf 2.5\n# EOF\n")
	f.Add("{\"a b\",c=\"d e\"} 0x1p3 1\na 1 1\na 1 1\n# UNIT a_s s\n# EOF")
	f.Add("a 1 1\na 2 -0\na  3 4\na 5  6\n# EOF\n")
	f.Add("a 1 0\na 2 \n# EOF\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := samplesOf(text)
		if err != nil {
			if _, ok := metrics.ReasonOf(err); !ok {
				t.Errorf("error %v is not a *metrics.Error", err)
			}
			return
		}
		want, err := referenceSamples(text)
		if err != nil {
			t.Fatalf("read what Prometheus refuses: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("samples (-Prometheus +got):\n%s", diff)
		}
	})
}

func TestRecordingLimits(t *testing.T) {
	text := "a 1 10\na 2 20\nb 1 10\n# EOF\n"
	size := int64(len(text))
	tests := map[string]struct {
		limits Limits
		want   string // "" for no error
	}{
		"all that is needed": {Limits{Bytes: size, Series: 2, Samples: 3}, ""},
		"bytes":              {Limits{Bytes: size - 1}, "more than 26 bytes of text"},
		"series":             {Limits{Series: 1}, "line 3: more than 1 series"},
		"samples":            {Limits{Samples: 2}, `line 3: "b": more than 2 samples`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read("test", strings.NewReader(text), Options{Limits: test.limits})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q in it", err, test.want)
			}
			if reason, _ := metrics.ReasonOf(err); reason != metrics.TooLarge {
				t.Errorf("reason %v, want too large", reason)
			}
		})
	}
}

// A reader's NaN must not be taken for a stale marker, whatever its bits.
func TestNaNIsNoStaleMarker(t *testing.T) {
	r, err := Read("test", strings.NewReader("a NaN 10\na NaN 20\n# EOF\n"), Options{KeepVanished: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.store.series[0].values; slices.ContainsFunc(got, func(v float64) bool { return math.Float64bits(v) == math.Float64bits(staleMarker) }) {
		t.Errorf("values %v have a stale marker", got)
	}
}
