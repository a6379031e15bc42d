package spinnaker_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A base URL with a path is not served alike by all releases of Spinnaker: it
// depends on the client (Retrofit 1 puts base and path together as text, Retrofit 2
// resolves the path as a link, for which the base must end in a slash) and on
// whether the path begins with one. docs/integrations/spinnaker.md has the table.
func TestBaseURLs(t *testing.T) {
	t.Parallel()
	server, _ := start(t, "")
	retrofit1 := func(base, path string) (string, error) {
		return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(path, "/"), nil
	}
	retrofit2 := func(base, path string) (string, error) {
		u, err := url.Parse(base)
		if err != nil {
			return "", err
		}
		if u.Path != "" && !strings.HasSuffix(u.Path, "/") {
			return "", fmt.Errorf("baseUrl must end in /: %s", base)
		}
		if u.Path == "" {
			u.Path = "/"
		}
		link, err := u.Parse(path)
		return link.String(), err
	}
	slash := func(base string) string { return strings.TrimSuffix(base, "/") + "/" }
	for _, c := range []struct {
		client   string
		resolve  func(base, path string) (string, error)
		prepared func(base string) string
		path     string
		works    bool
	}{
		{"Orca to 2025.0, Gate to 1.36, Kayenta's remote judge to 2025.0", retrofit1, nil, "/credentials", true},
		{"Orca from 2025.1, Gate from August 2025", retrofit2, slash, "credentials", true},
		{"Gate 1.37 and 1.38, 2025.0 to July 2025", retrofit2, func(base string) string { return strings.TrimSuffix(base, "/") }, "/credentials", false},
	} {
		for _, base := range []string{server.URL + "/kayenta", server.URL + "/kayenta/"} {
			if c.prepared != nil {
				base = c.prepared(base)
			}
			to, err := c.resolve(base, c.path)
			if (err == nil) != c.works {
				t.Errorf("%s with %s: %q, %v", c.client, base, to, err)
			}
			if err != nil {
				continue
			}
			at, path := to[:strings.LastIndex(to, "/")+1], to[strings.LastIndex(to, "/")+1:]
			var list []credential
			if err := (caller{at, server.Token}).do(limited(t), http.MethodGet, path, nil, nil, &list); err != nil || len(list) == 0 {
				t.Errorf("%s: %s: %v, %v", c.client, to, list, err)
			}
		}
	}
}
