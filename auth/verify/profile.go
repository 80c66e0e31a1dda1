package verify

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

// The token types of wugan, for [Profile.Type]. They are values of the typ header
// (RFC 8725 section 3.11).
const (
	AccessTokenType  = "at+jwt" // RFC 9068 section 2.1
	RefreshTokenType = "rt+jwt" // ours
)

// MaxTokenSize is the maximum length of a token in bytes. A longer one is refused
// without being parsed. wugan's tokens have 300 to 1000 bytes; claims that an
// operator adds are limited to 2 KB.
const MaxTokenSize = 8 << 10

// MaxLeeway is the largest leeway for clocks.
const MaxLeeway = 5 * time.Minute

// Profile defines the requirements for one kind of token. Its fields must not be
// changed after the first use. Its methods are safe for concurrent use.
type Profile struct {
	// Type is the token's type: the header's typ must equal it, or equal it
	// with "application/" in front (RFC 9068 section 4 requires both spellings).
	Type string
	// Issuer must equal iss, byte for byte.
	Issuer string
	// Audience must equal aud, or one of its elements if it is an array.
	Audience string
	// Keys finds the key for the header's kid.
	Keys KeySource
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Leeway is how far the clocks of issuer and verifier may differ, for exp
	// and nbf: 0 to [MaxLeeway].
	Leeway time.Duration
	// RequiredClaims must be present, of their type, and neither null nor empty.
	// iss, aud and exp are always required.
	RequiredClaims []string
	// Algorithms, when not empty, narrows the algorithms that are accepted.
	Algorithms []string
}

// checked is a verified token. payload and claims are memory of a room.
type checked struct {
	payload   []byte
	claims    jsonobject.Object
	key       Key
	expires   time.Time
	notBefore time.Time // zero when there is no nbf
}

// Payload holds the claims of a verified token. Its methods are safe for concurrent
// use.
type Payload struct{ claims jsonobject.Object }

// Text returns a string claim. It returns false if there is no such claim or it has
// another type.
func (p Payload) Text(name string) (string, bool) {
	raw, ok := p.claims.Get(name)
	if !ok {
		return "", false
	}
	text, err := unquote(raw)
	return text, err == nil
}

// Bytes is Text without a copy: the result must not be changed, and is valid as long as
// the payload.
func (p Payload) Bytes(name string) ([]byte, bool) {
	raw, ok := p.claims.Get(name)
	if !ok {
		return nil, false
	}
	if plain, ok := jsonobject.Plain(raw); ok {
		return plain, true
	}
	text, ok := jsonobject.Text(raw)
	return []byte(text), ok
}

// Integer returns an integer claim that is written without an exponent. It returns
// false if there is no such claim or it has another type.
func (p Payload) Integer(name string) (int64, bool) {
	raw, ok := p.claims.Get(name)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(string(raw), 10, 64)
	return number, err == nil
}

// Parse is like [Profile.Check] but passes the parsed payload to use, for callers that
// need single claims. The payload must not be used after use has returned, because its
// memory is used again. The error is one of Check, or that of use.
func (p *Profile) Parse(ctx context.Context, token string, use func(Payload) error) error {
	room := takeRoom()
	defer room.release()
	result, err := p.check(ctx, token, room)
	if err != nil {
		return err
	}
	return use(Payload{result.claims})
}

// Check verifies one compact JWS against the profile and returns the signed payload:
// one JSON object in UTF-8 without names that are equal or differ only in case, so
// that every decoder reads the same claims.
//
// The error is [ErrMissing] for an empty token, or [ErrInvalid], [ErrExpired],
// [ErrKeysUnavailable] or the error of ctx. It never contains the token.
func (p *Profile) Check(ctx context.Context, token string) ([]byte, error) {
	result, err := p.check(ctx, token, newRoom())
	if err != nil {
		return nil, err
	}
	return result.payload, nil
}

func (p *Profile) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// validate returns an error for an incomplete profile: an empty issuer must not mean
// any issuer.
func (p *Profile) validate() error {
	switch {
	case p.Type == "":
		return fmt.Errorf("%w: Type is empty", errMisconfigured)
	case p.Issuer == "":
		return fmt.Errorf("%w: Issuer is empty", errMisconfigured)
	case p.Audience == "":
		return fmt.Errorf("%w: Audience is empty", errMisconfigured)
	case p.Keys == nil:
		return fmt.Errorf("%w: Keys is nil", errMisconfigured)
	case p.Leeway < 0 || p.Leeway > MaxLeeway:
		return fmt.Errorf("%w: Leeway must be 0 to %s", errMisconfigured, MaxLeeway)
	}
	return nil
}

// check verifies a token. The result refers to the memory of room.
func (p *Profile) check(ctx context.Context, token string, room *room) (checked, error) {
	if err := p.validate(); err != nil {
		return checked{}, err
	}
	if token == "" {
		return checked{}, ErrMissing
	}
	if len(token) > MaxTokenSize {
		return checked{}, invalid("longer than %d bytes", MaxTokenSize)
	}
	header64, rest, ok := strings.Cut(token, ".")
	if !ok {
		return checked{}, invalid("not a compact JWS")
	}
	payload64, signature64, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature64, ".") {
		return checked{}, invalid("not a compact JWS")
	}

	header, seen := headersSeen.get(header64)
	if !seen {
		var err error
		if header, err = readHeader(header64); err != nil {
			return checked{}, err
		}
	}
	key, err := p.keyFor(ctx, header)
	if err != nil {
		return checked{}, err
	}
	if err := key.verify(token[:len(header64)+1+len(payload64)], signature64); err != nil {
		return checked{}, err
	}
	if !seen {
		headersSeen.add(header64, header)
	}

	// The payload is parsed only after its signature was checked.
	if err := room.read(payload64); err != nil {
		return checked{}, invalid("payload: %s", err)
	}
	result := checked{payload: room.payload, claims: room.claims, key: key}
	result.expires, result.notBefore, err = p.checkClaims(result.claims)
	return result, err
}

// checkClaims returns when a token expires and from when on it is valid; that time is
// zero when there is no nbf.
func (p *Profile) checkClaims(claims jsonobject.Object) (expires, notBefore time.Time, err error) {
	if err := p.checkTexts(claims); err != nil {
		return expires, notBefore, err
	}
	for _, name := range timeClaims {
		raw, ok := claims.Get(name)
		if !ok {
			continue
		}
		seconds, err := numericDate(raw)
		if err != nil {
			return expires, notBefore, invalid("%s is %s", name, err)
		}
		switch name {
		case "exp":
			expires = time.Unix(seconds, 0).UTC()
		case "nbf":
			notBefore = time.Unix(seconds, 0).UTC()
		}
		// iat is not compared with the clock: a pod whose clock is a second behind
		// would refuse a token that another pod has just issued.
	}
	if expires.IsZero() {
		return expires, notBefore, invalid("no exp")
	}
	return expires, notBefore, p.checkAt(expires, notBefore, p.now())
}

// checkTexts checks all claims but the times.
func (p *Profile) checkTexts(claims jsonobject.Object) error {
	for i := range claims {
		if name, wrong := misspelt(claims[i].Name); wrong {
			return invalid("a claim is spelt like %s", name)
		}
	}
	for _, name := range p.RequiredClaims {
		raw, ok := claims.Get(name)
		if !ok || string(raw) == "null" {
			return invalid("no %s", name)
		}
	}
	for _, name := range textClaims {
		raw, ok := claims.Get(name)
		if !ok {
			continue
		}
		if !filled(raw) {
			return invalid("%s is not a string", name)
		}
	}

	issuer, ok := claims.Get("iss")
	if !ok {
		return invalid("no iss")
	}
	if !spells(issuer, p.Issuer) {
		return invalid("another issuer")
	}
	if raw, ok := claims.Get("aud"); !ok || !spells(raw, p.Audience) {
		audience, err := audienceOf(claims)
		if err != nil {
			return err
		}
		if !slices.Contains(audience, p.Audience) {
			return invalid("another audience")
		}
	}
	return nil
}

// checkAt is the part of a check whose outcome changes with time.
func (p *Profile) checkAt(expires, notBefore, now time.Time) error {
	if !now.Before(expires.Add(p.Leeway)) {
		return ErrExpired
	}
	if now.Add(p.Leeway).Before(notBefore) {
		return invalid("not valid yet")
	}
	return nil
}

// audienceOf returns aud, a string or an array of strings, as a non-empty list.
func audienceOf(claims jsonobject.Object) ([]string, error) {
	raw, ok := claims.Get("aud")
	if !ok {
		return nil, invalid("no aud")
	}
	if text, err := unquote(raw); err == nil && text != "" {
		return []string{text}, nil
	}
	texts, err := unquoteAll(raw)
	if err != nil || len(texts) == 0 || slices.Contains(texts, "") {
		return nil, invalid("aud is neither a text nor an array of texts")
	}
	return texts, nil
}

// The claims whose types are known.
var (
	textClaims = []string{"iss", "sub", "jti", "client_id", "sid"}
	timeClaims = []string{"exp", "nbf", "iat"}
	// knownClaims are refused in any other letter case: a later decoder that uses
	// encoding/json would accept "SUB" for "sub".
	knownClaims = append(append([]string{"aud", "roles", "seq", "prev"}, textClaims...), timeClaims...)
)

func misspelt(name []byte) (string, bool) {
	for _, known := range knownClaims {
		if string(name) == known {
			return known, false
		}
	}
	for _, known := range knownClaims {
		if strings.EqualFold(string(name), known) {
			return known, true
		}
	}
	return "", false
}

var strictBase64 = base64.RawURLEncoding.Strict()

// decodeSegment decodes base64url without padding, strictly: encoding/base64
// skips CR and LF even when it is strict, and only Strict looks at the unused
// bits of the last character. Without both, one token could be written in many
// ways.
func decodeSegment(segment string) ([]byte, error) {
	if strings.ContainsAny(segment, "\r\n") {
		return nil, errLineBreak
	}
	data, err := strictBase64.DecodeString(segment)
	if err != nil {
		// The library's error tells an offset only, but stay on the safe side:
		// nothing that derives from a token goes into an error.
		return nil, errNotBase64
	}
	return data, nil
}

var (
	errLineBreak = errors.New("a line break in base64url")
	errNotBase64 = errors.New("not base64url without padding")
)
