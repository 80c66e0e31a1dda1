// Package sanitize checks and cleans strings so that a database can store them. It
// does not limit their length.
package sanitize

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrUnfit is returned if a string contains a NUL or is not valid UTF-8. PostgreSQL
// refuses both (SQLSTATE 22021), and the whole statement with them, so that one
// client's User-Agent could fail all requests of its batch.
var ErrUnfit = errors.New("sanitize: a NUL or invalid UTF-8 cannot be stored")

// Fit reports whether a column can store the string unchanged.
func Fit(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Check returns [ErrUnfit] unless every string fits. It is for identifiers, which
// must be stored unchanged or not at all.
func Check(names ...string) error {
	for _, s := range names {
		if !Fit(s) {
			return ErrUnfit
		}
	}
	return nil
}

// Clean replaces invalid bytes and NULs by U+FFFD. It is for descriptions that
// clients send, such as a User-Agent header.
func Clean(s string) string {
	if Fit(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
