package spinnaker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// read returns a file of judged's repository.
func read(t testing.TB, path string) string {
	t.Helper()
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks finds what a page shows in a language.
func blocks(page, language string) (out []string) {
	for _, b := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if b[1] == language {
			out = append(out, b[2])
		}
	}
	return out
}

// The example's config and stage work as they are, under the names and settings
// that the example's server has.
func TestExample(t *testing.T) {
	t.Parallel()
	settings := read(t, "examples/spinnaker/judged.yaml")
	_, kayenta, found := strings.Cut(settings, "\nkayenta:")
	if !found {
		t.Fatal("examples/spinnaker/judged.yaml has no kayenta:")
	}
	server, _ := start(t, "kayenta:"+kayenta)
	o := orca{callerOf(server)}
	var config map[string]any
	if err := json.Unmarshal([]byte(read(t, "examples/spinnaker/canary-config.json")), &config); err != nil {
		t.Fatal(err)
	}
	stored(t, o.caller, config)
	var whole struct {
		Type         string          `json:"type"`
		CanaryConfig json.RawMessage `json:"canaryConfig"`
	}
	if err := json.Unmarshal([]byte(read(t, "examples/spinnaker/stage.json")), &whole); err != nil || whole.Type != "kayentaCanary" {
		t.Fatalf("%+v, %v", whole, err)
	}
	s := readStage(t, string(whole.CanaryConfig))
	for _, storage := range []string{s.StorageAccountName, "my-kayenta-bucket"} {
		s.StorageAccountName, s.ConfigurationAccountName = storage, storage
		out := s.run(limited(t), o, "shop", time.Now().Add(-2*time.Hour))
		if out.status != "SUCCEEDED" || !slices.Equal(out.scores, []int{100}) || out.waited != 65*time.Minute {
			t.Errorf("%s: %+v", storage, out)
		}
	}
	s.Scopes[0].ExperimentScope = live.Slow
	if out := s.run(limited(t), o, "shop", time.Now().Add(-2*time.Hour)); out.status != "TERMINAL" || !slices.Equal(out.scores, []int{0}) {
		t.Errorf("a slow one: %+v", out)
	}
}

// The pages show the files.
func TestPagesShowFiles(t *testing.T) {
	page := read(t, "docs/integrations/spinnaker.md")
	for _, name := range []string{"judged.yaml", "spinnaker-local.yml", "kayenta-local.yml"} {
		if !slices.Contains(blocks(page, "yaml"), read(t, "examples/spinnaker/"+name)) {
			t.Errorf("docs/integrations/spinnaker.md does not show examples/spinnaker/%s as it is", name)
		}
	}
}

// docs/kayenta.md lists what is served, and nothing else.
func TestRoutesInDocs(t *testing.T) {
	var served, listed []string
	for _, m := range regexp.MustCompile(`(?m)^\t\t"((?:GET|POST|PUT|DELETE) /[^"]*)":`).FindAllStringSubmatch(read(t, "compat/kayenta/rest/service.go"), -1) {
		served = append(served, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:GET|POST|PUT|DELETE) /[^`]*)` \\|[^|]*\\|$").FindAllStringSubmatch(read(t, "docs/kayenta.md"), -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(served)
	slices.Sort(listed)
	if len(served) < 30 || !slices.Equal(served, listed) {
		t.Errorf("docs/kayenta.md lists\n%s\nserved are\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

// docs/kayenta.md lists the rights that the interface asks for.
func TestRightsInDocs(t *testing.T) {
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "compat/kayenta/rest/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/kayenta.md")
	count := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:analyses|configs)\.[a-z]+|judge)"`).FindAllSubmatch(text, -1) {
			if count++; !bytes.Contains([]byte(page), fmt.Appendf(nil, "`%s`", m[1])) {
				t.Errorf("%s asks for %s, which docs/kayenta.md does not list", filepath.Base(file), m[1])
			}
		}
	}
	if count < 10 {
		t.Errorf("found only %d rights", count)
	}
}

// The commands of the pages do what they say.
func TestCommandsInDocs(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the pages' commands need %s, which is not installed", program)
		}
	}
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	for page, last := range map[string]string{"docs/kayenta.md": `"classification": "Pass"`, "docs/integrations/spinnaker.md": "canaryConfigId"} {
		server, _ := start(t, "")
		scripts := blocks(read(t, page), "sh")
		if len(scripts) == 0 {
			t.Fatalf("%s shows no commands", page)
		}
		c := exec.CommandContext(limited(t), "bash", "-euo", "pipefail", "-c", strings.Join(scripts, "\n"))
		c.Dir, c.Env = root, append(os.Environ(), "JUDGED_URL="+server.URL, "JUDGED_TOKEN="+server.Token)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), last) {
			t.Errorf("%s: %v, want %s:\n%s", page, err, last, out)
		}
	}
}

// The proxy adds the token and the path, and lets Orca start a canary that is due
// while judged is away.
func TestProxy(t *testing.T) {
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	server, _ := start(t, "")
	dir := t.TempDir()
	proxy := fmt.Sprint("127.0.0.1:", 19000+rand.IntN(1000)) // below the ports that systems give to callers
	conf := read(t, "examples/spinnaker/nginx.conf")
	for from, to := range map[string]string{
		"listen 8090;":          "listen " + proxy + ";",
		"http://judged:8390/":   server.URL + "/",
		"/etc/judged/":          dir + "/",
		"worker_processes 1;\n": "worker_processes 1;\ndaemon off;\npid " + dir + "/pid;\nerror_log stderr;\n",
		"http {\n": "http {\naccess_log off;\nclient_body_temp_path " + dir + "/body;\nproxy_temp_path " + dir + "/proxy;\n" +
			"fastcgi_temp_path " + dir + "/f;\nuwsgi_temp_path " + dir + "/u;\nscgi_temp_path " + dir + "/s;\n",
	} {
		if strings.Count(conf, from) != 1 {
			t.Fatalf("nginx.conf has %q %d times", from, strings.Count(conf, from))
		}
		conf = strings.Replace(conf, from, to, 1)
	}
	authorization := blocks(read(t, "docs/integrations/spinnaker.md"), "")
	for name, text := range map[string]string{"nginx.conf": conf, "authorization.conf": strings.Replace(authorization[0], "TOKEN", server.Token, 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	c := exec.Command(nginx, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	c.Stderr = &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt) // it has ended by itself if this fails
		_ = c.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", log.String())
		}
	})
	o := orca{caller{base: "http://" + proxy + "/"}}
	for ctx := limited(t); ; {
		list, err := o.credentials(ctx)
		if err == nil && len(list) > 0 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(pollEvery)
	}
	s := past(t, live.Source, stored(t, o.caller, config("parts", netflix, 1, nil)), "v1", "v2")
	server.Kill()
	done := make(chan outcome)
	go func() { done <- s.run(limited(t), o, "shop", time.Now()) }()
	if _, err := o.create(limited(t), s.CanaryConfigID, "shop", "01JPIPELINE", s, nil); !retried(http.MethodPost, err) {
		t.Errorf("judged is away: %v", err)
	}
	server.Restart()
	if out := <-done; out.status != "SUCCEEDED" {
		t.Errorf("%+v", out)
	}
}
