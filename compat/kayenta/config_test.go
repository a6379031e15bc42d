package kayenta

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// stored is a config with all that Kayenta keeps, as Kayenta writes it.
const stored = `{"createdTimestamp":1704067200000,"updatedTimestamp":1704067200123,"createdTimestampIso":"2024-01-01T00:00:00Z","updatedTimestampIso":"2024-01-01T00:00:00.123Z",` +
	`"name":"checkout","id":"c-1","description":"","configVersion":"1.0","applications":["shop"],"judge":{"name":"NetflixACAJudge-v1.0","judgeConfigurations":{"a":{"b":[1,null]}}},` +
	`"metrics":[{"name":"latency","query":{"customInlineTemplate":"app='${scope}'","labelBindings":["a=\"b\""],"metricName":"http","resourceType":"","serviceType":"prometheus","type":"prometheus"},` +
	`"groups":["all"],"analysisConfigurations":{"canary":{"critical":true,"direction":"increase","effectSize":{"allowedIncrease":1.5,"criticalIncrease":2}}},"scopeName":"default"},` +
	`{"name":"cpu","query":{"cfg":{"deep":[{"x":1.0E10}]},"q":"name,cpu,:eq","serviceType":"atlas","type":"atlas"},"groups":[]}],` +
	`"templates":{"t":"x=\"${scope}\""},"classifier":{"groupWeights":{"all":100.0,"rest":0.5},"scoreThresholds":{"pass":95.0,"marginal":75.0}}}`

// plainJSON marshals without escapes for HTML.
func plainJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func mustConfig(t testing.TB, text string) *Config {
	t.Helper()
	c, err := DecodeConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigRoundTrip(t *testing.T) {
	if got := plainJSON(t, mustConfig(t, stored)); got != stored {
		t.Errorf("got  %s\nwant %s", got, stored)
	}
}

// TestConfigAsKayentaWritesIt: what is written differs from what was read
// where it does in Kayenta.
func TestConfigAsKayentaWritesIt(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: `{}`,
		`{"name":"a","services":{},"metrics":[],"templates":{},"applications":[]}`:                                          `{"name":"a","applications":[],"metrics":[],"templates":{}}`,
		`{"name":null,"metrics":null,"judge":null,"templates":{"a":null,"b":1}}`:                                            `{"templates":{"b":"1"}}`,
		`{"configVersion":1.0,"description":true,"createdTimestamp":"86400000"}`:                                            `{"createdTimestamp":86400000,"createdTimestampIso":"1970-01-02T00:00:00Z","description":"true","configVersion":"1.0"}`,
		`{"createdTimestampIso":"tomorrow"}`:                                                                                `{}`,
		`{"classifier":{"groupWeights":{"a":"50","b":5e9,"a":1},"scoreThresholds":{"pass":"95"}}}`:                          `{"classifier":{"groupWeights":{"a":1.0,"b":5.0E9},"scoreThresholds":{"pass":95.0}}}`,
		`{"metrics":[{"analysisConfigurations":{"canary":{"critical":null,"x":1.50}},"service":"atlas"}]}`:                  `{"metrics":[{"analysisConfigurations":{"canary":{"x":1.5}}}]}`,
		`{"metrics":[{"name":"","query":{"type":"datadog","metricName":5,"serviceType":"no","old":null,"queryType":"x"}}]}`: `{"metrics":[{"name":"","query":{"metricName":"5","queryType":"x","serviceType":"datadog","type":"datadog"}}]}`,
	} {
		if got := plainJSON(t, mustConfig(t, text)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestWrongConfigs(t *testing.T) {
	for text, want := range map[string]string{
		``:                           "where a value should be",
		`[]`:                         "is a list, want an object",
		`{"name":{}}`:                "name is an object, want a string",
		`{"metrics":{}}`:             "metrics is an object, want a list",
		`{"metrics":[{"query":{}}]}`: "metrics[0].query.type is missing, want one of atlas, datadog, graphite, influxdb, newrelic, prometheus, signalfx, stackdriver, wavefront",
		`{"metrics":[{"query":{"type":"zabbix"}}]}`:                                `metrics[0].query.type is the string "zabbix", want one of`,
		`{"metrics":[{"query":{"type":"prometheus","labelBindings":"a"}}]}`:        `metrics[0].query.labelBindings is the string "a", want a list of strings`,
		`{"metrics":[{"query":{"type":"prometheus","groupByFields":["a",null]}}]}`: "metrics[0].query.groupByFields[1] is",
		`{"metrics":[{"query":{"type":"datadog","metricName":{}}}]}`:               "metrics[0].query.metricName is an object, want a string",
		`{"classifier":{"groupWeights":{"a":"heavy"}}}`:                            `classifier.groupWeights.a is the string "heavy", want a number`,
		`{"updatedTimestamp":1e20}`:                                                "updatedTimestamp is 1e+20, want an integer",
		`{"applications":[null]}`:                                                  "applications[0] is null, want a string",
		`{"name":"a"} {}`:                                                          "where the end should be",
		`{"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`:      "nested deeper",
		`{"judge":{"judgeConfigurations":[]}}`:                                     "judge.judgeConfigurations is a list, want an object",
		`{"description":"` + strings.Repeat("x", MaxDocument) + `"}`:               "more than 4194304",
		`{"templates":{` + strings.Repeat(`"a":"b",`, maxItems) + `"a":"b"}}`:      "more items than fit",
	} {
		_, err := DecodeConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Malformed) {
			t.Errorf("%.100s: %v, want an error with %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"Ab-c_1,","applications":["a"]}`:                                 "",
		`{"name":"a","applications":["a"],"metrics":[{"name":"x"},{"name":"y"}]}`: "",
		`{"applications":["a"]}`:                                                  "must specify a name",
		`{"name":"a","applications":[]}`:                                          "at least one application",
		`{"name":"a b","applications":["a"]}`:                                     "cannot be named 'a b'",
		`{"name":"a\n","applications":["a"]}`:                                     "cannot be named",
		`{"name":"a","applications":["a"],"metrics":[{"name":"x"},{"name":""}]}`:  "Metric config must specify a name, metrics[1] has none.",
		`{"name":"a","applications":["a"],"metrics":[{"name":"x"},{"name":"x"}]}`: "Metric config name must be unique. 'x' is duplicated.",
	} {
		err := mustConfig(t, text).Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Invalid)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestServerSetFields(t *testing.T) {
	now := time.UnixMilli(1704067200000)
	for text, want := range map[string]string{
		`{"name":"a"}`:                                `{"createdTimestamp":1704067200000,"updatedTimestamp":1704067200000,"createdTimestampIso":"2024-01-01T00:00:00Z","updatedTimestampIso":"2024-01-01T00:00:00Z","name":"a","id":"new"}`,
		`{"id":"own","createdTimestamp":1000}`:        `{"createdTimestamp":1000,"updatedTimestamp":1000,"createdTimestampIso":"1970-01-01T00:00:01Z","updatedTimestampIso":"1970-01-01T00:00:01Z","id":"own"}`,
		`{"createdTimestamp":0,"updatedTimestamp":7}`: `{"createdTimestamp":0,"updatedTimestamp":7,"createdTimestampIso":"1970-01-01T00:00:00Z","updatedTimestampIso":"1970-01-01T00:00:00.007Z","id":"new"}`,
	} {
		c := mustConfig(t, text)
		c.Create("new", now)
		if got := plainJSON(t, c); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	c := mustConfig(t, `{"id":"other","createdTimestamp":1000,"updatedTimestamp":1000,"applications":["a","b"]}`)
	c.Update("id", now)
	const summary = `{"id":"id","name":"","updatedTimestamp":1704067200000,"updatedTimestampIso":"2024-01-01T00:00:00Z","applications":["a","b"]}`
	if got := plainJSON(t, c.Summary()); got != summary || *c.CreatedTimestamp != 1000 {
		t.Errorf("got  %s\nwant %s", got, summary)
	}
}

// TestConfigInVectors: every config that Kayenta judged gives the same
// judgment, to the last bit, as typed parts and after a round trip.
func TestConfigInVectors(t *testing.T) {
	judged := 0
	for _, v := range readVectors(t) {
		var body struct {
			CanaryConfig      json.RawMessage
			MetricSetPairList json.RawMessage
		}
		request, err := DecodeRequest(v.Input)
		if err != nil || json.Unmarshal(v.Input, &body) != nil {
			continue
		}
		want, wantErr := request.Judge(vectorSeed)
		c, err := DecodeConfig(body.CanaryConfig)
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		pairs, err := DecodeMetricSetPairs(body.MetricSetPairList)
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		for range 2 {
			got, err := Judge(c, request.thresholds, pairs, vectorSeed)
			if (err == nil) != (wantErr == nil) || err == nil && string(got.AppendJSON(nil)) != string(want.AppendJSON(nil)) {
				t.Errorf("%s: %v, want %v", v.ID, err, wantErr)
			}
			if bytes.Contains(body.CanaryConfig, []byte("null")) {
				break // a null means something to the judge, but storing drops it
			}
			c = mustConfig(t, plainJSON(t, c))
		}
		judged++
	}
	if judged < 250 {
		t.Errorf("only %d vectors were judged", judged)
	}
}

// FuzzConfig: what is accepted can be written, and is then read as the same.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(stored))
	f.Add([]byte(`{"metrics":[{"query":{"type":"prometheus","groupByFields":[1,true]},"analysisConfigurations":{"canary":null}}],"configVersion":1e400,"classifier":{"groupWeights":{"a":"NaN"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeConfig(data)
		if err != nil {
			return
		}
		text := plainJSON(t, c)
		if again := plainJSON(t, mustConfig(t, text)); again != text {
			t.Fatalf("%s\nbecame\n%s", text, again)
		}
		if err := c.Validate(); err != nil && !hasKind(err, Invalid) {
			t.Fatal(err)
		}
	})
}
