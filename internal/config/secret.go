package config

import "strings"

// Secret is a setting that is never printed.
type Secret string

func (Secret) String() string   { return "[redacted]" }
func (Secret) GoString() string { return "[redacted]" }

// MarshalText keeps it out of JSON, and so out of JSON logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// fitsAHeader tells whether a key is long enough and comes through a header as
// it is: spaces at its ends are cut off there, and what is not ASCII each program
// writes in its own way.
func (s Secret) fitsAHeader() bool {
	return len(s) >= 32 && !strings.ContainsFunc(string(s), func(r rune) bool { return r <= ' ' || r > '~' })
}
