package auth

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// accessClaims are the claims of RFC 9068 section 2.2, and the session id.
type accessClaims struct {
	issuer, audience, clientID string
	subject, sessionID         uuid.UUID
	issuedAt, expiresAt        time.Time
	id                         [16]byte // jti
	roles                      []string
	openID, unionID            string // "": no such claim
	extra                      []extraClaim
}

// extraClaim is a member of a user's metadata that goes into access tokens. Its
// name has passed CheckMetadataClaims: it needs no escapes and is not one of the
// claims above.
type extraClaim struct {
	name  string
	value json.RawMessage
}

// appendTo appends the claims as one JSON object.
func (c accessClaims) appendTo(to []byte) []byte {
	to = appendText(append(to, `{"iss":`...), c.issuer)
	to = appendUUID(append(to, `,"sub":`...), c.subject)
	to = appendText(append(to, `,"aud":`...), c.audience)
	to = appendText(append(to, `,"client_id":`...), c.clientID)
	to = strconv.AppendInt(append(to, `,"iat":`...), c.issuedAt.Unix(), 10)
	to = strconv.AppendInt(append(to, `,"exp":`...), c.expiresAt.Unix(), 10)
	to = base64.RawURLEncoding.AppendEncode(append(to, `,"jti":"`...), c.id[:])
	to = appendUUID(append(to, `","sid":`...), c.sessionID)
	for i, role := range c.roles {
		separator := `,`
		if i == 0 {
			separator = `,"roles":[`
		}
		to = appendText(append(to, separator...), role)
	}
	if len(c.roles) > 0 {
		to = append(to, ']')
	}
	if c.openID != "" {
		to = appendText(append(to, `,"openid":`...), c.openID)
	}
	if c.unionID != "" {
		to = appendText(append(to, `,"unionid":`...), c.unionID)
	}
	for _, extra := range c.extra {
		to = append(append(append(to, `,"`...), extra.name...), `":`...)
		to = append(to, extra.value...)
	}
	return append(to, '}')
}

// refreshClaims identify the session and the token's place in the rotation.
type refreshClaims struct {
	issuer, clientID    string // the issuer also is the audience
	subject, sessionID  uuid.UUID
	issuedAt, expiresAt time.Time
	seq, prev           int64
}

// appendTo appends the claims as one JSON object.
func (c refreshClaims) appendTo(to []byte) []byte {
	to = appendText(append(to, `{"iss":`...), c.issuer)
	to = appendUUID(append(to, `,"sub":`...), c.subject)
	to = appendText(append(to, `,"aud":`...), c.issuer)
	to = appendText(append(to, `,"client_id":`...), c.clientID)
	to = strconv.AppendInt(append(to, `,"iat":`...), c.issuedAt.Unix(), 10)
	to = strconv.AppendInt(append(to, `,"exp":`...), c.expiresAt.Unix(), 10)
	to = appendUUID(append(to, `,"sid":`...), c.sessionID)
	to = strconv.AppendInt(append(to, `,"seq":`...), c.seq, 10)
	to = strconv.AppendInt(append(to, `,"prev":`...), c.prev, 10)
	return append(to, '}')
}

// appendText appends a JSON string. It uses encoding/json for a string that may
// need escapes.
func appendText(to []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			escaped, err := json.Marshal(text)
			if err != nil {
				panic(err) // a string always can be encoded
			}
			return append(to, escaped...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

// appendUUID appends a UUID as a JSON string.
func appendUUID(to []byte, id uuid.UUID) []byte {
	to = append(hex.AppendEncode(append(to, '"'), id[:4]), '-')
	to = append(hex.AppendEncode(to, id[4:6]), '-')
	to = append(hex.AppendEncode(to, id[6:8]), '-')
	to = append(hex.AppendEncode(to, id[8:10]), '-')
	return append(hex.AppendEncode(to, id[10:]), '"')
}
