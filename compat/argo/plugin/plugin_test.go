package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// judged answers as the API does: each call with the next answer, the last one
// again and again.
type judged struct {
	*httptest.Server

	calls   []string
	bodies  []map[string]any
	tokens  []string
	answers []func(w http.ResponseWriter)
}

func newJudged(t *testing.T, answers ...func(w http.ResponseWriter)) *judged {
	t.Helper()
	j := &judged{answers: answers}
	j.Server = httptest.NewServer(http.HandlerFunc(j.serve))
	t.Cleanup(j.Close)
	return j
}

func (j *judged) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(text, &body)
	j.calls, j.bodies = append(j.calls, r.Method+" "+r.URL.Path), append(j.bodies, body)
	j.tokens = append(j.tokens, r.Header.Get("Authorization"))
	j.answers[0](w)
	if len(j.answers) > 1 {
		j.answers = j.answers[1:]
	}
}

// state answers with an analysis.
func state(fields string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"analysis": {"id": "a-1", "looks": 2, "plannedLooks": 9, "version": "7", "judgment": null, %s}}`, fields)
	}
}

func refuse(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func verdict(v string) string {
	return fmt.Sprintf(`"judgment": {"verdict": %q, "score": 0, "summary": "%s: so it is"}`, v, v)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// taker takes measurements of a metric.
type taker struct {
	*provider

	at  time.Time
	run analysisRun
	m   metric
}

func newTaker(t *testing.T, s settings, plugin string) *taker {
	t.Helper()
	k := &taker{at: noon, run: analysisRun{ObjectMeta: objectMeta{Name: "run", Namespace: "shop", UID: "u-1"}}}
	k.m = metric{Name: "canary", Provider: metricProvider{Plugin: map[string]json.RawMessage{"judged-dev/judged": json.RawMessage(plugin)}}}
	k.provider = &provider{settings: s, now: func() time.Time { return k.at }}
	var err error
	if k.http, err = newClient(s); err != nil {
		t.Fatal(err)
	}
	return k
}

const shop = `{"config": "checkout", "baseline": {"version": "v1"}, "canary": {"version": "v2"}, "labels": {"step": "1"}}`

func TestAnalysisToItsEnd(t *testing.T) {
	for word, want := range map[string]phase{"PASS": successful, "FAIL": failed, "INCONCLUSIVE": inconclusive, "ERROR": errored} {
		j := newJudged(t,
			state(`"state": "PENDING", "nextLookTime": "2026-03-01T12:00:30Z"`),
			state(`"state": "RUNNING", "nextLookTime": "2026-03-01T13:00:00Z", "trouble": "prod: 503", `+verdict("INCONCLUSIVE")),
			state(`"state": "COMPLETED", "nextLookTime": null, `+verdict(word)),
		)
		k := newTaker(t, settings{url: j.URL, publicURL: "https://judged.example.com"}, shop)
		got := k.provider.run(&k.run, k.m)
		// The next look, and a second for it.
		if got.Phase != running || !got.ResumeAt.Equal(noon.Add(31*time.Second)) || !got.StartedAt.Equal(noon) || got.FinishedAt != nil || !strings.Contains(got.Message, "2026-03-01T12:00:30Z") {
			t.Fatalf("after the start: %+v", got)
		}
		k.at = noon.Add(31 * time.Second)
		got = k.resume(k.m, got)
		// Far away: a minute at most.
		if got.Phase != running || !got.ResumeAt.Equal(k.at.Add(time.Minute)) || !strings.Contains(got.Message, "look 2 of 9") || !strings.Contains(got.Message, "trouble: prod: 503") {
			t.Fatalf("in between: %+v", got)
		}
		k.at = noon.Add(time.Hour)
		got = k.resume(k.m, got)
		if got.Phase != want || got.Value != word || got.Message != word+": so it is" || !got.FinishedAt.Equal(k.at) || got.ResumeAt != nil {
			t.Errorf("%s: %+v", word, got)
		}
		for key, want := range map[string]string{
			analysisMetadata: "a-1", reportMetadata: "https://judged.example.com/analyses/a-1", scoreMetadata: "0", lookMetadata: "2 of 9", keyMetadata: "argo/u-1/canary/0",
		} {
			if got.Metadata[key] != want {
				t.Errorf("%s: %s is %q, want %q", word, key, got.Metadata[key], want)
			}
		}
		if calls := strings.Join(j.calls, ", "); calls != "POST /v1/analyses, GET /v1/analyses/a-1, GET /v1/analyses/a-1" {
			t.Errorf("the calls were %s", calls)
		}
		body, _ := json.Marshal(j.bodies[0])
		const asked = `{"idempotencyKey":"argo/u-1/canary/0","labels":{"step":"1"},"scopes":{"baseline":{"variables":{"version":"v1"}},"canary":{"variables":{"version":"v2"}}},"stored":"checkout"}`
		if string(body) != asked {
			t.Errorf("asked for\n%s, want\n%s", body, asked)
		}
	}
}

// What ended otherwise says so; a FAIL need not wait for the end.
func TestSaid(t *testing.T) {
	for _, c := range []struct {
		fields string
		want   phase
		says   string
	}{
		{`"state": "RUNNING", ` + verdict("FAIL"), failed, "FAIL: so it is"},
		{`"state": "RUNNING", ` + verdict("PASS"), running, "so far: PASS"},
		{`"state": "RUNNING", ` + verdict("ERROR"), running, "so far: ERROR"},
		{`"state": "CANCELED", "cancelReason": "by hand", ` + verdict("PASS"), inconclusive, "cancelled: by hand"},
		{`"state": "EXPIRED", ` + verdict("PASS"), inconclusive, "expired after look 2 of 9"},
		{`"state": "EXPIRED", ` + verdict("FAIL"), failed, "FAIL: so it is"},
		{`"state": "EXPIRED"`, errored, "without a judgment"},
		{`"state": "COMPLETED", ` + verdict("MAYBE"), errored, "without a judgment"},
	} {
		j := newJudged(t, state(c.fields))
		k := newTaker(t, settings{url: j.URL}, shop)
		if got := k.provider.run(&k.run, k.m); got.Phase != c.want || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %+v, want %s and %q", c.fields, got, c.want, c.says)
		}
	}
}

// A measurement has a key of its own, the same whenever it is taken again.
func TestKeys(t *testing.T) {
	run := &analysisRun{ObjectMeta: objectMeta{UID: "u"}}
	m := metric{Name: "m"}
	first := keyOf(run, m)
	run.Status.MetricResults = []metricResult{{Name: "other", Count: 5}, {Name: "m", Count: 2, Error: 1}}
	if second := keyOf(run, m); first != "argo/u/m/0" || second != "argo/u/m/3" || keyOf(run, m) != second {
		t.Errorf("the keys are %q and %q", first, second)
	}
	a, b := keyOf(run, metric{Name: strings.Repeat("m", 300) + "a"}), keyOf(run, metric{Name: strings.Repeat("m", 300) + "b"})
	if a == b || len(a) > 255 {
		t.Errorf("long names have the keys %q and %q", a, b)
	}
}

func TestWindow(t *testing.T) {
	j := newJudged(t, state(`"state": "COMPLETED", `+verdict("PASS")))
	k := newTaker(t, settings{url: j.URL}, `{"inline": {"name": "x"}, "window": "30m"}`)
	if got := k.provider.run(&k.run, k.m); got.Phase != successful {
		t.Fatalf("%+v", got)
	}
	body, _ := json.Marshal(j.bodies[0])
	if want := `{"inline":{"name":"x"},"window":{"end":"2026-03-01T11:59:50Z","start":"2026-03-01T11:29:50Z"}}`; string(body) != want {
		t.Errorf("asked for\n%s, want\n%s", body, want)
	}
}

// A judged that is away is waited for, before and after the start, but not for
// ever.
func TestPatience(t *testing.T) {
	away := refuse(http.StatusServiceUnavailable, `{"code": 14, "message": "this server is stopping"}`)
	for name, answers := range map[string][]func(http.ResponseWriter){
		"before": {away},
		"after":  {state(`"state": "RUNNING", "nextLookTime": "2026-03-01T12:00:30Z"`), away},
	} {
		j := newJudged(t, answers...)
		k := newTaker(t, settings{url: j.URL}, strings.Replace(shop, `{`, `{"patience": "3m", `, 1))
		got := k.provider.run(&k.run, k.m)
		pauses := 0
		for got.Phase == running {
			if !got.ResumeAt.After(k.at) || got.ResumeAt.After(k.at.Add(time.Minute)) {
				t.Fatalf("%s: at %v it resumes at %v", name, k.at, got.ResumeAt)
			}
			if pauses++; pauses > 20 {
				t.Fatalf("%s: it never gives up: %+v", name, got)
			}
			k.at = *got.ResumeAt
			got = k.resume(k.m, got)
		}
		if got.Phase != errored || !strings.Contains(got.Message, "gave up after 3m0s") || !strings.Contains(got.Message, "503 Service Unavailable: this server is stopping") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// After an interruption patience begins anew, and a start that had no answer is
// asked for again with the same key.
func TestBackAgain(t *testing.T) {
	j := newJudged(t, refuse(http.StatusBadGateway, "<html>"), refuse(http.StatusOK, "<html>login</html>"), state(`"state": "RUNNING", "nextLookTime": "2026-03-01T12:01:00Z"`))
	k := newTaker(t, settings{url: j.URL}, shop)
	got := k.provider.run(&k.run, k.m)
	if got.Phase != running || !strings.Contains(got.Message, "502 Bad Gateway") || !got.ResumeAt.Equal(noon.Add(10*time.Second)) {
		t.Fatalf("%+v", got)
	}
	// A page in front of judged is no verdict.
	if got = k.resume(k.m, got); got.Phase != running || !strings.Contains(got.Message, "the answer is no analysis") {
		t.Fatalf("%+v", got)
	}
	got = k.resume(k.m, got)
	if got.Phase != running || got.Metadata[analysisMetadata] != "a-1" || got.Metadata[troubleMetadata] != "" {
		t.Errorf("%+v", got)
	}
	for i, body := range j.bodies {
		if body["idempotencyKey"] != "argo/u-1/canary/0" {
			t.Errorf("call %d: %v", i, body)
		}
	}
}

// What judged refuses is said at once.
func TestRefusals(t *testing.T) {
	for status, body := range map[int]string{
		http.StatusNotFound:     `{"code": 5, "message": "there is no config \"checkout\""}`,
		http.StatusUnauthorized: `{"code": 16, "message": "the token is unknown"}`,
		http.StatusBadRequest:   `not JSON`,
	} {
		j := newJudged(t, refuse(status, body))
		k := newTaker(t, settings{url: j.URL}, shop)
		got := k.provider.run(&k.run, k.m)
		var said struct{ Message string }
		_ = json.Unmarshal([]byte(body), &said)
		if got.Phase != errored || !strings.Contains(got.Message, "start the analysis at "+j.URL) || !strings.Contains(got.Message, fmt.Sprint(status)) || !strings.Contains(got.Message, said.Message) {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestTerminate(t *testing.T) {
	j := newJudged(t, state(`"state": "RUNNING", "nextLookTime": "2026-03-01T12:00:30Z"`), state(`"state": "CANCELED", "cancelReason": "so"`))
	k := newTaker(t, settings{url: j.URL}, shop)
	begun := k.provider.run(&k.run, k.m)
	got := k.terminate(&k.run, k.m, begun)
	if got.Phase != inconclusive || got.FinishedAt == nil || got.ResumeAt != nil || j.calls[1] != "POST /v1/analyses/a-1:cancel" {
		t.Errorf("%+v after %v", got, j.calls)
	}
	if reason := j.bodies[1]["reason"]; reason != "Argo Rollouts terminated AnalysisRun shop/run" {
		t.Errorf("the reason is %v", reason)
	}
	// It had ended before.
	j.answers = []func(http.ResponseWriter){state(`"state": "COMPLETED", ` + verdict("FAIL"))}
	if got := k.terminate(&k.run, k.m, begun); got.Phase != failed {
		t.Errorf("%+v", got)
	}
	// Away: the measurement ends all the same.
	j.answers = []func(http.ResponseWriter){refuse(http.StatusBadGateway, "")}
	if got := k.terminate(&k.run, k.m, begun); got.Phase != inconclusive || !strings.Contains(got.Message, "ends by itself") {
		t.Errorf("%+v", got)
	}
	if got := k.terminate(&k.run, k.m, Measurement{}); got.Phase != inconclusive || got.FinishedAt == nil {
		t.Errorf("%+v", got)
	}
}

const secret = "judged_s3cr3t"

// Tokens reach judged, and nothing else.
func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JUDGED_TEST_TOKEN", secret)
	inMetric := strings.Replace(shop, `{`, `{"token": "`+secret+`", `, 1)
	for name, c := range map[string]struct {
		settings settings
		plugin   string
	}{
		"file": {settings{tokenFile: file}, shop}, "environment": {settings{tokenEnv: "JUDGED_TEST_TOKEN"}, shop}, "metric": {settings{}, inMetric},
	} {
		for _, answer := range []func(http.ResponseWriter){refuse(http.StatusUnauthorized, `{"message": "no"}`), refuse(http.StatusBadGateway, "")} {
			j := newJudged(t, answer)
			c.settings.url = j.URL
			k := newTaker(t, c.settings, c.plugin)
			got := k.provider.run(&k.run, k.m)
			text, _ := json.Marshal([]any{got, k.metadata(k.m)})
			if len(j.tokens) != 1 || j.tokens[0] != "Bearer "+secret {
				t.Errorf("%s: judged was shown %q", name, j.tokens)
			}
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s: the secret is shown: %s", name, text)
			}
		}
	}
	// The process' token does not go where a template points.
	other := newJudged(t, state(`"state": "RUNNING"`))
	k := newTaker(t, settings{url: "https://judged.example.com", tokenFile: file}, strings.Replace(shop, `{`, `{"url": "`+other.URL+`", `, 1))
	if k.provider.run(&k.run, k.m); len(other.tokens) != 1 || other.tokens[0] != "" {
		t.Errorf("another server was shown %q", other.tokens)
	}
	// Nor does any token go over plain HTTP to another machine, or after a redirect.
	k = newTaker(t, settings{url: "http://judged.example.com"}, inMetric)
	if got := k.provider.run(&k.run, k.m); got.Phase != errored || !strings.Contains(got.Message, "plain text") {
		t.Errorf("%+v", got)
	}
	away := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	k = newTaker(t, settings{url: away.URL}, inMetric)
	if got := k.provider.run(&k.run, k.m); !strings.Contains(got.Message, "sends calls on to "+other.URL) || len(other.tokens) != 1 {
		t.Errorf("%+v, shown %q", got, other.tokens)
	}
	// A token of two lines would be a header of its own.
	if err := os.WriteFile(file, []byte(secret+"\nX-Admin: yes"), 0o600); err != nil {
		t.Fatal(err)
	}
	k = newTaker(t, settings{url: other.URL, tokenFile: file}, shop)
	if got := k.provider.run(&k.run, k.m); got.Phase != errored || strings.Contains(got.Message, secret) {
		t.Errorf("%+v", got)
	}
}

func TestTLS(t *testing.T) {
	j := &judged{answers: []func(http.ResponseWriter){state(`"state": "RUNNING", "nextLookTime": "2026-03-01T12:00:30Z"`)}}
	j.Server = httptest.NewTLSServer(http.HandlerFunc(j.serve))
	defer j.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: j.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	k := newTaker(t, settings{url: j.URL, caFile: file}, shop)
	if got := k.provider.run(&k.run, k.m); got.Metadata[analysisMetadata] != "a-1" {
		t.Errorf("with its authority: %+v", got)
	}
	k = newTaker(t, settings{url: j.URL}, shop)
	if got := k.provider.run(&k.run, k.m); got.Metadata[analysisMetadata] != "" || !strings.Contains(got.Message, "certificate") {
		t.Errorf("without: %+v", got)
	}
	if _, err := newClient(settings{caFile: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a missing file of authorities is no error")
	}
}

func TestMistakes(t *testing.T) {
	for plugin, want := range map[string]string{
		`{}`:                            "config or inline",
		`{"config": "a", "inline": {}}`: "config or inline",
		`{"cofnig": "a"}`:               `unknown field "cofnig": the fields are`,
		`{"config": "a", "canary": {}}`: "give both",
		`{"config": "a", "baseline": {"v": 1}, "canary": {}}`:  "quotes",
		`{"config": "a", "window": "-1m"}`:                     "more than 0",
		`{"config": "a", "window": "half an hour"}`:            "30m",
		`{"config": "a", "revision": "latest"}`:                "whole number",
		`{"inline": {"name": "a"}, "revision": 3}`:             "inline config has none",
		`{"config": "a", "url": "judged"}`:                     "no address",
		`{"config": "a", "url": "https://x:` + secret + `@y"}`: "leave them out",
	} {
		k := newTaker(t, settings{url: "https://judged.example.com"}, plugin)
		got := k.provider.run(&k.run, k.m)
		if got.Phase != errored || !strings.Contains(got.Message, want) || !strings.HasPrefix(got.Message, `metric "canary": `) || strings.Contains(got.Message, secret) {
			t.Errorf("%s: %+v, want %q", plugin, got, want)
		}
		if said := k.metadata(k.m)["error"]; said != got.Message {
			t.Errorf("%s: the metadata say %q", plugin, said)
		}
	}
	k := newTaker(t, settings{}, shop)
	if got := k.provider.run(&k.run, k.m); !strings.Contains(got.Message, "url is missing") {
		t.Errorf("%+v", got)
	}
}

func TestFlags(t *testing.T) {
	s, err := parseFlags([]string{"--url=https://judged.example.com/", "--token-file=/t"}, io.Discard)
	if err != nil || s.url != "https://judged.example.com" || s.tokenFile != "/t" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, args := range [][]string{
		{"--url"}, {"x"}, {"--url=judged"}, {"--token-env=A"}, {"--url=https://a", "--token-file=a", "--token-env=b"}, {"--url=https://u:" + secret + "@a"}, {"--public-url=x"},
	} {
		var shown bytes.Buffer
		if err := serve(args, &shown); err == nil || shown.Len() == 0 || strings.Contains(shown.String(), secret) {
			t.Errorf("%v: %v, shown %q", args, err, shown.String())
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte(`{"inline": {"name": "a"}, "window": "5m", "patience": "1h", "revision": "2", "token": "t", "url": "http://localhost:1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := parseTarget(settings{url: "https://judged.example.com"}, metric{Name: "m", Provider: metricProvider{Plugin: map[string]json.RawMessage{"a/b": text}}})
		if err != nil {
			return
		}
		if (parsed.Config == "") == (len(parsed.Inline) == 0) || parsed.Window < 0 || parsed.Revision < 0 || strings.Contains(parsed.URL, "@") {
			t.Errorf("%q became %+v", text, parsed)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"analysis": {"id": "a", "state": "COMPLETED", "judgment": {"verdict": "PASS", "score": 97.5, "summary": "s"}}}`))
	f.Add(404, []byte(`{"code": 5, "message": "there is none"}`))
	f.Fuzz(func(t *testing.T, status int, text []byte) {
		a, err := decode(status, text)
		if (a == nil) == (err == nil) {
			t.Fatalf("%v and %v", a, err)
		}
		if err != nil {
			if len(err.Error()) > maxText+10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		word, _, final := said(a)
		if final && phases[word] == "" {
			t.Errorf("%q ended with the verdict %q", text, word)
		}
		if word == "PASS" && (a.State != "COMPLETED" || a.Judgment.Verdict != "PASS") {
			t.Errorf("%q passed", text)
		}
	})
}
