// Package auth implements sessions: login, rotation of refresh tokens, logout
// and revocation. It owns the rotation rule, the issuing of tokens, the signing
// keys, and the in-memory set of revoked sessions.
//
// It contains no SQL, no HTTP and no field names of a platform. It declares what
// it needs of them as interfaces, such as [Store] and [CodeExchanger].
package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/users"
)

// CodeExchanger exchanges a login code for the identity that it stands for.
type CodeExchanger interface {
	// ExchangeCode asks the identity provider which identity a code stands for.
	// A code can be exchanged once. Refusals and outages of the provider are
	// returned as *users.ProviderError. The call ends within 5 s.
	ExchangeCode(ctx context.Context, appID, code string) (ProvenIdentity, error)
}

// ProvenIdentity is an identity that the identity provider has confirmed. It
// prints as [redacted].
type ProvenIdentity struct {
	secret.Redacted
	Provider   string // the platform
	Account    string // within which UnionID means the same person
	OpenID     string
	UnionID    string        // "" where there is none
	SessionKey secret.String // empty where there is none
	// Phone is a number that the provider has verified and says unasked; the
	// zero one for none.
	Phone users.GivenPhone
}

// Vault seals values at rest and opens them again.
type Vault interface {
	Seal(plain []byte, associatedData string) ([]byte, error)
	users.Opener
}

// Observer receives the outcome of each login and refresh, for metrics. Its
// methods must not block.
type Observer interface {
	LoggedIn(appID, outcome string)
	Refreshed(appID string, outcome Outcome)
	// Repeated is called in addition to Refreshed when the token was presented
	// again from another address or device.
	Repeated(appID string, outcome Outcome)
}

// Config configures a Service. All fields are required except DefaultApp, Observer,
// Revocations, MetadataClaims and IdentityClaims.
type Config struct {
	Issuer   string // iss of all tokens, aud of refresh tokens
	Audience string // aud of access tokens
	Apps     []string
	// DefaultApp is the app of a login that names none, where there are several.
	// "": such a login is ErrUnknownApp.
	DefaultApp string
	Lifetimes  Lifetimes

	AccessKeys, RefreshKeys *Keyring

	Store     Store
	Exchanger CodeExchanger
	People    People
	Tickets   TicketStore
	Vault     Vault
	Observer  Observer
	// Now returns the database's time. Until Revocations reports that it is
	// known, no token is issued and no refresh token is checked.
	Now func() time.Time
	// Revocations receives the sessions that this Service ends, without delay.
	Revocations *Revocations
	// MetadataClaims names the members of a user's metadata that go into
	// access tokens.
	MetadataClaims []string
	// IdentityClaims names the identifiers of the platform that go into access
	// tokens: openid, unionid.
	IdentityClaims []string
}

// Service logs users in and rotates their refresh tokens. It is safe for
// concurrent use, and any number of equal Services may share a Store.
type Service struct {
	apps           apps
	issuer         issuer
	refreshProfile verify.Profile
	// expiredProfile is refreshProfile for tokens that have expired.
	expiredProfile verify.Profile
	store          Store
	exchanger      CodeExchanger
	people         People
	tickets        TicketStore
	vault          Vault
	now            func() time.Time
	observer       Observer
	revocations    *Revocations
}

// New returns a Service.
func New(c Config) (*Service, error) {
	if len(c.Apps) == 0 {
		return nil, errors.New("auth: no app is configured")
	}
	if err := Separate(c.AccessKeys.Set(), c.RefreshKeys.Set()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := CheckMetadataClaims(c.MetadataClaims); err != nil {
		return nil, fmt.Errorf("auth: metadata claims: %w", err)
	}
	if err := CheckIdentityClaims(c.IdentityClaims, c.MetadataClaims); err != nil {
		return nil, fmt.Errorf("auth: identity claims: %w", err)
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	refreshProfile := verify.Profile{
		Type: verify.RefreshTokenType, Issuer: c.Issuer, Audience: c.Issuer,
		Keys: c.RefreshKeys, Now: c.Now,
		RequiredClaims: []string{"sub", "client_id", "iat", "sid", "seq", "prev"},
	}
	expiredProfile := refreshProfile
	expiredProfile.Now = func() time.Time { return time.Time{} } // by which no token has expired
	return &Service{
		apps: newApps(c),
		issuer: issuer{
			name: c.Issuer, audience: c.Audience,
			access: c.AccessKeys, refresh: c.RefreshKeys,
			lifetimes: c.Lifetimes, metadataClaims: c.MetadataClaims, identityClaims: c.IdentityClaims,
		},
		refreshProfile: refreshProfile, expiredProfile: expiredProfile,
		store: c.Store, exchanger: c.Exchanger, people: c.People, tickets: c.Tickets, vault: c.Vault, now: c.Now,
		observer: c.Observer, revocations: c.Revocations,
	}, nil
}

// LoginRequest holds the parameters of [Service.Login].
type LoginRequest struct {
	Code  string
	AppID string // may be "" where one app is configured
	// PhoneCode is the code of a getPhoneNumber button. The phone number is
	// bound in the same call. "" for none.
	PhoneCode string
	Device    Device
	// Admit is called after the provider has confirmed the identity and before
	// anything is stored. A non-nil error refuses the login. A nil Admit admits
	// every identity.
	Admit func(appID, openID string) error
}

// LoginResult holds the tokens and the user of a successful login.
type LoginResult struct {
	User    users.User
	AppID   string
	NewUser bool
	Tokens  Tokens
	// Ended names the sessions that this login ended.
	Ended []Ended
}

// Login exchanges a code, finds or creates the user, and opens a session.
//
// Errors: ErrUnknownApp, ErrUserDisabled, *users.ProviderError,
// users.ErrUnavailable; with a PhoneCode also users.ErrPhoneTaken. The provider
// accepts a code once, so a login that failed after the call needs new codes. If
// the phone number cannot be bound, the login fails.
func (s *Service) Login(ctx context.Context, r LoginRequest) (LoginResult, error) {
	result, err := s.login(ctx, r)
	s.observer.LoggedIn(s.apps.label(r.AppID), loginOutcome(result, err))
	return result, err
}

func (s *Service) login(ctx context.Context, r LoginRequest) (LoginResult, error) {
	appID, err := s.apps.choose(r.AppID)
	if err != nil {
		return LoginResult{}, err
	}
	if err := s.revocations.Ready(); err != nil {
		return LoginResult{}, err // the database's time is not known, and the code would be spent
	}
	proven, err := s.exchanger.ExchangeCode(ctx, appID, r.Code)
	if err != nil {
		return LoginResult{}, fmt.Errorf("exchange the code: %w", err)
	}
	if r.Admit != nil {
		if err := r.Admit(appID, proven.OpenID); err != nil {
			return LoginResult{}, fmt.Errorf("log in: %w", err)
		}
	}
	if appID == "" || proven.OpenID == "" {
		return LoginResult{}, errors.New("log in: the provider named no identity")
	}
	phone := proven.Phone
	if r.PhoneCode != "" {
		if phone, err = s.people.PhoneOfLogin(ctx, appID, proven.OpenID, r.PhoneCode); err != nil {
			return LoginResult{}, fmt.Errorf("log in: %w", err)
		}
	}
	l, err := s.loginOf(appID, proven)
	if err != nil {
		return LoginResult{}, fmt.Errorf("log in: %w", err)
	}
	l.Device = r.Device
	in, err := s.open(ctx, &l)
	if err != nil {
		return LoginResult{}, err
	}
	return s.withPhone(ctx, in, l, phone, r.PhoneCode != "")
}

// open records a login and opens a session, whose id it puts into l.
func (s *Service) open(ctx context.Context, l *Login) (LoggedIn, error) {
	var err1, err2 error
	l.NewUserID, err1 = uuid.NewV7()
	l.SessionID, err2 = uuid.NewV7()
	if err := errors.Join(err1, err2); err != nil {
		return LoggedIn{}, fmt.Errorf("log in: %w", err)
	}
	in, err := s.store.Login(ctx, *l)
	if err != nil {
		return LoggedIn{}, fmt.Errorf("log in: %w", err)
	}
	s.revocations.AddEnded(l.Now, in.Ended)
	if in.User.Disabled() {
		return LoggedIn{}, ErrUserDisabled
	}
	in.User.OpenPhone(s.vault)
	return in, nil
}

// withPhone binds the phone number of a login, if it has one, and welcomes. The
// number may make the user one with another, who then is the one that is logged
// in. Where the number was asked for, it decides whether the login succeeds;
// where the provider said it unasked, it does not.
func (s *Service) withPhone(ctx context.Context, in LoggedIn, l Login, phone users.GivenPhone, asked bool) (LoginResult, error) {
	if phone.Number != "" && (asked || !phone.Is(in.User.Phone)) {
		bound, err := s.people.BindGiven(ctx, in.User.ID, phone)
		switch {
		case err == nil && bound.ID != in.User.ID:
			// The session of the newcomer has ended with them.
			if in, err = s.open(ctx, &l); err != nil {
				return LoginResult{}, err
			}
		case err == nil:
			in.User = bound
		case asked || !errors.Is(err, users.ErrPhoneTaken):
			return LoginResult{}, s.abandoned(ctx, in.User.ID, l.SessionID, err)
		}
	}
	return s.welcome(in, l.AppID, l.SessionID, l.Now)
}

// welcome issues the tokens of a new session.
func (s *Service) welcome(in LoggedIn, appID string, sessionID uuid.UUID, now time.Time) (LoginResult, error) {
	tokens, err := s.issuer.issue(grant{
		userID: in.User.ID, sessionID: sessionID, appID: appID,
		counters:  Counters{Used: 0, Last: 1, RotatedAt: now},
		createdAt: now, expiresAt: in.ExpiresAt,
		roles: in.User.Roles, metadata: in.User.Metadata, openID: in.OpenID, unionID: in.UnionID, now: now,
	})
	if err != nil {
		return LoginResult{}, err
	}
	return LoginResult{User: in.User, AppID: appID, NewUser: in.NewUser, Tokens: tokens, Ended: in.Ended}, nil
}

// RefreshRequest holds a refresh token and the origin of the request.
type RefreshRequest struct {
	RefreshToken string
	// AppID is the app of the caller. A token of another app is refused with
	// ErrRefreshInvalid and not rotated. "" if the client does not send it.
	AppID         string
	IP, UserAgent string
}

// Refresh rotates a refresh token (RFC 9700 section 4.14.2) as
// [Counters.Rotate] decides.
//
// Errors: ErrRefreshInvalid, ErrRefreshExpired, ErrRefreshReused (the session
// is revoked now), *RevokedError, ErrUserDisabled, users.ErrUnavailable.
// With an error, the result holds only the user and the session, and only if
// the token's signature is valid.
//
// After an outage the client may send the same token again. If the rotation had
// taken effect, the same tokens are returned.
func (s *Service) Refresh(ctx context.Context, r RefreshRequest) (Tokens, error) {
	p, err := s.presented(ctx, r.RefreshToken)
	named := Tokens{UserID: p.UserID, SessionID: p.SessionID}
	if err == nil && r.AppID != "" && r.AppID != p.AppID {
		err = fmt.Errorf("%w: it was issued to another app", ErrRefreshInvalid)
	}
	if err != nil {
		outcome := Outcome("error")
		switch {
		case errors.Is(err, ErrRefreshExpired):
			outcome = OutcomeExpired
		case errors.Is(err, ErrRefreshInvalid):
			outcome = OutcomeUnknown
		}
		s.observer.Refreshed("", outcome)
		return named, err
	}
	p.IP, p.UserAgent, p.Now = r.IP, r.UserAgent, s.clock()
	p.WithIdentity = len(s.issuer.identityClaims) > 0
	e, err := s.store.Rotate(ctx, p)
	if err != nil {
		s.observer.Refreshed(p.AppID, "error")
		return named, fmt.Errorf("refresh: %w", err)
	}
	s.observer.Refreshed(p.AppID, e.Outcome)
	if e.Repeated {
		s.observer.Repeated(p.AppID, e.Outcome)
	}
	switch e.Outcome {
	case OutcomeRotated, OutcomeSameChild, OutcomeSibling, OutcomeRestored:
		return s.issuer.issue(grant{
			userID: p.UserID, sessionID: p.SessionID, appID: p.AppID,
			counters: e.Counters, createdAt: e.CreatedAt, expiresAt: e.ExpiresAt,
			roles: e.Roles, metadata: e.Metadata, openID: e.OpenID, unionID: e.UnionID, now: p.Now,
		})
	case OutcomeReused:
		s.revocations.Add(p.Now, ReasonReused, p.SessionID)
		return named, ErrRefreshReused
	case OutcomeRevoked:
		return named, &RevokedError{e.Reason}
	case OutcomeExpired:
		return named, ErrRefreshExpired
	case OutcomeDisabled:
		return named, ErrUserDisabled
	default:
		return named, ErrRefreshInvalid
	}
}

// clock returns the time in microseconds, the precision of both databases.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Apps lists the app ids that are configured.
func (s *Service) Apps() []string { return slices.Clone(s.apps.ids) }

// apps are the configured app ids.
type apps struct {
	ids []string
	// unnamed is the app of a login that names none; "" where one has to be named.
	unnamed string
}

func newApps(c Config) apps {
	a := apps{ids: slices.Clone(c.Apps), unnamed: c.DefaultApp}
	if len(a.ids) == 1 {
		a.unnamed = a.ids[0]
	}
	return a
}

func (a apps) has(id string) bool { return slices.Contains(a.ids, id) }

// named returns the configured app id that is spelt like this.
func (a apps) named(id []byte) (string, bool) {
	for _, known := range a.ids {
		if known == string(id) {
			return known, true
		}
	}
	return "", false
}

// choose resolves an app id that may be left out where there is no choice.
func (a apps) choose(id string) (string, error) {
	if id == "" {
		id = a.unnamed
	}
	if !a.has(id) {
		return "", ErrUnknownApp
	}
	return id, nil
}

// label returns the app id for a metric: a configured one, or "".
func (a apps) label(id string) string {
	if id, err := a.choose(id); err == nil {
		return id
	}
	return ""
}

func loginOutcome(r LoginResult, err error) string {
	var provider *users.ProviderError
	switch {
	case err == nil && r.NewUser:
		return "new_user"
	case err == nil:
		return "known_user"
	case errors.As(err, &provider):
		return provider.Outcome()
	case errors.Is(err, ErrUnknownApp):
		return "unknown_app"
	case errors.Is(err, ErrTooManyLogins):
		return "rate_limited"
	case errors.Is(err, ErrUserDisabled):
		return "user_disabled"
	case errors.Is(err, ErrTicketInvalid):
		return "invalid_ticket"
	case errors.Is(err, users.ErrUnavailable):
		return "database_unavailable"
	default:
		return "error"
	}
}

// noObserver is an Observer that does nothing.
type noObserver struct{}

func (noObserver) LoggedIn(string, string)   {}
func (noObserver) Refreshed(string, Outcome) {}
func (noObserver) Repeated(string, Outcome)  {}
