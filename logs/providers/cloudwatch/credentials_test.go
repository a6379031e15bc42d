package cloudwatch

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/logs/sourcetest"
	"github.com/judged-dev/judged/metrics"
)

// The published test suite of Signature Version 4: region us-east-1, service
// "service", 2015-08-30T12:36:00Z.
//
// https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4
func TestSign(t *testing.T) {
	t.Parallel()
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	k := keys{id: keyID, secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	const session = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd" +
		"QrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
	tests := []struct {
		name, method, path, kind, body, token string
		signed, signature                     string
	}{
		{"get-vanilla", http.MethodGet, "/", "", "", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", http.MethodGet, "/?Param2=value2&Param1=value1", "", "", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-utf8-query", http.MethodGet, "/?ሴ=bar", "", "", "", "host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{"post-vanilla", http.MethodPost, "/", "", "", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{
			"post-x-www-form-urlencoded", http.MethodPost, "/", "application/x-www-form-urlencoded", "Param1=value1", "", "content-type;host;x-amz-date",
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		{
			"post-sts-header-before", http.MethodPost, "/", "", "", session, "host;x-amz-date;x-amz-security-token",
			"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
		},
	}
	for _, test := range tests {
		req := httptest.NewRequest(test.method, "https://example.amazonaws.com"+test.path, nil)
		req.Host, req.URL.Host = "", "example.amazonaws.com"
		if test.kind != "" {
			req.Header.Set("Content-Type", test.kind)
		}
		with := k
		with.token = test.token
		sign(req, []byte(test.body), with, "us-east-1", "service", at)
		want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + test.signed + ", Signature=" + test.signature
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
	t.Setenv("AWS_SESSION_TOKEN", "env-session-token")
	good := server([]sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}})
	src := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signedWith(r, keys{keyID, "env-secret", "env-session-token"}) {
			answers(403, fmt.Sprintf(`{"__type":"X","message":"you sent %s"}`, r.Header.Get("X-Amz-Security-Token")))(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}), metrics.Settings{})
	if got, _, err := read(t, src, "/g"); err != nil || len(got) != 1 {
		t.Errorf("got %q and %v, want a line", got, err)
	}
	t.Setenv("AWS_SESSION_TOKEN", "replaced-session-token")
	_, _, err := read(t, src, "/g")
	if err == nil || !strings.Contains(err.Error(), "you sent [secret]") || strings.Contains(fmt.Sprintf("%#v", err), "replaced-") {
		t.Errorf("got %v, want an error without the token", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, _, err = read(t, src, "/g")
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), "only one is set") {
		t.Errorf("got %v, want Misconfigured", err)
	}
}

func TestWebIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("eyJhbGciOi.the-service-account's"), 0o600); err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::123456789012:role/judge"
	now, issued := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), 0
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("Version") != "2011-06-15" || r.FormValue("RoleArn") != role ||
			r.FormValue("RoleSessionName") != "judged" || r.FormValue("WebIdentityToken") != "eyJhbGciOi.the-service-account's" {
			answers(403, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>`+
				`<Message>Not authorized, `+r.FormValue("WebIdentityToken")+`</Message></Error></ErrorResponse>`)(w, r)
			return
		}
		issued++
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>secret-%d</SecretAccessKey><SessionToken>session-token-%d</SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, issued, issued, issued, now.Add(time.Hour).Format(time.RFC3339))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	t.Setenv("AWS_ROLE_ARN", role)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	valid := 1
	good := server([]sourcetest.Line{{Time: start.Add(time.Second), Message: "m"}})
	src := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signedWith(r, keys{fmt.Sprint("ASIA", valid), fmt.Sprint("secret-", valid), fmt.Sprint("session-token-", valid)}) {
			answers(400, `{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}`)(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}), metrics.Settings{})
	src.credentials.(*webIdentity).now = func() time.Time { return now }
	once := func(wantIssued int) {
		t.Helper()
		if got, _, err := read(t, src, "/g"); err != nil || len(got) != 1 {
			t.Fatalf("got %q and %v, want a line", got, err)
		}
		if issued != wantIssued {
			t.Errorf("%d keys were issued, want %d", issued, wantIssued)
		}
	}
	once(1)
	once(1) // kept
	now, valid = now.Add(56*time.Minute), 2
	once(2) // renewed before the end
	valid = 3
	once(3) // renewed after a refusal

	if err := os.WriteFile(file, []byte("eyJhbGciOi.somebody-else's"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	_, _, err := read(t, src, "/g")
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok || e.Reason != metrics.Denied || e.Source != "aws" || !strings.Contains(err.Error(), "AccessDenied: Not authorized, [secret]") || strings.Contains(err.Error(), "eyJ") {
		t.Errorf("got %v, want Denied without the token", err)
	}
	sts.Config.Handler = answers(200, "<x>session-token-9</x>")
	_, _, err = read(t, src, "/g")
	if reason, _ := metrics.ReasonOf(err); reason != metrics.BadAnswer || strings.Contains(err.Error(), "session-token") {
		t.Errorf("got %v, want BadAnswer", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, _, err = read(t, src, "/g")
	if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want Misconfigured", err)
	}
}

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		settings metrics.Settings
		contains string
	}{
		{metrics.Settings{}, "there are no credentials for AWS"},
		{metrics.Settings{Bearer: metrics.Secret{Value: "hunter2"}}, "no bearer token"},
		{metrics.Settings{BasicPassword: metrics.Secret{Value: "hunter2"}}, "without a basic_user"},
		{metrics.Settings{BasicUser: keyID}, "secret access key, cannot be read"},
		{metrics.Settings{BasicUser: keyID, BasicPassword: metrics.Secret{Value: "hunter2"}, URL: "ftp://h"}, "ftp:"},
	} {
		_, err := Open(test.settings)
		if reason, _ := metrics.ReasonOf(err); reason != metrics.Misconfigured || !strings.Contains(err.Error(), test.contains) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: got %v, want Misconfigured and %q", test.settings, err, test.contains)
		}
	}
}
