package providers

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"

	"github.com/wugan/wugan/internal/secret"
)

// DecryptMarked decrypts encryptedData in the form of WeChat, which QQ, WeCom and Douyin
// also use: AES-128-CBC with the decoded session key and PKCS#7 padding. The plaintext is
// a JSON object with a watermark that names the app; it is returned unchanged.
//
// A wrong key yields valid padding in about one of 256 cases, so the JSON and
// watermark.appid are checked too. Every failure is the same [ErrDecrypt]. The
// watermark's timestamp is not checked; the caller decides how old data may be.
func DecryptMarked(appID string, key secret.String, encryptedData, iv string) (json.RawMessage, error) {
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
	plain, ok := DecryptCBC(k, v, data, aes.BlockSize)
	if !ok {
		return nil, ErrDecrypt
	}
	var f Fields
	if json.Unmarshal(plain, &f) != nil {
		return nil, ErrDecrypt
	}
	if id := f.Object("watermark").Text("appid"); id == "" || id != appID {
		return nil, ErrDecrypt
	}
	return plain, nil
}

// DecryptCBC decrypts and removes PKCS#7 padding of 1 to pad bytes, all of
// which are checked (RFC 5652, section 6.3). It reports false for anything
// that is not whole.
func DecryptCBC(key, iv, data []byte, pad int) ([]byte, bool) {
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
