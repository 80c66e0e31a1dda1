package wechat_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
)

// The vectors that WeChat publishes with its documentation.
const (
	vectorApp  = "wx4f4bc4dec97d474b"
	vectorKey  = "tiihtNczf5v6AKRyjwEUhQ=="
	vectorIV   = "r7BXXKkLb8qrSNn05n0qiA=="
	vectorData = "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="

	vectorSignKey = "HyVFkGl5F5OQWJZZaNzBBg=="
	vectorRawData = `{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}`
	vectorSign    = "75e81ceda165f4ffa64f4068af58c64b8f54b88c"
)

func TestThePublishedEncryptedDataIsRead(t *testing.T) {
	data, err := wechat.Decrypt(vectorApp, wechat.NewSessionKey(vectorKey), vectorData, vectorIV)
	require.NoError(t, err)
	var user struct {
		OpenID    string `json:"openId"`
		NickName  string `json:"nickName"`
		UnionID   string `json:"unionId"`
		Watermark struct {
			AppID string `json:"appid"`
		} `json:"watermark"`
	}
	require.NoError(t, json.Unmarshal(data, &user))
	require.Equal(t, "oGZUI0egBJY1zhBYw2KhdUfwVJJE", user.OpenID)
	require.Equal(t, "Band", user.NickName)
	require.Equal(t, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA", user.UnionID)
	require.Equal(t, vectorApp, user.Watermark.AppID)
}

func TestTenThousandWrongKeysGiveOneAndTheSameError(t *testing.T) {
	for i := range 10_000 {
		var key [16]byte
		binary.BigEndian.PutUint64(key[:], uint64(i))
		_, err := wechat.Decrypt(vectorApp, wechat.NewSessionKey(base64.StdEncoding.EncodeToString(key[:])), vectorData, vectorIV)
		require.Same(t, providers.ErrDecrypt, err, "the very value, not one that wraps it")
	}
}

func TestAnythingElseThatIsWrongGivesThatErrorToo(t *testing.T) {
	key := wechat.NewSessionKey(vectorKey)
	for name, c := range map[string]struct {
		app  string
		key  wechat.SessionKey
		data string
		iv   string
	}{
		"another app":        {soloID, key, vectorData, vectorIV},
		"no app":             {"", key, vectorData, vectorIV},
		"no key":             {vectorApp, wechat.SessionKey{}, vectorData, vectorIV},
		"a long key":         {vectorApp, wechat.NewSessionKey("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), vectorData, vectorIV},
		"a key not base64":   {vectorApp, wechat.NewSessionKey("tiihtNczf5v6AKRyjwEUhQ"), vectorData, vectorIV},
		"no iv":              {vectorApp, key, vectorData, ""},
		"a short iv":         {vectorApp, key, vectorData, "r7BXXKkLb8o="},
		"an iv not base64":   {vectorApp, key, vectorData, "!!!!"},
		"no data":            {vectorApp, key, "", vectorIV},
		"data not base64":    {vectorApp, key, "%%%%", vectorIV},
		"half a block":       {vectorApp, key, base64.StdEncoding.EncodeToString(make([]byte, 24)), vectorIV},
		"another iv":         {vectorApp, key, vectorData, "AAAAAAAAAAAAAAAAAAAAAA=="},
		"the end cut off":    {vectorApp, key, base64.StdEncoding.EncodeToString(decode(vectorData)[:16*12]), vectorIV},
		"the start cut off":  {vectorApp, key, base64.StdEncoding.EncodeToString(decode(vectorData)[16:]), vectorIV},
		"spaces in the data": {vectorApp, key, " " + vectorData, vectorIV},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wechat.Decrypt(c.app, c.key, c.data, c.iv)
			require.Same(t, providers.ErrDecrypt, err)
		})
	}
}

func TestPaddingIsCheckedByteForByte(t *testing.T) {
	key := decode(vectorKey)
	message := []byte(`{"watermark":{"appid": "` + vectorApp + `"} }`) // 46 bytes: two are left of the third block
	require.Len(t, message, 46)
	decrypt := func(plain []byte) error {
		block, err := aes.NewCipher(key)
		require.NoError(t, err)
		out := make([]byte, len(plain))
		cipher.NewCBCEncrypter(block, decode(vectorIV)).CryptBlocks(out, plain)
		_, err = wechat.Decrypt(vectorApp, wechat.NewSessionKey(vectorKey), base64.StdEncoding.EncodeToString(out), vectorIV)
		return err
	}
	pad := func(b ...byte) []byte { return append(append([]byte(nil), message...), b...) }
	require.NoError(t, decrypt(pad(2, 2)))
	require.Error(t, decrypt(pad(1, 2)), "the byte before the last counts too")
	require.Error(t, decrypt(pad(' ', 0)), "zero is no padding")
	require.Error(t, decrypt(pad(' ', 17)), "17 is more than a block")
	require.Error(t, decrypt(pad(2, 3)))
	spaces := pad(' ', ' ')
	block := make([]byte, 16)
	for i := range block {
		block[i] = 16
	}
	require.NoError(t, decrypt(append(spaces, block...)), "a whole block of padding")
	for i := range block {
		block[i] = 18
	}
	require.Error(t, decrypt(append(pad(18, 18), block...)), "18 bytes of 18 are padding of another block size")
}

func TestOnlyAnObjectWithThisAppsWatermarkIsData(t *testing.T) {
	p := newPair(t)
	key, err := p.fake.SessionKey(appID, "alice")
	require.NoError(t, err)
	for _, payload := range []string{
		`{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":"86"}`,
		`{"stepInfoList":[{"timestamp":1445866601,"step":100}]}`,
		`{"openGId":"OPENGID"}`,
	} {
		e, err := p.fake.Encrypt(appID, "alice", json.RawMessage(payload))
		require.NoError(t, err)
		data, err := wechat.Decrypt(appID, wechat.NewSessionKey(key), e.EncryptedData, e.IV)
		require.NoError(t, err)
		var want, got map[string]any
		require.NoError(t, json.Unmarshal([]byte(payload), &want))
		require.NoError(t, json.Unmarshal(data, &got))
		require.Equal(t, appID, got["watermark"].(map[string]any)["appid"])
		delete(got, "watermark")
		require.Equal(t, want, got)
		_, err = wechat.Decrypt(soloID, wechat.NewSessionKey(key), e.EncryptedData, e.IV)
		require.Equal(t, providers.ErrDecrypt, err)
	}
	for _, plain := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"watermark":null}`, `{"watermark":{"appid":7}}`,
		`{"Watermark":{"appid":"` + appID + `"}}`, `{"watermark":{"appid":""}}`, `{"watermark":{"appid":"` + appID + `"}} x`,
	} {
		n := 16 - len(plain)%16
		padded := []byte(plain)
		for range n {
			padded = append(padded, byte(n))
		}
		block, err := aes.NewCipher(decode(key))
		require.NoError(t, err)
		cipher.NewCBCEncrypter(block, decode(vectorIV)).CryptBlocks(padded, padded)
		_, err = wechat.Decrypt(appID, wechat.NewSessionKey(key), base64.StdEncoding.EncodeToString(padded), vectorIV)
		require.Equal(t, providers.ErrDecrypt, err, plain)
	}
}

func TestThePublishedSignatureIsRecognized(t *testing.T) {
	key := wechat.NewSessionKey(vectorSignKey)
	require.True(t, wechat.CheckSignature(vectorRawData, vectorSign, key))
	require.False(t, wechat.CheckSignature(vectorRawData+" ", vectorSign, key))
	require.False(t, wechat.CheckSignature(vectorRawData, vectorSign[:39], key))
	require.False(t, wechat.CheckSignature(vectorRawData, "", key))
	require.False(t, wechat.CheckSignature(vectorRawData, vectorSign, wechat.NewSessionKey(vectorKey)))

	p := newPair(t)
	signature, err := p.fake.Sign(appID, "alice", "raw")
	require.NoError(t, err)
	text, err := p.fake.SessionKey(appID, "alice")
	require.NoError(t, err)
	require.True(t, wechat.CheckSignature("raw", signature, wechat.NewSessionKey(text)))
}

func decode(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(fmt.Sprintf("a test's own constant: %v", err))
	}
	return b
}

func FuzzDecrypt(f *testing.F) {
	f.Add(vectorApp, vectorKey, vectorData, vectorIV)
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, app, key, data, iv string) {
		plain, err := wechat.Decrypt(app, wechat.NewSessionKey(key), data, iv)
		if err != nil {
			require.Same(t, providers.ErrDecrypt, err)
			require.Nil(t, plain)
			return
		}
		var v struct {
			Watermark struct{ AppID string } `json:"watermark"`
		}
		require.NoError(t, json.Unmarshal(plain, &v))
		require.NotEmpty(t, app)
	})
}
