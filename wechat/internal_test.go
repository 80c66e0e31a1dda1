package wechat

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

func TestThePublishedSignatureOfTheSessionCheckIsMade(t *testing.T) {
	require.Equal(t, "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128",
		sessionSignature(NewSessionKey("o0q0otL8aEzpcZL/FT9WsQ==")))
}

// FuzzAnswer: whatever comes back, an answer is either fields or an error, the
// error holds nothing of the body, and errcode keeps its value.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"openid":"o","session_key":"k"}`, `{"errcode":40029,"errmsg":"invalid code, rid: 66c69111-4157f271-729ca238"}`,
		`{"errcode":"-1"}`, `{"errcode":1e999}`, `{"errcode":null}`, ``, `<html>`, `{"errcode":40164,"errmsg":"invalid ip ::1"}`,
	} {
		f.Add(200, []byte(seed))
		f.Add(502, []byte(seed))
	}
	c, err := providers.NewCaller(Name, "", apis, providers.Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, a := range apis {
			fields, err := c.Read(a, status, body)
			if err == nil {
				require.Equal(t, http.StatusOK, status)
				require.NotNil(t, fields)
				_ = fields.Text("openid") + fields.TextOrNumber("expires_in") + fields.Object("phone_info").Object("watermark").Text("appid")
				continue
			}
			require.Nil(t, fields)
			require.NotEmpty(t, err.Error())
			require.NotContains(t, err.RequestID, " ")
			var v struct {
				Errcode *int `json:"errcode"`
			}
			if err.Code != "" && json.Unmarshal(body, &v) == nil && v.Errcode != nil && len(fields) == 1 {
				require.Equal(t, strconv.Itoa(*v.Errcode), err.Code)
			}
		}
	})
}
