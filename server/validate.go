package server

import (
	"time"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// validator holds messages to the rules of the contract. Those are in the proto
// files and protovalidate reads them there; a JudgeRequest is looked at first by
// hand, because its rules, evaluated one by one for every signal, take longer
// than its judges are allowed to. What the hand-written look does not find in
// order goes to protovalidate, which has the last word and the words.
type validator struct{}

var _ protovalidate.Validator = validator{}

// Validate implements protovalidate.Validator.
func (validator) Validate(m proto.Message, options ...protovalidate.ValidationOption) error {
	if r, ok := m.(*judgedv1.JudgeRequest); ok && len(options) == 0 && inOrder(r) {
		return nil
	}
	return protovalidate.Validate(m, options...)
}

// inOrder reports whether r keeps every rule of the contract. A test holds it
// against protovalidate, and fails if there is a field or a rule that inOrder
// has not been taught.
func inOrder(r *judgedv1.JudgeRequest) bool {
	signals := r.GetSignals()
	if len(signals) == 0 || len(signals) > 10_000 {
		return false
	}
	names := make(map[string]struct{}, len(signals))
	for _, s := range signals {
		names[s.GetName()] = struct{}{}
		if !signalInOrder(s) {
			return false
		}
	}
	if len(names) < len(signals) {
		return false
	}
	if d := r.GetDecision(); d != nil {
		if d.Alpha != nil && !within(d.GetAlpha(), 0.000001, 0.5) ||
			!short(d.GetFail(), 4096) || !short(d.GetInconclusive(), 4096) || !short(d.GetPass(), 4096) {
			return false
		}
	}
	if d := r.GetInterval(); d != nil && (d.AsDuration() < 0 || d.AsDuration() > 24*time.Hour) {
		return false
	}
	if l := r.GetLooks(); l != nil {
		if n, every := l.GetPlannedIntervals(), l.GetEvery(); n < 1 || n > 1_000_000 || every < 1 || every > 1_000_000 {
			return false
		}
	}
	return defined(judgedv1.Assignment_name, r.GetAssignment())
}

func signalInOrder(s *judgedv1.SignalSamples) bool {
	baseline, canary := s.GetBaseline() != nil, s.GetCanary() != nil
	pods := len(s.GetBaselinePods()) > 0
	switch {
	case s.GetName() == "", !printable(s.GetName()),
		!defined(judgedv1.Kind_name, s.GetKind()), !defined(judgedv1.Direction_name, s.GetDirection()),
		!within(s.GetWeight(), 0, 1_000_000), !marginInOrder(s.GetMargin()), !marginInOrder(s.GetTolerance()),
		!short(s.GetUnit(), 32), !short(s.GetJudge(), 63),
		s.GetSlo() != nil && !(s.GetSlo().GetValue() > 0 && finite(s.GetSlo().GetValue())),
		s.GetShare() != nil && !(s.GetShare().GetValue() > 0 && s.GetShare().GetValue() < 1),
		!pods && !(canary && (baseline || s.GetJudge() == anomalyJudge)),
		pods != (len(s.GetCanaryPods()) > 0),
		pods && baseline != canary:
		return false
	}
	return samplesInOrder(s.GetBaseline()) && samplesInOrder(s.GetCanary()) &&
		samplesInOrder(s.GetBaselineHistory()) && samplesInOrder(s.GetCanaryHistory()) &&
		podsInOrder(s.GetBaselinePods()) && podsInOrder(s.GetCanaryPods())
}

func marginInOrder(m *judgedv1.Margin) bool {
	return m == nil || (m.Relative == nil || within(m.GetRelative(), 0, 10)) &&
		(m.Absolute == nil || m.GetAbsolute() >= 0 && finite(m.GetAbsolute()))
}

func podsInOrder(pods []*judgedv1.PodSamples) bool {
	if len(pods) > 1000 {
		return false
	}
	for _, p := range pods {
		if !printable(p.GetName()) || p.GetSamples() == nil || !samplesInOrder(p.GetSamples()) || !samplesInOrder(p.GetHistory()) {
			return false
		}
	}
	return true
}

func samplesInOrder(s *judgedv1.Samples) bool {
	if len(s.GetValues()) > 1_000_000 || len(s.GetTotals()) > 1_000_000 || len(s.GetHistograms()) > 100_000 {
		return false
	}
	for _, h := range s.GetHistograms() {
		if len(h.GetBounds()) > 65_537 || len(h.GetCounts()) > 65_536 {
			return false
		}
	}
	return true
}

// printable reports whether a name is no longer than 253 characters and has no
// ASCII control character in it.
func printable(name string) bool {
	for i := range len(name) {
		if name[i] < 0x20 || name[i] == 0x7f {
			return false
		}
	}
	return short(name, 253)
}

// short reports whether text has at most so many characters.
func short(text string, most int) bool {
	return len(text) <= most || utf8.RuneCountInString(text) <= most
}

// within reports whether v lies in [low, high]; NaN does not.
func within(v, low, high float64) bool { return v >= low && v <= high }

func finite(v float64) bool { return v-v == 0 }

func defined[E ~int32](names map[int32]string, value E) bool {
	_, ok := names[int32(value)]
	return ok
}
