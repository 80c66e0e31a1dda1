package providers_test

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/providers/standin"
)

const appID = "app1"

func TestMarkedDataIsReturnedUnchanged(t *testing.T) {
	key := standin.SessionKey("example", appID, "alice", 16)
	for _, plain := range []string{
		`{"watermark":{"appid":"app1"}}`,
		` {"a" : 1, "watermark":{"timestamp":0,"appid":"app1"}, "更多":"b"} `,
	} {
		made := standin.Encrypt(key, []byte(plain), aes.BlockSize)
		got, err := providers.DecryptMarked(appID, secret.New(key), made.Data, made.IV)
		require.NoError(t, err)
		require.Equal(t, plain, string(got))
	}
	old := standin.EncryptMarked(appID, key, time.Unix(1, 0), map[string]any{"a": 1})
	got, err := providers.DecryptMarked(appID, secret.New(key), old.Data, old.IV)
	require.NoError(t, err, "how old data may be is the caller's decision")
	require.JSONEq(t, `{"a":1,"watermark":{"appid":"app1","timestamp":1}}`, string(got))
}

func TestEveryFailureToDecryptIsTheSameError(t *testing.T) {
	key := standin.SessionKey("example", appID, "alice", 16)
	good := standin.EncryptMarked(appID, key, time.Now(), nil)
	_, err := providers.DecryptMarked(appID, secret.New(key), good.Data, good.IV)
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(good.Data)
	require.NoError(t, err)
	changed := bytes.Clone(raw)
	changed[len(changed)-1] ^= 1
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct{ key, data, iv string }{
		"key of another person":  {standin.SessionKey("example", appID, "bob", 16), good.Data, good.IV},
		"key of another size":    {standin.SessionKey("example", appID, "alice", 32), good.Data, good.IV},
		"key that is no base64":  {"!", good.Data, good.IV},
		"no key":                 {"", good.Data, good.IV},
		"IV that is no base64":   {key, good.Data, "!"},
		"IV of another size":     {key, good.Data, b64(make([]byte, 12))},
		"data that is no base64": {key, "!", good.IV},
		"no data":                {key, "", good.IV},
		"data cut off":           {key, b64(raw[:len(raw)-1]), good.IV},
		"a block cut off":        {key, b64(raw[:len(raw)-16]), good.IV},
		"data changed":           {key, b64(changed), good.IV},
	} {
		got, err := providers.DecryptMarked(appID, secret.New(c.key), c.data, c.iv)
		require.Nil(t, got, name)
		require.Equal(t, providers.ErrDecrypt, err, name)
	}
	for _, plain := range []string{
		``, `null`, `[]`, `"app1"`, `{}`, `{"watermark":null}`, `{"watermark":{}}`, `{"watermark":{"appid":"app2"}}`,
		`{"watermark":{"appid":["app1"]}}`, `{"watermark":{"appid":""}}`, `{"watermark":{"AppID":"app1"}}`, `{"Watermark":{"appid":"app1"}}`,
		`{"appid":"app1"}`, `{"watermark":{"appid":"app1"}} more`, `{"watermark":{"appid":"app1"}`,
	} {
		made := standin.Encrypt(key, []byte(plain), aes.BlockSize)
		_, err := providers.DecryptMarked(appID, secret.New(key), made.Data, made.IV)
		require.Equal(t, providers.ErrDecrypt, err, plain)
	}
	unnamed := standin.EncryptMarked("", key, time.Now(), nil)
	_, err = providers.DecryptMarked("", secret.New(key), unnamed.Data, unnamed.IV)
	require.Equal(t, providers.ErrDecrypt, err, "data of no app are of no app's")
}

func TestPaddingIsOneToTheBlockAndChecked(t *testing.T) {
	key, iv := bytes.Repeat([]byte("k"), 16), bytes.Repeat([]byte("i"), aes.BlockSize)
	for n := range 40 {
		plain := bytes.Repeat([]byte("p"), n)
		for _, pad := range []int{16, 32} {
			got, ok := providers.DecryptCBC(key, iv, standin.EncryptCBC(key, iv, plain, pad), pad)
			require.True(t, ok)
			require.Equal(t, plain, got)
		}
	}
	// whole encrypts what stands for plaintext and padding; its own padding is cut off.
	whole := func(tail ...byte) []byte {
		text := append(bytes.Repeat([]byte("p"), 32-len(tail)), tail...)
		return standin.EncryptCBC(key, iv, text, 16)[:32]
	}
	_, ok := providers.DecryptCBC(key, iv, whole(3, 3, 3), 16)
	require.True(t, ok)
	for name, data := range map[string][]byte{
		"zero":             whole(0),
		"too long":         whole(bytes.Repeat([]byte{17}, 17)...),
		"longer than data": whole(33),
		"first byte":       whole(2, 3, 3),
		"middle byte":      whole(3, 2, 3),
		"no data":          nil,
		"half a block":     whole(1)[:8],
	} {
		_, ok := providers.DecryptCBC(key, iv, data, 16)
		require.False(t, ok, name)
	}
	_, ok = providers.DecryptCBC(key[:15], iv, whole(1), 16)
	require.False(t, ok, "a key of a length that AES does not have")
	_, ok = providers.DecryptCBC(key, iv[:8], whole(1), 16)
	require.False(t, ok)
}
