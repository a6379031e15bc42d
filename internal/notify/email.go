package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/judged-dev/judged/metrics"
)

// Email sends mail through an SMTP server.
type Email struct {
	Host string
	// Port; 0: 587 with starttls, 465 with tls, 25 with none.
	Port int
	// Security is starttls (the default; a server without it is refused), tls
	// (from the first byte) or none.
	Security string
	// Username and Password log in, if the user is not empty. Without TLS
	// only by methods that do not send the password.
	Username string
	Password metrics.Secret
	// From and To are addresses, with or without a name: Judged
	// <judged@example.com>.
	From string
	To   []string
	// HTML is the template of the HTML form. Empty: the default's, or none if
	// there is a Body, which is then all.
	HTML string
}

const (
	maxRecipients = 50
	maxSubject    = 200 // bytes
)

type email struct {
	settings Email
	from     *netmail.Address
	to       []*netmail.Address
	tls      *tls.Config
	title    message
	text     message
	html     *message // nil: none
}

func newEmail(s Settings) (*email, error) {
	out := &email{settings: *s.Email}
	c := &out.settings
	c.Security = cmp.Or(c.Security, "starttls")
	port, ok := map[string]int{"starttls": 587, "tls": 465, "none": 25}[c.Security]
	switch c.Port = cmp.Or(c.Port, port); {
	case !ok:
		return nil, fmt.Errorf("security is %q; it may be starttls, tls or none", c.Security)
	case c.Host == "" || strings.ContainsAny(c.Host, "/ \r\n\t"):
		return nil, fmt.Errorf("host is %q, which is no host's name", c.Host)
	case c.Port < 1 || c.Port > 65535:
		return nil, fmt.Errorf("port is %d", c.Port)
	case len(c.To) == 0 || len(c.To) > maxRecipients:
		return nil, fmt.Errorf("it has %d addresses in to; it needs 1 to %d", len(c.To), maxRecipients)
	case (c.Username == "") != c.Password.IsZero():
		return nil, errors.New("username and password go together")
	}
	var err error
	if out.from, err = netmail.ParseAddress(c.From); err != nil {
		return nil, fmt.Errorf("from is %q: %w", c.From, err)
	}
	for _, to := range c.To {
		address, err := netmail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("%q in to: %w", to, err)
		}
		out.to = append(out.to, address)
	}
	if out.tls, err = newTLS(s.TLS); err != nil {
		return nil, err
	}
	out.tls.ServerName = cmp.Or(out.tls.ServerName, c.Host)
	plain, err := newTexts[plainText](s.Title, s.Body, defaultTitle, defaultBody)
	if err != nil {
		return nil, err
	}
	out.title, out.text = plain.title, plain.body
	if c.HTML != "" || s.Body == "" {
		html, err := newMessage[plainText]("html", c.HTML, defaultHTML, newHTMLTemplate)
		if err != nil {
			return nil, err
		}
		out.html = &html
	}
	if c.Username != "" {
		_, err = readSecret("the password", c.Password)
	}
	return out, err
}

// address is what errors call the server.
func (m *email) address() string {
	return net.JoinHostPort(m.settings.Host, strconv.Itoa(m.settings.Port))
}

func (m *email) send(ctx context.Context, e Event) *Error {
	password := ""
	if m.settings.Username != "" {
		var err error
		if password, err = readSecret("the password", m.settings.Password); err != nil {
			return unreadable(err)
		}
	}
	return m.deliver(ctx, m.message(e), password)
}

// message writes the mail. What comes from the event stands in the subject,
// as one line that the library encodes (RFC 2047), and in the bodies.
func (m *email) message(e Event) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(m.from)
	msg.ToMailAddress(m.to...)
	msg.Subject(oneLine[plainText](m.title, e, maxSubject))
	_, domain, _ := strings.Cut(m.from.Address, "@")
	msg.SetMessageIDWithValue(messageID(e) + "@" + domain)
	msg.SetDateWithValue(e.Time)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	msg.SetBodyString(mail.TypeTextPlain, write[plainText](m.text, e)+"\n")
	if m.html != nil {
		msg.AddAlternativeString(mail.TypeTextHTML, write[plainText](*m.html, e)+"\n")
	}
	return msg
}

// defaultHTML has its styles in place, since mail readers drop style sheets.
const defaultHTML = `<div style="font-family:sans-serif;max-width:40em">
<p style="font-size:1.3em;margin:0 0 .5em"><b>` + defaultTitle + `</b></p>
{{with .Summary}}<p>{{.}}</p>{{end}}
{{if .Findings}}<ul>{{range .Findings}}<li><b>{{.Name}}</b>{{with .Classification}}: {{.}}{{end}}{{with .Effect}}, {{.}}{{end}}</li>{{end}}
{{with .MoreFindings}}<li>and {{.}} more</li>{{end}}</ul>{{else if .Reasons}}<ul>{{range .Reasons}}<li>{{.}}</li>{{end}}</ul>{{end}}
<p style="color:#555">{{with .Canary}}Canary:{{range $.Canary}} {{.Name}}={{.Value}}{{end}}<br>{{end}}
{{with .Baseline}}Baseline:{{range $.Baseline}} {{.Name}}={{.Value}}{{end}}<br>{{end}}
{{with .End}}Judged:{{with $.Start}} {{time . "UTC"}} to{{end}} {{time . "UTC"}}{{end}}</p>
{{with .URL}}<p><a href="{{.}}">Open the analysis</a></p>{{end}}
</div>`
