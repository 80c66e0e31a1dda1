package auth

import "errors"

// The reasons for which a login or a refresh is refused. Compare with errors.Is.
// An outage of the database is users.ErrUnavailable; a refusal of the platform is
// a *users.ProviderError.
var (
	// ErrTooManyLogins: the user has logged in too often.
	ErrTooManyLogins = errors.New("too many logins of one user")
	ErrUnknownApp    = errors.New("no such app is configured")

	ErrRefreshInvalid = errors.New("the refresh token is not one of ours, or its session is gone")
	ErrRefreshExpired = errors.New("the refresh token has expired")
	ErrRefreshReused  = errors.New("the refresh token was used before: the session has been ended")
	ErrSessionRevoked = errors.New("the session has been ended")
	ErrUserDisabled   = errors.New("the user is disabled")
	ErrNoSession      = errors.New("no such session")
)
