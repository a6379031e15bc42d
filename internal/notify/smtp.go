package notify

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/judged-dev/judged/internal/httpx"
)

// maxSession bounds what is read of an SMTP server in one session, in bytes,
// with TLS handshake and certificates.
const maxSession = 256 << 10

// deliver runs one SMTP session. go-mail dials, encrypts, logs in and writes
// the message; the transaction is run here, because one refused recipient must
// not keep the message from the others, and because an error after the server
// took the message must not send it twice.
func (m *email) deliver(ctx context.Context, msg *mail.Msg, password string) *Error {
	// go-mail waits for the server's greeting and for replies without regard
	// to the context: closing the connection is what ends that.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		bounded := &boundedConn{Conn: conn, left: maxSession}
		if m.settings.Security != "tls" {
			return bounded, nil
		}
		encrypted := tls.Client(bounded, m.tls)
		return encrypted, encrypted.HandshakeContext(dialCtx)
	}
	policy := mail.NoTLS // also for tls: dial has done it
	if m.settings.Security == "starttls" {
		policy = mail.TLSMandatory
	}
	options := []mail.Option{
		mail.WithPort(m.settings.Port), mail.WithTLSPolicy(policy), mail.WithTLSConfig(m.tls),
		mail.WithTimeout(maxTimeout), mail.WithDialContextFunc(dial),
	}
	if m.settings.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(&login{user: m.settings.Username, password: password, host: m.settings.Host}))
	}
	client, err := mail.NewClient(m.settings.Host, options...)
	if err != nil {
		return &Error{Reason: Permanent, Err: err}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.failed(ctx, "connect and log in", err, password)
	}
	return m.transact(ctx, session, msg, password)
}

// transact hands the message over for as many recipients as possible.
func (m *email) transact(ctx context.Context, session *smtp.Client, msg *mail.Msg, password string) *Error {
	from, err := msg.GetSender(false)
	if err != nil {
		return &Error{Reason: Permanent, Err: err}
	}
	to, err := msg.GetRecipients()
	if err != nil {
		return &Error{Reason: Permanent, Err: err}
	}
	if err := session.Mail(from); err != nil {
		return m.failed(ctx, "MAIL FROM "+from, err, password)
	}
	var refused []*Error
	for _, address := range to {
		if err := session.Rcpt(address); err != nil {
			failed := m.failed(ctx, "RCPT TO "+address, err, password)
			if failed.Reason != Permanent || len(refused)+1 == len(to) {
				return failed // nobody has got it yet: all get it with the next try
			}
			refused = append(refused, failed)
		}
	}
	w, err := session.Data()
	if err != nil {
		return m.failed(ctx, "DATA", err, password)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return m.failed(ctx, "the message", err, password)
	}
	if err := w.Close(); err != nil {
		return m.failed(ctx, "the message", err, password)
	}
	// From here on the server has it. What QUIT brings does not matter.
	_ = session.Quit()
	if len(refused) > 0 {
		first := refused[0]
		first.Err = fmt.Errorf("%w; %d of %d recipients got the message", first.Err, len(to)-len(refused), len(to))
		return first
	}
	return nil
}

// failed sorts an error of the session: 5xx is permanent, the rest may pass
// (RFC 5321, section 4.2.1).
func (m *email) failed(ctx context.Context, step string, err error, password string) *Error {
	target := "smtp://" + m.address()
	if ctx.Err() != nil {
		return late(ctx, target)
	}
	text := err.Error()
	reply, isReply := errors.AsType[*textproto.Error](err)
	if isReply {
		text = fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	if password != "" { // a server may repeat what it did not understand
		encode := base64.StdEncoding.EncodeToString
		for _, secret := range []string{encode([]byte("\x00" + m.settings.Username + "\x00" + password)), encode([]byte(password)), password} {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	out := &Error{Err: &described{fmt.Sprintf("%s, %s: %s", target, step, httpx.Printable(text)), err}, Hint: tlsHint(err)}
	if isReply {
		if reply.Code >= 500 {
			out.Reason = Permanent
		}
		out.Hint = smtpHints[reply.Code]
		return out
	}
	switch {
	case errors.Is(err, errLogin):
		out.Reason = Permanent
	case strings.Contains(text, "does not support STARTTLS"):
		out.Reason = Permanent
		out.Hint = "set security to tls or none, or send through another port"
	case out.Hint == "":
		out.Hint = "is it running, are host, port and security right?"
	}
	return out
}

// smtpHints: what to do about replies (RFC 5321, section 4.2.3; RFC 4954).
var smtpHints = map[int]string{
	530: "the server wants a login: set username and password",
	534: "the server wants another way to log in",
	535: "are username and password right?",
	550: "does the recipient exist, and may this sender write to it?",
	552: "the message is too long for the server: shorten the templates",
	553: "is the address spelled right, and may this user send from it?",
	554: "the server takes no message from here: ask who runs it",
}

// boundedConn ends a session that says too much.
type boundedConn struct {
	net.Conn

	left int
}

var errTalkative = fmt.Errorf("the server sent more than %d KiB in one session", maxSession>>10)

// Read implements io.Reader.
func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// login logs in by the best way that the server offers.
type login struct {
	user, password, host string

	chosen smtp.Auth
}

var _ smtp.Auth = (*login)(nil)

var errLogin = errors.New("no way to log in")

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (proto string, toServer []byte, err error) {
	offers := func(name string) bool { return slices.Contains(server.Auth, name) }
	switch {
	case offers("SCRAM-SHA-256"):
		l.chosen = smtp.ScramSHA256Auth(l.user, l.password)
	case offers("PLAIN") && server.TLS:
		l.chosen = smtp.PlainAuth("", l.user, l.password, l.host, false)
	case offers("LOGIN") && server.TLS:
		l.chosen = smtp.LoginAuth(l.user, l.password, l.host, false)
	case offers("CRAM-MD5"):
		l.chosen = smtp.CRAMMD5Auth(l.user, l.password)
	case len(server.Auth) == 0:
		return "", nil, fmt.Errorf("%w: the server offers none; leave out username and password, or use another port", errLogin)
	case !server.TLS:
		return "", nil, fmt.Errorf("%w: without TLS the server offers %s, which would show the password; set security to starttls or tls", errLogin, strings.Join(server.Auth, ", "))
	default:
		return "", nil, fmt.Errorf("%w: the server offers %s, judged knows SCRAM-SHA-256, PLAIN, LOGIN and CRAM-MD5", errLogin, strings.Join(server.Auth, ", "))
	}
	return l.chosen.Start(server)
}

// Next implements smtp.Auth.
func (l *login) Next(fromServer []byte, more bool) (toServer []byte, err error) {
	return l.chosen.Next(fromServer, more)
}
