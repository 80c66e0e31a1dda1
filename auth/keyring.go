package auth

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/wugan/wugan/auth/verify"
)

// Keyring holds the current key set for one kind of token. The set can be
// replaced while tokens are signed and verified. It implements verify.KeySource
// and is safe for concurrent use.
type Keyring struct{ set atomic.Pointer[KeySet] }

// NewKeyring returns a Keyring that holds set.
func NewKeyring(set *KeySet) *Keyring {
	r := &Keyring{}
	r.set.Store(set)
	return r
}

// Set returns the current key set.
func (r *Keyring) Set() *KeySet { return r.set.Load() }

// Replace sets the current key set. Tokens signed by keys that are not in it are
// refused from now on.
func (r *Keyring) Replace(set *KeySet) { r.set.Store(set) }

// Signer returns the key that signs at now.
func (r *Keyring) Signer(now time.Time) SigningKey { return r.Set().Signer(now) }

// Key implements verify.KeySource.
func (r *Keyring) Key(ctx context.Context, kid string) (verify.Key, error) {
	return r.Set().Key(ctx, kid)
}
