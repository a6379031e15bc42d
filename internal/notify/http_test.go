package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// secretPath stands for the token in the address of a chat's webhook.
const secretPath = "/services/T0SECRET00/B0SECRET00/XyZsecretXyZsecretXyZ?key=QuerySecret"

// secretWords must not appear in any error.
var secretWords = []string{"SECRET", "secretXyZ", "QuerySecret", "HeaderSecret", newSecret}

func secretWebhook(url string) Settings {
	return Settings{Webhook: &Webhook{
		URL: given(url + secretPath), Secrets: []metrics.Secret{given(newSecret)},
		Headers: map[string]metrics.Secret{"X-Key": given("Token HeaderSecret")},
	}}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	status := func(code int, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	elsewhere := newSink(t, nil)
	tests := []struct {
		name   string
		answer http.HandlerFunc
		reason Reason
		after  time.Duration
		want   []string
	}{
		{"429 in seconds", status(429, "slow down", "Retry-After", "30"), Throttled, 30 * time.Second, []string{"429 Too Many Requests: slow down", "asks to wait 30s", "narrow the routes"}},
		{"429 with a date", status(429, "", "Retry-After", sendTime.Add(90*time.Second).Format(http.TimeFormat)), Throttled, 90 * time.Second, nil},
		{"429 for ever", status(429, "", "Retry-After", "1e300"), Throttled, time.Hour, nil},
		{"429 alone", status(429, ""), Throttled, 0, nil},
		{"500", status(500, "boom"), Temporary, 0, []string{"500 Internal Server Error: boom"}},
		{"503 in seconds", status(503, "", "Retry-After", "5"), Temporary, 5 * time.Second, nil},
		{"408", status(408, ""), Temporary, 0, nil},
		{"425", status(425, ""), Temporary, 0, nil},
		{"400", status(400, "no"), Permanent, 0, []string{"400 Bad Request: no"}},
		{"401", status(401, "", "Retry-After", "5"), Permanent, 0, []string{"check the channel's credentials"}},
		{"404", status(404, ""), Permanent, 0, []string{"is the channel's address right"}},
		{"410", status(410, ""), Permanent, 0, nil},
		{"413", status(413, ""), Permanent, 0, []string{"shorten the channel's templates"}},
		{"redirect to another host", status(307, "", "Location", elsewhere.URL+"/SECRET"), Permanent, 0, []string{"a redirect to " + elsewhere.URL + ", which is not followed"}},
		{"redirect on the host", status(302, "", "Location", "/login"), Permanent, 0, []string{"not followed"}},
		{"secrets come back", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, r.URL, r.URL.Path, r.Header, newSecret)
		}, Permanent, 0, []string{"[secret]"}},
		{"hostile text", status(400, "a\r\nb\x1b[31m\u202e"+strings.Repeat("x", 10000)), Permanent, 0, []string{"a b\ufffd[31m\ufffdxxx"}},
		{"huge error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			for block := []byte(strings.Repeat("x", 32<<10)); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, Permanent, 0, []string{"400 Bad Request: xxx"}},
		{"huge header", status(400, "", "X-Big", strings.Repeat("x", 1<<20)), Temporary, 0, nil},
		{"cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Temporary, 0, []string{"EOF"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t, test.answer)
			err := s.open(t, secretWebhook(s.URL)).Send(t.Context(), failEvent())
			failed := wantError(t, err, test.reason, append(test.want, "notify ops: ", "POST "+s.URL)...)
			if failed.RetryAfter != test.after {
				t.Errorf("retry after %s, want %s", failed.RetryAfter, test.after)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			for _, word := range secretWords {
				if strings.Contains(err.Error(), word) {
					t.Errorf("%q is in %q", word, err)
				}
			}
			if s.count() != 1 {
				t.Errorf("%d requests for one send", s.count())
			}
		})
	}
	t.Cleanup(func() {
		if elsewhere.count() != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// A success whose answer never ends, or breaks off, is a success: sending
// again would deliver twice.
func TestHugeSuccess(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for block := []byte(strings.Repeat("x", 32<<10)); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			fmt.Fprint(w, "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t, answer)
			send(t, s.open(t, secretWebhook(s.URL)), failEvent())
		})
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := newSink(t, hang)
	settings := secretWebhook(s.URL)
	settings.Timeout = 50 * time.Millisecond
	err := s.open(t, settings).Send(t.Context(), failEvent())
	wantError(t, err, Temporary, "POST "+s.URL+" did not answer within the channel's timeout")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no DeadlineExceeded", err)
	}

	s = newSink(t, hang)
	c := s.open(t, secretWebhook(s.URL))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Send(ctx, failEvent()) }()
	for s.count() < 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v is no Canceled", err)
	} else {
		wantError(t, err, Temporary, "was interrupted")
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, c.Send(ctx, failEvent()), Temporary, "did not answer before the deadline")
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	// Somebody else's authority.
	ca, _, _ := certificate(t)
	for _, settings := range []metrics.TLS{{}, {CAFile: ca}} {
		c := open(t, func() Settings { w := secretWebhook(s.URL); w.TLS = settings; return w }())
		wantError(t, c.Send(t.Context(), failEvent()), Temporary, "certificate", "set tls.ca_file")
	}
	wrong := secretWebhook(s.URL)
	wrong.TLS.ServerName = "hooks.invalid"
	wantError(t, s.open(t, wrong).Send(t.Context(), failEvent()), Temporary, "set tls.server_name")

	closed := listen(t, func(net.Conn) {})
	refused := newSink(t, nil)
	refused.Close()
	wantError(t, refused.open(t, secretWebhook(refused.URL)).Send(t.Context(), failEvent()), Temporary, "connection refused", "is it running")
	wantError(t, open(t, secretWebhook("http://no-such-host.invalid")).Send(t.Context(), failEvent()), Temporary, "no-such-host.invalid")
	// Something that speaks no TLS, and something that speaks no HTTP.
	wantError(t, open(t, secretWebhook(fmt.Sprintf("https://127.0.0.1:%d", closed))).Send(t.Context(), failEvent()), Temporary, "POST https://127.0.0.1")
	garbage := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 64<<10))
		fmt.Fprint(c, "220 smtp ready\r\n")
		io.Copy(io.Discard, c) // a close with unread bytes would reset what was written
	})
	wantError(t, open(t, secretWebhook(fmt.Sprintf("https://127.0.0.1:%d", garbage))).Send(t.Context(), failEvent()), Temporary, "does not speak TLS")
	wantError(t, open(t, secretWebhook(fmt.Sprintf("http://127.0.0.1:%d", garbage))).Send(t.Context(), failEvent()), Temporary, "malformed HTTP")
}

func TestBadEvents(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	c := s.open(t, secretWebhook(s.URL))
	for want, change := range map[string]func(*Event){
		"has no id":                func(e *Event) { e.ID = "" },
		"the unknown type \"x\"":   func(e *Event) { e.Type = "x" },
		"has no time":              func(e *Event) { e.Time = time.Time{} },
		"year outside of range":    func(e *Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		`the unknown type "look "`: func(e *Event) { e.Type = "look " },
	} {
		e := failEvent()
		change(&e)
		wantError(t, c.Send(t.Context(), e), Permanent, want)
	}
	if s.count() != 0 {
		t.Error("something was sent")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	hook := func(change func(*Webhook)) Settings {
		w := Webhook{URL: given("https://x.invalid"), Secrets: []metrics.Secret{given(newSecret)}}
		change(&w)
		return Settings{Name: "ops", Webhook: &w}
	}
	mail := func(change func(*Email)) Settings {
		m := Email{Host: "mail.invalid", From: "a@b.invalid", To: []string{"c@d.invalid"}}
		change(&m)
		return Settings{Name: "ops", Email: &m}
	}
	events := func(c CloudEvents) Settings {
		c.URL = given("https://x.invalid")
		return Settings{Name: "ops", CloudEvents: &c}
	}
	slack := func(s Slack) Settings { return Settings{Name: "ops", Slack: &s} }
	push := func(p Push) Settings { return Settings{Name: "ops", Push: &p} }
	missing := metrics.Secret{Env: "JUDGED_TEST_NOT_SET"}
	tests := []struct {
		settings Settings
		want     string
	}{
		{Settings{Slack: &Slack{}}, "it has no name"},
		{Settings{Name: "ops"}, "set one of slack, email,"},
		{Settings{Name: "ops", Slack: &Slack{}, Push: &Push{}}, "several kinds, slack and push"},
		{Settings{Name: "ops", Timeout: -1, Slack: &Slack{}}, "timeout is -1ns"},
		{Settings{Name: "ops", Timeout: time.Hour, Slack: &Slack{}}, "timeout is 1h0m0s; it may be up to 1m0s"},
		{hook(func(w *Webhook) { w.URL = given("ftp://u:SECRET@x") }), "does not start with http"},
		{hook(func(w *Webhook) { w.URL = given("https://u:SECRET@x") }), "has a user name in it"},
		{hook(func(w *Webhook) { w.URL = given("https://SECRET%zz\x7f") }), "control character"},
		{hook(func(w *Webhook) { w.URL = given("https://SECRET%zz") }), "cannot be parsed"},
		{hook(func(w *Webhook) { w.URL = given("https:///SECRET") }), "names no host"},
		{hook(func(w *Webhook) { w.URL = missing }), "JUDGED_TEST_NOT_SET is not set"},
		{hook(func(w *Webhook) { w.Secrets = nil }), "it has 0 secrets"},
		{hook(func(w *Webhook) { w.Secrets = make([]metrics.Secret, 6) }), "it has 6 secrets"},
		{hook(func(w *Webhook) { w.Secrets = []metrics.Secret{given("whsec_SECRET")} }), "24 to 64 bytes in base64"},
		{hook(func(w *Webhook) { w.Secrets = []metrics.Secret{given("whsec_U0VDUkVU")} }), "24 to 64 bytes in base64"},
		{hook(func(w *Webhook) { w.Headers = map[string]metrics.Secret{"a b": given("x")} }), "no header name"},
		{hook(func(w *Webhook) { w.Headers = map[string]metrics.Secret{"webhook-id": given("x")} }), "set by judged itself"},
		{hook(func(w *Webhook) { w.Headers = map[string]metrics.Secret{"x": given("x"), "X": given("y")} }), "set twice"},
		{hook(func(w *Webhook) { w.Headers = map[string]metrics.Secret{"x": given("a\r\nb: SECRET")} }), "line break"},
		{func() Settings { s := hook(func(*Webhook) {}); s.Title = "x"; return s }(), "format is fixed"},
		{func() Settings { s := hook(func(*Webhook) {}); s.TLS.CAFile = "no-such-file"; return s }(), "the CA file"},
		{func() Settings { s := hook(func(*Webhook) {}); s.TLS.CertFile = "x"; return s }(), "needs both cert_file and key_file"},
		{mail(func(m *Email) { m.Security = "ssl" }), "may be starttls, tls or none"},
		{mail(func(m *Email) { m.Host = "smtp://x" }), "no host's name"},
		{mail(func(m *Email) { m.Port = 70000 }), "port is 70000"},
		{mail(func(m *Email) { m.To = nil }), "0 addresses in to"},
		{mail(func(m *Email) { m.To = make([]string, 51) }), "51 addresses in to"},
		{mail(func(m *Email) { m.To = []string{"a@b\r\nBcc: c@d"} }), "in to"},
		{mail(func(m *Email) { m.From = "nobody" }), "from is"},
		{mail(func(m *Email) { m.Username = "u" }), "username and password go together"},
		{mail(func(m *Email) { m.Username, m.Password = "u", missing }), "the password cannot be read"},
		{mail(func(m *Email) { m.HTML = "<a href={{.URL" }), "the html template"},
		{mail(func(m *Email) { m.HTML = "<a href='{{if .URL}}'>{{end}}" }), "html"},
		{events(CloudEvents{Mode: "batched"}), "binary or structured"},
		{events(CloudEvents{Source: "a b"}), "no URI reference"},
		{events(CloudEvents{CDEvents: true}), "cdevents and environment go together"},
		{events(CloudEvents{Headers: map[string]metrics.Secret{"ce-id": given("x")}}), "set by judged itself"},
		{Settings{Name: "ops", CloudEvents: &CloudEvents{}}, "no secret is configured"},
		{slack(Slack{}), "either webhook_url or token"},
		{slack(Slack{WebhookURL: given("https://x"), Token: given("x")}), "either webhook_url or token"},
		{slack(Slack{WebhookURL: given("https://x"), Channel: "x"}), "channel and api_url go with token"},
		{slack(Slack{Token: given("x")}), "token needs a channel"},
		{slack(Slack{Token: given("x"), Channel: "c", APIURL: "x"}), "api_url: the address does not start"},
		{slack(Slack{Token: missing, Channel: "c"}), "the token cannot be read"},
		{push(Push{Topic: given("a/b")}), "the topic, (given), is not"},
		{push(Push{Topic: given("a"), Server: "x"}), "server: "},
		{push(Push{Topic: given("a"), Token: missing}), "the token cannot be read"},
		{Settings{Name: "ops", PagerDuty: &PagerDuty{}}, "the routing_key cannot be read"},
		{Settings{Name: "ops", Body: "x", PagerDuty: &PagerDuty{RoutingKey: given("x")}}, "leave out body"},
		{Settings{Name: "ops", PagerDuty: &PagerDuty{RoutingKey: given("x"), URL: "x"}}, "does not start with"},
	}
	for _, test := range tests {
		_, err := Open(test.settings)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "1.5", "-1", "NaN", "1e999", "Mon, 02 Mar 2026 14:06:00 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := retryAfter(s, sendTime); got < 0 || got > maxRetryAfter {
			t.Errorf("%q is %s", s, got)
		}
	})
}

// No text of the other side, whatever it is, brings a secret into an error.
func FuzzScrub(f *testing.F) {
	f.Add("a", "b")
	f.Add("XyZsecretXyZsecretXyZ", "%53ECRET")
	address, err := parseAddress("https://x.invalid" + secretPath)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		r := request{address: address, secrets: []string{"HeaderSecret"}}
		for _, secret := range []string{"HeaderSecret", "QuerySecret", "XyZsecretXyZsecretXyZ"} {
			if got := r.scrub(before + secret + after); strings.Contains(got, secret) && !strings.Contains(before+after, secret) {
				t.Errorf("%q is in %q", secret, got)
			}
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"https://x.invalid" + secretPath, "http://[::1]:80/", "javascript:alert(1)", "https://u:p@x", "//x", "https://x/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := parseAddress(s); err == nil && (u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("%q became %v", s, u)
		}
		if l := link(s); strings.ContainsAny(l, "<>\"|'` \r\n") || l != "" && !strings.HasPrefix(l, "http") || l != link(l) {
			t.Errorf("%q became the link %q", s, l)
		}
	})
}
