package notify

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// smtpServer is aiosmtpd: a real SMTP server that prints what it gets.
type smtpServer struct {
	port   int
	caFile string
	lines  *bufio.Scanner
}

// mailed is a message as the server got it.
type mailed struct {
	From string
	To   []string
	User string
	TLS  bool
	Data []byte
}

func newSMTPServer(t *testing.T, mode, user, password string) *smtpServer {
	t.Helper()
	python := ""
	for _, candidate := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), candidate, "-c", "import aiosmtpd").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		text := "there is no aiosmtpd, the SMTP server of this test: apt-get install python3-aiosmtpd"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	caFile, certFile, keyFile := certificate(t)
	cmd := exec.CommandContext(t.Context(), python, "-W", "ignore", "testdata/smtpd.py", mode, certFile, keyFile, user, password)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // it ends with its input
		cmd.Wait()
	})
	s := &smtpServer{caFile: caFile, lines: bufio.NewScanner(stdout)}
	s.lines.Buffer(nil, 1<<20)
	if !s.lines.Scan() {
		t.Fatal("the SMTP server did not start")
	}
	if s.port, err = strconv.Atoi(s.lines.Text()); err != nil {
		t.Fatal(err)
	}
	return s
}

// next waits for a message.
func (s *smtpServer) next(t *testing.T) mailed {
	t.Helper()
	var m mailed
	if !s.lines.Scan() {
		t.Fatalf("no message: %v", s.lines.Err())
	}
	if err := json.Unmarshal(s.lines.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (s *smtpServer) email(security string) Settings {
	return Settings{
		TLS:   metrics.TLS{CAFile: s.caFile},
		Email: &Email{Host: "localhost", Port: s.port, Security: security, From: "Judged <judged@example.com>", To: []string{"ops@example.com", `"Ada L." <ada@example.com>`}},
	}
}

// parts returns the header and the bodies by their types.
func (m mailed) parts(t *testing.T) (mail.Header, map[string]string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(string(m.Data)))
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/alternative" {
		b, err := io.ReadAll(msg.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies[kind] = string(b)
		return msg.Header, bodies
	}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return msg.Header, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		bodies[kind] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
}

func TestEmail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ security, user string }{{"none", ""}, {"starttls", ""}, {"starttls", "judged"}, {"tls", ""}, {"tls", "judged"}} {
		t.Run(test.security+" "+test.user, func(t *testing.T) {
			t.Parallel()
			s := newSMTPServer(t, test.security, test.user, "pass word")
			settings := s.email(test.security)
			if test.user != "" {
				settings.Email.Username, settings.Email.Password = test.user, given("pass word")
			}
			c := open(t, settings)
			var ids []string
			for range 2 { // the second time is the same message
				send(t, c, failEvent())
				got := s.next(t)
				if got.From != "judged@example.com" || strings.Join(got.To, " ") != "ops@example.com ada@example.com" || got.TLS != (test.security != "none") || got.User != test.user {
					t.Errorf("got %+v", got)
				}
				header, bodies := got.parts(t)
				ids = append(ids, header.Get("Message-Id"))
				for name, want := range map[string]string{
					"Subject": "FAIL: checkout", "From": `"Judged" <judged@example.com>`, "To": `<ops@example.com>, "Ada L." <ada@example.com>`,
					"Date": "Mon, 02 Mar 2026 14:05:06 +0000", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "",
				} {
					if header.Get(name) != want {
						t.Errorf("%s is %q, want %q", name, header.Get(name), want)
					}
				}
				for kind, wants := range map[string][]string{
					"text/plain": {"latency-p99 is 31 % higher than the baseline.\n\n• latency-p99: high, +31 % (+24 % to +38 %)\n", "\n\nhttps://judged.example.com/analyses/a-7\n"},
					"text/html":  {"<b>FAIL: checkout</b>", "<b>latency-p99</b>: high, &#43;31 %", `<a href="https://judged.example.com/analyses/a-7">`},
				} {
					for _, want := range wants {
						if !strings.Contains(bodies[kind], want) {
							t.Errorf("%s: %q is not in %q", kind, want, bodies[kind])
						}
					}
				}
			}
			if ids[0] != "<ev-1@example.com>" || ids[1] != ids[0] {
				t.Errorf("the message ids are %v", ids)
			}
		})
	}
}

func TestEmailHostile(t *testing.T) {
	t.Parallel()
	s := newSMTPServer(t, "none", "", "")
	settings := s.email("none")
	settings.Title = "{{.Application}}\r\nBcc: {{.Config}}\n\n{{.Summary}}"
	send(t, open(t, settings), hostileEvent())
	got := s.next(t)
	header, bodies := got.parts(t)
	if len(got.To) != 2 || header.Get("Bcc") != "" {
		t.Errorf("got %+v, %v", got.To, header)
	}
	known := map[string]bool{
		"Subject": true, "From": true, "To": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Content-Type": true,
		"Content-Transfer-Encoding": true, "Auto-Submitted": true, "X-Peer": true, "X-Mailfrom": true, "X-Rcptto": true,
	}
	for name := range header {
		if !known[name] {
			t.Errorf("the header %s is new", name)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || strings.ContainsAny(subject, "\r\n\u202e\x00") || len(subject) > maxSubject || !strings.HasPrefix(subject, "<!channel>") {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	html, text := bodies["text/html"], bodies["text/plain"]
	if strings.Contains(html, "<script") || strings.Contains(html, "javascript:") || strings.Contains(html, "<a ") || !strings.Contains(html, "&lt;script&gt;") {
		t.Errorf("the HTML is %q", html)
	}
	// The text that ends a message of SMTP is inside, and so is what follows it.
	if !strings.Contains(text, "Bcc: evil@example.com . \ufffdgpj.exe") || strings.ContainsAny(text, "\u202e\x00\x1b") {
		t.Errorf("the text is %q", text)
	}
}

// A line with nothing but a dot ends a message of SMTP unless it is doubled.
func TestEmailDots(t *testing.T) {
	t.Parallel()
	s := newSMTPServer(t, "none", "", "")
	settings := s.email("none")
	settings.Body = "{{.Verdict}}\n.\n..\nthe end"
	send(t, open(t, settings), failEvent())
	_, bodies := s.next(t).parts(t)
	if got := strings.ReplaceAll(bodies["text/plain"], "\r\n", "\n"); got != "FAIL\n.\n..\nthe end\n" || len(bodies) != 1 {
		t.Errorf("got %q", bodies)
	}
}

func TestEmailRefused(t *testing.T) { //nolint:tparallel // one server prints the messages of all cases in turn
	t.Parallel()
	s := newSMTPServer(t, "none", "", "")
	for _, test := range []struct {
		name   string
		from   string
		to     []string
		reason Reason
		want   string
		gets   string // who gets the message all the same
	}{
		{"one of two", "", []string{"nobody@example.com", "ops@example.com"}, Permanent, "550 5.1.1 no such user here; 1 of 2 recipients got the message (does the recipient exist", "ops@example.com"},
		{"all", "", []string{"nobody@example.com", "nobody@example.org"}, Permanent, "RCPT TO <nobody@example.org>: 550", ""},
		{"one for now", "", []string{"ops@example.com", "later@example.com"}, Temporary, "450 4.2.0 greylisted", ""},
		{"spam", "refused@example.com", nil, Permanent, "554 5.7.1 this looks like spam", ""},
		{"busy", "busy@example.com", nil, Temporary, "451 4.3.0 no space left", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := s.email("none")
			if test.to != nil {
				settings.Email.To = test.to
			}
			if test.from != "" {
				settings.Email.From = test.from
			}
			wantError(t, open(t, settings).Send(t.Context(), failEvent()), test.reason, test.want, fmt.Sprintf("smtp://localhost:%d", s.port))
			if test.gets != "" {
				if got := s.next(t); strings.Join(got.To, " ") != test.gets {
					t.Errorf("got %v", got.To)
				}
			}
		})
	}
	// Nothing came that should not have come.
	send(t, open(t, s.email("none")), failEvent())
	if got := s.next(t); len(got.To) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestEmailLogin(t *testing.T) {
	t.Parallel()
	s := newSMTPServer(t, "starttls", "judged", "right")
	settings := s.email("starttls")
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Permanent, "530", "set username and password")
	settings.Email.Username, settings.Email.Password = "judged", given("SECRETwrong")
	err := open(t, settings).Send(t.Context(), failEvent())
	wantError(t, err, Permanent, "535", "are username and password right?")
	if strings.Contains(err.Error(), "SECRET") {
		t.Errorf("the password is in %q", err)
	}
	// Somebody else's authority; a name that the certificate does not have.
	settings.TLS.CAFile, _, _ = certificate(t)
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Temporary, "certificate", "set tls.ca_file")
	settings.TLS = metrics.TLS{CAFile: s.caFile, ServerName: "mail.invalid"}
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Temporary, "set tls.server_name")
	// TLS from the first byte where there is none.
	settings = s.email("tls")
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Temporary, "does not speak TLS")
}

// The password is not shown to who listens.
func TestEmailLoginWithoutTLS(t *testing.T) {
	t.Parallel()
	s := newSMTPServer(t, "none", "judged", "right")
	settings := s.email("none")
	settings.Email.Username, settings.Email.Password = "judged", given("right")
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Permanent, "which would show the password")
	settings.Email.Security = "starttls"
	wantError(t, open(t, settings).Send(t.Context(), failEvent()), Permanent, "does not support STARTTLS", "set security to tls or none")
}

func TestEmailBadServers(t *testing.T) {
	t.Parallel()
	smtp := func(port int, timeout time.Duration) Channel {
		return open(t, Settings{
			Timeout: timeout,
			Email:   &Email{Host: "127.0.0.1", Port: port, Security: "none", From: "a@example.com", To: []string{"b@example.com"}},
		})
	}
	silent := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	wantError(t, smtp(silent, 100*time.Millisecond).Send(t.Context(), failEvent()), Temporary, "did not answer within the channel's timeout")
	endless := listen(t, func(c net.Conn) {
		for block := []byte(strings.Repeat("220-x\r\n", 1000)); ; {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	wantError(t, smtp(endless, 0).Send(t.Context(), failEvent()), Temporary, "more than 256 KiB")
	full := listen(t, func(c net.Conn) { fmt.Fprint(c, "421 too many connections\r\n") })
	wantError(t, smtp(full, 0).Send(t.Context(), failEvent()), Temporary, "421 too many connections")
	closed := listen(t, func(net.Conn) {})
	wantError(t, smtp(closed, 0).Send(t.Context(), failEvent()), Temporary, "connect and log in")
}

// A server that takes the message and then drops the connection has taken it.
func TestEmailTakenThenCut(t *testing.T) {
	t.Parallel()
	port := listen(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		fmt.Fprint(c, "220 ready\r\n")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch {
			case strings.HasPrefix(line, "DATA"):
				fmt.Fprint(c, "354 go on\r\n")
				for line != ".\r\n" {
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
				}
				fmt.Fprint(c, "250 taken\r\n")
				return
			default:
				fmt.Fprint(c, "250 fine\r\n")
			}
		}
	})
	send(t, open(t, Settings{Email: &Email{Host: "127.0.0.1", Port: port, Security: "none", From: "a@example.com", To: []string{"b@example.com"}}}), failEvent())
}

// A server that repeats what it was sent shows no password.
func TestEmailPasswordRepeated(t *testing.T) {
	t.Parallel()
	m := &email{settings: Email{Host: "mail.invalid", Port: 25, Username: "u"}}
	for _, text := range []string{"SECRETpass", base64.StdEncoding.EncodeToString([]byte("\x00u\x00SECRETpass")), base64.StdEncoding.EncodeToString([]byte("SECRETpass"))} {
		got := m.failed(t.Context(), "connect and log in", fmt.Errorf("501 syntax: AUTH PLAIN %s", text), "SECRETpass").Err.Error()
		if strings.Contains(got, text) || !strings.Contains(got, "[secret]") {
			t.Errorf("got %q", got)
		}
	}
}
