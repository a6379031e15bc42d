package providertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTape(t *testing.T) { //nolint:tparallel // its steps follow each other
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tape", "x.json")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/text":
			w.Header().Set("Content-Type", "text/csv")
			fmt.Fprint(w, "a,b\n1,2\n")
		case r.FormValue("query") == "bad":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"no such query"}`)
		default:
			fmt.Fprintf(w, `{"query":%q,"you":%q,"key":%q}`, r.FormValue("query"), r.Header.Get("Authorization"), r.FormValue("api_key"))
		}
	}))
	defer upstream.Close()

	// ask sends the same requests to a tape that records and one that replays.
	ask := func(t *testing.T, base string) (answers []string) {
		t.Helper()
		send := func(method, path, body string) {
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer hunter2-token")
			if method == http.MethodPost {
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			compact := strings.Join(strings.Fields(string(text)), "")
			answers = append(answers, fmt.Sprint(resp.StatusCode, resp.Header.Get("Content-Type"), compact))
		}
		form := url.Values{"query": {"up{}"}, "api_key": {"hunter2-key"}}.Encode()
		send(http.MethodPost, "/data", form)
		send(http.MethodGet, "/data?"+form, "")
		send(http.MethodPost, "/data", "query=bad")
		send(http.MethodGet, "/text", "")
		return answers
	}
	var recorded []string
	t.Run("record", func(t *testing.T) { recorded = ask(t, recorder(t, file, upstream.URL)) })
	upstream.Close()

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Errorf("the tape tells a secret:\n%s", text)
	}
	if strings.Contains(string(text), `"api_key"`) {
		t.Errorf("the tape has the parameter api_key:\n%s", text)
	}
	base := Tape(t, file, func() string { t.Fatal("the real backend was wanted"); return "" })
	if replayed := ask(t, base); fmt.Sprint(replayed) != fmt.Sprint(recorded) {
		t.Errorf("replayed\n%s\nrecorded\n%s", strings.Join(replayed, "\n"), strings.Join(recorded, "\n"))
	}
	resp, err := http.Get(base + "/other")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("what was not recorded is answered with %s", resp.Status)
	}
}
