package server_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

func TestConfigRevisions(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{Revisions: 3}})
	ctx := t.Context()
	config := func(n int) *judgedv1.CanaryConfig {
		c := shopConfig("checkout")
		c.Description = fmt.Sprint("revision ", n)
		return c
	}
	created, err := i.configs.CreateConfig(ctx, connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config(1)}))
	if err != nil {
		t.Fatal(err)
	}
	if got := created.Msg.GetStored(); got.GetRevision() != 1 || got.GetCreateTime() == nil || !proto.Equal(got.GetConfig(), config(1)) {
		t.Errorf("created %v", got)
	}
	_, err = i.configs.CreateConfig(ctx, connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config(1)}))
	wantCode(t, err, connect.CodeAlreadyExists, `"checkout" already exists, at revision 1`)
	for n := range int64(4) {
		updated, err := i.configs.UpdateConfig(ctx, connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: config(int(n) + 2), ExpectedRevision: n + 1}))
		if err != nil || updated.Msg.GetStored().GetRevision() != n+2 {
			t.Fatal(updated, err)
		}
	}
	_, err = i.configs.UpdateConfig(ctx, connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: config(9), ExpectedRevision: 4}))
	wantCode(t, err, connect.CodeAborted, "is at revision 5", "expected revision 4")
	_, err = i.configs.UpdateConfig(ctx, connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: config(9)}))
	wantCode(t, err, connect.CodeInvalidArgument, "nobody's change is lost")
	for revision, want := range map[int64]string{0: "revision 5", 5: "revision 5", 4: "revision 4", 3: "revision 3"} {
		got, err := i.configs.GetConfig(ctx, connect.NewRequest(&judgedv1.GetConfigRequest{Name: "checkout", Revision: revision}))
		if err != nil || got.Msg.GetStored().GetConfig().GetDescription() != want {
			t.Errorf("revision %d: %v, %v", revision, got, err)
		}
	}
	for _, revision := range []int64{1, 2, 6} {
		_, err = i.configs.GetConfig(ctx, connect.NewRequest(&judgedv1.GetConfigRequest{Name: "checkout", Revision: revision}))
		wantCode(t, err, connect.CodeNotFound, "keeps the revisions 3 to 5")
	}
	if _, err := i.configs.DeleteConfig(ctx, connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "checkout"})); err != nil {
		t.Fatal(err)
	}
	_, err = i.configs.DeleteConfig(ctx, connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "checkout"}))
	wantCode(t, err, connect.CodeNotFound, "checkout")
	_, err = i.configs.UpdateConfig(ctx, connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: config(9), ExpectedRevision: 5}))
	wantCode(t, err, connect.CodeNotFound)
}

// Of many writers who know the same revision one wins, and the others hear
// of it.
func TestConcurrentUpdates(t *testing.T) {
	i := start(t, server.Options{})
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("c")})); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won, lost := 0, 0
	for range 16 {
		wg.Go(func() {
			_, err := i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: shopConfig("c"), ExpectedRevision: 1}))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case connect.CodeOf(err) == connect.CodeAborted:
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 15 {
		t.Errorf("%d won, %d lost", won, lost)
	}
}

func TestListConfigs(t *testing.T) {
	i := start(t, server.Options{})
	for _, name := range []string{"d", "b", "a", "e", "c"} {
		if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig(name)})); err != nil {
			t.Fatal(err)
		}
	}
	for size := int32(1); size < 7; size++ {
		var names []string
		r := &judgedv1.ListConfigsRequest{PageSize: size}
		for {
			response, err := i.configs.ListConfigs(t.Context(), connect.NewRequest(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range response.Msg.GetConfigs() {
				names = append(names, c.GetConfig().GetName())
			}
			if r.PageToken = response.Msg.GetNextPageToken(); r.GetPageToken() == "" {
				break
			}
		}
		if got := strings.Join(names, ""); got != "abcde" {
			t.Errorf("pages of %d: %s", size, got)
		}
	}
	_, err := i.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{PageToken: "YWJj"}))
	wantCode(t, err, connect.CodeInvalidArgument, "pageToken")
}

func TestCreateConfigRefuses(t *testing.T) {
	i := start(t, server.Options{})
	for name, c := range map[string]struct {
		change func(*judgedv1.CanaryConfig)
		text   string
	}{
		"no name":               {func(c *judgedv1.CanaryConfig) { c.Name = "" }, "config.name: a name is"},
		"no metric":             {func(c *judgedv1.CanaryConfig) { c.Metrics = nil }, "at least one metric"},
		"a URL":                 {func(c *judgedv1.CanaryConfig) { c.Metrics[0].Source = "http://evil/" }, "callers cannot point the server at an address"},
		"an unknown judge":      {func(c *judgedv1.CanaryConfig) { c.Metrics[0].Judge = "coin" }, `no judge "coin"`},
		"a malformed duration":  {func(c *judgedv1.CanaryConfig) { c.Schedule.Warmup = &durationpb.Duration{Seconds: 1, Nanos: -1} }, "malformed duration"},
		"more than four MiB":    {func(c *judgedv1.CanaryConfig) { c.Metrics = manyMetrics(300) }, "the limit is 4194304"},
		"a ratio without total": {func(c *judgedv1.CanaryConfig) { c.Metrics[0].Kind = judgedv1.Kind_RATIO }, "a ratio needs `total`"},
	} {
		t.Run(name, func(t *testing.T) {
			config := shopConfig("checkout")
			c.change(config)
			_, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config}))
			wantCode(t, err, connect.CodeInvalidArgument, c.text)
		})
	}
	// Sources and scopes may come later.
	config := shopConfig("later")
	config.Scopes, config.Metrics[0].Source = nil, "not-yet"
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config})); err != nil {
		t.Error(err)
	}
}

func manyMetrics(n int) []*judgedv1.Metric {
	var out []*judgedv1.Metric
	for m := range n {
		out = append(out, &judgedv1.Metric{Name: fmt.Sprint("m", m), Source: "shop", Query: strings.Repeat("q", 16000)})
	}
	return out
}

func TestConfigsAreBounded(t *testing.T) {
	i := start(t, server.Options{Limits: server.Limits{Configs: 7}})
	var err error
	stored := 0
	for ; err == nil && stored < 1000; stored++ {
		_, err = i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig(fmt.Sprint("c", stored))}))
	}
	wantCode(t, err, connect.CodeResourceExhausted, "7 configs", "delete some")
	if _, err := i.configs.DeleteConfig(t.Context(), connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "c0"})); err != nil {
		t.Fatal(err)
	}
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("room")})); err != nil {
		t.Error(err)
	}
}

const shopYAML = `name: checkout
scopes:
  baseline: {version: v1}
  canary: {version: v2}
schedule: {duration: 30m}
metrics:
  - {name: latency, source: shop, query: "latency of ${version}"}
  - {name: errors, source: shop, kind: ratio, query: "errors of ${version}", total: "requests of ${version}"}
`

func TestValidateConfig(t *testing.T) {
	i := start(t, server.Options{})
	validate := func(text string) *judgedv1.ValidateConfigResponse {
		t.Helper()
		response, err := i.configs.ValidateConfig(t.Context(), connect.NewRequest(&judgedv1.ValidateConfigRequest{Text: text}))
		if err != nil {
			t.Fatal(err)
		}
		return response.Msg
	}
	good := validate(shopYAML)
	if len(good.GetProblems()) != 0 || len(good.GetWarnings()) != 0 || len(good.GetQueries()) != 6 {
		t.Fatalf("a good config: %v", good)
	}
	want := &judgedv1.PlannedQuery{Metric: "errors", Side: "canary total", Source: "shop", Query: "requests of v2"}
	if got := good.GetQueries()[5]; !proto.Equal(got, want) {
		t.Errorf("the last query is %v, want %v", got, want)
	}
	for name, c := range map[string]struct{ text, problem, warning string }{
		"a misspelt field":   {strings.Replace(shopYAML, "kind:", "knid:", 1), "knid", ""},
		"no YAML":            {"a: [", "config", ""},
		"an unknown source":  {strings.Replace(shopYAML, "source: shop", "source: ship", 1), `metric "latency": open ship: misconfigured: unknown source "ship" (configured sources: shop)`, ""},
		"an address":         {strings.Replace(shopYAML, "source: shop", "source: http://evil/", 1), "callers cannot point the server at an address", ""},
		"a missing variable": {strings.Replace(shopYAML, "${version}", "${pod}", 1), "${pod}", ""},
		"the same query":     {strings.Replace(shopYAML, "latency of ${version}", "latency", 1), "baseline and canary ask the same query", ""},
		"no scopes":          {strings.Replace(shopYAML, "scopes:\n  baseline: {version: v1}\n  canary: {version: v2}\n", "", 1), "", "give ${version} with every analysis"},
	} {
		t.Run(name, func(t *testing.T) {
			got := validate(c.text)
			problems, warnings := strings.Join(got.GetProblems(), "\n"), strings.Join(got.GetWarnings(), "\n")
			if !strings.Contains(problems, c.problem) || (problems == "") != (c.problem == "") {
				t.Errorf("problems %q, want %q", problems, c.problem)
			}
			if !strings.Contains(warnings, c.warning) || (warnings == "") != (c.warning == "") {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
	if got := validate(strings.Replace(shopYAML, "scopes:\n  baseline: {version: v1}\n  canary: {version: v2}\n", "", 1)).GetQueries(); len(got) != 6 || got[0].GetQuery() != "latency of ${version}" {
		t.Errorf("queries without scopes: %v", got)
	}
}
