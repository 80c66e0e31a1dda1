// Package fakealipay is a stand-in for Alipay's gateway: it really checks the
// RSA2 signature of each call, signs its responses over the very bytes that it
// sends, says 200 for errors, and takes a code once within three minutes. It is
// for tests and for trying out.
package fakealipay

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// Server is the stand-in. It may be used by many goroutines at once.
type Server struct {
	*standin.Desk
	key *rsa.PrivateKey // Alipay's

	mu   sync.Mutex
	apps map[string]App
}

// App is a mini program as Alipay knows it.
type App struct {
	ID     string
	Public *rsa.PublicKey // the app's own
	AESKey []byte         // 16 bytes, for phone numbers
	// UserID makes the app an old one, which is given user_id and no open_id.
	UserID bool
	// Certificates puts the app into certificate mode.
	Certificates Certificates
}

// New makes a stand-in with a key of Alipay's.
func New(opts standin.Options, key *rsa.PrivateKey) *Server {
	return &Server{Desk: standin.NewDesk(opts), key: key, apps: map[string]App{}}
}

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[a.ID] = a
}

// life of a code: Alipay says three minutes to a day.
const life = 3 * time.Minute

// Login is my.getAuthCode of a user.
func (s *Server) Login(appID, user string) string { return s.Issue(appID, "auth", user, life) }

// PhoneText is what my.getPhoneNumber hands to the client.
func (s *Server) PhoneText(appID, user string) string {
	return s.PhoneAnswer(appID, map[string]string{"code": "10000", "msg": "Success", "mobile": standin.Phone(user)})
}

// PhoneAnswer is my.getPhoneNumber with content of the caller's.
func (s *Server) PhoneAnswer(appID string, content map[string]string) string {
	s.mu.Lock()
	a := s.apps[appID]
	s.mu.Unlock()
	plain := encode(content)
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	block, err := aes.NewCipher(a.AESKey)
	if err != nil {
		panic(err) // the app was added without a key of 16 bytes
	}
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(plain, plain) //nolint:gosec // sixteen zero bytes are what Alipay prescribes
	response := base64.StdEncoding.EncodeToString(plain)
	return string(encode(map[string]string{"response": response, "sign": s.sign([]byte(`"` + response + `"`))}))
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return b
}

func (s *Server) sign(text []byte) string {
	sum := sha256.Sum256(text)
	sign, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key of 2048 bits signs every digest
	}
	return base64.StdEncoding.EncodeToString(sign)
}

// Handler plays the gateway.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gateway.do", s.gateway)
	return s.Around(mux)
}

func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	if err := r.ParseForm(); err != nil {
		s.refuse(w, "40002", "isv.invalid-parameter")
		return
	}
	form := r.PostForm
	s.mu.Lock()
	a, known := s.apps[form.Get("app_id")]
	s.mu.Unlock()
	switch {
	case !known:
		s.refuse(w, "40002", "isv.invalid-app-id")
	case form.Get("sign") == "":
		s.refuse(w, "40001", "isv.missing-signature")
	case form.Get("sign_type") != "RSA2" || !signed(a.Public, form):
		s.refuse(w, "40002", "isv.invalid-signature")
	case !s.recent(form.Get("timestamp")):
		s.refuse(w, "40002", "isv.invalid-timestamp")
	case form.Get("app_cert_sn") != a.Certificates.appSN() || form.Get("alipay_root_cert_sn") != a.Certificates.rootSN():
		s.refuse(w, "40002", "isv.invalid-cert-sn") // what Alipay says is not documented
	case form.Get("method") != "alipay.system.oauth.token" || form.Get("version") != "1.0" || form.Get("charset") != "utf-8":
		s.refuse(w, "40002", "isv.invalid-method")
	case form.Get("grant_type") != "authorization_code":
		s.refuse(w, "40002", "isv.grant-type-invalid")
	default:
		s.token(w, a, form.Get("code"))
	}
}

func (s *Server) token(w http.ResponseWriter, a App, code string) {
	user, state := s.Take(a.ID, "auth", code)
	if state != standin.Good {
		s.refuse(w, "40002", "isv.code-invalid")
		return
	}
	node := map[string]any{
		"access_token": rand.Text(), "expires_in": "1296000", "re_expires_in": "2592000", "refresh_token": rand.Text(),
		"auth_start": s.Now().Format(time.DateTime), "union_id": standin.ID("alipay-union", "", user),
	}
	if a.UserID {
		node["user_id"], node["alipay_user_id"] = UserID(user), rand.Text()
	} else {
		node["open_id"] = OpenID(a.ID, user)
	}
	// Spaces and escapes: a reader that encodes the node again verifies another text.
	raw := bytes.ReplaceAll(encode(node), []byte(`":"`), []byte(`": "`))
	_, _ = w.Write([]byte(`{"alipay_system_oauth_token_response":` + string(raw) + `` + a.Certificates.named() + `,"sign":"` + s.sign(raw) + `"}`))
}

// OpenID is a user in an app.
func OpenID(appID, user string) string { return standin.ID("alipay", appID, user) }

// UserID is a user in all old apps: 16 digits that begin with 2088.
func UserID(user string) string {
	digits := []byte(standin.ID("alipay-user", "", user)[:12])
	for i, c := range digits {
		digits[i] = '0' + c%10
	}
	return "2088" + string(digits)
}

// refuse says 200 for an error, with a signature only where Alipay gives one.
func (s *Server) refuse(w http.ResponseWriter, code, sub string) {
	raw := encode(map[string]string{"code": code, "msg": "Invalid Arguments", "sub_code": sub, "sub_msg": "refused"})
	body := `{"error_response":` + string(raw)
	if sub == "isv.code-invalid" {
		body += `,"sign":"` + s.sign(raw) + `"`
	}
	_, _ = w.Write([]byte(body + "}"))
}

// signed checks the signature over the sorted parameters.
func signed(key *rsa.PublicKey, form url.Values) bool {
	var parts []string
	for name := range form {
		if value := form.Get(name); name != "sign" && value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	slices.Sort(parts)
	sign, err := base64.StdEncoding.DecodeString(form.Get("sign"))
	sum := sha256.Sum256([]byte(strings.Join(parts, "&")))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sign) == nil
}

func (s *Server) recent(timestamp string) bool {
	at, err := time.ParseInLocation(time.DateTime, timestamp, time.FixedZone("UTC+8", 8*60*60))
	return err == nil && s.Now().Sub(at).Abs() < 15*time.Minute
}
