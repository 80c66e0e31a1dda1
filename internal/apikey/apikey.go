// Package apikey holds the API keys of services and operators, each with a name and
// a scope. It owns the scopes and the comparison of keys. Package httpapi decides
// which path requires which scope.
package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/wugan/wugan/internal/secret"
)

// Scope is what a key may do.
type Scope string

// The scopes. Service includes gateway, admin includes support.
const (
	Gateway Scope = "gateway" // read revocations, introspect
	Service Scope = "service" // that, and what a business service asks
	Support Scope = "support" // read what the admin API reads, end sessions, disable and enable
	Admin   Scope = "admin"   // everything of the admin API
)

// Scopes returns all scopes.
func Scopes() []Scope { return []Scope{Gateway, Service, Support, Admin} }

// Allows reports whether the scope s includes the scope needed.
func (s Scope) Allows(needed Scope) bool {
	return s == needed || s == Service && needed == Gateway || s == Admin && needed == Support
}

// MinLength is the minimum length of a key in bytes.
const MinLength = 32

// Key is an API key. It prints without the secret.
type Key struct {
	Name  string
	Scope Scope
	Text  secret.String
}

var nameForm = regexp.MustCompile(`^[a-z0-9._-]{1,32}$`)

// New returns a key. It returns an error for an invalid name, scope or secret; the
// error contains none of them.
func New(name string, scope Scope, text string) (Key, error) {
	switch {
	case !nameForm.MatchString(name):
		return Key{}, errors.New("a name is 1 to 32 characters of a-z 0-9 . _ -")
	case !slices.Contains(Scopes(), scope):
		return Key{}, fmt.Errorf("the scope of %s is none of gateway, service, support and admin", name)
	case len(text) < MinLength || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Key{}, fmt.Errorf("the key of %s is not %d or more characters, all of them printable ASCII and none a space", name, MinLength)
	}
	return Key{Name: name, Scope: scope, Text: secret.New(text)}, nil
}

// Parse parses keys of the form name:scope:key. A name may occur twice with the same
// scope, so that a key can be replaced without downtime. The error contains no key.
func Parse(fields []string) ([]Key, error) {
	var keys []Key
	for i, field := range fields {
		parts := strings.SplitN(field, ":", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("entry %d is not name:scope:key", i+1)
		}
		key, err := New(parts[0], Scope(parts[1]), parts[2])
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, Check(keys)
}

// Check returns an error if keys conflict: one secret with two names or scopes, or
// one name with two scopes.
func Check(keys []Key) error {
	for i, a := range keys {
		for _, b := range keys[:i] {
			switch {
			case a.Text.Matches(b.Text.Reveal()):
				return fmt.Errorf("%s and %s are one and the same key", b.Name, a.Name)
			case a.Name == b.Name && a.Scope != b.Scope:
				return fmt.Errorf("%s stands there with two scopes", a.Name)
			}
		}
	}
	return nil
}

// Fingerprint returns a digest by which a change of the keys is detected.
func Fingerprint(keys []Key) string {
	sum := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(sum, "%s:%s:%x,", k.Name, k.Scope, sha256.Sum256([]byte(k.Text.Reveal())))
	}
	return string(sum.Sum(nil))
}

// Set holds the current keys. They can be replaced while requests are checked. The
// nil *Set is empty.
type Set struct{ entries atomic.Pointer[[]entry] }

type entry struct {
	key Key
	sum [sha256.Size]byte
}

// NewSet returns a set of these keys.
func NewSet(keys ...Key) *Set {
	s := &Set{}
	s.Replace(keys)
	return s
}

// Replace replaces all keys.
func (s *Set) Replace(keys []Key) {
	entries := make([]entry, len(keys))
	for i, k := range keys {
		entries[i] = entry{k, sha256.Sum256([]byte(k.Text.Reveal()))}
	}
	s.entries.Store(&entries)
}

// Any reports whether a key is configured whose scope includes needed.
func (s *Set) Any(needed Scope) bool {
	return slices.ContainsFunc(s.all(), func(e entry) bool { return e.key.Scope.Allows(needed) })
}

// Find returns the key with the secret text. It compares every key, in a time that
// depends only on their number.
func (s *Set) Find(text string) (key Key, ok bool) {
	sum := sha256.Sum256([]byte(text))
	for _, e := range s.all() {
		if subtle.ConstantTimeCompare(sum[:], e.sum[:]) == 1 {
			key, ok = e.key, true
		}
	}
	return key, ok
}

func (s *Set) all() []entry {
	if s == nil {
		return nil
	}
	if entries := s.entries.Load(); entries != nil {
		return *entries
	}
	return nil
}
