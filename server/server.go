package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/validate"
	"connectrpc.com/vanguard"

	"github.com/judged-dev/judged/internal/fetch"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// Server answers judged's services. Make one with New.
type Server struct {
	options Options
	handler http.Handler
	health  *health
	store   *store.Store
	owns    bool // the store
	hub     *hub
	work    []*schedule.Worker
	// receiver takes what is pushed, nil without Options.Receive.
	receiver *receiver

	mu      sync.Mutex
	stop    context.CancelFunc // of the work, nil before Start
	working sync.WaitGroup
}

// New returns a server. It answers calls, and takes looks from Start on.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, store: o.Store}
	if s.store == nil {
		if s.store, err = store.Open(context.Background(), store.Options{URL: "memory:", Replica: o.Replica}); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		s.owns = true
	}
	telemetry, err := newTelemetry(o, s.store)
	if err != nil {
		return nil, fmt.Errorf("server: set up metrics: %w", err)
	}
	// What several analyses ask at the same time is asked once.
	o.Sources = o.Sources.Through(func(name string, source metrics.Source) metrics.Source {
		return fetch.Share(source, fetch.Options{Name: name, Observe: func(took time.Duration, err error) { telemetry.answered(name, took, err) }})
	})
	s.hub = newHub(s.store, o.Logger)
	s.health = newHealth(s.store.Check, judgedv1connect.JudgeServiceName, judgedv1connect.AnalysisServiceName,
		judgedv1connect.ConfigServiceName, judgedv1connect.FeedbackServiceName, judgedv1connect.AdminServiceName)
	g := &guard{
		authenticator: o.Authenticator, authorization: o.Authorization, quota: o.Quota, store: s.store, now: o.Now, log: o.Logger, refused: telemetry.refuse,
	}
	h := &herald{Notifications: o.Notifications, store: s.store, now: o.Now, log: o.Logger, sent: telemetry.delivered}
	said := &pins{store: s.store, now: o.Now}
	again := &rescorer{store: s.store, pins: said, calendars: o.Calendars, version: o.Version, now: o.Now}
	l := &looker{
		store: s.store, pins: said, rescorer: again, sources: o.Sources, calendars: o.Calendars, herald: h, hub: s.hub, telemetry: telemetry, version: o.Version, replica: o.Replica,
		timeout: o.Limits.AnalysisTimeout, now: o.Now, log: o.Logger, mining: make(chan struct{}, maxMining),
	}
	looks := schedule.New(schedule.Options{Kind: lookKind, Queue: s.store, Do: l.take, Limit: o.Limits.Looks, Now: o.Now, Log: o.Logger})
	h.worker = schedule.New(schedule.Options{
		Kind: notifyKind, Queue: s.store, Do: h.deliver, Limit: 32, LaneLimit: 8, Backoff: o.backoff, Now: o.Now, Log: o.Logger,
	})
	k := &keeper{store: s.store, retention: o.Retention, now: o.Now, log: o.Logger}
	s.work = []*schedule.Worker{looks, h.worker, schedule.New(schedule.Options{Kind: keepKind, Queue: s.store, Do: k.keep, Limit: 1, Poll: 5 * time.Second, Now: o.Now, Log: o.Logger})}
	rpc := connect.WithHandlerOptions(
		codecs(),
		connect.WithConditionalHandlerOptions(func(spec connect.Spec) []connect.HandlerOption {
			limit := o.Limits.RequestBytes
			if spec.Procedure != judgedv1connect.JudgeServiceJudgeProcedure {
				limit = min(limit, 2*maxConfig) // no other call has more to say
			}
			return []connect.HandlerOption{connect.WithReadMaxBytes(limit)}
		}),
		connect.WithCompression(vanguard.CompressionGzip, newBoundedGzip(o.Limits.RequestBytes), newGzip),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithInterceptors(telemetry.rpc, edge{}),
		connect.WithRecover(func(ctx context.Context, spec connect.Spec, _ http.Header, p any) error {
			logPanic(ctx, o.Logger, spec.Procedure, p)
			return internal(outcomeOf(ctx).id)
		}),
		connect.WithInterceptors(validate.NewInterceptor(validate.WithoutErrorDetails(), validate.WithValidator(validator{}))), // asRPC adds them, bounded
	)
	configs := &configService{
		store: s.store, guard: g, herald: h, sources: o.Sources, constraints: o.Constraints, calendars: o.Calendars, bounds: store.Bounds{Configs: o.Limits.Configs, Revisions: o.Limits.Revisions}, now: o.Now,
	}
	spinnaker := kayentaService(s.store, configs, g, o)
	s.work = append(s.work, spinnaker.Worker())
	telemetry.working(s.work)
	analyses := &analysisService{
		store: s.store, configs: configs, guard: g, sources: o.Sources, hub: s.hub, herald: h, looks: looks, version: o.Version,
		live: o.Limits.LiveAnalyses, link: o.link, now: o.Now,
	}
	mux := http.NewServeMux()
	var services []*vanguard.Service
	for _, mount := range []func() (string, http.Handler){
		func() (string, http.Handler) {
			return judgedv1connect.NewJudgeServiceHandler(&judgeService{version: o.Version, telemetry: telemetry, guard: g}, rpc)
		},
		func() (string, http.Handler) {
			return judgedv1connect.NewAnalysisServiceHandler(analyses, rpc)
		},
		func() (string, http.Handler) { return judgedv1connect.NewConfigServiceHandler(configs, rpc) },
		func() (string, http.Handler) {
			return judgedv1connect.NewFeedbackServiceHandler(&feedbackService{pins: said, rescorer: again, guard: g, now: o.Now}, rpc)
		},
		func() (string, http.Handler) {
			return judgedv1connect.NewAdminServiceHandler(&adminService{store: s.store, guard: g, worker: h.worker}, rpc)
		},
	} {
		path, handler := mount()
		mux.Handle(path, handler) // not through the transcoder: it has nothing to do there
		services = append(services, vanguard.NewService(path, handler))
	}
	rest, err := newREST(o.Limits.RequestBytes, services...)
	if err != nil {
		return nil, fmt.Errorf("server: set up REST: %w", err)
	}
	mux.Handle(restPrefix, rest)
	reflector := grpcreflect.NewStaticReflector(s.health.services...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector, connect.WithReadMaxBytes(64<<10)))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, connect.WithReadMaxBytes(64<<10)))
	mux.HandleFunc("/", unknownPath)

	refusal := refusal{rpc: connect.NewErrorWriter(rpc), dialects: deployers(mux, analyses, spinnaker, g, o)}
	g.refusal = refusal
	mux.Handle(eventsPath, analyses.events(refusal, o.keepAlive))
	mux.Handle(reportPath, analyses.report(refusal))
	if o.Receive != nil {
		if s.receiver, err = receive(mux, g, refusal, telemetry, o); err != nil {
			return nil, fmt.Errorf("server: set up the receiving of logs: %w", err)
		}
	}
	outer := http.NewServeMux()
	outer.Handle("/", g.wrap(newGate(sameOrigin(mux, refusal), refusal, o.Limits, telemetry.refuse)))
	s.health.mount(outer, connect.WithReadMaxBytes(4<<10))
	outer.Handle("GET /metrics", telemetry.page)
	s.handler = &accessLog{next: outer, log: o.Logger, stall: o.Limits.RequestTimeout}
	return s, nil
}

// compressFrom is the size from which answers are compressed for callers that
// accept it. Below it gzip, at its fastest, takes longer than the bytes it
// saves take on a network of 1 Gbit/s (compare BenchmarkCompression).
const compressFrom = 64 << 10

// sameOrigin refuses what another site's page makes a browser send: the
// server may be reachable from where the browser is, but not by that site.
func sameOrigin(next http.Handler, r refusal) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.write(w, request, &failure{
			code: connect.CodePermissionDenied, reason: "CROSS_ORIGIN",
			text: "a browser sent this call for a page of another site: put both behind one address",
		})
	}))
	return protection.Handler(next)
}

// Handler returns the handler of all paths. HTTP/2 without TLS, which gRPC
// needs, is up to whoever serves it (http.Protocols.SetUnencryptedHTTP2).
// Call Close in the end.
func (s *Server) Handler() http.Handler { return s.handler }

// Start begins to take looks and to deliver notifications, until Close. What
// was due while no server ran is done first.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.working.Go(func() { s.hub.run(ctx) })
	s.working.Go(func() { planKeeping(ctx, s.store, s.options.Now(), s.options.Logger) })
	for _, w := range s.work {
		s.working.Go(func() { w.Run(ctx, s.options.Grace/2) })
	}
}

// Serve starts, and answers on l, HTTP/1.1 and HTTP/2, with TLS or without,
// until ctx ends. Then it says so to health checks, takes no new connections,
// ends what has not begun, and gives calls and looks Options.Grace to finish. It
// returns nil after a stop that cut nobody off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.Start()
	web := s.web()
	failed := make(chan error, 1)
	go func() {
		if s.options.TLS != nil {
			failed <- web.ServeTLS(l, "", "")
		} else {
			failed <- web.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve on %v: %w", l.Addr(), err), s.Close())
	case <-ctx.Done():
	}
	return errors.Join(s.shut(context.WithoutCancel(ctx), web), s.Close())
}

func (s *Server) web() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           s.handler,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		TLSConfig:         s.options.TLS,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelWarn),
	}
}

func (s *Server) shut(ctx context.Context, web *http.Server) error {
	s.health.stop()
	s.hub.stop() // whoever watches is told to go on elsewhere
	grace, cancel := context.WithTimeout(ctx, s.options.Grace)
	defer cancel()
	if web.Shutdown(grace) == nil {
		return nil
	}
	// Idle connections of HTTP/2 take a second to say good-bye.
	last, cancelLast := context.WithTimeout(ctx, 2*time.Second)
	defer cancelLast()
	if web.Shutdown(last) == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("stop: some calls took longer than %v and were cut off", s.options.Grace), web.Close())
}

// Close ends the work: looks that are being taken have half of Options.Grace to
// end, the others are left to another replica, or the next start.
func (s *Server) Close() error {
	s.health.stop()
	s.hub.stop()
	s.mu.Lock()
	stop := s.stop
	s.stop = func() {}
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	s.working.Wait()
	var errs []error
	if s.receiver != nil {
		errs = append(errs, s.receiver.Close())
	}
	if s.owns {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
