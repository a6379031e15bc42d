package gate_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// stages returns a Dockerfile's instructions by stage, the name of the stage or
// its number first. Continued lines are not used here.
func stages(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "FROM "):
			out = append(out, []string{line})
		case len(out) == 0:
			t.Fatalf("%s: %q comes before FROM", path, line)
		default:
			out[len(out)-1] = append(out[len(out)-1], line)
		}
	}
	return out
}

// The binary is built as that of the service's image, which deploy/check.sh
// builds with the words of its Dockerfile.
func TestBuiltLikeTheService(t *testing.T) {
	gate, service := stages(t, "Dockerfile"), stages(t, "../Dockerfile")
	if len(gate) != 3 || len(service) != 2 {
		t.Fatalf("%d and %d stages", len(gate), len(service))
	}
	want := strings.ReplaceAll(strings.Join(service[0], "\n"), "\nRUN mkdir /out/state", "")
	if got := strings.Join(gate[0], "\n"); got != want {
		t.Errorf("the build is\n%s\nand the service's\n%s", got, want)
	}
	if gate[2][0] != service[1][0] {
		t.Errorf("%q is not the service's base %q", gate[2][0], service[1][0])
	}
}

// What each image promises to those who run it.
func TestImages(t *testing.T) {
	built := stages(t, "Dockerfile")
	for i, c := range map[int]struct{ has, hasNot string }{
		1: {`^FROM alpine:[0-9.]+ AS shell\n(.*\n)*RUN apk add --no-cache ca-certificates\n`, `ENTRYPOINT|CMD`},
		2: {`\nENTRYPOINT \["/usr/local/bin/judged"\]$`, `CMD`},
	} {
		text := strings.Join(built[i], "\n")
		for _, pattern := range []string{c.has, `\nCOPY --from=build /out/judged /usr/local/bin/judged(\n|$)`, `\nUSER 65532:65532(\n|$)`} {
			if !regexp.MustCompile(pattern).MatchString(text) {
				t.Errorf("stage %d does not have %s:\n%s", i, pattern, text)
			}
		}
		if regexp.MustCompile(c.hasNot).MatchString(text) {
			t.Errorf("stage %d has %s:\n%s", i, c.hasNot, text)
		}
	}
}
