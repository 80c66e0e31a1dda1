package auth

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Feed is a part of the revocations, for a reader who keeps a copy.
type Feed struct {
	// Cursor names the state of the whole set; every pod that has the same
	// revocations gives the same cursor.
	Cursor string
	// Entries are those that a reader with the cursor it came with may lack.
	// Some of them may be known to it. They may be read more than once, and
	// slowly: nothing waits for it.
	Entries iter.Seq[Revocation]
	// Now is the database's time, by which revocations are dated.
	Now time.Time
	// Changed is closed when there is more.
	Changed <-chan struct{}
}

// ErrCursor says that a cursor is not one of ours.
var ErrCursor = errors.New("the cursor is not one that this service gave out")

// Since returns what a reader lacks who has read up to cursor; "" asks for
// everything. Where nothing is new, the cursor comes back and Entries is empty.
//
// A reader who comes with a state that this memory was in gets what was learnt
// since, in whatever order that was revoked and committed. A reader who comes with
// another (of a pod that had learnt more, or of another database) gets everything.
func (r *Revocations) Since(cursor string) (Feed, error) {
	if cursor != "" && !wellFormed(cursor) {
		return Feed{}, ErrCursor
	}
	now, oldest := r.clock.Now(), r.oldest().UnixMicro()
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := Feed{Cursor: r.news.cursor, Now: now, Changed: r.changed, Entries: func(func(Revocation) bool) {}}
	if cursor == f.Cursor {
		return f, nil
	}
	if lacking, known := r.news.since(cursor); known {
		f.Entries = entries(slices.Values(lacking), oldest)
	} else {
		f.Entries = entries(r.set.list().from(oldest), oldest)
	}
	return f, nil
}

// entries leaves out what no living token can name.
func entries(list iter.Seq[revoked], oldest int64) iter.Seq[Revocation] {
	return func(yield func(Revocation) bool) {
		for x := range list {
			if x.at >= oldest && !yield(x.revocation()) {
				return
			}
		}
	}
}

// A cursor is the time of the newest revocation and a digest of all of them.
func wellFormed(cursor string) bool {
	at, digest, ok := strings.Cut(cursor, "-")
	micros, err1 := strconv.ParseInt(at, 36, 64)
	_, err2 := strconv.ParseUint(digest, 36, 64)
	return ok && err1 == nil && err2 == nil && micros >= 0
}

const (
	keptNews    = 16 << 10 // entries in order of arrival
	keptCursors = 4 << 10
)

// news is in which order revocations became known here, and the states that the
// set went through.
type news struct {
	arrived []revoked // what was given out is not written again
	dropped int       // how many came before arrived[0]

	cursor  string
	places  map[string]int // cursor to how many had arrived by then
	cursors []string       // keys of places, oldest first

	digest uint64
	from   int64 // what was revoked earlier is not in the digest
}

func newNews() news {
	return news{
		cursor: "0-0", places: map[string]int{"0-0": 0}, cursors: []string{"0-0"},
		from: time.Time{}.UnixMicro(),
	}
}

func (n *news) learn(x revoked) {
	n.arrived = append(n.arrived, x)
	if x.at >= n.from {
		n.digest ^= digestOf(x)
	}
}

// settle names the state after a change. The digest leaves out what is about to
// be forgotten: pods forget at moments that differ, but agree for a sixteenth of
// a revocation's life on what is not worth counting any more.
func (n *news) settle(set *revocationSet, oldest time.Time, life time.Duration) {
	step := max(life/16, time.Second)
	if from := oldest.Truncate(step).Add(step).UnixMicro(); from > n.from {
		for x := range set.list().from(n.from) {
			if x.at >= from {
				break
			}
			n.digest ^= digestOf(x)
		}
		n.from = from
	}
	var newest int64
	if at, ok := set.fromEnd(1); ok {
		newest = max(0, at)
	}
	if n.digest == 0 {
		newest = 0
	}
	n.cursor = strconv.FormatInt(newest, 36) + "-" + strconv.FormatUint(n.digest, 36)
	if _, known := n.places[n.cursor]; !known {
		n.cursors = append(n.cursors, n.cursor)
	}
	n.places[n.cursor] = n.dropped + len(n.arrived)

	if surplus := len(n.arrived) - keptNews; surplus > keptNews {
		n.arrived = slices.Clone(n.arrived[surplus:])
		n.dropped += surplus
	}
	for len(n.cursors) > keptCursors {
		delete(n.places, n.cursors[0])
		n.cursors = n.cursors[1:]
	}
}

// since returns what arrived after a state; known is false where the state is not
// one of those remembered.
func (n *news) since(cursor string) (lacking []revoked, known bool) {
	at, known := n.places[cursor]
	if !known || at < n.dropped {
		return nil, false
	}
	return n.arrived[at-n.dropped:], true
}

func digestOf(x revoked) uint64 {
	h := fnv.New64a()
	h.Write(x.id[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(x.at))) //nolint:gosec // the bits count, not the number
	return h.Sum64()
}
