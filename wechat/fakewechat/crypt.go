package fakewechat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Encrypted is what wx.getUserInfo and its like give to the mini program.
type Encrypted struct {
	EncryptedData string `json:"encryptedData"`
	IV            string `json:"iv"`
}

// Encrypt encrypts a payload, a JSON object, under the user's newest
// session_key, after adding the watermark with the time and the appid.
func (s *Server) Encrypt(appID, user string, payload any) (Encrypted, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return Encrypted{}, errors.New("fakewechat: the payload is not JSON")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(b, &object) != nil || object == nil {
		return Encrypted{}, errors.New("fakewechat: the payload is not a JSON object")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, user); err != nil {
		return Encrypted{}, err
	}
	object["watermark"], _ = json.Marshal(map[string]any{"timestamp": s.now().Unix(), "appid": appID})
	plain, _ := json.Marshal(object)
	iv := []byte(s.text(aes.BlockSize, alphanumeric))
	key, _ := base64.StdEncoding.DecodeString(s.sessionKey(account{appID, user}))
	return Encrypted{
		EncryptedData: base64.StdEncoding.EncodeToString(encryptCBC(key, iv, plain, aes.BlockSize)),
		IV:            base64.StdEncoding.EncodeToString(iv),
	}, nil
}

// Sign is the signature that wx.getUserInfo gives with rawData: SHA-1 of
// rawData and the text of the user's newest session_key.
func (s *Server) Sign(appID, user, rawData string) (string, error) {
	key, err := s.SessionKey(appID, user)
	if err != nil {
		return "", err
	}
	sum := sha1.Sum([]byte(rawData + key)) //nolint:gosec // WeChat's choice
	return hex.EncodeToString(sum[:]), nil
}

// VirtualPayment checks the signature that a mini program hands to
// wx.requestVirtualPayment beside its signData, as WeChat does before it shows
// anything: hex HMAC-SHA256 of the bytes, the key being the text of the user's
// newest session_key. It reports whether it fits. Whether the signData names an
// order is not looked at.
func (s *Server) VirtualPayment(appID, user, signData, signature string) (bool, error) {
	key, err := s.SessionKey(appID, user)
	if err != nil {
		return false, err
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signData))
	return signData != "" && signature == hex.EncodeToString(mac.Sum(nil)), nil
}

// EncryptPush is the message push's safe mode: AES-256-CBC under
// base64(encodingAESKey + "="), whose first 16 bytes are the IV too, of random
// (16 bytes), the length of msg, msg and the appid, padded to 32 bytes.
func EncryptPush(encodingAESKey, appID string, random [16]byte, msg []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(encodingAESKey + "=")
	if err != nil || len(key) != 32 {
		return "", errors.New("fakewechat: an EncodingAESKey has 43 characters of base64")
	}
	full := append([]byte(nil), random[:]...)
	full = binary.BigEndian.AppendUint32(full, uint32(len(msg))) //nolint:gosec // never near 4 GiB
	full = append(append(full, msg...), appID...)
	return base64.StdEncoding.EncodeToString(encryptCBC(key, key[:16], full, 32)), nil
}

// SignPush is the message push's signature: SHA-1 of the parts, sorted and put
// together. Token, timestamp and nonce make "signature"; with the encrypted
// text they make "msg_signature".
func SignPush(parts ...string) string {
	parts = slices.Sorted(slices.Values(parts))
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // WeChat's choice
	return hex.EncodeToString(sum[:])
}

func encryptCBC(key, iv, plain []byte, pad int) []byte {
	n := pad - len(plain)%pad
	padded := append(slices.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...) //nolint:gosec // 1 to 32
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("fakewechat: " + err.Error()) // all keys here are of our own making
	}
	out := make([]byte, len(padded))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, padded)
	return out
}
