package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/keyfile"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
)

// Dev runs everything on this machine for a first try: a database and keys in the
// folder data, and a mock server of each platform. It prints instructions to out.
func Dev(ctx context.Context, c config.Config, version, data string, out io.Writer) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := useDevFolder(&c, data); err != nil {
		return err
	}
	useDevIssuer(&c)
	if !config.Given("JOIN_BY_PHONE") {
		c.JoinByPhone = true
	}
	ignored := ignoredInDev()
	fakes, err := startDevFakes(ctx, &c, data)
	if err != nil {
		return err
	}
	defer fakes.stop()
	return Run(ctx, c, Options{
		Version: version, DevCodes: true, DefaultApp: devAppID,
		Around: withPlayground(c.Lifetimes(), fakes.wechat, fakes.beside),
		Listening: func(addr net.Addr) {
			for _, fake := range fakes.others {
				go keepPushing(ctx, fake, "http://"+localAddress(addr))
			}
			_, _ = io.WriteString(out, ignored+welcome(os.Args[0], addr, data))
		},
	})
}

// useDevIssuer names the issuer after the port, so that discovery leads back here.
func useDevIssuer(c *config.Config) {
	if c.Issuer != "" {
		return
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "0" {
		port = "8080"
	}
	c.Issuer = "http://localhost:" + port
	if c.Audience == "" {
		c.Audience = c.Issuer
	}
}

// ignoredInDev says which settings wugan dev does not take, where they are set: it
// brings platforms of its own.
func ignoredInDev() string {
	var text strings.Builder
	for _, name := range []string{"WECHAT_APPS", "APPS_FILE", "WECHAT_API_URL"} {
		if config.Given(name) {
			_, _ = fmt.Fprintf(&text, "WUGAN_%s is ignored: wugan dev has apps and mock servers of its own. wugan serve takes it.\n", name)
		}
	}
	return text.String()
}

// useDevFolder points the settings that are not set at the data folder, where
// keys are made once and kept.
func useDevFolder(c *config.Config, data string) error {
	if !config.Given("DATABASE_URL") {
		c.DatabaseURL = secret.New("sqlite:" + filepath.Join(data, "wugan.db"))
	}
	if !config.Given("METRICS_ADDR") {
		c.MetricsAddr = ""
	}
	if !config.Given("LOG_FORMAT") {
		c.LogFormat = "text"
	}
	for _, k := range []struct {
		path   *string
		shared secret.String
		file   string
		alg    string
	}{
		{&c.AccessKeys, c.AccessSecret, "access.jwks", verify.ES256},
		{&c.RefreshKeys, c.RefreshSecret, "refresh.jwks", verify.HS256},
	} {
		if *k.path != "" || !k.shared.Empty() {
			continue
		}
		*k.path = filepath.Join(data, k.file)
		if err := keepKeys(*k.path, k.alg); err != nil {
			return err
		}
	}
	if c.DataKey.Empty() {
		return keepDataKey(c, filepath.Join(data, "data.key"))
	}
	return nil
}

// keepKeys creates a key file unless it exists.
func keepKeys(path, algorithm string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	key, err := auth.GenerateKey(algorithm, time.Time{})
	if err != nil {
		return err
	}
	set, err := auth.NewKeySet(key)
	if err != nil {
		return err
	}
	return keyfile.Create(path, set)
}

func keepDataKey(c *config.Config, path string) error {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		c.DataKey = secret.New(strings.TrimSpace(string(data)))
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the data key: %w", err)
	}
	text, err := newDataKey(rand.Read)
	if err != nil {
		return err
	}
	c.DataKey = secret.New(text)
	if err := os.WriteFile(path, []byte(text+"\n"), keyfile.Mode); err != nil {
		return fmt.Errorf("keep the data key: %w", err)
	}
	return nil
}

// welcome returns the instructions for a new user, with lines to paste. Program is the
// name by which this program was started: it need not be on the PATH.
func welcome(program string, addr net.Addr, data string) string {
	kept := filepath.Join(data, "alice.json")
	field := func(name string) string {
		return fmt.Sprintf(`$(sed 's/.*"%s":"\([^"]*\)".*/\1/' %s)`, name, kept)
	}
	database := ""
	if !config.Given("DATABASE_URL") {
		database = "WUGAN_DATABASE_URL=sqlite:" + filepath.Join(data, "wugan.db") + " "
	}
	if !config.Given("DATA_KEY") {
		database += "WUGAN_DATA_KEY_FILE=" + filepath.Join(data, "data.key") + " "
	}
	return strings.NewReplacer(
		"{DATA}", data, "{BASE}", "http://"+localAddress(addr), "{KEPT}", kept,
		"{ACCESS}", field("accessToken"), "{REFRESH}", field("refreshToken"), "{USER}", field("id"),
		"{POST}", "-H 'Content-Type: application/json' -d", "{OTHERS}", strings.Join(FakeNames(), ", "), "{DATABASE}", database, "{WUGAN}", program,
	).Replace(welcomeText)
}

// localAddress is an address that is listened on, as this machine reaches it.
func localAddress(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return "localhost:" + strconv.Itoa(tcp.Port)
	}
	return addr.String()
}

const welcomeText = `
wugan dev: everything on this machine, data in {DATA}. NOT FOR PRODUCTION:
anyone who reaches this address can log in as any user.

Open {BASE}/ in a browser to see what the client does when things break. Or
paste these in another terminal, in this folder. Log in, ask who you are, refresh:

curl -s {BASE}/api/v1/auth/login {POST} '{"code":"dev:alice"}' | tee {KEPT}
curl -s {BASE}/api/v1/users/me -H "Authorization: Bearer {ACCESS}"
curl -s {BASE}/api/v1/auth/refresh {POST} "{\"refreshToken\":\"{REFRESH}\"}"

That was WeChat. The other platforms have an app each, of the name
{OTHERS}.
The same person from Alipay, from Douyin and from a page in WeChat's browser: the
phone number joins them (WUGAN_JOIN_BY_PHONE is on here), and the page has WeChat's
unionid. What a phone button hands to the client comes from /dev/phone-code:

curl -s {BASE}/api/v1/auth/login {POST} '{"code":"dev:alice","phoneCode":"dev:alice"}' | tee {KEPT}
curl -s {BASE}/api/v1/auth/login {POST} "{\"code\":\"dev:alice\",\"appId\":\"alipay\",\"phoneCode\":$(curl -s {BASE}/dev/phone-code {POST} '{"appId":"alipay","user":"alice"}' | sed 's/^{"code":\(.*\)}$/\1/')}"
curl -s {BASE}/api/v1/auth/login {POST} '{"code":"dev:alice","appId":"douyin","phoneCode":"dev:alice"}'
curl -s {BASE}/api/v1/auth/login {POST} '{"code":"dev:alice","appId":"wechat-oauth"}'
{DATABASE}{WUGAN} users show {USER}

`

// newDataKey returns a new data key in base64.
func newDataKey(random func([]byte) (int, error)) (string, error) {
	raw := make([]byte, seal.KeySize)
	if _, err := random(raw); err != nil {
		return "", fmt.Errorf("make a data key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}
