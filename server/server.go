package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/validate"
	"connectrpc.com/vanguard"

	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// Server answers judged's services. Make one with New.
type Server struct {
	options Options
	handler http.Handler
	health  *health
	runner  *runner
}

// New returns a server. It runs nothing until it is asked.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	analyses := newAnalysisMemory(o.Limits, o.Now)
	telemetry, err := newTelemetry(o.Version, analyses.live)
	if err != nil {
		return nil, fmt.Errorf("server: set up metrics: %w", err)
	}
	configs := newConfigMemory(o.Limits, o.Now)
	s := &Server{
		options: o,
		health: newHealth(judgedv1connect.JudgeServiceName, judgedv1connect.AnalysisServiceName,
			judgedv1connect.ConfigServiceName),
		runner: newRunner(o, analyses, telemetry),
	}
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
		connect.WithInterceptors(validate.NewInterceptor(validate.WithoutErrorDetails())), // asRPC adds them, bounded
	)
	mux := http.NewServeMux()
	var services []*vanguard.Service
	for _, mount := range []func() (string, http.Handler){
		func() (string, http.Handler) {
			return judgedv1connect.NewJudgeServiceHandler(&judgeService{version: o.Version, telemetry: telemetry}, rpc)
		},
		func() (string, http.Handler) {
			return judgedv1connect.NewAnalysisServiceHandler(&analysisService{
				memory: analyses, configs: configs, runner: s.runner, sources: o.Sources, now: o.Now,
			}, rpc)
		},
		func() (string, http.Handler) {
			return judgedv1connect.NewConfigServiceHandler(&configService{memory: configs, sources: o.Sources, now: o.Now}, rpc)
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

	refusal := refusal{rpc: connect.NewErrorWriter(rpc)}
	outer := http.NewServeMux()
	outer.Handle("/", newGate(sameOrigin(mux, refusal), refusal, o.Limits, telemetry.refuse))
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

// Serve answers on l, HTTP/1.1 and HTTP/2 without TLS, until ctx ends. Then
// it says so to health checks, takes no new connections, ends what has not
// begun, and gives calls and running analyses Options.Grace to finish. It
// returns nil after a stop that cut nobody off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := s.web()
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	select {
	case err := <-failed:
		s.Close()
		return fmt.Errorf("serve on %v: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	defer s.Close()
	return s.stop(context.WithoutCancel(ctx), web)
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
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelWarn),
	}
}

func (s *Server) stop(ctx context.Context, web *http.Server) error {
	s.health.stop()
	s.runner.refuse()
	grace, cancel := context.WithTimeout(ctx, s.options.Grace)
	defer cancel()
	if web.Shutdown(grace) == nil {
		return nil
	}
	// Whoever is still watching hears how the analysis ended.
	s.Close()
	last, cancelLast := context.WithTimeout(ctx, time.Second)
	defer cancelLast()
	if web.Shutdown(last) == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("stop: some calls took longer than %v and were cut off", s.options.Grace), web.Close())
}

// Close ends all analyses that still run and waits for them. The server
// refuses new ones from then on.
func (s *Server) Close() {
	s.health.stop()
	s.runner.close()
}
