package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// provider takes measurements: an analysis each.
type provider struct {
	settings settings
	http     *http.Client
	now      func() time.Time
}

// What a measurement remembers between calls, and shows to people.
const (
	keyMetadata      = "judgedKey"
	analysisMetadata = "judgedAnalysis"
	reportMetadata   = "judgedReport"
	scoreMetadata    = "judgedScore"
	lookMetadata     = "judgedLook"
	// troubleMetadata is since when judged cannot be asked.
	troubleMetadata = "judgedTroubleSince"
)

func (p *provider) run(run *analysisRun, m metric) Measurement {
	now := p.now()
	out := Measurement{StartedAt: &now, Metadata: map[string]string{}}
	t, err := parseTarget(p.settings, m)
	if err != nil {
		return p.end(out, errored, err.Error())
	}
	out.Metadata[keyMetadata] = keyOf(run, m)
	return p.start(t, out)
}

// keyOf returns the same key for the same measurement: a controller that is
// restarted before it has noted the measurement takes it again.
func keyOf(run *analysisRun, m metric) string {
	n := int32(0)
	for _, r := range run.Status.MetricResults {
		if r.Name == m.Name {
			n = r.Count + r.Error
		}
	}
	key := fmt.Sprintf("argo/%s/%s/%d", run.ObjectMeta.UID, m.Name, n)
	if len(key) <= 255 { // the longest that judged takes, in bytes
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "argo/" + hex.EncodeToString(sum[:])
}

func (p *provider) start(t *target, m Measurement) Measurement {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	a, err := t.start(ctx, p.http, m.Metadata[keyMetadata], p.now())
	if err != nil {
		return p.troubled(t, m, err)
	}
	return p.read(t, m, a)
}

func (p *provider) resume(m metric, before Measurement) Measurement {
	out := before
	out.ResumeAt = nil
	out.Metadata = maps.Clone(before.Metadata)
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	t, err := parseTarget(p.settings, m)
	if err != nil {
		return p.end(out, errored, err.Error())
	}
	id := out.Metadata[analysisMetadata]
	if id == "" {
		return p.start(t, out) // no answer so far
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	a, err := t.get(ctx, p.http, id)
	if err != nil {
		return p.troubled(t, out, err)
	}
	return p.read(t, out, a)
}

// Bounds of the time until judged is asked again.
const (
	leastPause = 10 * time.Second
	mostPause  = time.Minute
	// lookTime is what a look may take after it is due.
	lookTime = time.Second
)

// troubled goes on with a measurement although judged could not be asked, as long
// as patience lasts.
func (p *provider) troubled(t *target, m Measurement, err error) Measurement {
	if _, no := errors.AsType[*refusal](err); no {
		return p.end(m, errored, err.Error())
	}
	now := p.now()
	since, bad := time.Parse(time.RFC3339, m.Metadata[troubleMetadata])
	if bad != nil { // none so far
		since = now
		m.Metadata[troubleMetadata] = now.UTC().Format(time.RFC3339)
	}
	patience := defaultPatience
	if t.Patience != nil {
		patience = time.Duration(*t.Patience)
	}
	lasted := now.Sub(since)
	if lasted >= patience {
		return p.end(m, errored, fmt.Sprintf("gave up after %v: %v", lasted.Round(time.Second), err))
	}
	m.Phase, m.Message = running, short(err.Error())
	return later(m, now, min(max(lasted, leastPause), mostPause, max(patience-lasted, lookTime)))
}

func later(m Measurement, now time.Time, pause time.Duration) Measurement {
	at := now.Add(pause)
	m.ResumeAt = &at
	return m
}

// end completes a measurement.
func (p *provider) end(m Measurement, as phase, message string) Measurement {
	now := p.now()
	m.Phase, m.Message, m.FinishedAt, m.ResumeAt = as, short(message), &now, nil
	return m
}

// read notes what an analysis says.
func (p *provider) read(t *target, m Measurement, a *analysis) Measurement {
	delete(m.Metadata, troubleMetadata)
	m.Metadata[analysisMetadata] = a.ID
	m.Metadata[reportMetadata] = p.link(t, a)
	m.Metadata[lookMetadata] = fmt.Sprintf("%d of %d", a.Looks, a.PlannedLooks)
	if a.Judgment != nil {
		m.Metadata[scoreMetadata] = strconv.FormatFloat(a.Judgment.Score, 'f', -1, 64)
	}
	verdict, summary, final := said(a)
	m.Value = verdict
	if final {
		return p.end(m, phases[verdict], summary)
	}
	m.Phase, m.Message = running, short(summary)
	now := p.now()
	// Before the next look there is nothing new, and after it as soon as it is
	// taken. One that is overdue waits for something.
	pause := a.NextLookTime.Add(lookTime).Sub(now)
	if pause <= 0 {
		pause = leastPause
	}
	return later(m, now, min(max(pause, lookTime), mostPause))
}

// link returns where people see an analysis: as the process was told, as judged says,
// or where it is called.
func (p *provider) link(t *target, a *analysis) string {
	if p.settings.publicURL != "" && t.URL == p.settings.url {
		return p.settings.publicURL + "/analyses/" + a.ID
	}
	return cmp.Or(a.URL, t.URL+"/analyses/"+a.ID)
}

var phases = map[string]phase{"PASS": successful, "FAIL": failed, "INCONCLUSIVE": inconclusive, "ERROR": errored}

// said returns what an analysis says at this moment, as judged's own gates do: a
// FAIL is said when it is known, a PASS when all of it was seen.
func said(a *analysis) (verdict, summary string, final bool) {
	var j judgment
	if a.Judgment != nil {
		j = *a.Judgment
	}
	progress := fmt.Sprintf("look %d of %d", a.Looks, a.PlannedLooks)
	switch {
	case a.State == "CANCELED":
		return "INCONCLUSIVE", "INCONCLUSIVE: the analysis was cancelled: " + a.CancelReason, true
	case a.State == "EXPIRED" && j.Verdict == "PASS":
		return "INCONCLUSIVE", "INCONCLUSIVE: the analysis expired after " + progress + "; until then: " + j.Summary, true
	case phases[j.Verdict] != "" && (a.State == "COMPLETED" || a.State == "EXPIRED" || j.Verdict == "FAIL"):
		return j.Verdict, j.Summary, true
	case a.State == "COMPLETED" || a.State == "EXPIRED":
		return "ERROR", "ERROR: the analysis ended without a judgment", true
	case a.Judgment == nil:
		summary = "the first look is due at " + a.NextLookTime.UTC().Format(time.RFC3339)
	default:
		summary = progress + "; so far: " + j.Summary
	}
	if a.Trouble != "" {
		summary += "; trouble: " + a.Trouble
	}
	return "", summary, false
}

// terminate cancels the analysis: nobody waits for it any more.
func (p *provider) terminate(run *analysisRun, m metric, before Measurement) Measurement {
	out := before
	out.Metadata = maps.Clone(before.Metadata)
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	id := out.Metadata[analysisMetadata]
	if id == "" {
		return p.end(out, inconclusive, "INCONCLUSIVE: terminated before judged could be asked")
	}
	t, err := parseTarget(p.settings, m)
	if err != nil {
		return p.end(out, inconclusive, "INCONCLUSIVE: terminated, and not cancelled in judged: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	a, err := t.cancel(ctx, p.http, id, fmt.Sprintf("Argo Rollouts terminated AnalysisRun %s/%s", run.ObjectMeta.Namespace, run.ObjectMeta.Name))
	if err != nil {
		return p.end(out, inconclusive, "INCONCLUSIVE: terminated, and not cancelled in judged, where it ends by itself: "+err.Error())
	}
	return p.read(t, out, a)
}

// metadata says what a metric asks, without secrets.
func (p *provider) metadata(m metric) map[string]string {
	t, err := parseTarget(p.settings, m)
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	out := map[string]string{"judged": t.URL}
	if t.Config != "" {
		out["config"] = t.Config
	}
	return out
}
