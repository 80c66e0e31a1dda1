package verify

import (
	"errors"
	"fmt"
	"net/http"
)

// The reasons a token is not accepted. Compare with [errors.Is]; the text of a
// wrapping error says more, for a developer, and never holds the token.
var (
	// ErrMissing: the request carries no access token at all.
	ErrMissing = errors.New("no access token")
	// ErrInvalid: the token is not one of ours, not of this kind, or not for us.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired: a genuine token whose time is over. It is not an [ErrInvalid].
	ErrExpired = errors.New("token has expired")
	// ErrRevoked: a genuine token whose session was ended.
	ErrRevoked = errors.New("session has been revoked")
	// ErrKeysUnavailable: whether the token is good cannot be told now, because
	// the keys cannot be had. An outage is never an [ErrInvalid]: answer 503.
	ErrKeysUnavailable = errors.New("verification keys are unavailable")
	// ErrUnknownKey: a [KeySource] that is up to date has no key of that id. A
	// token that names such a key is also an [ErrInvalid].
	ErrUnknownKey = errors.New("unknown key id")
)

// RevokedError is [ErrRevoked] with the reason that the revocations know: one of
// the contract's words, such as signed_out, on which a client acts.
type RevokedError struct{ Reason string }

func (e *RevokedError) Error() string { return ErrRevoked.Error() }

// Unwrap returns [ErrRevoked].
func (e *RevokedError) Unwrap() error { return ErrRevoked }

// errMisconfigured is an error of the program that set the profile up. It is none
// of the errors above, so that it shows as a 500 and not as a logged-out user.
var errMisconfigured = errors.New("verify: the profile is incomplete")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Code returns the error code that the service's responses use for err:
// token_missing, token_invalid, token_expired, session_revoked or
// keys_unavailable; "internal" for an error that is not of this package, and ""
// for nil.
func Code(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrKeysUnavailable):
		return "keys_unavailable"
	case errors.Is(err, ErrRevoked):
		return "session_revoked"
	case errors.Is(err, ErrExpired):
		return "token_expired"
	case errors.Is(err, ErrMissing):
		return "token_missing"
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrUnknownKey):
		return "token_invalid"
	default:
		return "internal"
	}
}

// Challenge returns the value of the WWW-Authenticate header that goes with err
// (RFC 6750 section 3), or "" when err is no reason for a 401.
func Challenge(err error) string {
	code := Code(err)
	problem := problems[code]
	switch {
	case code == "token_missing":
		// RFC 6750 section 3.1: without authentication information no error code.
		return "Bearer"
	case problem.Status == http.StatusUnauthorized:
		return fmt.Sprintf("Bearer error=\"invalid_token\", error_description=%q", problem.Title)
	default:
		return ""
	}
}
