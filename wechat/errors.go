package wechat

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sentinels for errors.Is. [ErrBusy] and [ErrUnexpected] are also
// [ErrUnavailable]: whoever only wants to answer 503 asks for that one.
var (
	// ErrInvalidCode: the code is malformed, expired or of another app
	// (40029, and 41008 for none); for phone codes also: used, or of another
	// person. The user has to get a new one.
	ErrInvalidCode = errors.New("wechat: the code is invalid")
	// ErrCodeUsed: the login code was exchanged before (40163, which the
	// documentation's table leaves out).
	ErrCodeUsed = errors.New("wechat: the code was used before")
	// ErrUserBlocked: WeChat holds the user for high-risk (40226).
	ErrUserBlocked = errors.New("wechat: the user is blocked")
	// ErrRateLimited: too many calls in this minute (45011).
	ErrRateLimited = errors.New("wechat: too many calls")
	// ErrStaleSessionKey: the session_key is no longer the user's newest
	// (87009 when it is to be reset).
	ErrStaleSessionKey = errors.New("wechat: the session_key is stale")
	// ErrBusy: WeChat said -1, again after a pause.
	ErrBusy = errors.New("wechat: the service is busy")
	// ErrUnavailable: no usable answer: network, timeout, 5xx, HTML, or a
	// circuit that is open.
	ErrUnavailable = errors.New("wechat: the service is unavailable")
	// ErrUnexpected: WeChat answered, and the answer is none that this package
	// knows: an errcode without meaning here, or a success that lacks a field.
	ErrUnexpected = errors.New("wechat: unexpected answer")
	// ErrRejectedApp: WeChat refuses the appid, the secret, this server's
	// address or the app's right to the call; an operator must act.
	ErrRejectedApp = errors.New("wechat: the app is rejected")
	// ErrUnknownApp: no such appid is configured here; WeChat was not asked.
	ErrUnknownApp = errors.New("wechat: unknown app")
	// ErrDecrypt: encryptedData that could not be read, whatever the reason.
	// It is one and the same value for all of them, so that no caller can
	// become an oracle for padding or keys.
	ErrDecrypt = errors.New("wechat: the data cannot be decrypted")
)

// Kind says what an [Error] means for the caller.
type Kind int

// The kinds, each with the sentinel of the same name. KindCanceled has none:
// it is errors.Is(err, context.Canceled), and nobody waits for the answer.
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

	// kindAccessToken is 40001, 40014 or 42001 from a call that carries an
	// access token. It never leaves the package: the call is tried once more,
	// and what fails again becomes KindUnexpected.
	kindAccessToken
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
	kindAccessToken:     {"access_token", ErrUnexpected},
}

// String returns the kind's name, as metrics use it: "invalid_code", "busy" …
func (k Kind) String() string {
	if k, ok := kinds[k]; ok {
		return k.name
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Error is what every failed call returns. Its fields are chosen so that it
// can be logged as it is: WeChat's errmsg, transport errors and addresses are
// left out, for they repeat secrets and codes (a *url.Error prints the whole
// query).
type Error struct {
	// API is the call, by the last part of its path: "jscode2session",
	// "stable_token", "getuserphonenumber", "checksession",
	// "resetusersessionkey".
	API string
	// Kind says what to do about it.
	Kind Kind
	// Code is WeChat's errcode; 0 when there was none.
	Code int
	// Status is the HTTP status where it was not 200; else 0.
	Status int
	// RequestID is the rid of WeChat's errmsg, which WeChat's support asks
	// for; "" when there was none.
	RequestID string
	// RetryAfter is how long to wait before it is worth trying again; 0 where
	// waiting does not help.
	RetryAfter time.Duration
	// Reason is a short text of this package's own, never WeChat's.
	Reason string

	cause error // of context's two or this package's own: nothing else is free of secrets
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wechat: %s: %s", e.API, e.Kind)
	if e.Code != 0 {
		fmt.Fprintf(&b, ", errcode %d", e.Code)
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
	if target == ErrUnavailable && (e.Kind == KindBusy || e.Kind == KindUnexpected || e.Kind == kindAccessToken) {
		return true
	}
	s := kinds[e.Kind].sentinel
	return s != nil && target == s
}

// Unwrap returns context.Canceled or context.DeadlineExceeded where one of
// them ended the call; never an error of the transport.
func (e *Error) Unwrap() error { return e.cause }

// classify gives an errcode its meaning. What is not listed is
// [KindUnexpected]: an answer of a service that is up, so neither the user's
// fault nor a reason to open the circuit; outward it is an outage (503), for
// telling a user to log in again because of a code that nobody knows would
// sign people out the day WeChat adds one.
//
// Phone codes are told apart: there 40013 means that the code was made in
// another mini program, which is the user's mistake and no operator's, and 40003
// that it is not of the openid sent along. Which errcode WeChat really gives for
// the latter is not documented, so a refusal that is not listed is taken for
// it. An access token that was issued proves that appid and secret are good.
func classify(a api, code int) Kind {
	kind := classifyAny(a, code)
	if a.name == apiPhoneNumber.name && (code == 40013 || code == 40003 || code > 0 && kind == KindUnexpected) {
		return KindInvalidCode
	}
	return kind
}

func classifyAny(a api, code int) Kind {
	switch code {
	case 40029, 41008:
		return KindInvalidCode
	case 40163:
		return KindCodeUsed
	case 40226:
		return KindUserBlocked
	case 45011:
		return KindRateLimited
	case -1:
		return KindBusy
	case 87009, 87007: // wrong signature; no such key any more
		return KindStaleSessionKey
	case 40013, 40125, 41002, 41004, 40243, // appid or secret wrong, missing, frozen
		40164, 89501, 89503, 89506, 89507, // this address is not allowed, or waits for the administrator
		45009,               // the app's quota of the day is spent: raise or clear it
		48001, 48004, 50002: // the app has no right to the call, or lost it
		return KindRejectedApp
	case 40001, 40014, 42001:
		if a.withToken {
			return kindAccessToken
		}
		return KindRejectedApp // without an access token, 40001 is about the secret
	}
	return KindUnexpected
}

// retryAfter is what to tell a client that hit this kind of error.
func retryAfter(k Kind) time.Duration {
	if k == KindRateLimited {
		return time.Minute // WeChat counts by the minute
	}
	if k == KindBusy || k == KindUnavailable || k == KindUnexpected {
		return 2 * time.Second
	}
	return 0
}
