package wechat

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every secret of this package prints as.
const redacted = "[redacted]"

// Secret holds a text that must not reach a log: an AppSecret, an access
// token, a push token. Every verb of fmt, encoding/json and log/slog shows
// "[redacted]"; [Secret.Reveal] is the only way to the text, so that a search
// for it finds every use.
//
// The text lies behind a pointer because fmt calls no methods on the
// unexported fields of a struct that it prints: a plain string type would
// show itself there, a pointer shows an address. reflect.DeepEqual compares
// the texts. The zero value is the empty secret.
type Secret struct{ text *string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String implements fmt.Stringer; it returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb and no flag shows the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// SessionKey is the session_key of a user in one app: base64 of an AES-128
// key. It prints as "[redacted]" (see [Secret]). Whoever has it can forge the
// user's encryptedData, so it belongs in no answer to a client.
type SessionKey struct{ Secret }

// NewSessionKey wraps the base64 text of a session_key.
func NewSessionKey(text string) SessionKey { return SessionKey{NewSecret(text)} }
