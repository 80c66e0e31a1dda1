package config

import (
	"regexp"
	"strings"

	"github.com/wugan/wugan/wechat"
)

// pushForm is appid:token:EncodingAESKey. Plain mode is not offered: there the
// signature covers none of the body, and an attacker who has seen one address of a push
// could erase any user.
var pushForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}:[A-Za-z0-9]{3,32}:[A-Za-z0-9+/]{43}$`)

// Pushes returns the readers of the message push, by appid.
func (c *Config) Pushes() (map[string]*wechat.Push, error) {
	out := map[string]*wechat.Push{}
	for _, field := range splitList(c.WechatPush.Reveal()) {
		if !pushForm.MatchString(field) {
			return nil, Wrong("WECHAT_PUSH", "expected appid:token:EncodingAESKey,… as WeChat's console has them, for the safe mode")
		}
		parts := strings.Split(field, ":")
		push, err := wechat.NewPush(wechat.PushConfig{
			AppID: parts[0], Token: wechat.NewSecret(parts[1]), EncodingAESKey: wechat.NewSecret(parts[2]),
		})
		if err != nil {
			return nil, Wrong("WECHAT_PUSH", "expected the token and the EncodingAESKey of WeChat's console for %s", parts[0])
		}
		if weak([]rune(parts[2])) {
			return nil, Wrong("WECHAT_PUSH", "expected a random EncodingAESKey for %s, as WeChat's console makes it", parts[0])
		}
		out[parts[0]] = push
	}
	return out, nil
}
