// Package apikey keeps the keys of machines and operators: what each is called,
// and what it may do. It owns the scopes and the comparison; which path wants
// which scope is decided where the paths are.
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

// Scopes are all of them.
func Scopes() []Scope { return []Scope{Gateway, Service, Support, Admin} }

// Allows reports whether a key of this scope may do what needs the other one.
func (s Scope) Allows(needed Scope) bool {
	return s == needed || s == Service && needed == Gateway || s == Admin && needed == Support
}

// MinLength is the least length of a key, in bytes.
const MinLength = 32

// Key is one key. It prints without its text.
type Key struct {
	Name  string
	Scope Scope
	Text  secret.String
}

var nameForm = regexp.MustCompile(`^[a-z0-9._-]{1,32}$`)

// New checks what a key is made of. The error repeats none of it.
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

// Parse reads keys of the form name:scope:key. One name may stand twice with one
// scope, so that a key can be replaced without a gap. The error repeats no key.
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

// Check refuses keys that cannot stand beside one another: one text for two
// names or scopes, and one name with two scopes.
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

// Fingerprint tells keys from others without holding them.
func Fingerprint(keys []Key) string {
	sum := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(sum, "%s:%s:%x,", k.Name, k.Scope, sha256.Sum256([]byte(k.Text.Reveal())))
	}
	return string(sum.Sum(nil))
}

// Set is the keys that are in use. They can be replaced while requests are
// checked. The nil *Set holds none.
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

// Replace puts other keys in the place of all.
func (s *Set) Replace(keys []Key) {
	entries := make([]entry, len(keys))
	for i, k := range keys {
		entries[i] = entry{k, sha256.Sum256([]byte(k.Text.Reveal()))}
	}
	s.entries.Store(&entries)
}

// Any reports whether a key is configured that may do what needs this scope.
func (s *Set) Any(needed Scope) bool {
	return slices.ContainsFunc(s.all(), func(e entry) bool { return e.key.Scope.Allows(needed) })
}

// Find returns the key with this text. It compares with every key, in a time
// that depends on how many there are and on nothing else.
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
