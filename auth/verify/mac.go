package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"sync"
)

// macs keeps HMAC states of one key: preparing one takes half as long as a short
// token's code, and most of the memory. The nil pointer keeps none.
type macs struct{ pool sync.Pool }

// mac is a prepared state with room for what goes in and comes out of it.
type mac struct {
	hash hash.Hash
	text []byte
	code [sha256.Size]byte
}

// matches reports whether the signature is the code of the text, in the one
// spelling that base64url without padding has for it. The comparison takes the
// same time wherever the two differ.
func (s *macs) matches(key Secret, signed, signature64 string) bool {
	m := s.take(key)
	defer s.give(m)
	m.text = append(m.text[:0], signed...)
	m.hash.Write(m.text)
	m.text = base64.RawURLEncoding.AppendEncode(m.text[:0], m.hash.Sum(m.code[:0]))
	at := len(m.text)
	m.text = append(m.text, signature64...)
	return subtle.ConstantTimeCompare(m.text[:at], m.text[at:]) == 1
}

func (s *macs) take(key Secret) *mac {
	if s != nil {
		if m, ok := s.pool.Get().(*mac); ok {
			m.hash.Reset()
			return m
		}
	}
	return &mac{hash: hmac.New(sha256.New, key)}
}

// give takes a state back. What it holds of the token is wiped: none rests in
// memory or in a heap dump.
func (s *macs) give(m *mac) {
	if s != nil {
		clear(m.text[:cap(m.text)])
		clear(m.code[:])
		s.pool.Put(m)
	}
}
