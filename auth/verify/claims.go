package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Claims holds the claims of a verified access token (RFC 9068 section 2.2). The
// caller may change it.
type Claims struct {
	Issuer    string    // iss
	Subject   string    // sub: the user's id
	Audience  []string  // aud
	ClientID  string    // client_id: the mini program's appid
	ID        string    // jti
	SessionID string    // sid
	IssuedAt  time.Time // iat, in UTC
	ExpiresAt time.Time // exp, in UTC
	Roles     []string  // roles; nil when there are none
	// Extra holds every other claim, as encoding/json decodes it, but with
	// numbers as [json.Number]; nil when there are none.
	Extra map[string]any
}

// HasRole reports whether the user had this role when the token was issued.
func (c *Claims) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// clone returns a deep copy. Besides the hash it is most of the cost of a repeated
// check, so the usual token takes one allocation instead of three.
func (c *Claims) clone() *Claims {
	block := &struct {
		Claims
		audience [1]string
		roles    [3]string
	}{Claims: *c}
	copied := &block.Claims
	// A full capacity makes an append by the caller move away from the block.
	if n := len(c.Audience); n <= len(block.audience) {
		copied.Audience = block.audience[:n:n]
		copy(copied.Audience, c.Audience)
	} else {
		copied.Audience = slices.Clone(c.Audience)
	}
	switch n := len(c.Roles); {
	case c.Roles == nil:
	case n <= len(block.roles):
		copied.Roles = block.roles[:n:n]
		copy(copied.Roles, c.Roles)
	default:
		copied.Roles = slices.Clone(c.Roles)
	}
	if c.Extra != nil {
		copied.Extra, _ = cloneValue(c.Extra).(map[string]any)
	}
	return copied
}

func cloneValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := maps.Clone(value)
		for name := range copied {
			copied[name] = cloneValue(copied[name])
		}
		return copied
	case []any:
		copied := slices.Clone(value)
		for i := range copied {
			copied[i] = cloneValue(copied[i])
		}
		return copied
	default:
		return value
	}
}

// accessClaims are required in an access token: those of RFC 9068 section 2.2, and
// sid, without which its session could not be revoked.
var accessClaims = []string{"sub", "client_id", "iat", "jti", "sid"}

// claimsOf reads the claims of an access token that passed [Profile.check].
func claimsOf(token *checked) (*Claims, error) {
	claims := &Claims{ExpiresAt: token.expires}
	for i := range token.claims {
		name, raw := token.claims[i].Name, token.claims[i].Value
		var err error
		switch string(name) {
		case "iss":
			claims.Issuer, err = unquote(raw)
		case "sub":
			claims.Subject, err = unquote(raw)
		case "aud":
			claims.Audience, err = audienceOf(token.claims)
		case "client_id":
			claims.ClientID, err = unquote(raw)
		case "jti":
			claims.ID, err = unquote(raw)
		case "sid":
			claims.SessionID, err = unquote(raw)
		case "iat":
			var seconds int64
			seconds, err = numericDate(raw)
			claims.IssuedAt = time.Unix(seconds, 0).UTC()
		case "roles":
			claims.Roles, err = unquoteAll(raw)
		case "exp", "nbf":
		default:
			var value any
			value, err = decodeValue(raw)
			if claims.Extra == nil {
				claims.Extra = map[string]any{}
			}
			claims.Extra[string(name)] = value
		}
		if err != nil {
			return nil, invalid("%s is of another type", name)
		}
	}
	return claims, nil
}

func decodeValue(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // an id of 19 digits must not lose its last ones
	var value any
	err := decoder.Decode(&value)
	return value, err
}
