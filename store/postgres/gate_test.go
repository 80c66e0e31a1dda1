package postgres_test

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate is a proxy in front of the database whose connections can die without a
// reset: nothing passes any more, and neither end is told.
type gate struct {
	server string
	open   sync.WaitGroup

	mu     sync.Mutex
	frozen chan struct{} // for the connections made since the last freeze; closed by thaw
	now    []*frost      // the connections
}

// frost holds up one connection while until is not nil.
type frost struct{ until chan struct{} }

// newGate makes a gate in front of the database, and its address.
func newGate(t *testing.T, address string) (g *gate, through string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g = &gate{server: u.Host}
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		g.thaw()
		g.open.Wait()
	})
	ctx := context.WithoutCancel(t.Context())
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			g.open.Go(func() { g.carry(ctx, client) })
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return g, u.String()
}

func (g *gate) carry(ctx context.Context, client net.Conn) {
	defer client.Close()
	upstream, err := (&net.Dialer{}).DialContext(ctx, "tcp", g.server)
	if err != nil {
		return
	}
	f := &frost{}
	g.mu.Lock()
	g.now = append(g.now, f)
	g.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		defer upstream.Close()
		pass(upstream, client, func() { g.wait(f) })
	})
	both.Go(func() {
		defer client.Close()
		pass(client, upstream, func() { g.wait(f) })
	})
	both.Wait()
}

func (g *gate) wait(f *frost) {
	g.mu.Lock()
	until := f.until
	g.mu.Unlock()
	if until != nil {
		<-until
	}
}

// freeze lets nothing pass on the connections of now; new ones work.
func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen == nil {
		g.frozen = make(chan struct{})
	}
	for _, f := range g.now {
		f.until = g.frozen
	}
}

// thaw lets everything pass that was held up.
func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.now {
		f.until = nil
	}
	if g.frozen != nil {
		close(g.frozen)
		g.frozen = nil
	}
}
