package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/providers/otlp"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/policy"
	"github.com/judged-dev/judged/server"
)

const exportPath = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

// logsOf is a request with a record for each line, all of now.
func logsOf(service string, lines ...string) *collogs.ExportLogsServiceRequest {
	scope := &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: "shop.Orders"}}
	for _, line := range lines {
		scope.LogRecords = append(scope.LogRecords, &logspb.LogRecord{
			TimeUnixNano: uint64(time.Now().UnixNano()), SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_WARN,
			Body: text(line), TraceId: bytes.Repeat([]byte{0xab}, 16),
		})
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			{Key: "service.name", Value: text(service)}, {Key: "service.instance.id", Value: text(service + "-1")},
		}},
		ScopeLogs: []*logspb.ScopeLogs{scope},
	}}}
}

func marshaled(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stored returns the messages that a source reads, of the last hour but not
// before the spool began.
func stored(t testing.TB, dir, tenant, query string) []string {
	t.Helper()
	all, err := readPushed(t, dir, tenant, query)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readPushed(t testing.TB, dir, tenant, query string) (all []string, err error) {
	t.Helper()
	source, err := otlp.Provider.Open(metrics.Settings{Name: "pushed", URL: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	began, err := filepath.Glob(filepath.Join(otlp.Directory(dir), "from-*"))
	if err != nil || len(began) != 1 {
		t.Fatal(began, err)
	}
	var nanos int64
	if _, err := fmt.Sscanf(filepath.Base(began[0]), "from-%d", &nanos); err != nil {
		t.Fatal(err)
	}
	_, err = source.Read(otlp.WithTenant(t.Context(), tenant), logs.Query{
		Expr: query, Window: metrics.Window{Start: time.Unix(0, nanos), End: time.Now()},
	}, func(r *logs.Record) error {
		all = append(all, fmt.Sprintf("%s %s %s %s %s", r.Level, r.Logger, r.Instance, r.Trace, r.Message))
		return nil
	})
	return all, err
}

// push posts a body to the HTTP path.
func (i *instance) push(t testing.TB, body []byte, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.url+"/v1/logs", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := i.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// export calls gRPC.
func (i *instance) export(t testing.TB, request *collogs.ExportLogsServiceRequest, o ...connect.ClientOption) (*collogs.ExportLogsServiceResponse, error) {
	t.Helper()
	client := connect.NewClient[collogs.ExportLogsServiceRequest, collogs.ExportLogsServiceResponse](i.h2c, i.url+exportPath, append(o, connect.WithGRPC())...)
	response, err := client.CallUnary(t.Context(), connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
}

// statusOf reads the google.rpc.Status that errors are by OTLP/HTTP.
func statusOf(t testing.TB, a answer) *statuspb.Status {
	t.Helper()
	s := &statuspb.Status{}
	switch kind := a.header.Get("Content-Type"); kind {
	case "application/x-protobuf":
		if err := proto.Unmarshal([]byte(a.text), s); err != nil {
			t.Fatalf("%v: %q", err, a.text)
		}
	case "application/json":
		if err := (protojson.UnmarshalOptions{}).Unmarshal([]byte(a.text), s); err != nil {
			t.Fatalf("%v: %q", err, a.text)
		}
	default:
		t.Fatalf("an error of type %q: %q", kind, a.text)
	}
	return s
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// By every protocol, type and encoding of the specification the same arrives.
func TestOTLPArrives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := start(t, server.Options{Receive: &server.Receive{Directory: dir}})
	inJSON := func(b []byte) []byte {
		m := &collogs.ExportLogsServiceRequest{}
		if err := proto.Unmarshal(b, m); err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		// OTLP has ids in hexadecimal, in either case.
		id := m.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()[0].GetTraceId()
		text = bytes.ReplaceAll(text, []byte(base64.StdEncoding.EncodeToString(id)), []byte(strings.ToUpper(hex.EncodeToString(id))))
		return bytes.Replace(text, []byte("{"), []byte(`{"aFieldOfTomorrow": [{}], `), 1)
	}
	plain := func(b []byte) []byte { return b }
	zip, zs := func(b []byte) []byte { return gzipped(t, b) }, func(b []byte) []byte { return zstded(t, b) }
	for service, c := range map[string]struct {
		kind, encoding string
		encode         []func([]byte) []byte
	}{
		"proto":      {"application/x-protobuf", "", []func([]byte) []byte{plain}},
		"proto-gzip": {"application/x-protobuf", "gzip", []func([]byte) []byte{zip}},
		"proto-zstd": {"application/x-protobuf", "zstd", []func([]byte) []byte{zs}},
		"json":       {"application/json", "identity", []func([]byte) []byte{inJSON}},
		"json-utf8":  {"application/json; charset=utf-8", "gzip", []func([]byte) []byte{inJSON, zip}},
	} {
		body := marshaled(t, logsOf(service, "order 17 is late"))
		for _, encode := range c.encode {
			body = encode(body)
		}
		got := i.push(t, body, "Content-Type", c.kind, "Content-Encoding", c.encoding)
		want, kind := "", "application/x-protobuf"
		if strings.HasPrefix(service, "json") {
			want, kind = "{}", "application/json"
		}
		if got.status != http.StatusOK || got.text != want || got.header.Get("Content-Type") != kind {
			t.Errorf("%s: status %d: %s %q", service, got.status, got.header.Get("Content-Type"), got.text)
		}
	}
	zstdClient := connect.WithAcceptCompression("zstd", func() connect.Decompressor { return &zstdReader{} }, func() connect.Compressor {
		w, err := zstd.NewWriter(io.Discard)
		if err != nil {
			panic(err)
		}
		return w
	})
	for service, o := range map[string][]connect.ClientOption{
		"grpc": nil, "grpc-gzip": {connect.WithSendGzip()}, "grpc-zstd": {zstdClient, connect.WithSendCompression("zstd")},
	} {
		if response, err := i.export(t, logsOf(service, "order 17 is late"), o...); err != nil || response.GetPartialSuccess() != nil {
			t.Errorf("%s: %v, %v", service, response, err)
		}
	}
	trace := strings.Repeat("ab", 16)
	for _, service := range []string{"proto", "proto-gzip", "proto-zstd", "json", "json-utf8", "grpc", "grpc-gzip", "grpc-zstd"} {
		want := "warn shop.Orders " + service + "-1 " + trace + " order 17 is late"
		if got := stored(t, dir, "", fmt.Sprintf("service.name=%q", service)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
	// A restart forgets nothing.
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	start(t, server.Options{Receive: &server.Receive{Directory: dir}})
	if got := stored(t, dir, "", `service.name=~".*"`); len(got) != 8 {
		t.Errorf("%d records after a restart", len(got))
	}
}

type zstdReader struct{ *zstd.Decoder }

func (z *zstdReader) Reset(r io.Reader) (err error) {
	z.Decoder, err = zstd.NewReader(r)
	return err
}
func (z *zstdReader) Close() error { z.Decoder.Close(); return nil }

// What cannot be taken is refused as the specification wants it: the status says
// whether to try again, and the body is a google.rpc.Status in the request's type.
func TestOTLPRefusals(t *testing.T) {
	t.Parallel()
	i := start(t, server.Options{Receive: &server.Receive{Directory: t.TempDir()}, Limits: server.Limits{RequestBytes: 1 << 20}})
	good := marshaled(t, logsOf("shop", "x"))
	bomb := bytes.Repeat([]byte{0}, 4<<20)
	for name, c := range map[string]struct {
		body   []byte
		header []string
		status int
		text   string
	}{
		"no protobuf":          {[]byte("hello"), nil, 400, "the request cannot be read"},
		"no JSON":              {[]byte("hello"), []string{"Content-Type", "application/json"}, 400, "the request cannot be read"},
		"JSON of another kind": {[]byte(`{"resourceLogs": 5}`), []string{"Content-Type", "application/json"}, 400, "the request cannot be read"},
		"a form":               {good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/x-protobuf or application/json"},
		"gRPC's type":          {good, []string{"Content-Type", "application/protobuf"}, 415, "application/x-protobuf or application/json"},
		"no type":              {good, []string{"Content-Type", ""}, 415, "application/x-protobuf or application/json"},
		"snappy":               {good, []string{"Content-Encoding", "snappy"}, 415, "gzip or zstd"},
		"no gzip":              {good, []string{"Content-Encoding", "gzip"}, 400, "the body cannot be read"},
		"cut gzip":             {gzipped(t, good)[:20], []string{"Content-Encoding", "gzip"}, 400, "the body cannot be read"},
		"no zstd":              {good, []string{"Content-Encoding", "zstd"}, 400, "the body cannot be read"},
		"too large":            {bomb, nil, 413, "larger than 1048576 bytes"},
		"a bomb in gzip":       {gzipped(t, bomb), []string{"Content-Encoding", "gzip"}, 413, "larger than 1048576 bytes"},
		"a bomb in zstd":       {zstded(t, bomb), []string{"Content-Encoding", "zstd"}, 413, "larger than 1048576 bytes"},
	} {
		got := i.push(t, c.body, c.header...)
		s := statusOf(t, got)
		if got.status != c.status || s.GetCode() == 0 || !strings.Contains(s.GetMessage(), c.text) || got.header.Get("Retry-After") != "" {
			t.Errorf("%s: status %d: %v", name, got.status, s)
		}
		wantType := "application/x-protobuf"
		if strings.Contains(name, "JSON") {
			wantType = "application/json"
		}
		if kind := got.header.Get("Content-Type"); kind != wantType {
			t.Errorf("%s: answered as %s", name, kind)
		}
	}
	if got := i.send(t, http.MethodGet, "/v1/logs", "", nil); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "POST" {
		t.Errorf("GET: status %d", got.status)
	}
	big := logsOf("shop", strings.Repeat("x", 2<<20))
	if _, err := i.export(t, big); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("too large by gRPC: %v", err)
	}
	// Without the setting the path is not there.
	other := start(t, server.Options{})
	if got := other.push(t, good); got.status != http.StatusNotFound {
		t.Errorf("a server that receives nothing: status %d", got.status)
	}
}

// Single records that are no good do not cost the others, and the sender hears of
// them.
func TestOTLPPartialSuccess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := start(t, server.Options{Receive: &server.Receive{Directory: dir}})
	request := logsOf("shop", "good", "old", "new", strings.Repeat("x", 300<<10), "undated")
	records := request.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()
	records[1].TimeUnixNano = uint64(time.Now().Add(-7 * time.Hour).UnixNano())
	records[2].TimeUnixNano = uint64(time.Now().Add(time.Hour).UnixNano())
	records[4].TimeUnixNano = 0
	for way, export := range map[string]func() *collogs.ExportLogsServiceResponse{
		"gRPC": func() *collogs.ExportLogsServiceResponse {
			response, err := i.export(t, request)
			if err != nil {
				t.Fatal(err)
			}
			return response
		},
		"HTTP": func() *collogs.ExportLogsServiceResponse {
			response := &collogs.ExportLogsServiceResponse{}
			if err := proto.Unmarshal([]byte(i.push(t, marshaled(t, request)).text), response); err != nil {
				t.Fatal(err)
			}
			return response
		},
	} {
		p := export().GetPartialSuccess()
		if p.GetRejectedLogRecords() != 3 || !strings.Contains(p.GetErrorMessage(), "1 longer than 262144 bytes; 1 older than is kept here; 1 more than 10m0s in the future") {
			t.Errorf("%s: %v", way, p)
		}
	}
	got := stored(t, dir, "", `service.name="shop"`)
	slices.Sort(got)
	if len(got) != 4 || !strings.HasSuffix(got[0], " good") || !strings.HasSuffix(got[3], " undated") {
		t.Errorf("%q", got)
	}
	if _, page := i.page(t, "/metrics"); !strings.Contains(page, `judged_pushed_records_total{outcome="refused",signal="logs"} 6`) ||
		!strings.Contains(page, `judged_pushed_records_total{outcome="kept",signal="logs"} 4`) || !strings.Contains(page, `judged_spool_segments{signal="logs"} 1`) {
		t.Errorf("metrics: %s", page)
	}
}

// Pushing needs a token and the right to, and what a tenant pushes only that
// tenant reads.
func TestOTLPAccess(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "sender@alpha", "sender@beta", "reader@alpha")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{{Name: "senders", Allow: "caller.name == 'sender' && action == 'logs.push'"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	i := start(t, server.Options{Authenticator: s.authenticator, Authorization: rules, Receive: &server.Receive{Directory: dir}})
	body := marshaled(t, logsOf("shop", "from alpha"))
	for name, c := range map[string]struct {
		authorization string
		status        int
		code          connect.Code
		text          string
	}{
		"no token":     {"", 401, connect.CodeUnauthenticated, "wants to know who is calling"},
		"a forged one": {"Bearer x", 401, connect.CodeUnauthenticated, ""},
		"no right":     {"Bearer " + s.tokens["reader@alpha"], 403, connect.CodePermissionDenied, "you are reader, who may not do this: logs.push"},
		"a right":      {"Bearer " + s.tokens["sender@alpha"], 200, 0, ""},
		"a password":   {"Basic " + base64.StdEncoding.EncodeToString([]byte("judged:"+s.tokens["sender@alpha"])), 200, 0, ""},
	} {
		got := i.push(t, body, "Authorization", c.authorization)
		if got.status != c.status {
			t.Errorf("%s: status %d", name, got.status)
		}
		if c.status != http.StatusOK {
			if s := statusOf(t, got); s.GetCode() != int32(c.code) || !strings.Contains(s.GetMessage(), c.text) {
				t.Errorf("%s: %v", name, s)
			}
		}
	}
	for token, code := range map[string]connect.Code{"": connect.CodeUnauthenticated, s.tokens["reader@alpha"]: connect.CodePermissionDenied} {
		if _, err := i.as(token).export(t, logsOf("shop", "x")); connect.CodeOf(err) != code {
			t.Errorf("by gRPC: %v, want %v", err, code)
		}
	}
	if _, err := i.as(s.tokens["sender@beta"]).export(t, logsOf("shop", "from beta")); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]int{"alpha": 2, "beta": 1, "gamma": 0, "": 0} {
		got := stored(t, dir, tenant, `service.name="shop"`)
		if len(got) != want {
			t.Errorf("%s reads %q", tenant, got)
		}
		for _, line := range got {
			if !strings.HasSuffix(line, "from "+tenant) {
				t.Errorf("%s reads %q", tenant, line)
			}
		}
	}
}

// A disk that takes nothing is a reason to send again, and what the disk said is
// told to nobody but the log.
func TestOTLPDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := start(t, server.Options{Receive: &server.Receive{Directory: dir}})
	// A file where the tenant's folder should be.
	if err := os.WriteFile(filepath.Join(otlp.Directory(dir), "tenant"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := i.push(t, marshaled(t, logsOf("shop", "x")))
	if s := statusOf(t, got); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "10" || strings.Contains(s.GetMessage(), dir) {
		t.Errorf("status %d, %v: %v", got.status, got.header, s)
	}
	_, err := i.export(t, logsOf("shop", "x"))
	wantCode(t, err, connect.CodeUnavailable, "send it again")
	e, _ := errors.AsType[*connect.Error](err)
	var retry time.Duration
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if info, ok := v.(*errdetails.RetryInfo); ok {
				retry = info.GetRetryDelay().AsDuration()
			}
		}
	}
	if retry != 10*time.Second {
		t.Errorf("no RetryInfo: %v", e.Details())
	}
	eventually(t, "the log says what the disk said", func() bool { return strings.Contains(i.log.String(), "not a directory") })
}

// Whatever is pushed, the answer is one of the specification.
func FuzzOTLP(f *testing.F) {
	s, err := server.New(server.Options{Sources: sourcesOf(nil), Receive: &server.Receive{Directory: f.TempDir()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	good := marshaled(f, logsOf("shop", "one", "two"))
	f.Add(good, false, uint8(0))
	f.Add(gzipped(f, good), false, uint8(1))
	f.Add(zstded(f, good), false, uint8(2))
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"5b8efff798038103d269b633813fc60c","body":{"stringValue":"x"}}]}]}]}`), true, uint8(0))
	f.Fuzz(func(t *testing.T, body []byte, inJSON bool, encoding uint8) {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/logs", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		kind := "application/x-protobuf"
		if inJSON {
			kind = "application/json"
		}
		request.Header.Set("Content-Type", kind)
		request.Header.Set("Content-Encoding", []string{"", "gzip", "zstd"}[encoding%3])
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, request)
		switch w.Code {
		case 200, 400, 413:
		default:
			t.Errorf("status %d: %q", w.Code, w.Body.String())
		}
		if got := w.Header().Get("Content-Type"); got != kind {
			t.Errorf("status %d as %q", w.Code, got)
		}
	})
}
