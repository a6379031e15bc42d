package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/internal/spool"
	"github.com/judged-dev/judged/logs/providers/otlp"
)

// Receive turns on the receiving of OTLP logs and says what is kept of them. A
// zero limit has its default.
type Receive struct {
	// Directory is where they are kept, in a folder "logs". Replicas may share it.
	Directory string
	// MaxBytes is what is kept of a tenant, compressed. Default 1 GiB.
	MaxBytes int64
	// MaxAge is how long. Default 6h.
	MaxAge time.Duration
}

// The names of the OTLP specification for what receives logs.
// https://opentelemetry.io/docs/specs/otlp/
const (
	otlpLogsPath = "/v1/logs"
	otlpLogsRPC  = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

	otlpProtobuf = "application/x-protobuf"
	otlpJSON     = "application/json"

	// maxPush bounds a request, as it is sent and decompressed: it is that of the
	// collector's own receiver over HTTP.
	maxPush = 20 << 20
)

// receiver takes OTLP logs.
type receiver struct {
	spool   *spool.Spool
	guard   *guard
	refusal refusal
	log     *slog.Logger
	limit   int
	maxAge  time.Duration
	now     func() time.Time

	records metric.Int64Counter
	bytes   metric.Int64Counter
}

// receive opens the spool and mounts what receives logs. Close the receiver in the
// end.
func receive(mux *http.ServeMux, g *guard, refuse refusal, t *telemetry, o Options) (*receiver, error) {
	if o.Receive.Directory == "" {
		return nil, errors.New("what is received has no directory to be kept in")
	}
	r := &receiver{guard: g, refusal: refuse, log: o.Logger, limit: min(maxPush, o.Limits.RequestBytes), maxAge: o.Receive.MaxAge, now: o.Now}
	if r.maxAge == 0 {
		r.maxAge = 6 * time.Hour
	}
	var err error
	r.spool, err = spool.Open(spool.Options{
		Dir: otlp.Directory(o.Receive.Directory), Replica: o.Replica, MaxBytes: o.Receive.MaxBytes, MaxAge: r.maxAge, Now: o.Now, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	if err := r.measure(t.meter); err != nil {
		return nil, errors.Join(err, r.spool.Close())
	}
	mux.HandleFunc(otlpLogsPath, r.serveHTTP)
	mux.Handle(otlpLogsRPC, connect.NewUnaryHandler(otlpLogsRPC, r.serveRPC,
		connect.WithCodec(pushCodec{}),
		connect.WithReadMaxBytes(r.limit),
		connect.WithCompression("gzip", newBoundedGzip(r.limit), newGzip),
		connect.WithCompression("zstd", func() connect.Decompressor { return &boundedZstd{limit: int64(r.limit)} }, newZstd),
		connect.WithInterceptors(t.rpc, edge{}),
		connect.WithRecover(func(ctx context.Context, spec connect.Spec, _ http.Header, p any) error {
			logPanic(ctx, o.Logger, spec.Procedure, p)
			return internal(outcomeOf(ctx).id)
		}),
	))
	return r, nil
}

// Close ends the receiving: what was taken is kept.
func (r *receiver) Close() error { return r.spool.Close() }

// measure counts what is pushed and what becomes of it.
func (r *receiver) measure(meter metric.Meter) error {
	var problems []error
	counter := func(name, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithDescription(description))
		problems = append(problems, err)
		return c
	}
	r.records = counter("judged.pushed.records", "Records that senders pushed, by signal: kept, and refused for what they are.")
	r.bytes = counter("judged.pushed.bytes", "Bytes that senders pushed and that were kept, by signal, decompressed.")
	gauge := func(name, description string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(description))
		problems = append(problems, err)
		return g
	}
	total := func(name, description string) metric.Int64ObservableCounter {
		c, err := meter.Int64ObservableCounter(name, metric.WithDescription(description))
		problems = append(problems, err)
		return c
	}
	size := gauge("judged.spool.bytes", "Bytes on disk of what was pushed, compressed, of all tenants.")
	segments := gauge("judged.spool.segments", "Files of what was pushed.")
	waiting := gauge("judged.spool.waiting.bytes", "Bytes that were pushed and wait to be written.")
	deleted := total("judged.spool.segments.deleted", "Files that were deleted: old, or because their tenant had too much.")
	torn := total("judged.spool.torn", "Files whose end was not whole, found at the start.")
	failures := total("judged.spool.failures", "Writes that the disk refused.")
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s, signal := r.spool.Stats(), attribute.String("signal", "logs")
		about := metric.WithAttributes(signal)
		o.ObserveInt64(size, s.Bytes, about)
		o.ObserveInt64(segments, s.Segments, about)
		o.ObserveInt64(waiting, s.Waiting, about)
		o.ObserveInt64(deleted, s.Deleted-s.Crowded, metric.WithAttributes(signal, attribute.String("reason", "age")))
		o.ObserveInt64(deleted, s.Crowded, metric.WithAttributes(signal, attribute.String("reason", "bytes")))
		o.ObserveInt64(torn, s.Torn, about)
		o.ObserveInt64(failures, s.Failures, about)
		return nil
	}, size, segments, waiting, deleted, torn, failures)
	return errors.Join(append(problems, err)...)
}

// take keeps the logs of a request.
func (r *receiver) take(ctx context.Context, request []byte) (*collogs.ExportLogsServiceResponse, error) {
	pushed, err := otlp.Split(request, otlp.Bounds{Now: r.now(), MaxAge: r.maxAge})
	if err != nil {
		return nil, invalid("OTLP", "the request cannot be read: %v", err)
	}
	if err := r.spool.Append(ctx, tenantOf(ctx), pushed.Entries); err != nil {
		return nil, r.refused(ctx, err)
	}
	count := func(n int, outcome string) {
		r.records.Add(ctx, int64(n), metric.WithAttributes(attribute.String("signal", "logs"), attribute.String("outcome", outcome)))
	}
	count(pushed.Records, "kept")
	count(pushed.Refused, "refused")
	r.bytes.Add(ctx, int64(len(request)), metric.WithAttributes(attribute.String("signal", "logs")))
	response := &collogs.ExportLogsServiceResponse{}
	if pushed.Refused > 0 {
		response.PartialSuccess = &collogs.ExportLogsPartialSuccess{RejectedLogRecords: int64(pushed.Refused), ErrorMessage: pushed.Why}
	}
	return response, nil
}

// refused says what became of a request that could not be kept. All but the
// first may be sent again.
func (r *receiver) refused(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, spool.ErrBusy):
		r.guard.refused("spool")
		return exhausted("SPOOL_BUSY", time.Second, "this server receives more than it can write: send it again in a second")
	case errors.Is(err, spool.ErrClosed):
		return stopping()
	default:
		// Which file, and what the disk said, is for the operator: the log has it.
		outcomeOf(ctx).err = err
		return &failure{code: connect.CodeUnavailable, reason: "SPOOL_UNAVAILABLE", text: "this server could not write what it received: send it again; its log has the details", retry: 10 * time.Second}
	}
}

// pushed is a request as it was sent.
type pushed struct{ body []byte }

// pushCodec hands requests on as they are: they are taken apart by a reader that
// is bounded.
type pushCodec struct{ protoCodec }

func (c pushCodec) Unmarshal(data []byte, message any) error {
	if p, ok := message.(*pushed); ok {
		p.body = bytes.Clone(data)
		return nil
	}
	return c.protoCodec.Unmarshal(data, message)
}

// serveRPC takes logs by OTLP/gRPC.
func (r *receiver) serveRPC(ctx context.Context, request *connect.Request[pushed]) (*connect.Response[collogs.ExportLogsServiceResponse], error) {
	if err := r.guard.allow(ctx, access{action: "logs.push"}); err != nil {
		return nil, err
	}
	response, err := r.take(ctx, request.Msg.body)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(response), nil
}

// serveHTTP takes logs by OTLP/HTTP.
func (r *receiver) serveHTTP(w http.ResponseWriter, request *http.Request) {
	ctx, o := request.Context(), outcomeOf(request.Context())
	o.procedure, o.protocol = otlpLogsRPC[1:], "otlp"
	response, status, err := r.exchange(w, request)
	if err != nil {
		if isOurs(err) && o.err == nil {
			o.err = err
		}
		if status != 0 { // one that codes of RPC do not have
			e := asRPC(err)
			o.code = e.Code().String()
			writeOTLPStatus(w, request, status, e)
			return
		}
		r.refusal.write(w, request, err)
		return
	}
	o.code = "ok"
	marshal := proto.Marshal
	if otlpType(request) == otlpJSON {
		marshal = protojson.Marshal
	}
	text, err := marshal(response)
	if err != nil {
		r.log.ErrorContext(ctx, "an answer could not be written", slog.Any("error", err))
	}
	w.Header().Set("Content-Type", otlpType(request))
	_, _ = w.Write(text) // the sender is gone if this fails
}

// exchange answers a request by OTLP/HTTP. A status is given with an error that
// has one of its own.
func (r *receiver) exchange(w http.ResponseWriter, request *http.Request) (response *collogs.ExportLogsServiceResponse, status int, err error) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed, invalid("OTLP_METHOD", "logs are pushed with POST, not with %s", request.Method)
	}
	kind, _, _ := mime.ParseMediaType(request.Header.Get("Content-Type"))
	if kind != otlpProtobuf && kind != otlpJSON {
		return nil, http.StatusUnsupportedMediaType, invalid("OTLP_CONTENT_TYPE", "logs are pushed as %s or %s, not as %q", otlpProtobuf, otlpJSON, kind)
	}
	if err := r.guard.allow(request.Context(), access{action: "logs.push"}); err != nil {
		return nil, 0, err
	}
	body, status, err := r.body(w, request)
	if err != nil {
		return nil, status, err
	}
	if kind == otlpJSON {
		if body, err = otlp.FromJSON(body); err != nil {
			return nil, 0, invalid("OTLP", "the request cannot be read: %v", err)
		}
	}
	response, err = r.take(request.Context(), body)
	return response, 0, err
}

// body reads and decompresses a body.
func (r *receiver) body(w http.ResponseWriter, request *http.Request) (body []byte, status int, err error) {
	limit := int64(r.limit)
	var in io.Reader = http.MaxBytesReader(w, request.Body, limit)
	var decompressor connect.Decompressor
	switch encoding := request.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		decompressor = newBoundedGzip(r.limit)()
	case "zstd":
		decompressor = &boundedZstd{limit: limit}
	default:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		return nil, http.StatusUnsupportedMediaType, invalid("OTLP_ENCODING", "logs are pushed plain, or compressed with gzip or zstd, not with %q", encoding)
	}
	if decompressor != nil {
		if err = decompressor.Reset(in); err == nil {
			defer func() { _ = decompressor.Close() }() // nothing is left to read
		}
		in = decompressor
	}
	if err == nil {
		body, err = io.ReadAll(in)
	}
	if err == nil {
		return body, 0, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, http.StatusRequestEntityTooLarge, tooLarge(limit)
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		if e.Meta().Get("Retry-After") == "" {
			return nil, http.StatusRequestEntityTooLarge, e
		}
		return nil, 0, e // all bodies together are too much
	}
	if cause := context.Cause(request.Context()); cause != nil {
		return nil, 0, cause
	}
	return nil, 0, invalid("OTLP_BODY", "the body cannot be read: %v", err)
}

// isOTLP reports whether a call is by OTLP/HTTP, which wants errors in its own
// form.
func isOTLP(r *http.Request) bool { return r.URL.Path == otlpLogsPath }

// otlpType returns the type of an answer: that of the request.
func otlpType(r *http.Request) string {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == otlpJSON {
		return otlpJSON
	}
	return otlpProtobuf
}

// writeOTLPStatus writes e as a google.rpc.Status in the type of the request.
func writeOTLPStatus(w http.ResponseWriter, r *http.Request, code int, e *connect.Error) {
	s := statusProto(e)
	if otlpType(r) == otlpJSON {
		writeJSON(w, code, s)
		return
	}
	text, err := proto.Marshal(s)
	if err != nil {
		text = nil // the code says it, too
	}
	w.Header().Set("Content-Type", otlpProtobuf)
	w.WriteHeader(code)
	_, _ = w.Write(text) //nolint:gosec // protobuf, by its type; the sender is gone if this fails
}

// maxWindow is the largest window that senders' compressors use by themselves:
// zstd's specification asks decoders for 8 MiB at least (RFC 8878, section
// 3.1.1.1.2).
const maxWindow = 8 << 20

// boundedZstd decompresses up to a number of bytes.
type boundedZstd struct {
	reader      *zstd.Decoder
	limit, left int64
}

func (z *boundedZstd) Reset(r io.Reader) error {
	z.left = z.limit
	if z.reader != nil {
		return z.reader.Reset(r)
	}
	var err error
	z.reader, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	return err
}

func (z *boundedZstd) Read(p []byte) (int, error) {
	n, err := z.reader.Read(p)
	if z.left -= int64(n); z.left < 0 {
		return 0, tooLarge(z.limit)
	}
	return n, err
}

// Close ends the reading of a stream; Reset begins another.
func (z *boundedZstd) Close() error {
	if z.reader == nil {
		return nil
	}
	return z.reader.Reset(bytes.NewReader(nil))
}

// newZstd compresses answers, which are small.
func newZstd() connect.Compressor {
	w, err := zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("server: zstd has no level SpeedFastest")
	}
	return w
}
