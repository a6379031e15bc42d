package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/metrics"
	_ "github.com/judged-dev/judged/metrics/providers/prometheus"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// Each family of deployers is refused in the form that it shows its user.
func TestRefusalsOfDeployers(t *testing.T) {
	t.Parallel()
	a, err := auth.New(t.Context(), auth.Options{MTLS: &auth.MTLS{}})
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, server.Options{Authenticator: a})
	for _, c := range []struct {
		path  string
		field string // of the answer that holds the text
	}{
		{"/argo/measure", "summary"},
		{"/flagger/start", "text"},
		{"/prometheus/api/v1/query", "error"},
		{"/kayenta/canaryConfig", "message"},
		{"/v1/analyses", "message"},
		{"/analyses/one", "message"},
	} {
		status, answer, header := i.call(t, http.MethodPost, c.path, `{}`)
		text, _ := answer[c.field].(string)
		if status != http.StatusUnauthorized || !strings.Contains(text, "who is calling") || header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v", c.path, status, answer)
		}
	}
}

// What one tenant does by a deployer's interface, another does not see; what no rule
// allows is refused there, too, and constraints hold.
func TestDeployersAreCallers(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "ann@alpha", "bob@beta", "guest@alpha")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{{Name: "staff", Allow: "caller.name != 'guest'"}})
	if err != nil {
		t.Fatal(err)
	}
	constraints, err := policy.CompileConstraints([]policy.Constraint{{Name: "sources", Require: "config.metrics.all(m, m.source == 'shop')", Message: "only the shop's"}})
	if err != nil {
		t.Fatal(err)
	}
	sources := analysis.NewSources(metrics.Settings{Name: "prom", Provider: "prometheus", URL: "http://127.0.0.1:1"})
	sources.Use("shop", fake, source{levels})
	i := start(t, server.Options{Authenticator: s.authenticator, Authorization: rules, Constraints: constraints, Sources: sources})
	as := func(who string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("judged:"+s.tokens[who]))}
	}
	ann, bob, guest := as("ann@alpha"), as("bob@beta"), as("guest@alpha")

	config := `{"name":"hidden","applications":["shop"],"metrics":[],"classifier":{"groupWeights":{}}}`
	status, answer, _ := i.call(t, http.MethodPost, "/kayenta/canaryConfig", config, ann...)
	id, _ := answer["canaryConfigId"].(string)
	if status != http.StatusOK || id == "" {
		t.Fatal(status, answer)
	}
	if status, answer, _ := i.call(t, http.MethodGet, "/kayenta/canaryConfig/"+id, "", bob...); status != http.StatusNotFound {
		t.Errorf("another tenant's config: %d %v", status, answer)
	}
	if status, answer, _ := i.call(t, http.MethodGet, "/kayenta/canaryConfig", "", bob...); status != http.StatusOK || answer["text"] != "[]\n" {
		t.Errorf("another tenant's configs: %d %v", status, answer)
	}
	if status, answer, _ := i.call(t, http.MethodGet, "/kayenta/canaryConfig/"+id, "", guest...); status != http.StatusForbidden || !strings.Contains(fmt.Sprint(answer["message"]), "you are guest") {
		t.Errorf("a caller who may nothing: %d %v", status, answer)
	}
	query := "/kayenta/fetch/prometheus/query?metricsAccountName=prom&metricName=up&customFilter=a%3D%22b%22&start=2026-03-01T10:00:00Z&end=2026-03-01T11:00:00Z"
	if status, answer, _ := i.call(t, http.MethodPost, query, "", ann...); status != http.StatusBadRequest || !strings.Contains(fmt.Sprint(answer["message"]), "only the shop's") {
		t.Errorf("a source that constraints do not allow: %d %v", status, answer)
	}

	if _, err := i.as(s.tokens["ann@alpha"]).configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("checkout")})); err != nil {
		t.Fatal(err)
	}
	hook := `{"name":"web","namespace":"prod","phase":"Progressing","checksum":"abc","metadata":{"config":"checkout","baseline.version":"v1","canary.version":"v2-slow"}}`
	if status, answer, _ := i.call(t, http.MethodPost, "/flagger/start", hook, ann...); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer, _ := i.call(t, http.MethodPost, "/flagger/rollback", hook, bob...); status != http.StatusConflict || strings.Contains(fmt.Sprint(answer), "worse") {
		t.Errorf("another tenant's canary: %d %v", status, answer)
	}
	for _, path := range []string{"/flagger/start", "/flagger/confirm-promotion", "/flagger/rollback"} {
		if status, answer, _ := i.call(t, http.MethodPost, path, hook, guest...); status < 400 || status >= 500 {
			t.Errorf("%s by a caller who may nothing: %d %v", path, status, answer)
		}
	}
	if status, answer, _ := i.call(t, http.MethodPost, "/argo/measure", `{"config":"checkout","window":"10m"}`, bob...); answer["verdict"] != "ERROR" {
		t.Errorf("another tenant's config: %d %v", status, answer)
	}
}
