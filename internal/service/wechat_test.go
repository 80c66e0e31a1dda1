package service

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// phoneCode is a fresh code of the getPhoneNumber button.
func (w *world) phoneCode(person string) string {
	w.t.Helper()
	code, err := w.wechat.PhoneCode(appID, person)
	require.NoError(w.t, err)
	w.log.secrets(code)
	return code
}

func (p *pod) bindPhone(token, code string) answer {
	p.w.t.Helper()
	return p.do("POST", "/api/v1/users/me/phone", token, map[string]any{"code": code})
}

func TestAPhoneNumberIsBoundMaskedAndNeverStoredInClear(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		w.wechat.SetUser(fakewechat.User{Name: "alice", Phone: "13812340000"})
		w.log.secrets("13812340000-in-the-log")
		p := w.pod()
		mine := p.signIn("alice")
		code := w.phoneCode("alice")
		a := p.bindPhone(mine.access, code)
		require.Equal(t, 200, a.status, "%s", a.body)
		require.Equal(t, "138****0000", a.text("phone"))
		require.Equal(t, "138****0000", p.login("alice").json()["user"].(map[string]any)["phone"])
		require.NotContains(t, w.log.String(), "13812340000")

		expect(t, p.bindPhone(mine.access, code), 400, "invalid_code")
		expect(t, p.bindPhone(mine.access, ""), 400, "invalid_request")
	})
}

func TestAPhoneNumberThatAnotherUserHoldsIsNotTaken(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		for _, name := range []string{"alice", "bob"} {
			w.wechat.SetUser(fakewechat.User{Name: name, Phone: "13812340000"})
		}
		p := w.pod()
		alice, bob := p.signIn("alice"), p.signIn("bob")
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status)
		require.Equal(t, 200, p.bindPhone(alice.access, w.phoneCode("alice")).status, "one's own number again")
		expect(t, p.bindPhone(bob.access, w.phoneCode("bob")), 409, "phone_taken")
		require.Empty(t, p.me(bob.access).text("phone"))
	})
}

func TestCallsForPhoneNumbersAreLimitedADay(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.PhoneDailyLimit = 3 })
		mine := p.signIn("alice")
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			seen = map[int]int{}
		)
		for range 8 {
			code := w.phoneCode("alice")
			wg.Go(func() {
				a, err := p.try("POST", "/api/v1/users/me/phone", mine.access, map[string]any{"code": code})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				seen[a.status]++
			})
		}
		wg.Wait()
		require.Equal(t, map[int]int{200: 3, 429: 5}, seen)
		a := p.bindPhone(mine.access, w.phoneCode("alice"))
		expect(t, a, 429, "rate_limited")
		require.NotEmpty(t, a.header.Get("Retry-After"))
		w.clock.move(25 * time.Hour)
		require.Equal(t, 200, p.bindPhone(p.signIn("alice").access, w.phoneCode("alice")).status)
	})
}

func TestDataOfTheClientIsDecryptedUnderTheKeyThatTheServiceHolds(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		data, err := w.wechat.Encrypt(appID, "alice", map[string]any{
			"stepInfoList": []map[string]any{{"timestamp": 1445866601, "step": 100}},
			"openId":       fakewechat.OpenID(appID, "alice"), "unionId": "u",
		})
		require.NoError(t, err)
		send := func(encrypted, iv string) answer {
			return p.do("POST", "/api/v1/wechat/decrypt", mine.access, map[string]any{"encryptedData": encrypted, "iv": iv})
		}
		a := send(data.EncryptedData, data.IV)
		require.Equal(t, 200, a.status, "%s", a.body)
		var out struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		require.NoError(t, json.Unmarshal(a.body, &out))
		require.Contains(t, out.Data, "stepInfoList")
		require.Contains(t, out.Data, "watermark")
		require.NotContains(t, string(a.body), fakewechat.OpenID(appID, "alice"))
		require.NotContains(t, out.Data, "unionId")

		expect(t, send(strings.Repeat("A", 64), data.IV), 400, "decrypt_failed")
		expect(t, send("notbase64!", data.IV), 400, "decrypt_failed")
		expect(t, send("", data.IV), 400, "invalid_request")

		// Another user's data do not open, nor those of another app.
		p.signIn("bob")
		others, err := w.wechat.Encrypt(appID, "bob", map[string]any{"a": 1})
		require.NoError(t, err)
		expect(t, send(others.EncryptedData, others.IV), 400, "decrypt_failed")
	})
}

func TestASessionKeyThatWeChatHasRenewedIsToldStale(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		check := func() any {
			a := p.do("POST", "/api/v1/wechat/check-session", mine.access, nil)
			require.Equal(t, 200, a.status, "%s", a.body)
			return a.json()["valid"]
		}
		require.Equal(t, true, check())
		require.NoError(t, w.wechat.RenewKey(appID, "alice"))
		require.Equal(t, false, check())
		data, err := w.wechat.Encrypt(appID, "alice", map[string]any{"a": 1})
		require.NoError(t, err)
		expect(t, p.do("POST", "/api/v1/wechat/decrypt", mine.access, map[string]any{"encryptedData": data.EncryptedData, "iv": data.IV}), 400, "decrypt_failed")
		p.signIn("alice")
		require.Equal(t, true, check())
	})
}

func TestAPhoneCodeOfAnotherAppOrPersonIsTheUsersMistake(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod()
		mine := p.signIn("alice")
		p.signIn("bob")
		others, err := w.wechat.PhoneCode(otherApp, "alice")
		require.NoError(t, err)
		w.log.secrets(others)
		used := w.phoneCode("alice")
		require.Equal(t, 200, p.bindPhone(mine.access, used).status)
		bound := p.me(mine.access).text("phone")
		bobs := w.phoneCode("bob")
		for name, code := range map[string]string{
			"of another app": others, "of another person": bobs, "used": used, "of wx.login": w.code(appID, "alice"), "made up": "0123456789abcdef",
		} {
			a := p.bindPhone(mine.access, code)
			expect(t, a, 400, "invalid_code")
			require.Contains(t, a.text("detail"), "press the getPhoneNumber button", name)
			require.NotContains(t, a.text("detail"), "wx.login", name)
		}
		require.Equal(t, bound, p.me(mine.access).text("phone"))
		require.NotContains(t, w.log.String(), "wechat_rejected_app")
		// The other person's code is good still, for the other person.
		require.Equal(t, 200, p.bindPhone(p.signIn("bob").access, bobs).status)
	})
}

func TestOnlyCallsForPhoneNumbersThatWeChatChargesCount(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, w *world) {
		p := w.pod(func(c *config.Config) { c.PhoneDailyLimit = 1 })
		mine := p.signIn("alice")
		const path = "/wxa/business/getuserphonenumber"
		for name, fault := range map[string]fakewechat.Fault{
			"an outage": {Path: path, Count: 1, Status: 502}, "a broken connection": {Path: path, Count: 1, Connection: "close"}, "HTML": {Path: path, Count: 1, Body: "html"},
			"too many calls": {Path: path, Count: 1, Errcode: 45011}, "a refused token": {Path: "/cgi-bin/stable_token", Count: 1, Errcode: 40125},
			"an errcode that nobody knows": {Path: path, Count: 1, Errcode: 49999},
		} {
			if fault.Path != path {
				require.NoError(t, w.wechat.SupersedeToken(appID))
			}
			id := w.wechat.SetFault(fault)
			a := p.bindPhone(mine.access, w.phoneCode("alice"))
			require.GreaterOrEqual(t, a.status, 400, name)
			require.NotEqual(t, "rate_limited", a.code(), name)
			w.wechat.ClearFault(id)
		}
		for range 3 {
			expect(t, p.bindPhone(mine.access, "0123456789abcdef"), 400, "invalid_code")
		}
		require.Equal(t, 200, p.bindPhone(mine.access, w.phoneCode("alice")).status)
		expect(t, p.bindPhone(mine.access, w.phoneCode("alice")), 429, "rate_limited")
	})
}
