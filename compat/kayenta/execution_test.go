package kayenta

import (
	"strings"
	"testing"
	"time"
)

const executionText = `{"scopes":{"default":{"controlScope":{"scope":"a","location":"r","start":"2024-01-01T00:00:00Z","end":"2024-01-01T01:30:00Z","step":60},` +
	`"experimentScope":{"scope":"b","location":"r","start":"2024-01-01T00:00:00Z","end":"2024-01-01T01:30:00Z","step":60,"extendedScopeParams":{"x":"y"}}}},` +
	`"thresholds":{"pass":95.0,"marginal":75.0},"metadata":[{"name":"n","value":"v","hidden":true}],"siteLocal":{"a":{"b":1}}}`

func mustRequest(t testing.TB, text string) *ExecutionRequest {
	t.Helper()
	r, err := DecodeExecutionRequest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExecutionRequestRoundTrip(t *testing.T) {
	if got := plainJSON(t, mustRequest(t, executionText)); got != executionText {
		t.Errorf("got  %s\nwant %s", got, executionText)
	}
	// As kayentactl and old Spinnakers write it.
	r := mustRequest(t, `{"scopes":{"s":{"controlScope":{"region":"r"},"experimentScope":null},"t":null},"thresholds":{"pass":"95","marginal":" 75 "},"metadata":[{"name":"n","value":1}],"x":1}`)
	const want = `{"scopes":{"s":{"controlScope":{"location":"r"}}},"thresholds":{"pass":95.0,"marginal":75.0},"metadata":[{"name":"n","value":"1","hidden":false}]}`
	if got := plainJSON(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWrongExecutionRequests(t *testing.T) {
	for text, want := range map[string]string{
		`{"scopes":[]}`: "scopes is a list, want an object",
		`{"scopes":{"d":{"controlScope":{"start":"x"}}}}`:       `scopes.d.controlScope.start is the string "x"`,
		`{"thresholds":{"pass":"high"}}`:                        `thresholds.pass is the string "high", want a number`,
		`{"metadata":[{"name":"n"}]}`:                           "metadata[0].value is missing",
		`{"metadata":[{"value":"n"}]}`:                          "metadata[0].name is missing",
		`{"metadata":[{"name":"n","value":"v","hidden":"no"}]}`: "metadata[0].hidden is a string, want true or false",
		`{"siteLocal":1}`:                                       "siteLocal is a number, want an object",
		`{`:                                                     "it ends where",
	} {
		if _, err := DecodeExecutionRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || !hasKind(err, Malformed) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"executionRequest":{}}`:                        "canaryConfig must be provided for ad-hoc requests",
		`{"canaryConfig":{},"executionRequest":null}`:    "executionRequest must be provided for ad-hoc requests",
		`{"canaryConfig":{"metrics":1}}`:                 "canaryConfig.metrics is a number",
		`{"canaryConfig":{},"executionRequest":[]}`:      "executionRequest is a list",
		`{"canaryConfig":{},"executionRequest":{}}trail`: "where the end should be",
	} {
		if _, err := DecodeAdhocRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
		if _, err := DecodeStandaloneAdhocRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
	r, err := DecodeAdhocRequest([]byte(`{"canaryConfig":` + stored + `,"executionRequest":` + executionText + `,"x":1}`))
	if err != nil || r.CanaryConfig.Name != "checkout" || *r.ExecutionRequest.Thresholds.Pass != 95 {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestExecutionRequestValidate(t *testing.T) {
	config := func(scopeNames ...string) *Config {
		c := new(Config)
		for _, name := range scopeNames {
			m := Metric{Name: "m"}
			if name != "" {
				m.ScopeName = &name
			}
			c.Metrics = append(c.Metrics, m)
		}
		return c
	}
	for _, c := range []struct {
		request string
		config  *Config
		want    string
	}{
		{executionText, config("default", "default"), ""},
		{executionText, config(), "at least one metric"},
		{executionText, config("x", "default", "b", "x"), "Canary metrics require scopes which were not provided in the execution request: [b, x]"},
		{`{}`, config("x"), "not provided in the execution request: [x]"},
		{executionText, config("default", ""), "Canary scope for metric named 'm' is null."},
		{`{"scopes":{"default":{"controlScope":{}}}}`, config("default"), "missing experimentScope or controlScope"},
		{strings.Replace(executionText, `"thresholds"`, `"old"`, 1), config("default"), "Execution request must contain thresholds"},
		{strings.Replace(executionText, `"marginal"`, `"old"`, 1), config("default"), "both pass and marginal"},
	} {
		err := mustRequest(t, c.request).Validate(c.config)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !hasKind(err, Invalid)) {
			t.Errorf("%s: %v, want %q", c.request, err, c.want)
		}
	}
}

func TestDuration(t *testing.T) {
	if d, ok := mustRequest(t, executionText).Duration(); !ok || d != 90*time.Minute {
		t.Errorf("%v %v", d, ok)
	}
	for _, text := range []string{
		`{}`,
		strings.Replace(executionText, "01:30", "01:31", 1),
		strings.Replace(executionText, `"start"`, `"begin"`, 1),
		`{"scopes":{"a":{}}}`,
	} {
		if d, ok := mustRequest(t, text).Duration(); ok {
			t.Errorf("%s: %v", text, d)
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	pass, marginal := 95.0, 75.0
	thresholds := &Thresholds{&pass, &marginal}
	pairs := []MetricSetPair{{Pair: Pair{Name: "m", Control: []float64{1}, Experiment: []float64{1}}}}
	for want, c := range map[string]struct {
		config     string
		thresholds *Thresholds
	}{
		"must contain thresholds": {stored, nil},
		"both pass and marginal":  {stored, &Thresholds{Pass: &pass}},
		"classifier is missing":   {`{"metrics":[]}`, thresholds},
		"metrics is missing":      {`{"classifier":{}}`, thresholds},
		`"m"`:                     {`{"classifier":{},"metrics":[]}`, thresholds},
	} {
		if _, err := Judge(mustConfig(t, c.config), c.thresholds, pairs, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", c.config, err, want)
		}
	}
}

// FuzzRequests reads all kinds of requests: what is accepted can be written,
// and is then read as the same.
func FuzzRequests(f *testing.F) {
	f.Add([]byte(executionText))
	f.Add([]byte(standaloneText))
	f.Add([]byte(`{"canaryConfig":{},"executionRequest":` + executionText + `}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := DecodeExecutionRequest(data); err == nil {
			text := plainJSON(t, r)
			if again := plainJSON(t, mustRequest(t, text)); again != text {
				t.Fatalf("%s\nbecame\n%s", text, again)
			}
			r.Duration()
			if err := r.Validate(mustConfig(t, stored)); err != nil && !hasKind(err, Invalid) {
				t.Fatal(err)
			}
		}
		if r, err := DecodeAdhocRequest(data); err == nil && (r.CanaryConfig == nil || r.ExecutionRequest == nil) {
			t.Fatalf("half a request: %+v", r)
		}
		if r, err := DecodeStandaloneRequest(data); err == nil {
			text := plainJSON(t, r)
			if again := plainJSON(t, mustStandalone(t, text)); again != text {
				t.Fatalf("%s\nbecame\n%s", text, again)
			}
			plan, err := PlanStandalone(r, midnight)
			if err != nil {
				return
			}
			for i := range plan.Judgments {
				if !plan.Judgments[i].End.After(plan.Judgments[i].Start) || plan.Judgments[i].Wait < 0 || i > 0 && !plan.Judgments[i].End.After(plan.Judgments[i-1].End) {
					t.Fatalf("judgment %d: %+v", i, plan.Judgments[i])
				}
			}
			text = plainJSON(t, plan.Request(0)) // is out of range if the analysis is at its end
			if again, err := DecodeExecutionRequest([]byte(text)); err == nil && plainJSON(t, again) != text {
				t.Fatalf("%s\nbecame\n%s", text, plainJSON(t, again))
			}
		}
	})
}
