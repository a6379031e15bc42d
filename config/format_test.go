package config_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/config"
)

const full = `
name: checkout
description: "yes: it is \"quoted\" # and all"
application: "123"
scopes:
  baseline: {version: "1.10", zone: "no"}
  canary: {version: v2, zone: "null"}
schedule: {warmup: 5m, duration: 60m, interval: 1m, history: 8h, look_every: 2m, grace: 15s, stop: on_fail}
metrics:
  - name: latency
    source: prod
    query: |
      histogram_quantile(0.99,
        sum by (le) (rate(x{v="${version}"}[1m])))
    direction: increase
    critical: true
    margin: {relative: 5%, absolute: 2ms}
    unit: s
  - {name: errors, source: prod, kind: ratio, query: 'e{v="${version}"}', total: 't{v="${version}"}', margin: 0.1%}
decision: {alpha: 0.01, fail: "findings.exists(f, f.critical && f.high)"}
windows: {deny: ["now.getDayOfWeek('Europe/Berlin') == 5"]}
`

func TestFormatIsReadBack(t *testing.T) {
	first, err := config.Parse([]byte(full), "full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Format(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse(text, "again.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !proto.Equal(first, again) {
		t.Errorf("read back as something else:\n%s", text)
	}
	if strings.Contains(string(text), "variables") || strings.Contains(string(text), "{\"") {
		t.Errorf("that is not what a person would write:\n%s", text)
	}
}

func TestDiff(t *testing.T) {
	a, err := config.Parse([]byte(full), "full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := proto.CloneOf(a)
	b.Metrics[0].Critical = false
	b.Scopes.Canary.Variables["version"] = "v3"
	got, err := config.Diff(a, b, "checkout revision 1", "checkout revision 2")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"--- checkout revision 1\n", "+++ checkout revision 2\n", "\n-    version: v2\n+    version: v3\n", "\n-    critical: true\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in:\n%s", line, got)
		}
	}
	if same, err := config.Diff(a, a, "1", "1"); err != nil || same != "" {
		t.Errorf("a config differs from itself: %q, %v", same, err)
	}
}
