package prometheus

import (
	"bytes"
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestCountSeries(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"status":"success","data":{"resultType":"matrix","result":[]}}`: 0,
		`{"data":{"result":[{"metric":{},"values":[[1,"1"]]}]}}`:          1,
		`{"data":{"result":[{"metric":{"a":"}]{[\"{\\"},"values":[]},{"metric":{"b":"\\\\"},"histograms":[[1,{"count":"1","buckets":[[0,"1","2","3"]]}]]},{}]}, "status":"success"}`: 3,
		`{"data":{"resultType":"matrix","result":[` + strings.Repeat(`{"metric":{}},`, 20) + `{}]}}`:                                                                                 11, // one more than most
		`{}`: 0, `[]`: 0, `"{{{{{{"`: 0, `1`: 0,
	} {
		if got := countSeries([]byte(body), 10); got != want {
			t.Errorf("%s: %d series, want %d", body, got, want)
		}
	}
}

// FuzzCountSeries compares with the decoder of the standard library.
func FuzzCountSeries(f *testing.F) {
	f.Add([]byte(`{"data":{"result":[{"metric":{"a":"}\\\"{"}},{}]}}`))
	f.Add([]byte(`{"data":{"result":[1,[{}],{"a":[{}]}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			_ = countSeries(body, 1000) // must not panic
			return
		}
		want, depth := 0, 0
		for d := json.NewDecoder(bytes.NewReader(body)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				if token == json.Delim('{') && depth == 3 {
					want++
				}
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		if got := countSeries(body, len(body)); got != want {
			t.Errorf("%s: %d series, want %d", body, got, want)
		}
	})
}

// manySeries is an answer of 200,000 series, each of another pod.
func manySeries() []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for i := range 200_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"metric":{"pod":"`)
		for n := i; n > 0; n /= 10 {
			b.WriteByte('0' + byte(n%10))
		}
		b.WriteString(`"},"values":[[1767322860,"1"]]}`)
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

// Not parallel: it looks at what the whole process allocates.
func TestManySeriesAreNotDecoded(t *testing.T) {
	answer := manySeries()
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) })
	src := open(t, f.URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ask(t, src, smallGrid)
	runtime.ReadMemStats(&after)
	if reason, _ := metrics.ReasonOf(err); reason != metrics.TooLarge || !strings.Contains(err.Error(), "the query returns more than 1000 series (aggregate it") {
		t.Errorf("got %v, want a TooLarge error", err)
	}
	// It is read into pieces and joined: twice its bytes, thrice with the race
	// detector. Decoded, it would take twenty times.
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(5*len(answer)); used > most {
		t.Errorf("allocated %d MiB for an answer of %d MiB", used>>20, len(answer)>>20)
	}
}

func BenchmarkCountSeries(b *testing.B) {
	answer := encode([]stream{{Metric: map[string]string{"pod": "shop-5d4f8c7b9-x2x7k"}, Values: make([][2]any, 11_000)}})
	b.SetBytes(int64(len(answer)))
	for b.Loop() {
		countSeries(answer, maxSeries)
	}
}
