package verify_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// swapSource is a key source whose keys change.
type swapSource struct {
	mu   sync.Mutex
	keys map[string]verify.Key
	err  error
}

func (s *swapSource) Key(_ context.Context, kid string) (verify.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return verify.Key{}, s.err
	}
	key, ok := s.keys[kid]
	if !ok {
		return verify.Key{}, verify.ErrUnknownKey
	}
	return key, nil
}

func (s *swapSource) set(keys ...verify.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.err = map[string]verify.Key{}, nil
	for _, key := range keys {
		s.keys[key.ID] = key
	}
}

func (s *swapSource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// revokedSet is a Revocations that tests fill.
type revokedSet struct{ sync.Map }

func (r *revokedSet) Revoked(id string) bool { _, ok := r.Load(id); return ok }

func TestACachedTokenExpiresToTheSecond(t *testing.T) {
	var at atomic.Pointer[time.Time]
	at.Store(&now)
	v := verify.New(issuer, audience, allKeys(), verify.WithClock(func() time.Time { return *at.Load() }), verify.WithLeeway(time.Second))
	token := signers()[verify.ES256].good()
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, 1, verify.CacheLen(v))

	last := now.Add(time.Hour + time.Second - 1)
	at.Store(&last)
	_, err = v.Verify(t.Context(), token)
	require.NoError(t, err)

	over := last.Add(1)
	at.Store(&over)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrExpired)
	require.Zero(t, verify.CacheLen(v))
}

func TestACachedTokenEndsWithItsKey(t *testing.T) {
	for _, algorithm := range algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			s := signers()[algorithm]
			keys := &swapSource{}
			keys.set(s.key)
			v := verify.New(issuer, audience, keys, verify.WithClock(clock))
			token := s.good()
			_, err := v.Verify(t.Context(), token)
			require.NoError(t, err)

			keys.set()
			_, err = v.Verify(t.Context(), token)
			require.ErrorIs(t, err, verify.ErrInvalid)
			require.ErrorIs(t, err, verify.ErrUnknownKey)

			keys.set(s.key)
			_, err = v.Verify(t.Context(), token)
			require.NoError(t, err)

			// Another key under the same id.
			other := s.key
			for name, o := range signers() {
				if name != algorithm {
					other.Algorithm, other.Public = o.key.Algorithm, o.key.Public
				}
			}
			keys.set(other)
			_, err = v.Verify(t.Context(), token)
			require.ErrorIs(t, err, verify.ErrInvalid)
		})
	}
}

func TestACachedTokenIsNotInvalidWhenItsKeyCannotBeHad(t *testing.T) {
	s := signers()[verify.ES256]
	keys := &swapSource{}
	keys.set(s.key)
	v := verify.New(issuer, audience, keys, verify.WithClock(clock))
	token := s.good()
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	keys.fail(verify.ErrKeysUnavailable)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrKeysUnavailable)
	require.NotErrorIs(t, err, verify.ErrInvalid)
	broken := errors.New("broken source")
	keys.fail(broken)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, broken)
}

func TestARevocationIsSeenThroughTheCache(t *testing.T) {
	var revoked revokedSet
	v := verifier(verify.WithRevocations(&revoked))
	token := signers()[verify.ES256].good()
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	revoked.Store("session-1", true)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrRevoked)
	require.NotErrorIs(t, err, verify.ErrInvalid)
}

func TestTokensOfAnotherAppAreRefusedAndNotCached(t *testing.T) {
	token := signers()[verify.ES256].good()
	v := verifier(verify.WithClientIDs("wxother", "wxmine"))
	_, err := v.Verify(t.Context(), token)
	require.ErrorIs(t, err, verify.ErrInvalid)
	require.Zero(t, verify.CacheLen(v))
	_, err = verifier(verify.WithClientIDs("wxother", "wx0123456789abcdef")).Verify(t.Context(), token)
	require.NoError(t, err)
}

func TestNobodyCanAlterWhatOthersGet(t *testing.T) {
	s := signers()[verify.ES256]
	token := s.sign(s.header(nil), claims(map[string]any{"meta": map[string]any{"list": []any{"a"}, "deep": map[string]any{"x": "y"}}}))
	v := verifier()
	want, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	for range 2 { // what the first check returned, and what the cache returns
		got, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, want, got)
		got.Subject, got.Roles[0], got.Audience[0] = "admin", "admin", "x"
		got.Roles = append(got.Roles, "admin")
		meta, ok := got.Extra["meta"].(map[string]any)
		require.True(t, ok)
		meta["list"].([]any)[0] = "b"
		meta["deep"].(map[string]any)["x"] = "z"
		meta["new"] = true
		got.Extra["other"] = 1
	}
	got, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestTheCacheIsBoundedAndForgeriesDoNotEnterIt(t *testing.T) {
	s := signers()[verify.HS256]
	v := verifier(verify.WithCache(64))
	for i := range 1000 {
		token := s.sign(s.header(nil), claims(map[string]any{"jti": strconv.Itoa(i)}))
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), token+"AAAA")
		require.ErrorIs(t, err, verify.ErrInvalid)
		require.LessOrEqual(t, verify.CacheLen(v), 64)
	}
	require.Greater(t, verify.CacheLen(v), 48)

	off := verifier(verify.WithCache(0))
	_, err := off.Verify(t.Context(), s.good())
	require.NoError(t, err)
	require.Zero(t, verify.CacheLen(off))
}

func TestAFullCacheGivesUpWhatExpiresFirst(t *testing.T) {
	s := signers()[verify.HS256]
	v := verifier(verify.WithCache(1)) // one entry in each shard
	for i := range 200 {
		_, err := v.Verify(t.Context(), s.sign(s.header(nil), claims(map[string]any{"jti": strconv.Itoa(i)})))
		require.NoError(t, err)
	}
	require.Equal(t, 16, verify.CacheLen(v))
}

func TestOneVerifierServesManyGoroutines(t *testing.T) {
	var revoked revokedSet
	keys := &swapSource{}
	s := signers()[verify.HS256]
	keys.set(s.key)
	v := verify.New(issuer, audience, keys, verify.WithClock(clock), verify.WithCache(8), verify.WithRevocations(&revoked))
	tokens := make([]string, 32)
	for i := range tokens {
		tokens[i] = s.sign(s.header(nil), claims(map[string]any{"sid": strconv.Itoa(i)}))
	}
	revoked.Store("31", true)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 {
				n := (i*7 + g) % len(tokens)
				got, err := v.Verify(context.Background(), tokens[n])
				switch {
				case n == 31:
					if !errors.Is(err, verify.ErrRevoked) {
						t.Errorf("want revoked, got %v", err)
					}
				case err != nil:
					t.Error(err)
				case got.SessionID != strconv.Itoa(n):
					t.Errorf("got the claims of another token: %s", got.SessionID)
				default:
					got.Roles[0] = "changed" // a data race, were it shared
				}
			}
		})
	}
	wg.Wait()
}
