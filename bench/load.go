package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// conn is one client's connection, kept for all its requests. Requests are
// rendered by hand and the response is cut by searching its bytes: the machine
// that is measured also runs the clients, and net/http's client would take more
// of it than the service does.
type conn struct {
	c       net.Conn
	host    string // what follows the path of each request
	request []byte
	buffer  []byte // what was read; it grows with the largest response
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, host: " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: wugan-bench\r\n", buffer: make([]byte, 8<<10)}, nil
}

// ask sends a request and returns status and body; the body is valid until the
// next call.
func (c *conn) ask(method, path, token, body string) (int, []byte, error) {
	out := c.request[:0]
	out = append(append(append(append(out, method...), ' '), path...), c.host...)
	if token != "" {
		out = append(append(append(out, "Authorization: Bearer "...), token...), "\r\n"...)
	}
	if body != "" {
		out = append(out, "Content-Type: application/json\r\nContent-Length: "...)
		out = append(strconv.AppendInt(out, int64(len(body)), 10), "\r\n"...)
	}
	c.request = append(append(out, "\r\n"...), body...)
	if _, err := c.c.Write(c.request); err != nil {
		return 0, nil, err
	}
	return c.response()
}

// What is searched for in a response, as net/http spells it.
var (
	endOfHeader = []byte("\r\n\r\n")
	lengthField = []byte("\r\nContent-Length: ")
)

// response reads one response, which nothing may follow: a client asks again
// only after it.
func (c *conn) response() (int, []byte, error) {
	n, header, all := 0, 0, 0
	for all == 0 || n < all {
		if n == len(c.buffer) {
			c.buffer = append(c.buffer, make([]byte, n)...)
		}
		read, err := c.c.Read(c.buffer[n:])
		if err != nil {
			return 0, nil, err
		}
		n += read
		if all > 0 {
			continue
		}
		if header = bytes.Index(c.buffer[:n], endOfHeader); header < 0 {
			continue
		}
		all = header + len(endOfHeader)
		if at := bytes.Index(c.buffer[:header+2], lengthField); at >= 0 {
			value, _, _ := bytes.Cut(c.buffer[at+len(lengthField):header+2], []byte("\r"))
			length, err := strconv.Atoi(string(value))
			if err != nil {
				return 0, nil, err
			}
			all += length
		}
	}
	if n > all || header < len("HTTP/1.1 200") {
		return 0, nil, errors.New("not one HTTP response with its length")
	}
	status, err := strconv.Atoi(string(c.buffer[9:12]))
	return status, c.buffer[header+len(endOfHeader) : all], err
}

// field reads a string member of a JSON response without decoding the rest.
func field(body []byte, name string) string {
	_, rest, ok := bytes.Cut(body, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// load is what clients reached together.
type load struct {
	operations float64
	rate       float64 // answers a second
	p50, p99   time.Duration
}

// drive lets n clients ask as fast as they are answered, each of them once at least.
// The function asks once; i counts the requests of one client.
func drive(ctx context.Context, address string, n int, each time.Duration, ask func(c *conn, client, i int) error) (load, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   []time.Duration
		fails []error
	)
	started := time.Now()
	until := started.Add(each)
	for client := range n {
		wg.Go(func() {
			took, err := oneClient(ctx, address, client, until, ask)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				fails = append(fails, err)
			}
		})
	}
	wg.Wait()
	if len(fails) > 0 {
		return load{}, fmt.Errorf("%d of %d clients failed, the first: %w", len(fails), n, fails[0])
	}
	rate := float64(len(all)) / time.Since(started).Seconds()
	slices.Sort(all)
	return load{operations: float64(len(all)), rate: rate, p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

func oneClient(ctx context.Context, address string, client int, until time.Time, ask func(*conn, int, int) error) ([]time.Duration, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.c.Close() }()
	var took []time.Duration
	for i := 0; ctx.Err() == nil; i++ {
		at := time.Now()
		if i > 0 && at.After(until) {
			break
		}
		if err := ask(c, client, i); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
	return took, ctx.Err()
}
