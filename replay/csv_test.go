package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/metrics"
)

func samplesOfCSV(text string) (map[string][]string, error) {
	r, err := ReadCSV("test", strings.NewReader(text), Options{KeepVanished: true})
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

func TestReadCSV(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string][]string
	}{
		"dates": {
			"time,load\n1970-01-01T00:00:10Z,1\n1970-01-01T01:00:20.5+01:00,2.5\n",
			map[string][]string{`{__name__="load"}`: {"1@10000", "2.5@20500"}},
		},
		"seconds":      {"time,load\n10,1\n20.5,2\n1795257011.849,3\n", map[string][]string{`{__name__="load"}`: {"1@10000", "2@20500", "3@1795257011849"}}},
		"milliseconds": {"time,load\n1795257011849,1\n", map[string][]string{`{__name__="load"}`: {"1@1795257011849"}}},
		"selectors and gaps": {
			"time,load,\"requests{version=\"\"v1\"\",code=\"\"200\"\"}\",\"{__name__=\"\"p99 (ms)\"\"}\"\n10,1,,\n20,,2,\n30,,,3\n40,,,\n",
			map[string][]string{`{__name__="load"}`: {"1@10000"}, `{__name__="requests", code="200", version="v1"}`: {"2@20000"}, `{__name__="p99 (ms)"}`: {"3@30000"}},
		},
		"spaces, blank lines and Windows": {"\ufefftime , load\r\n\r\n10, 1 \r\n20,NaN\r\n30, +Inf", map[string][]string{`{__name__="load"}`: {"1@10000", "NaN@20000", "+Inf@30000"}}},
		"the same line twice":             {"time,load\n10,1\n10,1\n", map[string][]string{`{__name__="load"}`: {"1@10000"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := samplesOfCSV(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadCSVRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":            {"", "the file is empty"},
		"no rows":            {"time,load\n", "no samples"},
		"only gaps":          {"time,load\n10,\n", "no samples"},
		"no time":            {"load,time\n1,10\n", `line 1: the first column is "load", but it has to be "time"`},
		"only time":          {"time\n10\n", `line 1: there is no column besides "time"`},
		"semicolons":         {"time;load\n10;1\n", "columns are separated by commas"},
		"a name":             {"time,load,p99 (ms)\n10,1,2\n", `line 1: column 3: "p99 (ms)" does not name a series: write name or name{label="value"}: 1:5: parse error`},
		"an empty name":      {"time,load,\n10,1,2\n", `line 1: column 3: "" does not name a series: write name or name{label="value"}: it is empty`},
		"not a series":       {"time,\"load{a=~\"\"b\"\"}\"\n10,1\n", "line 1: column 2: "},
		"two columns of one": {"time,\"a{x=\"\"1\"\",y=\"\"2\"\"}\",\"a{y=\"\"2\"\",x=\"\"1\"\"}\"\n10,1,2\n", `line 1: columns 2 and 3 both are "a{y=\"2\",x=\"1\"}"`},
		"a time":             {"time,load\n10,1\nyesterday,2\n", `line 3, column 1: "yesterday" is neither an RFC 3339 time`},
		"a local time":       {"time,load\n2026-11-21 10:30:00,2\n", `line 2, column 1: "2026-11-21 10:30:00" is neither`},
		"a huge time":        {"time,load\n1e300,2\n", `line 2, column 1: "1e300" is neither`},
		"a value":            {"time,load,b\n10,1,2\n\n20,1,high\n", `line 4, column 3: "high" is not a number`},
		"a decimal comma":    {"time,load\n10,1,5\n", "line 2: another number of columns than in the first line"},
		"a short line":       {"time,a,b\n10,1\n", "line 2: another number of columns"},
		"out of order":       {"time,a,b\n20,1,2\n10,,3\n", "line 3, column 3: the sample at 10 (1970-01-01T00:00:10Z) comes after"},
		"two values":         {"time,a\n20,1\n20,2\n", "line 3, column 2: two values for one moment, 1 and 2"},
		"a quote":            {"time,a\n20,\"1\n", "line 2, byte 7: extraneous or missing \" in quoted-field"},
		"an endless quote":   {"time,a\n20,\"" + strings.Repeat("1\n", maxLine), "bytes in one line (is a quote not closed?)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := samplesOfCSV(test.text)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
		})
	}
}

// An empty cell is a gap for queries, too, not the value before.
func TestCSVGaps(t *testing.T) {
	r, err := ReadCSV("test", strings.NewReader("time,load\n10,1\n20,2\n30,3\n40,\n50,\n60,6\n70,7\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Query(t.Context(), metrics.Query{Expr: "load", Grid: metrics.Grid{Start: seconds(0), Step: 10 * time.Second, N: 7}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{__name__="load"} 1@10 2@20 3@30 6@60 7@70`}, render(result)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// FuzzCSV checks that no table makes the reader panic and that every error
// is one for people.
func FuzzCSV(f *testing.F) {
	f.Add("time,load,\"requests{version=\"\"v1\"\"}\"\n2026-11-20T10:00:00Z,1,2\n1795257011849,,NaN\n")
	f.Add("\ufefftime,a\r\n10,\"1\"\r\n20,-Inf\n30,0x1p-2\n")
	f.Add("time;a\n1;2\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadCSV("test", strings.NewReader(text), Options{Limits: Limits{Bytes: 1 << 20, Series: 100, Samples: 1000}})
		if err != nil {
			if _, ok := metrics.ReasonOf(err); !ok {
				t.Errorf("error %v is not a *metrics.Error", err)
			}
			return
		}
		if w := r.Window(); w.End.Before(w.Start) {
			t.Errorf("window %s", w)
		}
	})
}
