package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// sessionKey is a session id in 16 bytes: a UUID as it is, another by its hash.
type sessionKey [16]byte

func keyOf(id string) (key sessionKey) {
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' {
		digits := []byte(id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:])
		if _, err := hex.Decode(key[:], digits); err == nil {
			return key
		}
	}
	sum := sha256.Sum256([]byte(id))
	return sessionKey(sum[:16])
}

// moment is a time of the monotonic clock, in seconds since the feed began.
type moment int32

// moment is so long from now, rounded up.
func (f *RevocationFeed) moment(in time.Duration) moment {
	const longest = 1 << 30                                             // 34 years
	return moment(min((time.Since(f.began)+in)/time.Second+1, longest)) //nolint:gosec // bounded just before
}

// ended is a session that was ended.
type ended struct {
	until  moment
	reason uint8 // its place among the reasons
}

// reasons lists the reasons for which the service ends sessions.
var reasons = []string{"", "logged_out", "signed_out", "operator", "evicted", "replaced", "account_closed", "merged"}

func reasonPlace(reason string) uint8 {
	return uint8(max(slices.Index(reasons, reason), 0)) //nolint:gosec // there are eight
}

// feedSession is an entry of the feed.
type feedSession struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expiresAt"`
	Reason    string    `json:"reason"`
}

var errNoFeed = errors.New("the answer is not a revocation feed")

// learn reads a response of GET /api/v1/revocations entry by entry, since it may
// have many megabytes. The entries of a truncated response are kept.
func (f *RevocationFeed) learn(response *http.Response) (learner, error) {
	if err := checkType(response, "application/json"); err != nil {
		return learner{}, err
	}
	l := learner{feed: f, now: serviceTime(response.Header)}
	if err := l.read(json.NewDecoder(io.LimitReader(response.Body, maxFeed))); err != nil {
		return learner{}, err
	}
	if l.cursor == "" {
		return learner{}, errors.New("the answer has no cursor")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastGood, f.lastErr = time.Now(), nil
	return l, nil
}

// serviceTime returns the time in the Date header, for a service whose responses
// have no member now.
func serviceTime(h http.Header) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}

// learner is a response that is being read.
type learner struct {
	feed    *RevocationFeed
	now     time.Time // the service's
	cursor  string
	entries int
	news    bool // whether there was a session that was not known
	waiting []feedSession
}

func (l *learner) read(d *json.Decoder) error {
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return broken(err)
		}
		switch name {
		case "cursor":
			err = d.Decode(&l.cursor)
		case "now":
			err = d.Decode(&l.now)
		case "sessions":
			err = l.sessions(d)
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return broken(err)
		}
	}
	return expect(d, json.Delim('}'))
}

func (l *learner) sessions(d *json.Decoder) error {
	switch first, err := d.Token(); {
	case err != nil:
		return broken(err)
	case first == nil: // null
		return nil
	case first != json.Delim('['):
		return errNoFeed
	}
	for d.More() {
		var s feedSession
		if err := d.Decode(&s); err != nil {
			return err
		}
		l.entries++
		if l.waiting = append(l.waiting, s); len(l.waiting) == feedSweepBatch {
			l.take()
		}
	}
	l.take()
	return expect(d, json.Delim(']'))
}

// take stores the entries that were read, in batches, so that no check waits long.
func (l *learner) take() {
	f := l.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range l.waiting {
		left := s.ExpiresAt.Sub(l.now) + MaxLeeway
		if s.ID == "" || left <= 0 {
			continue
		}
		key, until := keyOf(s.ID), f.moment(left)
		known, ok := f.until[key]
		if !ok || until > known.until {
			f.until[key] = ended{until, reasonPlace(s.Reason)}
		}
		l.news = l.news || !ok
	}
	l.waiting = l.waiting[:0]
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return broken(err)
	}
	if got != want {
		return errNoFeed
	}
	return nil
}

// broken removes the position and the quoted input from an error of encoding/json.
// It keeps an error of the connection.
func broken(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.Is(err, errNoFeed) || errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNoFeed
	}
	return fmt.Errorf("read the answer: %w", withoutAddress(err))
}
