package otlp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/judged-dev/judged/internal/spool"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

var bounds = Bounds{Now: noon, MaxAge: time.Hour}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func attributes(pairs ...string) (all []*commonpb.KeyValue) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, &commonpb.KeyValue{Key: pairs[i], Value: text(pairs[i+1])})
	}
	return all
}

func at(t time.Time, body string) *logspb.LogRecord {
	return &logspb.LogRecord{TimeUnixNano: uint64(t.UnixNano()), Body: text(body)}
}

func resource(attributes []*commonpb.KeyValue, records ...*logspb.LogRecord) *logspb.ResourceLogs {
	return &logspb.ResourceLogs{
		Resource:  &resourcepb.Resource{Attributes: attributes},
		ScopeLogs: []*logspb.ScopeLogs{{Scope: &commonpb.InstrumentationScope{Name: "shop"}, LogRecords: records}},
	}
}

func request(t testing.TB, all ...*logspb.ResourceLogs) []byte {
	t.Helper()
	b, err := proto.Marshal(&logspb.LogsData{ResourceLogs: all})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func split(t testing.TB, b []byte) Pushed {
	t.Helper()
	p, err := Split(b, bounds)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// merged is what entries hold.
func merged(t testing.TB, entries []spool.Entry) *logspb.LogsData {
	t.Helper()
	all := &logspb.LogsData{}
	for _, e := range entries {
		one := &logspb.LogsData{}
		if err := proto.Unmarshal(e.Payload, one); err != nil {
			t.Fatal(err)
		}
		all.ResourceLogs = append(all.ResourceLogs, one.GetResourceLogs()...)
	}
	return all
}

// What comes out is what went in, in entries of one service and version each.
func TestSplitKeepsAll(t *testing.T) {
	one := resource(attributes("service.name", "a", "service.version", "v1", "k8s.pod.name", "a-1"), at(noon, "1"), at(noon.Add(time.Second), "2"))
	two := resource(attributes("service.name", "a", "service.version", "v1", "k8s.pod.name", "a-2"), at(noon.Add(-time.Second), "3"))
	three := resource(attributes("service.name", "b"), at(noon, "4"))
	three.ScopeLogs = append(three.ScopeLogs, &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: "other"}, LogRecords: []*logspb.LogRecord{at(noon, "5")}})
	four := resource(nil, at(noon, "6"))
	p := split(t, request(t, one, two, three, four, resource(nil)))
	if diff := cmp.Diff(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{one, two, three, four}}, merged(t, p.Entries), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if p.Records != 6 || p.Refused != 0 || p.Why != "" || len(p.Entries) != 3 {
		t.Errorf("%d records, %d refused, %q, %d entries", p.Records, p.Refused, p.Why, len(p.Entries))
	}
	e := p.Entries[0]
	if !e.First.Equal(noon.Add(-time.Second)) || !e.Last.Equal(noon.Add(time.Second)) || e.Attributes.Get("service.name") != "a" || e.Attributes.Get("service.version") != "v1" {
		t.Errorf("%v to %v, %v", e.First, e.Last, e.Attributes)
	}
}

// However large the parts are, entries stay within their bound, and nothing is
// lost or doubled.
func TestSplitCuts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []*logspb.ResourceLogs
	var want []string
	for range 30 {
		r := resource(attributes("service.name", "a", "about", strings.Repeat("r", random.IntN(60<<10))))
		r.ScopeLogs = nil
		for range 1 + random.IntN(3) {
			s := &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: strings.Repeat("s", random.IntN(60<<10))}}
			for range 1 + random.IntN(5) {
				body := fmt.Sprint(len(want), strings.Repeat("x", random.IntN(250<<10)))
				want = append(want, body)
				s.LogRecords = append(s.LogRecords, at(noon, body))
			}
			r.ScopeLogs = append(r.ScopeLogs, s)
		}
		all = append(all, r)
	}
	p := split(t, request(t, all...))
	var got []string
	for _, r := range merged(t, p.Entries).GetResourceLogs() {
		for _, s := range r.GetScopeLogs() {
			for _, l := range s.GetLogRecords() {
				got = append(got, l.GetBody().GetStringValue())
			}
		}
	}
	if !slices.Equal(got, want) || p.Records != len(want) {
		t.Errorf("%d of %d records, counted %d", len(got), len(want), p.Records)
	}
	for _, e := range p.Entries {
		if len(e.Payload) > spool.MaxPayload {
			t.Errorf("an entry has %d bytes", len(e.Payload))
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	nested := text("x")
	for range 60 {
		nested = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{nested}}}}
	}
	deep := at(noon, "")
	deep.Body = nested
	name := attributes("service.name", strings.Repeat("x", maxName+1))
	for _, c := range []struct {
		name string
		give *logspb.ResourceLogs
		why  string
	}{
		{"too long", resource(nil, at(noon, strings.Repeat("x", maxRecord))), "1 longer than 262144 bytes"},
		{"too deep", resource(nil, deep), "1 malformed, nested too deep"},
		{"too old", resource(nil, at(noon.Add(-time.Hour-1), "x"), at(noon.Add(-time.Hour), "kept")), "1 older than is kept here"},
		{"the first moment", resource(nil, at(time.Unix(0, 1), "x")), "1 older than is kept here"},
		{"the future", resource(nil, at(noon.Add(10*time.Minute+1), "x"), at(noon.Add(10*time.Minute), "kept")), "1 more than 10m0s in the future"},
		{"the far future", resource(nil, &logspb.LogRecord{TimeUnixNano: 1<<64 - 1}), "1 more than 10m0s in the future"},
		{"a long name", resource(name, at(noon, "x")), "1 of a resource or scope"},
		{"a large resource", resource(attributes("x", strings.Repeat("x", maxAbout)), at(noon, "x")), "1 of a resource or scope"},
		{"a large scope", &logspb.ResourceLogs{ScopeLogs: []*logspb.ScopeLogs{{Scope: &commonpb.InstrumentationScope{Name: strings.Repeat("x", maxAbout)}, LogRecords: []*logspb.LogRecord{at(noon, "x")}}}}, "1 of a resource or scope"},
	} {
		good := resource(attributes("service.name", "good"), at(noon, "kept"))
		p := split(t, request(t, good, c.give, good))
		if p.Refused != 1 || !strings.HasPrefix(p.Why, "1 log records were refused: "+c.why) {
			t.Errorf("%s: %d refused: %s", c.name, p.Refused, p.Why)
		}
		for _, r := range merged(t, p.Entries).GetResourceLogs() {
			for _, l := range r.GetScopeLogs()[0].GetLogRecords() {
				if l.GetBody().GetStringValue() != "kept" {
					t.Errorf("%s was kept", c.name)
				}
			}
		}
		if p.Records < 2 {
			t.Errorf("%s: the others were not kept", c.name)
		}
	}
	// A text that is not UTF-8, which no library of protobuf writes.
	bad := appendField(nil, 5, appendField(nil, 1, []byte("\xff")))
	whole := appendField(nil, requestResourceLogs, appendField(nil, resourceLogsScopes, appendField(nil, scopeLogsRecords, bad)))
	if p := split(t, whole); p.Refused != 1 || p.Records != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := Split([]byte("hello"), bounds); !errors.Is(err, errMalformed) {
		t.Error(err)
	}
	if _, err := Split(request(t, make([]*logspb.ResourceLogs, maxResources+1)...), bounds); err == nil || !strings.Contains(err.Error(), "more than 10000 resources") {
		t.Error(err)
	}
}

// A record without a time is of its observation, or else of its arrival.
func TestSplitDates(t *testing.T) {
	observed := at(noon, "observed")
	observed.TimeUnixNano, observed.ObservedTimeUnixNano = 0, uint64(noon.Add(-time.Minute).UnixNano())
	undated := at(noon, "undated")
	undated.TimeUnixNano = 0
	p := split(t, request(t, resource(nil, observed, undated)))
	var got []string
	d := decode.NewDecoder(decode.Options{}, func(r *logs.Record) error {
		got = append(got, r.Time.Format(time.TimeOnly)+" "+string(r.Message))
		return nil
	})
	for _, e := range p.Entries {
		if err := d.OTLP(e.Payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"11:59:00 observed", "12:00:00 undated"}) {
		t.Errorf("%q", got)
	}
}

// An id in JSON is hexadecimal, whatever of its letters are large; what is none is
// no id.
func TestFromJSON(t *testing.T) {
	for give, want := range map[string]string{
		`"5b8efff798038103d269b633813fc60c"`: "5b8efff798038103d269b633813fc60c",
		`"5B8EFFF798038103D269B633813FC60C"`: "5b8efff798038103d269b633813fc60c",
		`""`:                                 "",
		`"zzzzzzzz"`:                         "",
	} {
		b, err := FromJSON([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1793707200000000000","severityNumber":9,"traceId":` + give + `,"body":{"kvlistValue":{"values":[{"key":"n","value":{"intValue":"7"}}]}}}]}]}],"unknown":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		data := &logspb.LogsData{}
		if err := proto.Unmarshal(b, data); err != nil {
			t.Fatal(err)
		}
		r := data.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()[0]
		if got := fmt.Sprintf("%x", r.GetTraceId()); got != want || r.GetTimeUnixNano() != 1793707200000000000 || r.GetSeverityNumber() != 9 || r.GetBody().GetKvlistValue() == nil {
			t.Errorf("%s: %s, %v", give, got, r)
		}
	}
	for _, bad := range []string{
		"", "[]", `{"resourceLogs":{}}`, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` + strings.Repeat(`{"arrayValue":{"values":[`, 200) + strings.Repeat("]}}", 200) + `}]}]}]}`,
		`{"resourceLogs":[` + strings.Repeat("{},", maxObjects+1) + `{}]}`,
	} {
		if _, err := FromJSON([]byte(bad)); err == nil {
			t.Errorf("read: %.60s", bad)
		}
	}
}

func opened(t testing.TB, dir string, entries ...spool.Entry) logs.Source {
	t.Helper()
	now := noon.Add(-time.Hour)
	s, err := spool.Open(spool.Options{Dir: Directory(dir), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = spool.Open(spool.Options{Dir: Directory(dir), Now: func() time.Time { return noon.Add(time.Minute) }}); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), "", entries); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	source, err := Provider.Open(metrics.Settings{Name: "pushed", URL: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

func readAll(source logs.Source, q logs.Query) (lines []string, s logs.Summary, err error) {
	s, err = source.Read(context.Background(), q, func(r *logs.Record) error {
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%s|%s|%s", r.Time.Format(time.TimeOnly), r.Level, r.Logger, r.Instance, r.Trace, r.Message))
		return nil
	})
	return lines, s, err
}

var hour = metrics.Window{Start: noon.Add(-time.Hour), End: noon.Add(time.Minute)}

func TestSource(t *testing.T) {
	failed := at(noon, "payment failed")
	failed.SeverityNumber, failed.TraceId = 17, []byte("0123456789abcdef")
	failed.Attributes = attributes("exception.stacktrace", "at Pay.charge")
	structured := at(noon.Add(time.Second), "")
	structured.Body = &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: attributes("order", "17")}}}
	structured.SeverityText = "Information"
	older := at(noon.Add(-30*time.Minute), "older")
	p := split(t, request(t,
		resource(attributes("service.name", "a", "service.version", "v1", "service.instance.id", "i-1", "host.name", "h"), failed, structured),
		resource(append(attributes("service.name", "a", "service.version", "v2", "k8s.pod.name", "pod-2", "host.name", "h"), &commonpb.KeyValue{Key: "canary", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}), older),
		resource(attributes("service.name", "b", "host.name", "h"), at(noon, "b's")),
	))
	source := opened(t, t.TempDir(), p.Entries...)
	v1 := []string{"12:00:00|error|shop|i-1|30313233343536373839616263646566|payment failed\nat Pay.charge", `12:00:01|info|shop|i-1||{"order":"17"}`}
	v2 := []string{"11:30:00||shop|pod-2||older"}
	for query, want := range map[string][]string{
		`service.name="a", service.version="v1"`:         v1,
		"service.name=\"a\",service.version=`v2`":        v2,
		`service.version != "v1", service.name =~ "a|c"`: v2,
		`service.name=~".*", service.version=""`:         {"12:00:00||shop|h||b's"},
		`canary="true"`:                                  v2,
		`service.name="a", canary!="true"`:               v1,
		`service.name!~"a|b"`:                            nil,
		`service.name=~"b?"`:                             {"12:00:00||shop|h||b's"},
		`k8s.pod.name=~"pod-.*"`:                         v2,
	} {
		got, s, err := readAll(source, logs.Query{Expr: query, Window: hour})
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(want, got); diff != "" || s.Lines != int64(len(want)) {
			t.Errorf("%s: %d lines:\n%s", query, s.Lines, diff)
		}
	}
	got, _, err := readAll(source, logs.Query{Expr: `service.name="a"`, Window: metrics.Window{Start: noon, End: noon.Add(time.Minute)}})
	if err != nil || len(got) != 1 {
		t.Errorf("after noon: %q, %v", got, err)
	}
}

func TestSourceRefuses(t *testing.T) {
	var records []*logspb.LogRecord
	for i := range 20 {
		records = append(records, at(noon, fmt.Sprint("line ", i)))
	}
	dir := t.TempDir()
	source := opened(t, dir, split(t, request(t, resource(attributes("service.name", "a"), records...))).Entries...)
	for name, c := range map[string]struct {
		query  logs.Query
		reason metrics.Reason
		text   string
	}{
		"no query":       {logs.Query{Window: hour}, metrics.BadQuery, "the query is empty"},
		"another syntax": {logs.Query{Expr: `{service.name="a"}`, Window: hour}, metrics.BadQuery, "at byte 0 there is no matcher"},
		"no quotes":      {logs.Query{Expr: `service.name=a`, Window: hour}, metrics.BadQuery, "at byte 0 there is no matcher"},
		"a comma":        {logs.Query{Expr: `service.name="a",`, Window: hour}, metrics.BadQuery, "at byte 17 there is no matcher"},
		"no comma":       {logs.Query{Expr: `a="a" b="b"`, Window: hour}, metrics.BadQuery, `at byte 6 there is "b"`},
		"an expression":  {logs.Query{Expr: `a=~"("`, Window: hour}, metrics.BadQuery, "the expression of a"},
		"an escape":      {logs.Query{Expr: `a="\q"`, Window: hour}, metrics.BadQuery, "an escape"},
		"long":           {logs.Query{Expr: `a="` + strings.Repeat("x", maxQuery) + `"`, Window: hour}, metrics.BadQuery, "8196 bytes"},
		"many":           {logs.Query{Expr: strings.Repeat(`a="a",`, maxMatchers) + `a="a"`, Window: hour}, metrics.BadQuery, "more than 64 matchers"},
		"no window":      {logs.Query{Expr: `a="a"`}, metrics.BadQuery, "no window"},
		"before":         {logs.Query{Expr: `a="a"`, Window: metrics.Window{Start: hour.Start.Add(-1), End: noon}}, metrics.Misconfigured, "before this server began to receive"},
		"too many lines": {logs.Query{Expr: `service.name="a"`, Window: hour, MaxLines: 19}, metrics.TooLarge, "more than 19 lines"},
	} {
		_, _, err := readAll(source, c.query)
		e, ok := errors.AsType[*metrics.Error](err)
		if !ok || e.Reason != c.reason || !strings.Contains(err.Error(), c.text) || e.Source != "pushed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, _, err := readAll(source, logs.Query{Expr: `service.name="a"`, Window: hour, MaxLines: 20}); err != nil || len(got) != 20 {
		t.Errorf("%d lines, %v", len(got), err)
	}
	stop := errors.New("enough")
	if _, err := source.Read(t.Context(), logs.Query{Expr: `service.name="a"`, Window: hour}, func(*logs.Record) error { return stop }); err != stop { //nolint:errorlint // as it is
		t.Errorf("the caller's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := source.Read(ctx, logs.Query{Expr: `service.name="a"`, Window: hour}, func(*logs.Record) error { return nil })
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Canceled {
		t.Error(err)
	}
	for name, url := range map[string]string{"relative": "otlp", "empty": ""} {
		if _, err := Provider.Open(metrics.Settings{Name: "x", URL: url}); err == nil {
			t.Errorf("a %s url was opened", name)
		}
	}
	nowhere, err := Provider.Open(metrics.Settings{Name: "x", URL: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readAll(nowhere, logs.Query{Expr: `a="a"`, Window: hour}); err == nil || !strings.Contains(err.Error(), "nothing was ever received there") {
		t.Error(err)
	}
	// What is deleted, and what is damaged, is an error.
	tenant, err := filepath.Glob(filepath.Join(Directory(dir), "tenant*"))
	if err != nil || len(tenant) != 1 {
		t.Fatal(tenant, err)
	}
	if err := os.WriteFile(filepath.Join(tenant[0], fmt.Sprintf("from-%020d", noon.UnixNano())), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readAll(source, logs.Query{Expr: `service.name="a"`, Window: hour}); err == nil || !strings.Contains(err.Error(), "begins earlier than what is kept") {
		t.Error(err)
	}
}

func TestExpand(t *testing.T) {
	for _, c := range []struct{ query, value, want string }{
		{`service.version="${v}"`, `v1.8`, `service.version="v1.8"`},
		{`service.version="${v}"`, `x", service.name=~".*`, `service.version="x\", service.name=~\".*"`},
		{`service.version=~"${v}-.*"`, `v1.8`, `service.version=~"v1\\.8-.*"`},
		{"service.version=`${v}`", `v1`, "service.version=`v1`"},
	} {
		got, err := Expand(c.query, map[string]string{"v": c.value})
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.query, got, err)
			continue
		}
		q, err := parse(got)
		if err != nil || len(q) != 1 {
			t.Errorf("%s: %v, %v", got, q, err)
		}
	}
	for _, c := range []struct{ query, value string }{{`service.version=${v}`, `"a", b="c"`}, {"a=`${v}`", "`"}, {`a="${w}"`, "x"}, {`a="${v}"`, "x\ny"}} {
		if got, err := Expand(c.query, map[string]string{"v": c.value}); err == nil {
			t.Errorf("%s became %s", c.query, got)
		}
	}
}

// A value never changes a query's shape, and stands for itself.
func FuzzExpand(f *testing.F) {
	f.Add(`service.version="${v}"`, `x",a="`)
	f.Add(`service.version=~"a|${v}"`, `.*`)
	f.Add("a=`${v}`,b=\"${v}\"", "\\")
	f.Fuzz(func(t *testing.T, query, value string) {
		plain, err := Expand(query, map[string]string{"v": "safe"})
		if err != nil {
			return
		}
		want, err := parse(plain)
		if err != nil {
			return
		}
		expanded, err := Expand(query, map[string]string{"v": value})
		if err != nil || len(expanded) > maxQuery {
			return
		}
		got, err := parse(expanded)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%q with %q became %q: %d matchers, not %d: %v", query, value, expanded, len(got), len(want), err)
		}
		for i := range got {
			if got[i].name != want[i].name && !strings.Contains(query, "${v}") || got[i].operator != want[i].operator {
				t.Errorf("%q with %q became %q", query, value, expanded)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`service.name="a", b!~"c"`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parse(text)
		if (err == nil) == (len(q) == 0) {
			t.Errorf("%q: %v, %v", text, q, err)
		}
		q.matches(func(string) string { return text })
	})
}

// Whatever is pushed: what is put into entries can be kept and decoded, and none
// of it is lost.
func FuzzSplit(f *testing.F) {
	f.Add(request(f, resource(attributes("service.name", "a"), at(noon, "x"), at(noon, "y"))))
	f.Add(appendField(nil, 1, appendField(nil, 2, appendField(nil, 2, nil))))
	f.Add(protowire.AppendTag(nil, 1, protowire.StartGroupType))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Split(b, bounds)
		whole := &logspb.LogsData{}
		readable := proto.Unmarshal(b, whole) == nil
		if err != nil {
			if readable {
				t.Errorf("a request that can be read is refused: %v", err)
			}
			return
		}
		records := 0
		for _, e := range p.Entries {
			one := &logspb.LogsData{}
			if err := proto.Unmarshal(e.Payload, one); err != nil {
				t.Fatal(err)
			}
			for _, r := range one.GetResourceLogs() {
				for _, s := range r.GetScopeLogs() {
					records += len(s.GetLogRecords())
				}
			}
			if len(e.Payload) > spool.MaxPayload || e.First.After(e.Last) {
				t.Errorf("%d bytes, %v to %v", len(e.Payload), e.First, e.Last)
			}
			if err := decode.NewDecoder(decode.Options{}, func(*logs.Record) error { return nil }).OTLP(e.Payload); err != nil {
				t.Fatal(err)
			}
		}
		if records != p.Records {
			t.Errorf("%d records, counted %d", records, p.Records)
		}
		if !readable {
			return
		}
		for _, r := range whole.GetResourceLogs() {
			for _, s := range r.GetScopeLogs() {
				records -= len(s.GetLogRecords())
			}
		}
		if records != -p.Refused {
			t.Errorf("%d records are neither kept nor refused", -records-p.Refused)
		}
	})
}

// What is read from JSON is what protobuf's own JSON would give, but for ids.
func FuzzFromJSON(f *testing.F) {
	text, err := protojson.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{resource(attributes("service.name", "a"), at(noon, "x"))}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := FromJSON(text)
		if err != nil {
			return
		}
		if _, err := Split(b, bounds); err != nil && !strings.Contains(err.Error(), "resources") {
			t.Error(err)
		}
	})
}

// batch is what a collector sends at once: 8192 records by default.
func batch(b testing.TB) []byte {
	var records []*logspb.LogRecord
	for i := range 8192 {
		r := at(noon, fmt.Sprintf("order %d was placed by user%d@example.com in %d ms", i*7919, i%1000, i%200))
		r.SeverityNumber, r.TraceId = 9, []byte("0123456789abcdef")
		r.Attributes = attributes("http.route", "/orders", "thread", fmt.Sprint(i%16))
		records = append(records, r)
	}
	return request(b, resource(attributes("service.name", "shop", "service.version", "v1", "k8s.pod.name", "shop-1"), records...))
}

func BenchmarkSplit(b *testing.B) {
	r := batch(b)
	b.SetBytes(int64(len(r)))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := Split(r, bounds); err != nil || p.Records != 8192 {
			b.Fatal(p.Records, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	r := batch(b)
	source := opened(b, b.TempDir(), split(b, r).Entries...)
	b.SetBytes(int64(len(r)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := source.Read(b.Context(), logs.Query{Expr: `service.name="shop"`, Window: hour}, func(*logs.Record) error { n++; return nil }); err != nil || n != 8192 {
			b.Fatal(n, err)
		}
	}
}
