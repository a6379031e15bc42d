package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// everything asks all kinds of questions, some of which have no answer.
const everything = `name: everything
application: shop
scopes: {baseline: {version: v1}, canary: {version: v2}}
schedule: {start: 2026-03-01T12:00:00Z, warmup: 1m, duration: 40m, look_every: 10m, history: 2h, stop: at_end}
traffic: {source: shop, query: requests, share: 50%}
metrics:
  - {name: latency, source: shop, query: latency with gaps, unit: ms, direction: increase, critical: true}
  - {name: slow, source: shop, query: slow and warned, unit: ms, direction: increase}
  - {name: errors, source: shop, kind: ratio, query: errors, total: requests}
  - {name: by pod, source: shop, query: pods, pods: pod}
  - {name: own past, source: shop, query: latency alone, judge: anomaly}
  - {name: no pods asked, source: shop, query: pods again}
  - {name: broken, source: shop, query: broken}
  - {name: forgetful, source: shop, query: forgetful}
  - {name: nowhere, source: nowhere, query: anything}
  - {name: strange, source: shop, query: "unexpandable ${version}"}
  - {name: twice, source: shop, query: latency with gaps, judge: mannwhitney}
decision:
  inconclusive: findings.exists(f, f.name == "broken")
`

// recordedAnalysis runs everything on a server and returns the recording.
func recordedAnalysis(t *testing.T, text string) (url, id string, m *judgedv1.GetRecordingResponse) {
	t.Helper()
	url = startServer(t, server.Options{}, nil)
	c, err := client.New(url)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := config.Parse([]byte(text), "everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.StartAnalysis(t.Context(), &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Inline{Inline: parsed}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitForVerdict(t.Context(), started.GetId()); err != nil {
		t.Fatal(err)
	}
	if m, err = c.GetRecording(t.Context(), started.GetId()); err != nil {
		t.Fatal(err)
	}
	return url, started.GetId(), m
}

// With the same settings the same is found, byte for byte, whichever provider the
// server asked, and whatever had no answer.
func TestJudgingAgainFindsTheSame(t *testing.T) {
	_, _, m := recordedAnalysis(t, everything)
	r, err := newRecorded(m)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.judge(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	said, again := m.GetAnalysis().GetJudgment(), wire.ResultProto(result, version())
	if len(said.GetFindings()) != 12 || len(m.GetLooks()) != 4 {
		t.Fatalf("%d findings at %d looks: this shows little", len(said.GetFindings()), len(m.GetLooks()))
	}
	bytesOf := func(m proto.Message) []byte {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for i, f := range said.GetFindings() {
		if i < len(again.GetFindings()) && !bytes.Equal(bytesOf(f), bytesOf(again.GetFindings()[i])) {
			t.Errorf("the server said\n%v\nand again it is\n%v", f, again.GetFindings()[i])
		}
	}
	if !bytes.Equal(bytesOf(said), bytesOf(again)) {
		t.Errorf("the server said\n%v\nand again it is\n%v", said, again)
	}
}

func TestRunFrom(t *testing.T) {
	url, id, m := recordedAnalysis(t, checkout)
	path := filepath.Join(t.TempDir(), "recording.json")
	must(t, url, "analyses", "recording", id, "-o", path)
	if os.Getenv("UPDATE_RECORDING") != "" { // the seed of FuzzRecording
		text, err := os.ReadFile(path)
		if err != nil || os.WriteFile("testdata/recording.json", text, 0o644) != nil {
			t.Fatal(err)
		}
	}
	out := must(t, url, "run", "--from", path)
	wants(t, "--from FILE", out, "PASS", "latency")
	if again := must(t, url, "run", "--from", id, "--server", url); again != out {
		t.Errorf("from the server:\n%s\nfrom the file:\n%s", again, out)
	}
	// Other settings: what a judge must show, which judge, what decides.
	stricter := file(t, "stricter.yaml", strings.NewReplacer("direction: increase", "tolerance: 20%", "version: v2", "version: v7").Replace(checkout)+
		"  - {name: again, source: shop, query: latency, judge: mannwhitney}\ndecision: {fail: 'findings.exists(f, f.name == \"again\")'}\n")
	out, complained, code := typed(t, url, "run", "--from", path, stricter)
	wants(t, "with other settings", out+complained, "FAIL", "again", "version=v2")
	if code != exitFail {
		t.Errorf("exit %d", code)
	}
	// Other questions have no answer.
	other := file(t, "other.yaml", strings.Replace(checkout, "query: latency", "query: memory", 1))
	out, complained, code = typed(t, url, "run", "--from", path, other)
	wants(t, "with other queries", out+complained, "no metric of the analysis asks this", "the same sources and queries")
	if code != exitError {
		t.Errorf("exit %d", code)
	}
	// Another version of judged may judge otherwise.
	m.Analysis.Judgment.JudgedVersion = "v0.0.1"
	text, err := evenJSON(m)
	if err != nil {
		t.Fatal(err)
	}
	_, complained, _ = typed(t, url, "run", "--from", file(t, "older.json", string(text)))
	wants(t, "of another version", complained, `version "v0.0.1"`)
}

// A decision that could not be made leaves no findings, and so no queries: those
// of a Prometheus are known all the same.
func TestRunFromWithoutFindings(t *testing.T) {
	url, id, m := recordedAnalysis(t, checkout)
	m.Analysis.Judgment.Findings = nil
	r, err := newRecorded(m)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.judge(t.Context(), nil)
	if err != nil || len(result.Findings) != 1 {
		t.Fatalf("%v, %v", result, err)
	}
	// This source's language is not that of Prometheus.
	wants(t, "its reason", result.Findings[0].Reason, "same query|did not ask")
	_, _ = url, id
}

func TestDamagedRecordings(t *testing.T) {
	_, _, m := recordedAnalysis(t, checkout)
	for name, c := range map[string]struct {
		damage func(m *judgedv1.GetRecordingResponse)
		want   string
	}{
		"nothing":    {func(m *judgedv1.GetRecordingResponse) { m.Reset() }, "no analysis with its config"},
		"no looks":   {func(m *judgedv1.GetRecordingResponse) { m.Analysis.Looks = 0 }, "nothing to judge again: 0 of 3 looks"},
		"many looks": {func(m *judgedv1.GetRecordingResponse) { m.Analysis.Looks = 9 }, "nothing to judge again"},
		"order":      {func(m *judgedv1.GetRecordingResponse) { m.Looks[1].Number = 1 }, "look 1 comes after look 1"},
		"points":     {func(m *judgedv1.GetRecordingResponse) { m.Looks[0].Points = []byte{1, 255} }, "damaged: look 1"},
		"config":     {func(m *judgedv1.GetRecordingResponse) { m.Analysis.Config.Metrics = nil }, "not valid"},
		"schedule":   {func(m *judgedv1.GetRecordingResponse) { m.Analysis.Config.Schedule.Start = nil }, "moment of the release"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := proto.CloneOf(m)
			c.damage(broken)
			if _, err := newRecorded(broken); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := parseRecording([]byte("{")); err == nil || !strings.Contains(err.Error(), "no recording") {
		t.Error(err)
	}
	if _, err := readRecording("nowhere.json"); err == nil || !strings.Contains(err.Error(), "add --server") {
		t.Error(err)
	}
}

// Whatever a recording says, reading and judging it ends, and does not panic.
func FuzzRecording(f *testing.F) {
	text, err := os.ReadFile("testdata/recording.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"analysis": {"looks": 1, "config": {"name": "a", "metrics": [{"name": "m", "source": "s", "query": "q"}], "schedule": {"start": "2026-03-01T12:00:00Z"}}}, "looks": [{"number": 1, "points": "AQA="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecording(text)
		if err != nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if result, err := r.judge(ctx, nil); err == nil {
			if _, err := protojson.Marshal(wire.ResultProto(result, "")); err != nil {
				t.Errorf("what was judged cannot be written: %v", err)
			}
		}
	})
}
