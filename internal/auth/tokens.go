package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"
)

// TokenPrefix begins the tokens of [NewToken], so that people and scanners for
// secrets recognize them.
const TokenPrefix = "judged_"

// NewToken makes a token of 256 random bits, and its hash for the file of
// tokens. The token is to be shown once and kept nowhere.
func NewToken() (token, hash string) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // cannot fail
	token = TokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	sum := hashToken(token)
	return token, hex.EncodeToString(sum[:])
}

const (
	// minToken is how long base64 of 128 bits is, in bytes. The file holds plain
	// hashes, which keep a secret only if it cannot be guessed.
	minToken = 22
	// maxTokens bounds the file: each call looks at all of them.
	maxTokens = 1000
	// maxTokensFile bounds its size, in bytes.
	maxTokensFile = 1 << 20
	// tokensInterval is how often the file is read at most.
	tokensInterval = 5 * time.Second
)

// staticToken is an entry of the file.
type staticToken struct {
	hash     [sha256.Size]byte
	notAfter time.Time // zero: for ever
	caller   *Caller
}

// tokenFile is the file as it was when last read. A file that cannot be used
// is reported, and the last good one stays.
type tokenFile struct {
	path string
	now  func() time.Time
	log  *slog.Logger

	tokens  atomic.Pointer[[]staticToken]
	checked atomic.Int64 // nanoseconds

	mu       sync.Mutex // held while reading
	text     []byte
	reported string
}

func newTokenFile(path string, now func() time.Time, log *slog.Logger) (*tokenFile, error) {
	f := &tokenFile{path: path, now: now, log: log}
	f.checked.Store(now().UnixNano())
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// caller returns whose token it is. Every entry is compared, each in constant
// time, so that how long it takes says nothing.
func (f *tokenFile) caller(token string) (*Caller, error) {
	now := f.now()
	f.check(now)
	if len(token) < minToken {
		return nil, refuse(UnknownToken, "the bearer token has %d characters; this server's have %d or more, so that nobody can guess them", len(token), minToken)
	}
	hash := hashToken(token)
	var found *staticToken
	tokens := *f.tokens.Load()
	for i := range tokens {
		if subtle.ConstantTimeCompare(tokens[i].hash[:], hash[:]) == 1 {
			found = &tokens[i]
		}
	}
	if found == nil {
		return nil, refuse(UnknownToken, "this server does not know the bearer token: has it been taken back, or is it for another server?")
	}
	if !found.notAfter.IsZero() && now.After(found.notAfter) {
		return nil, refuse(Expired, "the bearer token of %s expired at %s", quote(found.caller.Name), moment(found.notAfter))
	}
	return found.caller, nil
}

// check reads the file if that is due. Its contents are compared, not its
// times: they say the same of files that are renamed into place or reached
// through links, and within one tick of the clock.
func (f *tokenFile) check(now time.Time) {
	if since := now.UnixNano() - f.checked.Load(); 0 <= since && since < int64(tokensInterval) || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	f.checked.Store(now.UnixNano())
	switch err := f.read(); {
	case err == nil:
		f.reported = ""
	case err.Error() != f.reported:
		f.reported = err.Error()
		f.log.Error("the file of tokens cannot be used; the tokens that were read before stay good", slog.String("error", f.reported))
	}
}

func (f *tokenFile) read() error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("the file of tokens cannot be read: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTokensFile+1))
	switch {
	case err != nil:
		return fmt.Errorf("the file of tokens cannot be read: %w", err)
	case len(text) > maxTokensFile:
		return fmt.Errorf("the file of tokens %s has more than %d bytes", f.path, maxTokensFile)
	case f.text != nil && bytes.Equal(text, f.text):
		return nil
	}
	tokens, err := parseTokens(text)
	if err != nil {
		return fmt.Errorf("the file of tokens %s: %w", f.path, err)
	}
	if f.text != nil {
		f.log.Info("the file of tokens has changed", slog.String("path", f.path), slog.Int("tokens", len(tokens)))
	}
	f.text = text
	f.tokens.Store(&tokens)
	return nil
}

// parseTokens reads the file. Its errors show names and places, no values: a
// token may have been put where its hash belongs.
func parseTokens(text []byte) ([]staticToken, error) {
	var file struct {
		Tokens *[]struct {
			Name     string         `yaml:"name"`
			Tenant   string         `yaml:"tenant"`
			SHA256   string         `yaml:"sha256"`
			NotAfter string         `yaml:"not_after"`
			Claims   map[string]any `yaml:"claims"`
		} `yaml:"tokens"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlProblem(err)
	}
	switch {
	case file.Tokens == nil: // also if it is just being written
		return nil, errors.New("there is no list named tokens in it; write `tokens: []` if there are to be none")
	case len(*file.Tokens) > maxTokens:
		return nil, fmt.Errorf("has %d tokens, at most %d can be: people and machines that many should come with tokens of an issuer", len(*file.Tokens), maxTokens)
	}
	tokens := make([]staticToken, 0, len(*file.Tokens))
	seen := map[[sha256.Size]byte]int{}
	for i, t := range *file.Tokens {
		at := fmt.Sprintf("token %d (%s)", i+1, quote(t.Name))
		if bad := badName(t.Name); bad != "" {
			return nil, fmt.Errorf("%s: its name %s", at, bad)
		}
		if bad := badName(t.Tenant); bad != "" && t.Tenant != "" {
			return nil, fmt.Errorf("%s: its tenant %s", at, bad)
		}
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("%s: its sha256 is not 64 hexadecimal digits; it is the SHA-256 of the token, never the token", at)
		}
		token := staticToken{hash: [sha256.Size]byte(hash)}
		if t.NotAfter != "" {
			if token.notAfter, err = time.Parse(time.RFC3339, t.NotAfter); err != nil {
				return nil, fmt.Errorf("%s: its not_after is not a time like 2030-12-31T23:59:59Z", at)
			}
		}
		if other, ok := seen[token.hash]; ok {
			return nil, fmt.Errorf("%s has the sha256 of token %d; each needs one of its own", at, other)
		}
		seen[token.hash] = i + 1
		claims, err := jsonValues(t.Claims)
		if err != nil {
			return nil, fmt.Errorf("%s: its claims cannot be written as JSON, and must", at)
		}
		token.caller = &Caller{Name: t.Name, Tenant: t.Tenant, Method: StaticToken, Claims: claims}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// yamlProblem says where a file is wrong. The parser's own words for values of
// a wrong type repeat them.
func yamlProblem(err error) error {
	if strings.HasPrefix(err.Error(), "yaml: line ") { // of the syntax
		return fmt.Errorf("is not YAML: %w", err)
	}
	return errors.New("has fields that are unknown or of a wrong type; a token has name, tenant, sha256, not_after (a time) and claims")
}

// jsonValues turns what YAML gives into what JSON would.
func jsonValues(claims map[string]any) (map[string]any, error) {
	out := map[string]any{}
	if claims == nil {
		return out, nil
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(text, &out)
}
