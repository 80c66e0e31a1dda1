package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/users"
)

// platform stands in for all platforms. The code code-NAME is that of NAME, the phone
// code phone-NUMBER gives NUMBER, and any other code is refused.
type platform struct {
	mu       sync.Mutex
	calls    int
	underway int
	most     int
	wait     chan struct{} // where not nil, calls wait until it is closed
}

func (p *platform) ExchangeCode(ctx context.Context, _, code string) (auth.ProvenIdentity, error) {
	p.mu.Lock()
	p.calls++
	p.underway++
	p.most = max(p.most, p.underway)
	wait := p.wait
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.underway--
		p.mu.Unlock()
	}()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return auth.ProvenIdentity{}, ctx.Err()
		}
	}
	name, ok := strings.CutPrefix(code, "code-")
	if !ok {
		return auth.ProvenIdentity{}, &users.ProviderError{Reason: users.CodeInvalid}
	}
	return auth.ProvenIdentity{Provider: "wechat", Account: "default", OpenID: name, SessionKey: secret.New(sessionKey)}, nil
}

func (p *platform) counts() (calls, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls, p.most
}

func (*platform) PhoneNumber(_ context.Context, _, _, code string) (users.GivenPhone, error) {
	number, ok := strings.CutPrefix(code, "phone-")
	if !ok {
		return users.GivenPhone{}, &users.ProviderError{Reason: users.CodeInvalid}
	}
	return users.GivenPhone{Number: users.Phone(number), Country: "86"}, nil
}

// SessionKeyValid knows the key that ExchangeCode gives, of everyone but mallory.
func (*platform) SessionKeyValid(_ context.Context, _, openID, key string) (bool, error) {
	return key == sessionKey && openID != "mallory", nil
}

// Decrypt takes data that are base64 alone.
func (*platform) Decrypt(_, _, encryptedData, _ string) (json.RawMessage, error) {
	plain, err := base64.StdEncoding.DecodeString(encryptedData)
	if err != nil {
		return nil, &users.ProviderError{Reason: users.DecryptFailed, Err: err}
	}
	return plain, nil
}

func (*platform) SignData(_, key, data string) (string, error) { return signature(key, data), nil }

// signature is what wx.requestVirtualPayment compares with.
func signature(key, data string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(data))
	return hex.EncodeToString(mac.Sum(nil))
}

func (*platform) PlatformToken(_ context.Context, appID string) (secret.String, time.Duration, error) {
	if appID != testApp {
		return secret.String{}, 0, auth.ErrUnknownApp
	}
	return secret.New("token-of-" + appID), time.Hour, nil
}

// sessionKey is the session_key of every login.
const sessionKey = "tiihtNczf5v6AKRyjwEUhQ=="
