package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth/verify"
)

// Tokens is what a login or a refresh gives the client. It prints as
// [redacted].
type Tokens struct {
	AccessToken  string
	RefreshToken string
	// ExpiresIn and RefreshExpiresIn count from the moment of issue, in whole
	// seconds.
	ExpiresIn        time.Duration
	RefreshExpiresIn time.Duration
	// UserID and SessionID say whose they are, for the log.
	UserID, SessionID uuid.UUID
}

// String keeps tokens out of logs.
func (Tokens) String() string { return "[redacted]" }

// Format keeps tokens out of every verb.
func (Tokens) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// MarshalText keeps tokens out of JSON logs; httpapi renders them on purpose.
func (Tokens) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// accessClaims are those of RFC 9068 section 2.2, and the session.
type accessClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ClientID  string   `json:"client_id"`
	IssuedAt  int64    `json:"iat"`
	ExpiresAt int64    `json:"exp"`
	ID        string   `json:"jti"`
	SessionID string   `json:"sid"`
	Roles     []string `json:"roles,omitempty"`
}

// refreshClaims name the session and the place of the token in its rotation.
type refreshClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	ClientID  string `json:"client_id"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	SessionID string `json:"sid"`
	Seq       int64  `json:"seq"`
	Prev      int64  `json:"prev"`
}

// extraClaims adds chosen members of a user's metadata to an access token.
type extraClaims struct {
	accessClaims
	extra map[string]json.RawMessage
}

// MarshalJSON writes one flat object. A claim of ours always wins.
func (c extraClaims) MarshalJSON() ([]byte, error) {
	own, err := json.Marshal(c.accessClaims)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(c.extra)
	if err := json.Unmarshal(own, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// grant is what a pair of tokens is issued for.
type grant struct {
	userID, sessionID uuid.UUID
	appID             string
	counters          Counters
	createdAt         time.Time
	expiresAt         time.Time
	roles             []string
	metadata          json.RawMessage
	now               time.Time
}

// issuer makes tokens.
type issuer struct {
	name, audience  string
	access, refresh *Keyring
	lifetimes       Lifetimes
	metadataClaims  []string
}

// issue signs the pair of tokens of a session: the refresh token (last, used)
// of its row. For one state of the row the refresh token is the same each time,
// so that an answer can be repeated.
func (i *issuer) issue(g grant) (Tokens, error) {
	now := g.now.Truncate(time.Second)
	end := i.lifetimes.accessEnd(g.createdAt, now)
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	own := accessClaims{
		Issuer:    i.name,
		Subject:   g.userID.String(),
		Audience:  i.audience,
		ClientID:  g.appID,
		IssuedAt:  now.Unix(),
		ExpiresAt: end.Unix(),
		ID:        base64.RawURLEncoding.EncodeToString(id),
		SessionID: g.sessionID.String(),
		Roles:     g.roles,
	}
	extra, err := i.chosen(g.metadata)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	var claims any = own
	if len(extra) > 0 {
		claims = extraClaims{own, extra}
	}
	key := i.access.Signer(g.now)
	access, err := key.sign(key.headers.access, claims)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue an access token: %w", err)
	}
	key = i.refresh.Signer(g.now)
	refresh, err := key.sign(key.headers.refresh, refreshClaims{
		Issuer:    i.name,
		Subject:   g.userID.String(),
		Audience:  i.name,
		ClientID:  g.appID,
		IssuedAt:  g.counters.RotatedAt.Unix(),
		ExpiresAt: g.expiresAt.Unix(),
		SessionID: g.sessionID.String(),
		Seq:       g.counters.Last,
		Prev:      g.counters.Used,
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("issue a refresh token: %w", err)
	}
	return Tokens{
		AccessToken:      access,
		RefreshToken:     refresh,
		ExpiresIn:        end.Sub(now),
		RefreshExpiresIn: g.expiresAt.Sub(now),
		UserID:           g.userID,
		SessionID:        g.sessionID,
	}, nil
}

// chosen picks the members of the metadata that go into access tokens.
// CheckMetadataClaims has looked at their names.
func (i *issuer) chosen(metadata json.RawMessage) (map[string]json.RawMessage, error) {
	if len(i.metadataClaims) == 0 || len(metadata) == 0 || bytes.Equal(metadata, []byte("{}")) {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &all); err != nil {
		return nil, fmt.Errorf("read the metadata: %w", err)
	}
	out := make(map[string]json.RawMessage)
	for _, name := range i.metadataClaims {
		if value, ok := all[name]; ok {
			out[name] = value
		}
	}
	return out, nil
}

// presented checks a refresh token and tells what it names. The errors are
// ErrRefreshInvalid and ErrRefreshExpired.
func (s *Service) presented(ctx context.Context, token string) (Presented, error) {
	payload, err := s.refreshProfile.Check(ctx, token)
	switch {
	case errors.Is(err, verify.ErrExpired):
		return Presented{}, fmt.Errorf("%w: %w", ErrRefreshExpired, err)
	case errors.Is(err, verify.ErrInvalid), errors.Is(err, verify.ErrMissing):
		return Presented{}, fmt.Errorf("%w: %w", ErrRefreshInvalid, err)
	case err != nil:
		return Presented{}, fmt.Errorf("check a refresh token: %w", err)
	}
	var c refreshClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Presented{}, fmt.Errorf("%w: claims of another type", ErrRefreshInvalid)
	}
	userID, err1 := uuid.Parse(c.Subject)
	sessionID, err2 := uuid.Parse(c.SessionID)
	switch {
	case err1 != nil || err2 != nil:
		return Presented{}, fmt.Errorf("%w: sub and sid must be UUIDs", ErrRefreshInvalid)
	case c.Prev < 0 || c.Seq <= c.Prev:
		return Presented{}, fmt.Errorf("%w: seq must be greater than prev", ErrRefreshInvalid)
	case !s.apps.has(c.ClientID):
		return Presented{}, fmt.Errorf("%w: its app is not configured", ErrRefreshInvalid)
	}
	return Presented{UserID: userID, SessionID: sessionID, AppID: c.ClientID, Seq: c.Seq, Prev: c.Prev}, nil
}
