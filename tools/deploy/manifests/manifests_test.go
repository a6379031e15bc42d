package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// The check must pass what the chart writes, which check.sh sees to, and find each of these slips.
func TestSlips(t *testing.T) {
	text, err := os.ReadFile("testdata/rendered.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	if err := run(strings.NewReader(good), io.Discard, ""); err != nil {
		t.Fatalf("what the chart writes: %v", err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a field that does not exist", "terminationGracePeriodSeconds:", "terminationGraceSeconds:", "unknown field"},
		{"a field of another type", "containerPort: 8390", `containerPort: "8390"`, "containerPort"},
		{"a kind that nobody checks", "kind: ServiceAccount", "kind: Secret", "does not know"},
		{"a port that has no name", "targetPort: http", "targetPort: grpc", `the Service uses the port "grpc"`},
		{"a probe of another port", "path: /readyz\n              port: http", "path: /readyz\n              port: web", `the readiness probe uses the port "web"`},
		{"a mount of nothing", "- {name: settings, mountPath:", "- {name: setting, mountPath:", "mounts the volume setting, which does not exist"},
		{"a ConfigMap of another name", "configMap: {name: judged}", "configMap: {name: judgde}", "the ConfigMap judgde, which does not exist"},
		{"another account", "serviceAccountName: judged", "serviceAccountName: default", "the pod runs as default"},
		{"root's file system", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root file system can be written"},
		{"root", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot is not true"},
		{"more rights", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "may gain privileges"},
		{"no memory limit", "memory: 1Gi", "ephemeral-storage: 1Gi", "no memory limit"},
		{"a stop cut short", "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 30", "cuts a stop short"},
		{"service links", "enableServiceLinks: false", "enableServiceLinks: true", "JUDGED_PORT"},
		{"two processes on one file", "replicas: 1", "replicas: 2", "has 2 replicas"},
		{"no settings", "  judged.yaml: |", "  judged.yml: |", "no judged.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("testdata/rendered.yaml has no %q any more", c.old)
			}
			err := run(strings.NewReader(strings.Replace(good, c.old, c.new, 1)), io.Discard, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// A Service that selects other pods: every one of its labels counts.
	from := strings.Index(good, "kind: Service\n")
	other := good[:from] + strings.Replace(good[from:], "app.kubernetes.io/instance: judged\n  ports", "app.kubernetes.io/instance: other\n  ports", 1)
	if err := run(strings.NewReader(other), io.Discard, ""); err == nil || !strings.Contains(err.Error(), "the selector of the Service does not match") {
		t.Errorf("a Service of other pods: %v", err)
	}
}
