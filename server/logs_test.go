package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/logs/mine"
	_ "github.com/judged-dev/judged/logs/providers/files" // one of the sources
	"github.com/judged-dev/judged/logs/providers/otlp"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/transcript"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// written is a source of logs that remembers what it was asked. A side writes two
// lines for each of its requests, one every two seconds; one whose query says bad
// also an error in every fourth of them from the third minute on.
type written struct {
	// fails says which reads do, nil: none.
	fails func(ctx context.Context, q logs.Query) error

	mu    sync.Mutex
	asked []logs.Query
}

const (
	refused   = "connection to the database refused"
	badFrom   = 2 * time.Minute
	perMinute = 30
)

// lineAt calls each for what the side of a query writes at a moment.
func linesAt(expr string, at time.Time, each func(logs.Level, string)) {
	n := at.Sub(release) / (2 * time.Second)
	each(logs.Info, fmt.Sprintf("request %d accepted", n))
	if strings.Contains(expr, "bad") && at.After(release.Add(badFrom)) && n%4 == 0 {
		each(logs.Error, refused)
	}
	each(logs.Info, fmt.Sprintf("request %d answered", n))
}

// Read implements logs.Source.
func (w *written) Read(ctx context.Context, q logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	w.mu.Lock()
	w.asked = append(w.asked, q)
	w.mu.Unlock()
	if w.fails != nil {
		if err := w.fails(ctx, q); err != nil {
			return logs.Summary{}, err
		}
	}
	first := q.Window.Start.Truncate(2 * time.Second).Add(2 * time.Second)
	for at := first; !at.After(q.Window.End) && ctx.Err() == nil; at = at.Add(2 * time.Second) {
		var err error
		linesAt(q.Expr, at, func(level logs.Level, text string) {
			if err == nil {
				err = each(&logs.Record{Time: at, Level: level, Instance: []byte("pod-1"), Trace: fmt.Appendf(nil, "%s %d", q.Expr, at.Unix()), Message: []byte(text)})
			}
		})
		if err != nil {
			return logs.Summary{}, err
		}
	}
	return logs.Summary{}, ctx.Err()
}

// Close implements logs.Source.
func (*written) Close() error { return nil }

// windows returns the minutes since the release of what was asked of a side, in
// order.
func (w *written) windows(expr string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, q := range w.asked {
		if q.Expr == expr {
			all = append(all, fmt.Sprintf("%v-%v", q.Window.Start.Sub(release).Minutes(), q.Window.End.Sub(release).Minutes()))
		}
	}
	return all
}

var lines = logs.Provider{Name: "server-lines", Expand: harmless.Expand, Open: func(metrics.Settings) (logs.Source, error) { return nil, errors.New("not openable") }}

func (w *written) sources() *analysis.Sources {
	s := sourcesOf(map[string]metrics.Source{"shop": &shop{}})
	s.UseLogs("lines", lines, mine.Reading(w, analysis.MineOptions()))
	return s
}

// logsConfig compares the logs of a version with those of v1 over ten minutes.
func logsConfig(version string, change func(*judgedv1.CanaryConfig)) *judgedv1.CanaryConfig {
	return liveConfig(version, func(c *judgedv1.CanaryConfig) {
		c.Application, c.Metrics = "shop", nil
		c.Logs = []*judgedv1.Log{{Source: "lines", Query: "app ${version}"}}
		if change != nil {
			change(c)
		}
	})
}

// writing is ticking with a source of logs.
func writing(t *testing.T, w *written, o server.Options) (*instance, *clock) {
	t.Helper()
	c := newClock(release)
	o.Now, o.Sources, o.Limits.Looks = c.now, w.sources(), 1
	return start(t, o), c
}

// heardOf returns what an analysis read, from its recording.
func (i *instance) heardOf(t testing.TB, id string) *transcript.Transcript {
	t.Helper()
	recording, err := i.analyses.GetRecording(t.Context(), connect.NewRequest(&judgedv1.GetRecordingRequest{Id: id}))
	if err != nil {
		t.Fatal(err)
	}
	heard := transcript.New()
	for _, look := range recording.Msg.GetLooks() {
		if err := heard.Apply(look.GetPoints()); err != nil {
			t.Fatal(err)
		}
	}
	return heard
}

// replayed judges a look of an analysis again from its recording, with the pins that
// the look knew.
func (i *instance) replayed(t testing.TB, a *judgedv1.Analysis, k int) *judgedv1.Judgment {
	t.Helper()
	heard := i.heardOf(t, a.GetId())
	sources := sourcesOf(map[string]metrics.Source{"shop": heard.Recorded("shop")})
	for _, l := range a.GetConfig().GetLogs() {
		sources.UseLogs(l.GetSource(), lines, heard.RecordedLogs(l.GetSource(), analysis.MineOptions()))
	}
	again := proto.CloneOf(a)
	for _, l := range again.GetConfig().GetLogs() {
		l.Pins = append(l.Pins, a.GetPins()...)
	}
	return offline(t, again, sources, k)
}

func changesOf(j *judgedv1.Judgment) []*judgedv1.Change {
	for _, f := range j.GetFindings() {
		if f.GetJudge() == compare.Name {
			return f.GetChanges()
		}
	}
	return nil
}

// refusal returns the change of the new error.
func refusal(t testing.TB, j *judgedv1.Judgment) *judgedv1.Change {
	t.Helper()
	for _, c := range changesOf(j) {
		if c.GetName() == refused {
			return c
		}
	}
	t.Fatalf("there is no %q among the changes of %v", refused, j)
	return nil
}

// A live analysis finds a new error some looks after it began, reads each line once,
// and its recording gives the same judgments.
func TestLogs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version string
		change  func(*judgedv1.CanaryConfig)
		verdict judgedv1.Verdict
	}{
		"a new error": {"v2-bad", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_ON_FAIL }, judgedv1.Verdict_FAIL},
		"to the end":  {"v2-bad", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }, judgedv1.Verdict_FAIL},
		"healthy":     {"v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }, judgedv1.Verdict_PASS},
		"with history": {"v2-bad", func(c *judgedv1.CanaryConfig) {
			c.Schedule.History, c.Schedule.Warmup = durationpb.New(30*time.Minute), durationpb.New(time.Minute)
		}, judgedv1.Verdict_FAIL},
		"beside a metric": {"v2-bad", func(c *judgedv1.CanaryConfig) {
			c.Metrics = shopConfig("x").GetMetrics()
		}, judgedv1.Verdict_FAIL},
		"two logs": {"v2-bad", func(c *judgedv1.CanaryConfig) {
			c.Schedule.Stop = judgedv1.Stop_ON_FAIL
			c.Logs = append(c.Logs, &judgedv1.Log{Name: "other", Source: "lines", Query: "other ${version}"})
		}, judgedv1.Verdict_FAIL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &written{}
			i, _ := writing(t, w, server.Options{})
			a := i.last(t, i.begin(t, inline(logsConfig(c.version, c.change))).GetId())
			if a.GetState() != judgedv1.AnalysisState_COMPLETED || a.GetJudgment().GetVerdict() != c.verdict {
				t.Fatalf("it ended as %v: %s", a.GetState(), a.GetJudgment().GetSummary())
			}
			schedule := wire.Config(a.GetConfig()).Schedule
			line, err := schedule.Timeline(release)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if schedule.History > 0 {
				want = append(want, fmt.Sprintf("%v-%v", line.History.Start.Sub(release).Minutes(), line.History.End.Sub(release).Minutes()))
			}
			for k := range a.GetLooks() {
				from := line.Window.Start.Sub(release).Minutes() + float64(k)
				want = append(want, fmt.Sprintf("%v-%v", from, from+1))
			}
			for _, expr := range []string{"app v1", "app " + c.version} {
				got := w.windows(expr)
				slices.Sort(got)
				if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(got, sorted) {
					t.Errorf("of %q was asked %v, want %v", expr, got, sorted)
				}
			}
			if c.verdict == judgedv1.Verdict_FAIL {
				change := refusal(t, a.GetJudgment())
				if change.GetKind() != judgedv1.ChangeKind_NEW || change.GetSeverity() != judgedv1.Severity_SEVERITY_ERROR || len(change.GetExcerpts()) == 0 {
					t.Errorf("the change is %v", change)
				}
			}
			for k, look := range i.looks(t, a.GetId()) {
				again := i.replayed(t, a, k+1)
				if again.GetSummary() != look.GetSummary() {
					t.Errorf("look %d said %q, from the recording %q", k+1, look.GetSummary(), again.GetSummary())
				}
				if k+1 == int(a.GetLooks()) && !proto.Equal(again, a.GetJudgment()) {
					t.Errorf("the judgment is\n%v\nfrom the recording\n%v", a.GetJudgment(), again)
				}
			}
			if page := i.metrics(t); !strings.Contains(page, `judged_source_lines_total{source="lines"}`) ||
				!strings.Contains(page, `judged_source_duration_seconds_count{outcome="ok",source="lines"}`) {
				t.Error("the reads are not measured")
			}
		})
	}
}

func (i *instance) metrics(t testing.TB) string {
	t.Helper()
	_, page := i.page(t, "/metrics")
	return page
}

// Windows that slide forget the minutes that they leave, without reading those that
// stay again.
func TestLogsSliding(t *testing.T) {
	t.Parallel()
	w := &written{}
	i, _ := writing(t, w, server.Options{})
	a := i.last(t, i.begin(t, inline(logsConfig("v2-bad", func(c *judgedv1.CanaryConfig) {
		c.Schedule.Stop, c.Schedule.Sliding = judgedv1.Stop_AT_END, durationpb.New(4*time.Minute)
	}))).GetId())
	if a.GetLooks() != 10 || a.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL {
		t.Fatalf("after %d looks: %s", a.GetLooks(), a.GetJudgment().GetSummary())
	}
	for _, expr := range []string{"app v1", "app v2-bad"} {
		if got := w.windows(expr); len(got) != 10 || got[0] != "0-1" || got[9] != "9-10" {
			t.Errorf("of %q was asked %v", expr, got)
		}
	}
	if f := a.GetJudgment().GetFindings()[0]; f.GetBaseline().GetTotal() != 4*perMinute {
		t.Errorf("the last look judged %v requests, want those of four minutes", f.GetBaseline().GetTotal())
	}
	if again := i.replayed(t, a, 10); !proto.Equal(again, a.GetJudgment()) {
		t.Errorf("from the recording\n%v\nit was\n%v", again, a.GetJudgment())
	}
}

// A server that is killed between two looks, or in one, leaves the next one what it
// needs to go on: no line is read twice, but those of a look that was not written.
func TestLogsOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "judged.db")
	reached := make(chan struct{})
	var once sync.Once
	w := &written{fails: func(ctx context.Context, q logs.Query) (err error) {
		if q.Expr == "app v1" && q.Window.End.Equal(release.Add(6*time.Minute)) {
			once.Do(func() {
				close(reached)
				<-ctx.Done()
				err = ctx.Err()
			})
		}
		return err
	}}
	c := newClock(release)
	first := opened(t, path)
	killed, err := server.New(server.Options{Store: first, Sources: w.sources(), Now: c.now, Grace: time.Millisecond, Limits: server.Limits{Looks: 1}})
	if err != nil {
		t.Fatal(err)
	}
	killed.Start()
	id := unstarted(t, killed).begin(t, inline(logsConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
	<-reached
	if err := errors.Join(killed.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	before := len(w.windows("app v1"))
	second := opened(t, path)
	i := start(t, server.Options{Store: second, Sources: w.sources(), Now: c.now, Limits: server.Limits{Looks: 1}})
	t.Cleanup(func() { _ = i.stop(); _ = second.Close() })
	a := i.last(t, id)
	if a.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS || a.GetLooks() != 10 {
		t.Fatalf("after %d looks: %s", a.GetLooks(), a.GetJudgment().GetSummary())
	}
	if before != 6 {
		t.Fatalf("the first server asked %d times, want 6", before)
	}
	after := w.windows("app v1")[before:]
	if n := len(after); n != 4 && n != 5 || after[n-1] != "9-10" || after[n-4] != "6-7" {
		t.Errorf("the second server asked for %v", after)
	}
	whole := &written{}
	again := offline(t, a, whole.sources(), 10)
	// One who reads all at once sees the same lines, if not the same samples of them.
	if a.GetJudgment().GetSummary() != again.GetSummary() || !proto.Equal(a.GetJudgment().GetFindings()[0].GetCanary(), again.GetFindings()[0].GetCanary()) {
		t.Errorf("the judgment is\n%v\nin one piece it is\n%v", a.GetJudgment(), again)
	}
}

// A source that fails makes a look an ERROR that says why, and nothing is missing when
// it is back; the last look is tried again.
func TestLogsSourceFails(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	down := true
	w := &written{fails: func(_ context.Context, q logs.Query) error {
		minute := int(q.Window.End.Sub(release) / time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if minute == 4 || minute == 5 || minute == 10 && down {
			return &metrics.Error{Op: "query", Source: "lines", Query: q.Expr, Reason: metrics.Unavailable, Err: errors.New("connection refused"), Hint: "is it running?"}
		}
		return nil
	}}
	i, c := writing(t, w, server.Options{})
	id := i.begin(t, inline(logsConfig("v2", func(c *judgedv1.CanaryConfig) { c.Schedule.Stop = judgedv1.Stop_AT_END }))).GetId()
	c.set(release.Add(10*time.Minute + 10*time.Second))
	var a *judgedv1.Analysis
	eventually(t, "the last look is in trouble", func() bool {
		a = i.get(t, id)
		return a.GetTrouble() != ""
	})
	if !strings.Contains(a.GetTrouble(), "connection refused (is it running?)") || a.GetLooks() != 9 {
		t.Errorf("in trouble: %v", a)
	}
	for n, look := range i.looks(t, id) {
		if failed := n == 3 || n == 4; (look.GetVerdict() == judgedv1.Verdict_ERROR) != failed || failed && !strings.Contains(look.GetSummary(), "connection refused") {
			t.Errorf("look %d: %v: %s", n+1, look.GetVerdict(), look.GetSummary())
		}
	}
	mu.Lock()
	down = false
	mu.Unlock()
	if a = i.last(t, id); a.GetJudgment().GetVerdict() != judgedv1.Verdict_PASS || a.GetJudgment().GetFindings()[0].GetBaseline().GetTotal() != 10*perMinute {
		t.Errorf("it ended with %v", a.GetJudgment())
	}
	if !strings.Contains(i.metrics(t), `judged_source_duration_seconds_count{outcome="unavailable",source="lines"}`) {
		t.Error("the failures are not measured")
	}
}

// Logs come from files as from anywhere else, if the settings say so; callers name the
// source and cannot name a file.
func TestLogsOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2-bad"} {
		var text strings.Builder
		for at := release.Add(2 * time.Second); !at.After(release.Add(10 * time.Minute)); at = at.Add(2 * time.Second) {
			linesAt("app "+version, at, func(level logs.Level, message string) {
				fmt.Fprintf(&text, "{\"time\":%q,\"level\":%q,\"msg\":%q,\"trace_id\":\"%s-%d\"}\n", at.Format(time.RFC3339), level, message, version, at.Unix())
			})
		}
		if err := os.WriteFile(filepath.Join(dir, version+".jsonl"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := newClock(release)
	sources := analysis.NewSources(metrics.Settings{Name: "pods", Provider: "files", URL: dir})
	i := start(t, server.Options{Sources: sources, Now: c.now, Limits: server.Limits{Looks: 1}})
	of := func(source, query string) *judgedv1.CanaryConfig {
		return logsConfig("v2-bad", func(c *judgedv1.CanaryConfig) {
			c.Schedule.Stop, c.Logs[0].Source, c.Logs[0].Query = judgedv1.Stop_ON_FAIL, source, query
		})
	}
	a := i.last(t, i.begin(t, inline(of("pods", "${version}.jsonl"))).GetId())
	if a.GetJudgment().GetVerdict() != judgedv1.Verdict_FAIL || !strings.Contains(a.GetJudgment().GetSummary(), refused) {
		t.Errorf("it ended with %s", a.GetJudgment().GetSummary())
	}
	for source, says := range map[string]string{
		dir: "is no source's name", "./pods": "is no source's name", "file://" + dir: "is no source's name", "-": "is no source's name",
		"https://loki.example.com": "is no source's name", "nowhere": `nowhere`,
	} {
		bad := of(source, "${version}.jsonl")
		_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(bad)))
		wantCode(t, err, connect.CodeOf(err), says)
		if connect.CodeOf(err) != connect.CodeInvalidArgument && source != "nowhere" {
			t.Errorf("%q: %v", source, err)
		}
		// A metric that can be asked does not let the logs slip in.
		bad.Metrics = shopConfig("x").GetMetrics()
		if source == "nowhere" {
			continue // only its finding will say so: a source may come later
		}
		_, err = i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(bad)))
		wantCode(t, err, connect.CodeInvalidArgument, says)
		_, err = i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: bad}))
		wantCode(t, err, connect.CodeInvalidArgument, says)
		text := fmt.Sprintf("name: x\nlogs:\n- {source: %q, query: a}\n", source)
		_, err = i.configs.ImportConfigs(t.Context(), connect.NewRequest(&judgedv1.ImportConfigsRequest{Texts: []string{text}}))
		wantCode(t, err, connect.CodeInvalidArgument, says)
		valid, err := i.configs.ValidateConfig(t.Context(), connect.NewRequest(&judgedv1.ValidateConfigRequest{Text: text}))
		if err != nil || len(valid.Msg.GetProblems()) != 1 || !strings.Contains(valid.Msg.GetProblems()[0], says) {
			t.Errorf("%q is valid: %v, %v", source, valid, err)
		}
	}
	// Nor does a query lead out of the directory.
	for _, query := range []string{"../${version}", "/etc/${version}", "${version}/../../x"} {
		_, err := i.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(of("pods", query))))
		wantCode(t, err, connect.CodeInvalidArgument, "nothing of config", "the glob")
	}
}

// ValidateConfig shows what would be asked of sources of logs, too.
func TestValidateLogs(t *testing.T) {
	t.Parallel()
	i, _ := writing(t, &written{}, server.Options{})
	const config = "name: x\nlogs:\n- {source: %s, query: \"app ${version}\"}\n- {name: db, source: lines, query: db}\n"
	scopes := "scopes: {baseline: {version: v1}, canary: {version: v2}}\n"
	for text, want := range map[string]string{
		fmt.Sprintf(config, "lines"):            "logs baseline lines app ${version};logs canary lines app ${version};db baseline lines db;db canary lines db;",
		fmt.Sprintf(config, "lines") + scopes:   `logs baseline lines app v1;logs canary lines app v2;logs "db": compare two sides of lines: db: bad query: baseline and canary ask the same query`,
		fmt.Sprintf(config, "shop"):             `logs "logs": `,
		fmt.Sprintf(config, "nowhere") + scopes: `logs "logs": `,
	} {
		answer, err := i.configs.ValidateConfig(t.Context(), connect.NewRequest(&judgedv1.ValidateConfigRequest{Text: text}))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, q := range answer.Msg.GetQueries() {
			fmt.Fprintf(&got, "%s %s %s %s;", q.GetMetric(), q.GetSide(), q.GetSource(), q.GetQuery())
		}
		got.WriteString(strings.Join(answer.Msg.GetProblems(), "\n"))
		if !strings.Contains(got.String(), want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got.String(), want)
		}
	}
}

// An administrator's rules and the config's own see logs.
func TestLogsPolicy(t *testing.T) {
	t.Parallel()
	own, err := policy.CompileConstraints([]policy.Constraint{
		{Name: "own", Require: "config.sources.all(s, s.startsWith('own-'))", Message: "ask your own sources"},
		{Name: "careful", Require: "config.logs.all(l, l.tolerance <= 0.25 && l.silence == 'inconclusive')"},
	})
	if err != nil {
		t.Fatal(err)
	}
	constrained, _ := writing(t, &written{}, server.Options{Constraints: own})
	c := logsConfig("v2", nil)
	c.Logs[0].Silence = judgedv1.Silence_SILENCE_FAIL
	_, err = constrained.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c}))
	wantCode(t, err, connect.CodeInvalidArgument, "constraint own: ask your own sources", "constraint careful")
	_, err = constrained.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(logsConfig("v2", nil))))
	wantCode(t, err, connect.CodeInvalidArgument, "constraint own")

	i, _ := writing(t, &written{}, server.Options{})
	soft := logsConfig("v2-bad", func(c *judgedv1.CanaryConfig) {
		c.Schedule.Stop = judgedv1.Stop_AT_END
		c.Decision = &judgedv1.Decision{Inconclusive: "findings.exists(f, f.changes.exists(c, c.kind == 'new' && c.level == 'error' && c.name.contains('refused')))"}
	})
	if a := i.last(t, i.begin(t, inline(soft)).GetId()); a.GetJudgment().GetVerdict() != judgedv1.Verdict_INCONCLUSIVE || !strings.Contains(a.GetJudgment().GetSummary(), "decision.inconclusive") {
		t.Errorf("the rule made of it %s", a.GetJudgment().GetSummary())
	}
}

// pastLogs starts an analysis of logs with one look, and returns it as it ended.
func (i *instance) pastLogs(t testing.TB, version string, change func(*judgedv1.CanaryConfig)) *judgedv1.Analysis {
	t.Helper()
	return i.last(t, i.begin(t, inline(logsConfig(version, func(c *judgedv1.CanaryConfig) {
		c.Schedule.LookEvery = c.Schedule.GetDuration()
		if change != nil {
			change(c)
		}
	}))).GetId())
}

// What a tenant pushed is read by its own analyses only, whoever names the source.
func TestPushedLogsOfTenants(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := hire(t, nil, "ann@alpha", "bob@beta")
	sources := analysis.NewSources(metrics.Settings{Name: "pushed", Provider: otlp.Name, URL: dir})
	i := start(t, server.Options{Authenticator: s.authenticator, Sources: sources, Receive: &server.Receive{Directory: dir}})
	ann, bob := i.as(s.tokens["ann@alpha"]), i.as(s.tokens["bob@beta"])
	began := time.Now()
	for _, service := range []string{"v1", "v2"} {
		if got := ann.push(t, marshaled(t, logsOf(service, slices.Repeat([]string{marked}, 50)...))); got.status != http.StatusOK {
			t.Fatalf("status %d: %s", got.status, got.text)
		}
	}
	c := logsConfig("v2", func(c *judgedv1.CanaryConfig) {
		c.Schedule = nil
		c.Logs[0].Source, c.Logs[0].Query = "pushed", `service.name="${version}"`
	})
	r := inline(c)
	end := began.Add(time.Second)
	r.Window = &judgedv1.Window{Start: timestamppb.New(began), End: timestamppb.New(end)}
	eventually(t, "the window is past", func() bool { return time.Now().After(end) })
	mine := ann.last(t, ann.begin(t, r).GetId()).GetJudgment().GetFindings()[0]
	if mine.GetBaseline().GetEvents() != 50 || mine.GetCanary().GetEvents() != 50 {
		t.Errorf("she reads %v of what she pushed: %s", mine.GetBaseline().GetEvents(), mine.GetReason())
	}
	theirs := bob.last(t, bob.begin(t, r).GetId()).GetJudgment().GetFindings()[0]
	if theirs.GetClassification() != judgedv1.Classification_NO_DATA || theirs.GetReason() != "neither side logged anything" {
		t.Errorf("he reads %v", theirs)
	}
}
