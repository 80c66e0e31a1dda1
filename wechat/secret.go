package wechat

import "github.com/wugan/wugan/internal/secret"

// Secret holds a string that must not be logged: an AppSecret, an access token, a push
// token. It prints as "[redacted]"; Reveal returns the value.
type Secret = secret.String

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return secret.New(text) }

// SessionKey is the session_key of a user in one app: base64 of an AES-128
// key. It prints as "[redacted]" (see [Secret]). An attacker who has it can forge the
// user's encryptedData, so it belongs in no response to a client.
type SessionKey struct{ Secret }

// NewSessionKey returns a SessionKey that holds a session_key in base64.
func NewSessionKey(text string) SessionKey { return SessionKey{NewSecret(text)} }
