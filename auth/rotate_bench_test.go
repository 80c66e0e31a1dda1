package auth_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/migrations"
	"github.com/wugan/wugan/store/sqlite"
)

// rowOf is a store of one session, which applies the rule in memory.
type rowOf struct {
	auth.Store

	mu  sync.Mutex
	row auth.Rotated
}

func (s *rowOf) Login(_ context.Context, l auth.Login) (auth.LoggedIn, error) {
	s.row = auth.Rotated{
		Counters:  auth.Counters{Last: 1, RotatedAt: l.Now},
		CreatedAt: l.Now, ExpiresAt: benchLifetimes.SessionEnd(l.Now, l.Now),
	}
	in := auth.LoggedIn{NewUser: true, ExpiresAt: s.row.ExpiresAt}
	in.User.ID = l.NewUserID
	return in, nil
}

func (s *rowOf) Rotate(_ context.Context, p auth.Presented) (auth.Rotated, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.row.Counters, s.row.Outcome = s.row.Rotate(p.Seq, p.Prev, p.Now, benchLifetimes.Grace)
	s.row.ExpiresAt = benchLifetimes.SessionEnd(s.row.CreatedAt, s.row.RotatedAt)
	return s.row, nil
}

var benchLifetimes = auth.Lifetimes{AccessTTL: 4 * time.Hour, RefreshTTL: 168 * time.Hour, Grace: 10 * time.Second}

// anyone lets everybody in, by the code as openid.
type anyone struct{}

func (anyone) ExchangeCode(_ context.Context, _, code string) (auth.ProvenIdentity, error) {
	return auth.ProvenIdentity{Provider: "wechat", Account: "default", OpenID: code, SessionKey: secret.New("tiihtNczf5v6AKRyjwEUhQ==")}, nil
}

// inClear is no vault at all.
type inClear struct{}

func (inClear) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (inClear) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }

func newService(tb testing.TB, store auth.Store, algorithm string) *auth.Service {
	tb.Helper()
	s, err := auth.New(auth.Config{
		Issuer: "https://auth.example.com", Audience: "https://api.example.com", Apps: []string{"wx4f4bc4dec97d474b"}, Lifetimes: benchLifetimes,
		AccessKeys: auth.NewKeyring(newSet(tb, newKey(tb, algorithm, time.Time{}))), RefreshKeys: auth.NewKeyring(newSet(tb, newKey(tb, verify.HS256, time.Time{}))),
		Store: store, Exchanger: anyone{}, Vault: inClear{}, Now: time.Now,
	})
	require.NoError(tb, err)
	return s
}

// BenchmarkRotate refreshes one session again and again: the check of the
// presented token, the rule, and two new tokens. In memory that is all; on
// SQLite each exchange is also one commit to the disk.
func BenchmarkRotate(b *testing.B) {
	rotate := func(b *testing.B, s *auth.Service) {
		b.Helper()
		in, err := s.Login(b.Context(), auth.LoginRequest{Code: "alice"})
		require.NoError(b, err)
		token := in.Tokens.RefreshToken
		b.ReportAllocs()
		for b.Loop() {
			next, err := s.Refresh(b.Context(), auth.RefreshRequest{RefreshToken: token.Reveal()})
			if err != nil {
				b.Fatal(err)
			}
			token = next.RefreshToken
		}
	}
	for _, algorithm := range algorithms {
		b.Run("memory/"+algorithm, func(b *testing.B) { rotate(b, newService(b, &rowOf{}, algorithm)) })
	}
	b.Run("sqlite/"+verify.ES256, func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "wugan.db")
		runner, err := migrations.Open(b.Context(), "sqlite:"+path)
		require.NoError(b, err)
		_, err = runner.Up(b.Context())
		require.NoError(b, err)
		require.NoError(b, runner.Close())
		store, err := sqlite.Open(b.Context(), path, benchLifetimes)
		require.NoError(b, err)
		defer store.Close()
		rotate(b, newService(b, store, verify.ES256))
	})
}
