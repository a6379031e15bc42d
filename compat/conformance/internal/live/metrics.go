package live

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The sides of a comparison, as values of the variable that Config's query has.
// What a side's latency does follows from its name.
const (
	// Good has 100 ms and 1 % of even noise, as every name that is not below.
	Good = "v1"
	// Better is Good under another name, with noise of its own.
	Better = "v2"
	// Slow has three times as much.
	Slow = "slow"
	// Unclear has 6.5 % more: beyond Config's margin, which is its tolerance as well,
	// but not by as much as healthy instances may differ.
	Unclear = "unclear"
	// Silent has no data, which a canary FAILs for.
	Silent = "silent"
	// Broken makes the source answer with an error.
	Broken = "broken"
)

// SlowIn returns a side that is slow in the first n parts: Part's queries.
func SlowIn(n int) string { return fmt.Sprint("worse-", n) }

// Part returns the query of one of nine parts, from 1, with a variable for the side:
// "${scope}", for example. Both sides have the same noise in them, so that nothing
// but SlowIn makes a difference.
func Part(n int, variable string) string { return fmt.Sprintf(`part%d{version="%s"}`, n, variable) }

var slowPart = regexp.MustCompile(`part(\d).*worse-(\d)`)

// metrics answers range queries as Prometheus does. The same query of the same
// time gets the same answer, whoever asks and whenever, and no point of the
// future.
func metrics(tb testing.TB) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		start, err1 := strconv.ParseFloat(r.FormValue("start"), 64)
		end, err2 := strconv.ParseFloat(r.FormValue("end"), 64)
		step, err3 := strconv.ParseFloat(r.FormValue("step"), 64)
		if err1 != nil || err2 != nil || err3 != nil || step <= 0 || (end-start)/step > 11000 {
			answer(w, http.StatusBadRequest, map[string]any{"status": "error", "errorType": "bad_data", "error": "bad range"})
			return
		}
		if strings.Contains(query, Broken) {
			answer(w, http.StatusBadRequest, map[string]any{"status": "error", "errorType": "bad_data", "error": "this query is broken"})
			return
		}
		result := []any{}
		if !strings.Contains(query, Silent) {
			var values [][2]any
			for i := 0; ; i++ {
				t := start + float64(i)*step
				if t > end+1e-6 || t > float64(time.Now().UnixMilli())/1000 {
					break
				}
				at := math.Round(t * 1000)
				values = append(values, [2]any{at / 1000, strconv.FormatFloat(value(query, int64(math.Round(t/step))), 'g', -1, 64)})
			}
			if len(values) > 0 {
				result = append(result, map[string]any{"metric": map[string]string{}, "values": values})
			}
		}
		answer(w, http.StatusOK, map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	})
	s := httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s.URL
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // the caller is gone if this fails
}

// value is a query's in the interval of a number, counted from 1970.
//
// Random noise would be autocorrelated by chance in one of five windows of ten
// points, and nothing be decided there. So the noise is even: the multiples of the
// golden ratio, modulo 1, fill the range without clusters, each query's from an
// offset of its own. Only what must not be decided is random.
func value(query string, n int64) float64 {
	level, offset := 100.0, unit(query, 0)
	switch {
	case strings.Contains(query, Slow):
		level = 300
	case strings.Contains(query, Unclear):
		return round(106.5 * (1 + 0.0346*(unit(query, n)-0.5))) // the range of a standard deviation of 1 %
	case strings.Contains(query, "part"):
		offset = 0
		if m := slowPart.FindStringSubmatch(query); m != nil && m[1] <= m[2] {
			level = 300
		}
	}
	_, even := math.Modf(float64(n%1e6)/math.Phi + offset)
	return round(level * (1 + 0.0346*(even-0.5)))
}

func round(ms float64) float64 { return math.Round(1000*ms) / 1000 }

// unit returns a number from 0 to 1 that depends on both.
func unit(query string, n int64) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, query, n) // a hash takes everything
	// Similar texts have similar sums; SplitMix64's last steps part them.
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}
