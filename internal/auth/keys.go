package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// pace is how often an issuer is asked.
type pace struct {
	// refresh is how old keys may get: how long a key that was taken back may
	// still be used.
	refresh time.Duration
	// onDemand is the least time between two askings if tokens are the reason.
	onDemand time.Duration
	// retry is the pause after the first failure; it doubles up to longest.
	retry, longest time.Duration
	// patience is how long one asking may take, and so how long a caller waits.
	patience time.Duration
}

func (p pace) withDefaults() pace {
	p.refresh = cmp.Or(p.refresh, 5*time.Minute)
	p.onDemand = cmp.Or(p.onDemand, 10*time.Second)
	p.retry = cmp.Or(p.retry, time.Second)
	p.longest = cmp.Or(p.longest, 30*time.Second)
	p.patience = cmp.Or(p.patience, 5*time.Second)
	return p
}

// keySet is what an issuer publishes.
type keySet struct {
	text []byte
	keys []jose.JSONWebKey
}

// has reports whether a key of this id is there. A token without one may be
// signed with any key.
func (s *keySet) has(kid string) bool {
	for i := range s.keys {
		if kid == "" || s.keys[i].KeyID == kid {
			return true
		}
	}
	return false
}

const (
	// maxKeys bounds a set: a token without a key id is tried with all of them.
	// Issuers have two or three.
	maxKeys = 100
	// minRSABits: RFC 7518, section 3.3.
	minRSABits = 2048
)

// parseKeys reads a JSON Web Key Set. Keys that are unknown, too weak, or for
// encryption are left out, as RFC 7517 (section 5) wants; a set without any
// left means that no token is good.
func parseKeys(text []byte) (*keySet, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	switch err := json.Unmarshal(text, &set); {
	case err != nil || set.Keys == nil:
		return nil, errors.New("the answer is not a JSON Web Key Set")
	case len(*set.Keys) > maxKeys:
		return nil, fmt.Errorf("the JSON Web Key Set has %d keys, at most %d can be", len(*set.Keys), maxKeys)
	}
	out := &keySet{text: text}
	for _, raw := range *set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || key.Use != "" && key.Use != "sig" {
			continue
		}
		key = key.Public() // empty if it is symmetric
		if !key.Valid() {
			continue
		}
		if r, ok := key.Key.(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
			continue
		}
		out.keys = append(out.keys, key)
	}
	return out, nil
}

// signature verifies one token's signature for go-oidc.
type signature struct {
	keys  *keySet
	wrong bool // the result
}

var _ oidc.KeySet = (*signature)(nil)

// VerifySignature implements oidc.KeySet.
func (s *signature) VerifySignature(_ context.Context, token string) ([]byte, error) {
	var allowed []jose.SignatureAlgorithm
	for _, a := range algorithms {
		allowed = append(allowed, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(token, allowed)
	if err != nil {
		return nil, err
	}
	kid := jws.Signatures[0].Header.KeyID
	for i := range s.keys.keys {
		key := &s.keys.keys[i]
		if kid != "" && key.KeyID != kid {
			continue
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	s.wrong = true
	return nil, errors.New("no key verifies the signature")
}

// keysFor returns keys with one of this id among them. If it is not known, or
// nothing is, the issuer is asked, unless that was just done.
func (p *provider) keysFor(ctx context.Context, kid string) (*keySet, error) {
	keys := p.keys.Load()
	if keys != nil && keys.has(kid) {
		return keys, nil
	}
	if err := p.ask(ctx, keys); err != nil {
		return nil, &UnavailableError{Issuer: p.issuer.URL, RetryAfter: time.Second, err: err}
	}
	retry, failure := p.lastAsking()
	keys = p.keys.Load()
	switch {
	case keys != nil && keys.has(kid):
		return keys, nil
	case keys == nil || failure != nil:
		return nil, &UnavailableError{Issuer: p.issuer.URL, RetryAfter: retry, err: failure}
	default:
		return nil, refuse(KeyNotFound, "the token is signed with the key %s, which %s does not publish: "+
			"the token is forged, or of a key that was taken back, or of one so new that it is known only in %v",
			quote(kid), p.issuer.URL, retry.Round(time.Second))
	}
}

// ask waits until the issuer was asked, unless that was done since the caller
// got old, or just before. The error is that nobody could wait for it; how it
// went, lastAsking says.
func (p *provider) ask(ctx context.Context, old *keySet) error {
	p.mu.Lock()
	if p.running == nil && p.keys.Load() == old && p.due() <= 0 {
		p.running = make(chan struct{})
		p.wake <- struct{}{} // there is room: refresh empties it before running is nil again
	}
	running := p.running
	p.mu.Unlock()
	if running == nil {
		return nil
	}
	patience := time.NewTimer(p.pace.patience)
	defer patience.Stop()
	select {
	case <-running:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.ended:
		return errors.New("this server is stopping")
	case <-patience.C:
		return errors.New("the issuer takes too long to answer")
	}
}

// lastAsking returns when the next asking may be, and how the last one went.
func (p *provider) lastAsking() (retry time.Duration, failure error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.due(), time.Second), p.failure
}

// due is how long tokens must not make the server ask again.
func (p *provider) due() time.Duration {
	since := p.now().Sub(p.began)
	if p.began.IsZero() || since < 0 {
		return 0
	}
	return p.pace.onDemand - since
}

// run asks the issuer for its keys until ctx ends.
func (p *provider) run(ctx context.Context) {
	defer close(p.ended)
	failures := 0
	for {
		pause := p.pace.refresh
		if p.refresh(ctx) {
			failures = 0
		} else {
			pause = min(p.pace.retry<<min(failures, 20), p.pace.longest)
			failures++
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refresh asks once and wakes who waits for it.
func (p *provider) refresh(ctx context.Context) (ok bool) {
	p.mu.Lock()
	if p.running == nil {
		p.running = make(chan struct{})
	}
	p.began = p.now()
	p.mu.Unlock()

	keys, err := p.fetch(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil && p.failure != nil:
		p.log.Info("the issuer answers again")
	case err != nil && ctx.Err() == nil && (p.failure == nil || p.failure.Error() != err.Error()):
		p.log.Warn("the issuer's keys cannot be had; those from before stay good, and it is asked again",
			slog.String("error", err.Error()), slog.Bool("has_keys", p.keys.Load() != nil))
	}
	p.failure = err
	if old := p.keys.Load(); err == nil && (old == nil || !bytes.Equal(old.text, keys.text)) {
		p.keys.Store(keys)
		p.log.Info("the issuer's keys are new", slog.Int("keys", len(keys.keys)))
	}
	select {
	case <-p.wake: // meant this time
	default:
	}
	close(p.running)
	p.running = nil
	return err == nil
}

// fetch asks for the keys, and before for where they are if that is not known.
func (p *provider) fetch(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, p.pace.patience)
	defer cancel()
	f, err := newFetcher(p.issuer)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if p.jwksURL == "" {
		if p.jwksURL, err = f.discover(ctx, p.issuer.URL); err != nil {
			return nil, err
		}
	}
	text, err := f.get(ctx, p.jwksURL)
	if err == nil {
		var keys *keySet
		if keys, err = parseKeys(text); err == nil {
			return keys, nil
		}
		err = fmt.Errorf("GET %s: %w", p.jwksURL, err)
	}
	p.jwksURL = "" // perhaps it has moved
	return nil, err
}
