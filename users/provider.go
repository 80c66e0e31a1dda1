package users

import (
	"fmt"
	"time"
)

// ProviderError is why the identity provider, WeChat, did not do what was
// asked of it.
type ProviderError struct {
	Reason ProviderReason
	// RetryAfter is how long to wait before it makes sense to try again; 0
	// where trying again does not help.
	RetryAfter time.Duration
	// Err is the cause, for the log. It holds neither code nor secret.
	Err error
}

// ProviderReason tells apart what the caller can do about it.
type ProviderReason string

// The reasons.
const (
	CodeInvalid ProviderReason = "invalid_code" // get a new code
	// PhoneCodeInvalid is CodeInvalid for the phone code of a login, which has
	// two codes.
	PhoneCodeInvalid ProviderReason = "invalid_phone_code"
	CodeUsed         ProviderReason = "code_used"           // get a new code
	PersonBlocked    ProviderReason = "user_blocked"        // a high-risk user
	TooOften         ProviderReason = "wechat_rate_limited" // wait
	AppRejected      ProviderReason = "wechat_rejected_app" // an operator must act
	ProviderOutage   ProviderReason = "wechat_unavailable"  // wait
	DecryptFailed    ProviderReason = "decrypt_failed"      // log in again
	CallsUsedUp      ProviderReason = "rate_limited"        // our own limit: wait
)

func (e *ProviderError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *ProviderError) Unwrap() error { return e.Err }
