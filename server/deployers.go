package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/compat/argo"
	"github.com/judged-dev/judged/compat/flagger"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/compat/kayenta/rest"
	"github.com/judged-dev/judged/compat/prometheus"
	"github.com/judged-dev/judged/internal/store"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// direct lets the handlers of deployers' formats call the analysis service as a
// client would: what they send must keep the contract's rules, and errors are
// those of the wire.
type direct struct{ service *analysisService }

func (d direct) StartAnalysis(ctx context.Context, r *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.StartAnalysis)
}

func (d direct) GetAnalysis(ctx context.Context, r *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.GetAnalysis)
}

func (d direct) ListAnalyses(ctx context.Context, r *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	return directly(ctx, r, r.Msg, d.service.ListAnalyses)
}

func (d direct) CancelAnalysis(ctx context.Context, r *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.CancelAnalysis)
}

func directly[Req, Res any](
	ctx context.Context, r *connect.Request[Req], m proto.Message, do func(context.Context, *connect.Request[Req]) (*connect.Response[Res], error),
) (*connect.Response[Res], error) {
	err := validator{}.Validate(m)
	if err == nil {
		var response *connect.Response[Res]
		if response, err = do(ctx, r); err == nil {
			return response, nil
		}
	}
	if isOurs(err) {
		outcomeOf(ctx).err = err
	}
	return nil, asRPC(err)
}

// GetConfig is that of the config service.
func (d direct) GetConfig(ctx context.Context, r *connect.Request[judgedv1.GetConfigRequest]) (*connect.Response[judgedv1.GetConfigResponse], error) {
	return directly(ctx, r, r.Msg, d.service.configs.GetConfig)
}

// isOurs reports whether the operator should hear of an error.
func isOurs(err error) bool {
	_, db := errors.AsType[*store.Error](err)
	code := asRPC(err).Code()
	return db || code == connect.CodeInternal || code == connect.CodeUnknown
}

// A dialect is how one family of deployers wants to be refused before its handler
// is reached.
type dialect struct {
	prefix string
	write  func(http.ResponseWriter, *connect.Error)
}

// in returns the dialect of a path, nil for judged's own.
func in(dialects []dialect, path string) *dialect {
	for i, d := range dialects {
		if strings.HasPrefix(path, d.prefix) {
			return &dialects[i]
		}
	}
	return nil
}

// argoPrefix is where the paths for Argo Rollouts begin.
const argoPrefix = "/argo/"

// deployers mounts what deployers call in their own formats, and says how each
// wants to be refused.
func deployers(mux *http.ServeMux, analyses *analysisService, k *rest.Service, g *guard, o Options) []dialect {
	d := direct{analyses}
	mux.Handle(argoPrefix, argo.New(argo.Options{Service: d, Configs: d, Link: o.link, Now: o.Now}))
	mux.Handle(prometheus.Prefix, prometheus.New(prometheus.Options{Service: d, Link: o.link, Now: o.Now}))
	mux.Handle(flagger.Prefix, flagger.New(flagger.Options{Service: d, Link: o.link, Now: o.Now, Record: func(ctx context.Context, e flagger.Event) {
		// The audit log is where the course of a release can be read again.
		if g.allow(ctx, access{action: "analyses.start", object: e.Canary}) == nil {
			g.audit(ctx, access{action: "flagger.event", object: e.Canary}, strings.TrimSpace(e.Type+" "+e.Phase+": "+e.Message), false)
		}
	}}))
	mux.Handle(rest.Prefix, k)
	return []dialect{{rest.Prefix, func(w http.ResponseWriter, e *connect.Error) { rest.WriteMessage(w, statusOf(e.Code()), e.Message()) }}, {argoPrefix, argo.WriteError}, {prometheus.Prefix, prometheus.WriteError}, {flagger.Prefix, flagger.WriteError}}
}

// kayentaService serves Kayenta's interface from the server's store and sources.
func kayentaService(s *store.Store, configs *configService, g *guard, o Options) *rest.Service {
	as := func(a rest.Access) access {
		return access{action: a.Action, application: a.Application, config: a.Config, object: a.Object}
	}
	return rest.New(rest.Options{
		Store: s, Sources: o.Sources, Tenant: tenantOf, StorageAccounts: o.Kayenta.StorageAccounts,
		Query:     kayenta.QueryOptions{ScopeLabel: o.Kayenta.PrometheusScopeLabel},
		Retention: max(o.Retention.Analyses, 0), Configs: o.Limits.Configs, Live: o.Limits.LiveAnalyses, Runs: max(o.Limits.Looks/4, 1), Now: o.Now, Log: o.Logger,
		Allow: func(ctx context.Context, a rest.Access) error { return g.allow(ctx, as(a)) },
		Check: func(ctx context.Context, a rest.Asked) error {
			c := &judgedv1.CanaryConfig{Name: a.Config, Application: a.Application}
			for _, name := range slices.Sorted(maps.Keys(a.Queries)) {
				c.Metrics = append(c.Metrics, &judgedv1.Metric{Name: name, Source: a.Source, Query: a.Queries[name]})
			}
			return configs.check(ctx, c)
		},
		Audit: func(ctx context.Context, a rest.Access, detail string) { g.audit(ctx, as(a), detail, false) },
		Explain: func(ctx context.Context, err error) (int, string) {
			if isOurs(err) {
				outcomeOf(ctx).err = err
			}
			e := asRPC(err)
			return statusOf(e.Code()), e.Message()
		},
	})
}

// link returns where people look at an analysis, empty if nobody said where this
// server is.
func (o Options) link(id string) string {
	if o.Notifications.Address == "" {
		return ""
	}
	return o.Notifications.Address + reportPrefix + id
}
