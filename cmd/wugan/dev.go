package main

import (
	"context"
	"crypto/rand"
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

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/wechat/fakewechat"
)

// The one mini program of wugan dev, which only the embedded stand-in knows.
const (
	devAppID     = "wx00000000000000de"
	devAppSecret = "00000000000000000000000000000000"
)

func devCommand() *cobra.Command {
	var (
		data                                string
		addr                                string
		accessTTL, refreshTTL, grace, maxed time.Duration
	)
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine for a first try: no WeChat account, no database",
		Long: `Run everything on this machine for a first try: a SQLite file, generated keys and
a stand-in for WeChat, which takes any code of the form dev:NAME. It is not for
production: whoever reaches it can sign in as anybody.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig()
			if err != nil {
				return err
			}
			flags := cmd.Flags()
			set := func(name string, apply func()) {
				if flags.Changed(name) {
					apply()
				}
			}
			set("addr", func() { c.Addr = addr })
			set("access-ttl", func() { c.AccessTTL = accessTTL })
			set("refresh-ttl", func() { c.RefreshTTL = refreshTTL })
			set("refresh-grace", func() { c.RefreshGrace = grace })
			set("session-max-age", func() { c.SessionMaxAge = maxed })
			if err := c.check(); err != nil {
				return usageError{err}
			}
			return dev(cmd.Context(), c, data, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&data, "data", ".wugan", "folder for the database and the keys")
	c.Flags().StringVar(&addr, "addr", ":8080", "address to listen on")
	c.Flags().DurationVar(&accessTTL, "access-ttl", 4*time.Hour, "life of an access token")
	c.Flags().DurationVar(&refreshTTL, "refresh-ttl", 168*time.Hour, "life of a session that is not refreshed")
	c.Flags().DurationVar(&grace, "refresh-grace", 10*time.Second, "how long the same refresh token gets the same answer")
	c.Flags().DurationVar(&maxed, "session-max-age", 2160*time.Hour, "greatest age of a session; 0: none")
	return c
}

func dev(ctx context.Context, c config, data string, out io.Writer) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := c.useDevFolder(data); err != nil {
		return err
	}
	c.useDevIssuer()
	fake := fakewechat.New(fakewechat.Options{DevCodes: true, UserRate: -1})
	fake.AddApp(devAppID, devAppSecret, "dev")
	stopFake, err := c.useFake(ctx, fake)
	if err != nil {
		return err
	}
	defer stopFake()
	return serve(ctx, c, serveOptions{
		devCodes: true,
		around:   withPlayground(c.lifetimes(), fake),
		listening: func(addr net.Addr) {
			_, _ = io.WriteString(out, welcome(addr, data))
		},
	})
}

// useDevIssuer names the issuer after the port, so that discovery leads back here.
func (c *config) useDevIssuer() {
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "0" || given("ISSUER") {
		return
	}
	sameAudience := c.Audience == c.Issuer
	c.Issuer = "http://localhost:" + port
	if sameAudience {
		c.Audience = c.Issuer
	}
}

// useDevFolder points the settings that are not set at the data folder, where
// keys are made once and kept.
func (c *config) useDevFolder(data string) error {
	if !given("DATABASE_URL") {
		c.DatabaseURL = secret("sqlite:" + filepath.Join(data, "wugan.db"))
	}
	if !given("METRICS_ADDR") {
		c.MetricsAddr = ""
	}
	if !given("LOG_FORMAT") {
		c.LogFormat = "text"
	}
	for _, k := range []struct {
		path   *string
		shared secret
		file   string
		alg    string
	}{
		{&c.AccessKeys, c.AccessSecret, "access.jwks", verify.ES256},
		{&c.RefreshKeys, c.RefreshSecret, "refresh.jwks", verify.HS256},
	} {
		if *k.path != "" || k.shared != "" {
			continue
		}
		*k.path = filepath.Join(data, k.file)
		if err := keepKeys(*k.path, k.alg); err != nil {
			return err
		}
	}
	if c.DataKey == "" {
		return c.keepDataKey(filepath.Join(data, "data.key"))
	}
	return nil
}

// keepKeys makes a key file unless there is one.
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
	return createKeys(path, set)
}

func (c *config) keepDataKey(path string) error {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		c.DataKey = secret(strings.TrimSpace(string(data)))
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the data key: %w", err)
	}
	text, err := newDataKey(rand.Read)
	if err != nil {
		return err
	}
	c.DataKey = secret(text)
	if err := os.WriteFile(path, []byte(text+"\n"), keyFileMode); err != nil {
		return fmt.Errorf("keep the data key: %w", err)
	}
	return nil
}

// useFake serves the stand-in on an address of its own, so that the service
// talks to it over HTTP as it would to WeChat.
func (c *config) useFake(ctx context.Context, fake *fakewechat.Server) (stop func(), err error) {
	listener, err := fake.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the stand-in for WeChat: %w", err)
	}
	server := &http.Server{Handler: fake.Handler(), ReadHeaderTimeout: headersWithin}
	go func() { _ = server.Serve(listener) }() // ends when stop closes it
	c.WechatAPI.URL = "http://" + listener.Addr().String()
	c.WechatApps = devAppID + ":" + devAppSecret
	return func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop)
	}, nil
}

// welcome is what a newcomer reads, with three lines to paste.
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
whoever reaches this address can sign in as anybody.

Open %[2]s/ in a browser to see what the client does when things break. Or
paste these in another terminal, in this folder. Log in, ask who you are, refresh:

curl -s %[2]s/api/v1/auth/login -H 'Content-Type: application/json' -d '{"code":"dev:alice"}' | tee %[3]s
curl -s %[2]s/api/v1/users/me -H "Authorization: Bearer %[4]s"
curl -s %[2]s/api/v1/auth/refresh -H 'Content-Type: application/json' -d "{\"refreshToken\":\"%[5]s\"}"

`, data, base, kept, field("accessToken"), field("refreshToken"))
}
