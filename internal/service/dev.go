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
	"net/http"
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
	"github.com/wugan/wugan/wechat/fakewechat"
)

// The one mini program of wugan dev, which only the embedded stand-in knows.
const (
	devAppID     = "wx00000000000000de"
	devAppSecret = "00000000000000000000000000000000"
)

// Dev runs everything on this machine for a first try: a database and keys in the
// folder data, and a mock server of WeChat. It prints instructions to out.
func Dev(ctx context.Context, c config.Config, version, data string, out io.Writer) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := useDevFolder(&c, data); err != nil {
		return err
	}
	useDevIssuer(&c)
	ignored := ignoredInDev()
	fake := fakewechat.New(fakewechat.Options{DevCodes: true, UserRate: -1})
	fake.AddApp(devAppID, devAppSecret, "dev")
	stopFake, err := useFake(ctx, &c, fake)
	if err != nil {
		return err
	}
	defer stopFake()
	return Run(ctx, c, Options{
		Version: version, DevCodes: true,
		Around: withPlayground(c.Lifetimes(), fake),
		Listening: func(addr net.Addr) {
			_, _ = io.WriteString(out, ignored+welcome(addr, data))
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
// brings a WeChat of its own.
func ignoredInDev() string {
	var text strings.Builder
	for _, name := range []string{"WECHAT_APPS", "APPS_FILE", "WECHAT_API_URL"} {
		if config.Given(name) {
			_, _ = fmt.Fprintf(&text, "WUGAN_%s is ignored: wugan dev has an app and a stand-in for WeChat of its own. wugan serve takes it.\n", name)
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

// useFake serves the stand-in on an address of its own, so that the service
// talks to it over HTTP as it would to WeChat.
func useFake(ctx context.Context, c *config.Config, fake *fakewechat.Server) (stop func(), err error) {
	listener, err := fake.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the stand-in for WeChat: %w", err)
	}
	server := &http.Server{Handler: fake.Handler(), ReadHeaderTimeout: headersWithin}
	go func() { _ = server.Serve(listener) }() // ends when stop closes it
	c.WechatAPI.URL = "http://" + listener.Addr().String()
	c.ReplaceApps(secret.New(devAppID + ":" + devAppSecret))
	return func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop)
	}, nil
}

// welcome returns the instructions for a new user, with three lines to paste.
func welcome(addr net.Addr, data string) string {
	port := "8080"
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	base := "http://localhost:" + port
	kept := filepath.Join(data, "alice.json")
	field := func(name string) string {
		return fmt.Sprintf(`$(sed 's/.*"%s":"\([^"]*\)".*/\1/' %s)`, name, kept)
	}
	return fmt.Sprintf(`
wugan dev: everything on this machine, data in %[1]s. NOT FOR PRODUCTION:
anyone who reaches this address can log in as any user.

Open %[2]s/ in a browser to see what the client does when things break. Or
paste these in another terminal, in this folder. Log in, ask who you are, refresh:

curl -s %[2]s/api/v1/auth/login -H 'Content-Type: application/json' -d '{"code":"dev:alice"}' | tee %[3]s
curl -s %[2]s/api/v1/users/me -H "Authorization: Bearer %[4]s"
curl -s %[2]s/api/v1/auth/refresh -H 'Content-Type: application/json' -d "{\"refreshToken\":\"%[5]s\"}"

`, data, base, kept, field("accessToken"), field("refreshToken"))
}

// newDataKey returns a new data key in base64.
func newDataKey(random func([]byte) (int, error)) (string, error) {
	raw := make([]byte, seal.KeySize)
	if _, err := random(raw); err != nil {
		return "", fmt.Errorf("make a data key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}
