package users

import (
	"fmt"
	"strings"
	"time"
)

// ProviderError is a refusal or an outage of the identity provider.
type ProviderError struct {
	Reason ProviderReason
	// Provider is the platform's name, such as "wechat" or "alipay"; "" where
	// none was asked.
	Provider string
	// RetryAfter is how long to wait before a retry; 0 if a retry does not help.
	RetryAfter time.Duration
	// Err is the cause, for the log. It contains neither a code nor a secret.
	Err error
}

// ProviderReason classifies a ProviderError by what the caller can do.
type ProviderReason string

// The reasons.
const (
	CodeInvalid ProviderReason = "invalid_code" // get a new code
	// PhoneCodeInvalid is CodeInvalid for the phone code of a login, which has
	// two codes.
	PhoneCodeInvalid ProviderReason = "invalid_phone_code"
	CodeUsed         ProviderReason = "code_used"      // get a new code
	NoIdentity       ProviderReason = "no_identity"    // a guest, who cannot be a user
	PersonBlocked    ProviderReason = "user_blocked"   // a high-risk user
	TooOften         ProviderReason = "too_often"      // wait
	AppRejected      ProviderReason = "app_rejected"   // an operator must act
	ProviderOutage   ProviderReason = "outage"         // wait
	DecryptFailed    ProviderReason = "decrypt_failed" // log in again
	CallsUsedUp      ProviderReason = "rate_limited"   // our own limit: wait
	NotOffered       ProviderReason = "not_offered"    // the platform has no such call
)

// wechatFamily begins the names of the providers whose codes begin with wechat_.
const wechatFamily = "wechat"

// Wechat reports whether the provider is one of those with codes of their own: its
// name begins with wechat.
func (e *ProviderError) Wechat() bool { return strings.HasPrefix(e.Provider, wechatFamily) }

// Outcome returns the label of the reason in metrics. It is the same as the error code
// in responses.
func (e *ProviderError) Outcome() string {
	family := "provider_"
	if e.Wechat() {
		family = "wechat_"
	}
	switch e.Reason {
	case TooOften:
		return family + "rate_limited"
	case AppRejected:
		return family + "rejected_app"
	case ProviderOutage:
		return family + "unavailable"
	case NotOffered:
		return "invalid_request"
	default:
		return string(e.Reason)
	}
}

func (e *ProviderError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *ProviderError) Unwrap() error { return e.Err }
