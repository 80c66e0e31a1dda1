package wechat

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1; there is no other choice
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/wugan/wugan/providers"
)

// Decrypt reads the encryptedData that wx.getUserInfo, wx.getWeRunData and
// their like gave to the client, by [providers.DecryptMarked].
func Decrypt(appID string, key SessionKey, encryptedData, iv string) (json.RawMessage, error) {
	return providers.DecryptMarked(appID, key.Secret, encryptedData, iv)
}

// CheckSignature reports whether a signature of wx.getUserInfo belongs to its
// rawData: hex SHA-1 of rawData and the text of the session_key.
func CheckSignature(rawData, signature string, key SessionKey) bool {
	sum := sha1.Sum([]byte(rawData + key.Reveal())) //nolint:gosec // WeChat's choice
	return equalHex(sum[:], signature)
}

// SignData signs data under a session_key, as wx.requestVirtualPayment wants it of
// its signData: lower-case hex HMAC-SHA256 of the bytes. The key is the text of
// the session_key, not what it decodes to.
func SignData(data string, key SessionKey) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(data))
	return hex.EncodeToString(mac.Sum(nil))
}

// sessionSignature is the signature of checksession and resetusersessionkey:
// that of the empty text.
func sessionSignature(key SessionKey) string { return SignData("", key) }

// equalHex compares a digest with its hexadecimal text in constant time.
func equalHex(sum []byte, text string) bool {
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum)), []byte(strings.ToLower(text))) == 1
}
