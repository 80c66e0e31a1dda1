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

// Decrypt decrypts encryptedData of wx.getUserInfo, wx.getWeRunData and similar calls,
// using [providers.DecryptMarked].
func Decrypt(appID string, key SessionKey, encryptedData, iv string) (json.RawMessage, error) {
	return providers.DecryptMarked(appID, key.Secret, encryptedData, iv)
}

// CheckSignature reports whether a signature of wx.getUserInfo belongs to its rawData:
// the hex SHA-1 of rawData followed by the session_key in base64.
func CheckSignature(rawData, signature string, key SessionKey) bool {
	sum := sha1.Sum([]byte(rawData + key.Reveal())) //nolint:gosec // WeChat's choice
	return equalHex(sum[:], signature)
}

// SignData signs data with a session_key, as wx.requestVirtualPayment requires for its
// signData. The signature is the HMAC-SHA256 of the bytes in lower-case hex. The key is
// the session_key in base64, not decoded.
func SignData(data string, key SessionKey) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(data))
	return hex.EncodeToString(mac.Sum(nil))
}

// sessionSignature returns the signature for checksession and resetusersessionkey: that
// of the empty string.
func sessionSignature(key SessionKey) string { return SignData("", key) }

// equalHex compares a digest with its hexadecimal text in constant time.
func equalHex(sum []byte, text string) bool {
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum)), []byte(strings.ToLower(text))) == 1
}
