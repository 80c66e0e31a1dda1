// Package standardwebhooks signs messages as specified by Standard Webhooks 1.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
// It owns the form of the secret and the three headers. Its callers send the
// messages.
package standardwebhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/internal/secret"
)

// The headers of a message.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	prefix    = "whsec_"
	minSecret = 24 // bytes
	maxSecret = 64
)

// Secret signs messages. It prints as [redacted].
type Secret struct{ key secret.String }

// ParseSecret reads a secret of the form whsec_BASE64, of 24 to 64 bytes. The
// error does not repeat it.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, prefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, errors.New("expected whsec_ and base64 of 24 to 64 bytes")
	}
	return Secret{key: secret.New(string(key))}, nil
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.key.Empty() }

// Format keeps the secret out of every verb.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[redacted]") }

// MarshalText keeps the secret out of JSON and so out of logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Sign returns the value of the signature header: v1 and the HMAC-SHA256 of
// id.timestamp.body in base64.
func (s Secret) Sign(id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(s.key.Reveal()))
	_, _ = io.WriteString(mac, id+"."+strconv.FormatInt(at.Unix(), 10)+".") // a hash takes everything
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SetHeaders signs a request with this body: the id names the message, the same
// for each attempt; the time is that of the attempt.
func (s Secret) SetHeaders(h http.Header, id string, at time.Time, body []byte) {
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(HeaderSignature, s.Sign(id, at, body))
}
