package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/judged-dev/judged/analysis"
)

// Options says what a Server serves. Only Sources is required.
type Options struct {
	// Sources are the backends that configs can name. Callers choose among
	// them and can reach no other. The server does not close them.
	Sources *analysis.Sources
	// Version is judged's own, for judgments and metrics.
	Version string
	// Logger gets one line a request and every failure; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Grace is how long a stopping server lets requests and running analyses
	// finish. Default 20s.
	Grace time.Duration
	// Limits bound what callers can make the server do.
	Limits Limits
}

// Limits bound what callers can make the server do. A zero field has its
// default.
type Limits struct {
	// RequestBytes bounds one request, after decompression. Default 64 MiB:
	// 8 million sample values.
	RequestBytes int
	// Requests bounds the calls that are answered at the same time, watches
	// apart; more are refused with resource_exhausted. Default 128.
	Requests int
	// BodyBytes bounds the bodies of all calls together, as they are sent.
	// Default 256 MiB. Decoded they take up to eight times as much: a JSON
	// array of one-digit numbers.
	BodyBytes int64
	// Watches bounds the open WatchAnalysis streams. Default 1000.
	Watches int
	// RequestTimeout bounds a call, watches apart, if the caller asks for
	// nothing shorter. Default 60s.
	RequestTimeout time.Duration
	// Workers is how many analyses run at the same time. Default 16: they
	// mostly wait for their sources.
	Workers int
	// LiveAnalyses bounds the analyses that have not ended; more are refused
	// with resource_exhausted. Default 1000.
	LiveAnalyses int
	// AnalysisTimeout bounds one look. Default 10m: a source may take four
	// tries of 30 s for each of its queries.
	AnalysisTimeout time.Duration
	// EndedAnalyses is how many ended analyses are kept; the oldest are
	// forgotten first. Default 1000.
	EndedAnalyses int
	// Revisions is how many revisions of a config are kept. Default 1000.
	Revisions int
	// StoredBytes bounds the memory of all analyses, and that of all configs.
	// Default 256 MiB each.
	StoredBytes int64
}

func (o Options) withDefaults() (Options, error) {
	if o.Sources == nil {
		return o, errors.New("server: no sources: give analysis.NewSources() if callers bring all samples along")
	}
	l := &o.Limits
	for name, v := range map[string]int64{
		"Grace": int64(o.Grace), "RequestBytes": int64(l.RequestBytes), "Requests": int64(l.Requests), "Watches": int64(l.Watches),
		"RequestTimeout": int64(l.RequestTimeout), "Workers": int64(l.Workers), "LiveAnalyses": int64(l.LiveAnalyses),
		"AnalysisTimeout": int64(l.AnalysisTimeout), "EndedAnalyses": int64(l.EndedAnalyses), "Revisions": int64(l.Revisions),
		"StoredBytes": l.StoredBytes, "BodyBytes": l.BodyBytes,
	} {
		if v < 0 {
			return o, fmt.Errorf("server: the limit %s is negative (%d)", name, v)
		}
	}
	// The transcoder counts in 32 bits.
	if int64(l.RequestBytes) > 2<<30 {
		return o, fmt.Errorf("server: RequestBytes is %d, the largest possible is 2 GiB", l.RequestBytes)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Grace = cmp.Or(o.Grace, 20*time.Second)
	l.RequestBytes = cmp.Or(l.RequestBytes, 64<<20)
	l.Requests = cmp.Or(l.Requests, 128)
	l.BodyBytes = cmp.Or(l.BodyBytes, 256<<20)
	l.Watches = cmp.Or(l.Watches, 1000)
	l.RequestTimeout = cmp.Or(l.RequestTimeout, time.Minute)
	l.Workers = cmp.Or(l.Workers, 16)
	l.LiveAnalyses = cmp.Or(l.LiveAnalyses, 1000)
	l.AnalysisTimeout = cmp.Or(l.AnalysisTimeout, 10*time.Minute)
	l.EndedAnalyses = cmp.Or(l.EndedAnalyses, 1000)
	l.Revisions = cmp.Or(l.Revisions, 1000)
	l.StoredBytes = cmp.Or(l.StoredBytes, 256<<20)
	return o, nil
}
