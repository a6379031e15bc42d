package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/judged-dev/judged/internal/auth"
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
