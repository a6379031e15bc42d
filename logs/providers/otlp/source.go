package otlp

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/internal/spool"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/decode"
	"github.com/judged-dev/judged/metrics"
)

// Name is what settings call the provider.
const Name = "otlp"

func init() { logs.Register(Provider) }

// Provider reads what was pushed as OTLP. A source's URL is the directory in which
// judged serve keeps it.
var Provider = logs.Provider{Name: Name, Expand: Expand, Open: open}

// Directory is where a spool of logs is in the directory of a source.
func Directory(url string) string { return filepath.Join(url, "logs") }

type tenantKey struct{}

// WithTenant says whose logs are read. Without it they are those of a server's
// only tenant, which has no name.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

func tenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

type source struct {
	name   string
	reader *spool.Reader
}

func open(s metrics.Settings) (logs.Source, error) {
	if !filepath.IsAbs(s.URL) {
		return nil, &metrics.Error{
			Op: "open", Source: s.Name, Reason: metrics.Misconfigured,
			Err:  fmt.Errorf("the url of a source of pushed logs is the directory where judged serve keeps them, from / on, and not %q", s.URL),
			Hint: "judged serve --print-config shows the one that it uses",
		}
	}
	return &source{s.Name, spool.NewReader(Directory(s.URL))}, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.reader.Close() }

// Read implements logs.Source. The oldest lines come first, roughly: in the order
// of the blocks in which they were written.
func (s *source) Read(ctx context.Context, asked logs.Query, each func(*logs.Record) error) (logs.Summary, error) {
	fail := func(reason metrics.Reason, err error, hint string) (logs.Summary, error) {
		return logs.Summary{}, &metrics.Error{Op: "query", Source: s.name, Query: asked.Expr, Reason: reason, Err: err, Hint: hint}
	}
	q, err := parse(asked.Expr)
	if err != nil {
		return fail(metrics.BadQuery, err, `a query looks like service.name="checkout", service.version="v2"`)
	}
	if asked.Window == (metrics.Window{}) {
		return fail(metrics.BadQuery, errors.New("the read has no window"), "only files can be read without a beginning and an end")
	}
	if asked.MaxLines <= 0 {
		asked.MaxLines = logs.DefaultMaxLines
	}
	lines := int64(0)
	var theirs error // what each returned
	d := decode.NewDecoder(decode.Options{Format: decode.Auto, Window: asked.Window}, func(rec *logs.Record) error {
		if lines++; lines > asked.MaxLines {
			return errTooMany
		}
		theirs = each(rec)
		return theirs
	})
	resource := &resourcepb.Resource{}
	err = s.reader.Read(ctx, spool.Query{
		Tenant: tenantOf(ctx), After: asked.Window.Start, Until: asked.Window.End,
		Match: func(a spool.Attributes) bool { return q.may(a.Get) },
	}, func(payload []byte) error {
		return eachMessage(payload, requestResourceLogs, func(b []byte) error {
			about, err := message(b, resourceLogsResource)
			if err != nil {
				return err
			}
			if err := proto.Unmarshal(about, resource); err != nil {
				return err
			}
			if !q.matches(func(name string) string { return attribute(resource, name) }) {
				return nil
			}
			return d.OTLP(appendField(nil, requestResourceLogs, b))
		})
	})
	if err == nil {
		err = d.Flush()
	}
	var gone *spool.GoneError
	switch {
	case err == nil:
		return d.Summary(), nil
	case theirs != nil:
		return logs.Summary{}, theirs
	case ctx.Err() != nil:
		return fail(metrics.Canceled, err, "")
	case errors.Is(err, errTooMany):
		return fail(metrics.TooLarge, fmt.Errorf("there are more than %d lines", asked.MaxLines), "make the query narrower or its window shorter")
	case errors.As(err, &gone) && gone.Deleted:
		return fail(metrics.Misconfigured, fmt.Errorf("the window %v begins earlier than what is kept: %w", asked.Window, err),
			"make the window shorter, or let the source keep more (max_age, max_bytes)")
	case errors.As(err, &gone):
		return fail(metrics.Misconfigured, fmt.Errorf("the window %v begins before this server began to receive: %w", asked.Window, err), "begin later")
	case errors.Is(err, spool.ErrNoSpool):
		return fail(metrics.Misconfigured, err, "the source's url must be the directory where judged serve keeps what is pushed to it")
	default:
		return fail(metrics.BadAnswer, err, "a window that begins after the damage can be read")
	}
}

var errTooMany = errors.New("too many lines")
