package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/judged-dev/judged/analysis"
	_ "github.com/judged-dev/judged/logs/providers/files" // where the logs of these tests are
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/server"
)

// written keeps the logs of both sides for half an hour: every second a request, and
// on the canary an error in every fourth.
func written(t *testing.T) *analysis.Sources {
	t.Helper()
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		var text strings.Builder
		for n := range 1800 {
			at := longAgo.Add(time.Duration(n+1) * time.Second).Format(time.RFC3339)
			line := func(level, message string) {
				fmt.Fprintf(&text, "{\"time\":%q,\"level\":%q,\"msg\":%q,\"trace_id\":\"%s-%d\"}\n", at, level, message, version, n)
			}
			line("info", fmt.Sprintf("request %d accepted", n))
			if version == "v2" && n%4 == 0 {
				line("error", "connection to the database refused")
			}
		}
		if err := os.WriteFile(filepath.Join(dir, version+".jsonl"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return analysis.NewSources(metrics.Settings{Name: "pods", Provider: "files", URL: dir})
}

const logsCheckout = `name: checkout
application: shop
scopes: {baseline: {version: v1}, canary: {version: v2}}
schedule: {start: 2026-03-01T12:00:00Z, duration: 30m, look_every: 10m, stop: at_end}
logs:
  - {source: pods, query: "${version}.jsonl"}
`

func TestFeedbackCommands(t *testing.T) {
	url := startServer(t, server.Options{Sources: written(t)}, nil)
	config := file(t, "checkout.yaml", logsCheckout)
	out, _, code := typed(t, url, "analyses", "start", config, "--wait", "-f", "json")
	if code != exitFail {
		t.Fatalf("exit %d\n%s", code, out)
	}
	ids := regexp.MustCompile(`"id": "([0-9a-f]{16})"`).FindStringSubmatch(out)
	if ids == nil {
		t.Fatalf("no template is named:\n%s", out)
	}
	template := ids[1]
	if list := must(t, url, "feedback", "list", "--application", "shop"); list != "TEMPLATE  AS  UNTIL  BY  NOTE\n" {
		t.Errorf("at first there is %q", list)
	}
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	out = must(t, url, "feedback", "set", "--application", "shop", template, "--as", "ignored", "--until", tomorrow, "--note", "SHOP-4711", "--days", "90")
	wants(t, "set", out, "^"+template+" pinned as ignored until "+tomorrow+" 00:00:00$", `^JUDGED AGAIN +BEFORE +SCORE +NOW +SCORE$`, `^[0-9a-f-]{36} +FAIL +0.0 +PASS +100.0$`)
	id := regexp.MustCompile(`[0-9a-f-]{36}`).FindString(out)
	wants(t, "list", must(t, url, "feedback", "list", "--application", "shop"), "^"+template+" +ignored +"+tomorrow+" 00:00:00 +- +SHOP-4711$")
	// Both verdicts are shown, and what a pipeline gets is the original.
	out = must(t, url, "analyses", "get", id)
	wants(t, "get", out, `^judged again +PASS, was FAIL: template `+template+` is pinned as ignored, `, "^As it was judged", "^FAIL: |^.*FAIL: the canary is worse", "^With the feedback since then:$", "PASS: the canary is not worse")
	wants(t, "get -f json", must(t, url, "analyses", "get", id, "-f", "json"), `"rescored": \{`, `"rescoredBy": \{`)
	if markdown := must(t, url, "analyses", "get", id, "-f", "markdown"); !strings.Contains(markdown, "FAIL: `checkout`") || strings.Contains(markdown, "PASS: `checkout`") {
		t.Errorf("the judgment of the pipeline is\n%s", markdown)
	}
	if out, _, code := typed(t, url, "analyses", "watch", id); code != exitFail {
		t.Errorf("watch exits with %d: %s", code, out)
	}
	// What it read judges the same without its source and its server.
	recording := filepath.Join(t.TempDir(), "recording.json")
	must(t, url, "analyses", "recording", id, "-o", recording)
	var original struct {
		Judgment map[string]any `json:"judgment"`
	}
	if err := json.Unmarshal([]byte(must(t, url, "analyses", "get", id, "-f", "json")), &original); err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	text, _, code := typed(t, url, "run", "--from", recording, "-f", "json")
	if err := json.Unmarshal([]byte(text), &again); err != nil || code != exitFail {
		t.Fatalf("exit %d: %v\n%s", code, err, text)
	}
	if diff := cmp.Diff(original.Judgment, again); diff != "" {
		t.Errorf("judged again from the recording (-was +is):\n%s", diff)
	}
	// A new one passes.
	if out, _, code := typed(t, url, "analyses", "start", config, "--wait"); code != exitPass {
		t.Errorf("exit %d\n%s", code, out)
	}
	out = must(t, url, "feedback", "delete", template, "--application", "shop")
	wants(t, "delete", out, "^"+template+" has no pin any more$", `PASS +100.0 +FAIL +0.0$`)
	wants(t, "delete twice", must(t, url, "feedback", "delete", template, "--application", "shop", "--days", "0"), "^"+template+" had no pin$")
	for says, args := range map[string][]string{
		"must be one of .ignored.,.info.":       {"set", template, "--as", "fatal"},
		"no date like 2026-12-01":               {"set", template, "--as", "info", "--until", "soon"},
		"is past: give a moment to come":        {"set", template, "--as", "info", "--until", "2026-01-01"},
		"16 hexadecimal digits":                 {"set", "refused", "--as", "info"},
		"rescoreDays is between 0 and 90":       {"set", template, "--as", "info", "--days", "400"},
		"missing flags: --as=SEVERITY":          {"set", template},
		"expected .<template>.|expected .TEMPL": {"delete"},
	} {
		_, complained, code := typed(t, url, append(append([]string{"feedback"}, args...), "--application", "shop")...)
		wants(t, strings.Join(args, " "), complained, says)
		if code != exitError {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}
