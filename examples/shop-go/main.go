// Command shop-go is a shop behind the gateway inside wugan. It has no code about
// tokens: wugan checks them and says in headers who asks. It asks wugan for the
// openid that WeChat Pay wants, and is told by a webhook when a person leaves. It is
// the same as examples/shop-node.
//
// Settings, by environment:
//
//	ADDR            address to listen on
//	AUTH_URL        address of wugan
//	SERVICE_KEY     a key of wugan's WUGAN_API_KEYS with the scope service
//	WEBHOOK_SECRET  wugan's WUGAN_WEBHOOK_SECRET
//	ORDERS          file in which orders are kept
//
// Its port is for wugan alone: who reaches it past the gateway can name any user.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

func main() {
	s := &shop{
		auth: os.Getenv("AUTH_URL"), key: os.Getenv("SERVICE_KEY"), path: os.Getenv("ORDERS"),
		client: &http.Client{Timeout: 5 * time.Second},
	}
	var err error
	if s.webhooks, err = newVerifier(os.Getenv("WEBHOOK_SECRET")); err == nil {
		err = s.load()
	}
	if err == nil {
		server := &http.Server{Addr: os.Getenv("ADDR"), Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
		err = server.ListenAndServe()
	}
	slog.Error("stopped", "error", err)
	os.Exit(1)
}

// payment is the body of WeChat Pay's POST /v3/pay/transactions/jsapi. What is left
// is to sign it with the merchant's key and to send it.
type payment struct {
	AppID       string `json:"appid"`
	MchID       string `json:"mchid"`
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	NotifyURL   string `json:"notify_url"`
	Amount      struct {
		Total    int    `json:"total"` // fen
		Currency string `json:"currency"`
	} `json:"amount"`
	Payer *payer `json:"payer"` // nil once the person has left
}

type payer struct {
	OpenID string `json:"openid"`
}

type order struct {
	UserID  string  `json:"userId"` // "" once the person has left
	Payment payment `json:"payment"`
}

type shop struct {
	auth, key, path string
	client          *http.Client
	webhooks        verifier

	mu     sync.Mutex
	orders []order
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /hooks/wugan", s.hear)
	mux.HandleFunc("POST /shop/orders", s.takeOrder)
	mux.HandleFunc("GET /shop/orders", s.listOrders)
	return mux
}

func (s *shop) takeOrder(w http.ResponseWriter, r *http.Request) {
	userID, appID := r.Header.Get("X-User-Id"), r.Header.Get("X-App-Id")
	openID, err := s.openIDOf(r.Context(), userID, appID)
	if err != nil {
		slog.ErrorContext(r.Context(), "no openid", "error", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	o := order{userID, payment{
		AppID: appID, MchID: "1900000001", Description: "龙井茶 250g", OutTradeNo: rand.Text(),
		NotifyURL: "https://shop.example.com/pay/notify", Payer: &payer{openID},
	}}
	o.Payment.Amount.Total, o.Payment.Amount.Currency = 12800, "CNY"
	if err := s.keep(func(all []order) []order { return append(all, o) }); err != nil {
		slog.ErrorContext(r.Context(), "an order was not kept", "error", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(o.Payment) // the caller may have gone
}

func (s *shop) listOrders(w http.ResponseWriter, r *http.Request) {
	mine := []order{}
	s.mu.Lock()
	for _, o := range s.orders {
		if o.UserID == r.Header.Get("X-User-Id") {
			mine = append(mine, o)
		}
	}
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(mine) // the caller may have gone
}

// openIDOf asks wugan how WeChat names a user in an app.
func (s *shop) openIDOf(ctx context.Context, userID, appID string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.auth+"/api/v1/service/users/"+url.PathEscape(userID), http.NoBody) //nolint:gosec // the address is a setting, and the id is escaped
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.client.Do(r) //nolint:gosec // as above
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("wugan answered %d", res.StatusCode)
	}
	var user struct {
		Identities []struct{ AppID, OpenID string }
	}
	if err := json.NewDecoder(res.Body).Decode(&user); err != nil {
		return "", err
	}
	for _, i := range user.Identities {
		if i.AppID == appID {
			return i.OpenID, nil
		}
	}
	return "", errors.New("the person has no openid in this app")
}

// hear takes a webhook. It answers only when the person is forgotten on the disk: what
// is not answered comes again.
func (s *shop) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || !s.webhooks.genuine(r.Header, body, time.Now()) {
		http.Error(w, "the signature does not fit", http.StatusBadRequest)
		return
	}
	var event struct {
		Type string
		Data struct{ UserID string }
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	if event.Type == "user_deleted" {
		if err := s.forget(event.Data.UserID); err != nil {
			slog.ErrorContext(r.Context(), "a person was not forgotten", "error", err)
			http.Error(w, "again, please", http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// forget leaves neither the user's id nor the openid behind. It may be repeated.
func (s *shop) forget(userID string) error {
	return s.keep(func(all []order) []order {
		for i := range all {
			if all[i].UserID == userID {
				all[i].UserID, all[i].Payment.Payer = "", nil
			}
		}
		return all
	})
}

// keep changes the orders; the change is on the disk, whole, before it counts.
func (s *shop) keep(change func(all []order) []order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := change(slices.Clone(s.orders))
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return err
	}
	s.orders = next
	return nil
}

func (s *shop) load() error {
	data, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(data, &s.orders)
}
