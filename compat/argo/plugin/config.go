package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// settings are the process': the args of the plugin in argo-rollouts-config.
type settings struct {
	url       string
	publicURL string
	tokenFile string
	tokenEnv  string
	caFile    string
	insecure  bool
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("judged-argo-plugin", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.url, "url", "", "address of judged, for metrics that name none")
	f.StringVar(&s.publicURL, "public-url", "", "where people reach judged, for links; default the address")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the token for that address, read before every call")
	f.StringVar(&s.tokenEnv, "token-env", "", "environment variable with the token for that address")
	f.StringVar(&s.caFile, "ca-file", "", "PEM file of the authorities that sign judged's certificate; default the system's")
	f.BoolVar(&s.insecure, "insecure-token", false, "send tokens over plain HTTP to other machines: something else encrypts")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("%q is no flag: write --name=value", f.Arg(0))
	case s.tokenFile != "" && s.tokenEnv != "":
		return s, errors.New("--token-file and --token-env: give one of them")
	case s.url == "" && (s.tokenFile != "" || s.tokenEnv != ""):
		return s, errors.New("--token-file and --token-env are for the address of --url, which is missing: a metric's own address would get to know the token")
	}
	for _, address := range []*string{&s.url, &s.publicURL} {
		if *address == "" {
			continue
		}
		var err error
		if *address, err = checkAddress(*address); err != nil {
			return s, err
		}
	}
	return s, nil
}

// target is what a metric asks: provider.plugin.judged-dev/judged in the
// AnalysisTemplate. Numbers may be texts, because Argo fills in arguments only
// within texts.
type target struct {
	// URL is judged's address, in place of the process'.
	URL string `json:"url"`
	// Token is for URL.
	Token string `json:"token"`
	// Config is the name of a stored config, Revision its revision, 0 or "" for the
	// latest.
	Config   string   `json:"config"`
	Revision revision `json:"revision"`
	// Inline is a config as the API takes it.
	Inline json.RawMessage `json:"inline"`
	// Baseline and Canary are scopes, in place of the config's.
	Baseline map[string]string `json:"baseline"`
	Canary   map[string]string `json:"canary"`
	// Window judges the past; without it an analysis runs live.
	Window span `json:"window"`
	// Patience is how long judged may be out of reach. Default 5m.
	Patience *span `json:"patience"`
	// Labels are the analysis'.
	Labels map[string]string `json:"labels"`

	auth func() (string, error) // nil: none
}

type revision int64

// UnmarshalJSON implements json.Unmarshaler.
func (r *revision) UnmarshalJSON(text []byte) error {
	s := unquoted(text)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("revision: %.100s is no whole number", text)
	}
	*r = revision(n)
	return nil
}

type span time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *span) UnmarshalJSON(text []byte) error {
	d, err := time.ParseDuration(unquoted(text))
	if err != nil || d <= 0 || d > maxSpan {
		return fmt.Errorf("%.100s is no duration of more than 0 and at most 31 days: it looks like 90s, 30m or 1h30m", text)
	}
	*s = span(d)
	return nil
}

// unquoted returns a scalar's text.
func unquoted(text []byte) string {
	var s string
	if json.Unmarshal(text, &s) != nil {
		return string(text)
	}
	return s
}

const (
	// maxSpan is the longest schedule that a config may have.
	maxSpan         = 31 * 24 * time.Hour
	defaultPatience = 5 * time.Minute
)

// parseTarget reads a metric's part of the template. Its errors repeat no secret.
func parseTarget(s settings, m metric) (*target, error) {
	if len(m.Provider.Plugin) != 1 {
		return nil, fmt.Errorf("metric %q has %d plugins, not one", m.Name, len(m.Provider.Plugin))
	}
	t := &target{}
	for _, text := range m.Provider.Plugin {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(t); err != nil {
			return nil, fmt.Errorf("metric %q: %w", m.Name, plain(err))
		}
	}
	if err := t.check(s); err != nil {
		return nil, fmt.Errorf("metric %q: %w", m.Name, err)
	}
	return t, nil
}

func plain(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: a %s cannot stand here: put numbers that are texts into quotes", kind.Field, kind.Value)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if strings.HasPrefix(text, "unknown field") {
		text += ": the fields are baseline, canary, config, inline, labels, patience, revision, token, url, window"
	}
	return errors.New(text)
}

func (t *target) check(s settings) error {
	named, inline := t.Config != "", len(t.Inline) > 0 && string(t.Inline) != "null"
	switch {
	case named == inline:
		return errors.New("config or inline: name a stored config, or put one in")
	case inline && t.Revision != 0:
		return errors.New("revision: an inline config has none")
	case (t.Baseline == nil) != (t.Canary == nil):
		return errors.New("baseline and canary: give both, or none if the config has them")
	case t.URL == "" && s.url == "":
		return errors.New("url is missing: give judged's address here, or as --url in the plugin's args")
	case t.URL == "" && t.Token != "" && (s.tokenFile != "" || s.tokenEnv != ""):
		return errors.New("token: the plugin has one for its address already (--token-file, --token-env): give one of them")
	}
	switch {
	case t.Token != "":
		t.auth = func() (string, error) { return t.Token, nil }
	case t.URL == "":
		// The process' token is for the process' address: whoever may write
		// templates could send it anywhere.
		t.auth = s.token()
	}
	if t.URL == "" {
		t.URL = s.url
	}
	var err error
	if t.URL, err = checkAddress(t.URL); err != nil {
		return err
	}
	if u, _ := url.Parse(t.URL); t.auth != nil && u.Scheme == "http" && !s.insecure && !loopback(u.Hostname()) { // parsed above
		return fmt.Errorf("a token would go to %s in plain text: use an https:// address (or --insecure-token in the plugin's args, if something else encrypts)", t.URL)
	}
	return nil
}

// checkAddress returns an address without a slash at its end. Its errors do not
// repeat one that may hold a password.
func checkAddress(address string) (string, error) {
	address = strings.TrimRight(address, "/")
	u, err := url.Parse(address)
	switch {
	case strings.Contains(address, "@"):
		return "", errors.New("the address of judged has a user or a password in it: leave them out and use token, --token-file or --token-env")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%.200q is no address of judged: it looks like https://judged.example.com", address)
	}
	return address, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// token returns where the process' token is, nil if it has none.
func (s settings) token() func() (string, error) {
	switch {
	case s.tokenFile != "":
		return func() (string, error) {
			text, err := os.ReadFile(s.tokenFile)
			return strings.TrimRight(string(text), "\r\n"), err
		}
	case s.tokenEnv != "":
		return func() (string, error) {
			text, ok := os.LookupEnv(s.tokenEnv)
			if !ok {
				return "", fmt.Errorf("the environment variable %s is not set", s.tokenEnv)
			}
			return text, nil
		}
	default:
		return nil
	}
}
