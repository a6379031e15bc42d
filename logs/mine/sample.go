package mine

import (
	"strings"
	"time"

	"github.com/judged-dev/judged/logs"
)

// Sample is one line to read.
type Sample struct {
	Time     time.Time
	Instance string
	// Trace is the request's id, "" if the line has none.
	Trace string
	// Text is the message, cut at 2 KB.
	Text string
}

const (
	samplesEach = 3
	maxSample   = 2 << 10
)

// wants reports whether one more line of this skeleton should be kept: the
// first, and others of other requests.
func (s *Skeleton) wants(r *logs.Record) bool {
	kept := s.detail.samples
	if len(kept) >= samplesEach {
		return false
	}
	for i := range kept {
		if len(r.Trace) > 0 && kept[i].Trace == string(r.Trace) {
			return false
		}
	}
	return true
}

func newSample(r *logs.Record) Sample {
	return Sample{
		Time: when(r.Time), Instance: name(r.Instance), Trace: name(r.Trace),
		Text: strings.ToValidUTF8(string(cut(r.Message, maxSample)), "�"),
	}
}

// when leaves out a time that cannot be.
func when(t time.Time) time.Time {
	if unixNano(t) == 0 {
		return time.Time{}
	}
	return t
}

func (s *Sample) size() int64 { return int64(len(s.Text)+len(s.Instance)+len(s.Trace)) + 96 }

func name(b []byte) string { return strings.ToValidUTF8(string(cut(b, maxName)), "�") }

func cut(b []byte, most int) []byte { return b[:min(len(b), most)] }
