package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"pgregory.net/rapid"
)

// matchersOf parses a selector.
func matchersOf(t testing.TB, selector string) []*labels.Matcher {
	t.Helper()
	m, err := promQL.ParseMetricSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// match agrees with asking each series, and sorts.
func TestMatch(t *testing.T) {
	var text strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		for i := range 5 {
			for j := range 4 {
				fmt.Fprintf(&text, "%s{i=\"%d\",j=\"%d\"} 1 1\n", name, i, j)
			}
		}
		fmt.Fprintf(&text, "%s 1 1\n", name)
	}
	s := open(t, text.String()+"# EOF\n", Options{}).store
	for selector, want := range map[string]int{
		`a`: 21, `a{i="1"}`: 4, `a{i="1",j="2"}`: 1, `a{i=""}`: 1, `a{i!=""}`: 20, `a{i!="1"}`: 17, `a{i=~"1|2"}`: 8, `a{i=~"1|"}`: 5,
		`{i="1"}`: 12, `{i=~".+"}`: 60, `{__name__=~"a|b",j!~"[01]"}`: 22, `a{nothing="x"}`: 0, `a{nothing=""}`: 21, `nothing`: 0, `{i="1",i="2"}`: 0, `{j="3",i="4",__name__="c"}`: 1,
	} {
		matchers := matchersOf(t, selector)
		got := s.match(matchers)
		if len(got) != want {
			t.Errorf("%s: %d series, want %d", selector, len(got), want)
		}
		if !slices.IsSortedFunc(got, func(x, y *series) int { return labels.Compare(x.labels, y.labels) }) {
			t.Errorf("%s: not sorted", selector)
		}
		for _, one := range got {
			if !matches(one.labels, matchers) {
				t.Errorf("%s: has %s", selector, one.labels)
			}
		}
	}
}

// The iterator keeps chunkenc.Iterator's contract: Seek goes forward only, to
// the first sample at or after the time.
func TestIterator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfDistinct(rapid.Int64Range(0, 50), rapid.ID).Draw(t, "times")
		slices.Sort(times)
		s := &series{times: times, values: make([]float64, len(times))}
		for i := range s.values {
			s.values[i] = float64(times[i])
		}
		it := s.Iterator(nil)
		at := -1 // where it should be
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			var got chunkenc.ValueType
			if rapid.Bool().Draw(t, "seek") {
				to := rapid.Int64Range(-1, 55).Draw(t, "to")
				got = it.Seek(to)
				at = max(at, 0)
				for at < len(times) && times[at] < to {
					at++
				}
			} else {
				got = it.Next()
				at = min(at+1, len(times))
			}
			if (got == chunkenc.ValNone) != (at >= len(times)) {
				t.Fatalf("value type %s at %d of %d", got, at, len(times))
			}
			if got != chunkenc.ValNone {
				if when, v := it.At(); when != times[at] || v != float64(when) || it.AtT() != when {
					t.Fatalf("at %d %v, want %d", when, v, times[at])
				}
			}
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	})
}

func TestBetween(t *testing.T) {
	s := &series{times: []int64{10, 20, 30}, values: []float64{1, 2, 3}}
	for _, test := range []struct {
		from, to int64
		want     []int64
	}{
		{0, 9, nil}, {10, 10, []int64{10}}, {11, 19, nil}, {10, 30, []int64{10, 20, 30}}, {15, 1 << 62, []int64{20, 30}}, {31, 40, nil}, {30, 10, nil},
	} {
		if got := s.between(test.from, test.to).times; !slices.Equal(got, test.want) {
			t.Errorf("between %d and %d: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}
