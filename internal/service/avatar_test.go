package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
)

func (p *pod) setAvatar(token, address string) answer {
	p.w.t.Helper()
	return p.do("PATCH", "/api/v1/users/me", token, map[string]any{"avatarUrl": address})
}

func TestAnAvatarThatOnlyTheDeviceCanSeeIsToBeUploadedFirst(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		for _, local := range []string{
			"http://tmp/TxYGzVnbZyUo.jpeg", "http://usr/a.png", "wxfile://tmp_9f3ad2.jpg", "wxfile://usr/a.png", "https://tmp/a.png", "http://tmp:80/a.png",
			"http://tmp./a.png", "HTTP://TMP/a.png", "http://localhost/a.png", "http://store/a.png", "cloud://env-1/a.png", "file:///a.png", "http:///a.png", "bdfile://tmp_a",
		} {
			a := p.setAvatar(mine.access, local)
			expect(t, a, 400, "invalid_request")
			require.Contains(t, a.text("detail"), "upload it", local)
		}
		for _, none := range []string{"tmp/a.png", "//cdn.example.com/a.png", "http:a.png", "https://user:pw@cdn.example.com/a.png", "https://cdn.example.com:port/a.png"} {
			expect(t, p.setAvatar(mine.access, none), 400, "invalid_request")
		}
		require.Empty(t, p.me(mine.access).text("avatarUrl"))
		for _, good := range []string{"https://thirdwx.qlogo.cn/mmopen/vi_32/a/132", "http://cdn.example.com:8080/a.png", "http://192.0.2.7/a.png", "https://[2001:db8::1]/a.png", ""} {
			a := p.setAvatar(mine.access, good)
			require.Equal(t, 200, a.status, good)
			require.Equal(t, good, a.text("avatarUrl"))
		}
	})
}

func TestAvatarsAreOnlyOnTheHostsThatAreNamed(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) {
			c.ProfileAvatarHosts = []string{"CDN.example.com", " img.example.com:8443", "one.example.com:443"}
		})
		mine := p.signIn("alice")
		for _, good := range []string{
			"https://cdn.example.com/a.png", "https://CDN.example.com:443/a.png", "https://img.example.com:8443/a", "https://one.example.com/", "https://cdn.example.com./a.png", "",
		} {
			require.Equal(t, 200, p.setAvatar(mine.access, good).status, good)
		}
		for _, bad := range []string{
			"http://cdn.example.com/a.png", "https://cdn.example.com:8443/a.png", "https://img.example.com/a", "https://cdn.example.com.evil.example/a.png",
			"https://evil.example/cdn.example.com", "https://evilcdn.example.com/", "https://cdn.example.com@evil.example/", `https://evil.example\@cdn.example.com/`, "https://192.0.2.7/",
		} {
			expect(t, p.setAvatar(mine.access, bad), 400, "invalid_request")
		}
	})
}
