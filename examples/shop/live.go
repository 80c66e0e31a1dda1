package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify"
)

const (
	// statusTokenRefused is the close code that the client takes for a 401.
	statusTokenRefused websocket.StatusCode = 4401
	// authLimit is how long a connection may stay without a token.
	authLimit = 10 * time.Second
	// noticeInterval is the time between two notices, and between two checks of
	// the token.
	noticeInterval = time.Second
)

// fromClient is a message of the client: {"type":"auth","token":…} first and
// after each refresh. Its heartbeat is the string ping, which is no JSON.
type fromClient struct {
	Type  string `json:"type"`
	Token string `json:"token"`
}

// fromShop is a message to the client: welcome after each token, and then the
// state of an order now and then.
type fromShop struct {
	Type   string `json:"type"`
	UserID string `json:"userId,omitempty"`
	Order  *order `json:"order,omitempty"`
}

// live accepts WebSocket connections of the given origins. Browsers send no
// Authorization header with them, so the token comes in the first message.
func live(verifier *verify.Verifier, origins []string) echo.HandlerFunc {
	return func(c echo.Context) error {
		conn, err := websocket.Accept(c.Response(), c.Request(), &websocket.AcceptOptions{OriginPatterns: origins})
		if err != nil {
			return nil // Accept has answered.
		}
		defer func() { _ = conn.CloseNow() }()
		if code := talk(c.Request().Context(), conn, verifier); code != 0 {
			_ = conn.Close(code, http.StatusText(http.StatusUnauthorized))
		}
		return nil
	}
}

// talk tells the user of orders as long as the connection has a valid token. It
// returns the code to close with, or 0 when the client is gone. The token is
// verified again before each notice: the check is local, and finds tokens that
// have expired and sessions that were revoked.
func talk(ctx context.Context, conn *websocket.Conn, verifier *verify.Verifier) websocket.StatusCode {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := make(chan []byte)
	go func() {
		defer close(messages)
		for {
			_, message, err := conn.Read(ctx)
			if err != nil {
				return
			}
			select {
			case messages <- message:
			case <-ctx.Done():
				return
			}
		}
	}()

	var token string
	var isLate bool
	patience := time.NewTimer(authLimit)
	defer patience.Stop()
	ticker := time.NewTicker(noticeInterval)
	defer ticker.Stop()
	for n := 0; ; {
		select {
		case message, open := <-messages:
			if !open {
				return 0
			}
			var said fromClient
			if json.Unmarshal(message, &said) != nil || said.Type != "auth" {
				// The heartbeat wants something back.
				if conn.Write(ctx, websocket.MessageText, []byte("pong")) != nil {
					return 0
				}
				continue
			}
			claims, err := verifier.Verify(ctx, said.Token)
			if err != nil {
				return statusTokenRefused
			}
			token, isLate = said.Token, false
			patience.Stop()
			if wsjson.Write(ctx, conn, fromShop{Type: "welcome", UserID: claims.Subject}) != nil {
				return 0
			}
		case <-ticker.C:
			if token == "" {
				continue
			}
			if _, err := verifier.Verify(ctx, token); err != nil {
				if isLate {
					return statusTokenRefused
				}
				// The next token may be on its way.
				isLate = true
				continue
			}
			if wsjson.Write(ctx, conn, fromShop{Type: "order", Order: &orders[n%len(orders)]}) != nil {
				return 0
			}
			n++
		case <-patience.C:
			return statusTokenRefused
		}
	}
}
