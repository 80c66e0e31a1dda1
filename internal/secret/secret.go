// Package secret keeps secrets out of logs, errors and dumps. A [String] holds a
// string that no verb of fmt, no encoder and no logger prints, even in a nested or
// unexported field.
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

// Redacted is embedded in a struct that must print as "[redacted]" as a whole. It
// has no effect where fmt calls no methods (see [String]), so secret fields of such a
// struct must be Strings.
type Redacted struct{}

// String implements fmt.Stringer; it returns "[redacted]".
func (Redacted) String() string { return shown }

// Format implements fmt.Formatter, so that no verb and no flag shows more.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, shown) }

// MarshalText implements encoding.TextMarshaler; encoding/json uses it too.
func (Redacted) MarshalText() ([]byte, error) { return []byte(shown), nil }

// LogValue implements slog.LogValuer.
func (Redacted) LogValue() slog.Value { return slog.StringValue(shown) }

// String is a secret string: a key, a token, an address with a password. Every verb
// of fmt, encoding/json and log/slog prints "[redacted]". [String.Reveal] is the only
// access to the value, so a search for it finds every use.
//
// The value is stored behind a pointer to a string because fmt calls no methods for
// %p, for a misplaced %w, and for unexported fields of a struct. There it would print
// a plain string type, and a pointer to a struct under a verb that does not fit; of
// this type it prints an address.
//
// reflect.DeepEqual compares the values; == does not. The zero value is the empty
// secret. A String is safe for concurrent use.
type String struct {
	Redacted
	text *string
}

// New returns a String that holds text.
func New(text string) String { return String{text: &text} }

// Reveal returns the value.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether the value is "".
func (s String) Empty() bool { return s.Reveal() == "" }

// Matches reports whether the value equals text, in constant time. The empty secret
// matches nothing.
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
