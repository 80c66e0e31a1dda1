package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// conn is one client's connection. It speaks just enough HTTP/1.1: the machine
// that is measured also runs the clients, and net/http's client would take as
// much of it as the service does.
type conn struct {
	address string
	c       net.Conn
	r       *bufio.Reader
	request []byte
	body    []byte
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{address: address, c: c, r: bufio.NewReaderSize(c, 8<<10)}, nil
}

// ask sends a request and returns status and body; the body is valid until the
// next call.
func (c *conn) ask(method, path, token, body string) (int, []byte, error) {
	out := c.request[:0]
	write := func(texts ...string) {
		for _, text := range texts {
			out = append(out, text...)
		}
	}
	write(method, " ", path, " HTTP/1.1\r\nHost: ", c.address, "\r\nUser-Agent: wugan-bench\r\n")
	if token != "" {
		write("Authorization: Bearer ", token, "\r\n")
	}
	if body != "" {
		write("Content-Type: application/json\r\nContent-Length: ", strconv.Itoa(len(body)), "\r\n")
	}
	write("\r\n", body)
	c.request = out
	if _, err := c.c.Write(out); err != nil {
		return 0, nil, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, errors.New("not an HTTP answer")
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.r, c.body)
	return status, c.body, err
}

// field reads a string member of a JSON answer without decoding the rest.
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
	rate     float64 // answers a second
	p50, p99 time.Duration
}

// drive lets n clients ask as fast as they are answered. The function asks
// once; i counts the requests of one client.
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
	return load{rate: rate, p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
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
		if at.After(until) {
			break
		}
		if err := ask(c, client, i); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
	return took, ctx.Err()
}
