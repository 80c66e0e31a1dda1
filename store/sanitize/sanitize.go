// Package sanitize makes strings fit for a database column. It owns that one
// question; how long a string may be and what it means is decided above.
package sanitize

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrUnfit says that a string holds a NUL or is no valid UTF-8. PostgreSQL refuses
// both (SQLSTATE 22021), and with one value it refuses the whole statement, so
// that a stranger's User-Agent could fail the requests grouped with it.
var ErrUnfit = errors.New("sanitize: a NUL or invalid UTF-8 cannot be stored")

// Fit reports whether a column can hold the string as it is.
func Fit(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Check returns [ErrUnfit] unless every string fits. It is for names, which
// must be stored as they are or not at all.
func Check(names ...string) error {
	for _, s := range names {
		if !Fit(s) {
			return ErrUnfit
		}
	}
	return nil
}

// Clean replaces what does not fit by U+FFFD. It is for descriptions that come
// from outside, such as a User-Agent header, whose bytes may be anything.
func Clean(s string) string {
	if Fit(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
