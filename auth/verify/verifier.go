package verify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// DefaultCacheSize is the number of verified tokens that a [Verifier] remembers
// unless [WithCache] says otherwise: some 5 MB when full.
const DefaultCacheSize = 10_000

// Revocations knows which sessions were ended before their access tokens
// expired, such as a [RevocationFeed]. Revoked is called for every good token:
// it must be fast, safe for concurrent use, and must not block.
//
// Revocations that also have a method RevocationReason(sessionID string) string
// say why a session ended; "" where that is not known.
type Revocations interface {
	Revoked(sessionID string) bool
}

// Verifier checks access tokens. Make one with [New] and share it: it is safe
// for concurrent use.
type Verifier struct {
	profile     Profile
	clientIDs   []string
	revocations Revocations
	cache       *cache
}

// Option changes what [New] makes.
type Option func(*Verifier)

// WithClock makes the verifier take the time from now instead of time.Now.
func WithClock(now func() time.Time) Option {
	return func(v *Verifier) { v.profile.Now = now }
}

// WithLeeway allows the issuer's clock and ours to differ by leeway (0 to
// [MaxLeeway]); without it, by nothing: a token refused a moment early only
// makes the client refresh.
func WithLeeway(leeway time.Duration) Option {
	return func(v *Verifier) { v.profile.Leeway = leeway }
}

// WithCache bounds the memory of verified tokens to about size entries; 0 or less
// turns it off.
func WithCache(size int) Option {
	return func(v *Verifier) {
		v.cache = nil
		if size > 0 {
			v.cache = newCache(size)
		}
	}
}

// WithRevocations refuses tokens of sessions that revocations names. The
// question is asked at every check, after the cache.
func WithRevocations(revocations Revocations) Option {
	return func(v *Verifier) { v.revocations = revocations }
}

// WithClientIDs accepts only tokens that were issued to these apps (client_id).
// Without it any app of the issuer is accepted.
func WithClientIDs(ids ...string) Option {
	return func(v *Verifier) { v.clientIDs = append(v.clientIDs, ids...) }
}

// WithAlgorithms narrows the signature algorithms that are accepted. It is not
// needed for safety: a key works with its own algorithm only.
func WithAlgorithms(algorithms ...string) Option {
	return func(v *Verifier) { v.profile.Algorithms = append(v.profile.Algorithms, algorithms...) }
}

// New returns a verifier of the access tokens that issuer signs for audience. It
// panics when issuer, audience or keys are empty or the leeway is out of range:
// that is a mistake in the program, and guessing would accept foreign tokens.
func New(issuer, audience string, keys KeySource, opts ...Option) *Verifier {
	v := &Verifier{
		profile: Profile{
			Type: AccessTokenType, Issuer: issuer, Audience: audience, Keys: keys,
			RequiredClaims: accessClaims,
		},
		cache: newCache(DefaultCacheSize),
	}
	for _, opt := range opts {
		opt(v)
	}
	if err := v.profile.validate(); err != nil {
		panic(err)
	}
	return v
}

// Format prints the issuer and the audience, and nothing that changes under way.
func (v *Verifier) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "verify.New(%q, %q)", v.profile.Issuer, v.profile.Audience)
}

// Verify checks an access token and returns its claims, which belong to the
// caller. A token that was checked before is recognised by its hash; its key, its
// times and its session are looked at again all the same.
//
// The error is [ErrMissing] for "", [ErrInvalid], [ErrExpired], [ErrRevoked] (a
// *[RevokedError] where the reason is known),
// [ErrKeysUnavailable], or the error of ctx. It never holds the token.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	claims, err := v.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if v.revocations != nil && v.revocations.Revoked(claims.SessionID) {
		return nil, v.revoked(claims.SessionID)
	}
	// The cache keeps its own copy.
	return claims.clone(), nil
}

// revoked is the error for a session that was ended, with the reason where the
// revocations know it.
func (v *Verifier) revoked(sessionID string) error {
	if known, ok := v.revocations.(interface{ RevocationReason(sessionID string) string }); ok {
		if reason := known.RevocationReason(sessionID); reason != "" {
			return &RevokedError{Reason: reason}
		}
	}
	return ErrRevoked
}

// verify returns claims that are shared with the cache.
func (v *Verifier) verify(ctx context.Context, token string) (*Claims, error) {
	if v.cache == nil || len(token) > MaxTokenSize {
		claims, _, err := v.verifyAfresh(ctx, token)
		return claims, err
	}
	sum := digestOf(token)
	if entry := v.cache.get(sum); entry != nil {
		if v.stillGood(ctx, entry) {
			return entry.claims, nil
		}
		v.cache.remove(sum)
	}
	claims, entry, err := v.verifyAfresh(ctx, token)
	if err != nil {
		return nil, err
	}
	v.cache.put(sum, entry)
	return claims, nil
}

// stillGood repeats what can change after a signature was found good: time, and
// the key, which may have been withdrawn or replaced. When it is not good the
// token is checked afresh, and that check finds the words for it.
func (v *Verifier) stillGood(ctx context.Context, entry *cached) bool {
	if v.profile.checkAt(entry.claims.ExpiresAt, entry.notBefore, v.profile.now()) != nil {
		return false
	}
	used := entry.key()
	key, err := v.profile.Keys.Key(ctx, used.ID)
	return err == nil && key.same(used)
}

func (v *Verifier) verifyAfresh(ctx context.Context, token string) (*Claims, *cached, error) {
	result, err := v.profile.check(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	claims, err := claimsOf(result)
	if err != nil {
		return nil, nil, err
	}
	if len(v.clientIDs) > 0 && !slices.Contains(v.clientIDs, claims.ClientID) {
		return nil, nil, invalid("issued to another app")
	}
	return claims, &cached{claims: claims, key: result.key.hidden(), notBefore: result.notBefore}, nil
}
