// Package sms runs the example: Node, wugan serve and a stand-in for the sender of text
// messages.
package sms

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

// sender is a stand-in for the sender of text messages.
type sender struct {
	mu   sync.Mutex
	last map[string]string // the digits, by number
	down bool
}

func (s *sender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct{ Phone, Text string }
	s.mu.Lock()
	defer s.mu.Unlock()
	digits := regexp.MustCompile(`\d{6}`)
	if s.down || json.NewDecoder(r.Body).Decode(&message) != nil || !digits.MatchString(message.Text) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.last[message.Phone] = digits.FindString(message.Text)
}

// code is what the person types in.
func (s *sender) code() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return phone + ":" + s.last[phone]
}

type world struct {
	t      *testing.T
	sms    *sender
	node   string
	wugan  string
	secret string
}

func newWorld(t *testing.T, pause string) *world {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "../../scripts/need", "node=nodejs").CombinedOutput()
	require.NoError(t, err, "%s", output)
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it does not fail
	w := &world{t: t, sms: &sender{last: map[string]string{}}, secret: "whsec_" + base64.StdEncoding.EncodeToString(random)}
	sms := httptest.NewServer(w.sms)
	t.Cleanup(sms.Close)

	address := devserver.FreeAddress(t)
	w.node = "http://" + address
	devserver.Run(t, w.node+"/", []string{
		"ADDR=" + address, "LOGIN_SECRET=" + w.secret, "SUBJECT_KEY=" + rand.Text(), "SMS_URL=" + sms.URL, "PAUSE=" + pause,
	}, "node", "login.mjs")

	folder := t.TempDir()
	apps := filepath.Join(folder, "apps.yaml")
	require.NoError(t, os.WriteFile(apps, []byte(fmt.Sprintf("apps:\n  - {id: h5, provider: custom, url: %q, secret: %q}\n", w.node+"/login", w.secret)), 0o600))
	_, _ = rand.Read(random) // it does not fail
	address = devserver.FreeAddress(t)
	w.wugan = "http://" + address
	devserver.Run(t, w.wugan+"/readyz", []string{
		"WUGAN_ADDR=" + address, "WUGAN_METRICS_ADDR=", "WUGAN_ISSUER=" + w.wugan, "WUGAN_APPS_FILE=" + apps,
		"WUGAN_DATABASE_URL=sqlite:" + filepath.Join(folder, "wugan.db"), "WUGAN_DATA_KEY=" + base64.StdEncoding.EncodeToString(random),
		"WUGAN_ACCESS_KEYS=" + devserver.Keys(t, "ES256"), "WUGAN_REFRESH_KEYS=" + devserver.Keys(t, "HS256"),
	}, devserver.Wugan(t), "serve")
	return w
}

func (w *world) post(address string, header http.Header, body any) (status int, answer map[string]any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	require.NoError(w.t, err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, bytes.NewReader(data))
	require.NoError(w.t, err)
	if header != nil {
		r.Header = header
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer res.Body.Close()
	_ = json.NewDecoder(res.Body).Decode(&answer) // 204 has none
	return res.StatusCode, answer
}

func (w *world) askFor(phone string) int {
	w.t.Helper()
	status, _ := w.post(w.node+"/sms", nil, map[string]string{"phone": phone})
	return status
}

func (w *world) login(code string) (status int, answer map[string]any) {
	w.t.Helper()
	return w.post(w.wugan+"/api/v1/auth/login", nil, map[string]string{"appId": "h5", "code": code})
}

func (w *world) refused(code, want string) {
	w.t.Helper()
	status, answer := w.login(code)
	require.Equal(w.t, 400, status)
	require.Equal(w.t, want, answer["code"])
}

const phone = "13800001111"

func TestAPersonLogsInByATextMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "0")
	require.Equal(t, 204, w.askFor(phone))
	code := w.sms.code()
	w.refused(phone+":", "invalid_code")
	w.refused("13800002222:"+code[len(phone)+1:], "invalid_code")
	status, first := w.login(code)
	require.Equal(t, 200, status, "%v", first)
	require.Equal(t, "138****1111", first["user"].(map[string]any)["phone"])
	w.refused(code, "code_used")

	require.Equal(t, 204, w.askFor(phone))
	status, second := w.login(w.sms.code())
	require.Equal(t, 200, status)
	require.Equal(t, first["user"].(map[string]any)["id"], second["user"].(map[string]any)["id"])
	require.Equal(t, false, second["newUser"])

	require.Equal(t, 204, w.askFor(phone))
	for range 5 {
		w.refused(phone+":nothex", "invalid_code")
	}
	w.refused(w.sms.code(), "invalid_code")
}

func TestOnlyWuganIsToldWhoseCodeItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "0")
	require.Equal(t, 204, w.askFor(phone))
	body := map[string]string{"appId": "h5", "code": w.sms.code()}
	data, err := json.Marshal(body)
	require.NoError(t, err)
	shared, err := standardwebhooks.ParseSecret(w.secret)
	require.NoError(t, err)
	signed := func(at time.Time) http.Header {
		h := http.Header{}
		shared.SetHeaders(h, "msg_1", at, data)
		return h
	}
	late := signed(time.Now())
	late.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix()+1, 10))
	for name, header := range map[string]http.Header{
		"without a signature": nil, "an old one": signed(time.Now().Add(-6 * time.Minute)), "another time": late,
	} {
		status, _ := w.post(w.node+"/login", header, body)
		require.Equal(t, 401, status, name)
	}
	status, answer := w.post(w.node+"/login", signed(time.Now()), body)
	require.Equal(t, 200, status)
	require.Equal(t, "+86"+phone, answer["phone"])
}

func TestMessagesAreLimitedAndAnOutageOfTheSenderIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "60")
	require.Equal(t, 400, w.askFor("12345"))
	w.sms.mu.Lock()
	w.sms.down = true
	w.sms.mu.Unlock()
	require.Equal(t, 503, w.askFor(phone))
	w.sms.mu.Lock()
	w.sms.down = false
	w.sms.mu.Unlock()
	require.Equal(t, 204, w.askFor(phone), "what was not sent does not count")
	require.Equal(t, 429, w.askFor(phone))
	require.Equal(t, 204, w.askFor("13900002222"))
}
