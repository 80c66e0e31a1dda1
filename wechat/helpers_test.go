package wechat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/wechat"
	"github.com/wugan/wugan/wechat/fakewechat"
)

const (
	appID     = "wx0123456789abcdef"
	appSecret = "5ec2e700000000000000000000005ec2"
	platform  = "platform-1"
	soloID    = "wxfedcba9876543210" // bound to no Open Platform account
	baseURL   = "http://wechat.test"
)

// pair is a client and the stand-in that it talks to over real connections.
type pair struct {
	fake   *fakewechat.Server
	client *wechat.Client
	url    string
	seen   *observed
}

// observed keeps what Observe was told.
type observed struct {
	mu  sync.Mutex
	all []observation
}

type observation struct {
	api     string
	errcode int
	outcome string
}

func (o *observed) observe(seen providers.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	errcode, err := strconv.Atoi(seen.Code)
	if err != nil || seen.Provider != wechat.Name {
		panic(err)
	}
	o.all = append(o.all, observation{seen.API, errcode, seen.Outcome})
}

func (o *observed) list() []observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]observation(nil), o.all...)
}

func newPair(t *testing.T) pair {
	t.Helper()
	fake := newFake(t)
	srv := httptest.NewServer(fake.Handler())
	t.Cleanup(srv.Close)
	seen := &observed{}
	cfg := config(srv.URL, nil)
	cfg.Observe = seen.observe
	return pair{fake: fake, client: newClient(t, cfg), url: srv.URL, seen: seen}
}

func newFake(t *testing.T) *fakewechat.Server {
	t.Helper()
	fake := fakewechat.New(fakewechat.Options{Seed: 1, DevCodes: true, OnMisuse: func(what string) { t.Error(what) }})
	fake.AddApp(appID, appSecret, platform)
	fake.AddApp(soloID, appSecret, "")
	return fake
}

func config(url string, transport http.RoundTripper) wechat.Config {
	return wechat.Config{
		BaseURL: url,
		Apps:    []wechat.App{{ID: appID, Secret: wechat.NewSecret(appSecret)}, {ID: soloID, Secret: wechat.NewSecret(appSecret)}},
		Config: providers.Config{
			Transport: transport,
			Rand:      func() float64 { return 0.5 },
			BusyPause: time.Millisecond,
			// Tests of single errors must not open the circuit by their number.
			BreakerFailures: 1000,
		},
	}
}

func newClient(t *testing.T, cfg wechat.Config) *wechat.Client {
	t.Helper()
	c, err := wechat.New(cfg)
	require.NoError(t, err)
	return c
}

func (p pair) login(t *testing.T, user string) string {
	t.Helper()
	code, err := p.fake.Login(appID, user)
	require.NoError(t, err)
	return code
}

func (p pair) phoneCode(t *testing.T, user string) string {
	t.Helper()
	code, err := p.fake.PhoneCode(appID, user)
	require.NoError(t, err)
	return code
}

// count is how many calls of a path the stand-in saw.
func count(fake *fakewechat.Server, path string) int {
	n := 0
	for _, c := range fake.Calls() {
		if c.Path == path {
			n++
		}
	}
	return n
}

// direct carries requests to a handler without a network, so that a test can
// run in a synctest bubble, where time passes only when everyone waits.
type direct struct {
	serve func(w http.ResponseWriter, r *http.Request)
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.serve(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func background() context.Context { return context.Background() }

const (
	pathLogin = "/sns/jscode2session"
	pathToken = "/cgi-bin/stable_token"
	pathPhone = "/wxa/business/getuserphonenumber"
	pathCheck = "/wxa/checksession"
	pathReset = "/wxa/resetusersessionkey"
)
