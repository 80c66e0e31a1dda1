package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/secret"
)

// Tokens is the pair of tokens that a login or a refresh returns to the client.
type Tokens struct {
	AccessToken  secret.String
	RefreshToken secret.String
	// ExpiresIn and RefreshExpiresIn count from the moment of issue, in whole
	// seconds.
	ExpiresIn        time.Duration
	RefreshExpiresIn time.Duration
	// UserID and SessionID identify the owner, for the log.
	UserID, SessionID uuid.UUID
}

// grant holds what a pair of tokens is issued for.
type grant struct {
	userID, sessionID uuid.UUID
	appID             string
	counters          Counters
	createdAt         time.Time
	expiresAt         time.Time
	roles             []string
	metadata          json.RawMessage
	openID, unionID   string
	now               time.Time
}

// issuer issues tokens.
type issuer struct {
	name, audience  string
	access, refresh *Keyring
	lifetimes       Lifetimes
	metadataClaims  []string
	identityClaims  []string
}

// issue signs the tokens of a session. The refresh token is (last, used) of its
// row. For one state of the row the refresh token is always the same, so that a
// response can be repeated.
func (i *issuer) issue(g grant) (Tokens, error) {
	now := g.now.Truncate(time.Second)
	var (
		id   [16]byte
		draw [4]byte
	)
	if _, err := rand.Read(id[:]); err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	if i.lifetimes.AccessJitter > 0 {
		if _, err := rand.Read(draw[:]); err != nil {
			return Tokens{}, fmt.Errorf("issue tokens: %w", err)
		}
	}
	end := i.lifetimes.Of(g.appID).accessEnd(g.createdAt, now, float64(binary.BigEndian.Uint32(draw[:]))/math.MaxUint32)
	extra, err := i.chosen(g.metadata)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	openID, unionID := i.identity(g)
	claims := takeBuffer()
	defer giveBuffer(claims)
	*claims = accessClaims{
		issuer: i.name, subject: g.userID, audience: i.audience, clientID: g.appID,
		issuedAt: now, expiresAt: end, id: id, sessionID: g.sessionID, roles: g.roles,
		openID: openID, unionID: unionID, extra: extra,
	}.appendTo((*claims)[:0])
	key := i.access.Signer(g.now)
	access, err := key.sign(key.headers.access, *claims)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue an access token: %w", err)
	}
	*claims = refreshClaims{
		issuer: i.name, subject: g.userID, clientID: g.appID,
		issuedAt: g.counters.RotatedAt, expiresAt: g.expiresAt, sessionID: g.sessionID, seq: g.counters.Last, prev: g.counters.Used,
	}.appendTo((*claims)[:0])
	key = i.refresh.Signer(g.now)
	refresh, err := key.sign(key.headers.refresh, *claims)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue a refresh token: %w", err)
	}
	return Tokens{
		AccessToken:      secret.New(access),
		RefreshToken:     secret.New(refresh),
		ExpiresIn:        end.Sub(now),
		RefreshExpiresIn: g.expiresAt.Sub(now),
		UserID:           g.userID,
		SessionID:        g.sessionID,
	}, nil
}

// chosen returns the members of the metadata that go into access tokens. Their
// names have passed CheckMetadataClaims.
func (i *issuer) chosen(metadata json.RawMessage) ([]extraClaim, error) {
	if len(i.metadataClaims) == 0 || len(metadata) == 0 || bytes.Equal(metadata, []byte("{}")) {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &all); err != nil {
		return nil, fmt.Errorf("read the metadata: %w", err)
	}
	var out []extraClaim
	for _, name := range i.metadataClaims {
		if value, ok := all[name]; ok {
			out = append(out, extraClaim{name, value})
		}
	}
	return out, nil
}

// identity returns the platform's identifiers that go into an access token.
func (i *issuer) identity(g grant) (openID, unionID string) {
	for _, name := range i.identityClaims {
		switch name {
		case claimOpenID:
			openID = g.openID
		case claimUnionID:
			unionID = g.unionID
		}
	}
	return openID, unionID
}

// presented verifies a refresh token and returns its claims. The errors are
// ErrRefreshInvalid, ErrRefreshExpired, and users.ErrUnavailable before the
// database's time is known. With ErrRefreshExpired, the user and the session are set.
func (s *Service) presented(ctx context.Context, token string) (Presented, error) {
	if err := s.revocations.Ready(); err != nil {
		return Presented{}, err // without the time, expiry cannot be checked
	}
	p, err := s.parse(ctx, &s.refreshProfile, token)
	switch {
	case err == nil, errors.Is(err, ErrRefreshInvalid):
		return p, err
	case errors.Is(err, verify.ErrExpired):
		p, _ := s.parse(ctx, &s.expiredProfile, token)
		return Presented{UserID: p.UserID, SessionID: p.SessionID}, fmt.Errorf("%w: %w", ErrRefreshExpired, err)
	case errors.Is(err, verify.ErrInvalid), errors.Is(err, verify.ErrMissing):
		return Presented{}, fmt.Errorf("%w: %w", ErrRefreshInvalid, err)
	}
	return Presented{}, fmt.Errorf("check a refresh token: %w", err)
}

// parse verifies a refresh token against a profile and reads its claims. The error is
// one of the profile or of read.
func (s *Service) parse(ctx context.Context, profile *verify.Profile, token string) (p Presented, err error) {
	err = profile.Parse(ctx, token, func(claims verify.Payload) (err error) {
		p, err = s.read(claims)
		return err
	})
	return p, err
}

// read reads the claims of a refresh token whose signature is good. The error is
// ErrRefreshInvalid.
func (s *Service) read(claims verify.Payload) (Presented, error) {
	seq, ok1 := claims.Integer("seq")
	prev, ok2 := claims.Integer("prev")
	subject, ok3 := claims.Bytes("sub")
	session, ok4 := claims.Bytes("sid")
	client, ok5 := claims.Bytes("client_id")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return Presented{}, fmt.Errorf("%w: claims of another type", ErrRefreshInvalid)
	}
	userID, err1 := uuid.ParseBytes(subject)
	sessionID, err2 := uuid.ParseBytes(session)
	appID, configured := s.apps.named(client)
	switch {
	case err1 != nil || err2 != nil:
		return Presented{}, fmt.Errorf("%w: sub and sid must be UUIDs", ErrRefreshInvalid)
	case prev < 0 || seq <= prev:
		return Presented{}, fmt.Errorf("%w: seq must be greater than prev", ErrRefreshInvalid)
	case !configured:
		return Presented{}, fmt.Errorf("%w: its app is not configured", ErrRefreshInvalid)
	}
	return Presented{UserID: userID, SessionID: sessionID, AppID: appID, Seq: seq, Prev: prev}, nil
}
