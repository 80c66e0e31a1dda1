package fakewechat

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/wugan/wugan/providers/standin"
)

// Options say how a [Server] behaves. The zero value is a faithful stand-in.
type Options struct {
	// Now is the clock that MoveClock and SetClock shift; nil for time.Now.
	Now func() time.Time
	// Seed makes codes, tokens, keys and the faults' probabilities the same
	// in every run; 0 for a random one. openid and unionid never depend on it.
	Seed uint64
	// DevCodes lets a code of the form "dev:NAME" log NAME in, as often as it
	// is used, and hand over NAME's phone number.
	DevCodes bool
	// UserRate is how many calls of jscode2session a minute one user may
	// cause in one app; 0 for WeChat's 100, negative for no limit.
	UserRate int
	// OnMisuse is told of requests that no correct client sends, such as a
	// duplicate query parameter; a test passes t.Error. They are answered with
	// 500 and kept in Misuses in any case.
	OnMisuse func(string)
}

// App is a mini program as WeChat knows it.
type App struct {
	// ID is the appid, Secret its AppSecret.
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// Platform is the Open Platform account that the app is bound to; ""
	// for none, and then there is no unionid.
	Platform string `json:"platform,omitempty"`
	// Frozen makes every use of the secret fail with 40243.
	Frozen bool `json:"frozen,omitempty"`
}

// User is a person with WeChat on the phone.
type User struct {
	// Name is how the control side calls the person.
	Name string `json:"name"`
	// Blocked makes logins fail with 40226.
	Blocked bool `json:"blocked,omitempty"`
	// Phone is the number without country code; by default one that follows
	// from the name.
	Phone string `json:"phone,omitempty"`
	// CountryCode is "86" by default.
	CountryCode string `json:"countryCode,omitempty"`
}

// Server is the stand-in. Everything on it may be used by many goroutines at
// once. Make one with [New].
type Server struct {
	opts Options

	mu       sync.Mutex
	offset   time.Duration
	seed     [32]byte
	rng      *rand.Rand
	apps     map[string]*app
	users    map[string]*User
	accounts map[account]*accountState
	openIDs  map[string]account // of all accounts
	codes    map[string]*code
	sweepAt  int // how many codes there are when expired ones are removed next
	tokens   map[string]*token
	faults   []*Fault
	faultID  int
	calls    []Call
	misuses  []string
	served   uint64
	doors    []*door
	refusing bool
}

type app struct {
	App
	current *token

	// What stable_token counts.
	day, minute    int64
	today, thisMin int
	forcedDay      int64
	forced         int
	forcedAt       time.Time
}

type account struct{ app, user string }

type accountState struct {
	logins int
	keys   int // how many session keys there were; the newest is the valid one
	key    string
	keyOf  int // which of them key is
	minute int64
	calls  int
}

type code struct {
	account
	phone   bool
	key     string
	expires time.Time
	used    bool
}

type token struct {
	app        string
	value      string
	expires    time.Time
	superseded bool
}

const (
	codeLife  = 5 * time.Minute
	tokenLife = 7200 * time.Second
	sweepFrom = 1000
	// tokenOverlap: a token's last minutes, in which a new one is issued while
	// the old still works.
	tokenOverlap = 5 * time.Minute
)

// New returns a stand-in without apps.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.UserRate == 0 {
		opts.UserRate = 100
	}
	var seed [32]byte
	if opts.Seed == 0 {
		_, _ = crand.Read(seed[:]) // it does not fail
	} else {
		binary.LittleEndian.PutUint64(seed[:], opts.Seed)
	}
	return &Server{
		opts:     opts,
		seed:     seed,
		rng:      rand.New(rand.NewChaCha8(seed)), //nolint:gosec // nothing here is a secret
		apps:     map[string]*app{},
		users:    map[string]*User{},
		accounts: map[account]*accountState{},
		openIDs:  map[string]account{},
		codes:    map[string]*code{},
		sweepAt:  sweepFrom,
		tokens:   map[string]*token{},
	}
}

// OpenID is the openid of a user in an app: 28 characters, always the same.
func OpenID(appID, user string) string { return identifier("openid", appID, user) }

// UnionID is the unionid of a user at an Open Platform account, or "" where
// there is no account.
func UnionID(platform, user string) string {
	if platform == "" {
		return ""
	}
	return identifier("unionid", platform, user)
}

func identifier(kind, scope, user string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + scope + "\x00" + user))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}

// Now is the stand-in's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) now() time.Time { return s.opts.Now().Add(s.offset) }

// MoveClock moves the stand-in's time, back as well as forth.
func (s *Server) MoveClock(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

// SetClock sets the stand-in's time; it goes on from there.
func (s *Server) SetClock(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = t.Sub(s.opts.Now())
}

// AddApp makes an app, or changes one.
func (s *Server) AddApp(id, secret, platform string) {
	s.SetApp(App{ID: id, Secret: secret, Platform: platform})
}

// SetApp makes an app, or changes one; its access tokens stay.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.apps[a.ID]; ok {
		old.App = a
		return
	}
	s.apps[a.ID] = &app{App: a}
}

// SetUser makes a user, or changes one. A user that was never made exists all
// the same, with the defaults.
func (s *Server) SetUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.Name] = &u
}

// Login is wx.login on the user's phone: it returns a code of 32 characters
// that works once, within five minutes, for this app. The first one makes the
// user's session_key; of the later ones every second renews it, as the real
// service renews it with some and not with others.
func (s *Server) Login(appID, user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, user); err != nil {
		return "", err
	}
	return s.issue(&code{account: account{appID, user}, key: s.login(account{appID, user})}), nil
}

// PhoneCode is what the getPhoneNumber button gives when the user agrees: a
// code of 64 hexadecimal digits that works once, within five minutes.
func (s *Server) PhoneCode(appID, user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, user); err != nil {
		return "", err
	}
	return s.issue(&code{account: account{appID, user}, phone: true}), nil
}

// SessionKey is the user's newest session_key.
func (s *Server) SessionKey(appID, user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, user); err != nil {
		return "", err
	}
	return s.sessionKey(account{appID, user}), nil
}

// RenewKey replaces the user's session_key, as the client can bring about at
// any time.
func (s *Server) RenewKey(appID, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, user); err != nil {
		return err
	}
	s.state(account{appID, user}).keys++
	return nil
}

// SupersedeToken makes the app's access token invalid, as a call with
// force_refresh by someone else does: its next use is answered with 40001.
func (s *Server) SupersedeToken(appID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(appID, "x"); err != nil {
		return err
	}
	s.supersede(s.apps[appID])
	return nil
}

// Misuses returns what OnMisuse was told.
func (s *Server) Misuses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.misuses...)
}

// --- with s.mu held ---

func (s *Server) known(appID, user string) error {
	if s.apps[appID] == nil {
		return fmt.Errorf("fakewechat: no app %q", appID)
	}
	if user == "" {
		return errors.New("fakewechat: a user needs a name")
	}
	return nil
}

func (s *Server) user(name string) User {
	u := User{Name: name}
	if known := s.users[name]; known != nil {
		u = *known
	}
	if u.CountryCode == "" {
		u.CountryCode = "86"
	}
	if u.Phone == "" {
		u.Phone = standin.Phone(name)
	}
	return u
}

func (s *Server) state(a account) *accountState {
	st := s.accounts[a]
	if st == nil {
		st = &accountState{keys: 1}
		s.accounts[a] = st
		s.openIDs[OpenID(a.app, a.user)] = a
	}
	return st
}

func (s *Server) login(a account) (key string) {
	st := s.state(a)
	if st.logins > 0 && st.logins%2 == 0 {
		st.keys++
	}
	st.logins++
	return s.sessionKey(a)
}

// sessionKey is 24 characters of base64 that always hold a plus and a slash,
// the two that show whether a client escapes what it puts in a query.
func (s *Server) sessionKey(a account) string {
	st := s.state(a)
	for i := 0; st.keyOf != st.keys; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "key\x00%x\x00%s\x00%s\x00%d\x00%d", s.seed, a.app, a.user, st.keys, i))
		if key := base64.StdEncoding.EncodeToString(sum[:16]); strings.Contains(key, "+") && strings.Contains(key, "/") {
			st.key, st.keyOf = key, st.keys
		}
	}
	return st.key
}

const (
	alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	hexadecimal  = "0123456789abcdef"
)

func (s *Server) text(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.rng.IntN(len(alphabet))]
	}
	return string(b)
}

func (s *Server) issue(c *code) string {
	now := s.now()
	c.expires = now.Add(codeLife)
	if len(s.codes) >= s.sweepAt {
		for k, old := range s.codes {
			if now.After(old.expires) { // answered with 40029 either way
				delete(s.codes, k)
			}
		}
		s.sweepAt = max(sweepFrom, 2*len(s.codes))
	}
	text := s.text(32, alphanumeric)
	if c.phone {
		text = s.text(64, hexadecimal)
	}
	s.codes[text] = c
	return text
}

func (s *Server) supersede(a *app) {
	if a.current != nil {
		a.current.superseded = true
		a.current = nil
	}
}

func (s *Server) misuse(what string) {
	s.mu.Lock()
	s.misuses = append(s.misuses, what)
	s.mu.Unlock()
	if s.opts.OnMisuse != nil {
		s.opts.OnMisuse(what)
	}
}
