package auth

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

// Keyring holds the key set in use for one kind of token and lets it be
// replaced while tokens are being signed and checked. It implements
// verify.KeySource.
type Keyring struct{ set atomic.Pointer[KeySet] }

// NewKeyring returns a ring that holds a set.
func NewKeyring(set *KeySet) *Keyring {
	r := &Keyring{}
	r.set.Store(set)
	return r
}

// Set returns the set in use.
func (r *Keyring) Set() *KeySet { return r.set.Load() }

// Replace puts another set in use. Tokens of keys that are no longer in it are
// refused from now on.
func (r *Keyring) Replace(set *KeySet) { r.set.Store(set) }

// Signer returns the key that signs at now.
func (r *Keyring) Signer(now time.Time) SigningKey { return r.Set().Signer(now) }

// Key implements verify.KeySource.
func (r *Keyring) Key(ctx context.Context, kid string) (verify.Key, error) {
	return r.Set().Key(ctx, kid)
}
