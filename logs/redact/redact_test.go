package redact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func newDefault(tb testing.TB) *Redactor {
	tb.Helper()
	r, err := New(Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// The secrets here are made up; parts are joined so that no scanner of
// repositories takes them for real.
const jwt = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"

func TestSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"Authorization: Bearer abc123DEF456":                                              "Authorization: Bearer [redacted token]",
		`{"authorization":"Basic dXNlcjpwYXNz"}`:                                          `{"authorization":"Basic [redacted token]"}`,
		`\"Authorization\": \"token 0123abcdef\"`:                                         `\"Authorization\": \"token [redacted token]\"`,
		"sent bearer 0a1b2c3d4e5f to upstream":                                            "sent bearer [redacted token] to upstream",
		"got " + jwt + " from client":                                                     "got [redacted token] from client",
		"key " + "AKIA" + "IOSFODNN7EXAMPLE used":                                         "key [redacted token] used",
		"ghp_" + strings.Repeat("a1B2", 9):                                                "[redacted token]",
		"use " + "xoxb-" + "123456789012-abcdefABCDEF":                                    "use [redacted token]",
		"AIza" + strings.Repeat("Sy4kZ", 7):                                               "[redacted token]",
		"sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc":                                      "[redacted token]",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nthen": "[redacted private-key]\nthen",
		"-----BEGIN PRIVATE KEY-----\nMIIE cut off":                                       "[redacted private-key]",
		"password=hunter2 user=bob":                                                       "password=[redacted password] user=bob",
		"login with password: swordfish":                                                  "login with password: [redacted password]",
		`{"db_password":"a \"b\" c","n":1}`:                                               `{"db_password":"[redacted password]","n":1}`,
		`{"log":"{\"password\":\"x y\"}"}`:                                                `{"log":"{\"password\":\"[redacted password]\"}"}`,
		`level=info client_secret="s3 cr3t" n=1`:                                          `level=info client_secret="[redacted password]" n=1`,
		"GET /v1?user=1&api_key=abcdef&x=2":                                               "GET /v1?user=1&api_key=[redacted password]&x=2",
		"X-Api-Key: 0123456789":                                                           "X-Api-Key: [redacted password]",
		"access_token=abc&token=def":                                                      "access_token=[redacted password]&token=[redacted password]",
		"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG":                                   "aws_secret_access_key = [redacted password]",
		"passwd='it is'":                                                                  "passwd='[redacted password]'",
		"postgres://bob:s3cr3t@db:5432/shop":                                              "postgres://[redacted password]@db:5432/shop",
		"redis://:p@ss@cache/0":                                                           "redis://[redacted password]@cache/0",
		"mail to alice.b+c@example.co.uk failed":                                          "mail to [redacted email] failed",
		"x-" + jwt + ".and.more.parts":                                                    "x-[redacted token].parts",
		"private_key=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nthen":  "private_key=[redacted private-key]\nthen",
		"token := abc1, secret => d3f, password == ghi":                                   "token := [redacted password], secret => [redacted password], password == [redacted password]",
		`{"a":"{\"b\":\"{\\\"n\\\":1}\",\"password\":\"x\\\"y\"}"}`:                       `{"a":"{\"b\":\"{\\\"n\\\":1}\",\"password\":\"[redacted password]\"}"}`,
		"token: Bearer A1b2C3d4E5, secret=x-basic A1b2C3d4E5":                             "token: Bearer [redacted token], secret=[redacted password] [redacted token]",
		"Authorization: Basic abcdefgh":                                                   "Authorization: Basic [redacted token]",
		"Authorization=apikey   abc12345":                                                 "Authorization=apikey   [redacted token]",
		"whsec_" + "a1b2c3d4e5f6 rk_" + "test_" + "a1b2c3d4e5f6":                          "[redacted token] [redacted token]",
		"github_pat_" + strings.Repeat("a_1", 9):                                          "[redacted token]",
		"ya29." + strings.Repeat("a-B", 9):                                                "[redacted token]",
		"card 4111-1111-1111-1111 12 refused":                                             "card [redacted card] 12 refused",
		"card 4111 1111 1111 1111 refused":                                                "card [redacted card] refused",
		"card=5500-0055-5555-5559, amex 371449635398431":                                  "card=[redacted card], amex [redacted card]",
	} {
		r := newDefault(t)
		got := r.Text(in)
		if got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
		if again := r.Text(got); again != got {
			t.Errorf("%q, redacted again, became %q", got, again)
		}
	}
}

func TestLookAlikesStay(t *testing.T) {
	r := newDefault(t)
	for _, in := range []string{
		"",
		"token expired",
		"invalid token: expired",
		"unexpected token < in JSON at position 4",
		"secret not found",
		`secret "shop" not found`,
		"basic authentication failed",
		"bearer authentication required",
		"Authorization: required",
		"password is required",
		`{"password":null,"token":"","secret":"***"}`,
		"max_tokens=512 token_type=none tokens=3",
		"tokenizer=fast passwordless=yes",
		"id 123e4567-e89b-12d3-a456-426614174000",
		"commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
		"host ip-10-0-0-1.eu-west-1.compute.internal:8080",
		"http://example.com:8080/path and https://example.com/a:b@c",
		"mod@v1.2.3 and @handle and a@b",
		"at 1767366245000000000 ns, 1767366245123 ms",
		"order 4111111111111112",        // the check digit is wrong
		"order 9111111111111111111",     // no network begins with 9
		"count 41111111111111111111111", // longer than any card
		"eyJust a word.that.has dots",
		"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
		"AKIA is a prefix, sk_live is one too",
		"[redacted token] [redacted email]",
	} {
		if got := r.Text(in); got != in {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestOptions(t *testing.T) {
	r, err := New(Options{Keep: []Kind{Email, Card}, Patterns: []string{`\bcust-[0-9]+\b`, "redacted"}})
	if err != nil {
		t.Fatal(err)
	}
	in := "bob@example.com cust-17 4111111111111111 password=x1"
	if got, want := r.Text(in), "bob@example.com [redacted pattern] 4111111111111111 password=[redacted password]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, o := range map[string]Options{
		"an unknown kind":    {Keep: []Kind{"emails"}},
		"the extra kind":     {Keep: []Kind{Pattern}},
		"no pattern":         {Patterns: []string{"("}},
		"empty match":        {Patterns: []string{"x*"}},
		"too long":           {Patterns: []string{strings.Repeat("x", maxPatternLength+1)}},
		"too many":           {Patterns: make([]string, maxPatterns+1)},
		"repeated too often": {Patterns: []string{"(x{900}){900}"}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "password=a b", `"token": "x\"y"`, "a://b:c@d", "x@y.zz", "4111 1111 1111 1111", "Bearer A1234567", jwt,
		"-----BEGIN PRIVATE KEY-----", "[redacted token]", "password=[redacted x]", "secret=password=token=x1", "\xff password=\xff",
	} {
		f.Add(s)
	}
	r := newDefault(f)
	f.Fuzz(func(t *testing.T, s string) {
		once := r.Text(s)
		if again := r.Text(once); again != once {
			t.Fatalf("%q became %q, then %q", s, once, again)
		}
		if utf8.ValidString(s) && !utf8.ValidString(once) {
			t.Fatalf("%q became %q", s, once)
		}
		// A secret has a byte at least and so has its marker's text.
		if len(once) > len(s)*len("[redacted private-key]") {
			t.Fatalf("%d bytes became %d", len(s), len(once))
		}
		// Whatever surrounds it, a named value goes.
		if hidden := r.Text(s + " password=hunter2hunter2"); strings.Contains(hidden, "hunter2hunter2") {
			t.Fatalf("%q kept the password", hidden)
		}
	})
}

func BenchmarkText(b *testing.B) {
	text := strings.Repeat("and more text about it ", 10)
	for name, line := range map[string]string{
		"password": "2026-01-02 order placed for alice@example.com with password=hunter2, " + text,
		"token":    `{"level":"info","msg":"` + text + `","authorization":"Bearer ` + jwt + `"}`,
		"none":     "2026-01-02 order placed for a customer with a basket of things in it " + text,
		"hints":    "GET https://shop.example/a:b?x=1&y=2 by user=bob: key=value, tokens=17, at 12:34:56.789, id=123e4567-e89b-12d3-a456-426614174000 " + text,
	} {
		b.Run(name, func(b *testing.B) {
			r := newDefault(b)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				r.Text(line)
			}
		})
	}
}

func TestLinesWithoutSecretsAllocateNothing(t *testing.T) {
	r := newDefault(t)
	line := strings.Repeat("GET http://shop/a?x=1 tokens=3 [x] 12:34:56.789 Basic a-b.c ", 5)
	if n := testing.AllocsPerRun(100, func() { r.Text(line) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestLinear: of beginnings that lead to nothing, each is looked at a bounded
// number of times. The whole takes a second; if one form were quadratic, many minutes.
func TestLinear(t *testing.T) {
	r := newDefault(t)
	for _, piece := range []string{
		"eyJ-", "eyJ.", "eyJaaaaaaaaaaa.a-", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END ", "ghp_", "xoxb-", "ya29.", "AIza", "k_live_", "sk_live_", "AKIA",
		"authorization:", "authorization: bearer ", "bearer ", "basic a-", "a://b:", "a://", "a:@", "token=", `token="`, `token=\"`, `token=\\\"`, `token='`, `token=''`, "token= ",
		"a@", "a@b.", "a.b-c%", "4-", "4111 ", "41111111", "[redacted ", "[redacted token]", "[redacted token]token=", "   =", `\"`, ".", "-", "\xff",
	} {
		r.Text(strings.Repeat(piece, 1<<20/len(piece)))
	}
}
