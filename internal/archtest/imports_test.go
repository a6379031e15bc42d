// Package archtest keeps the table of layers in CONTRIBUTING.md: what each part of the house may touch.
//
// The rules are data. To allow an import that a rule forbids, change the rule and its reason, not the test.
package archtest

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/judged-dev/judged"

// A rule says what the files of some packages may import. Only direct imports count: what a library imports is its own affair.
//
// Patterns: "std" is the whole standard library, "./judge" a package of ours, anything else an import path; "/..." at the end
// includes everything below.
type rule struct {
	name   string
	where  []string // packages whose files are held to the rule
	except []string // packages among them that are not
	files  fileKind // zero: production code and tests
	mayNot []string
	may    []string // without mayNot: all else is forbidden; with it: exceptions from it
	apart  bool     // the folders below each of where may not import one another; those below internal are shared
	why    string
}

type fileKind int

const (
	allFiles fileKind = iota
	production
	tests
)

var (
	// What tests may use beside the standard library, anywhere.
	testLibraries = []string{
		"github.com/google/go-cmp/...",
		"github.com/rogpeppe/go-internal/...",
		"pgregory.net/rapid",
	}
	backendSDKs = []string{
		"cloud.google.com/go/...",
		"github.com/Azure/...",
		"github.com/DataDog/datadog-api-client-go/...",
		"github.com/aws/...",
		"github.com/elastic/...",
		"github.com/grafana/...",
		"github.com/influxdata/...",
		"github.com/InfluxCommunity/...",
		"github.com/newrelic/...",
		"github.com/opensearch-project/...",
		"github.com/prometheus/client_golang/api/...",
		"github.com/prometheus/prometheus/...",
		"github.com/signalfx/...",
		"k8s.io/...",
	}
	sql = []string{
		"database/sql/...",
		"github.com/jackc/...",
		"github.com/riverqueue/...",
		"modernc.org/sqlite/...",
	}
)

var rules = []rule{
	{
		name:  "judges are arithmetic",
		where: []string{"./judge/..."},
		files: production,
		may:   []string{"std", "gonum.org/v1/gonum/...", "./judge/..."},
		why: "a judge is a pure function from a sample to a finding, so that it can be tested against references, run offline and " +
			"be used as a library without the service",
	},
	{
		name:  "judges are tested alone",
		where: []string{"./judge/..."},
		files: tests,
		may:   slices.Concat([]string{"std", "gonum.org/v1/gonum/...", "./judge/...", "github.com/aclements/go-moremath/..."}, testLibraries),
		why:   "a judge whose test needs the rest of the project is not a pure function; go-moremath is an independent oracle",
	},
	{
		name:   "series know neither vendor nor judge",
		where:  []string{"./metrics/..."},
		except: []string{"./metrics/providers/...", "./metrics/providertest/..."},
		files:  production,
		may:    []string{"std", "./metrics", "./metrics/promql", "./logs/mine"}, // a transcript remembers counted lines, too
		why: "a series means the same whichever backend it came from and whoever judges it; what a vendor's module brings belongs " +
			"into the driver, metrics/providers/<backend>, which the program chooses to link",
	},
	{
		name:   "logs and traces know no vendor",
		where:  []string{"./logs/...", "./traces/..."},
		except: []string{"./logs/providers/...", "./logs/sourcetest/..."},
		files:  production,
		may: []string{
			"std", "./judge/...", "./metrics", "./logs/...", "./traces/...", "gonum.org/v1/gonum/...",
			"github.com/DataDog/sketches-go/...", // sketches of quantiles
			"go.opentelemetry.io/proto/otlp/...", // what OTLP's messages are
			"google.golang.org/protobuf/...",     // and how they are read
		},
		why: "they become counts and samples before a judge sees them; reading a backend is its driver's work",
	},
	{
		name:   "logs are counted before they are judged",
		where:  []string{"./logs/..."},
		except: []string{"./logs/compare"},
		files:  production,
		mayNot: []string{"./judge/...", "./analysis/..."},
		why:    "a line means the same on either side; only logs/compare knows that there are two",
	},
	{
		name:   "reading data is not judging them",
		where:  []string{"./metrics/...", "./replay/...", "./internal/httpx/..."},
		except: []string{"./replay/backtest", "./replay/calibrate", "./replay/plan"},
		files:  production,
		mayNot: []string{"./judge/...", "./analysis/..."},
		why:    "a source answers what it was asked, gaps and all; a source that knew the judge could help it",
	},
	{
		name:   "products and backends stand alone",
		where:  []string{"./metrics/providers", "./logs/providers", "./compat"},
		except: []string{"./metrics/providers/all", "./logs/providers/all"},
		apart:  true,
		why:    "each can be read, replaced or dropped by itself; what two share belongs into internal/httpx, metrics/promql or an internal folder",
	},
	{
		name:   "what judges reads no files",
		where:  []string{"./judge/...", "./analysis/...", "./policy/..."},
		except: []string{"./judge/judgetest/..."},
		files:  production,
		mayNot: []string{"os/...", "net/...", "syscall"},
		may:    []string{"net/url"},
		why:    "the same input gives the same judgment: files, environment and network reach it as arguments",
	},
	{
		name:   "the edge does no statistics",
		where:  []string{"./server/...", "./client/...", "./cmd/...", "./config/...", "./report/...", "./internal/..."},
		files:  production,
		mayNot: []string{"gonum.org/...", "./judge/..."},
		may:    []string{"./judge"},
		why:    "which method judges a signal is decided in analysis; the others carry findings, they do not make them",
	},
	{
		name:   "backend clients stay in the drivers",
		where:  []string{"./..."},
		except: []string{"./metrics/providers/...", "./replay/..."},
		files:  production, // a test may ask a vendor's parser for a second opinion
		mayNot: backendSDKs,
		why: "a vendor's client is heavy and changes at the vendor's pace: only its driver (and replay, which runs PromQL over " +
			"recordings) may have to follow",
	},
	{
		name:   "only the store speaks SQL",
		where:  []string{"./..."},
		except: []string{"./internal/store/...", "./internal/schedule/..."},
		mayNot: sql,
		why: "two databases are served by one store and one conformance suite; a query elsewhere would be tested on one of them " +
			"and escape the transaction that keeps a look and its rows together",
	},
	{
		name:  "HTTP stays at the edge",
		where: []string{"./..."},
		// proto holds generated handlers; providertest records and replays the drivers' HTTP.
		except: []string{
			"./server/...", "./cmd/...", "./compat/...", "./client/...", "./examples/...", "./proto/...",
			"./internal/httpx/...", "./metrics/providers/...", "./metrics/providertest/...", "./logs/providers/...", "./logs/sourcetest/...",
			// They call others than sources: issuers and channels, each once, with
			// errors that show neither paths nor tokens.
			"./internal/auth/...", "./internal/notify/...", "./evaluation/service",
		},
		files:  production,
		mayNot: []string{"net/http/..."},
		why:    "requests to sources leave through internal/httpx, with its retries, breakers and limits, and calls arrive in server; everything between takes Go values",
	},
	{
		name:  "RPC stays at the edge",
		where: []string{"./..."},
		// The last ones answer deployers in their own formats with what the API says.
		except: []string{
			"./server/...", "./client/...", "./cmd/...", "./proto/...", "./examples/service/...", "./evaluation/service",
			"./compat/internal/gate", "./compat/argo", "./compat/flagger", "./compat/prometheus",
		},
		mayNot: []string{"connectrpc.com/...", "google.golang.org/grpc/...", "./proto/judged/v1/judgedv1connect"},
		why:    "handlers only decode, call and encode; a library that returned RPC errors could not be used without the server",
	},
	{
		name:   "proto types stop at the edge",
		where:  []string{"./..."},
		except: []string{"./server/...", "./client/...", "./compat/...", "./cmd/...", "./config/...", "./internal/wire/...", "./proto/...", "./examples/service/...", "./evaluation/service", "./deploy"},
		mayNot: []string{"./proto/judged/..."},
		why:    "the library speaks plain Go structs, so that the contract and the engine can change one without the other",
	},
	{
		name: "the library does not know the service",
		where: []string{
			"./judge/...", "./metrics/...", "./logs/...", "./traces/...", "./analysis/...", "./policy/...", "./replay/...", "./report/...",
		},
		mayNot: []string{
			"./server/...", "./client/...", "./compat/...", "./cmd/...", "./config/...", "./internal/wire/...",
			"./internal/store/...", "./internal/schedule/...", "./internal/notify/...", "./internal/auth/...",
		},
		why: "the same engine runs live and offline: imports point down only",
	},
	{
		name:   "deployers are spoken to, not linked",
		where:  []string{"./..."},
		mayNot: []string{"github.com/argoproj/...", "github.com/fluxcd/...", "github.com/keptn/...", "github.com/spinnaker/..."},
		why:    "compat reads and writes their formats; their modules would pin ours to their Kubernetes versions",
	},
	{
		name:   "test helpers stay out of the binary",
		where:  []string{"./..."},
		except: []string{"./judge/judgetest/...", "./metrics/providertest/...", "./logs/sourcetest/...", "./internal/store/storetest/...", "./compat/internal/carry/carrytest", "./evaluation/..."},
		files:  production,
		mayNot: []string{"testing/...", "./judge/judgetest/...", "./metrics/providertest/...", "./logs/sourcetest/...", "./internal/store/storetest/...", "./compat/internal/carry/carrytest"},
		why:    "package testing registers its flags and conformance suites carry data; only tests and the evaluation programs need them",
	},
}

// An imported is one import declaration.
type imported struct {
	file string // below the module's root, with slashes
	line int
	path string
}

func (i imported) pkg() string { return "./" + path.Dir(i.file) }

func (i imported) kind() fileKind {
	if strings.HasSuffix(i.file, "_test.go") {
		return tests
	}
	return production
}

// target returns the imported path as patterns write it.
func (i imported) target() string {
	if rest, ok := strings.CutPrefix(i.path, module+"/"); ok {
		return "./" + rest
	}
	return i.path
}

func (r rule) holds(i imported) bool {
	about := r.files == allFiles || r.files == i.kind()
	switch target := i.target(); {
	case !about || matchAny(r.except, i.pkg()):
		return true
	case r.apart:
		return !slices.ContainsFunc(r.where, func(parent string) bool {
			from, to := room(parent, i.pkg()), room(parent, target)
			return from != "" && to != "" && to != "internal" && from != to
		})
	case !matchAny(r.where, i.pkg()) || matchAny(r.may, target):
		return true
	default:
		return len(r.mayNot) > 0 && !matchAny(r.mayNot, target)
	}
}

// room returns the folder directly below parent that pkg is in, "" when it is in none.
func room(parent, pkg string) string {
	below, ok := strings.CutPrefix(pkg, parent+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(below, "/")
	return first
}

func (r rule) explain(i imported) string {
	limit := "may import only " + strings.Join(r.may, ", ")
	for _, forbidden := range r.mayNot {
		if match(forbidden, i.target()) {
			limit = "may not import " + forbidden
		}
	}
	if r.apart {
		limit = "may not import the folders beside their own"
	}
	except := ""
	if len(r.except) > 0 {
		except = " (except " + strings.Join(r.except, ", ") + ")"
	}
	files := [...]string{allFiles: "files", production: "files other than tests", tests: "tests"}[r.files]
	return fmt.Sprintf("%s:%d imports %q\n\trule: %s: %s of %s%s %s\n\twhy:  %s",
		i.file, i.line, i.path, r.name, files, strings.Join(r.where, ", "), except, limit, r.why)
}

func matchAny(patterns []string, target string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, target) })
}

func match(pattern, target string) bool {
	if pattern == "std" {
		first, _, _ := strings.Cut(target, "/")
		return !strings.Contains(first, ".") // "." is ours, a dot in the first element a module's host
	}
	parent, below := strings.CutSuffix(pattern, "/...")
	return target == parent || below && strings.HasPrefix(target, parent+"/")
}

// violations returns one message for each rule that an import breaks.
func violations(rules []rule, imports []imported) []string {
	var out []string
	for _, i := range imports {
		for _, r := range rules {
			if !r.holds(i) {
				out = append(out, r.explain(i))
			}
		}
	}
	return out
}

// readImports parses the import declarations of every Go file of the module at root, whatever its build constraints. Nested
// modules, testdata and hidden folders are not part of it.
func readImports(root fs.FS) ([]imported, error) {
	var out []imported
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == "." {
				return nil
			}
			if base := path.Base(name); base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			switch _, err := fs.Stat(root, path.Join(name, "go.mod")); {
			case err == nil:
				return fs.SkipDir
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, source, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("read the imports of %s: %w", name, err)
		}
		for _, spec := range file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("read the imports of %s: %w", name, err)
			}
			out = append(out, imported{file: name, line: positions.Position(spec.Pos()).Line, path: p})
		}
		return nil
	})
	return out, err
}

func TestImports(t *testing.T) {
	root := os.DirFS("../..")
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(mod), "\n"); first != "module "+module {
		t.Fatalf("the first line of go.mod is %q: this test looks for imports of %q", first, module)
	}
	imports, err := readImports(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) == 0 {
		t.Fatal("found no imports: is ../.. still the module's root?")
	}
	for _, v := range violations(rules, imports) {
		t.Error(v)
	}
}

// Each rule must catch what it is there for and leave alone what it allows.
func TestRules(t *testing.T) {
	ours := func(p string) string { return module + "/" + p }
	cases := []struct {
		file, path string
		breaks     []string // names of rules
	}{
		{"judge/paired/paired.go", "math", nil},
		{"judge/paired/paired.go", "gonum.org/v1/gonum/stat/distuv", nil},
		{"judge/paired/paired.go", ours("judge/internal/stat"), nil},
		{"judge/paired/paired.go", ours("metrics"), []string{"judges are arithmetic"}},
		{"judge/judge.go", "golang.org/x/exp/stats", []string{"judges are arithmetic"}},
		{"judge/judge.go", "net/http", []string{"what judges reads no files", "HTTP stays at the edge"}},
		{"judge/judge.go", "database/sql", []string{"only the store speaks SQL"}},
		{"judge/paired/paired.go", "pgregory.net/rapid", []string{"judges are arithmetic"}},
		{"judge/paired/paired_test.go", "pgregory.net/rapid", nil},
		{"judge/paired/paired_test.go", "github.com/aclements/go-moremath/stats", nil},
		{"judge/paired/paired_test.go", ours("replay"), []string{"judges are tested alone"}},
		{"judges/other.go", "golang.org/x/sync/errgroup", nil}, // not below judge

		{"metrics/align.go", "strings", nil},
		{"metrics/template.go", ours("metrics/promql"), nil},
		{"metrics/align.go", ours("judge"), []string{"series know neither vendor nor judge", "reading data is not judging them"}},
		{"metrics/align.go", "golang.org/x/time/rate", []string{"series know neither vendor nor judge"}},
		{"metrics/registry.go", ours("metrics/providers/loki"), []string{"series know neither vendor nor judge"}},
		{"logs/compare/rows.go", ours("judge/counts"), nil},
		{"logs/mine/miner.go", ours("judge"), []string{"logs are counted before they are judged"}},
		{"logs/drain.go", ours("metrics/providers/loki"), []string{"logs and traces know no vendor"}},
		{"traces/span.go", "github.com/DataDog/datadog-api-client-go/v2/api/datadogV1", []string{"logs and traces know no vendor", "backend clients stay in the drivers"}},

		{"metrics/providers/datadog/datadog.go", "github.com/DataDog/datadog-api-client-go/v2/api/datadogV1", nil},
		{"metrics/providers/datadog/datadog.go", ours("logs"), nil}, // one driver, several signals
		{"metrics/providers/datadog/datadog.go", ours("judge"), []string{"reading data is not judging them"}},
		{"metrics/providers/datadog/datadog.go", ours("metrics/providers/prometheus"), []string{"products and backends stand alone"}},
		{"metrics/providers/datadog/datadog.go", ours("metrics/providers/datadog/internal/unit"), nil},
		{"metrics/providers/datadog/datadog.go", ours("metrics/providers/internal/rollup"), nil},
		{"metrics/providers/all/all.go", ours("metrics/providers/prometheus"), nil},
		{"compat/argo/argo.go", ours("compat/flagger"), []string{"products and backends stand alone"}},
		{"replay/promql.go", "github.com/prometheus/prometheus/promql", nil},
		{"server/server.go", "github.com/prometheus/prometheus/promql", []string{"backend clients stay in the drivers"}},
		{"examples/shop/export/openmetrics_test.go", "github.com/prometheus/prometheus/model/textparse", nil},
		{"server/metrics.go", "github.com/prometheus/client_golang/prometheus", nil}, // the server's own metrics

		{"analysis/plan.go", "os", []string{"what judges reads no files"}},
		{"analysis/plan.go", "net/url", nil},
		{"analysis/judges.go", ours("judge/paired"), nil},
		{"server/judge.go", ours("judge"), nil},
		{"server/judge.go", ours("judge/paired"), []string{"the edge does no statistics"}},
		{"report/plot.go", "gonum.org/v1/gonum/stat", []string{"the edge does no statistics"}},
		{"compat/kayenta/kayenta.go", ours("judge/mannwhitney"), nil},

		{"server/server_test.go", "database/sql", []string{"only the store speaks SQL"}},
		{"internal/store/sqlite/sqlite.go", "modernc.org/sqlite", nil},
		{"internal/schedule/river.go", "github.com/jackc/pgx/v5", nil},
		{"cmd/judged/serve.go", "modernc.org/sqlite", []string{"only the store speaks SQL"}},

		{"report/report.go", "net/http/httptest", []string{"HTTP stays at the edge"}},
		{"report/report_test.go", "net/http/httptest", nil},
		{"metrics/providers/prometheus/prometheus.go", "net/http", nil},
		{"internal/httpx/httpx.go", "net/http", nil},
		{"compat/kayenta/kayenta.go", "net/http", nil},
		{"compat/kayenta/kayenta.go", "connectrpc.com/connect", []string{"RPC stays at the edge"}},
		{"server/judge.go", "connectrpc.com/connect", nil},
		{"report/report.go", "google.golang.org/grpc/codes", []string{"RPC stays at the edge"}},
		{"report/report.go", ours("proto/judged/v1"), []string{"proto types stop at the edge"}},
		{"config/load.go", ours("proto/judged/v1"), nil},
		{"internal/wire/wire.go", ours("proto/judged/v1"), nil},
		{"config/load.go", ours("proto/judged/v1/judgedv1connect"), []string{"RPC stays at the edge"}},
		{"proto/judged/v1/judgedv1connect/judge.connect.go", ours("proto/judged/v1"), nil},
		{"proto/judged/v1/judgedv1connect/judge.connect.go", "connectrpc.com/connect", nil},

		{"analysis/analysis.go", ours("internal/store"), []string{"the library does not know the service"}},
		{"replay/replay.go", ours("server"), []string{"the library does not know the service"}},
		{"server/server.go", ours("internal/store"), nil},
		{"compat/argo/argo.go", "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1", []string{"deployers are spoken to, not linked"}},
		{"server/server.go", "testing", []string{"test helpers stay out of the binary"}},
		{"judge/judgetest/judgetest.go", "testing", nil},
		{"cmd/judged/run.go", ours("metrics/providertest"), []string{"test helpers stay out of the binary"}},
		{"evaluation/alarms/main.go", ours("judge/judgetest"), nil},
	}
	caught := map[string]bool{}
	for _, c := range cases {
		i := imported{file: c.file, line: 3, path: c.path}
		var got []string
		for _, r := range rules {
			if !r.holds(i) {
				got = append(got, r.name)
				caught[r.name] = true
			}
		}
		if !slices.Equal(got, c.breaks) {
			t.Errorf("%s importing %q breaks the rules %q, want %q", c.file, c.path, got, c.breaks)
		}
	}
	for _, r := range rules {
		if !caught[r.name] {
			t.Errorf("no case above breaks the rule %q: nothing shows that it can fail", r.name)
		}
	}
}

func TestReadImports(t *testing.T) {
	root := fstest.MapFS{
		"go.mod":                    {Data: []byte("module " + module + "\n")},
		"judge/judge.go":            {Data: []byte("package judge\n\nimport (\n\t\"math\"\n\tsql \"database/sql\"\n)\n\nfunc broken( {")},
		"judge/plan9.go":            {Data: []byte("//go:build plan9\n\npackage judge\n\nimport \"sort\"\n")},
		"judge/judge_test.go":       {Data: []byte("package judge\n\nimport \"testing\"\n")},
		"judge/testdata/x.go":       {Data: []byte("package x\n\nimport \"net/http\"\n")},
		"tools/go.mod":              {Data: []byte("module " + module + "/tools\n")},
		"tools/vendorprotos/gen.go": {Data: []byte("package main\n\nimport \"net/http\"\n")},
		".ci/helper.go":             {Data: []byte("package main\n\nimport \"net/http\"\n")},
		"README.md":                 {Data: []byte("import \"net/http\"\n")},
	}
	got, err := readImports(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []imported{
		{"judge/judge.go", 4, "math"},
		{"judge/judge.go", 5, "database/sql"},
		{"judge/judge_test.go", 3, "testing"},
		{"judge/plan9.go", 5, "sort"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("readImports: got %v, want %v", got, want)
	}
	messages := violations(rules, got)
	if len(messages) != 1 {
		t.Fatalf("got %d violations, want the one of database/sql: %q", len(messages), messages)
	}
	for _, part := range []string{`judge/judge.go:5 imports "database/sql"`, "only the store speaks SQL", "why:"} {
		if !strings.Contains(messages[0], part) {
			t.Errorf("the message %q does not say %q", messages[0], part)
		}
	}
}
