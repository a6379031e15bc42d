package httpx

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	c, err := newCredentials(metrics.Settings{
		URL: "http://h/?token=url-token", BasicUser: "judge", BasicPassword: metrics.Secret{Value: `pass"word\ü`},
		Headers: map[string]metrics.Secret{"X-Token": {Value: "Token abc-def"}, "X-Scope-OrgID": {Value: "1"}, "X-Long": {Value: `pass"word\ü and more`}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.read()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`password pass"word\ü is wrong`:                    "password [secret] is wrong",
		`{"sent": "pass\"word\\ü"}`:                        `{"sent": "[secret]"}`,
		"pass%22word%5C%C3%BC":                             "[secret]",
		"no such token: abc-def":                           "no such token: [secret]",
		"X-Token: Token abc-def":                           "X-Token: [secret]",
		`pass"word\ü and more`:                             "[secret]",
		"org 1 is unknown":                                 "org 1 is unknown",
		"GET /?token=url-token":                            "GET /?token=[secret]",
		"proxyconnect http://me:secret@proxy:3128: failed": "proxyconnect http://[secret]@proxy:3128: failed",
		"Basic " + base64.StdEncoding.EncodeToString([]byte("judge:"+`pass"word\ü`)): "Basic [secret]",
	} {
		if got := s.scrub(text); got != want {
			t.Errorf("scrub(%s) is %s, want %s", text, got, want)
		}
	}
}

// FuzzScrub: no form of a secret stays in a text.
func FuzzScrub(f *testing.F) {
	f.Add("hunter2", "before ", " after")
	f.Add("a[secret]b", "", "")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		const marks = "[secret] ://[secret]@"
		if len(secret) < 8 || strings.Contains(marks, secret) {
			return
		}
		var s secrets
		s.hide(secret)
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if got := s.scrub(before + form + after); strings.Contains(got, secret) && !strings.Contains(before+"[secret]"+after, secret) {
				t.Errorf("scrub(%q) is %q", before+form+after, got)
			}
		}
	})
}
