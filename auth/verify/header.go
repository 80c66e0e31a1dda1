package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// header holds the JOSE header parameters that a check uses (RFC 7515 section 4.1).
type header struct{ typ, algorithm, kid string }

// refusedHeaders change how a token is to be read, or bring their own key.
// crit: every extension it could name is unknown here, so RFC 7515 section
// 4.1.11 says to refuse. b64 is such an extension (RFC 7797). The others ask the
// verifier to trust or to fetch a key that the token itself brings (RFC 8725
// section 3.10).
var refusedHeaders = []string{"crit", "b64", "jku", "jwk", "x5u", "x5c"}

// readHeader parses the first part of a token. Its result depends only on encoded.
func readHeader(encoded string) (header, error) {
	data, err := decodeSegment(encoded)
	if err != nil {
		return header{}, invalid("header: %s", err)
	}
	members, err := parseObject(data)
	if err != nil {
		return header{}, invalid("header: %s", err)
	}
	for i := range members {
		for _, name := range refusedHeaders {
			if strings.EqualFold(string(members[i].Name), name) {
				return header{}, invalid("header: %s is not allowed", name)
			}
		}
	}
	var h header
	for _, want := range []struct {
		name string
		into *string
	}{{"typ", &h.typ}, {"alg", &h.algorithm}, {"kid", &h.kid}} {
		raw, ok := members.Get(want.name)
		if !ok {
			return header{}, invalid("header: no %s", want.name)
		}
		if *want.into, err = unquote(raw); err != nil || *want.into == "" {
			return header{}, invalid("header: %s is not a string", want.name)
		}
	}
	if len(h.kid) > maxKeyID {
		return header{}, invalid("header: kid is longer than %d bytes", maxKeyID)
	}
	return h, nil
}

// keyFor finds the key that a header names, if the header is one of this profile.
func (p *Profile) keyFor(ctx context.Context, h header) (Key, error) {
	// RFC 7515 section 4.1.9: a typ without "/" stands for "application/" typ.
	if h.typ != p.Type && h.typ != "application/"+p.Type {
		return Key{}, invalid("header: typ is not %s", p.Type)
	}
	if len(p.Algorithms) > 0 && !slices.Contains(p.Algorithms, h.algorithm) {
		return Key{}, invalid("header: alg is not accepted here")
	}
	key, err := p.Keys.Key(ctx, h.kid)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return Key{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	case err != nil:
		return Key{}, err
	}
	// The algorithm is the key's; the header may only agree (RFC 8725 section
	// 3.1): otherwise a public key could be used as an HMAC secret.
	if key.ID != h.kid || key.Algorithm != h.algorithm {
		return Key{}, invalid("header: alg is not the one of the key")
	}
	if err := key.usable(); err != nil {
		return Key{}, fmt.Errorf("%w: %w", errMisconfigured, err)
	}
	return key, nil
}

// headersSeen caches the parsed headers of valid tokens by their encoded form. All
// tokens of one key have the same header, so it is parsed once and then recognized
// by comparison. Whether the header fits the profile and its key is checked each
// time: the cache holds only results of readHeader.
var headersSeen headers

// maxHeaders is the size of the cache: two headers for each key of several issuers.
// Other headers are parsed each time.
const maxHeaders = 16

type headers struct {
	mu   sync.Mutex // held while the list is replaced
	list atomic.Pointer[[]seenHeader]
}

type seenHeader struct {
	encoded string
	header  header
}

func (s *headers) get(encoded string) (header, bool) {
	if list := s.list.Load(); list != nil {
		for i := range *list {
			if (*list)[i].encoded == encoded {
				return (*list)[i].header, true
			}
		}
	}
	return header{}, false
}

// add caches a header whose token has a valid signature, so that forged tokens
// evict nothing. It evicts the oldest header of a full cache.
func (s *headers) add(encoded string, h header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.get(encoded); known {
		return
	}
	var list []seenHeader
	if old := s.list.Load(); old != nil {
		list = slices.Clone((*old)[max(0, len(*old)-maxHeaders+1):])
	}
	// The string is a part of the token, which must not stay in memory.
	list = append(list, seenHeader{strings.Clone(encoded), h})
	s.list.Store(&list)
}
