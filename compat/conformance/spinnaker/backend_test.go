package spinnaker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// outages is the name of a source that can be out of order.
const outages = "outages"

// backend answers range queries as Prometheus does: the same for all, whatever is
// asked.
type backend struct{ down atomic.Bool }

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(r.FormValue("query"), "group by (__name__)") {
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[`+
			`{"metric":{"__name__":"http_requests_total"},"values":[[%[1]s,"1"]]},{"metric":{"__name__":"http_errors_total"},"values":[[%[1]s,"1"]]}]}}`, r.FormValue("end"))
		return
	}
	start, err1 := strconv.ParseFloat(r.FormValue("start"), 64)
	end, err2 := strconv.ParseFloat(r.FormValue("end"), 64)
	step, err3 := strconv.ParseFloat(r.FormValue("step"), 64)
	if err1 != nil || err2 != nil || err3 != nil || step <= 0 || (end-start)/step > 11000 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"bad range"}`)
		return
	}
	var points []string
	for at := start; at <= end; at += step {
		points = append(points, fmt.Sprintf(`[%.3f,"%d"]`, at, 100+int(at/step)%7))
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[%s]}]}}`, strings.Join(points, ","))
}

// start starts judged with one more source, and more settings after it.
func start(t testing.TB, settings string) (*live.Server, *backend) {
	t.Helper()
	b := new(backend)
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return live.Start(t, fmt.Sprintf("  %s: {provider: prometheus, url: %q, timeout: 5s, attempts: 1}\n", outages, s.URL)+settings), b
}
