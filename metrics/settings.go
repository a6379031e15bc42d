package metrics

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Settings is how to reach one source. The zero value of a limit means the
// provider's default.
type Settings struct {
	// Name is what configs call the source; errors use it.
	Name string
	// Provider names the kind of backend.
	Provider string
	// URL is the backend's address, or a recording's path.
	URL string
	// BasicUser and BasicPassword are sent as basic authentication if the
	// user is not empty.
	BasicUser     string
	BasicPassword Secret
	// Bearer is sent as a bearer token if set.
	Bearer Secret
	// Headers are sent with every request.
	Headers map[string]Secret
	// APIKey and AppKey are Datadog's two keys.
	APIKey, AppKey Secret
	TLS            TLS
	// Timeout bounds one try.
	Timeout time.Duration
	// Attempts counts all tries of a request, the first included.
	Attempts int
	// Concurrency bounds requests at the same time.
	Concurrency int
	// RequestsPerSecond bounds how many requests start in a second, in the mean;
	// 0: any number. Every try of every request counts.
	RequestsPerSecond float64
	// Burst is how many requests may start at once after a pause; 0:
	// RequestsPerSecond, rounded up.
	Burst int
	// RequestsPerDay is the budget: how many requests start in any 24 hours; 0:
	// any number. What is over it fails at once. It is counted in memory: each
	// process has its own, which begins when the source is opened.
	RequestsPerDay int
	// MaxWait bounds how long a request waits for a free place and its rate; 0:
	// a minute.
	MaxWait time.Duration
	// MaxResponseBytes bounds what is read of one response.
	MaxResponseBytes int64
}

// TLS says whom to trust and who we are.
type TLS struct {
	CAFile, CertFile, KeyFile string
	ServerName                string
	InsecureSkipVerify        bool
}

// Secret says where a secret is kept; at most one field is set. It is read
// at use, so a rotated file is picked up, and it prints as its place.
type Secret struct {
	Env, File, Value string
}

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s == Secret{} }

// String returns where the secret is kept, never the secret.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "$" + s.Env
	case s.File != "":
		return "file " + s.File
	case s.Value != "":
		return "(given)"
	default:
		return "(none)"
	}
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return "metrics.Secret(" + s.String() + ")" }

// maxSecret bounds a secret's file: a token is some kilobytes at most.
const maxSecret = 64 << 10

// Read returns the secret.
func (s Secret) Read() (string, error) {
	switch {
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok || v == "" {
			return "", fmt.Errorf("environment variable %s is not set", s.Env)
		}
		return v, nil
	case s.File != "":
		info, err := os.Stat(s.File)
		if err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() {
			// A pipe could be read once, and a secret is read at every use.
			return "", fmt.Errorf("%s is no regular file", s.File)
		}
		if info.Size() > maxSecret {
			return "", fmt.Errorf("%s has %d bytes, a secret has at most %d", s.File, info.Size(), maxSecret)
		}
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", err
		}
		v := strings.TrimRight(string(b), "\r\n")
		if v == "" {
			return "", fmt.Errorf("%s is empty", s.File)
		}
		return v, nil
	case s.Value != "":
		return s.Value, nil
	default:
		return "", errors.New("no secret is configured")
	}
}

// MarshalText keeps encodings of Settings from holding the value: a secret
// encodes as its place.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
