package notify

import (
	"cmp"
	"strings"
	"time"
)

// The words of CDEvents 0.5 (cdevents.dev/docs/spec) that fit: an analysis is
// a run of a test suite, the config. A look has no word there and neither has
// a changed config, so they are custom events of the tool judged.
//
// The CDEvents SDK is not linked: it compiles the schemas of all versions when
// a program starts, measured at 185 ms and 37 MB of allocations, for the few
// fields here. The tests in the folder cdeventstest hold them against it.
const (
	cdEventsVersion = "0.5.0"
	cdRunStarted    = "dev.cdevents.testsuiterun.started.0.3.0"
	cdRunFinished   = "dev.cdevents.testsuiterun.finished.0.3.0"
	cdLook          = "dev.cdeventsx.judged-analysis.looked.0.1.0"
	cdConfigChanged = "dev.cdeventsx.judged-config.changed.0.1.0"
)

type cdEvent struct {
	Context struct {
		SpecVersion string    `json:"specversion"`
		ID          string    `json:"id"`
		Source      string    `json:"source"`
		Type        string    `json:"type"`
		Timestamp   time.Time `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Source  string `json:"source"`
		Content any    `json:"content"`
	} `json:"subject"`
	CustomData            *Event `json:"customData,omitempty"`
	CustomDataContentType string `json:"customDataContentType,omitempty"`
}

// cdRun is the content of started and finished.
type cdRun struct {
	Environment cdReference  `json:"environment"`
	TestSuite   *cdReference `json:"testSuite,omitempty"`
	Outcome     string       `json:"outcome,omitempty"`
	Reason      string       `json:"reason,omitempty"`
}

type cdReference struct {
	ID string `json:"id"`
}

func newCDEvent(e Event, source, environment string) *cdEvent {
	out := &cdEvent{}
	out.Context.SpecVersion, out.Context.ID, out.Context.Source, out.Context.Timestamp = cdEventsVersion, messageID(e), source, e.Time
	out.Subject.ID, out.Subject.Source = cmp.Or(clean(e.Analysis), clean(e.Config), messageID(e)), source

	run := cdRun{Environment: cdReference{environment}}
	if e.Config != "" {
		run.TestSuite = &cdReference{e.Config}
	}
	switch e.Type {
	case Look, ConfigChanged:
		out.Context.Type = cdLook
		if e.Type == ConfigChanged {
			out.Context.Type = cdConfigChanged
			out.Subject.ID = cmp.Or(clean(e.Config), messageID(e))
		}
		out.Subject.Content = e
		return out
	case AnalysisStarted:
		out.Context.Type = cdRunStarted
	case AnalysisCanceled:
		out.Context.Type = cdRunFinished
		run.Outcome, run.Reason = "cancel", e.Summary
	case Verdict:
		out.Context.Type = cdRunFinished
		run.Outcome, run.Reason = cdOutcome(e)
	}
	out.Subject.Content = run
	out.CustomData, out.CustomDataContentType = &e, "application/json"
	return out
}

// cdOutcome puts a verdict into the four words there are. INCONCLUSIVE has
// none: it must not look like success or failure, so it is an error whose
// reason says so; the verdict itself stands in customData.
func cdOutcome(e Event) (outcome, reason string) {
	switch e.Verdict {
	case "PASS":
		return "success", e.Summary
	case "FAIL":
		return "failure", e.Summary
	case "ERROR":
		return "error", e.Summary
	default:
		return "error", strings.TrimSuffix(cmp.Or(e.Verdict, "no verdict")+": "+e.Summary, ": ")
	}
}
