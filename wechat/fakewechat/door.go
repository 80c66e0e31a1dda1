package fakewechat

import (
	"context"
	"net"
	"sync"
	"time"
)

// Listen opens an address that [Server.Refuse] can close and open again, so
// that clients meet a refused connection and not only a broken one.
func (s *Server) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d := &door{network: network, addr: ln.Addr(), ln: ln}
	d.changed = sync.NewCond(&d.mu)
	s.mu.Lock()
	s.doors = append(s.doors, d)
	s.mu.Unlock()
	return d, nil
}

// Refuse closes (true) or opens (false) every address that Listen opened.
// While it is true, requests on connections that were open before are broken
// off without a response. An address that another process has taken meanwhile is
// the error.
func (s *Server) Refuse(ctx context.Context, refuse bool) error {
	s.mu.Lock()
	s.refusing = refuse
	doors := append([]*door(nil), s.doors...)
	s.mu.Unlock()
	for _, d := range doors {
		if err := d.set(ctx, refuse); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) isRefusing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusing
}

// door is a listener that can be shut without ending the server that accepts
// from it.
type door struct {
	network string
	addr    net.Addr

	mu      sync.Mutex
	changed *sync.Cond
	ln      net.Listener // nil while shut
	closed  bool
}

func (d *door) set(ctx context.Context, shut bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.changed.Broadcast()
	switch {
	case d.closed || shut == (d.ln == nil):
		return nil
	case shut:
		err := d.ln.Close()
		d.ln = nil
		return err
	}
	ln, err := d.reopen(ctx)
	if err != nil {
		return err
	}
	d.ln = ln
	return nil
}

// reopen listens again. While the door was shut its port was free; a
// connection that borrowed it gives it back soon.
func (d *door) reopen(ctx context.Context) (ln net.Listener, err error) {
	for range 50 {
		if ln, err = new(net.ListenConfig).Listen(ctx, d.network, d.addr.String()); err == nil {
			return ln, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
	return nil, err
}

// Accept implements net.Listener; it waits while the door is shut.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		for d.ln == nil && !d.closed {
			d.changed.Wait()
		}
		ln, closed := d.ln, d.closed
		d.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		conn, err := ln.Accept()
		if err == nil {
			return conn, nil
		}
		d.mu.Lock()
		same := d.ln == ln
		d.mu.Unlock()
		if same {
			return nil, err
		}
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.changed.Broadcast()
	if d.ln == nil {
		return nil
	}
	err := d.ln.Close()
	d.ln = nil
	return err
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.addr }
