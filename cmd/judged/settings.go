package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/certs"
	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/quota"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/logs/providers/otlp"
	"github.com/judged-dev/judged/metrics"
	cel "github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// serverOptions builds what the settings describe. Its errors join all that is
// wrong with them.
func serverOptions(ctx context.Context, s *judgedv1.Settings, sources *analysis.Sources, log *slog.Logger) (server.Options, error) {
	l, r := s.GetLimits(), s.GetRetention()
	o := server.Options{
		Sources: sources, Version: version(), Logger: log, Replica: s.GetReplica(),
		Grace: l.GetGrace().AsDuration(),
		Limits: server.Limits{
			RequestBytes: int(l.GetRequestBytes()), Requests: int(l.GetRequests()), BodyBytes: l.GetBodyBytes(), Watches: int(l.GetWatches()),
			RequestTimeout: l.GetRequestTimeout().AsDuration(), Looks: int(l.GetLooks()), AnalysisTimeout: l.GetLookTimeout().AsDuration(),
			LiveAnalyses: int(l.GetLiveAnalyses()), Configs: int(l.GetConfigs()), Revisions: int(l.GetRevisions()),
		},
		Kayenta:   server.Kayenta{StorageAccounts: s.GetKayenta().GetStorageAccounts(), PrometheusScopeLabel: s.GetKayenta().GetPrometheusScopeLabel()},
		Retention: server.Retention{Analyses: r.GetAnalyses().AsDuration(), Audit: r.GetAudit().AsDuration()},
	}
	var errs []error
	try := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	o.TLS, err = tlsOf(s.GetTls(), log)
	try(err)
	if s.GetAuth() != nil {
		o.Authenticator, err = authenticator(ctx, s.GetAuth(), log)
		try(err)
	}
	o.Receive, err = receiveOf(s)
	try(err)
	rules, err := rulesOf(s)
	try(err)
	o.Authorization, o.Constraints, o.Calendars = rules.authorization, rules.constraints, rules.calendars
	o.Notifications, err = notifications(s)
	try(err)
	if l.GetCallerRate() > 0 || l.GetCallerConcurrent() > 0 {
		o.Quota, err = quota.New(quota.Options{Rate: l.GetCallerRate(), Burst: int(l.GetCallerBurst()), Concurrent: int(l.GetCallerConcurrent())})
		try(err)
	}
	return o, errors.Join(errs...)
}

// receiveOf returns what is received: what the source of provider otlp says; nil
// without one.
func receiveOf(s *judgedv1.Settings) (*server.Receive, error) {
	var (
		receive *server.Receive
		first   string
	)
	for _, name := range slices.Sorted(maps.Keys(s.GetSources())) {
		source := s.GetSources()[name]
		if source.GetProvider() != otlp.Name {
			continue
		}
		if receive != nil {
			return nil, fmt.Errorf("the sources %s and %s are both of provider %s: one is enough, since it keeps what all senders push", first, name, otlp.Name)
		}
		if !filepath.IsAbs(source.GetUrl()) {
			return nil, fmt.Errorf("source %s: its url, %q, is the directory for what is pushed and must begin at /", name, source.GetUrl())
		}
		first, receive = name, &server.Receive{Directory: source.GetUrl(), MaxBytes: source.GetMaxBytes(), MaxAge: source.GetMaxAge().AsDuration()}
	}
	return receive, nil
}

// placePushed says where what is pushed is kept, if the settings do not.
func placePushed(s *judgedv1.Settings, w world) error {
	for _, source := range s.GetSources() {
		if source.GetProvider() != otlp.Name || source.GetUrl() != "" {
			continue
		}
		dir, err := stateDirectory(w)
		if err != nil {
			return err
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		source.Url = filepath.Join(dir, otlp.Name)
	}
	return nil
}

// rules are the settings' expressions and days, compiled.
type rules struct {
	authorization *cel.Authorization
	constraints   *cel.Constraints
	calendars     map[string]cel.Calendar
}

func rulesOf(s *judgedv1.Settings) (rules, error) {
	var (
		errs []error
		err  error
	)
	r := rules{calendars: map[string]cel.Calendar{}}
	if list := s.GetAuthorization(); len(list) > 0 {
		var all []cel.AuthorizationRule
		for _, one := range list {
			all = append(all, cel.AuthorizationRule{Name: one.GetName(), Allow: one.GetAllow(), Deny: one.GetDeny()})
		}
		r.authorization, err = cel.CompileAuthorization(all)
		errs = append(errs, err)
	}
	if list := s.GetConstraints(); len(list) > 0 {
		var all []cel.Constraint
		for _, one := range list {
			all = append(all, cel.Constraint{Name: one.GetName(), Require: one.GetRequire(), Message: one.GetMessage()})
		}
		r.constraints, err = cel.CompileConstraints(all)
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.GetCalendars())) {
		if r.calendars[name], err = cel.ParseCalendar(s.GetCalendars()[name].GetDates()); err != nil {
			errs = append(errs, fmt.Errorf("calendar %q: %w", name, err))
		}
	}
	return r, errors.Join(errs...)
}

// checkRules says what is wrong with the settings beyond their schema, without
// the files and secrets that they name.
func checkRules(s *judgedv1.Settings) error {
	_, err := rulesOf(s)
	_, routes := routesOf(s)
	return errors.Join(err, routes)
}

func tlsOf(s *judgedv1.ServerTLS, log *slog.Logger) (*tls.Config, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // plain HTTP
	}
	r, err := certs.New(certs.Options{
		CertFile: s.GetCertFile(), KeyFile: s.GetKeyFile(), ClientCAFile: s.GetClientCaFile(), RequireClientCert: s.GetRequireClientCert(),
		Report: func(err error) {
			if err != nil {
				log.Error("the new certificate cannot be used, the old one stays", slog.Any("error", err))
			} else {
				log.Info("a new certificate is in use")
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return r.Config(), nil
}

func authenticator(ctx context.Context, s *judgedv1.AuthSettings, log *slog.Logger) (*auth.Authenticator, error) {
	o := auth.Options{TokensFile: s.GetTokensFile(), Anonymous: s.GetAnonymous(), AnonymousTenant: s.GetAnonymousTenant(), Logger: log}
	if m := s.GetMtls(); m != nil {
		o.MTLS = &auth.MTLS{Tenant: m.GetTenant(), TenantSegment: int(m.GetSpiffeTenantSegment())}
	}
	for _, i := range s.GetIssuers() {
		issuer := auth.Issuer{
			URL: i.GetUrl(), Audiences: i.GetAudiences(), Algorithms: i.GetAlgorithms(), NameClaim: i.GetNameClaim(), NamePrefix: i.GetNamePrefix(),
			Tenant: i.GetTenant(), TenantClaim: i.GetTenantClaim(), ClockSkew: i.GetClockSkew().AsDuration(), CAFile: i.GetCaFile(), BearerFile: i.GetBearerFile(),
		}
		for claim, list := range i.GetRequireClaims() {
			if issuer.RequireClaims == nil {
				issuer.RequireClaims = map[string][]string{}
			}
			for _, v := range list.GetValues() {
				issuer.RequireClaims[claim] = append(issuer.RequireClaims[claim], v.GetStringValue())
			}
		}
		o.Issuers = append(o.Issuers, issuer)
	}
	return auth.New(ctx, o)
}

func notifications(s *judgedv1.Settings) (server.Notifications, error) {
	n := server.Notifications{Channels: map[string]notify.Channel{}, Address: s.GetPublicUrl()}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.GetNotifications().GetChannels())) {
		channel, err := notify.Open(channelSettings(name, s.GetNotifications().GetChannels()[name]))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n.Channels[name] = channel
	}
	var err error
	n.Routes, err = routesOf(s)
	return n, errors.Join(append(errs, err)...)
}

func routesOf(s *judgedv1.Settings) (routes []server.NotificationRoute, err error) {
	var errs []error
	for i, r := range s.GetNotifications().GetRoutes() {
		name := r.GetName()
		if name == "" {
			name = fmt.Sprint(i + 1)
		}
		when, err := cel.CompileRoute(name, r.GetWhen())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, channel := range r.GetChannels() {
			if _, ok := s.GetNotifications().GetChannels()[channel]; !ok {
				errs = append(errs, fmt.Errorf("notifications: the route %s names the channel %q, which is not there", name, channel))
			}
		}
		routes = append(routes, server.NotificationRoute{Name: name, When: when, Channels: r.GetChannels()})
	}
	return routes, errors.Join(errs...)
}

func channelSettings(name string, c *judgedv1.ChannelSettings) notify.Settings {
	s := notify.Settings{Name: name, Title: c.GetTitle(), Body: c.GetBody(), Timeout: c.GetTimeout().AsDuration(), TLS: wire.TLS(c.GetTls())}
	switch {
	case c.GetSlack() != nil:
		k := c.GetSlack()
		s.Slack = &notify.Slack{WebhookURL: secretOf(k.GetWebhookUrl()), Token: secretOf(k.GetToken()), Channel: k.GetChannel(), APIURL: k.GetApiUrl()}
	case c.GetEmail() != nil:
		k := c.GetEmail()
		s.Email = &notify.Email{
			Host: k.GetHost(), Port: int(k.GetPort()), Security: k.GetSecurity(), Username: k.GetUsername(), Password: secretOf(k.GetPassword()),
			From: k.GetFrom(), To: k.GetTo(), HTML: k.GetHtml(),
		}
	case c.GetWebhook() != nil:
		k := c.GetWebhook()
		s.Webhook = &notify.Webhook{URL: secretOf(k.GetUrl()), Headers: wire.Secrets(k.GetHeaders())}
		for _, one := range k.GetSecrets() {
			s.Webhook.Secrets = append(s.Webhook.Secrets, secretOf(one))
		}
	case c.GetCloudevents() != nil:
		k := c.GetCloudevents()
		s.CloudEvents = &notify.CloudEvents{
			URL: secretOf(k.GetUrl()), Mode: k.GetMode(), Source: k.GetSource(), CDEvents: k.GetCdevents(), Environment: k.GetEnvironment(), Headers: wire.Secrets(k.GetHeaders()),
		}
	case c.GetPagerduty() != nil:
		s.PagerDuty = &notify.PagerDuty{RoutingKey: secretOf(c.GetPagerduty().GetRoutingKey()), URL: c.GetPagerduty().GetUrl()}
	case c.GetPush() != nil:
		s.Push = &notify.Push{Server: c.GetPush().GetServer(), Topic: secretOf(c.GetPush().GetTopic()), Token: secretOf(c.GetPush().GetToken())}
	}
	return s
}

func secretOf(s *judgedv1.Secret) metrics.Secret { return wire.Secret(s) }

func shortID() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// tracing returns where spans go, nil for nowhere, and what sends the last of
// them.
func tracing(ctx context.Context, s *judgedv1.Settings, version string) (provider trace.TracerProvider, flush func(), err error) {
	t := s.GetTelemetry()
	if t.GetOtlpEndpoint() == "" {
		return nil, func() {}, nil
	}
	u, err := url.Parse(t.GetOtlpEndpoint())
	if err != nil || u.Host == "" {
		return nil, nil, fmt.Errorf("telemetry.otlp_endpoint: %q is no address: it looks like http://collector:4318", t.GetOtlpEndpoint())
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpoint(u.Host)}
	if u.Scheme == "http" {
		options = append(options, otlptracehttp.WithInsecure())
	}
	if u.Path != "" && u.Path != "/" {
		options = append(options, otlptracehttp.WithURLPath(u.Path))
	}
	headers := map[string]string{}
	for name, secret := range wire.Secrets(t.GetHeaders()) {
		if headers[name], err = secret.Read(); err != nil {
			return nil, nil, fmt.Errorf("telemetry.headers: %s: %w", name, err)
		}
	}
	exporter, err := otlptracehttp.New(ctx, append(options, otlptracehttp.WithHeaders(headers))...)
	if err != nil {
		return nil, nil, fmt.Errorf("telemetry: %w", err)
	}
	share := 1.0
	if t.GetSample() != nil {
		share = t.GetSample().GetValue()
	}
	sdk := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "judged"), attribute.String("service.version", version), attribute.String("service.instance.id", s.GetReplica()))),
	)
	return sdk, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = sdk.Shutdown(ctx) // spans that cannot be sent any more are lost
	}, nil
}
