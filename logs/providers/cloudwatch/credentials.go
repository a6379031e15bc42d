package cloudwatch

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// credentials give the keys to sign a request with. They read them from their
// place at every request, or renew what has expired.
type credentials interface {
	keys(ctx context.Context) (keys, error)
	// forget drops keys that AWS refused.
	forget(refused keys)
}

// newCredentials picks the first place that holds any: the settings, the
// environment, or the role of a Kubernetes service account. It reads the secrets
// once, so that a missing one is noticed now.
func newCredentials(s metrics.Settings, at place) (credentials, error) {
	if s.BasicUser != "" {
		c := static{id: s.BasicUser, secret: s.BasicPassword}
		_, err := c.keys(context.Background())
		return c, err
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		_, err := environment{}.keys(context.Background())
		return environment{}, err
	}
	if role, file := os.Getenv("AWS_ROLE_ARN"), os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); role != "" && file != "" {
		return newWebIdentity(s, at, role, file)
	}
	return nil, errors.New("there are no credentials for AWS: neither basic_user and basic_password (access key id and secret), " +
		"nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE")
}

// static are an access key's id and secret in the source's settings.
type static struct {
	id     string
	secret metrics.Secret
}

func (c static) keys(context.Context) (keys, error) {
	secret, err := c.secret.Read()
	if err != nil {
		return keys{}, fmt.Errorf("the basic password, AWS's secret access key, cannot be read: %w", err)
	}
	if strings.ContainsAny(secret, "\r\n") {
		return keys{}, fmt.Errorf("the basic password, %s, has a line break inside", c.secret)
	}
	return keys{id: c.id, secret: secret}, nil
}

func (static) forget(keys) {}

// environment are the variables that AWS's own tools read.
type environment struct{}

func (environment) keys(context.Context) (keys, error) {
	k := keys{id: os.Getenv("AWS_ACCESS_KEY_ID"), secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), token: os.Getenv("AWS_SESSION_TOKEN")}
	if k.id == "" || k.secret == "" {
		return keys{}, errors.New("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set")
	}
	return k, nil
}

func (environment) forget(keys) {}

// webIdentity exchanges the token of a Kubernetes service account for the keys
// of a role that last an hour.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
type webIdentity struct {
	http       *httpx.Client
	role, file string
	now        func() time.Time
	// cache has one place: who takes what is in it out may renew it.
	cache chan session
}

type session struct {
	keys  keys
	until time.Time
}

// renewBefore is how long before their end keys are renewed: longer than a
// request with all its tries may take.
const renewBefore = 5 * time.Minute

func newWebIdentity(s metrics.Settings, at place, role, file string) (*webIdentity, error) {
	domain := "amazonaws.com"
	if strings.HasPrefix(at.region, "cn-") {
		domain += ".cn"
	}
	client, err := httpx.New(metrics.Settings{
		Name:    s.Name,
		URL:     cmp.Or(os.Getenv("AWS_ENDPOINT_URL_STS"), "https://sts."+at.region+"."+domain),
		TLS:     metrics.TLS{CAFile: s.TLS.CAFile},
		Timeout: s.Timeout, Attempts: s.Attempts,
		MaxResponseBytes: 1 << 20, // an answer has some kilobytes
	}, httpx.Options{Explain: explainSTS})
	if err != nil {
		return nil, err
	}
	w := &webIdentity{http: client, role: role, file: file, now: time.Now, cache: make(chan session, 1)}
	w.cache <- session{}
	_, err = metrics.Secret{File: file}.Read()
	return w, err
}

func (w *webIdentity) keys(ctx context.Context) (keys, error) {
	var cached session
	select {
	case cached = <-w.cache:
	case <-ctx.Done():
		return keys{}, ctx.Err()
	}
	defer func() { w.cache <- cached }()
	if w.now().Add(renewBefore).Before(cached.until) {
		return cached.keys, nil
	}
	fresh, err := w.assume(ctx)
	if err != nil {
		return keys{}, err
	}
	cached = fresh
	return cached.keys, nil
}

func (w *webIdentity) forget(refused keys) {
	select {
	case cached := <-w.cache:
		if cached.keys == refused {
			cached = session{}
		}
		w.cache <- cached
	default: // somebody is renewing them
	}
}

func (w *webIdentity) assume(ctx context.Context) (session, error) {
	token, err := metrics.Secret{File: w.file}.Read()
	if err != nil {
		return session{}, fmt.Errorf("the token of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read: %w", err)
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {w.role}, "RoleSessionName": {"judged"}, "WebIdentityToken": {token},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.http.URL("/", nil).String(), strings.NewReader(form.Encode()))
	if err != nil {
		return session{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := w.http.Do(httpx.Reads(req))
	if err != nil {
		return session{}, logs.Withhold(err, token)
	}
	var out struct {
		Credentials struct {
			AccessKeyID     string    `xml:"AccessKeyId"`
			SecretAccessKey string    `xml:"SecretAccessKey"`
			SessionToken    string    `xml:"SessionToken"`
			Expiration      time.Time `xml:"Expiration"`
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	err = xml.Unmarshal(answer.Body, &out)
	k := keys{out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey, out.Credentials.SessionToken}
	if err != nil || k.id == "" || k.secret == "" || k.token == "" || out.Credentials.Expiration.IsZero() {
		// Part of the answer may be a secret: nothing of it is shown.
		return session{}, answer.Fail(metrics.BadAnswer, "it has no credentials of the role "+w.role, nil, "is AWS_ENDPOINT_URL_STS the address of AWS's token service?")
	}
	return session{k, out.Credentials.Expiration}, nil
}

func explainSTS(_ int, body []byte) httpx.Explanation {
	var says struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if xml.Unmarshal(body, &says) != nil || says.Code == "" {
		return httpx.Explanation{}
	}
	return httpx.Explanation{
		Message: says.Code + ": " + says.Message,
		Hint:    "may the service account assume the role? See the trust policy of AWS_ROLE_ARN",
	}
}
