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

// Feed is a part of the revocations, for a reader that keeps a copy.
type Feed struct {
	// Cursor identifies the state of the whole set. All pods with the same
	// revocations return the same cursor.
	Cursor string
	// Entries yields the revocations that the reader may lack. It may already have
	// some of them. The sequence can be read more than once, and slowly: it holds
	// no lock.
	Entries iter.Seq[Revocation]
	// Now is the database's time, by which revocations are dated.
	Now time.Time
	// Changed is closed when there is more.
	Changed <-chan struct{}
}

// ErrCursor is returned for a cursor that this service did not issue.
var ErrCursor = errors.New("the cursor is not one that this service gave out")

// Since returns the revocations that a reader lacks after cursor. "" returns all.
// If there are none, it returns the same cursor and empty Entries.
//
// If this set has been in the state that cursor identifies, the result holds what
// was added since, in any order of revocation and commit. For any other cursor (of
// a pod that knew more, or of another database) it holds all revocations.
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

// entries omits revocations that no valid token can name.
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

// news records the order in which revocations became known here and the states of
// the set.
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

// settle computes the cursor of the state after a change. The digest omits
// revocations that are about to be removed: pods remove them at different times,
// but agree for a sixteenth of a revocation's lifetime on which ones to omit.
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

// since returns the revocations that arrived after a state. known is false if the
// state is not recorded.
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
