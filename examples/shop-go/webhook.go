package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far the time of a webhook may be from ours, against one that was
// recorded and is sent again later.
const tolerance = 5 * time.Minute

// verifier checks webhooks by the rules of Standard Webhooks. The libraries of
// github.com/standard-webhooks/standard-webhooks do the same.
type verifier []byte

func newVerifier(secret string) (verifier, error) {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 {
		return nil, errors.New("WEBHOOK_SECRET is whsec_ and base64 of 24 bytes at least")
	}
	return key, nil
}

// genuine reports whether a webhook is wugan's and new.
func (v verifier) genuine(h http.Header, body []byte, now time.Time) bool {
	id, sent := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, v)
	mac.Write([]byte(id + "." + sent + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) {
		text, ok := strings.CutPrefix(signature, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}
