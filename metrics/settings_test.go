package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	t.Setenv("JUDGED_TEST_SECRET", "hunter2")
	t.Setenv("JUDGED_TEST_EMPTY", "")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		secret    Secret
		want, err string
	}{
		{Secret{Env: "JUDGED_TEST_SECRET"}, "hunter2", ""},
		{Secret{Env: "JUDGED_TEST_EMPTY"}, "", "environment variable JUDGED_TEST_EMPTY is not set"},
		{Secret{File: file("token", "hunter2\r\n\n")}, "hunter2", ""},
		{Secret{File: file("empty", "\n")}, "", "empty is empty"},
		{Secret{File: file("large", strings.Repeat("x", maxSecret+1))}, "", "a secret has at most 65536"},
		{Secret{File: dir}, "", "is no regular file"},
		{Secret{File: filepath.Join(dir, "none")}, "", "no such file"},
		{Secret{Value: "hunter2"}, "hunter2", ""},
		{Secret{}, "", "no secret is configured"},
	} {
		got, err := c.secret.Read()
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q and %v, want %q and %q", c.secret, got, err, c.want, c.err)
		}
	}
	// A file is read at use.
	s := Secret{File: file("token", "new")}
	if got, err := s.Read(); got != "new" || err != nil {
		t.Errorf("got %q and %v after the file was replaced", got, err)
	}
	given := Settings{Bearer: Secret{Value: "hunter2"}, Headers: map[string]Secret{"X-A": {Value: "hunter2"}}}
	encoded, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(encoded), fmt.Sprintf("%v", given), fmt.Sprintf("%+v", given), fmt.Sprintf("%#v", given), fmt.Sprintf("%q", given.Bearer)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("settings show a secret: %s", text)
		}
	}
}
