/*
Package cloudwatch reads log events from Amazon CloudWatch Logs, by its action
FilterLogEvents over plain HTTP. A query names a log group, by its name or ARN,
and after a colon and a space what to look for, in CloudWatch's filter pattern
syntax; without it the whole group is read:

	/aws/ecs/checkout: {$.version = "${version}"}
	/aws/lambda/checkout-${version}
	arn:aws:logs:eu-central-1:123456789012:log-group:/aws/ecs/checkout: "level=error"

A source's settings are the region's address and, unless the environment has
them, an access key's id and secret:

	name: aws
	provider: cloudwatch
	url: https://logs.eu-central-1.amazonaws.com
	basic_user: AKIAIOSFODNN7EXAMPLE
	basic_password: {file: /run/secrets/aws-secret-access-key}

The region is read from the address, or from AWS_REGION or AWS_DEFAULT_REGION if
the address has none (LocalStack, a proxy) or the settings have no address.
Credentials are the first of these that is there:

  - basic_user and basic_password: an access key's id and secret;
  - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a session, AWS_SESSION_TOKEN;
  - AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE: the role of a Kubernetes service
    account (IRSA), exchanged at the region's token service for keys that last an
    hour and are renewed.

Not read are shared config files, SSO, and the metadata of EC2, ECS and EKS Pod
Identity: run `aws configure export-credentials --format env` there. The
credentials need the right logs:FilterLogEvents on the log group, and kms:Decrypt if
the group has a key of its own.

# Limits

A page has at most 10,000 events or 1 MB. CloudWatch allows some requests of this
kind a second for an account and region (5 in most regions, shared with everybody
else who uses them), so a source starts 5 a second unless its requests_per_second
says otherwise. A page takes about half a second: a million events of 200 bytes are
200 pages and some minutes. CloudWatch searches all of the group's streams of the
window, page by page, also where nothing matches: narrow groups are faster than
narrow patterns. The action itself is free of charge, unlike Logs Insights.

# Time

CloudWatch keeps milliseconds. The event's timestamp is a record's time, whatever
the line itself says; the log stream's name is its instance, such as
"ecs/checkout/0a1b2c..." of a task or "2026/01/02/[7]9f86d0..." of a Lambda
instance. Events arrive late: let windows end some minutes in the past.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
*/
package cloudwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// defaultRate is CloudWatch's own limit in most regions.
const defaultRate = 5

func init() {
	logs.Register(logs.Provider{Name: "cloudwatch", Expand: Expand, Open: Open})
}

type source struct {
	http        *httpx.Client
	name        string
	region      string
	credentials credentials
	attempts    int
	limit       int // of a page
	now         func() time.Time
	wait        func(context.Context, time.Duration) error
}

// Open returns a source of the region in s.URL. It does not connect.
func Open(s metrics.Settings) (logs.Source, error) {
	misconfigured := func(err error, hint string) error {
		if _, ok := errors.AsType[*metrics.Error](err); ok {
			return err
		}
		return &metrics.Error{Op: "open", Source: s.Name, Reason: metrics.Misconfigured, Err: err, Hint: hint}
	}
	if !s.Bearer.IsZero() {
		return nil, misconfigured(errors.New("AWS takes no bearer token"), "set basic_user and basic_password to an access key's id and secret")
	}
	if s.BasicUser == "" && !s.BasicPassword.IsZero() {
		return nil, misconfigured(errors.New("there is a basic_password without a basic_user"), "basic_user is the access key's id")
	}
	at, err := placeOf(s.URL)
	if err != nil {
		return nil, misconfigured(err, "an address looks like https://logs.eu-central-1.amazonaws.com; other ones need the variable AWS_REGION")
	}
	plain := s
	plain.URL = at.url
	plain.BasicUser, plain.BasicPassword = "", metrics.Secret{} // they sign, they are not sent
	plain.RequestsPerSecond = cmp.Or(s.RequestsPerSecond, defaultRate)
	client, err := httpx.New(plain, httpx.Options{JSON: true, Explain: explain})
	if err != nil {
		return nil, err
	}
	creds, err := newCredentials(s, at)
	if err != nil {
		return nil, misconfigured(err, "")
	}
	return &source{
		http: client, name: s.Name, region: at.region, credentials: creds,
		attempts: cmp.Or(s.Attempts, httpx.DefaultAttempts), limit: pageEvents, now: time.Now, wait: wait,
	}, nil
}

// Close implements logs.Source.
func (s *source) Close() error { return s.http.Close() }

// place is whom to ask.
type place struct{ url, region string }

// regional finds the region in the host of a public, FIPS, dual-stack or private
// (VPC) endpoint.
var regional = regexp.MustCompile(`^https?://(?:[^/]*\.)?logs(?:-fips)?\.([a-z]{2}[a-z-]*-[0-9]+)\.(?:vpce\.amazonaws\.com|amazonaws\.com|api\.aws)(?:\.cn)?(?:[:/]|$)`)

func placeOf(url string) (place, error) {
	if m := regional.FindStringSubmatch(url); m != nil {
		return place{url, m[1]}, nil
	}
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	switch {
	case region == "":
		return place{}, errors.New("the AWS region is not known")
	case !logs.Plain(region, "-"):
		return place{}, fmt.Errorf("the AWS region %q has characters that no region has", region)
	case url == "" && len(region) > 3 && region[:3] == "cn-":
		return place{"https://logs." + region + ".amazonaws.com.cn", region}, nil
	case url == "":
		return place{"https://logs." + region + ".amazonaws.com", region}, nil
	default:
		return place{url, region}, nil
	}
}

// wait pauses for about d.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(time.Duration(float64(d) * (0.5 + rand.Float64())))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
