package providers

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sentinels for errors.Is. [ErrBusy] and [ErrUnexpected] are also
// [ErrUnavailable]: a caller that only answers 503 asks for that one.
var (
	// ErrInvalidCode: the code is malformed, expired or of another app; for
	// phone codes also: used, or of another person. The user has to get a new
	// one.
	ErrInvalidCode = errors.New("providers: the code is invalid")
	// ErrCodeUsed: the login code was exchanged before.
	ErrCodeUsed = errors.New("providers: the code was used before")
	// ErrNoIdentity: the visitor has no identity, only a device or a passing
	// account, and must not become a user.
	ErrNoIdentity = errors.New("providers: the visitor has no identity")
	// ErrUserBlocked: the platform classifies the user as high-risk.
	ErrUserBlocked = errors.New("providers: the user is blocked")
	// ErrRateLimited: too many calls in this minute.
	ErrRateLimited = errors.New("providers: too many calls")
	// ErrStaleSessionKey: the session_key is no longer the user's newest.
	ErrStaleSessionKey = errors.New("providers: the session_key is stale")
	// ErrBusy: the platform said that it is busy, again after a pause.
	ErrBusy = errors.New("providers: the service is busy")
	// ErrUnavailable: there is no usable response: a network error, a timeout, a 5xx,
	// HTML, or an open circuit.
	ErrUnavailable = errors.New("providers: the service is unavailable")
	// ErrUnexpected: the platform's response is unknown: an unknown code, or a
	// success without a required field.
	ErrUnexpected = errors.New("providers: unexpected answer")
	// ErrRejectedApp: the platform refuses the appid, the secret, this server's
	// address or the app's right to the call; an operator must act.
	ErrRejectedApp = errors.New("providers: the app is rejected")
	// ErrUnknownApp: no such app is configured here; no call was made.
	ErrUnknownApp = errors.New("providers: unknown app")
	// ErrDecrypt: encryptedData could not be decrypted. It is the same value for
	// every cause, so that no caller can become an oracle for padding or keys.
	ErrDecrypt = errors.New("providers: the data cannot be decrypted")
)

// Kind says what an [Error] means for the caller.
type Kind int

// The kinds, each with the sentinel of the same name. KindCanceled has none:
// it is errors.Is(err, context.Canceled), and no caller waits for the response.
const (
	KindUnexpected Kind = iota
	KindInvalidCode
	KindCodeUsed
	KindUserBlocked
	KindRateLimited
	KindStaleSessionKey
	KindBusy
	KindUnavailable
	KindRejectedApp
	KindUnknownApp
	KindCanceled
	KindNoIdentity

	// KindAppToken: the app token that the call carries was refused. Callers
	// never see it: [Caller.CallWithToken] tries once more, and what fails
	// again becomes KindUnexpected.
	KindAppToken
)

var kinds = map[Kind]struct {
	name     string
	sentinel error
}{
	KindUnexpected:      {"unexpected", ErrUnexpected},
	KindInvalidCode:     {"invalid_code", ErrInvalidCode},
	KindCodeUsed:        {"code_used", ErrCodeUsed},
	KindUserBlocked:     {"user_blocked", ErrUserBlocked},
	KindRateLimited:     {"rate_limited", ErrRateLimited},
	KindStaleSessionKey: {"stale_session_key", ErrStaleSessionKey},
	KindBusy:            {"busy", ErrBusy},
	KindUnavailable:     {"unavailable", ErrUnavailable},
	KindRejectedApp:     {"rejected_app", ErrRejectedApp},
	KindUnknownApp:      {"unknown_app", ErrUnknownApp},
	KindCanceled:        {"canceled", nil},
	KindNoIdentity:      {"no_identity", ErrNoIdentity},
	KindAppToken:        {"app_token", ErrUnexpected},
}

// String returns the kind's name, as metrics use it: "invalid_code", "busy" …
func (k Kind) String() string {
	if k, ok := kinds[k]; ok {
		return k.name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Error is the error of every failed call. It is safe to log: it omits the platform's
// messages, transport errors and addresses, which may contain secrets and codes (a
// *url.Error prints the whole query).
type Error struct {
	// Provider is the platform, by the name of its [Registration].
	Provider string
	// API is the call, by [API.Name].
	API string
	// Kind classifies the error by what the caller can do.
	Kind Kind
	// Code is the platform's own, as text; "" when there was none.
	Code string
	// Status is the HTTP status where it was not 200; else 0.
	Status int
	// RequestID identifies the request to the platform's support, or is "".
	RequestID string
	// RetryAfter is how long to wait before it is worth trying again; 0 where
	// waiting does not help.
	RetryAfter time.Duration
	// Reason is a short text of ours, never the platform's.
	Reason string

	cause error // of context's two or this package's own: nothing else is free of secrets
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", e.Provider, e.API, e.Kind)
	if e.Code != "" {
		fmt.Fprintf(&b, ", code %s", e.Code)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ", HTTP status %d", e.Status)
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.RequestID != "" {
		b.WriteString(" (rid " + e.RequestID + ")")
	}
	return b.String()
}

// Is makes the sentinels work with errors.Is.
func (e *Error) Is(target error) bool {
	if target == ErrUnavailable && (e.Kind == KindBusy || e.Kind == KindUnexpected || e.Kind == KindAppToken) {
		return true
	}
	s := kinds[e.Kind].sentinel
	return s != nil && target == s
}

// Unwrap returns context.Canceled or context.DeadlineExceeded where one of
// them ended the call; never an error of the transport.
func (e *Error) Unwrap() error { return e.cause }

// retryAfter is what to tell a client that hit this kind of error.
func retryAfter(k Kind) time.Duration {
	if k == KindRateLimited {
		return time.Minute // platforms count by the minute
	}
	if k == KindBusy || k == KindUnavailable || k == KindUnexpected {
		return 2 * time.Second
	}
	return 0
}
