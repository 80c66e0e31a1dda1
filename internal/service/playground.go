package service

import (
	"net/http"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/playground"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// playgroundLives are the lives of access tokens that the playground's page may
// ask for beside the usual one: one to watch running down, and one that is over
// before the client notices.
var playgroundLives = map[string]time.Duration{"30s": 30 * time.Second, "1s": time.Second}

// withPlayground puts the playground in front of the service and of what beside puts
// beside it. Tokens of all its
// lives are of the same sessions, keys and issuer: only their exp differs.
func withPlayground(p auth.Lifetimes, fake *fakewechat.Server, beside func(http.Handler) http.Handler) func(http.Handler, func(auth.Lifetimes) (http.Handler, error)) (http.Handler, error) {
	return func(service http.Handler, api func(auth.Lifetimes) (http.Handler, error)) (http.Handler, error) {
		lives := make(map[string]http.Handler, len(playgroundLives))
		for name, life := range playgroundLives {
			shorter := p
			// Never longer than usual, for so long revoked sessions are remembered.
			shorter.AccessTTL = min(life, p.AccessTTL)
			handler, err := api(shorter)
			if err != nil {
				return nil, err
			}
			lives[name] = handler
		}
		return playground.New(playground.Config{Service: beside(service), Lives: lives, RefuseWeChat: fake.Refuse})
	}
}
