package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/kayenta/rest"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
	_ "github.com/judged-dev/judged/metrics/providers/prometheus"
)

// begin is when the tests' windows begin.
var begin = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// prom answers range queries as Prometheus does: the value of a query at a time,
// NaN for none.
type prom struct {
	mu      sync.Mutex
	queries []string
	value   func(query string, at time.Time) float64
	status  int // not 0: what all is answered with
}

func (p *prom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	p.mu.Lock()
	p.queries = append(p.queries, query+" from "+r.FormValue("start")+" to "+r.FormValue("end")+" step "+r.FormValue("step"))
	status, value := p.status, p.value
	p.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(query, "group by (__name__)") {
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"http_requests_total"},"values":[[%s,"1"]]}]}}`, r.FormValue("end"))
		return
	}
	number := func(name string) float64 {
		v, err := strconv.ParseFloat(r.FormValue(name), 64)
		if err != nil {
			panic(name + "=" + r.FormValue(name))
		}
		return v
	}
	var values []string
	for at := number("start"); at <= number("end"); at += number("step") {
		if v := value(query, time.UnixMilli(int64(at*1000))); !math.IsNaN(v) {
			values = append(values, fmt.Sprintf(`[%f,"%g"]`, at, v))
		}
	}
	if values == nil {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
		return
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"m"},"values":[%s]}]}}`, strings.Join(values, ","))
}

// waves is a level with a wave, three times as high where the query says slow.
func waves(query string, at time.Time) float64 {
	level := 100 + 5*math.Sin(float64(at.Unix())/60*1.7)
	if strings.Contains(query, "slow") {
		level *= 3
	}
	return level
}

// world is a service with a clock that tests move.
type world struct {
	*rest.Service
	prom *prom
	mu   sync.Mutex
	at   time.Time
	deny func(rest.Access) bool
	said []rest.Access
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
}

var errDenied = errors.New("you may not")

func newWorld(t testing.TB, change func(*rest.Options)) *world {
	t.Helper()
	w := &world{prom: &prom{value: waves}, at: begin.Add(24 * time.Hour)}
	backend := httptest.NewServer(w.prom)
	t.Cleanup(backend.Close)
	sources := analysis.NewSources(metrics.Settings{Name: "prod", Provider: "prometheus", URL: backend.URL})
	t.Cleanup(func() { _ = sources.Close() })
	s, err := store.Open(t.Context(), store.Options{URL: "memory:", Replica: "one"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o := rest.Options{
		Store: s, Sources: sources, Tenant: func(context.Context) string { return "shop" },
		Allow: func(_ context.Context, a rest.Access) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said, a)
			if w.deny != nil && w.deny(a) {
				return errDenied
			}
			return nil
		},
		Check: func(_ context.Context, a rest.Asked) error {
			if strings.Contains(fmt.Sprint(a.Queries), "secret") {
				return errDenied
			}
			return nil
		},
		Audit: func(context.Context, rest.Access, string) {},
		Explain: func(_ context.Context, err error) (int, string) {
			if errors.Is(err, errDenied) {
				return http.StatusForbidden, err.Error()
			}
			return http.StatusInternalServerError, err.Error()
		},
		StorageAccounts: []string{"gcs", "judged"}, Retention: time.Hour, Now: w.now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	w.Service = rest.New(o)
	if _, fuzzing := t.(*testing.F); fuzzing {
		return w // nothing happens besides what is called, so that coverage repeats
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Worker().Run(ctx, time.Second)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

// call sends a request and returns its status and answer.
func (w *world) call(t testing.TB, method, path, body string) (int, []byte) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://judged.test/kayenta"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	answer, err := io.ReadAll(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	return recorder.Code, answer
}

// ok is call for what must be answered with a status, decoded.
func (w *world) ok(t testing.TB, want int, method, path, body string) any {
	t.Helper()
	status, answer := w.call(t, method, path, body)
	var decoded any
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &decoded); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
	if status != want {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, status, want, answer)
	}
	return decoded
}

// refused is call for what must be refused with a message.
func (w *world) refused(t testing.TB, want int, method, path, body string, parts ...string) {
	t.Helper()
	decoded, _ := w.ok(t, want, method, path, body).(map[string]any)
	text, _ := decoded["message"].(string)
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s %s: %q, want %q in it", method, path, text, part)
		}
	}
}

// at returns what is found along a path of names and indices.
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			list, _ := v.([]any)
			if s < 0 {
				s += len(list)
			}
			if s < 0 || s >= len(list) {
				return nil
			}
			v = list[s]
		}
	}
	return v
}

// until asks until ok, for at most ten seconds.
func (w *world) until(t testing.TB, path string, ok func(any) bool) any {
	t.Helper()
	var answer any
	for range 1000 {
		answer = w.ok(t, http.StatusOK, http.MethodGet, path, "")
		if ok(answer) {
			return answer
		}
		time.Sleep(10 * time.Millisecond)
	}
	text, _ := json.MarshalIndent(answer, "", " ")
	t.Fatalf("%s: still %s", path, text)
	return nil
}

func complete(v any) bool { return at(v, "complete") == true }

// config is a Kayenta config of one metric and a group.
func config(name, metric string) string {
	return `{"name":"` + name + `","description":"d","configVersion":"1","applications":["shop"],"judge":{"name":"NetflixACAJudge-v1.0","judgeConfigurations":{}},
	"metrics":[{"name":"latency","query":{"type":"prometheus","serviceType":"prometheus","metricName":"` + metric + `","labelBindings":[],"groupByFields":[],
	"customInlineTemplate":"PromQL:` + metric + `{version=\"${scope}\"}"},"groups":["all"],"analysisConfigurations":{"canary":{"direction":"increase","critical":true}},"scopeName":"default"}],
	"templates":{},"classifier":{"groupWeights":{"all":100.0}}}`
}

// request asks for one judgment of n minutes.
func request(control, experiment string, n int) string {
	end := begin.Add(time.Duration(n) * time.Minute).Format(time.RFC3339)
	scope := func(name string) string {
		return `{"scope":"` + name + `","location":"eu","start":"` + begin.Format(time.RFC3339) + `","end":"` + end + `","step":60,"extendedScopeParams":{}}`
	}
	return `{"scopes":{"default":{"controlScope":` + scope(control) + `,"experimentScope":` + scope(experiment) + `}},"thresholds":{"pass":90,"marginal":"75"},"siteLocal":{"a":1}}`
}

func (w *world) config(t testing.TB, text string) string {
	t.Helper()
	id, _ := at(w.ok(t, http.StatusOK, http.MethodPost, "/canaryConfig", text), "canaryConfigId").(string)
	return id
}
