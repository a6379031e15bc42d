package httpx

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/judged-dev/judged/metrics"
)

// credentials are where a source's secrets are kept, and which header each
// one goes to.
type credentials struct {
	basicUser string
	basic     metrics.Secret
	headers   map[string]metrics.Secret // canonical names
	bearer    metrics.Secret
	// inURL are values of the query in the source's address: they may be
	// tokens, so no error repeats them.
	inURL []string
}

// newCredentials checks that the settings are consistent and that every
// secret can be read now.
func newCredentials(s metrics.Settings, more map[string]metrics.Secret) (credentials, error) {
	c := credentials{basicUser: s.BasicUser, basic: s.BasicPassword, bearer: s.Bearer, headers: map[string]metrics.Secret{}}
	var authorizations []string
	if s.BasicUser != "" {
		authorizations = append(authorizations, "basic_user")
	} else if !s.BasicPassword.IsZero() {
		return c, errors.New("there is a basic_password without a basic_user")
	}
	if !s.Bearer.IsZero() {
		authorizations = append(authorizations, "bearer")
	}
	for _, headers := range []map[string]metrics.Secret{s.Headers, more} {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			canonical := textproto.CanonicalMIMEHeaderKey(name)
			switch {
			case !isToken(name):
				return c, fmt.Errorf("%q is no header name", name)
			case unsettable[canonical]:
				return c, fmt.Errorf("the header %s is set by the client itself", canonical)
			case !c.headers[canonical].IsZero():
				return c, fmt.Errorf("the header %s is set twice", canonical)
			case headers[name].IsZero():
				return c, fmt.Errorf("the header %s has no value", canonical)
			}
			if canonical == "Authorization" {
				authorizations = append(authorizations, "the header Authorization")
			}
			c.headers[canonical] = headers[name]
		}
	}
	if len(authorizations) > 1 {
		return c, fmt.Errorf("%s cannot be used together", strings.Join(authorizations, " and "))
	}
	if u, err := url.Parse(s.URL); err == nil {
		for _, values := range u.Query() {
			c.inURL = append(c.inURL, values...)
		}
	}
	_, err := c.read()
	return c, err
}

// unsettable headers belong to the transport.
var unsettable = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Accept-Encoding": true, "User-Agent": true,
}

// isToken: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// secrets are the values of one try.
type secrets struct {
	headers http.Header
	// values are every form in which the secrets may be repeated by a server.
	values []string
}

// read fetches the secrets from their places.
func (c credentials) read() (secrets, error) {
	out := secrets{headers: http.Header{}}
	get := func(what string, s metrics.Secret) (string, error) {
		v, err := s.Read()
		if err != nil {
			return "", fmt.Errorf("%s cannot be read: %w", what, err)
		}
		if strings.IndexFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
			return "", fmt.Errorf("%s, %s, has a line break or another control character inside", what, s)
		}
		out.hide(v)
		return v, nil
	}
	if c.basicUser != "" {
		password := ""
		if !c.basic.IsZero() {
			var err error
			if password, err = get("the basic password", c.basic); err != nil {
				return out, err
			}
		}
		pair := base64.StdEncoding.EncodeToString([]byte(c.basicUser + ":" + password))
		out.hide(pair)
		out.headers.Set("Authorization", "Basic "+pair)
	}
	if !c.bearer.IsZero() {
		token, err := get("the bearer token", c.bearer)
		if err != nil {
			return out, err
		}
		out.headers.Set("Authorization", "Bearer "+token)
	}
	for name, secret := range c.headers {
		v, err := get("the header "+name, secret)
		if err != nil {
			return out, err
		}
		out.headers.Set(name, v)
	}
	for _, v := range c.inURL {
		out.hide(v)
	}
	// Longest first, so that a secret inside another one leaves no rest.
	slices.SortFunc(out.values, func(a, b string) int { return len(b) - len(a) })
	return out, nil
}

// replaced reports whether the secrets are others now than those that were
// used: they were read just before they were replaced.
func (c credentials) replaced(used secrets) bool {
	now, err := c.read()
	return err == nil && !maps.EqualFunc(now.headers, used.headers, slices.Equal)
}

// hide adds a value and its usual encodings to what error texts must not
// show. What has fewer than four bytes is no secret but a tenant's number.
func (s *secrets) hide(v string) {
	if len(v) < 4 {
		return
	}
	s.values = append(s.values, v, url.QueryEscape(v), url.PathEscape(v))
	if quoted, err := json.Marshal(v); err == nil {
		s.values = append(s.values, string(quoted[1:len(quoted)-1]))
	}
	// A header like "Authorization: Token abc" is also repeated without its scheme.
	if _, rest, ok := strings.Cut(v, " "); ok {
		s.hide(strings.TrimSpace(rest))
	}
}

// apply puts the secrets into a request.
func (s secrets) apply(req *http.Request) {
	maps.Copy(req.Header, s.headers)
}

// userInfo finds the password of an address, which error texts of proxies hold.
var userInfo = regexp.MustCompile(`://[^/\s@"']*@`)

// scrub takes the secrets out of a text.
func (s secrets) scrub(text string) string {
	for _, v := range s.values {
		text = strings.ReplaceAll(text, v, "[secret]")
	}
	return userInfo.ReplaceAllString(text, "://[secret]@")
}
