package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/store/storetest"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

func (i *instance) create(t testing.TB, c *judgedv1.CanaryConfig) *judgedv1.StoredConfig {
	t.Helper()
	response, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c}))
	if err != nil {
		t.Fatal(err)
	}
	return response.Msg.GetStored()
}

func (i *instance) imports(t testing.TB, dry bool, texts ...string) ([]string, error) {
	t.Helper()
	response, err := i.configs.ImportConfigs(t.Context(), connect.NewRequest(&judgedv1.ImportConfigsRequest{Texts: texts, DryRun: dry}))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, c := range response.Msg.GetConfigs() {
		all = append(all, fmt.Sprint(c.GetName(), " ", c.GetRevision(), " ", c.GetChange()))
	}
	return all, nil
}

func (i *instance) names(t testing.TB) []string {
	t.Helper()
	response, err := i.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range response.Msg.GetConfigs() {
		all = append(all, fmt.Sprint(c.GetConfig().GetName(), " ", c.GetRevision()))
	}
	return all
}

func yamlOf(name, description string) string {
	return strings.Replace(shopYAML, "name: checkout", fmt.Sprintf("name: %s\ndescription: %q", name, description), 1)
}

// An import is all or nothing, and leaves alone what says the same.
func TestImport(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i := start(t, server.Options{Store: kept})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		want := func(got []string, err error, all ...string) {
			t.Helper()
			if err != nil || !slices.Equal(got, all) {
				t.Errorf("got %q, %v; want %q", got, err, all)
			}
		}
		got, err := i.imports(t, true, yamlOf("a", "1"), yamlOf("b", "1"))
		want(got, err, "a 1 created", "b 1 created")
		want(i.names(t), nil)
		got, err = i.imports(t, false, yamlOf("a", "1"), yamlOf("b", "1"))
		want(got, err, "a 1 created", "b 1 created")
		got, err = i.imports(t, false, yamlOf("c", "1"), yamlOf("b", "2"), yamlOf("a", "1"))
		want(got, err, "c 1 created", "b 2 updated", "a 1 unchanged")
		for problem, texts := range map[string][]string{
			"texts[1]":                           {yamlOf("d", "1"), "a: ["},
			"knid":                               {yamlOf("d", "1"), strings.Replace(yamlOf("e", "1"), "kind:", "knid:", 1)},
			"texts[0] and texts[1] are both":     {yamlOf("d", "1"), yamlOf("d", "2")},
			"callers cannot point the server at": {yamlOf("d", "1"), strings.Replace(yamlOf("e", "1"), "source: shop", "source: http://evil/", 1)},
			"decision.fail":                      {yamlOf("d", "1"), yamlOf("e", "1") + "decision: {fail: \"findings.exists(f, f.hihg)\"}\n"},
		} {
			_, err := i.imports(t, false, texts...)
			wantCode(t, err, connect.CodeInvalidArgument, "nothing was imported", problem)
		}
		want(i.names(t), nil, "a 1", "b 2", "c 1")
		// What one server exports, another one imports, and says the same then.
		export, err := i.configs.ExportConfigs(t.Context(), connect.NewRequest(&judgedv1.ExportConfigsRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, c := range export.Msg.GetConfigs() {
			texts = append(texts, c.GetText())
		}
		other := start(t, server.Options{})
		if got, err := other.imports(t, false, texts...); err != nil || len(got) != 3 {
			t.Fatal(got, err)
		}
		for _, name := range []string{"a", "b", "c"} {
			r := connect.NewRequest(&judgedv1.GetConfigRequest{Name: name})
			here, err1 := i.configs.GetConfig(t.Context(), r)
			there, err2 := other.configs.GetConfig(t.Context(), r)
			if err := errors.Join(err1, err2); err != nil || !proto.Equal(here.Msg.GetStored().GetConfig(), there.Msg.GetStored().GetConfig()) {
				t.Errorf("%s was %v and came as %v (%v)", name, here, there, err)
			}
		}
		got, err = i.imports(t, false, texts...)
		want(got, err, "a 1 unchanged", "b 2 unchanged", "c 1 unchanged")
		_, err = i.configs.ExportConfigs(t.Context(), connect.NewRequest(&judgedv1.ExportConfigsRequest{Names: []string{"a", "nobody"}}))
		wantCode(t, err, connect.CodeNotFound, `"nobody"`)
	})
}

// Imports that meet each other end whole, one after the other, or are told to
// come again.
func TestImportsMeet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		kept, err := store.Open(t.Context(), store.Options{URL: url, Replica: "test"})
		if err != nil {
			t.Fatal(err)
		}
		i := start(t, server.Options{Store: kept})
		t.Cleanup(func() { _ = i.stop(); _ = kept.Close() })
		const rounds, writers = 5, 4
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			done = 0
		)
		for w := range writers {
			wg.Go(func() {
				for n := range rounds {
					text := fmt.Sprintf("writer %d round %d", w, n)
					_, err := i.imports(t, false, yamlOf("a", text), yamlOf("b", text))
					switch connect.CodeOf(err) {
					case connect.CodeAborted:
					default:
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						done++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		a, err1 := i.configs.GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "a"}))
		b, err2 := i.configs.GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "b"}))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if x, y := a.Msg.GetStored(), b.Msg.GetStored(); int(x.GetRevision()) != done || x.GetRevision() != y.GetRevision() || x.GetConfig().GetDescription() != y.GetConfig().GetDescription() {
			t.Errorf("after %d imports: %q at revision %d, %q at revision %d", done, x.GetConfig().GetDescription(), x.GetRevision(), y.GetConfig().GetDescription(), y.GetRevision())
		}
	})
}

// Revisions are listed, compared and found by number, also after a config was
// deleted and made anew; an analysis keeps the one it was started with.
func TestRevisionsOutliveTheConfig(t *testing.T) {
	t.Parallel()
	i, _ := ticking(t, &shop{}, server.Options{})
	c := liveConfig("v2", func(c *judgedv1.CanaryConfig) { c.Description = "first" })
	i.create(t, c)
	a := i.last(t, i.begin(t, &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "checkout"}}).GetId())
	c.Description, c.Schedule.Duration = "second", durationpb.New(20*60*1e9)
	if _, err := i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: c, ExpectedRevision: 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := i.configs.DeleteConfig(t.Context(), connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "checkout"})); err != nil {
		t.Fatal(err)
	}
	_, err := i.configs.GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "checkout"}))
	wantCode(t, err, connect.CodeNotFound)
	_, err = i.configs.ListRevisions(t.Context(), connect.NewRequest(&judgedv1.ListRevisionsRequest{Name: "checkout"}))
	wantCode(t, err, connect.CodeNotFound)
	_, err = i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: c, ExpectedRevision: 2}))
	wantCode(t, err, connect.CodeNotFound)
	old, err := i.configs.GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "checkout", Revision: 1}))
	if err != nil || old.Msg.GetStored().GetConfig().GetDescription() != "first" {
		t.Errorf("revision 1 of a deleted config: %v, %v", old, err)
	}
	c.Description = "third"
	if again := i.create(t, c); again.GetRevision() != 3 {
		t.Errorf("made anew it is revision %d, and revision 1 would mean two things", again.GetRevision())
	}
	diff, err := i.configs.DiffRevisions(t.Context(), connect.NewRequest(&judgedv1.DiffRevisionsRequest{Name: "checkout", From: 1}))
	if err != nil || diff.Msg.GetFrom() != 1 || diff.Msg.GetTo() != 3 || !strings.Contains(diff.Msg.GetDiff(), "-description: first") ||
		!strings.Contains(diff.Msg.GetDiff(), "+description: third") || strings.Contains(diff.Msg.GetDiff(), "+name") {
		t.Errorf("the difference: %v, %v", diff, err)
	}
	for _, r := range []*judgedv1.DiffRevisionsRequest{{Name: "checkout", From: 7}, {Name: "checkout", To: 9}, {Name: "nobody"}} {
		_, err := i.configs.DiffRevisions(t.Context(), connect.NewRequest(r))
		wantCode(t, err, connect.CodeNotFound)
	}
	_, err = i.configs.DiffRevisions(t.Context(), connect.NewRequest(&judgedv1.DiffRevisionsRequest{Name: "checkout", To: 1}))
	wantCode(t, err, connect.CodeInvalidArgument, "there is none before it")
	var revisions []int64
	r := &judgedv1.ListRevisionsRequest{Name: "checkout", PageSize: 2}
	for {
		page, err := i.configs.ListRevisions(t.Context(), connect.NewRequest(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Msg.GetRevisions() {
			revisions = append(revisions, s.GetRevision())
		}
		if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
			break
		}
	}
	if !slices.Equal(revisions, []int64{3, 2, 1}) {
		t.Errorf("revisions %v", revisions)
	}
	if got := i.get(t, a.GetId()); got.GetConfigRevision() != 1 || got.GetConfig().GetDescription() != "first" {
		t.Errorf("the analysis is of revision %d: %v", got.GetConfigRevision(), got.GetConfig())
	}
	started := i.begin(t, &judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "checkout"}, ConfigRevision: 2})
	if started.GetConfigRevision() != 2 || started.GetConfig().GetDescription() != "second" {
		t.Errorf("an analysis of revision 2 is %v", started)
	}
}
