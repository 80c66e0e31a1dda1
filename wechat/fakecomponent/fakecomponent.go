// Package fakecomponent is a stand-in for WeChat's third-party platforms: it pushes the
// component_verify_ticket, signed and encrypted, exchanges it for a token within twelve
// hours, and takes a login code once within five minutes, with 200 for errors. It is
// for tests and for trying out.
package fakecomponent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	codeLife   = 5 * time.Minute
	tokenLife  = 2 * time.Hour
	ticketLife = 12 * time.Hour
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk

	mu         sync.Mutex
	apps       map[string]App
	components map[string]Component
	tickets    map[string]credential // by their text
	tokens     map[string]credential
	// exclusive: a new token ends the earlier ones of the component.
	exclusive bool
}

// Component is a third-party platform.
type Component struct {
	ID, Secret string
	// Token and EncodingAESKey are those of its pushes.
	Token, EncodingAESKey string
}

// App is a mini program.
type App struct {
	ID string
	// Component is the third-party platform that it has authorized; "" for none.
	Component string
	// Platform is the Open Platform account; "" for none.
	Platform string
	// FromOutside makes calls fail as those of an address that is not on the
	// platform's list.
	FromOutside bool
}

type credential struct {
	component string
	// ofApp: a token of a mini program, which is not one of the component.
	ofApp   bool
	expires time.Time
}

// New makes a stand-in.
func New(opts standin.Options) *Server {
	return &Server{
		Desk: standin.NewDesk(opts), apps: map[string]App{}, components: map[string]Component{},
		tickets: map[string]credential{}, tokens: map[string]credential{},
	}
}

// SetComponent adds or replaces a third-party platform.
func (s *Server) SetComponent(c Component) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.components[c.ID] = c
}

// SetApp adds or replaces a mini program.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

// Exclusive makes a new token end the earlier ones of its component, which WeChat
// neither promises nor excludes.
func (s *Server) Exclusive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exclusive = true
}

// EndTokens makes all tokens invalid.
func (s *Server) EndTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Login is wx.login of a user.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "login", user, codeLife) }

// SessionKey is a user's in an app.
func SessionKey(appID, user string) string {
	return standin.SessionKey("wechat-component", appID, user, 16)
}

// Encrypt is what wx.getUserInfo and its like hand to the client.
func (s *Server) Encrypt(appID, user string, payload map[string]any) standin.Encrypted {
	return standin.EncryptMarked(appID, SessionKey(appID, user), s.Now(), payload)
}

// PushTicket sends a new ticket of a component to the address of its authorization
// events, as WeChat does every ten minutes. It returns an error unless the answer is
// success.
func (s *Server) PushTicket(ctx context.Context, componentID, address string) error {
	s.mu.Lock()
	c, known := s.components[componentID]
	s.mu.Unlock()
	if !known {
		return fmt.Errorf("no component %q", componentID)
	}
	ticket := "ticket@@@" + rand.Text()
	now := s.Now()
	s.mu.Lock()
	s.tickets[ticket] = credential{component: c.ID, expires: now.Add(ticketLife)}
	s.mu.Unlock()
	return s.Push(ctx, c, address, fmt.Sprintf(
		"<xml>\n<AppId><![CDATA[%s]]></AppId>\n<CreateTime>%d</CreateTime>\n<InfoType><![CDATA[component_verify_ticket]]></InfoType>\n"+
			"<ComponentVerifyTicket><![CDATA[%s]]></ComponentVerifyTicket>\n</xml>", c.ID, now.Unix(), ticket))
}

// Push sends a message of a component, encrypted and signed.
func (s *Server) Push(ctx context.Context, c Component, address, message string) error {
	target, err := url.Parse(address)
	if err != nil {
		return errors.New("the address is not well-formed")
	}
	var random [16]byte
	copy(random[:], rand.Text())
	encrypted, err := fakewechat.EncryptPush(c.EncodingAESKey, c.ID, random, []byte(message))
	if err != nil {
		return err
	}
	timestamp, nonce := strconv.FormatInt(s.Now().Unix(), 10), rand.Text()[:10]
	q := target.Query()
	q.Set("timestamp", timestamp)
	q.Set("nonce", nonce)
	q.Set("encrypt_type", "aes")
	q.Set("signature", fakewechat.SignPush(c.Token, timestamp, nonce))
	q.Set("msg_signature", fakewechat.SignPush(c.Token, timestamp, nonce, encrypted))
	target.RawQuery = q.Encode()
	body := fmt.Sprintf("<xml>\n    <AppId><![CDATA[%s]]></AppId>\n    <Encrypt><![CDATA[%s]]></Encrypt>\n</xml>\n", c.ID, encrypted)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/xml")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(http.MaxBytesReader(nil, res.Body, 64<<10)); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || answer.String() != "success" {
		return fmt.Errorf("the push was answered with status %d", res.StatusCode)
	}
	return nil
}

// Handler plays api.weixin.qq.com.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cgi-bin/component/api_component_token", s.token)
	mux.HandleFunc("GET /sns/component/jscode2session", s.session)
	return s.Around(mux)
}

func refuse(w http.ResponseWriter, errcode any, msg string) {
	answer(w, map[string]any{"errcode": errcode, "errmsg": msg + " rid: 66c69111-4157f271-729ca238"})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "text/plain")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var call map[string]string
	if json.NewDecoder(r.Body).Decode(&call) != nil {
		refuse(w, 47001, "data format error")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.components[call["component_appid"]]
	ticket, issued := s.tickets[call["component_verify_ticket"]]
	switch {
	case call["component_appid"] == "":
		refuse(w, 41018, "missing component_appid")
	case !known:
		refuse(w, 40013, "invalid appid")
	case c.Secret != call["component_appsecret"]:
		refuse(w, 40125, "invalid appsecret")
	case !issued || ticket.component != c.ID:
		refuse(w, 61006, "component ticket is invalid")
	case !s.Now().Before(ticket.expires):
		refuse(w, 61005, "component ticket is expired")
	default:
		if s.exclusive {
			for text, one := range s.tokens {
				if one.component == c.ID && !one.ofApp {
					delete(s.tokens, text)
				}
			}
		}
		value := rand.Text() + rand.Text()
		s.tokens[value] = credential{component: c.ID, expires: s.Now().Add(tokenLife)}
		answer(w, map[string]any{"component_access_token": value, "expires_in": int(tokenLife.Seconds())})
	}
}

// AuthorizerToken is a token of a mini program of the component, which is good for
// other calls.
func (s *Server) AuthorizerToken(componentID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := rand.Text()
	s.tokens[value] = credential{component: componentID, ofApp: true, expires: s.Now().Add(tokenLife)}
	return value
}

func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	query, ok := standin.Query(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	t, issued := s.tokens[query.Get("component_access_token")]
	a, known := s.apps[query.Get("appid")]
	s.mu.Unlock()
	switch {
	case query.Get("component_appid") == "":
		refuse(w, 41018, "missing component_appid")
		return
	case !issued:
		refuse(w, 40001, "invalid credential, access_token is invalid or not latest")
		return
	case !s.Now().Before(t.expires):
		refuse(w, 42001, "access_token expired")
		return
	case t.ofApp || t.component != query.Get("component_appid"):
		refuse(w, 61024, "invalid credential, the component_access_token is of another kind")
		return
	case !known || a.Component != t.component:
		refuse(w, 61003, "component is not authorized by this account")
		return
	case a.FromOutside:
		refuse(w, 61004, "access clientip is not registered")
		return
	}
	user, state := s.Take(a.ID, "login", query.Get("js_code"))
	switch {
	case state == standin.Used:
		refuse(w, 40163, "code been used")
		return
	case state != standin.Good || query.Get("grant_type") != "authorization_code":
		refuse(w, "40029", "invalid code") // as text, as in the documentation's example
		return
	}
	out := map[string]any{"openid": fakewechat.OpenID(a.ID, user), "session_key": SessionKey(a.ID, user)}
	if a.Platform != "" {
		out["unionid"] = fakewechat.UnionID(a.Platform, user)
	}
	answer(w, out)
}
