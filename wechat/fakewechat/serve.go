package fakewechat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Command is what `wugan fakewechat` takes.
type Command struct {
	// Listen is the data side's address, Control the control side's. The
	// control side can send requests and change everything: keep it on a
	// loopback address or a network of its own.
	Listen, Control string
	// Apps are the mini programs that exist from the start.
	Apps []App
	// NoDevCodes switches off codes of the form dev:NAME.
	NoDevCodes bool
	// Seed: see [Options].
	Seed uint64
	// Out is told the two addresses and, later, of misuse; nil discards them.
	Out io.Writer
}

// ParseApp reads "appid:secret" or "appid:secret:platform".
func ParseApp(text string) (App, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return App{}, errors.New("an app is appid:secret or appid:secret:platform")
	}
	a := App{ID: parts[0], Secret: parts[1]}
	if len(parts) == 3 {
		a.Platform = parts[2]
	}
	return a, nil
}

// Run serves both sides until the context ends, and returns nil then.
func (c Command) Run(ctx context.Context) error {
	out := c.Out
	if out == nil {
		out = io.Discard
	}
	var mu sync.Mutex
	s := New(Options{
		DevCodes: !c.NoDevCodes, Seed: c.Seed,
		OnMisuse: func(what string) {
			mu.Lock()
			defer mu.Unlock()
			_, _ = fmt.Fprintln(out, "fakewechat: misuse:", what)
		},
	})
	for _, a := range c.Apps {
		s.SetApp(a)
	}
	data, err := s.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	control, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Control)
	if err != nil {
		return err
	}
	defer func() { _ = control.Close() }()
	mu.Lock()
	_, _ = fmt.Fprintf(out, "fakewechat: a stand-in for WeChat at http://%s, its control side at http://%s\n", data.Addr(), control.Addr())
	mu.Unlock()

	servers := []*http.Server{
		{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second},
		{Handler: s.ControlHandler(), ReadHeaderTimeout: 10 * time.Second},
	}
	failed := make(chan error, len(servers))
	for i, ln := range []net.Listener{data, control} {
		go func() { failed <- servers[i].Serve(ln) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	for _, srv := range servers {
		_ = srv.Close() // a mock needs no graceful end
	}
	return err
}
