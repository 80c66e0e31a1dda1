// Package secret keeps secrets out of logs, errors and dumps. A [String] holds a
// text that no verb of fmt, no encoder and no logger shows, wherever it stands.
// The package owns how secrets print, not what they are good for.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// shown is what every secret prints as.
const shown = "[redacted]"

// Redacted is embedded in a struct that is to print as "[redacted]" as a whole. It
// does not reach where fmt calls no methods (see [String]): fields of such a struct
// that are secrets are Strings themselves.
type Redacted struct{}

// String implements fmt.Stringer; it returns "[redacted]".
func (Redacted) String() string { return shown }

// Format implements fmt.Formatter, so that no verb and no flag shows more.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, shown) }

// MarshalText implements encoding.TextMarshaler; encoding/json uses it too.
func (Redacted) MarshalText() ([]byte, error) { return []byte(shown), nil }

// LogValue implements slog.LogValuer.
func (Redacted) LogValue() slog.Value { return slog.StringValue(shown) }

// String is a secret text: a key, a token, an address that holds a password.
// Every verb of fmt, encoding/json and log/slog shows "[redacted]";
// [String.Reveal] is the only way to the text, so that a search for it finds
// every use.
//
// The text lies behind a pointer to a string because fmt calls no methods for %p,
// for a %w in the wrong place, and on what lies in an unexported field of a struct
// that it prints: a plain string type shows itself there, and a pointer to a struct
// shows the struct under a verb that does not fit; this one shows an address.
//
// reflect.DeepEqual compares the texts; == does not. The zero value is the empty
// secret. A String may be read by any number of goroutines.
type String struct {
	Redacted
	text *string
}

// New wraps a text.
func New(text string) String { return String{text: &text} }

// Reveal returns the text itself.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s String) Empty() bool { return s.Reveal() == "" }

// Matches reports whether the secret is this text, in a time that depends on
// neither. The empty secret matches nothing.
func (s String) Matches(text string) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(text))
	return !s.Empty() && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// UnmarshalText implements encoding.TextUnmarshaler, for settings and files of
// secrets.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
