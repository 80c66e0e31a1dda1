package verify

import (
	"errors"
	"fmt"
	"net/http"
)

// The reasons for which a token is not accepted. Compare with [errors.Is]. The
// message of a wrapping error has details for a developer and never contains the
// token.
var (
	// ErrMissing: the request has no access token.
	ErrMissing = errors.New("no access token")
	// ErrInvalid: the token has another issuer, type or audience, or is malformed
	// or forged.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired: a genuine token has expired. It is not an [ErrInvalid].
	ErrExpired = errors.New("token has expired")
	// ErrRevoked: the session of a genuine token has been revoked.
	ErrRevoked = errors.New("session has been revoked")
	// ErrKeysUnavailable: the token cannot be checked, because the keys are not
	// available. An outage is never an [ErrInvalid]: respond with 503.
	ErrKeysUnavailable = errors.New("verification keys are unavailable")
	// ErrUnknownKey: an up-to-date [KeySource] has no key with that id. The error
	// for a token that names such a key is also an [ErrInvalid].
	ErrUnknownKey = errors.New("unknown key id")
)

// RevokedError is [ErrRevoked] with the reason of the revocation, such as
// signed_out. Clients decide by it whether to log in again.
type RevokedError struct{ Reason string }

func (e *RevokedError) Error() string { return ErrRevoked.Error() }

// Unwrap returns [ErrRevoked].
func (e *RevokedError) Unwrap() error { return ErrRevoked }

// errMisconfigured is returned for an invalid profile, which is a mistake of the
// program. It is none of the errors above, so that it becomes a 500 and does not
// log the user out.
var errMisconfigured = errors.New("verify: the profile is incomplete")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// The error codes that [Code] returns. All but
// CodeKeysUnavailable are those of the service, too.
const (
	CodeTokenMissing    = "token_missing"
	CodeTokenInvalid    = "token_invalid"
	CodeTokenExpired    = "token_expired"
	CodeSessionRevoked  = "session_revoked"
	CodeKeysUnavailable = "keys_unavailable"
	CodeInternal        = "internal" // an error that is not of this package
)

// Code returns the error code for err, and "" for nil.
func Code(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrKeysUnavailable):
		return CodeKeysUnavailable
	case errors.Is(err, ErrRevoked):
		return CodeSessionRevoked
	case errors.Is(err, ErrExpired):
		return CodeTokenExpired
	case errors.Is(err, ErrMissing):
		return CodeTokenMissing
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrUnknownKey):
		return CodeTokenInvalid
	default:
		return CodeInternal
	}
}

// Challenge returns the value of the WWW-Authenticate header that goes with err
// (RFC 6750 section 3), or "" when err is no reason for a 401.
func Challenge(err error) string {
	code := Code(err)
	problem := problems[code]
	switch {
	case code == CodeTokenMissing:
		// RFC 6750 section 3.1: without authentication information no error code.
		return "Bearer"
	case problem.Status == http.StatusUnauthorized:
		return fmt.Sprintf("Bearer error=\"invalid_token\", error_description=%q", problem.Title)
	default:
		return ""
	}
}
