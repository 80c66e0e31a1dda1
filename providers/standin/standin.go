// Package standin is what the stand-ins of platforms share: codes that work once
// and for their time, people who are told by their names, and faults. It owns no
// platform's wire format. Stand-ins are for tests and for trying out, never for
// production: a dev: code logs anyone in.
package standin

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say how a stand-in behaves.
type Options struct {
	// Now is the clock; nil for time.Now.
	Now func() time.Time
	// DevCodes lets a code of the form "dev:NAME" log NAME in, as often as it is
	// used.
	DevCodes bool
	// PlatformKey is the platform's own key, asked for where it signs its
	// responses; nil for a new one.
	PlatformKey func() (*rsa.PrivateKey, error)
	// NewKey makes the keys of new apps; nil for a new key of 2048 bits each time.
	NewKey func() (*rsa.PrivateKey, error)
}

// State is what a stand-in knows of a code.
type State int

// The states of a code.
const (
	Unknown State = iota // never issued, or expired, or of another app or kind
	Good
	Used
)

// Desk issues codes and takes them back. It may be used by many goroutines at
// once.
type Desk struct {
	opts Options

	mu     sync.Mutex
	offset time.Duration
	codes  map[string]*code
	faults []Fault
	calls  []string
}

type code struct {
	app, kind, user string
	expires         time.Time
	used            bool
}

// Fault is an answer in the place of the stand-in's own.
type Fault struct {
	// Path is the path that it meets; "" for all.
	Path string
	// Status and Body are the answer; Status 0 breaks the connection off.
	Status int
	Body   string
	// Count is how often; 0: always.
	Count int
}

// NewDesk makes a Desk.
func NewDesk(opts Options) *Desk {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewKey == nil {
		opts.NewKey = NewKey
	}
	return &Desk{opts: opts, codes: map[string]*code{}}
}

// Now is the time at the stand-in: that of the Options, moved.
func (d *Desk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now()
}

func (d *Desk) now() time.Time { return d.opts.Now().Add(d.offset) }

// MoveClock moves the stand-in's time, back as well as forth.
func (d *Desk) MoveClock(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offset += by
}

// NewKey makes a key for a new app.
func (d *Desk) NewKey() (*rsa.PrivateKey, error) { return d.opts.NewKey() }

// Issue makes a code of a user in an app. The kind keeps codes of different
// calls apart.
func (d *Desk) Issue(appID, kind, user string, life time.Duration) string {
	text := rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.codes[text] = &code{app: appID, kind: kind, user: user, expires: d.now().Add(life)}
	return text
}

// Take uses a code up and returns whose it is.
func (d *Desk) Take(appID, kind, text string) (user string, state State) {
	if name, is := strings.CutPrefix(text, "dev:"); is && d.opts.DevCodes && name != "" {
		return name, Good
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.codes[text]
	switch {
	case c == nil || c.app != appID || c.kind != kind:
		return "", Unknown
	case c.used:
		return "", Used
	case !d.now().Before(c.expires):
		return "", Unknown
	}
	c.used = true
	return c.user, Good
}

// SetFault puts an answer in the place of the next ones.
func (d *Desk) SetFault(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// ClearFaults takes all faults away.
func (d *Desk) ClearFaults() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// Calls are the paths of the requests so far.
func (d *Desk) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.calls...)
}

// Around counts calls and applies faults in front of a stand-in's own handler.
func (d *Desk) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := d.arrived(r.URL.Path)
		switch {
		case f == nil:
			next.ServeHTTP(w, r)
		case f.Status == 0:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(f.Status)
			_, _ = w.Write([]byte(f.Body))
		}
	})
}

func (d *Desk) arrived(path string) *Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, path)
	for i := range d.faults {
		f := d.faults[i]
		if f.Path != "" && f.Path != path {
			continue
		}
		if d.faults[i].Count == 1 {
			d.faults = append(d.faults[:i:i], d.faults[i+1:]...)
		} else if d.faults[i].Count > 1 {
			d.faults[i].Count--
		}
		return &f
	}
	return nil
}

// ID is an identifier of a user within a scope: the same every time.
func ID(kind, scope, user string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + scope + "\x00" + user))
	return hex.EncodeToString(sum[:16])
}

// Phone is a user's phone number: the same every time, and the same on every
// platform, for a person has one.
func Phone(user string) string {
	sum := sha256.Sum256([]byte("phone\x00" + user))
	return fmt.Sprintf("138%08d", binary.BigEndian.Uint32(sum[:])%100_000_000)
}

// Serve serves a stand-in on an address until stop is called.
func Serve(ctx context.Context, address string, h http.Handler) (url string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends when stop closes it
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}
