package main

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keyring holds the issuer's keys: the last one signs, all are published.
type keyring struct {
	mu   sync.Mutex
	keys []signingKey
}

func newKeyring() (*keyring, error) {
	k := &keyring{}
	return k, k.rotate()
}

func (k *keyring) rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = append(k.keys, signingKey{id: rand.Text(), private: private})
	return nil
}

func (k *keyring) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = k.keys[len(k.keys)-1:]
}

func (k *keyring) current() signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[len(k.keys)-1]
}

func (k *keyring) published() []op.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := []op.Key{}
	for _, key := range k.keys {
		out = append(out, publicKey(key))
	}
	return out
}

func (k *keyring) sign(claims any) (string, error) {
	signer, err := op.SignerFromKey(k.current())
	if err != nil {
		return "", err
	}
	return crypto.Sign(claims, signer)
}

// signingKey and publicKey are the two sides of one key.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type publicKey signingKey

func (k publicKey) ID() string                         { return k.id }
func (k publicKey) Key() any                           { return &k.private.PublicKey }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
