package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// standIn is a running wugan fakewechat.
type standIn struct{ address, control string }

func (p program) wechat(t *testing.T) standIn {
	t.Helper()
	s := standIn{freeAddress(t), freeAddress(t)}
	run := p.start(t, p.command(t, nil, "fakewechat", "--listen", s.address, "--control", s.control, "--app", appID+":"+appSecret+":platform"))
	require.Eventually(t, func() bool {
		return status("http://"+s.address+"/sns/jscode2session") != 0 && status("http://"+s.control+"/") != 0
	}, 20*time.Second, 20*time.Millisecond, "%s", run.errors)
	return s
}

// code asks the control side for a wx.login code.
func (s standIn) code(t *testing.T, user string) string {
	t.Helper()
	return s.codeOf(t, appID, user)
}

// codeOf asks the control side for a login code in an app.
func (s standIn) codeOf(t *testing.T, appID, user string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.control+"/login", strings.NewReader(`{"appId":"`+appID+`","user":"`+user+`"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct{ Code string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotEmpty(t, answer.Code)
	return answer.Code
}

func (p program) playsWeChat(t *testing.T) {
	s := p.wechat(t)
	ask := func(code string) map[string]any {
		text := get(t, "http://"+s.address+"/sns/jscode2session?appid="+appID+"&secret="+appSecret+"&grant_type=authorization_code&js_code="+code)
		var answer map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		return answer
	}
	code := s.code(t, "alice")
	first := ask(code)
	require.Len(t, first["openid"], 28)
	require.NotEmpty(t, first["session_key"])
	require.NotEmpty(t, first["unionid"])
	require.EqualValues(t, 40163, ask(code)["errcode"])
	require.EqualValues(t, 40029, ask("nobody-made-this")["errcode"])
	require.NotEmpty(t, ask("dev:bob")["openid"])

	bare := freeAddress(t)
	run := p.start(t, p.command(t, nil, "fakewechat", "--listen", bare, "--control", freeAddress(t), "--app", appID+":"+appSecret, "--no-dev-codes"))
	require.Eventually(t, func() bool { return status("http://"+bare+"/sns/jscode2session") != 0 }, 20*time.Second, 20*time.Millisecond, "%s", run.errors)
	s.address = bare
	require.EqualValues(t, 40029, ask("dev:bob")["errcode"])
	_, errs, exit := p.run(t, nil, "fakewechat", "--app", "nonsense")
	require.NotZero(t, exit)
	require.Contains(t, errs, "appid:secret")
}

func TestAnAppThatCannotBeReadIsAMistakeOfUsage(t *testing.T) {
	for _, app := range []string{"wx", "wx:", "wx:of-the-app:p:more"} {
		out, exit, err := command(t, "fakewechat", "--app", app)
		require.Equal(t, exitUsage, exit, app)
		require.ErrorContains(t, err, "--app: an app is appid:secret")
		require.NotContains(t, out+err.Error(), "of-the-app")
	}
}
