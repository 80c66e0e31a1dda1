package verify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// DefaultCacheSize is the default number of verified tokens that a [Verifier]
// caches. A full cache takes about 5 MB. See [WithCache].
const DefaultCacheSize = 10_000

// Revocations reports which sessions were revoked. [RevocationFeed] implements it.
// Revoked is called for every valid token: it must be fast, safe for concurrent use,
// and must not block.
//
// An implementation may also have a method RevocationReason(sessionID string)
// string, which returns why a session was revoked, or "" if that is unknown.
type Revocations interface {
	Revoked(sessionID string) bool
}

// Verifier verifies access tokens. It is made by [New], should be shared, and is
// safe for concurrent use.
type Verifier struct {
	profile     Profile
	clientIDs   []string
	revocations Revocations
	cache       *cache
}

// Option configures a [Verifier].
type Option func(*Verifier)

// WithClock uses now instead of time.Now.
func WithClock(now func() time.Time) Option {
	return func(v *Verifier) { v.profile.Now = now }
}

// WithLeeway allows the clocks of the issuer and the verifier to differ by leeway, 0
// to [MaxLeeway]. The default is 0: a token that is refused too early only makes the
// client refresh.
func WithLeeway(leeway time.Duration) Option {
	return func(v *Verifier) { v.profile.Leeway = leeway }
}

// WithCache limits the cache of verified tokens to about size entries. A size of 0
// or less disables the cache.
func WithCache(size int) Option {
	return func(v *Verifier) {
		v.cache = nil
		if size > 0 {
			v.cache = newCache(size)
		}
	}
}

// WithRevocations refuses tokens of revoked sessions. It is called at every check,
// also for a cached token.
func WithRevocations(revocations Revocations) Option {
	return func(v *Verifier) { v.revocations = revocations }
}

// WithClientIDs accepts only tokens that were issued to these apps (client_id). The
// default is to accept all apps of the issuer.
func WithClientIDs(ids ...string) Option {
	return func(v *Verifier) { v.clientIDs = append(v.clientIDs, ids...) }
}

// WithAlgorithms restricts the signature algorithms. It is not needed for security,
// since a key works with its own algorithm only.
func WithAlgorithms(algorithms ...string) Option {
	return func(v *Verifier) { v.profile.Algorithms = append(v.profile.Algorithms, algorithms...) }
}

// New returns a verifier for the access tokens that issuer signs for audience. It
// panics if issuer, audience or keys are empty or the leeway is out of range: that
// is a mistake in the program, and a default would accept foreign tokens.
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

// Format prints the issuer and the audience only.
func (v *Verifier) Format(state fmt.State, _ rune) {
	fmt.Fprintf(state, "verify.New(%q, %q)", v.profile.Issuer, v.profile.Audience)
}

// Verify verifies an access token and returns its claims, which the caller may
// change. A cached token is recognized by its hash; its key, its times and its
// session are still checked.
//
// The error is [ErrMissing] for "", or [ErrInvalid], [ErrExpired], [ErrRevoked] (a
// *[RevokedError] if the reason is known), [ErrKeysUnavailable] or the error of ctx.
// It never contains the token.
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

// stillGood repeats the checks whose result can change after the signature was
// verified: the times, and the key, which may have been removed or replaced. If one
// fails, the token is verified again in full, which yields the error.
func (v *Verifier) stillGood(ctx context.Context, entry *cached) bool {
	if v.profile.checkAt(entry.claims.ExpiresAt, entry.notBefore, v.profile.now()) != nil {
		return false
	}
	used := entry.key()
	key, err := v.profile.Keys.Key(ctx, used.ID)
	return err == nil && key.same(used)
}

func (v *Verifier) verifyAfresh(ctx context.Context, token string) (*Claims, *cached, error) {
	room := takeRoom()
	defer room.release()
	result, err := v.profile.check(ctx, token, room)
	if err != nil {
		return nil, nil, err
	}
	claims, err := claimsOf(&result)
	if err != nil {
		return nil, nil, err
	}
	if len(v.clientIDs) > 0 && !slices.Contains(v.clientIDs, claims.ClientID) {
		return nil, nil, invalid("issued to another app")
	}
	return claims, &cached{claims: claims, key: result.key.hidden(), notBefore: result.notBefore}, nil
}
