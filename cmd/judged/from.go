package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
	transcripts "github.com/judged-dev/judged/metrics/transcript"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// recorded is what judged run --from judges again: an analysis with all that it
// saw.
type recorded struct {
	analysis *judgedv1.Analysis
	config   analysis.Config // the analysis' own
	line     analysis.Timeline
	heard    *transcripts.Transcript
}

// recordingOf returns the recording that --from names: an analysis of the server,
// or without one a file.
func recordingOf(ctx context.Context, from, server string, c credentials) (*recorded, error) {
	if server == "" {
		return readRecording(from)
	}
	client, err := c.connect(server)
	if err != nil {
		return nil, err
	}
	message, err := client.GetRecording(ctx, from)
	if err != nil {
		return nil, err
	}
	return newRecorded(message)
}

// maxRecording bounds a recording's file, in bytes.
const maxRecording = 512 << 20

func readRecording(path string) (*recorded, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: --from takes the file of a recording; for an analysis of a server, add --server", err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRecording+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxRecording:
		return nil, fmt.Errorf("%s has more than %d bytes, which is too much for a recording", path, maxRecording)
	}
	r, err := parseRecording(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// parseRecording reads the JSON of a GetRecordingResponse.
func parseRecording(text []byte) (*recorded, error) {
	message := &judgedv1.GetRecordingResponse{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, message); err != nil {
		return nil, fmt.Errorf("it is no recording as judged analyses recording saves it: %w", err)
	}
	return newRecorded(message)
}

// newRecorded checks a recording and puts its looks together.
func newRecorded(m *judgedv1.GetRecordingResponse) (*recorded, error) {
	a := m.GetAnalysis()
	if a.GetConfig() == nil {
		return nil, errors.New("it is no recording: it has no analysis with its config")
	}
	if err := protovalidate.Validate(a.GetConfig()); err != nil {
		return nil, fmt.Errorf("the recording's config is not valid: %w", err)
	}
	r := &recorded{analysis: a, config: wire.Pinned(wire.Config(a.GetConfig()), a.GetPins()), heard: transcripts.New()}
	var err error
	if r.line, err = r.config.Schedule.Timeline(r.config.Schedule.Start); err != nil {
		return nil, fmt.Errorf("the recording's schedule: %w", err)
	}
	if n := int(a.GetLooks()); n < 1 || n > r.line.Looks() {
		return nil, fmt.Errorf("there is nothing to judge again: %d of %d looks of analysis %s were taken", n, r.line.Looks(), a.GetId())
	}
	last := int32(0)
	for _, look := range m.GetLooks() {
		if look.GetNumber() <= last {
			return nil, fmt.Errorf("the recording is damaged: look %d comes after look %d", look.GetNumber(), last)
		}
		last = look.GetNumber()
		if len(look.GetPoints()) == 0 {
			continue // every query failed
		}
		if err := r.heard.Apply(look.GetPoints()); err != nil {
			return nil, fmt.Errorf("the recording is damaged: look %d: %w", last, err)
		}
	}
	return r, nil
}

// judge judges the latest look again: by the analysis' own config, or by what
// another one says of metrics, traffic, assignment and the decision. Which time is
// judged, and of which scopes, is the recording's; so are the answers, and the
// reasons of questions that were not answered then. Deployment windows are not
// asked: they were about that time.
func (r *recorded) judge(ctx context.Context, other *analysis.Config) (*analysis.Result, error) {
	c := r.config
	if other != nil {
		c.Metrics, c.Traffic, c.Assignment, c.Alpha, c.Rules = other.Metrics, other.Traffic, other.Assignment, other.Alpha, other.Rules
		c.Logs = wire.Pinned(*other, r.analysis.GetPins()).Logs
	}
	names := map[string]bool{}
	for _, m := range c.Metrics {
		names[m.Source] = true
	}
	if c.Traffic != nil {
		names[c.Traffic.Source] = true
	}
	// Which provider a source has is the server's secret. The queries as they were
	// sent are not, see ask; where there are none, it was a Prometheus or nobody
	// knows.
	provider, err := metrics.Lookup("prometheus")
	if err != nil {
		return nil, err
	}
	sources := analysis.NewSources()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		sources.Use(name, provider, r.source(name))
	}
	for i := range c.Logs {
		name := c.Logs[i].Source
		asIs := func(query string, _ map[string]string) (string, error) { return query, nil } // see askLog
		sources.UseLogs(name, logs.Provider{Name: "recorded", Expand: asIs}, r.heard.RecordedLogs(name, analysis.MineOptions()))
	}
	plan, err := r.line.Plan(c, sources, int(r.analysis.GetLooks()))
	if err != nil {
		return nil, err
	}
	if len(r.analysis.GetJudgment().GetFindings()) > 0 {
		for i := range plan.Signals {
			if s := &plan.Signals[i]; !s.Own || plan.History.Duration() > 0 { // else the plan's error stands
				s.Queries, s.Err = r.ask(*s)
			}
		}
		for i := range plan.Logs {
			l := &plan.Logs[i]
			l.Queries, l.Err = r.askLog(&l.Log)
		}
	}
	return plan.Run(ctx, sources)
}

// asking is what a metric asks, before variables are filled in.
type asking struct{ source, query, total string }

// ask returns a signal's queries as the server sent them: the latest judgment
// has them as evidence.
func (r *recorded) ask(s analysis.PlannedSignal) (queries [4]string, err error) {
	m := s.Metric
	finding := r.finding(m.Name, asking{m.Source, m.Query, m.Total})
	if finding == nil {
		return queries, notRecorded(m, "no metric of the analysis asks this of this source")
	}
	e := finding.GetEvidence()
	sent := [4]string{e.GetBaselineQuery(), e.GetCanaryQuery(), e.GetBaselineTotalQuery(), e.GetCanaryTotalQuery()}
	for side := range sent {
		own := s.Own && (analysis.Side(side) == analysis.Baseline || analysis.Side(side) == analysis.BaselineTotal)
		total := analysis.Side(side) == analysis.BaselineTotal || analysis.Side(side) == analysis.CanaryTotal
		if own || total && m.Total == "" {
			continue
		}
		queries[side] = sent[side]
		if sent[side] == "" && err == nil {
			err = notRecorded(m, "the analysis did not ask for the "+analysis.Side(side).String())
		}
	}
	if finding.GetClassification() == judgedv1.Classification_FAILED && err != nil {
		return sent, errors.New(finding.GetReason()) // it could not be asked then, either
	}
	return queries, err
}

// askLog returns the queries of a log as the server sent them.
func (r *recorded) askLog(l *analysis.Log) (queries [2]string, err error) {
	for i := range r.config.Logs {
		was := &r.config.Logs[i]
		if was.Source != l.Source || was.Query != l.Query {
			continue
		}
		for _, f := range r.analysis.GetJudgment().GetFindings() {
			if f.GetSignal().GetName() != cmp.Or(was.Name, analysis.LogSignal) {
				continue
			}
			if f.GetClassification() == judgedv1.Classification_FAILED {
				return queries, errors.New(f.GetReason())
			}
			return [2]string{f.GetEvidence().GetBaselineQuery(), f.GetEvidence().GetCanaryQuery()}, nil
		}
	}
	return queries, notRecorded(analysis.Metric{Source: l.Source, Query: l.Query}, "no log of the analysis asks this of this source")
}

func notRecorded(m analysis.Metric, why string) error {
	return &metrics.Error{
		Op: "query the recording of", Source: m.Source, Query: m.Query, Reason: metrics.BadQuery, Err: errors.New(why),
		Hint: "judge again with the same sources and queries; margins, judges, kinds and the decision may change",
	}
}

// finding returns the finding of a metric that asked q, best the one of this
// name; nil if there is none.
func (r *recorded) finding(name string, q asking) *judgedv1.Finding {
	asked := map[string]asking{}
	for _, m := range r.config.Metrics {
		asked[m.Name] = asking{m.Source, m.Query, m.Total}
	}
	if t := r.config.Traffic; t != nil {
		asked[analysis.TrafficSignal] = asking{source: t.Source, query: t.Query}
	}
	var found *judgedv1.Finding
	for _, f := range r.analysis.GetJudgment().GetFindings() {
		if asked[f.GetSignal().GetName()] != q {
			continue
		}
		if f.GetSignal().GetName() == name {
			return f
		}
		if found == nil || found.GetClassification() == judgedv1.Classification_FAILED {
			found = f
		}
	}
	return found
}

// source answers what was recorded of the source of that name.
func (r *recorded) source(name string) metrics.Source {
	s := recordedSource{r.heard.Recorded(name), map[string]string{}}
	for _, f := range r.analysis.GetJudgment().GetFindings() {
		e := f.GetEvidence()
		why := ""
		if f.GetClassification() == judgedv1.Classification_FAILED {
			why = f.GetReason()
		}
		for _, text := range f.GetWarnings() {
			if rest, ok := strings.CutPrefix(text, "judged without history: "); ok { // as analysis writes it
				why = rest
			}
		}
		if why == "" || e.GetSource() != name {
			continue
		}
		for _, q := range []string{e.GetBaselineQuery(), e.GetCanaryQuery(), e.GetBaselineTotalQuery(), e.GetCanaryTotalQuery()} {
			if q != "" {
				s.failed[q] = why
			}
		}
	}
	return s
}

// recordedSource answers as then: where there was no answer, with why.
type recordedSource struct {
	metrics.Source

	failed map[string]string // reasons by query
}

// Query implements metrics.Source.
func (s recordedSource) Query(ctx context.Context, q metrics.Query) (metrics.Result, error) {
	result, err := s.Source.Query(ctx, q)
	if reason, ok := s.failed[q.Expr]; err != nil && ok {
		err = errors.New(reason)
	}
	return result, err
}

// judgeRecorded judges what --from names again, by the config at path or, if that
// is empty, by its own; prints the result and exits by the verdict.
func judgeRecorded(ctx context.Context, w world, from, server string, c credentials, path string, o output, p policy) error {
	r, err := recordingOf(ctx, from, server, c)
	if err != nil {
		return err
	}
	var other *analysis.Config
	if path != "" {
		loaded, err := config.Load(path)
		if err != nil {
			return err
		}
		other = &loaded
	}
	if by := r.analysis.GetJudgment().GetJudgedVersion(); by != version() {
		fmt.Fprintf(w.stderr, "judged: the server judged with version %q of judged, and this is %q: results may differ\n", by, version())
	}
	result, err := r.judge(ctx, other)
	if err != nil {
		return err
	}
	if err := o.print(w, result); err != nil {
		return err
	}
	return p.exit(result.Verdict)
}
