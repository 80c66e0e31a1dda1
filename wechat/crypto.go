package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1; there is no other choice
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Decrypt reads the encryptedData that wx.getUserInfo, wx.getWeRunData and
// their like gave to the client: AES-128-CBC under the decoded session_key,
// with PKCS#7. What comes out is a JSON object; it is returned as it is, with
// its watermark.
//
// A wrong key gives valid padding about once in 256 times, so the JSON and
// watermark.appid decide. Every failure is the same [ErrDecrypt]. The
// watermark's timestamp is not judged: how old data may be is the caller's
// affair.
func Decrypt(appID string, key SessionKey, encryptedData, iv string) (json.RawMessage, error) {
	k, err := base64.StdEncoding.DecodeString(key.Reveal())
	if err != nil || len(k) != 16 {
		return nil, ErrDecrypt
	}
	v, err := base64.StdEncoding.DecodeString(iv)
	if err != nil || len(v) != aes.BlockSize {
		return nil, ErrDecrypt
	}
	data, err := base64.StdEncoding.DecodeString(encryptedData)
	if err != nil {
		return nil, ErrDecrypt
	}
	plain, ok := decryptCBC(k, v, data, aes.BlockSize)
	if !ok {
		return nil, ErrDecrypt
	}
	var f fields
	if json.Unmarshal(plain, &f) != nil {
		return nil, ErrDecrypt
	}
	if id := f.object("watermark").text("appid"); id == "" || id != appID {
		return nil, ErrDecrypt
	}
	return plain, nil
}

// decryptCBC decrypts and removes PKCS#7 padding of 1 to pad bytes, all of
// which are checked (RFC 5652, section 6.3). It reports false for anything
// that is not whole.
func decryptCBC(key, iv, data []byte, pad int) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil || len(iv) != aes.BlockSize || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, false
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n < 1 || n > pad || n > len(plain) {
		return nil, false
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, false
		}
	}
	return plain[:len(plain)-n], true
}

// CheckSignature reports whether a signature of wx.getUserInfo belongs to its
// rawData: hex SHA-1 of rawData and the text of the session_key.
func CheckSignature(rawData, signature string, key SessionKey) bool {
	sum := sha1.Sum([]byte(rawData + key.Reveal())) //nolint:gosec // WeChat's choice
	return equalHex(sum[:], signature)
}

// sessionSignature is the signature of checksession and resetusersessionkey:
// hex HMAC-SHA256 of the empty text. The key is the text of the session_key,
// not what it decodes to.
func sessionSignature(key SessionKey) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

// equalHex compares a digest with its hexadecimal text in constant time.
func equalHex(sum []byte, text string) bool {
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum)), []byte(strings.ToLower(text))) == 1
}
