package providers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/wugan/wugan/internal/secret"
)

// Provider is one app of a platform. It is safe for concurrent use, and any number of
// processes may use the same app.
type Provider interface {
	// Exchange exchanges a login code for the identity that it stands for. A code
	// works once. The call ends within 5 s.
	//
	// Errors are *Error, or context.Canceled where the caller went away:
	// ErrInvalidCode, ErrCodeUsed (platforms that do not tell a used code apart
	// say ErrInvalidCode), ErrNoIdentity, ErrUserBlocked, ErrRateLimited,
	// ErrRejectedApp, ErrUnavailable.
	Exchange(ctx context.Context, code string) (Identity, error)
}

// Identity is an identity that a platform has confirmed. It prints as [redacted].
type Identity struct {
	secret.Redacted
	// Subject is the person in this app: an openid, a userid. It is never "".
	Subject string
	// UnionID is the person in all apps of one account of the platform; "" where
	// there is none.
	UnionID string
	// SessionKey is the key of the data that the client is handed; empty where
	// the platform has none.
	SessionKey secret.String
	// Phone is a verified number that the platform returns with the identity, or
	// the zero Phone.
	Phone Phone
}

// Phone is a phone number that the user agreed to share. It prints as [redacted].
type Phone struct {
	secret.Redacted
	// Number has no country code.
	Number string
	// CountryCode has no plus sign: "86". "" means China's mainland.
	CountryCode string
}

// PhoneNumberer exchanges what the platform's phone button hands to the client:
// a code, or the whole encrypted answer where the platform has no codes.
type PhoneNumberer interface {
	// PhoneNumber asks for the number. The platform is asked to refuse the code
	// of another person than subject, where it can. Errors are those of
	// Exchange; a used code and one of another app are ErrInvalidCode here.
	PhoneNumber(ctx context.Context, subject, code string) (Phone, error)
}

// Decrypter decrypts data that the client got from the platform.
type Decrypter interface {
	// Decrypt returns the plaintext, a JSON object, after checking that it was
	// made for this app. Every failure is the same ErrDecrypt.
	Decrypt(key secret.String, encryptedData, iv string) (json.RawMessage, error)
}

// SessionKeyChecker asks the platform whether a session key still is the
// person's newest.
type SessionKeyChecker interface {
	SessionKeyValid(ctx context.Context, subject string, key secret.String) (bool, error)
}

// DataSigner signs data under a person's session key, as the platform wants it for
// its payments.
type DataSigner interface {
	SignData(key secret.String, data string) (signature string)
}

// AppTokenHolder returns the app's access token and when it expires.
type AppTokenHolder interface {
	AppToken(ctx context.Context) (token secret.String, expires time.Time, err error)
}
