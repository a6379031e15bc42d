package prometheus

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
	"github.com/judged-dev/judged/metrics/providertest"
)

// The data of the real server, every 15 s from start:
//   - requests_total of v1 grows by 30, of v2 by 60: 2 and 4 a second;
//   - latency_seconds of v1 is the minute, with nothing in minutes 4 to 11 and
//     NaN in minute 2; of the hostile version it is 7.
const hostileVersion = `v1"\} or vector(1) # 'x' .*`

func openMetrics() string {
	var b strings.Builder
	at := func(i int) int64 { return start.Add(time.Duration(i) * 15 * time.Second).Unix() }
	const n = 4 * 20
	b.WriteString("# TYPE requests counter\n")
	for v, each := range []int{30, 60} {
		for i := range n {
			fmt.Fprintf(&b, "requests_total{version=\"v%d\"} %d %d\n", v+1, each*i, at(i))
		}
	}
	b.WriteString("# TYPE latency_seconds gauge\n")
	for i := range n {
		switch minute := i / 4; {
		case minute == 2:
			fmt.Fprintf(&b, "latency_seconds{version=\"v1\"} NaN %d\n", at(i))
		case minute < 4 || minute > 11:
			fmt.Fprintf(&b, "latency_seconds{version=\"v1\"} %d %d\n", minute, at(i))
		}
	}
	for i := range n {
		fmt.Fprintf(&b, "latency_seconds{version=\"%s\"} 7 %d\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(hostileVersion), at(i))
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// startPrometheus runs Debian's Prometheus over the data directory until the
// test ends and returns its address. It skips the test where there is none.
func startPrometheus(t *testing.T, data, config string, flags ...string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("needs the programs prometheus and promtool; Debian has them in the package prometheus, and CI installs it")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append([]string{
		"--config.file=" + file, "--web.listen-address=" + address, "--storage.tsdb.path=" + data,
		"--storage.tsdb.retention.time=100y", "--query.lookback-delta=30s", "--log.level=warn",
	}, flags...)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &log, &log, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		cancel()
		<-exited
		if t.Failed() {
			t.Logf("prometheus: %s", log.Bytes())
		}
	})
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for range 300 {
		for _, scheme := range []string{"http://", "https://"} {
			resp, err := client.Get(scheme + address + "/-/ready")
			if err != nil {
				continue
			}
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized {
				return scheme + address
			}
		}
		select {
		case <-exited:
			t.Fatalf("prometheus ended: %s", log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("prometheus did not become ready in half a minute")
	return ""
}

// withData is a Prometheus that has the data of openMetrics and scrapes target.
func withData(t *testing.T, target string) string {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs the program promtool; Debian has it in the package prometheus, and CI installs it")
	}
	dir := t.TempDir()
	text, blocks := filepath.Join(dir, "metrics.om"), filepath.Join(dir, "blocks")
	if err := os.WriteFile(text, []byte(openMetrics()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", text, blocks).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
	if target != "" {
		config += "scrape_configs: [{job_name: live, static_configs: [{targets: [" + strings.TrimPrefix(target, "http://") + "]}]}]\n"
	}
	return startPrometheus(t, blocks, config)
}

// minutes is a grid over the data.
var minutes = metrics.Grid{Start: start.Add(time.Minute), Step: time.Minute, N: 15}

// aligned asks and aligns the only series of the answer.
func aligned(t *testing.T, src metrics.Source, query string, g metrics.Grid) []float64 {
	t.Helper()
	result, err := src.Query(t.Context(), metrics.Query{Expr: query, Grid: g})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Series) != 1 {
		t.Fatalf("%s: %d series, want 1", query, len(result.Series))
	}
	a, err := metrics.Align(result.Series[0].Points, g, metrics.Mean)
	if err != nil || a.Outside > 0 {
		t.Fatalf("%s: %v, %d points outside", query, err, a.Outside)
	}
	return a.Values
}

func same(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool {
		return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
	})
}

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !gone.Load() {
			fmt.Fprintln(w, "live_gauge 1")
		}
	}))
	t.Cleanup(target.Close)
	address := withData(t, target.URL)
	src := open(t, address)
	nan := math.NaN()

	t.Run("gaps and NaN", func(t *testing.T) {
		t.Parallel()
		// The value at the end of an interval: minute 2 is NaN, 4 to 11 are
		// missing. At 4:00 the last value, of 3:45, is within the lookback.
		want := []float64{nan, 3, 3, nan, nan, nan, nan, nan, nan, nan, 12, 13, 14, 15, 16}
		if got := aligned(t, src, `latency_seconds{version="v1"}`, minutes); !same(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("rate", func(t *testing.T) {
		t.Parallel()
		query, err := promql.Expand(`sum(rate(requests_total{version=~"${version}"}[1m]))`, map[string]string{"version": "v2"})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Repeat([]float64{4}, minutes.N)
		if got := aligned(t, src, query, minutes); !same(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("a hostile version selects itself only", func(t *testing.T) {
		t.Parallel()
		for _, template := range []string{`latency_seconds{version="${v}"}`, `latency_seconds{version='${v}'}`, `latency_seconds{version=~"${v}"}`, "latency_seconds{version=~`${v}`}"} {
			query, err := promql.Expand(template, map[string]string{"v": hostileVersion})
			if err != nil {
				t.Fatal(err)
			}
			if got := aligned(t, src, query, minutes); !same(got, slices.Repeat([]float64{7}, minutes.N)) {
				t.Errorf("%s: got %v, want 7 everywhere", query, got)
			}
		}
	})
	t.Run("several series", func(t *testing.T) {
		t.Parallel()
		result, err := src.Query(t.Context(), metrics.Query{Expr: "requests_total", Grid: minutes})
		if err != nil || len(result.Series) != 2 {
			t.Fatalf("got %d series and %v, want 2", len(result.Series), err)
		}
		if got, want := result.Series[0].Labels.String(), `{__name__="requests_total", version="v1"}`; got != want {
			t.Errorf("labels are %s, want %s", got, want)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		result, err := src.Query(t.Context(), metrics.Query{Expr: "no_such_metric", Grid: minutes})
		if err != nil || len(result.Series) != 0 {
			t.Errorf("got %d series and %v, want neither", len(result.Series), err)
		}
	})
	t.Run("division by zero", func(t *testing.T) {
		t.Parallel()
		if got := aligned(t, src, "vector(0) / vector(0)", minutes); !same(got, slices.Repeat([]float64{nan}, minutes.N)) {
			t.Errorf("0/0 is %v", got)
		}
		result, err := src.Query(t.Context(), metrics.Query{Expr: "1 / vector(0)", Grid: minutes})
		if err != nil || !math.IsInf(result.Series[0].Points[0].Value, 1) {
			t.Errorf("1/0 is %v, %v", result, err)
		}
	})
	t.Run("a scalar is a series", func(t *testing.T) {
		t.Parallel()
		if got := aligned(t, src, "2", minutes); !same(got, slices.Repeat([]float64{2}, minutes.N)) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("more than 11,000 points", func(t *testing.T) {
		t.Parallel()
		g := metrics.Grid{Start: start, Step: time.Second, N: 25_000}
		got := aligned(t, src, "vector(time())", g)
		for i, v := range got {
			if want := float64(g.Time(i).Unix()); v != want {
				t.Fatalf("interval %d has %v, want %v", i, v, want)
			}
		}
	})
	t.Run("steps below a second", func(t *testing.T) {
		t.Parallel()
		g := metrics.Grid{Start: start.Add(123456789), Step: 125 * time.Millisecond, N: 100}
		for i, v := range aligned(t, src, "vector(time())", g) {
			if want := float64(g.Time(i).Truncate(time.Millisecond).UnixMilli()) / 1000; math.Abs(v-want) > 1e-6 {
				t.Fatalf("interval %d has %v, want %v", i, v, want)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		tests := []struct {
			query, want string
			reason      metrics.Reason
		}{
			{`latency_seconds{version="v1"`, `query prod: latency_seconds{version="v1": bad query: POST ` + address + `/api/v1/query_range answered 400 Bad Request: 1:29: parse error: unexpected end of input inside braces`, metrics.BadQuery},
			{`requests_total * on() latency_seconds`, "422 Unprocessable Entity: found duplicate series for the match group {}", metrics.BadQuery},
			{`requests_total[5m]`, `invalid expression type "range vector" for range query`, metrics.BadQuery},
			{`"text"`, `invalid expression type "string" for range query`, metrics.BadQuery},
			{`rate(latency_seconds)`, "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector", metrics.BadQuery},
		}
		for _, test := range tests {
			_, err := src.Query(t.Context(), metrics.Query{Expr: test.query, Grid: minutes})
			if reason, _ := metrics.ReasonOf(err); err == nil || reason != test.reason || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		}
	})
	t.Run("another path", func(t *testing.T) {
		t.Parallel()
		_, err := ask(t, open(t, address+"/prometheus"), minutes)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), "is the path of the source's url right?") {
			t.Errorf("got %v, want a Misconfigured error", err)
		}
	})
	t.Run("the web page instead of the API", func(t *testing.T) {
		t.Parallel()
		// A proxy that answers every path with the application's page.
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			resp, err := http.Get(address + "/graph")
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(w, resp.Body)
		}))
		defer page.Close()
		_, err := ask(t, open(t, page.URL), minutes)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.BadAnswer || !strings.Contains(err.Error(), "an HTML page, \"Prometheus Time Series Collection and Processing Server\" (is this the address of a login page or proxy?)") {
			t.Errorf("got %v, want an error that tells it is a page", err)
		}
	})
	t.Run("bearer token through a proxy", func(t *testing.T) {
		t.Parallel()
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		forward := httputil.NewSingleHostReverseProxy(u)
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer right-token" {
				http.Error(w, "no valid token: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
				return
			}
			forward.ServeHTTP(w, r)
		}))
		defer proxy.Close()
		with := func(token string) metrics.Source {
			return open(t, proxy.URL, func(s *metrics.Settings) { s.Bearer = metrics.Secret{Value: token} })
		}
		aligned(t, with("right-token"), "vector(1)", minutes)
		_, err = ask(t, with("wrong-token"), minutes)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.Denied || !strings.Contains(err.Error(), "no valid token: Bearer [secret]") {
			t.Errorf("got %v, want a Denied error without the token", err)
		}
	})
	t.Run("a series that ends leaves a gap", func(t *testing.T) {
		t.Parallel()
		// Staleness: although the lookback is 30 s, nothing is carried over
		// the end of a scraped series.
		last := func(n int) (values []float64) {
			g := metrics.NewGrid(metrics.Window{Start: time.Now().Add(-time.Duration(n) * time.Second), End: time.Now()}, time.Second)
			result, err := src.Query(t.Context(), metrics.Query{Expr: "live_gauge", Grid: g})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Series) == 0 {
				return slices.Repeat([]float64{nan}, g.N)
			}
			a, err := metrics.Align(result.Series[0].Points, g, metrics.Mean)
			if err != nil {
				t.Fatal(err)
			}
			return a.Values
		}
		wait := func(what string, done func([]float64) bool) []float64 {
			t.Helper()
			var values []float64
			for range 100 {
				if values = last(15); done(values) {
					return values
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Fatalf("no %s in 20 s: %v", what, values)
			return nil
		}
		wait("values", func(v []float64) bool { return v[len(v)-1] == 1 && v[len(v)-3] == 1 })
		gone.Store(true)
		began := time.Now()
		values := wait("gap", func(v []float64) bool { return math.IsNaN(v[len(v)-1]) })
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("the gap came after %s, which may be the lookback", took)
		}
		if !slices.Contains(values, 1) {
			t.Errorf("the values before the gap are lost: %v", values)
		}
	})
}

// bcrypt of "pw-for-tests", cost 4; golang.org/x/crypto is no dependency. Made
// by Python's crypt.crypt with the method METHOD_BLOWFISH and 16 rounds.
const passwordHash = "$2b$04$NR2YWac33A/Kp53kPPy7XefW2DazC40NzN3rXOPhrASuPHTAiTuyq"

func TestRealPrometheusWithTLSAndPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := authority(t, dir)
	web := filepath.Join(dir, "web.yml")
	config := fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s}\nbasic_auth_users: {judge: %q}\n", cert, key, passwordHash)
	if err := os.WriteFile(web, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := startPrometheus(t, t.TempDir(), "global: {}", "--web.config.file="+web)
	if !strings.HasPrefix(address, "https://") {
		t.Fatalf("the server is at %s, want TLS", address)
	}
	right := func(s *metrics.Settings) {
		s.BasicUser, s.BasicPassword, s.TLS.CAFile = "judge", metrics.Secret{Value: "pw-for-tests"}, ca
	}
	aligned(t, open(t, address, right), "vector(1)", minutes)

	tests := []struct {
		name   string
		change func(*metrics.Settings)
		reason metrics.Reason
		want   string
	}{
		{"wrong password", func(s *metrics.Settings) { s.BasicPassword.Value = "pw-for-tests-not" }, metrics.Denied, "401 Unauthorized: Unauthorized (check the source's credentials"},
		{"no password", func(s *metrics.Settings) { s.BasicUser, s.BasicPassword = "", metrics.Secret{} }, metrics.Denied, "401 Unauthorized"},
		{"no authority", func(s *metrics.Settings) { s.TLS.CAFile = "" }, metrics.Misconfigured, "certificate signed by unknown authority (set tls.ca_file to the authority that signed the server's certificate)"},
		{"another name", func(s *metrics.Settings) { s.TLS.ServerName = "prometheus.example" }, metrics.Misconfigured, "(use the name in the server's certificate in the url, or set tls.server_name to it)"},
		{"plain HTTP", func(s *metrics.Settings) { s.URL = strings.Replace(s.URL, "https:", "http:", 1) }, metrics.Misconfigured, "Client sent an HTTP request to an HTTPS server. (the server speaks TLS there: use https://)"},
	}
	for _, test := range tests {
		_, err := ask(t, open(t, address, right, test.change), minutes)
		if reason, _ := metrics.ReasonOf(err); err == nil || reason != test.reason || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "pw-for-tests") {
			t.Errorf("%s: got %v\nwant a %q error that says %q", test.name, err, test.reason, test.want)
		}
	}
	insecure := func(s *metrics.Settings) { s.TLS = metrics.TLS{InsecureSkipVerify: true} }
	aligned(t, open(t, address, right, insecure), "vector(1)", minutes)
}

// authority writes a CA, and a certificate for 127.0.0.1 with its key.
func authority(t *testing.T, dir string) (caFile, certFile, keyFile string) {
	t.Helper()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "judged test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "prometheus"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(err)
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", leafDER), write("key.pem", "EC PRIVATE KEY", keyDER)
}

// TestRecorded asks what a real Prometheus answered when it was recorded:
//
//	go test ./metrics/providers/prometheus -run Recorded -record
func TestRecorded(t *testing.T) {
	t.Parallel()
	address := providertest.Tape(t, "../../../testdata/fixtures/prometheus/query_range.json", func() string { return withData(t, "") })
	src := open(t, address)
	nan := math.NaN()
	for query, want := range map[string][]float64{
		`latency_seconds{version="v1"}`:                 {nan, 3, 3, nan, nan, nan, nan, nan, nan, nan, 12, 13, 14, 15, 16},
		`sum(rate(requests_total{version="v1"}[1m]))`:   slices.Repeat([]float64{2}, minutes.N),
		`sum(requests_total{version="v1"}) / vector(0)`: slices.Repeat([]float64{nan}, minutes.N), // infinite
	} {
		if got := aligned(t, src, query, minutes); !same(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	_, err := src.Query(t.Context(), metrics.Query{Expr: `sum(requests_total{`, Grid: minutes})
	if reason, _ := metrics.ReasonOf(err); reason != metrics.BadQuery || !strings.Contains(err.Error(), "1:20: parse error: unexpected end of input inside braces") {
		t.Errorf("got %v, want Prometheus' own message", err)
	}
	result, err := src.Query(t.Context(), metrics.Query{Expr: "no_such_metric", Grid: minutes})
	if err != nil || len(result.Series) != 0 {
		t.Errorf("got %d series and %v, want neither", len(result.Series), err)
	}
}
