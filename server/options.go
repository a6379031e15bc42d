package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/quota"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/policy"
)

// Options says what a Server serves. Only Sources is required.
type Options struct {
	// Store keeps analyses, configs and what is to be done; the server does not
	// close it. Nil keeps them in memory, until the server is closed.
	Store *store.Store
	// Replica names this process in the looks it takes.
	Replica string
	// Authenticator finds out who is calling; nil asks nobody.
	Authenticator *auth.Authenticator
	// Authorization says who may do what; nil lets everybody do everything.
	Authorization *policy.Authorization
	// Quota keeps each caller within bounds; nil has none.
	Quota *quota.Keeper
	// Constraints are what configs must keep; nil for none.
	Constraints *policy.Constraints
	// Calendars are the named days that deployment windows can ask for.
	Calendars map[string]policy.Calendar
	// Notifications say who hears of what.
	Notifications Notifications
	// TLS serves HTTPS; nil serves HTTP.
	TLS *tls.Config
	// Tracer gets spans of calls, looks and queries; nil makes none.
	Tracer trace.TracerProvider
	// Retention says when what has ended is forgotten.
	Retention Retention
	// Kayenta fits Kayenta's interface to its clients.
	Kayenta Kayenta
	// Receive takes what OpenTelemetry pushes; nil does not.
	Receive *Receive

	// Sources are the backends that configs can name. Callers choose among
	// them and can reach no other. The server does not close them.
	Sources *analysis.Sources
	// Version is judged's own, for judgments and metrics.
	Version string
	// Logger gets one line a request and every failure; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Grace is how long a stopping server lets requests and looks finish. Default
	// 20s.
	Grace time.Duration
	// Limits bound what callers can make the server do.
	Limits Limits

	// Tests wait for less.
	backoff   func(attempt int) (time.Duration, bool) // of deliveries
	keepAlive time.Duration
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
	// Looks is how many looks this process takes at the same time. Default 256:
	// they mostly wait for their sources. Those of one combination of sources get
	// at most a quarter.
	Looks int
	// LiveAnalyses bounds a tenant's analyses that have not ended; more are
	// refused with resource_exhausted. Default 20000.
	LiveAnalyses int
	// AnalysisTimeout bounds one look. Default 10m: a source may take four
	// tries of 30 s for each of its queries.
	AnalysisTimeout time.Duration
	// Configs is how many configs a tenant may have. Default 10000.
	Configs int
	// Revisions is how many revisions of a config are kept. Default 1000.
	Revisions int
}

// Kayenta fits Kayenta's interface to its clients. A zero field has its default.
type Kayenta struct {
	// StorageAccounts are the names by which clients mean this server's store.
	// Default judged.
	StorageAccounts []string
	// PrometheusScopeLabel is the label of instances for queries by resource type.
	// Default instance.
	PrometheusScopeLabel string
}

// Retention says when what has ended is forgotten. A zero field has its default,
// a negative one keeps for ever.
type Retention struct {
	// Analyses with their looks and recordings, after their end. Default 30 days.
	Analyses time.Duration
	// Audit events. Default 400 days.
	Audit time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Sources == nil {
		return o, errors.New("server: no sources: give analysis.NewSources() if callers bring all samples along")
	}
	l := &o.Limits
	for name, v := range map[string]int64{
		"Grace": int64(o.Grace), "RequestBytes": int64(l.RequestBytes), "Requests": int64(l.Requests), "Watches": int64(l.Watches),
		"RequestTimeout": int64(l.RequestTimeout), "Looks": int64(l.Looks), "LiveAnalyses": int64(l.LiveAnalyses),
		"AnalysisTimeout": int64(l.AnalysisTimeout), "Revisions": int64(l.Revisions), "Configs": int64(l.Configs),
		"BodyBytes": l.BodyBytes,
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
	l.Looks = cmp.Or(l.Looks, 256)
	l.LiveAnalyses = cmp.Or(l.LiveAnalyses, 20000)
	l.AnalysisTimeout = cmp.Or(l.AnalysisTimeout, 10*time.Minute)
	l.Configs = cmp.Or(l.Configs, 10000)
	l.Revisions = cmp.Or(l.Revisions, 1000)
	const day = 24 * time.Hour
	o.Retention.Analyses = cmp.Or(o.Retention.Analyses, 30*day)
	o.Retention.Audit = cmp.Or(o.Retention.Audit, 400*day)
	if o.backoff == nil {
		o.backoff = deliveryBackoff
	}
	o.keepAlive = cmp.Or(o.keepAlive, keepAlive)
	o.Replica = cmp.Or(o.Replica, "judged")
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider()
	}
	return o, nil
}
