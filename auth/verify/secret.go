package verify

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is the shared key of an HS256 [Key]: 32 random bytes or more
// (RFC 7518 section 3.2). It prints as "[redacted]" with every verb, in JSON and
// in slog.
//
// fmt cannot call methods on unexported fields: a struct that holds a Secret in
// one must not be printed. (Key sources of this package may be.)
type Secret []byte

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format writes "[redacted]" whatever the verb, %x and %d included.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns "[redacted]"; a secret is never written by encoding it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
