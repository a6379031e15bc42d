package kayenta

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/judged-dev/judged/judge/mannwhitney"
)

// simple is a request of one metric m with the given settings (the value of
// "canary"), in which the experiment is higher.
func simple(settings string) string {
	return `{"canaryConfig":{"metrics":[{"name":"m","groups":["g"],"analysisConfigurations":{"canary":` + settings + `}}],` +
		`"classifier":{"groupWeights":{"g":100}}},"scoreThresholds":{"pass":95,"marginal":75},` +
		`"metricSetPairList":[{"name":"m","id":"p0","tags":{"zone":"b","app":"x"},"values":{"control":[1,2,3,4,5,6],"experiment":[11,12,13,14,15,16]}}]}`
}

func judgeText(text string) (*Result, error) {
	r, err := DecodeRequest([]byte(text))
	if err != nil {
		return nil, err
	}
	return r.Judge(0)
}

func TestResultShape(t *testing.T) {
	r, err := judgeText(simple(`{"critical":true}`))
	if err != nil {
		t.Fatal(err)
	}
	const stats = `{"stats":{"count":6,"mean":%s,"min":%s,"std":1.8708286933869707,"max":%s}}`
	want := `{"judgeName":"NetflixACAJudge-v1.0","results":[{"name":"m","tags":{"app":"x","zone":"b"},"id":"p0","classification":"High",` +
		`"classificationReason":"The metric m was classified as High (Critical)","groups":["g"],` +
		`"experimentMetadata":` + fmt.Sprintf(stats, "13.5", "11.0", "16.0") + `,"controlMetadata":` + fmt.Sprintf(stats, "3.5", "1.0", "6.0") +
		`,"resultMetadata":{"ratio":3.857142857142857},"critical":true,"muted":false}],` +
		`"groupScores":[{"name":"g","score":0.0,"classification":"","classificationReason":""}],` +
		`"score":{"score":0.0,"classification":"Fail","classificationReason":"Canary Failed: The metric m was classified as High (Critical)"}}`
	got, err := json.Marshal(r)
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

// TestNullFieldsAreLeftOut: what a pair does not have, its result has neither.
func TestNullFieldsAreLeftOut(t *testing.T) {
	text := strings.NewReplacer(`"id":"p0",`, ``, `"tags":{"zone":"b","app":"x"},`, `"tags":null,`, `"groups":["g"],`, ``, `[1,2,3,4,5,6]`, `[5]`, `[11,12,13,14,15,16]`, `["7"]`).
		Replace(simple(`{"muted":true}`))
	r, err := judgeText(text)
	if err != nil {
		t.Fatal(err)
	}
	got := string(r.AppendJSON(nil))
	for _, field := range []string{`"tags"`, `"id"`, `"groups"`, `"resultMetadata"`} {
		if strings.Contains(got, field) {
			t.Errorf("%s in %s", field, got)
		}
	}
	if !strings.Contains(got, `"classification":"Error"`) || !strings.Contains(got, `"groupScores":[]`) {
		t.Errorf("got %s", got)
	}
}

func TestSettings(t *testing.T) {
	standard := mannwhitney.DefaultSettings(mannwhitney.MeanRatio)
	for text, change := range map[string]func(*mannwhitney.Settings){
		`null`: func(*mannwhitney.Settings) {},
		`{}`:   func(*mannwhitney.Settings) {},
		`"x"`:  func(*mannwhitney.Settings) {},
		`{"direction":"Increase","nanStrategy":"none","outliers":{"strategy":"drop"},"effectSize":{"measure":"cohenD"},"foo":1}`: func(*mannwhitney.Settings) {},
		`{"direction":{"a":1},"nanStrategy":5,"effectSize":{"measure":true}}`:                                                    func(*mannwhitney.Settings) {},
		`{"outliers":"remove","effectSize":[]}`:                                                                                  func(*mannwhitney.Settings) {},
		`{"direction":"decrease"}`:                                                                                               func(s *mannwhitney.Settings) { s.Direction = 2 },
		`{"nanStrategy":"replace"}`:                                                                                              func(s *mannwhitney.Settings) { s.NaN = mannwhitney.ReplaceNaN },
		`{"outliers":{"strategy":"remove","outlierFactor":2}}`: func(s *mannwhitney.Settings) {
			s.Outliers, s.OutlierFactor = mannwhitney.RemoveOutliers, 2
		},
		`{"critical":true,"mustHaveData":null,"muted":true}`: func(s *mannwhitney.Settings) { s.Critical, s.Muted = true, true },
		`{"effectSize":{"allowedIncrease":1.5,"allowedDecrease":null,"criticalIncrease":-0,"criticalDecrease":1e2}}`: func(s *mannwhitney.Settings) {
			s.Allowed = mannwhitney.Thresholds{Increase: 1.5}
			s.CriticalEffect = mannwhitney.Thresholds{Decrease: 100}
		},
		`{"effectSize":{"measure":"cles","allowedIncrease":0.8}}`: func(s *mannwhitney.Settings) {
			*s = mannwhitney.DefaultSettings(mannwhitney.CommonLanguage)
			s.Allowed.Increase = 0.8
		},
		`{"direction":"increase","direction":"decrease"}`: func(s *mannwhitney.Settings) { s.Direction = 2 },
		`{"\u0063ritical":true}`:                          func(s *mannwhitney.Settings) { s.Critical = true },
	} {
		r, err := DecodeRequest([]byte(simple(text)))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want := standard
		change(&want)
		got, err := settings(r.config.Metrics[0].configurations)
		if err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", text, got, err, want)
		}
	}
}

// TestErrors checks that errors say which field is wrong.
func TestErrors(t *testing.T) {
	const s = `"scoreThresholds":{"pass":95,"marginal":75}`
	const metric = `canaryConfig.metrics[0].`
	const canary = metric + `analysisConfigurations.canary.`
	replaced := func(old, with string) string {
		text := strings.Replace(simple(`{}`), old, with, 1)
		if text == simple(`{}`) {
			t.Fatalf("%s is not in the request", old)
		}
		return text
	}
	for text, want := range map[string]string{
		``:                                       `not valid JSON at byte 0: it ends where an object should be`,
		`[]`:                                     `not valid JSON at byte 0: '[' where an object should be`,
		`{} {}`:                                  `not valid JSON at byte 3: '{' where the end should be`,
		`{}`:                                     `canaryConfig is missing`,
		"{\"\xff\"":                              `not valid JSON: the text is not UTF-8`,
		replaced(`{"metrics"`, `{"metric"`):      `canaryConfig.metrics is missing`,
		replaced(`"classifier"`, `"Classifier"`): `canaryConfig.classifier is missing`,
		replaced(`{"groupWeights":{"g":100}}`, `null`):                                 `canaryConfig.classifier is missing`,
		replaced(`{"groupWeights":{"g":100}}`, `[]`):                                   `canaryConfig.classifier is a list, want an object`,
		replaced(`{"g":100}`, `{"g":null}`):                                            `canaryConfig.classifier.groupWeights.g is null, want a number`,
		replaced(`{"g":100}`, `{"":[]}`):                                               `canaryConfig.classifier.groupWeights."" is a list, want a number`,
		replaced(`{"g":100}`, `{"g":"x"}`):                                             `canaryConfig.classifier.groupWeights.g is the string "x", want a number`,
		replaced(s, `"scoreThresholds":null`):                                          `scoreThresholds is missing`,
		replaced(s, `"scoreThresholds":{"marginal":75}`):                               `scoreThresholds.pass is missing`,
		replaced(s, `"scoreThresholds":{"pass":75}`):                                   `scoreThresholds.marginal is missing`,
		replaced(s, `"scoreThresholds":{"pass":true}`):                                 `scoreThresholds.pass is a boolean, want a number`,
		replaced(`"metricSetPairList"`, `"pairs"`):                                     `metricSetPairList is missing`,
		replaced(`"metricSetPairList":[`, `"metricSetPairList":[null,`):                `metricSetPairList[0] is null, want an object`,
		replaced(`[{"name":"m","id"`, `[{"id"`):                                        `metricSetPairList[0].name is missing`,
		replaced(`[{"name":"m","id"`, `[{"name":"n","id"`):                             `pair 0 is of metric "n"`,
		replaced(`"control"`, `"baseline"`):                                            `metricSetPairList[0].values.control is missing`,
		replaced(`[11,12,13,14,15,16]`, `null`):                                        `metricSetPairList[0].values.experiment is missing`,
		replaced(`[11,12,13,14,15,16]`, `{}`):                                          `metricSetPairList[0].values.experiment is an object, want a list of numbers`,
		replaced(`[11,12`, `[11,null`):                                                 `metricSetPairList[0].values.experiment[1] is null, want a number`,
		replaced(`[11,12`, `[11,"a"`):                                                  `metricSetPairList[0].values.experiment[1] is the string "a", want a number`,
		replaced(`[11,12`, `[11,true`):                                                 `metricSetPairList[0].values.experiment[1] is a boolean, want a number`,
		replaced(`[11,12`, `[11,NaN`):                                                  `not valid JSON at byte`,
		replaced(`{"zone":"b","app":"x"}`, `{"zone":["b"]}`):                           `metricSetPairList[0].tags.zone is a list, want a string`,
		replaced(`["g"]`, `null`):                                                      metric + `groups is missing`,
		replaced(`["g"]`, `"g"`):                                                       metric + `groups is a string, want a list`,
		replaced(`["g"]`, `[null]`):                                                    metric + `groups[0] is null, want a string`,
		replaced(`{"canary":{}}`, `[]`):                                                metric + `analysisConfigurations is a list, want an object`,
		simple(`{"direction":null}`):                                                   canary + `direction is null`,
		simple(`{"critical":"true"}`):                                                  canary + `critical is the string "true", want true or false`,
		simple(`{"muted":1}`):                                                          canary + `muted is the number 1, want true or false`,
		simple(`{"effectSize":{"allowedIncrease":"1.1"}}`):                             canary + `effectSize.allowedIncrease is the string "1.1", want a number`,
		simple(`{"effectSize":{"allowedIncrease":2147483648}}`):                        canary + `effectSize.allowedIncrease is the integer 2147483648`,
		simple(`{"effectSize":[{"allowedIncrease":2}]}`):                               canary + `effectSize.allowedIncrease is a list, want a number`,
		simple(`{"outliers":{"outlierFactor":false}}`):                                 canary + `outliers.outlierFactor is false, want a number`,
		simple(`{"outliers":{"strategy":"remove","outlierFactor":-1}}`):                canary + `outliers.outlierFactor is -1, want more than 0`,
		simple(`{"effectSize":{"criticalDecrease":` + strings.Repeat("9", 500) + `}}`): canary + `effectSize.criticalDecrease is the integer 999`,
	} {
		_, err := judgeText(text)
		switch {
		case err == nil:
			t.Errorf("%s\nis judged, want the error %q", text, want)
		case !strings.HasPrefix(err.Error(), want):
			t.Errorf("%s\nerror %q\nwant  %q", text, err, want)
		case len(err.Error()) > 300:
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
}

// TestLenience: what looks wrong and is not, in Kayenta.
func TestLenience(t *testing.T) {
	for name, text := range map[string]string{
		"settings of a metric may be null":            strings.Replace(simple(`{}`), `"analysisConfigurations":{"canary":{}}`, `"analysisConfigurations":null`, 1),
		"a metric without data may have bad settings": strings.Replace(simple(`{}`), `"metrics":[`, `"metrics":[{"name":"other","analysisConfigurations":{"canary":{"critical":1}}},`, 1),
		"of metrics of one name the first counts":     strings.Replace(simple(`{}`), `}}],"classifier"`, `}},{"name":"m"}],"classifier"`, 1),
		"muted metrics need no groups":                strings.Replace(simple(`{"muted":true}`), `"groups":["g"],`, ``, 1),
		"thresholds may be strings":                   strings.Replace(simple(`{}`), `"pass":95`, `"pass":"95"`, 1),
		"numbers may be names":                        strings.Replace(strings.Replace(simple(`{}`), `"name":"m"`, `"name":5`, 1), `"name":"m"`, `"name":"5"`, 1),
		"values may be strings":                       strings.Replace(simple(`{}`), `[1,2`, `["NaN"," 2 "`, 1),
		"no pairs need no metrics":                    `{"canaryConfig":{"classifier":{}},"scoreThresholds":{"pass":1,"marginal":1},"metricSetPairList":[]}`,
		"of equal names the last counts":              strings.Replace(simple(`{}`), `{"canaryConfig"`, `{"canaryConfig":{"metrics":[{"name":"x"}]},"canaryConfig"`, 1),
	} {
		if _, err := judgeText(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSizeIsLimited: a request must not cost many times its own size.
func TestSizeIsLimited(t *testing.T) {
	const pair = `{"name":"m","values":{"control":[],"experiment":[]}}`
	many := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	request := func(metrics, pairs string) string {
		return `{"canaryConfig":{"metrics":[` + metrics + `],"classifier":{}},"scoreThresholds":{"pass":1,"marginal":1},"metricSetPairList":[` + pairs + `]}`
	}
	for want, text := range map[string]string{
		"the groups of all pairs together":                                              request(`{"name":"m","groups":["`+strings.Repeat("g", 1<<20)+`"]}`, many(pair, 100)),
		"canaryConfig.metrics has more items":                                           request(many(`{}`, 1<<19), pair),
		"canaryConfig.metrics[0].groups has more items":                                 request(`{"groups":[`+many(`""`, 1<<19)+`]}`, pair),
		"canaryConfig.metrics[0].analysisConfigurations has more items":                 request(`{"analysisConfigurations":{"a":[`+many(`[]`, 1<<19)+`]}}`, pair),
		"metricSetPairList has more items":                                              request(``, many(pair, 1<<19)),
		"metricSetPairList[0].values.control has more values than fit into one request": request(``, strings.Replace(pair, "[]", "["+many("1", 1<<23)+"]", 1)),
	} {
		_, err := judgeText(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Expected: Double.toString of OpenJDK 17.
func TestDoublesAreWrittenAsJavaDoes(t *testing.T) {
	for v, want := range map[float64]string{
		1: "1.0", 100: "100.0", 0.001: "0.001", 9.999e-4: "9.999E-4", 1e7: "1.0E7", 9999999.5: "9999999.5", 1.5e-5: "1.5E-5", 1e21: "1.0E21",
		math.MaxFloat64: "1.7976931348623157E308", 123456789.125: "1.23456789125E8", 33.33333333333333: "33.33333333333333", -2.5: "-2.5",
		math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`,
	} {
		if got := string(appendDouble(nil, v)); got != want {
			t.Errorf("%v is written as %s, want %s", v, got, want)
		}
	}
	if got := string(appendDouble(nil, math.Copysign(0, -1))); got != "-0.0" {
		t.Errorf("-0.0 is written as %s", got)
	}
	if got := string(appendDouble(nil, math.NaN())); got != `"NaN"` {
		t.Errorf("NaN is written as %s", got)
	}
}

func TestStringsAreWrittenAsJSON(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b\\c", "\x00\x1f\n\t", "ü🎉\u2028\uFFFD"} {
		var got string
		text := appendString(nil, s)
		if err := json.Unmarshal(text, &got); err != nil || got != s {
			t.Errorf("%q is written as %s: %v", s, text, err)
		}
	}
	var got string
	if err := json.Unmarshal(appendString(nil, "bad\xffend\uFFFD"), &got); err != nil || got != "bad\uFFFDend\uFFFD" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzDecode checks that no request panics, and that whatever can be judged
// gives valid JSON.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(simple(`{}`)))
	f.Add([]byte(simple(`{"outliers":{"strategy":"remove"},"effectSize":{"measure":"cles"},"nanStrategy":"replace"}`)))
	f.Add([]byte(strings.Replace(simple(`{}`), `[1,2`, `["NaN","-Infinity",null,1e400,-0.0`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRequest(data)
		if err != nil {
			return
		}
		if r.ID != nil && !json.Valid(r.ID) {
			t.Fatalf("id %q", r.ID)
		}
		if !json.Valid(data) {
			t.Fatalf("%q is not JSON", data)
		}
		result, err := r.Judge(0)
		if err != nil {
			return
		}
		if out := result.AppendJSON(nil); !json.Valid(out) {
			t.Fatalf("%s is not JSON", out)
		}
	})
}
