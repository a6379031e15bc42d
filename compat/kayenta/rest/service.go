package rest

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/compat/kayenta"
	"github.com/judged-dev/judged/internal/schedule"
	"github.com/judged-dev/judged/internal/store"
)

// Access is what a caller wants to do, and to what.
type Access struct{ Action, Application, Config, Object string }

// Asked is what an execution would ask of a source: each metric's query.
type Asked struct {
	Config, Application, Source string
	Queries                     map[string]string
}

// Options of a Service. Store, Sources, Tenant, Allow, Check, Audit and Explain are
// required.
type Options struct {
	Store *store.Store
	// Sources are the metrics accounts.
	Sources *analysis.Sources
	// Tenant returns whose data a call is about.
	Tenant func(ctx context.Context) string
	// Allow returns nil if the caller may.
	Allow func(ctx context.Context, a Access) error
	// Check returns nil if the server's constraints let it be asked.
	Check func(ctx context.Context, a Asked) error
	// Audit writes down what was done.
	Audit func(ctx context.Context, a Access, detail string)
	// Explain returns the HTTP status and the text of errors that are not this
	// package's: of Allow, of the store.
	Explain func(ctx context.Context, err error) (status int, text string)
	// StorageAccounts are the names by which clients mean the store; none is
	// "judged".
	StorageAccounts []string
	// Query are settings of queries.
	Query kayenta.QueryOptions
	// Retention is how long executions and data are kept after their end; 0 is for
	// ever.
	Retention time.Duration
	// Configs is how many configs a tenant may have, Live how many executions that
	// have not ended; 0 is no limit.
	Configs, Live int
	// Runs is how many executions this process carries out at a time; 0 is 64.
	Runs int
	Now  func() time.Time
	Log  *slog.Logger
}

// Service answers requests below Prefix.
type Service struct {
	Options
	worker  *schedule.Worker
	names   sync.Mutex // of configs, while one is written
	handler http.Handler
}

// Prefix is where the interface is mounted; clients have it in their base URL.
const Prefix = "/kayenta/"

// TaskKind is the kind of the executions' tasks.
const TaskKind = "kayenta"

// New returns a service. Its executions rest until somebody runs its Worker.
func New(o Options) *Service {
	if len(o.StorageAccounts) == 0 {
		o.StorageAccounts = []string{"judged"}
	}
	s := &Service{Options: o}
	s.worker = schedule.New(schedule.Options{
		Kind: TaskKind, Queue: o.Store, Do: s.do, Limit: cmp.Or(o.Runs, 64), Now: o.Now, Log: o.Log,
	})
	mux := http.NewServeMux()
	for pattern, do := range map[string]action{
		"GET /canaryConfig":         s.listConfigs,
		"POST /canaryConfig":        s.createConfig,
		"GET /canaryConfig/{id}":    s.getConfig,
		"PUT /canaryConfig/{id}":    s.updateConfig,
		"DELETE /canaryConfig/{id}": s.deleteConfig,

		"POST /canary":           s.startAdHoc,
		"POST /canary/{id}":      s.startStored,
		"GET /canary/{id}":       s.getCanary,
		"GET /canary/executions": s.listCanaries,
		// Until 2018, and still in Gate.
		"GET /canary/{config}/{id}": s.getCanary,

		"POST /standalone_canary_analysis":      s.startStandaloneAdHoc,
		"POST /standalone_canary_analysis/{id}": s.startStandaloneStored,
		"GET /standalone_canary_analysis/{id}":  s.getStandalone,

		"GET /pipelines":             s.listPipelines,
		"GET /pipelines/{id}":        s.getPipeline,
		"DELETE /pipelines/{id}":     s.deletePipeline,
		"PUT /pipelines/{id}/cancel": s.cancelPipeline,
		"POST /pipelines/start":      unsupported("raw Orca pipelines cannot be started here: there is no Orca inside; start a canary with POST /canary or POST /standalone_canary_analysis"),

		"GET /judges":                 s.listJudges,
		"POST /judges/judge":          s.judgeStored,
		"POST /judges/comparison":     s.compareJudges,
		"GET /judges/comparison/{id}": s.getComparison,
		"POST /judge":                 s.remoteJudge,
		"POST /judges/{name}/judge":   s.remoteJudge,

		"GET /credentials":             s.listCredentials,
		"DELETE /credentials/{name}":   unsupported("accounts are this server's sources and stand in its settings: they cannot be deleted by a call"),
		"GET /metricsServices":         s.listMetricsServices,
		"GET /metadata/metricsService": s.listMetrics,

		"GET /metricSetList":                 s.listDocuments(metricSets),
		"POST /metricSetList":                s.createDocument(metricSets),
		"GET /metricSetList/{id}":            s.getDocument(metricSets),
		"DELETE /metricSetList/{id}":         s.deleteDocument(metricSets),
		"GET /metricSetPairList":             s.listDocuments(metricPairs),
		"POST /metricSetPairList":            s.createDocument(metricPairs),
		"GET /metricSetPairList/{id}":        s.getDocument(metricPairs),
		"DELETE /metricSetPairList/{id}":     s.deleteDocument(metricPairs),
		"GET /metricSetPairList/{id}/{pair}": s.getPair,
		"GET /canaryResultArchive":           s.listDocuments(archives),
		"POST /canaryResultArchive":          s.createDocument(archives),
		"GET /canaryResultArchive/{id}":      s.getDocument(archives),
		"PUT /canaryResultArchive/{id}":      s.putArchive,
		"DELETE /canaryResultArchive/{id}":   s.deleteDocument(archives),
		"POST /fetch/{store}/query":          s.fetch,
		"GET /health":                        s.health,
		"POST /admin/orca/instance/enabled":  s.enable,
	} {
		mux.HandleFunc(pattern, s.serve(do))
	}
	mux.HandleFunc("/", s.serve(unknownPath))
	s.handler = http.StripPrefix(strings.TrimSuffix(Prefix, "/"), slashes(mux))
	return s
}

// Worker carries out the executions.
func (s *Service) Worker() *schedule.Worker { return s.worker }

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// slashes lets a path end in a slash, as Spring does.
func slashes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; len(path) > 1 && strings.HasSuffix(path, "/") {
			r = r.Clone(r.Context())
			r.URL.Path = strings.TrimRight(path, "/")
			r.URL.RawPath = ""
		}
		next.ServeHTTP(w, r)
	})
}

// newID returns an id that sorts by time.
func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// expiry is when what has ended now may be forgotten.
func (s *Service) expiry() time.Time {
	if s.Retention <= 0 {
		return time.Time{}
	}
	return s.Now().Add(s.Retention)
}
