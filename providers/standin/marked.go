package standin

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Encrypted is what a platform hands to the client beside a user's data.
type Encrypted struct {
	Data string // base64
	IV   string // base64
}

// SessionKey is a user's session key in an app: base64 of size bytes, the same
// every time.
func SessionKey(platform, appID, user string, size int) string {
	sum := sha256.Sum256([]byte("key\x00" + platform + "\x00" + appID + "\x00" + user))
	return base64.StdEncoding.EncodeToString(sum[:size])
}

// EncryptMarked encrypts a payload as WeChat does and several platforms took
// over: JSON with a watermark that names the time and the app, in AES-128-CBC
// under the session key.
func EncryptMarked(appID, sessionKey string, at time.Time, payload map[string]any) Encrypted {
	marked := maps.Clone(payload)
	if marked == nil {
		marked = map[string]any{}
	}
	marked["watermark"] = map[string]any{"timestamp": at.Unix(), "appid": appID}
	plain, err := json.Marshal(marked)
	if err != nil {
		panic(err) // the test's own payload
	}
	return Encrypt(sessionKey, plain, aes.BlockSize)
}

// Encrypt encrypts under a session key with a random IV, and PKCS#7 padding up to
// pad bytes.
func Encrypt(sessionKey string, plain []byte, pad int) Encrypted {
	key, err := base64.StdEncoding.DecodeString(sessionKey)
	if err != nil {
		panic(err) // session keys are of the stand-in's own making
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv) // it does not fail
	return Encrypted{
		Data: base64.StdEncoding.EncodeToString(EncryptCBC(key, iv, plain, pad)),
		IV:   base64.StdEncoding.EncodeToString(iv),
	}
}

// EncryptCBC pads to a multiple of pad bytes (PKCS#7) and encrypts.
func EncryptCBC(key, iv, plain []byte, pad int) []byte {
	n := pad - len(plain)%pad
	out := append(slices.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...) //nolint:gosec // 1 to 32
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // a key of another length than AES has
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}
