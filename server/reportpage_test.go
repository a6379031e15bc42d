package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/judged-dev/judged/server"
)

// Links in notifications and in answers to deployers lead to a page that a person
// can read.
func TestReportPage(t *testing.T) {
	t.Parallel()
	i := start(t, server.Options{})
	a := i.begin(t, inline(shopConfig("checkout")))
	i.wait(t, a.GetId(), 0)
	status, text := i.page(t, "/analyses/"+a.GetId())
	if status != http.StatusOK || !strings.HasPrefix(text, "analysis "+a.GetId()+", config checkout, completed\n\n") ||
		!strings.Contains(text, "FAIL") || !strings.Contains(text, "latency") || strings.Contains(text, "\x1b") {
		t.Errorf("%d:\n%s", status, text)
	}
	if status, text := i.page(t, "/analyses/none"); status != http.StatusNotFound || !strings.Contains(text, `there is no analysis`) {
		t.Errorf("%d: %s", status, text)
	}
}
