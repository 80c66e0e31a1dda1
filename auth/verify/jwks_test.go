package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
)

// memory is a transport that answers from a handler, so that tests with a fake
// clock (synctest) can make requests.
type memory struct{ handler http.Handler }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	var failed error
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				failed, _ = cause.(error)
			}
		}()
		m.handler.ServeHTTP(w, r)
	}()
	if failed != nil {
		return nil, failed
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response := w.Result()
	response.Request = r
	return response, nil
}

// keyServer publishes a JWK Set and counts who asks.
type keyServer struct {
	mu       sync.Mutex
	body     string
	header   http.Header
	status   int
	err      error
	delay    time.Duration
	requests []*http.Request
	at       []time.Time
}

func newKeyServer(signers ...signer) *keyServer {
	s := &keyServer{}
	s.publish(signers...)
	return s
}

func (s *keyServer) publish(signers ...signer) {
	entries := []map[string]string{}
	for _, signer := range signers {
		entries = append(entries, jwk(signer.key))
	}
	body, err := json.Marshal(map[string]any{"keys": entries})
	must(err)
	s.answer(200, http.Header{"Content-Type": {"application/jwk-set+json"}}, string(body))
}

func (s *keyServer) answer(status int, header http.Header, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.header, s.body, s.err = status, header, body, nil
}

func (s *keyServer) set(change func(*keyServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *keyServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests, s.at = append(s.requests, r), append(s.at, time.Now())
	status, header, body, err, delay := s.status, s.header, s.body, s.err, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
	}
	if err != nil {
		panic(err)
	}
	if etag := header.Get("Etag"); etag != "" && r.Header.Get("If-None-Match") == etag {
		w.Header().Set("Cache-Control", header.Get("Cache-Control"))
		w.WriteHeader(http.StatusNotModified)
		return
	}
	for name := range header {
		w.Header().Set(name, header.Get(name))
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func (s *keyServer) keys(opts ...verify.RemoteOption) *verify.RemoteKeys {
	return verify.JWKS("https://auth.example.com/.well-known/jwks.json",
		append([]verify.RemoteOption{verify.WithHTTPClient(&http.Client{Transport: memory{s}})}, opts...)...)
}

func jwk(key verify.Key) map[string]string {
	entry := map[string]string{"kid": key.ID, "alg": key.Algorithm, "use": "sig"}
	switch public := key.Public.(type) {
	case *ecdsa.PublicKey:
		entry["kty"], entry["crv"] = "EC", "P-256"
		point, err := public.Bytes()
		must(err)
		entry["x"], entry["y"] = b64(string(point[1:33])), b64(string(point[33:]))
	case ed25519.PublicKey:
		entry["kty"], entry["crv"], entry["x"] = "OKP", "Ed25519", b64(string(public))
	case *rsa.PublicKey:
		entry["kty"], entry["n"], entry["e"] = "RSA", b64(string(public.N.Bytes())), b64(string(big.NewInt(int64(public.E)).Bytes()))
	case verify.Secret:
		entry["kty"], entry["k"] = "oct", b64(string(public))
	}
	return entry
}

func named(algorithm, id string) signer {
	s := signers()[algorithm]
	s.key.ID = id
	return s
}

func TestKeysByAddressVerifyTokens(t *testing.T) {
	server := httptest.NewServer(newKeyServer(signers()[verify.ES256], signers()[verify.EdDSA], signers()[verify.RS256], signers()[verify.HS256]))
	defer server.Close()
	keys := verify.JWKS(server.URL)
	defer keys.Close()
	require.NoError(t, keys.Ready(t.Context()))
	v := verify.New(issuer, audience, keys, verify.WithClock(clock))
	for _, algorithm := range []string{verify.ES256, verify.EdDSA, verify.RS256} {
		_, err := v.Verify(t.Context(), signers()[algorithm].good())
		require.NoError(t, err, algorithm)
	}
	_, err := v.Verify(t.Context(), signers()[verify.HS256].good())
	require.ErrorIs(t, err, verify.ErrUnknownKey, "a symmetric key in a public set is left out")
	require.GreaterOrEqual(t, keys.Age(), time.Duration(0))
}

func TestTheFirstCheckWaitsForTheKeysAndAllShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(signers()[verify.ES256])
		server.delay = 3 * time.Second
		keys := server.keys()
		defer keys.Close()
		v := verify.New(issuer, audience, keys, verify.WithClock(clock))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := v.Verify(context.Background(), signers()[verify.ES256].good())
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, server.count())
	})
}

func TestAnUnknownKidIsFetchedAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(named(verify.ES256, "old"))
		keys := server.keys(verify.WithInterval(time.Hour))
		defer keys.Close()
		require.NoError(t, keys.Ready(t.Context()))
		require.Equal(t, 1, server.count())

		flood := func() {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					_, err := keys.Key(context.Background(), "nobody's")
					if !errors.Is(err, verify.ErrUnknownKey) || errors.Is(err, verify.ErrKeysUnavailable) {
						t.Errorf("want ErrUnknownKey, got %v", err)
					}
				})
			}
			wg.Wait()
		}
		flood()
		require.Equal(t, 2, server.count())
		time.Sleep(59 * time.Second)
		flood()
		require.Equal(t, 2, server.count())
		time.Sleep(time.Second)
		flood()
		require.Equal(t, 3, server.count())

		// And that one fetch finds a key that was published in the meantime.
		time.Sleep(time.Minute)
		server.publish(named(verify.ES256, "old"), named(verify.EdDSA, "new"))
		_, err := keys.Key(t.Context(), "new")
		require.NoError(t, err)
	})
}

func TestOldKeysAreServedWhileTheAddressIsDown(t *testing.T) {
	for name, outage := range map[string]func(*keyServer){
		"no connection": func(s *keyServer) { s.err = errors.New("connection refused") },
		"500":           func(s *keyServer) { s.status = 500 },
		"404":           func(s *keyServer) { s.status = 404 },
		"a login page":  func(s *keyServer) { s.header = http.Header{"Content-Type": {"text/html"}} },
		"half a body":   func(s *keyServer) { s.body = s.body[:len(s.body)/2] },
		"an empty set":  func(s *keyServer) { s.body = `{"keys":[]}` },
		"not a set":     func(s *keyServer) { s.body = `{"error":"x"}` },
		"too large":     func(s *keyServer) { s.body = `{"pad":"` + strings.Repeat("x", 128<<10) + `","keys":[]}` },
		"no answer":     func(s *keyServer) { s.delay = time.Hour },
		"a kid twice":   func(s *keyServer) { s.body = strings.Replace(s.body, `[`, `[{"kid":"es-1"},`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failures []error
				var mu sync.Mutex
				server := newKeyServer(signers()[verify.ES256])
				keys := server.keys(verify.WithErrorHook(func(err error) {
					mu.Lock()
					defer mu.Unlock()
					failures = append(failures, err)
				}))
				defer keys.Close()
				require.NoError(t, keys.Ready(t.Context()))
				server.set(outage)
				time.Sleep(3 * time.Hour)
				mu.Lock()
				require.NotEmpty(t, failures)
				mu.Unlock()
				// Asked again once a minute or so, and not more.
				require.InDelta(t, 3*60, server.count(), 3*60*0.25)
				require.Greater(t, keys.Age(), 2*time.Hour)

				v := verify.New(issuer, audience, keys, verify.WithClock(clock))
				_, err := v.Verify(t.Context(), signers()[verify.ES256].good())
				require.NoError(t, err)

				// A token of a key that we could not fetch may be a good one.
				other := named(verify.EdDSA, "new")
				_, err = v.Verify(t.Context(), other.good())
				require.ErrorIs(t, err, verify.ErrKeysUnavailable)
				require.NotErrorIs(t, err, verify.ErrInvalid)

				server.set(func(s *keyServer) { s.delay = 0 })
				server.publish(other)
				time.Sleep(2 * time.Minute)
				_, err = v.Verify(t.Context(), other.good())
				require.NoError(t, err)
				_, err = v.Verify(t.Context(), signers()[verify.ES256].good())
				require.ErrorIs(t, err, verify.ErrInvalid, "a withdrawn key ends its cached tokens")
			})
		})
	}
}

func TestWithoutAnyKeysEveryTokenIsUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(signers()[verify.ES256])
		server.err = errors.New("connection refused")
		keys := server.keys()
		defer keys.Close()
		v := verify.New(issuer, audience, keys, verify.WithClock(clock))
		require.Negative(t, keys.Age())
		for range 100 {
			_, err := v.Verify(t.Context(), signers()[verify.ES256].good())
			require.ErrorIs(t, err, verify.ErrKeysUnavailable)
			require.NotErrorIs(t, err, verify.ErrInvalid)
			require.ErrorContains(t, err, "connection refused")
		}
		require.LessOrEqual(t, server.count(), 2, "an outage must not become a storm")

		// It recovers within a second or so of the first request that comes after.
		time.Sleep(10 * time.Minute)
		server.publish(signers()[verify.ES256])
		time.Sleep(time.Second) // the last attempt may have been just before
		_, err := v.Verify(t.Context(), signers()[verify.ES256].good())
		require.NoError(t, err)
	})
}

func TestACallerWhoGivesUpDoesNotStopTheFetchForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(signers()[verify.ES256])
		server.delay = 2 * time.Second
		keys := server.keys()
		defer keys.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := keys.Key(ctx, "es-1")
		require.ErrorIs(t, err, verify.ErrKeysUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, keys.Ready(ctx), verify.ErrKeysUnavailable)
		_, err = keys.Key(t.Context(), "es-1")
		require.NoError(t, err)
		require.Equal(t, 1, server.count())
	})
}

func TestCacheControlSaysWhenKeysAreFetchedAgain(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                              5 * time.Minute,
		"public, max-age=900":           15 * time.Minute,
		`max-age="900"`:                 15 * time.Minute,
		"MAX-AGE=900, must-revalidate":  15 * time.Minute,
		"max-age=1":                     10 * time.Second,
		"max-age=0":                     10 * time.Second,
		"no-store":                      10 * time.Second,
		"no-cache, max-age=900":         10 * time.Second,
		"max-age=99999999999":           time.Hour,
		"max-age=999999999999999999999": 5 * time.Minute,
		"max-age=-1":                    5 * time.Minute,
		"max-age=soon":                  5 * time.Minute,
	} {
		t.Run(header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newKeyServer(signers()[verify.ES256])
				server.header.Set("Cache-Control", header)
				keys := server.keys()
				defer keys.Close()
				require.NoError(t, keys.Ready(t.Context()))
				time.Sleep(want * 89 / 100)
				require.Equal(t, 1, server.count())
				time.Sleep(want * 22 / 100)
				require.Equal(t, 2, server.count())
			})
		})
	}
}

func TestAnUnchangedSetIsConfirmedByItsETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(signers()[verify.ES256])
		server.header.Set("Etag", `"v1"`)
		keys := server.keys()
		defer keys.Close()
		require.NoError(t, keys.Ready(t.Context()))
		time.Sleep(6 * time.Minute)
		require.Equal(t, 2, server.count())
		require.Empty(t, server.requests[0].Header.Get("If-None-Match"))
		require.Equal(t, `"v1"`, server.requests[1].Header.Get("If-None-Match"))
		require.Less(t, keys.Age(), 2*time.Minute, "a 304 confirms")
		_, err := keys.Key(t.Context(), "es-1")
		require.NoError(t, err)

		server.publish(named(verify.EdDSA, "new"))
		server.set(func(s *keyServer) { s.header.Set("Etag", `"v2"`) })
		time.Sleep(6 * time.Minute)
		_, err = keys.Key(t.Context(), "new")
		require.NoError(t, err)
	})
}

func TestCloseEndsTheFetchingAndKeepsTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newKeyServer(signers()[verify.ES256])
		keys := server.keys()
		require.NoError(t, keys.Ready(t.Context()))
		server.set(func(s *keyServer) { s.delay = time.Hour })
		time.Sleep(5*time.Minute + 31*time.Second) // a fetch is under way
		start := time.Now()
		keys.Close()
		keys.Close()
		require.Zero(t, time.Since(start))
		_, err := keys.Key(t.Context(), "es-1")
		require.NoError(t, err)
		_, err = keys.Key(t.Context(), "other")
		require.ErrorIs(t, err, verify.ErrKeysUnavailable)
		count := server.count()
		time.Sleep(time.Hour)
		require.Equal(t, count, server.count())
	})
}

func TestAnAddressThatIsNoUseIsReported(t *testing.T) {
	for _, address := range []string{"", "jwks.json", "/jwks.json", "ftp://example.com/", "https://", "http://[::1", "file:///etc/keys"} {
		keys := verify.JWKS(address)
		require.ErrorIs(t, keys.Ready(t.Context()), verify.ErrKeysUnavailable, address)
		_, err := keys.Key(t.Context(), "k")
		require.ErrorIs(t, err, verify.ErrKeysUnavailable, address)
		keys.Close()
	}
}

func TestKeysAreNotMovedFromHTTPSToHTTP(t *testing.T) {
	plain := httptest.NewServer(newKeyServer(signers()[verify.ES256]))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	failed := make(chan error, 10)
	keys := verify.JWKS(secure.URL, verify.WithHTTPClient(secure.Client()), verify.WithErrorHook(func(err error) { failed <- err }))
	defer keys.Close()
	require.ErrorContains(t, <-failed, "from https to http")

	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer loop.Close()
	looping := verify.JWKS(loop.URL, verify.WithErrorHook(func(err error) { failed <- err }))
	defer looping.Close()
	require.ErrorContains(t, <-failed, "redirects")
}

func TestKeysThatShouldNotBeUsedAreLeftOut(t *testing.T) {
	good := jwk(signers()[verify.ES256].key)
	changed := func(changes map[string]any) map[string]any {
		entry := map[string]any{}
		for name, value := range good {
			entry[name] = value
		}
		entry["kid"] = "other"
		return with(entry, changes)
	}
	for name, entry := range map[string]any{
		"symmetric":          jwk(signers()[verify.HS256].key),
		"private":            changed(map[string]any{"d": "AAAA"}),
		"for encryption":     changed(map[string]any{"use": "enc"}),
		"for signing only":   changed(map[string]any{"key_ops": []string{"sign"}}),
		"without a kid":      changed(map[string]any{"kid": nil}),
		"with a kid number":  changed(map[string]any{"kid": 1}),
		"of another alg":     changed(map[string]any{"alg": "RS256"}),
		"alg null":           changed(map[string]any{"alg": []string{}}),
		"unknown alg":        changed(map[string]any{"alg": "ES256K"}),
		"unknown kty":        changed(map[string]any{"kty": "LMS"}),
		"another curve":      changed(map[string]any{"crv": "P-384"}),
		"off the curve":      changed(map[string]any{"x": good["y"]}),
		"without coordinate": changed(map[string]any{"y": nil}),
		"small RSA":          map[string]any{"kty": "RSA", "kid": "r", "n": b64(strings.Repeat("\xff", 128)), "e": "AQAB"},
		"X25519":             map[string]any{"kty": "OKP", "crv": "X25519", "kid": "x", "x": b64(strings.Repeat("\x09", 32))},
		"only certificates":  map[string]any{"kty": "RSA", "kid": "c", "x5u": "http://127.0.0.1:1/"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"keys": []any{entry, good}})
			require.NoError(t, err)
			keys, err := verify.ParseJWKS(body)
			require.NoError(t, err)
			require.Len(t, keys, 1)
			require.Contains(t, keys, "es-1")
			alone, err := json.Marshal(map[string]any{"keys": []any{entry}})
			require.NoError(t, err)
			_, err = verify.ParseJWKS(alone)
			require.ErrorContains(t, err, "no usable key")
		})
	}
	for _, body := range []string{``, `[]`, `{}`, `{"keys":{}}`, `{"keys":[1]}`, `{"keys":[{"kid":"a","kid":"b"}]}`, `{"keys":[],"keys":[]}`, `{"keys":null}`} {
		_, err := verify.ParseJWKS([]byte(body))
		require.Error(t, err, body)
	}
}

func TestAKeyWithoutAlgGetsTheOneOfItsType(t *testing.T) {
	for _, algorithm := range []string{verify.ES256, verify.EdDSA, verify.RS256} {
		entry := jwk(signers()[algorithm].key)
		delete(entry, "alg")
		delete(entry, "use")
		body, err := json.Marshal(map[string]any{"keys": []any{entry}})
		require.NoError(t, err)
		keys, err := verify.ParseJWKS(body)
		require.NoError(t, err)
		require.Equal(t, algorithm, keys[entry["kid"]].Algorithm)
	}
}
